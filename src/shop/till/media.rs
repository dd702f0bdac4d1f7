//! Media are bound to cards and unbound: the next fob or tag that is shown at a till, or a printed code (DESIGN.md section
//! 5). The books of the card stay as they are.

use super::present::{Presentation, Tapped, view_begin};
use super::view::credential_name;
use super::{Outcome, Till, TillError};
use crate::pure::domain::event::Happening;
use crate::pure::domain::{Actor, Claim, EventKind, Medium, Now, Serial, TillId, Token, VisitId};
use crate::pure::text;
use crate::pure::wire::lan::{CredentialView, Problem};
use crate::pure::wire::text::json;
use crate::shop::ledger::{CredentialRow, LedgerError, Reads, Txn};

/// How long a card waits at a till for the medium that is to be bound, seconds.
pub const BINDING_S: i64 = 60;

impl Till {
    /// The next medium without a card that is shown at `till` within [`BINDING_S`] is bound to this card.
    pub fn binding_begin_in_txn(
        &self,
        txn: &mut Txn<'_>,
        now: &Now,
        serial: Serial,
        till: &TillId,
    ) -> Result<Outcome<()>, TillError> {
        if self.card_known(&txn.reads(), serial)?.deleted {
            return Ok(card_deleted());
        }
        txn.binding_store(till, serial, now)?;
        Ok(Outcome::Done(()))
    }

    /// Binds a printed code to a card. One that the card has already is answered as it is.
    pub fn code_bind_in_txn(
        &self,
        txn: &mut Txn<'_>,
        now: &Now,
        actor: Actor,
        serial: Serial,
        code: &str,
    ) -> Result<Outcome<CredentialView>, TillError> {
        if self.card_known(&txn.reads(), serial)?.deleted {
            return Ok(card_deleted());
        }
        let token = self.keys().scan(code).ok().filter(|token| token.medium == Medium::Barcode);
        let named = token.and_then(|token| Some((credential_id(&token.claim)?.to_vec(), token)));
        let Some((id, token)) = named else {
            let detail = "the code is none that this shop's keys made";
            return Ok(refused("unknown_token", "not a code of this shop", detail));
        };
        match txn.reads().credential_fetch(&id)? {
            Some(row) if row.card == serial && !row.revoked => {}
            Some(_) => return Ok(refused("already_bound", "the code is taken", "the code belongs to a card, or did")),
            None => {
                let what = Happening::new(EventKind::CredentialChanged, actor);
                self.bind_in_txn(txn, now, what, serial, &token)?;
            }
        }
        let row = txn.reads().credential_fetch(&id)?.ok_or_else(|| vanished(serial))?;
        Ok(Outcome::Done(self.credential_view(row, false)))
    }

    /// Takes a medium from a card: it is not taken any more. Once more is the same.
    pub fn credential_unbind_in_txn(
        &self,
        txn: &mut Txn<'_>,
        now: &Now,
        actor: Actor,
        serial: Serial,
        name: &str,
    ) -> Result<(), TillError> {
        self.card_known(&txn.reads(), serial)?;
        let rows = txn.reads().credentials_of_card(serial)?;
        let Some(row) = rows.into_iter().find(|row| credential_name(&row.id).eq_ignore_ascii_case(name)) else {
            let detail = "the card has no medium of this id".to_owned();
            return Err(TillError::Unknown { code: "unknown_credential", detail });
        };
        if txn.credential_revoke(&row.id, now)? {
            let mut what = Happening::new(EventKind::CredentialChanged, actor);
            what.card = Some(serial);
            what.medium = Some(row.medium);
            what.details = details("unbound", &row.id);
            self.happened_in_txn(txn, now, what)?;
        }
        Ok(())
    }

    /// Binds what is shown to the card that waits at this till for it; `None` where none waits, or where a medium is shown
    /// that has its card.
    pub(super) fn bound_in_txn(
        &self,
        txn: &mut Txn<'_>,
        now: &Now,
        shown: &Presentation,
    ) -> Result<Option<Tapped>, TillError> {
        let Some(waiting) = txn.reads().binding_fetch(&shown.till)? else { return Ok(None) };
        let within =
            waiting.boot_id == now.boot_id && (0..BINDING_S * 1_000_000_000).contains(&(now.boot_ns - waiting.boot_ns));
        if !within {
            txn.binding_clear(&shown.till)?;
            return Ok(None);
        }
        let Some(token) = bindable(&txn.reads(), shown)? else { return Ok(None) };
        let row = self.card_known(&txn.reads(), waiting.card)?;
        txn.binding_clear(&shown.till)?;
        if row.deleted {
            return Ok(None);
        }
        let visit = VisitId(self.fresh_id(now.wall_ms));
        let mut what = Happening::new(EventKind::CredentialChanged, shown.actor.clone());
        what.reader = shown.reader.clone();
        self.bind_in_txn(txn, now, what, waiting.card, &token)?;
        let card = self.card_state_of(&txn.reads(), row)?;
        let mut view = view_begin(shown, Some(&token), visit, &txn.rule_time(now));
        view.outcome = "presented".to_owned();
        view.text = text::outcome(self.settings().language, &text::Outcome::Bound);
        view.customer_name = card.customer_name();
        view.card = Some(self.card_view_of(&txn.reads(), &card, now)?);
        txn.live_append(now, "tap.presented", Some(shown.till.as_str()), &json(&view))?;
        Ok(Some(Tapped { view, card: Some(waiting.card) }))
    }

    /// Binds the medium of `token`, and remembers what of it may not come again.
    pub fn bind_in_txn(
        &self,
        txn: &mut Txn<'_>,
        now: &Now,
        mut what: Happening,
        card: Serial,
        token: &Token,
    ) -> Result<(), TillError> {
        let Some(id) = credential_id(&token.claim) else { return Err(TillError::field("/code", "names no medium")) };
        let chip = if let Claim::Tag { chip, .. } = &token.claim { Some(*chip) } else { None };
        let (id, medium) = (id.to_vec(), token.medium);
        what.card = Some(card);
        what.medium = Some(medium);
        what.grade = Some(token.grade);
        what.details = details("bound", &id);
        let appended = self.happened_in_txn(txn, now, what)?;
        let created_ms = appended.event.hlc.ms();
        txn.credential_insert(&CredentialRow { id, card, medium, kid: None, chip, created_ms, revoked: false })?;
        if let Some(freshness) = &token.freshness {
            txn.proof_use(&freshness.proof, now)?;
            if let (Claim::Chip(chip), Some(counter)) = (&token.claim, freshness.counter) {
                txn.chip_counter_store(chip, counter)?;
            }
        }
        Ok(())
    }
}

/// The first of what is shown that can be bound: a chip, a tag or a printed code that has no card. `None` as soon as one of
/// them has its card: somebody else's visit is no binding.
fn bindable(reads: &Reads<'_>, shown: &Presentation) -> Result<Option<Token>, LedgerError> {
    let mut first = None;
    for token in shown.read.iter().flatten() {
        let free = match (token.medium, credential_id(&token.claim)) {
            (Medium::Ntag424 | Medium::Ndef | Medium::Uid | Medium::Barcode, Some(id)) => {
                match reads.credential_fetch(id)? {
                    Some(row) if !row.revoked => return Ok(None),
                    // A chip may change hands; a code that was revoked was perhaps copied.
                    Some(_) => matches!(token.medium, Medium::Ntag424 | Medium::Uid),
                    None => true,
                }
            }
            _ => false,
        };
        if free && first.is_none() {
            let fresh = match (&token.claim, token.freshness.as_ref().and_then(|freshness| freshness.counter)) {
                (Claim::Chip(chip), Some(counter)) => reads.chip_counter_fetch(chip)?.is_none_or(|last| counter > last),
                _ => true,
            };
            first = fresh.then(|| token.clone());
        }
    }
    Ok(first)
}

/// The id of the credential that a claim names, where it names one.
fn credential_id(claim: &Claim) -> Option<&[u8]> {
    match claim {
        Claim::Credential(id) | Claim::Tag { id, .. } => Some(&id.0),
        Claim::Chip(hash) => Some(hash),
        Claim::Serial(_) | Claim::Phone(_) => None,
    }
}

/// What an event says of a credential: its name, never its id.
pub(super) fn details(change: &str, id: &[u8]) -> Vec<(String, String)> {
    vec![("change".to_owned(), change.to_owned()), ("credential".to_owned(), credential_name(id))]
}

fn refused<T>(code: &str, title: &str, detail: &str) -> Outcome<T> {
    Outcome::Refused(Box::new(Problem::new(409, code, title, detail)))
}

fn card_deleted<T>() -> Outcome<T> {
    refused("card_deleted", "the card is deleted", "a deleted card takes no medium")
}

fn vanished(serial: Serial) -> TillError {
    LedgerError::Damaged(format!("a credential of card {serial} vanished")).into()
}
