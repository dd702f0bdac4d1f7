//! Sales: quoted, posted, waiting for a card, opened and completed or cancelled, refunded and voided. What a sale does to
//! the books is the rules' matter; here a till's number stands for one sale, and a card finds the sale that waits for it.

use super::command::Asked;
use super::posting::{CardState, Posted};
use super::view::EventFacts;
use super::{Outcome, Till, TillError};
use crate::pure::domain::event::Happening;
use crate::pure::domain::{Actor, ClockTrust, EventKind, Grade, Now, SaleId, Serial, TillId, VisitId};
use crate::pure::program::decide::{Item, Redeem, Sale, SalePhase, Target};
use crate::pure::program::round::AMOUNT_MAX_MINOR;
use crate::pure::program::{self, Ask, Command, Rules, Verdict};
use crate::pure::text;
use crate::pure::wire::lan::{
    CardView, ItemRequest, Problem, QuoteReward, QuoteView, ReceiptView, RedeemRequest, RefundRequest, SaleRequest,
    SaleView, TapView, UnitsOrMax,
};
use crate::pure::wire::text::{content_hash, from_json, json};
use crate::shop::ledger::{LedgerError, PresentedRow, Reads, SaleRow, SaleState, Txn};

/// A sale with its fields checked.
#[derive(Clone, Debug)]
pub struct SaleCommand {
    request: SaleRequest,
    till: TillId,
    serial: Option<Serial>,
    sale: Sale,
    open: bool,
}

/// The card of a sale, and by what it was shown.
struct Shown {
    card: Serial,
    visit: Option<VisitId>,
    grade: Option<Grade>,
}

impl Shown {
    /// The card that is before a till, for the sale that takes it.
    fn of(row: &PresentedRow, command: &SaleCommand) -> Self {
        Self { card: row.card, visit: Some(row.visit), grade: Some(command.grade_of(row.grade, row.suspect)) }
    }
}

impl SaleCommand {
    /// What a card that was shown proves for this sale. A proof whose age could not be judged earns as any other, and
    /// redeems only with staff (DESIGN.md section 4): for that it is no more than a number.
    fn grade_of(&self, proved: Grade, suspect: bool) -> Grade {
        let alone = self.request.staff.is_none() && self.request.approved_by.is_none();
        let unsure = suspect && alone && self.sale.redeem.is_some();
        if unsure { Grade::D } else { proved }
    }
}

impl Till {
    /// Checks the fields of a sale or quote at `till`.
    pub fn sale_command(&self, request: SaleRequest, till: TillId) -> Result<SaleCommand, TillError> {
        let serial = match &request.serial {
            None => None,
            Some(text) => Some(text.parse().map_err(|_| TillError::field("/serial", "not a serial"))?),
        };
        // A sale may wait for its card; what no card could make right is told at once.
        if !(0..=AMOUNT_MAX_MINOR).contains(&request.amount_minor) {
            return Err(TillError::field("/amount_minor", format!("0 to {AMOUNT_MAX_MINOR} minor units")));
        }
        if request.txn_id.as_ref().is_some_and(|id| !super::command::txn_id_ok(id)) {
            return Err(TillError::field("/txn_id", "1 to 64 printable ASCII characters"));
        }
        let open = match request.state.as_deref() {
            None => false,
            Some("open") => true,
            Some(_) => return Err(TillError::field("/state", "\"open\", or leave it out")),
        };
        let redeem = request.redeem.as_ref().map(redeem_of).transpose()?;
        let items = request.items.iter().map(item_of).collect();
        let sale = Sale { bill_minor: request.amount_minor, items, redeem, phase: SalePhase::Now };
        Ok(SaleCommand { request, till, serial, sale, open })
    }

    /// Posts a sale, opens it, or lets it wait for its card.
    pub fn sale_in_txn(
        &self,
        txn: &mut Txn<'_>,
        now: &Now,
        actor: Actor,
        command: &SaleCommand,
    ) -> Result<Outcome<SaleView>, TillError> {
        let Some(txn_id) = command.request.txn_id.clone() else {
            return Err(TillError::field("/txn_id", "a sale needs the till's number"));
        };
        let request = json(&command.request);
        let body_hash = content_hash(&[command.till.as_str(), &request]);
        let known = txn.reads().sale_by_txn(&txn_id, now.wall_ms)?;
        let mut row = match known {
            Some(row) if row.body_hash != body_hash => {
                return Ok(Outcome::Refused(Box::new(self.refusal_plain(crate::pure::domain::RefusalCode::TxnReuse))));
            }
            // A sale that still waits may find its card by now; every other one answers as it did.
            Some(row) if row.state != SaleState::Waiting => return first_answer(&row),
            Some(row) => row,
            None => SaleRow {
                id: SaleId(self.fresh_id(now.wall_ms)),
                txn_id,
                till: command.till.clone(),
                state: SaleState::Waiting,
                card: None,
                event: None,
                body_hash,
                request,
                answer: String::new(),
                boot_id: now.boot_id,
                boot_ns: now.boot_ns,
                made_ms: now.wall_ms,
            },
        };
        let Some(shown) = self.sale_card(&txn.reads(), now, command)? else {
            let view = self.view_begin(&row, command.sale.bill_minor, "waiting");
            row.answer = json(&view);
            txn.sale_store(&row)?;
            return Ok(Outcome::Done(view));
        };
        self.sale_on_card_in_txn(txn, now, actor, command, row, shown)
    }

    /// The card of a sale: the one that it names, or the one presented at its till.
    fn sale_card(&self, reads: &Reads<'_>, now: &Now, command: &SaleCommand) -> Result<Option<Shown>, TillError> {
        let presented = self.presented(reads, now, &command.till)?;
        let Some(card) = command.serial else { return Ok(presented.map(|shown| Shown::of(&shown, command))) };
        if let Some(shown) = presented.filter(|shown| shown.card == card) {
            return Ok(Some(Shown::of(&shown, command)));
        }
        // A card that is named after its code was scanned here is still known by that code alone.
        let past = reads.visit_fetch(card)?.filter(|past| {
            past.boot_id == now.boot_id && (0..self.hold_ns(&command.till)).contains(&(now.boot_ns - past.boot_ns))
        });
        let here = past.filter(|past| past.till == command.till);
        let grade = here.map(|past| command.grade_of(past.grade, past.suspect));
        Ok(Some(Shown { card, visit: None, grade }))
    }

    /// For how long a card stays before a till, nanoseconds.
    fn hold_ns(&self, till: &TillId) -> i64 {
        self.settings().tills.get(till).map_or(0, |till| till.hold_s) * 1_000_000_000
    }

    /// The card that is presented at a till now: shown within `hold_s`.
    pub(super) fn presented(
        &self,
        reads: &Reads<'_>,
        now: &Now,
        till: &TillId,
    ) -> Result<Option<PresentedRow>, TillError> {
        let hold_ns = self.hold_ns(till);
        let shown = reads.presented_fetch(till)?;
        Ok(shown.filter(|shown| shown.boot_id == now.boot_id && (0..hold_ns).contains(&(now.boot_ns - shown.boot_ns))))
    }

    /// The tap that presented the card which is before a till now.
    pub fn presented_view(&self, reads: &Reads<'_>, now: &Now, till: &TillId) -> Result<Option<TapView>, TillError> {
        let Some(shown) = self.presented(reads, now, till)? else { return Ok(None) };
        Ok(reads.live_fetch(shown.live)?.and_then(|told| from_json(&told.data)))
    }

    /// The sale that waits at a till for its card, the newest of them.
    pub(super) fn sale_waiting(
        &self,
        reads: &Reads<'_>,
        now: &Now,
        till: &TillId,
    ) -> Result<Option<SaleRow>, TillError> {
        let hold_ns = self.hold_ns(till);
        Ok(reads.sale_waiting(till)?.filter(|row| (0..hold_ns).contains(&row.age_ns(now))))
    }

    /// A card was presented at a till: it is the one before it now, and a sale that waits there takes it.
    pub(super) fn presented_in_txn(
        &self,
        txn: &mut Txn<'_>,
        now: &Now,
        till: &TillId,
        shown: PresentedRow,
    ) -> Result<(), TillError> {
        let waiting = self.sale_waiting(&txn.reads(), now, till)?;
        txn.presented_store(till, &shown)?;
        let Some(row) = waiting else { return Ok(()) };
        let Some(request) = from_json::<SaleRequest>(&row.request) else { return Ok(()) };
        let command = self.sale_command(request, till.clone())?;
        let card = Shown::of(&shown, &command);
        let mut actor = Actor::device(Some(till.clone()));
        // Who rang it up was known when the sale was sent.
        actor.staff = command.request.staff.as_deref().and_then(|staff| staff.parse().ok());
        let sold = match self.sale_on_card_in_txn(txn, now, actor, &command, row.clone(), card) {
            Ok(Outcome::Done(view)) => json(&view),
            Ok(Outcome::Refused(problem)) => json(&*problem),
            // A card that cannot take the sale leaves it waiting for another.
            Err(TillError::Invalid(errors)) => json(&Problem::invalid(errors)),
            Err(error) => return Err(error),
        };
        txn.live_append(now, "sale.attached", Some(till.as_str()), &sold)?;
        Ok(())
    }

    fn sale_on_card_in_txn(
        &self,
        txn: &mut Txn<'_>,
        now: &Now,
        actor: Actor,
        command: &SaleCommand,
        mut row: SaleRow,
        shown: Shown,
    ) -> Result<Outcome<SaleView>, TillError> {
        let phase = if command.open { SalePhase::Open(row.id) } else { SalePhase::Now };
        let asked = Command::Sale(Sale { phase, ..command.sale.clone() });
        let selling = Selling { kind: EventKind::Sale, row: &row, visit: shown.visit, grade: shown.grade };
        let sold = match self.selling_in_txn(txn, now, actor, shown.card, &asked, &selling)? {
            Ok(sold) => sold,
            Err(problem) => return Ok(Outcome::Refused(problem)),
        };
        row.state = if command.open { SaleState::Open } else { SaleState::Posted };
        row.card = Some(shown.card);
        row.event = sold.event;
        let view = self.sold_view(txn, now, &row, sold)?;
        row.answer = json(&view);
        txn.sale_store(&row)?;
        if !command.open {
            txn.presented_clear(&command.till)?;
        }
        Ok(Outcome::Done(view))
    }

    /// Completes an open sale: what was set aside is redeemed, the award follows.
    pub fn sale_complete_in_txn(
        &self,
        txn: &mut Txn<'_>,
        now: &Now,
        actor: Actor,
        number: &str,
        amount_minor: Option<i64>,
    ) -> Result<Outcome<SaleView>, TillError> {
        let mut row = self.sale_known(&txn.reads(), number)?;
        let Some(request) = from_json::<SaleRequest>(&row.request) else {
            return Err(LedgerError::Damaged(format!("sale {} cannot be read", row.id)).into());
        };
        let (Some(card), SaleState::Open) = (row.card, row.state) else {
            return if row.state == SaleState::Posted && request.state.is_some() {
                self.completed_again(&row, amount_minor)
            } else {
                self.not_open(&row)
            };
        };
        // It was rung up at its till, whoever completes it.
        let actor = Actor { till: actor.till.or_else(|| Some(row.till.clone())), ..actor };
        let command = self.sale_command(request, row.till.clone())?;
        let bill_minor = amount_minor.unwrap_or(command.sale.bill_minor);
        // Lines that no longer sum to the bill say nothing about it.
        let items = if bill_minor == command.sale.bill_minor { command.sale.items.clone() } else { Vec::new() };
        let asked = Command::Sale(Sale { bill_minor, items, phase: SalePhase::Complete(row.id), ..command.sale });
        let selling = Selling { kind: EventKind::Sale, row: &row, visit: None, grade: None };
        let sold = match self.selling_in_txn(txn, now, actor, card, &asked, &selling)? {
            Ok(sold) => sold,
            Err(problem) => return Ok(Outcome::Refused(problem)),
        };
        row.state = SaleState::Posted;
        row.event = sold.event;
        let view = self.sold_view(txn, now, &row, sold)?;
        row.answer = json(&view);
        txn.sale_store(&row)?;
        txn.presented_clear(&row.till)?;
        Ok(Outcome::Done(view))
    }

    /// A sale that was opened and is completed answers its completion again, whatever key the request has; to another
    /// amount it is `txn_reuse`.
    fn completed_again(&self, row: &SaleRow, amount_minor: Option<i64>) -> Result<Outcome<SaleView>, TillError> {
        let answer = first_answer(row)?;
        Ok(match answer {
            Outcome::Done(view) if amount_minor.is_some_and(|bill| bill != view.due_minor + view.discount_minor) => {
                Outcome::Refused(Box::new(self.refusal_plain(crate::pure::domain::RefusalCode::TxnReuse)))
            }
            answer => answer,
        })
    }

    /// Cancels a sale that waits or is open: what it set aside comes back.
    pub fn sale_cancel_in_txn(
        &self,
        txn: &mut Txn<'_>,
        now: &Now,
        actor: Actor,
        number: &str,
    ) -> Result<Outcome<SaleView>, TillError> {
        let mut row = self.sale_known(&txn.reads(), number)?;
        let mut view = self.view_begin(&row, 0, "cancelled");
        match (row.state, row.card) {
            (SaleState::Cancelled, _) => return first_answer(&row),
            (SaleState::Posted, _) => return self.not_open(&row),
            (SaleState::Open, Some(card)) => {
                let asked = Command::CancelSale { sale: row.id };
                let selling = Selling { kind: EventKind::Sale, row: &row, visit: None, grade: None };
                match self.selling_in_txn(txn, now, actor, card, &asked, &selling)? {
                    Ok(sold) => {
                        view = SaleView { status: "cancelled".to_owned(), ..self.sold_view(txn, now, &row, sold)? }
                    }
                    Err(problem) => return Ok(Outcome::Refused(problem)),
                }
            }
            _ => {}
        }
        row.state = SaleState::Cancelled;
        row.answer = json(&view);
        txn.sale_store(&row)?;
        Ok(Outcome::Done(view))
    }

    /// Cancels every open sale that nobody completed within `open_sale_s`; answers how many. It goes before whatever is
    /// judged or shown: what such a sale set aside is the card's again.
    pub fn sales_release_in_txn(&self, txn: &mut Txn<'_>, now: &Now) -> Result<usize, TillError> {
        let late = self.sales_late(&txn.reads(), now)?;
        for row in &late {
            self.sale_cancel_in_txn(txn, now, Actor::device(Some(row.till.clone())), &row.id.to_string())?;
        }
        Ok(late.len())
    }

    /// The open sales whose time is over.
    pub fn sales_late(&self, reads: &Reads<'_>, now: &Now) -> Result<Vec<SaleRow>, TillError> {
        let mut late = Vec::new();
        for row in reads.sales_open()? {
            if self.is_late(reads, &row, now)? {
                late.push(row);
            }
        }
        Ok(late)
    }

    /// By time since boot, which no setting of the clock moves; and by the wall clock, which also knows how long the device
    /// was off, as long as it could be believed both then and now.
    fn is_late(&self, reads: &Reads<'_>, row: &SaleRow, now: &Now) -> Result<bool, TillError> {
        let limit_s = self.settings().open_sale_s;
        if row.age_ns(now) >= limit_s * 1_000_000_000 {
            return Ok(true);
        }
        if now.trust != ClockTrust::Trusted || now.wall_ms - row.made_ms < limit_s * 1_000 {
            return Ok(false);
        }
        let opened = match row.event {
            Some(event) => reads.event_fetch(event)?,
            None => None,
        };
        Ok(opened.is_none_or(|opened| opened.event.trust == ClockTrust::Trusted))
    }

    /// Takes a sale back, whole or in part, by what it had awarded.
    pub fn sale_refund_in_txn(
        &self,
        txn: &mut Txn<'_>,
        now: &Now,
        actor: Actor,
        number: &str,
        request: &RefundRequest,
    ) -> Result<Outcome<SaleView>, TillError> {
        let row = self.sale_known(&txn.reads(), number)?;
        let (Some(card), Some(event)) = (row.card, row.event) else { return self.not_open(&row) };
        let card = self.card_joined_with(&txn.reads(), card)?;
        let items = request.items.iter().map(item_of).collect();
        let asked = Command::Refund { of: Target::Event(event), amount_minor: request.amount_minor, items };
        let selling = Selling { kind: EventKind::Refund, row: &row, visit: None, grade: None };
        Ok(match self.selling_in_txn(txn, now, actor, card, &asked, &selling)? {
            Ok(sold) => {
                Outcome::Done(SaleView { status: "refunded".to_owned(), ..self.sold_view(txn, now, &row, sold)? })
            }
            Err(problem) => Outcome::Refused(problem),
        })
    }

    /// Takes a sale back as if it had never been.
    pub fn sale_void_in_txn(
        &self,
        txn: &mut Txn<'_>,
        now: &Now,
        actor: Actor,
        number: &str,
    ) -> Result<Outcome<SaleView>, TillError> {
        let row = self.sale_known(&txn.reads(), number)?;
        let entry = match row.event.filter(|_| row.state == SaleState::Posted) {
            Some(event) => {
                txn.reads().event_fetch(event)?.and_then(|posted| posted.event.what.entries.first().cloned())
            }
            None => None,
        };
        let Some(entry) = entry else { return self.not_open(&row) };
        Ok(match self.entry_void_in_txn(txn, now, actor, entry.id, None)? {
            Outcome::Refused(problem) => Outcome::Refused(problem),
            Outcome::Done(posted) => {
                let view = self.view_begin(&row, 0, "voided");
                Outcome::Done(SaleView { entries: posted.entries, card: Some(posted.card), ..view })
            }
        })
    }

    /// What a sale would do; nothing is changed.
    pub fn quote(
        &self,
        reads: &Reads<'_>,
        now: &Now,
        actor: &Actor,
        command: &SaleCommand,
    ) -> Result<Outcome<QuoteView>, TillError> {
        let shown = self.sale_card(reads, now, command)?.ok_or_else(|| TillError::Unknown {
            code: "no_card",
            detail: "no card is presented at this till; name one by serial".to_owned(),
        })?;
        let card = self.card_state_of(reads, self.card_known(reads, shown.card)?)?;
        let at = reads.rule_time(now)?;
        let standing = program::settled(card.book()?, &card.facts, &card.standing, &at, now.trust);
        let referrer = match card.facts.referrer.filter(|_| !standing.first_earned) {
            Some(serial) => self.card_state(reads, serial)?,
            None => None,
        };
        let ask = Ask {
            book: card.book()?,
            card: &card.facts,
            standing: &standing,
            history: &[],
            joined: &[],
            referrer: referrer.as_ref().map(|referrer| (&referrer.facts, &referrer.standing)),
            at: &at,
            trust: now.trust,
            actor,
            grade: shown.grade,
            visit: shown.visit,
            txn_id: command.request.txn_id.as_deref(),
        };
        program::check(&ask, &Command::Sale(command.sale.clone()))
            .map_err(|malformed| TillError::field(malformed.pointer, malformed.detail))?;
        let quote = program::quote(&ask, &command.sale);
        let verdict = match quote.outcome {
            Ok(verdict) => verdict,
            Err(refusal) => return Ok(Outcome::Refused(Box::new(self.refused(&card, &refusal)?))),
        };
        let rules = card.rules()?;
        let stamps = rules.kind.is_stamps();
        let rewards: Vec<QuoteReward> = quote
            .options
            .into_iter()
            .map(|option| QuoteReward {
                reward: option.name,
                units_each: option.units_each,
                value_minor: option.value_minor,
                max: option.most,
                code: option.refusal.as_ref().map(|refusal| refusal.code.name().to_owned()),
                text: option.refusal.as_ref().map(|refusal| self.refusal_text(rules, refusal)),
            })
            .collect();
        Ok(Outcome::Done(QuoteView {
            serial: shown.card.to_string(),
            due_minor: verdict.due_minor,
            discount_minor: verdict.discount_minor,
            earned: verdict.earned,
            redeemed: if stamps { verdict.rewards_redeemed } else { verdict.redeemed },
            rewards,
            max_redeem: quote.most,
        }))
    }

    /// A sale by the till's number or ours, as it was answered.
    pub fn sale_view(&self, reads: &Reads<'_>, number: &str) -> Result<SaleView, TillError> {
        let row = self.sale_known(reads, number)?;
        from_json(&row.answer).ok_or_else(|| LedgerError::Damaged(format!("sale {} cannot be read", row.id)).into())
    }

    fn sale_known(&self, reads: &Reads<'_>, number: &str) -> Result<SaleRow, TillError> {
        let ours = match number.parse::<SaleId>() {
            Ok(id) => reads.sale_fetch(id)?,
            Err(_) => None,
        };
        let found = match ours {
            Some(row) => Some(row),
            None => reads.sale_newest_by_txn(number)?,
        };
        found.ok_or_else(|| TillError::Unknown {
            code: "unknown_sale",
            detail: "no sale has this number; nothing was booked under it".to_owned(),
        })
    }

    fn not_open<T>(&self, row: &SaleRow) -> Result<Outcome<T>, TillError> {
        let detail = format!("the sale is {}; this is not possible any more, or not yet", row.state.name());
        let problem = Problem::new(409, "sale_state", "the sale is in another state", detail);
        Ok(Outcome::Refused(Box::new(problem)))
    }

    fn refusal_plain(&self, code: crate::pure::domain::RefusalCode) -> Problem {
        let refusal = code.into();
        Problem::refusal(&refusal, &text::refusal(self.settings().language, &refusal))
    }

    /// Judges and posts a command of a sale on its card.
    fn selling_in_txn(
        &self,
        txn: &mut Txn<'_>,
        now: &Now,
        actor: Actor,
        serial: Serial,
        command: &Command,
        selling: &Selling<'_>,
    ) -> Result<Result<Sold, Box<Problem>>, TillError> {
        let asked = Asked {
            kind: selling.kind,
            visit: selling.visit,
            grade: selling.grade,
            txn_id: Some(&selling.row.txn_id),
            sale: Some(selling.row.id),
            text: None,
        };
        let judged = self.judged_in_txn(txn, now, &actor, serial, command, &asked)?;
        let (card, referrer, verdict) = match judged {
            Ok(judged) => judged,
            Err(problem) => return Ok(Err(problem)),
        };
        if verdict.entries.is_empty() {
            return Ok(Ok(Sold { verdict, card, before: None, posted: None, event: None }));
        }
        let mut what = Happening::new(selling.kind, actor);
        what.card = Some(serial);
        what.visit = selling.visit;
        what.grade = selling.grade;
        what.txn_id = Some(selling.row.txn_id.clone());
        what.sale = Some(selling.row.id);
        let before = card.standing.clone();
        let entries = verdict.entries.clone();
        let known = [Some(card), referrer].into_iter().flatten();
        let mut posted = self.post_in_txn(txn, now, what, entries, known)?;
        let card =
            posted.cards.remove(&serial).ok_or_else(|| LedgerError::Damaged("a posting lost its card".to_owned()))?;
        let event = Some(posted.event.id);
        Ok(Ok(Sold { verdict, card, before: Some(before), posted: Some(posted), event }))
    }

    fn sold_view(&self, txn: &Txn<'_>, now: &Now, row: &SaleRow, sold: Sold) -> Result<SaleView, TillError> {
        let Sold { verdict, card, before, posted, .. } = sold;
        let entries = match (&posted, &before) {
            (Some(posted), Some(before)) => self.entry_views(&card, before, &EventFacts::of(&posted.event, None))?,
            _ => Vec::new(),
        };
        let stamps = card.rules()?.kind.is_stamps();
        let view = self.card_view_of(&txn.reads(), &card, now)?;
        let redeemed = if stamps { verdict.rewards_redeemed } else { verdict.redeemed };
        Ok(SaleView {
            visit: posted.and_then(|posted| posted.event.what.visit).map(|visit| visit.to_string()),
            due_minor: verdict.due_minor,
            discount_minor: verdict.discount_minor,
            earned: verdict.earned,
            redeemed,
            entries,
            receipt: self.receipt(card.rules()?, &verdict, &view),
            masked_name: card.customer_name().map(|name| masked(&name)),
            card: Some(view),
            ..self.view_begin(row, 0, row.state.name())
        })
    }

    /// The lines under the bill.
    fn receipt(&self, rules: &Rules, verdict: &Verdict, view: &CardView) -> ReceiptView {
        let settings = self.settings();
        let receipt = text::Receipt {
            title: &rules.title,
            discount_minor: verdict.discount_minor,
            minor_digits: settings.minor_digits(),
            earned: verdict.earned,
            balance: view.balance,
            scale: rules.scale,
            rewards_ready: view.rewards_available,
        };
        ReceiptView { lines: text::receipt(settings.language, &receipt), qr: None }
    }

    fn view_begin(&self, row: &SaleRow, due_minor: i64, status: &str) -> SaleView {
        SaleView {
            status: status.to_owned(),
            txn_id: row.txn_id.clone(),
            sale_id: row.id.to_string(),
            visit: None,
            due_minor,
            discount_minor: 0,
            earned: 0,
            redeemed: 0,
            entries: Vec::new(),
            card: None,
            receipt: ReceiptView::default(),
            masked_name: None,
        }
    }
}

/// What a command of a sale is posted as.
struct Selling<'a> {
    kind: EventKind,
    row: &'a SaleRow,
    visit: Option<VisitId>,
    grade: Option<Grade>,
}

/// What a command of a sale came to.
struct Sold {
    verdict: Verdict,
    card: CardState,
    before: Option<program::Standing>,
    posted: Option<Posted>,
    event: Option<crate::pure::domain::EventId>,
}

fn first_answer(row: &SaleRow) -> Result<Outcome<SaleView>, TillError> {
    from_json(&row.answer)
        .map(Outcome::Done)
        .ok_or_else(|| LedgerError::Damaged(format!("sale {} cannot be read", row.id)).into())
}

fn redeem_of(request: &RedeemRequest) -> Result<Redeem, TillError> {
    let wrong = || TillError::field("/redeem", "one of {rewards}, {reward, count} and {value}");
    Ok(match (request.rewards, &request.reward, request.count, &request.value) {
        (Some(rewards), None, None, None) => Redeem::Rewards(rewards),
        (None, Some(name), count, None) => Redeem::Reward { name: name.clone(), count: count.unwrap_or(1) },
        (None, None, None, Some(UnitsOrMax::Units(units))) => Redeem::Value(*units),
        (None, None, None, Some(UnitsOrMax::Word(word))) if word == "max" => Redeem::ValueMax,
        (None, None, None, Some(_)) => return Err(TillError::field("/redeem/value", "a whole number, or \"max\"")),
        _ => return Err(wrong()),
    })
}

fn item_of(item: &ItemRequest) -> Item {
    Item {
        sku: item.sku.clone(),
        category: item.category.clone(),
        quantity: item.quantity.unwrap_or(1),
        amount_minor: item.amount_minor,
        tax_minor: item.tax_minor,
        discounted: item.discounted,
    }
}

/// A name as a queue may read it: the given name, and the first letter of the rest.
fn masked(name: &str) -> String {
    let mut parts = name.split_whitespace();
    let first = parts.next().unwrap_or_default().to_owned();
    match parts.next().and_then(|rest| rest.chars().next()) {
        Some(letter) => format!("{first} {letter}."),
        None => first,
    }
}
