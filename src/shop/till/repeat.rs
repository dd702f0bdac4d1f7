//! The same card again within `repeat_s`, at any till, by any medium: it is the same visit, told with its time and counted
//! no second time (DESIGN.md section 2; readers-and-scanners.md section 4). What is shown again may still do three things
//! that post nothing by themselves: prove more than the first medium did, move the card to the till at which it is now, and
//! give a sale that waits there its card.

use super::posting::CardState;
use super::present::{Presentation, Tapped, view_begin};
use super::{Till, TillError};
use crate::pure::domain::{EventId, Moment, Now, Serial, Token};
use crate::pure::text;
use crate::pure::wire::lan::TapView;
use crate::pure::wire::text::from_json;
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
        let told = txn.reads().live_fetch(past.live)?.and_then(|told| from_json::<TapView>(&told.data));
        let first = match told.filter(|told| told.visit == begun.visit) {
            Some(first) => first,
            // Dropped before its time, as the clock was set or the ledger restored: told without its entries.
            None => TapView {
                customer_name: card.customer_name(),
                card: Some(self.card_view_of(&txn.reads(), card, now)?),
                clock_suspect: past.suspect,
                ..begun.clone()
            },
        };
        let TapView { till, reader, medium, grade, timing_ms, .. } = begun;
        let outcome = "already_counted".to_owned();
        let view = TapView { till, reader, medium, grade, timing_ms, outcome, text, ..first };
        self.tell(txn, now, shown, &view)?;
        self.shown_again_in_txn(txn, now, shown, token, serial, past)?;
        Ok(Some(Tapped { view, card: Some(serial) }))
    }

    /// What a second showing changes although it counts nothing.
    fn shown_again_in_txn(
        &self,
        txn: &mut Txn<'_>,
        now: &Now,
        shown: &Presentation,
        token: &Token,
        serial: Serial,
        past: PastVisit,
    ) -> Result<(), TillError> {
        let grade = past.grade.max(token.grade);
        if grade > past.grade {
            txn.visit_store(serial, &PastVisit { grade, ..past.clone() })?;
        }
        let before = self.presented(&txn.reads(), now, &past.till)?.filter(|row| row.visit == past.visit);
        let waits = self.sale_waiting(&txn.reads(), now, &shown.till)?.is_some();
        match before {
            // It is still before the till at which it was shown first.
            Some(row) if past.till == shown.till && grade > row.grade => {
                txn.presented_store(&past.till, &PresentedRow { grade, ..row })?;
            }
            Some(_) if past.till == shown.till => {}
            Some(row) => {
                txn.presented_clear(&past.till)?;
                self.presented_in_txn(txn, now, &shown.till, PresentedRow { grade, boot_ns: now.boot_ns, ..row })?;
            }
            None if waits => {
                let again = PastVisit { grade, boot_id: now.boot_id, boot_ns: now.boot_ns, ..past };
                self.presented_in_txn(txn, now, &shown.till, again.presented(serial))?;
            }
            // A sale used it up, or it never was before a till: it is not presented anew without being asked for.
            None => {}
        }
        Ok(())
    }
}
