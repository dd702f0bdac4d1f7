//! The same card again within `repeat_s`, at any till, by any medium: it is the same visit, told with its time and counted
//! no second time (DESIGN.md section 2; readers-and-scanners.md section 4). What is shown again may still do three things
//! that post nothing by themselves: prove more than the first medium did, move the card to the till at which it is now, and
//! give a sale that waits there its card.

use super::posting::CardState;
use super::present::{Presentation, Tapped, view_begin};
use super::{Till, TillError};
use crate::pure::domain::{EventId, Grade, Moment, Now, TillId, Token};
use crate::pure::text;
use crate::pure::wire::lan::TapView;
use crate::pure::wire::text::{from_json, json};
use crate::shop::ledger::{PastVisit, PresentedRow, Txn};

impl Till {
    /// The same card again within `repeat_s`: the first answer again, with its time; `None` for a visit of its own. The
    /// window counts by time since boot; after a new start of the machine it is over.
    pub(super) fn repeated_in_txn(
        &self,
        txn: &mut Txn<'_>,
        now: &Now,
        shown: &Presentation,
        token: &Token,
        card: &CardState,
    ) -> Result<Option<Tapped>, TillError> {
        let repeat_s = self.settings().tills.get(&shown.till).map_or(0, |till| till.repeat_s);
        let serial = card.row.serial;
        let Some(past) = txn.reads().visit_fetch(serial)? else { return Ok(None) };
        let within =
            past.boot_id == now.boot_id && (0..repeat_s * 1_000_000_000).contains(&(now.boot_ns - past.boot_ns));
        let Some(first) = from_json::<TapView>(&past.answer) else { return Ok(None) };
        if !within || card.row.deleted || card.row.blocked {
            return Ok(None);
        }
        let mut what = self.happening(shown, Some(token), past.visit);
        what.card = Some(serial);
        what.details = vec![("outcome".to_owned(), "already_counted".to_owned())];
        txn.event_append(now, EventId(self.fresh_id(now.wall_ms)), what)?;
        let at = Moment { ms: past.at_ms, zone: now.zone.clone() };
        let clock = at.zoned().strftime("%H:%M:%S").to_string();
        let text = text::outcome(self.settings().language, &text::Outcome::AlreadyCounted { at: &clock });
        // What was counted is the first answer's; where and by what the card is shown is this presentation's.
        let begun = view_begin(shown, Some(token), past.visit, &at);
        let TapView { till, reader, medium, grade, timing_ms, .. } = begun;
        let outcome = "already_counted".to_owned();
        let view = TapView { till, reader, medium, grade, timing_ms, outcome, text, ..first.clone() };
        self.tell(txn, now, shown, &view)?;
        self.shown_again_in_txn(txn, now, shown, token, past, first)?;
        Ok(Some(Tapped { view, card: Some(serial) }))
    }

    /// What a second showing changes although it counts nothing.
    fn shown_again_in_txn(
        &self,
        txn: &mut Txn<'_>,
        now: &Now,
        shown: &Presentation,
        token: &Token,
        past: PastVisit,
        first: TapView,
    ) -> Result<(), TillError> {
        let Some(serial) = first.card.as_ref().and_then(|card| card.serial.parse().ok()) else { return Ok(()) };
        let known = first.grade.as_deref().and_then(Grade::from_name);
        let grade = known.map_or(token.grade, |known| known.max(token.grade));
        if known.is_some_and(|known| grade > known) {
            let better = TapView { grade: Some(grade.name().to_owned()), ..first.clone() };
            txn.visit_store(serial, &PastVisit { answer: json(&better), ..past.clone() })?;
        }
        let before = match TillId::new(&first.till) {
            Ok(till) => self.presented(&txn.reads(), now, &till)?.filter(|row| row.visit == past.visit).zip(Some(till)),
            Err(_) => None,
        };
        let waits = self.sale_waiting(&txn.reads(), now, &shown.till)?.is_some();
        match before {
            // It is still before the till at which it was shown first.
            Some((row, till)) if till == shown.till && grade > row.grade => {
                txn.presented_store(&till, &PresentedRow { grade, ..row })?;
            }
            Some((_, till)) if till == shown.till => {}
            Some((row, till)) => {
                txn.presented_clear(&till)?;
                self.presented_in_txn(txn, now, &shown.till, PresentedRow { grade, boot_ns: now.boot_ns, ..row })?;
            }
            None if waits => {
                let (visit, boot_id, boot_ns) = (past.visit, now.boot_id, now.boot_ns);
                let row = PresentedRow { card: serial, visit, grade, boot_id, boot_ns, answer: past.answer };
                self.presented_in_txn(txn, now, &shown.till, row)?;
            }
            // A sale used it up, or it never was before a till: it is not presented anew without being asked for.
            None => {}
        }
        Ok(())
    }
}
