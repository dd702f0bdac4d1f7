//! Posting by hand: the request's fields become a command, the rules judge it, the event keeps it.

use super::posting::{CardState, Posted};
use super::view::EventFacts;
use super::{Outcome, Till, TillError};
use crate::pure::domain::entry::{Carried, Counters};
use crate::pure::domain::event::Happening;
use crate::pure::domain::reason::{Reason, RemoveReason};
use crate::pure::domain::{
    Actor, EntryId, EventId, EventKind, Grade, Now, Posting, Refusal, RefusalCode, SaleId, Serial, VisitId,
};
use crate::pure::program::decide::Target;
use crate::pure::program::{self, Ask, Command, Rules, Standing, Verdict};
use crate::pure::text;
use crate::pure::wire::lan::{EntryRequest, FieldProblem, OpeningFigures, PostedView, Problem};
use crate::pure::wire::text::{named, salted_hash};
use crate::shop::ledger::{LedgerError, Reads, Txn};

/// Longest comment or note, bytes.
const TEXT_MAX: usize = 2_000;

/// A posting by hand, its fields checked.
#[derive(Clone, Debug)]
pub struct HandPosting {
    command: Command,
    visit: Option<VisitId>,
    txn_id: Option<String>,
    text: Option<String>,
}

/// Which fields a kind takes: first those it needs.
const FIELDS: [(&str, &[&str], &[&str]); 8] = [
    ("purchase", &["amount_minor"], &["purchase_amount_minor", "txn_id"]),
    ("stamps", &["count"], &["visit"]),
    ("subtract_amount", &["amount_minor"], &["purchase_amount_minor", "of"]),
    ("remove_visits", &["count"], &[]),
    ("adjust", &["value"], &["purchase_amount_minor", "reason"]),
    ("reward_add", &["count", "amount_minor"], &[]),
    ("reward_remove", &["count", "amount_minor"], &["why"]),
    ("opening", &["figures"], &[]),
];

impl Till {
    /// Checks a request's fields: which its kind needs and takes, and what they may hold.
    pub fn entry_command(&self, request: &EntryRequest) -> Result<HandPosting, TillError> {
        let mut faults = Vec::new();
        let Some((_, needed, taken)) = FIELDS.iter().find(|(kind, _, _)| *kind == request.kind) else {
            let kinds: Vec<&str> = FIELDS.iter().map(|(kind, _, _)| *kind).collect();
            return Err(TillError::field("/kind", format!("one of {}", kinds.join(", "))));
        };
        for (name, given) in given_fields(request) {
            if given && !needed.contains(&name) && !taken.contains(&name) {
                fault(&mut faults, name, format!("a {} takes no {name}", request.kind));
            } else if !given && needed.contains(&name) {
                fault(&mut faults, name, format!("a {} needs {name}", request.kind));
            }
        }
        let visit = match &request.visit {
            None => None,
            Some(visit) => match visit.parse() {
                Ok(visit) => Some(visit),
                Err(_) => {
                    fault(&mut faults, "visit", "the id of a visit, as the tap's event told it");
                    None
                }
            },
        };
        if request.txn_id.as_ref().is_some_and(|id| !txn_id_ok(id)) {
            fault(&mut faults, "txn_id", "1 to 64 printable ASCII characters");
        }
        let command = command_of(request, &mut faults);
        let text = text_of_request(request, &mut faults);
        match command {
            Some(command) if faults.is_empty() => {
                Ok(HandPosting { command, visit, txn_id: request.txn_id.clone(), text })
            }
            _ => Err(TillError::Invalid(faults)),
        }
    }

    /// Posts by hand on a card.
    pub fn entry_post_in_txn(
        &self,
        txn: &mut Txn<'_>,
        now: &Now,
        actor: Actor,
        serial: Serial,
        posting: &HandPosting,
    ) -> Result<Outcome<PostedView>, TillError> {
        let mut command = posting.command.clone();
        if let Command::SubtractAmount { of: Some(target), .. } = &mut command {
            *target = target_of(&txn.reads(), target)?;
        }
        if let Some(visit) = posting.visit
            && !txn.reads().visit_known(serial, visit)?
        {
            return Err(TillError::field("/visit", "this card has no such visit"));
        }
        let asked = Asked {
            kind: EventKind::Entry,
            visit: posting.visit,
            grade: None,
            txn_id: posting.txn_id.as_deref(),
            sale: None,
            text: posting.text.as_deref(),
        };
        self.command_in_txn(txn, now, actor, serial, &command, asked)
    }

    /// Posts a command without free text, for those who make the command themselves.
    pub fn command_post_in_txn(
        &self,
        txn: &mut Txn<'_>,
        now: &Now,
        actor: Actor,
        serial: Serial,
        command: &Command,
    ) -> Result<Outcome<PostedView>, TillError> {
        self.command_in_txn(txn, now, actor, serial, command, Asked::ENTRY)
    }

    /// Takes the whole posting back to which an entry belongs.
    pub fn entry_void_in_txn(
        &self,
        txn: &mut Txn<'_>,
        now: &Now,
        actor: Actor,
        entry: EntryId,
        comment: Option<&str>,
    ) -> Result<Outcome<PostedView>, TillError> {
        let unknown = || TillError::Unknown { code: "unknown_entry", detail: "no such entry".to_owned() };
        let event = txn.reads().event_of_entry(entry)?.ok_or_else(unknown)?.event;
        let entries = &event.what.entries;
        let serial = entries.iter().find(|other| other.id == entry).ok_or_else(unknown)?.card;
        let mut others: Vec<Serial> = entries.iter().map(|entry| entry.card).filter(|card| *card != serial).collect();
        others.sort();
        others.dedup();
        let mut elsewhere = Vec::new();
        for other in others {
            let Some(state) = self.card_state(&txn.reads(), other)? else { continue };
            let moved = entries.iter().any(|entry| matches!(entry.posting, Posting::Transfer(_) | Posting::Merge(_)));
            if moved && state.facts.deleted {
                // What would come back could never be used; and a deleted card takes no posting.
                let refusal = RefusalCode::CardDeleted.into();
                return Ok(Outcome::Refused(Box::new(self.refused(&state, &refusal)?)));
            }
            let state = self.jobs_in_txn(txn, now, state)?;
            let entries = state.entries(&txn.reads())?;
            elsewhere.push((state.facts, entries));
        }
        if comment.is_some_and(|comment| comment.len() > TEXT_MAX) {
            return Err(TillError::field("/comment", format!("at most {TEXT_MAX} bytes")));
        }
        let text = named(&[("comment", comment)]);
        let asked = Asked {
            kind: EventKind::Void,
            visit: event.what.visit,
            grade: None,
            txn_id: event.what.txn_id.as_deref(),
            sale: event.what.sale,
            text: text.as_deref(),
        };
        let command = Command::Void { of: Target::Event(event.id), elsewhere };
        self.command_in_txn(txn, now, actor, serial, &command, asked)
    }

    pub(super) fn command_in_txn(
        &self,
        txn: &mut Txn<'_>,
        now: &Now,
        actor: Actor,
        serial: Serial,
        command: &Command,
        asked: Asked<'_>,
    ) -> Result<Outcome<PostedView>, TillError> {
        let judged = self.judged_in_txn(txn, now, &actor, serial, command, &asked)?;
        let (card, referrer, verdict) = match judged {
            Ok(judged) => judged,
            Err(problem) => return Ok(Outcome::Refused(problem)),
        };
        let mut what = Happening::new(asked.kind, actor);
        what.card = Some(serial);
        what.visit = asked.visit;
        what.txn_id = asked.txn_id.map(str::to_owned);
        what.sale = asked.sale;
        let salt: [u8; 16] = self.random();
        what.text_hash = asked.text.map(|text| salted_hash(&salt, text));
        let before = card.standing.clone();
        let known = [Some(card), referrer].into_iter().flatten();
        let mut posted = self.post_in_txn(txn, now, what, verdict.entries, known)?;
        if let Some(text) = asked.text {
            txn.event_text_store(posted.position, &salt, text)?;
        }
        let card =
            posted.cards.remove(&serial).ok_or_else(|| LedgerError::Damaged("a posting lost its card".to_owned()))?;
        let entries = self.posted_views(txn, &card, &before, &posted, asked.text)?;
        let card = self.card_view_of(&txn.reads(), &card, now)?;
        Ok(Outcome::Done(PostedView { entries, card }))
    }

    /// Posts what is due on the card, then asks the rules: the card with its referrer's and the verdict, or the refusal.
    pub(super) fn judged_in_txn(
        &self,
        txn: &mut Txn<'_>,
        now: &Now,
        actor: &Actor,
        serial: Serial,
        command: &Command,
        asked: &Asked<'_>,
    ) -> Result<Result<Judged, Box<Problem>>, TillError> {
        let row = self.card_known(&txn.reads(), serial)?;
        let card = self.card_state_of(&txn.reads(), row)?;
        let card = self.jobs_in_txn(txn, now, card)?;
        let referrer = self.referrer_state(txn, now, &card)?;
        let history = if command.needs_history() { card.entries(&txn.reads())? } else { Vec::new() };
        let joined = self.joined_facts(&txn.reads(), &history)?;
        let at = txn.rule_time(now);
        let ask = Ask {
            book: card.book()?,
            card: &card.facts,
            standing: &card.standing,
            history: &history,
            joined: &joined,
            referrer: referrer.as_ref().map(|referrer| (&referrer.facts, &referrer.standing)),
            at: &at,
            trust: now.trust,
            actor,
            grade: asked.grade,
            visit: asked.visit,
            txn_id: asked.txn_id,
        };
        program::check(&ask, command).map_err(|malformed| TillError::field(malformed.pointer, malformed.detail))?;
        Ok(match program::decide(&ask, command) {
            Ok(verdict) => Ok((card, referrer, verdict)),
            Err(refusal) => Err(Box::new(self.refused(&card, &refusal)?)),
        })
    }

    /// The lines of a posting; after a void the whole history is told anew, as what came later may stand otherwise.
    fn posted_views(
        &self,
        txn: &Txn<'_>,
        card: &CardState,
        before: &Standing,
        posted: &Posted,
        text: Option<&str>,
    ) -> Result<Vec<crate::pure::wire::lan::EntryView>, TillError> {
        let facts = EventFacts::of(&posted.event, text);
        if posted.event.what.kind == EventKind::Void {
            let book = card.book()?;
            let history = program::history(book, &card.entries(&txn.reads())?);
            let rows = history.into_iter().filter(|row| row.event == posted.event.id);
            return Ok(rows.filter_map(|row| self.entry_view(card.row.serial, book, &row, None, &facts)).collect());
        }
        self.entry_views(card, before, &facts)
    }

    /// A refusal with the sentence for the staff.
    pub(super) fn refused(&self, card: &CardState, refusal: &Refusal) -> Result<Problem, TillError> {
        Ok(Problem::refusal(refusal, &self.refusal_text(card.rules()?, refusal)))
    }

    /// The sentence of a refusal: what is left to refund is money, the other bounds count in the programme's unit.
    pub(super) fn refusal_text(&self, rules: &Rules, refusal: &Refusal) -> String {
        let settings = self.settings();
        let max = refusal.max.map(|max| match refusal.code {
            RefusalCode::RefundExceeds => {
                text::money(settings.language, max, settings.minor_digits(), &settings.currency)
            }
            _ => text::number(settings.language, max, rules.scale),
        });
        text::refusal_shown(settings.language, refusal, max.as_deref())
    }
}

/// A card as it stands after what was due, its referrer's if it may gain, and what the rules say.
pub(super) type Judged = (CardState, Option<CardState>, Verdict);

/// What a posting carries beside its command.
pub(super) struct Asked<'a> {
    pub kind: EventKind,
    pub visit: Option<VisitId>,
    pub grade: Option<Grade>,
    pub txn_id: Option<&'a str>,
    pub sale: Option<SaleId>,
    pub text: Option<&'a str>,
}

impl Asked<'_> {
    /// An entry with nothing beside it.
    pub const ENTRY: Asked<'static> =
        Asked { kind: EventKind::Entry, visit: None, grade: None, txn_id: None, sale: None, text: None };
}

/// `of` of a request: an entry's id, our number of a sale, or the till's.
fn target_of(reads: &Reads<'_>, target: &Target) -> Result<Target, TillError> {
    let Target::Txn(text) = target else { return Ok(target.clone()) };
    Ok(match text.parse::<EntryId>() {
        Ok(entry) => match reads.event_of_entry(entry)? {
            Some(posted) => Target::Event(EventId(posted.event.id.0)),
            None => Target::Sale(SaleId(entry.0)),
        },
        Err(_) => Target::Txn(text.clone()),
    })
}

fn given_fields(request: &EntryRequest) -> [(&'static str, bool); 10] {
    [
        ("count", request.count.is_some()),
        ("amount_minor", request.amount_minor.is_some()),
        ("purchase_amount_minor", request.purchase_amount_minor.is_some()),
        ("value", request.value.is_some()),
        ("visit", request.visit.is_some()),
        ("txn_id", request.txn_id.is_some()),
        ("of", request.of.is_some()),
        ("reason", request.reason.is_some()),
        ("why", request.why.is_some()),
        ("figures", request.figures.is_some()),
    ]
}

fn fault(faults: &mut Vec<FieldProblem>, name: &str, detail: impl Into<String>) {
    faults.push(FieldProblem { pointer: format!("/{name}"), detail: detail.into() });
}

pub(super) fn txn_id_ok(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| (0x20..0x7F).contains(&byte))
}

/// The command of a request whose needed fields are there; `None` where one is not, which is in `faults` already.
fn command_of(request: &EntryRequest, faults: &mut Vec<FieldProblem>) -> Option<Command> {
    let purchase_amount_minor = request.purchase_amount_minor;
    Some(match request.kind.as_str() {
        "purchase" => Command::Purchase { amount_minor: request.amount_minor?, purchase_amount_minor },
        "stamps" => Command::Stamps { count: request.count?, adds_to_visit: request.visit.is_some() },
        "subtract_amount" => Command::SubtractAmount {
            amount_minor: request.amount_minor?,
            purchase_amount_minor,
            of: request.of.clone().map(Target::Txn),
        },
        "remove_visits" => Command::RemoveVisits { count: request.count? },
        "adjust" => {
            let reason = request.reason.as_deref().map(|name| {
                Reason::from_name(name).unwrap_or_else(|| {
                    let names: Vec<&str> = Reason::ALL.into_iter().map(Reason::name).collect();
                    fault(faults, "reason", format!("one of {}", names.join(", ")));
                    Reason::Other
                })
            });
            Command::Adjust { value: request.value?, purchase_amount_minor, reason }
        }
        "reward_add" => Command::RewardAdd { count: request.count?, amount_minor: request.amount_minor? },
        "reward_remove" => {
            let name = request.why.as_deref().unwrap_or(RemoveReason::Redeem.name());
            let why = RemoveReason::from_name(name).unwrap_or_else(|| {
                fault(faults, "why", "redeem, correction or expired");
                RemoveReason::Correction
            });
            Command::RewardRemove { count: request.count?, amount_minor: request.amount_minor?, why }
        }
        "opening" => opening_of(request.figures.as_ref()?),
        _ => return None,
    })
}

/// Figures of another system. Who earned or came before has the first earn behind them.
fn opening_of(figures: &OpeningFigures) -> Command {
    let earned = figures.earned.unwrap_or(figures.balance);
    let counters = Counters {
        earned,
        redeemed: figures.redeemed,
        qualifying: figures.qualifying,
        tx_amount_minor: figures.tx_amount_minor,
        ltv_minor: figures.ltv_minor,
        visits: figures.visits,
        orders: figures.orders,
        ..Counters::default()
    };
    let first_earned = earned > 0 || figures.visits > 0;
    let carried = Box::new(Carried { counters, first_earned, ..Carried::default() });
    Command::Opening { carried, units: figures.balance }
}

/// The free text of a request, as it is stored beside the event.
fn text_of_request(request: &EntryRequest, faults: &mut Vec<FieldProblem>) -> Option<String> {
    let given = [("comment", &request.comment), ("public_note", &request.public_note)]
        .map(|(name, text)| (name, text.as_deref().map(str::trim).filter(|text| !text.is_empty())));
    for (name, text) in given {
        if text.is_some_and(|text| text.len() > TEXT_MAX) {
            fault(faults, name, format!("at most {TEXT_MAX} bytes"));
        }
    }
    named(&given)
}
