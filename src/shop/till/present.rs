//! A card is shown at a till: by a tap on a reader or by a scanned code. The token is resolved to a card, the visit is
//! counted once, and what the programme gives for a tap is posted (DESIGN.md section 2).

use super::posting::CardState;
use super::view::{EventFacts, text_of};
use super::{Mode, Till, TillError};
use crate::pure::domain::event::Happening;
use crate::pure::domain::{
    Actor, Claim, EventId, EventKind, Medium, NewEntry, Now, Refusal, RefusalCode, Serial, TapProblem, TillId, Token,
    VisitId,
};
use crate::pure::program::{self, Ask, Command, Verdict};
use crate::pure::resolve::{CredentialFacts, Resolved, Unresolved, judge};
use crate::pure::tap::TokenProblem;
use crate::pure::text;
use crate::pure::wire::lan::{TapView, TimingView};
use crate::pure::wire::text::json;
use crate::shop::ledger::{PastVisit, Reads, Txn};

/// How a card was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// On an NFC reader.
    Tap,
    /// As a code.
    Scan,
}

impl Source {
    fn event_kind(self) -> EventKind {
        match self {
            Source::Tap => EventKind::Tap,
            Source::Scan => EventKind::Scan,
        }
    }
}

/// When the phases of a tap were over, nanoseconds since boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TapPhases {
    /// The first command went to the chip; `None` for a scan.
    pub first_apdu_ns: Option<i64>,
    /// The token was read.
    pub token_ns: i64,
}

/// What came to a till.
#[derive(Clone, Debug)]
pub struct Presentation {
    /// The till.
    pub till: TillId,
    /// The reader by name.
    pub reader: Option<String>,
    /// How.
    pub source: Source,
    /// Who posts: the device for a tap, the token for a scan.
    pub actor: Actor,
    /// The tokens that were read, in the order in which the protocol gave them: the first that resolves counts.
    pub read: Vec<Result<Token, TokenProblem>>,
    /// When the chip was seen or the request received, nanoseconds since boot.
    pub seen_ns: i64,
    /// Phases of a tap.
    pub timing: Option<TapPhases>,
}

/// What a presentation came to.
#[derive(Clone, Debug)]
pub struct Tapped {
    /// As the event stream tells it.
    pub view: TapView,
    /// The card, if one was found.
    pub card: Option<Serial>,
}

/// What the tokens of one presentation stand for.
enum Found {
    Card { token: Token, resolved: Resolved },
    Several { token: Token, cards: Vec<Serial> },
    Nothing(Told),
}

/// Why there is no card, as it is told and kept.
struct Told {
    refusal: Result<Refusal, TapProblem>,
    text: String,
    token: Option<Token>,
    card: Option<Serial>,
    /// For the audit: the credential was bound to another medium.
    bound_medium: Option<Medium>,
    /// For the audit: it was the code of goods.
    goods: bool,
}

impl Till {
    /// A card is shown. Whatever comes of it leaves an event; the answer may leave only after the commit.
    pub fn present_in_txn(&self, txn: &mut Txn<'_>, now: &Now, shown: Presentation) -> Result<Tapped, TillError> {
        self.sales_release_in_txn(txn, now)?;
        if let Some(tapped) = self.bound_in_txn(txn, now, &shown)? {
            return Ok(tapped);
        }
        match self.find(txn, now, &shown)? {
            Found::Nothing(told) => self.nothing_in_txn(txn, now, &shown, told),
            Found::Several { token, cards } => {
                let refusal = Refusal::new(RefusalCode::SeveralCards);
                let text = text::refusal(self.settings().language, &refusal);
                let token = Some(token);
                let told = Told { refusal: Ok(refusal), text, token, card: None, bound_medium: None, goods: false };
                let mut tapped = self.nothing_in_txn(txn, now, &shown, told)?;
                tapped.view.cards = Some(cards.iter().map(Serial::to_string).collect());
                Ok(tapped)
            }
            Found::Card { token, resolved } => {
                let row = self.card_known(&txn.reads(), resolved.card)?;
                let card = self.card_state_of(&txn.reads(), row)?;
                if let Some(tapped) = self.repeated_in_txn(txn, now, &shown, &token, &card)? {
                    return Ok(tapped);
                }
                let card = self.jobs_in_txn(txn, now, card)?;
                self.counted_in_txn(txn, now, &shown, &token, &resolved, card)
            }
        }
    }

    /// A tap that read no card: it is told to the staff and kept.
    pub fn unread_in_txn(
        &self,
        txn: &mut Txn<'_>,
        now: &Now,
        shown: Presentation,
        problem: TapProblem,
    ) -> Result<Tapped, TillError> {
        let text = text::tap_problem(self.settings().language, problem);
        let told = Told { refusal: Err(problem), text, token: None, card: None, bound_medium: None, goods: false };
        self.nothing_in_txn(txn, now, &shown, told)
    }

    /// The first token that resolves to a card; else what the first of them says.
    fn find(&self, txn: &mut Txn<'_>, now: &Now, shown: &Presentation) -> Result<Found, TillError> {
        let mut first_told = None;
        for read in &shown.read {
            match self.find_one(txn, now, read)? {
                Found::Nothing(told) => first_told = first_told.or(Some(told)),
                found => return Ok(found),
            }
        }
        Ok(Found::Nothing(first_told.unwrap_or_else(|| self.told(Ok(RefusalCode::UnknownToken.into()), None, None))))
    }

    fn find_one(&self, txn: &mut Txn<'_>, now: &Now, read: &Result<Token, TokenProblem>) -> Result<Found, TillError> {
        let token = match read {
            Ok(token) => token.clone(),
            Err(problem) => {
                let told = problem.tap_problem().map_or(Ok(RefusalCode::UnknownToken.into()), Err);
                let mut told = self.told(told, None, None);
                if *problem == TokenProblem::Goods {
                    told.text = text::goods(self.settings().language);
                    told.goods = true;
                }
                return Ok(Found::Nothing(told));
            }
        };
        let known = match &token.claim {
            Claim::Phone(phone) => match txn.reads().cards_by_phone(phone)?.as_slice() {
                [] => None,
                [card] => Some(number_facts(*card)),
                several => return Ok(Found::Several { token, cards: several.to_vec() }),
            },
            claim => credential_of(&txn.reads(), claim)?,
        };
        let known = match (known, &token.claim, counter_of(&token)) {
            (Some(facts), Claim::Chip(chip), Some(_)) => {
                Some(CredentialFacts { counter: txn.reads().chip_counter_fetch(chip)?, ..facts })
            }
            (known, _, _) => known,
        };
        // A proof counts as used only where it names a credential of ours: others would fill the memory for nothing.
        let seen_before = match (&token.freshness, &known) {
            (Some(freshness), Some(_)) => txn.proof_use(&freshness.proof, now)?,
            _ => false,
        };
        Ok(match judge(&token, known.as_ref(), seen_before, now, &self.settings().policy) {
            Ok(resolved) => {
                // With the award in one commit: a proof that counted never counts again.
                if let (Claim::Chip(chip), Some(counter)) = (&token.claim, counter_of(&token)) {
                    txn.chip_counter_store(chip, counter)?;
                }
                Found::Card { token: Token { grade: resolved.grade, ..token }, resolved }
            }
            Err(why) => {
                let mut told = self.told(why.told(), Some(token), why.card());
                match why {
                    Unresolved::Stale { ahead_s, .. } => {
                        told.text = text::stale_token(self.settings().language, ahead_s)
                    }
                    Unresolved::CounterBehind(_) => told.text = text::stale_counter(self.settings().language),
                    Unresolved::WrongMedium { bound, .. } => told.bound_medium = Some(bound),
                    _ => {}
                }
                Found::Nothing(told)
            }
        })
    }

    fn told(&self, refusal: Result<Refusal, TapProblem>, token: Option<Token>, card: Option<Serial>) -> Told {
        let language = self.settings().language;
        let text = match &refusal {
            Ok(refusal) => text::refusal(language, refusal),
            Err(problem) => text::tap_problem(language, *problem),
        };
        Told { refusal, text, token, card, bound_medium: None, goods: false }
    }

    /// Keeps and tells a presentation without a card.
    fn nothing_in_txn(
        &self,
        txn: &mut Txn<'_>,
        now: &Now,
        shown: &Presentation,
        told: Told,
    ) -> Result<Tapped, TillError> {
        let visit = VisitId(self.fresh_id(now.wall_ms));
        let mut what = self.happening(shown, told.token.as_ref(), visit);
        what.card = told.card;
        let code = match &told.refusal {
            Ok(refusal) => {
                what.refusal = Some(refusal.code);
                refusal.code.name()
            }
            Err(problem) => {
                what.details.push(("problem".to_owned(), problem.name().to_owned()));
                problem.name()
            }
        };
        if let Some(bound) = told.bound_medium {
            what.details.push(("bound_medium".to_owned(), bound.name().to_owned()));
        }
        if told.goods {
            what.details.push(("code_of".to_owned(), "goods".to_owned()));
        }
        what.details.sort();
        let appended = txn.event_append(now, EventId(self.fresh_id(now.wall_ms)), what)?;
        let mut view = view_begin(shown, told.token.as_ref(), visit, &appended.at(now));
        view.outcome = "refused".to_owned();
        view.code = Some(code.to_owned());
        view.text = told.text;
        self.tell(txn, now, shown, &view)?;
        Ok(Tapped { view, card: told.card })
    }

    /// A visit that counts: awards where the till and the programme say so, else presents the card.
    fn counted_in_txn(
        &self,
        txn: &mut Txn<'_>,
        now: &Now,
        shown: &Presentation,
        token: &Token,
        resolved: &Resolved,
        card: CardState,
    ) -> Result<Tapped, TillError> {
        let serial = card.row.serial;
        let visit = VisitId(self.fresh_id(now.wall_ms));
        let at = txn.rule_time(now);
        let mode = self.settings().tills.get(&shown.till).map_or(Mode::Tap, |till| till.mode);
        // A sale that waits here wants the card of this tap, and awards by itself.
        let sells = mode == Mode::Sale || self.sale_waiting(&txn.reads(), now, &shown.till)?.is_some();
        let verdict = {
            let referrer = self.referrer_state(txn, now, &card)?;
            let ask = Ask {
                book: card.book()?,
                card: &card.facts,
                standing: &card.standing,
                history: &[],
                joined: &[],
                referrer: referrer.as_ref().map(|referrer| (&referrer.facts, &referrer.standing)),
                at: &at,
                trust: now.trust,
                actor: &shown.actor,
                grade: Some(token.grade),
                visit: Some(visit),
                txn_id: None,
            };
            // The sale awards, also where the programme awards by visit.
            match sells {
                true => program::present(&ask).map(|()| Verdict::default()),
                false => program::decide(&ask, &Command::Tap),
            }
        };
        let mut what = self.happening(shown, Some(token), visit);
        what.card = Some(serial);
        if resolved.mark.is_some() {
            what.details = vec![("clock".to_owned(), "suspect".to_owned())];
        }
        match verdict {
            Err(refusal) => {
                what.refusal = Some(refusal.code);
                txn.event_append(now, EventId(self.fresh_id(now.wall_ms)), what)?;
                let mut view = view_begin(shown, Some(token), visit, &at);
                view.outcome = "refused".to_owned();
                view.code = Some(refusal.code.name().to_owned());
                view.text = text::refusal(self.settings().language, &refusal);
                view.retry_after_s = refusal.retry_after_s;
                view.allowed = refusal.allowed;
                view.customer_name = card.customer_name();
                view.card = Some(self.card_view_of(&txn.reads(), &card, now)?);
                self.tell(txn, now, shown, &view)?;
                Ok(Tapped { view, card: Some(serial) })
            }
            Ok(verdict) => {
                let before = card.standing.clone();
                let entries: Vec<NewEntry> = verdict.entries;
                let awarded = !entries.is_empty();
                let mut posted = self.post_in_txn(txn, now, what, entries, [card])?;
                let Some(card) = posted.cards.remove(&serial) else {
                    return Err(TillError::Unknown { code: "unknown_card", detail: "the card vanished".to_owned() });
                };
                let mut view = view_begin(shown, Some(token), visit, &at);
                view.outcome = if awarded { "awarded" } else { "presented" }.to_owned();
                view.clock_suspect = resolved.mark.is_some();
                view.customer_name = card.customer_name();
                view.entries = self.entry_views(&card, &before, &EventFacts::of(&posted.event, None))?;
                view.text = text_of(self.settings().language, &card, &before)?;
                view.card = Some(self.card_view_of(&txn.reads(), &card, now)?);
                let past = PastVisit {
                    visit,
                    till: shown.till.clone(),
                    grade: token.grade,
                    suspect: view.clock_suspect,
                    boot_id: now.boot_id,
                    boot_ns: now.boot_ns,
                    at_ms: at.ms,
                    live: self.tell(txn, now, shown, &view)?,
                };
                if !awarded {
                    self.presented_in_txn(txn, now, &shown.till, past.presented(serial))?;
                }
                txn.visit_store(serial, &past)?;
                Ok(Tapped { view, card: Some(serial) })
            }
        }
    }

    /// The card of who brought the customer, its due jobs posted: it may get a bonus with this posting.
    pub(super) fn referrer_state(
        &self,
        txn: &mut Txn<'_>,
        now: &Now,
        card: &CardState,
    ) -> Result<Option<CardState>, TillError> {
        let Some(serial) = card.facts.referrer.filter(|_| !card.standing.first_earned) else { return Ok(None) };
        let Some(referrer) = self.card_state(&txn.reads(), serial)? else { return Ok(None) };
        self.jobs_in_txn(txn, now, referrer).map(Some)
    }

    pub(super) fn happening(&self, shown: &Presentation, token: Option<&Token>, visit: VisitId) -> Happening {
        let mut what = Happening::new(shown.source.event_kind(), shown.actor.clone());
        what.reader = shown.reader.clone();
        what.medium = token.map(|token| token.medium);
        what.grade = token.map(|token| token.grade);
        what.visit = Some(visit);
        what
    }

    /// Puts the tap on the event stream, with its timing so far; answers its number there.
    pub(super) fn tell(
        &self,
        txn: &mut Txn<'_>,
        now: &Now,
        shown: &Presentation,
        view: &TapView,
    ) -> Result<i64, TillError> {
        let name = if view.outcome == "refused" { "tap.refused" } else { "tap.presented" };
        Ok(txn.live_append(now, name, Some(shown.till.as_str()), &json(view))?)
    }
}

/// The credential that a claim names.
fn credential_of(reads: &Reads<'_>, claim: &Claim) -> Result<Option<CredentialFacts>, TillError> {
    let by_id = |id: &[u8]| -> Result<Option<CredentialFacts>, TillError> {
        let row = reads.credential_fetch(id)?;
        Ok(row.map(|row| CredentialFacts {
            card: row.card,
            medium: row.medium,
            revoked: row.revoked,
            chip: row.chip,
            counter: None,
        }))
    };
    match claim {
        Claim::Credential(id) | Claim::Tag { id, .. } => by_id(&id.0),
        Claim::Chip(hash) => by_id(hash),
        Claim::Serial(serial) => {
            let card = reads.card_fetch(*serial)?;
            Ok(card.map(|card| number_facts(card.serial)))
        }
        Claim::Phone(_) => Ok(None),
    }
}

/// What is known of a card that a number found.
fn number_facts(card: Serial) -> CredentialFacts {
    CredentialFacts { card, medium: Medium::Number, revoked: false, chip: None, counter: None }
}

/// The counter of the chip that made a token, where it has one.
fn counter_of(token: &Token) -> Option<u32> {
    token.freshness.as_ref().and_then(|freshness| freshness.counter)
}

/// A view with what is known of every presentation.
pub(super) fn view_begin(
    shown: &Presentation,
    token: Option<&Token>,
    visit: VisitId,
    at: &crate::pure::domain::Moment,
) -> TapView {
    let since = |ns: i64| (ns - shown.seen_ns).max(0) as f64 / 1e6;
    TapView {
        visit: visit.to_string(),
        till: shown.till.to_string(),
        reader: shown.reader.clone(),
        medium: token.map(|token| token.medium.name().to_owned()),
        grade: token.map(|token| token.grade.name().to_owned()),
        at: at.rfc3339(),
        card: None,
        customer_name: None,
        outcome: String::new(),
        entries: Vec::new(),
        code: None,
        text: String::new(),
        retry_after_s: None,
        allowed: None,
        cards: None,
        clock_suspect: false,
        timing_ms: TimingView {
            first_apdu: shown.timing.and_then(|phases| phases.first_apdu_ns).map(since),
            token: shown.timing.map(|phases| since(phases.token_ns)),
            decided: None,
        },
    }
}
