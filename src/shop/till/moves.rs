//! What moves between cards and customers, and what ends a card: transfers, merges, coupons, deletion.

use super::command::Asked;
use super::posting::CardState;
use super::{Outcome, Till, TillError};
use crate::pure::domain::entry::{CouponTerms, Direction};
use crate::pure::domain::event::Happening;
use crate::pure::domain::standing::CouponState;
use crate::pure::domain::{Actor, CouponId, CustomerId, EventKind, Fact, Medium, Moment, Now, Posting, Serial};
use crate::pure::program::{Command, CouponAct};
use crate::pure::wire::lan::{
    CouponList, CouponPosted, CouponRequest, CouponView, CustomerView, PostedView, Problem, TransferView,
};
use crate::shop::ledger::{CardRow, LedgerError, Person, Reads, Txn};
use jiff::civil::Date;

/// Longest name of a coupon, characters.
const NAME_MAX: usize = 100;

impl Till {
    /// Moves balance and rewards to another card of the programme.
    pub fn card_transfer_in_txn(
        &self,
        txn: &mut Txn<'_>,
        now: &Now,
        actor: Actor,
        serial: Serial,
        to: Serial,
    ) -> Result<Outcome<TransferView>, TillError> {
        let target = self.target_card(txn, now, serial, to)?;
        let command = Command::Transfer { to: target.facts };
        match self.command_post_in_txn(txn, now, actor, serial, &command)? {
            Outcome::Refused(problem) => Ok(Outcome::Refused(problem)),
            Outcome::Done(PostedView { entries, card }) => {
                let to = self.card_view(&txn.reads(), to, now)?;
                let to = to.ok_or_else(|| LedgerError::Damaged("a transfer lost its card".to_owned()))?;
                Ok(Outcome::Done(TransferView { entries, card, to }))
            }
        }
    }

    /// The other card of a transfer, with what was due on it posted.
    fn target_card(&self, txn: &mut Txn<'_>, now: &Now, serial: Serial, to: Serial) -> Result<CardState, TillError> {
        let unknown = || TillError::field("/to", "no card has this serial");
        let own = self.card_known(&txn.reads(), serial)?;
        let target = self.card_state(&txn.reads(), to)?.ok_or_else(unknown)?;
        if target.row.programme != own.programme {
            let detail =
                format!("that card is of programme '{}', this one of '{}'", target.row.programme, own.programme);
            return Err(TillError::field("/to", detail));
        }
        self.jobs_in_txn(txn, now, target)
    }

    /// Makes two customers one: cards of a programme in which both have one are joined, the others change their owner, and
    /// what was not known of the person who stays is taken from the one who goes. All of it, or nothing.
    pub fn customers_merge_in_txn(
        &self,
        txn: &mut Txn<'_>,
        now: &Now,
        actor: Actor,
        stays: CustomerId,
        goes: CustomerId,
    ) -> Result<Outcome<CustomerView>, TillError> {
        if stays == goes {
            return Err(TillError::field("/from", "a customer cannot become one with itself"));
        }
        let unknown = || TillError::Unknown { code: "unknown_customer", detail: "no such customer".to_owned() };
        let kept = txn.reads().person_fetch(stays)?.ok_or_else(unknown)?;
        let gone =
            (txn.reads().person_fetch(goes)?).ok_or_else(|| TillError::field("/from", "no customer has this id"))?;
        let own = txn.reads().cards_of_customer(stays)?;
        let mut twins = Vec::new();
        let open = txn.reads().sales_open()?;
        for card in txn.reads().cards_of_customer(goes)? {
            if open.iter().any(|sale| sale.card == Some(card.serial)) {
                let detail = format!("a sale is open on card {}; complete or cancel it first", card.serial);
                let problem = Problem::new(409, "sale_state", "a sale is open", detail);
                return Ok(Outcome::Refused(Box::new(problem)));
            }
            let twin = own.iter().find(|other| other.programme == card.programme && !other.deleted);
            let twin = twin.filter(|_| !card.deleted).map(|twin| twin.serial);
            // All are asked before the first moves: a refusal is an answer, and leaves everything as it was.
            if let Some(into) = twin
                && let Some(refusal) = self.join_refused_in_txn(txn, now, &actor, &card, into)?
            {
                return Ok(Outcome::Refused(refusal));
            }
            twins.push((card, twin));
        }
        for (card, twin) in twins {
            match twin {
                Some(into) => self.cards_join_in_txn(txn, now, &actor, &card, into)?,
                None => self.owner_change_in_txn(txn, now, &actor, card.serial, stays)?,
            }
        }
        // A card that was joined belongs to its customer's books as well; its owner changes with the rest.
        for card in txn.reads().cards_of_customer(goes)? {
            txn.card_owner_store(card.serial, stays)?;
        }
        for (customer, name, other) in [(goes, "merged_into", stays), (stays, "merged_from", goes)] {
            let mut what = Happening::new(EventKind::CustomerChanged, actor.clone());
            what.customer = Some(customer);
            what.details = vec![(name.to_owned(), other.to_string())];
            self.happened_in_txn(txn, now, what)?;
        }
        txn.customer_absorb(goes, stays)?;
        txn.person_store(stays, &person_joined(kept.person, gone.person), now.wall_ms)?;
        let view = self.customer_view(&txn.reads(), stays, now)?;
        view.map(Outcome::Done).ok_or_else(|| LedgerError::Damaged(format!("customer {stays} vanished")).into())
    }

    /// The card that holds now what a card held: that one itself, or the one with which it was joined.
    pub(super) fn card_joined_with(&self, reads: &Reads<'_>, serial: Serial) -> Result<Serial, TillError> {
        let (mut serial, mut seen) = (serial, Vec::new());
        while let Some(card) = self.card_state(reads, serial)?.filter(|card| card.row.deleted) {
            let facts = card.entries(reads)?;
            let joined = facts.iter().rev().find_map(|fact| match &fact.entry.posting {
                Posting::Merge(moved) if moved.direction == Direction::Out => Some(moved.other),
                _ => None,
            });
            seen.push(serial);
            match joined.filter(|other| !seen.contains(other)) {
                Some(other) => serial = other,
                None => break,
            }
        }
        Ok(serial)
    }

    /// All facts of each card that was joined with the one of this history, and of those that were joined with them.
    pub(super) fn joined_facts(&self, reads: &Reads<'_>, history: &[Fact]) -> Result<Vec<Vec<Fact>>, TillError> {
        let came = |facts: &[Fact]| -> Vec<Serial> {
            let others = facts.iter().filter_map(|fact| match &fact.entry.posting {
                Posting::Merge(moved) if moved.direction == Direction::In => Some(moved.other),
                _ => None,
            });
            others.collect()
        };
        let (mut joined, mut seen, mut next) = (Vec::new(), Vec::new(), came(history));
        while let Some(serial) = next.pop() {
            if seen.contains(&serial) {
                continue;
            }
            seen.push(serial);
            if let Some(card) = self.card_state(reads, serial)? {
                let facts = card.entries(reads)?;
                next.extend(came(&facts));
                joined.push(facts);
            }
        }
        Ok(joined)
    }

    /// Why `card` cannot move to `into`, if so.
    fn join_refused_in_txn(
        &self,
        txn: &mut Txn<'_>,
        now: &Now,
        actor: &Actor,
        card: &CardRow,
        into: Serial,
    ) -> Result<Option<Box<Problem>>, TillError> {
        let command = Command::Merge { into: self.target_card(txn, now, card.serial, into)?.facts };
        Ok(self.judged_in_txn(txn, now, actor, card.serial, &command, &Asked::ENTRY)?.err())
    }

    /// Everything of `card` moves to `into`; the card ends. A refusal ends the whole merge.
    fn cards_join_in_txn(
        &self,
        txn: &mut Txn<'_>,
        now: &Now,
        actor: &Actor,
        card: &CardRow,
        into: Serial,
    ) -> Result<(), TillError> {
        let target = self.target_card(txn, now, card.serial, into)?;
        let command = Command::Merge { into: target.facts };
        match self.command_post_in_txn(txn, now, actor.clone(), card.serial, &command)? {
            Outcome::Refused(problem) => Err(TillError::Problem(problem)),
            Outcome::Done(_) => {
                self.media_follow_in_txn(txn, now, actor, card.serial, into)?;
                self.card_delete_in_txn(txn, now, actor.clone(), card.serial)
            }
        }
    }

    /// Fobs, tags and printed codes of a card that was joined to another name that one from now on: the customer still
    /// holds them. What a pass carries ends with its card.
    fn media_follow_in_txn(
        &self,
        txn: &mut Txn<'_>,
        now: &Now,
        actor: &Actor,
        card: Serial,
        into: Serial,
    ) -> Result<(), TillError> {
        let follows = |medium| matches!(medium, Medium::Ntag424 | Medium::Ndef | Medium::Uid | Medium::Number);
        let rows = txn.reads().credentials_of_card(card)?;
        for row in rows.into_iter().filter(|row| !row.revoked && follows(row.medium)) {
            for (serial, change) in [(card, "unbound"), (into, "bound")] {
                let mut what = Happening::new(EventKind::CredentialChanged, actor.clone());
                what.card = Some(serial);
                what.medium = Some(row.medium);
                what.details = vec![
                    ("change".to_owned(), change.to_owned()),
                    ("credential".to_owned(), super::view::credential_name(&row.id)),
                ];
                self.happened_in_txn(txn, now, what)?;
            }
            txn.credential_move(&row.id, into)?;
        }
        Ok(())
    }

    fn owner_change_in_txn(
        &self,
        txn: &mut Txn<'_>,
        now: &Now,
        actor: &Actor,
        serial: Serial,
        customer: CustomerId,
    ) -> Result<(), TillError> {
        let mut what = Happening::new(EventKind::CardChanged, actor.clone());
        what.card = Some(serial);
        what.customer = Some(customer);
        what.details = vec![("customer".to_owned(), customer.to_string())];
        self.happened_in_txn(txn, now, what)?;
        let revision = txn.card_owner_store(serial, customer)?;
        Ok(self.card_moved_in_txn(txn, now, serial, revision, EventKind::CardChanged)?)
    }

    /// Deletes a card for good; its books stay. One that is deleted already stays so.
    pub fn card_delete_in_txn(
        &self,
        txn: &mut Txn<'_>,
        now: &Now,
        actor: Actor,
        serial: Serial,
    ) -> Result<(), TillError> {
        let card = self.card_known(&txn.reads(), serial)?;
        if card.deleted {
            return Ok(());
        }
        // What has lapsed by now lapses now: no job looks at a deleted card.
        if let Some(state) = self.card_state(&txn.reads(), serial)? {
            self.jobs_in_txn(txn, now, state)?;
        }
        let mut what = Happening::new(EventKind::CardChanged, actor);
        what.card = Some(serial);
        what.details = vec![("deleted".to_owned(), true.to_string())];
        self.happened_in_txn(txn, now, what)?;
        let revision = txn.card_state_store(serial, true, card.blocked, card.expires_on)?;
        Ok(self.card_moved_in_txn(txn, now, serial, revision, EventKind::CardChanged)?)
    }

    /// Gives a card a coupon or entry reward.
    pub fn coupon_assign_in_txn(
        &self,
        txn: &mut Txn<'_>,
        now: &Now,
        actor: Actor,
        serial: Serial,
        request: &CouponRequest,
    ) -> Result<Outcome<CouponPosted>, TillError> {
        let name = request.name.trim();
        if name.is_empty() || name.chars().count() > NAME_MAX {
            return Err(TillError::field("/name", format!("1 to {NAME_MAX} characters")));
        }
        if request.reward.as_ref().is_some_and(|reward| reward.trim().is_empty() || reward.len() > 4 * NAME_MAX) {
            return Err(TillError::field("/reward", format!("1 to {NAME_MAX} characters")));
        }
        let valid_until_ms = match &request.valid_until {
            None => None,
            Some(text) => {
                let date: Date =
                    text.parse().map_err(|_| TillError::field("/valid_until", "a local date such as 2027-03-31"))?;
                Some(txn.rule_time(now).end_of_day_ms(date))
            }
        };
        let terms = CouponTerms {
            name: name.to_owned(),
            value_minor: request.value,
            reward: request.reward.clone(),
            valid_until_ms,
            entry: request.entry,
        };
        let coupon = CouponId(self.fresh_id(now.wall_ms));
        self.coupon_in_txn(txn, now, actor, serial, coupon, CouponAct::Assign(terms))
    }

    /// A later step of a coupon.
    pub fn coupon_step_in_txn(
        &self,
        txn: &mut Txn<'_>,
        now: &Now,
        actor: Actor,
        serial: Serial,
        coupon: CouponId,
        act: CouponAct,
    ) -> Result<Outcome<CouponPosted>, TillError> {
        let row = self.card_known(&txn.reads(), serial)?;
        let card = self.card_state_of(&txn.reads(), row)?;
        if !card.standing.coupons.iter().any(|state| state.id == coupon) {
            return Err(TillError::Unknown {
                code: "unknown_coupon",
                detail: "this card has no such coupon".to_owned(),
            });
        }
        self.coupon_in_txn(txn, now, actor, serial, coupon, act)
    }

    fn coupon_in_txn(
        &self,
        txn: &mut Txn<'_>,
        now: &Now,
        actor: Actor,
        serial: Serial,
        coupon: CouponId,
        act: CouponAct,
    ) -> Result<Outcome<CouponPosted>, TillError> {
        let command = Command::Coupon { coupon, act };
        match self.command_post_in_txn(txn, now, actor, serial, &command)? {
            Outcome::Refused(problem) => Ok(Outcome::Refused(problem)),
            Outcome::Done(PostedView { entries, card }) => {
                let coupons = self.coupon_list(&txn.reads(), serial, now)?.coupons;
                let id = coupon.to_string();
                let coupon = coupons.into_iter().find(|view| view.id == id);
                let coupon = coupon.ok_or_else(|| LedgerError::Damaged("a coupon vanished".to_owned()))?;
                Ok(Outcome::Done(CouponPosted { coupon, entries, card }))
            }
        }
    }

    /// The coupons of a card.
    pub fn coupon_list(&self, reads: &Reads<'_>, serial: Serial, now: &Now) -> Result<CouponList, TillError> {
        let card = self.card_state_of(reads, self.card_known(reads, serial)?)?;
        let coupons = card.standing.coupons.iter().map(|state| coupon_view(state, now)).collect();
        Ok(CouponList { coupons })
    }

    /// The problem that something was changed by another since it was read.
    pub(super) fn changed_meanwhile(&self, what: &str, revision: i64) -> TillError {
        let detail = format!("the {what} changed meanwhile (revision {revision}); read it again");
        TillError::Problem(Box::new(Problem::new(
            412,
            "revision_conflict",
            &format!("the {what} changed meanwhile"),
            detail,
        )))
    }
}

fn coupon_view(state: &CouponState, now: &Now) -> CouponView {
    let terms = &state.terms;
    CouponView {
        id: state.id.to_string(),
        name: terms.name.clone(),
        value: terms.value_minor,
        reward: terms.reward.clone(),
        valid_until: terms.valid_until_ms.map(|ms| Moment { ms, zone: now.zone.clone() }.rfc3339()),
        entry: terms.entry,
        stage: state.stage.name().to_owned(),
    }
}

/// What is known of one person from two records: the first one's word, else the second one's.
fn person_joined(kept: Person, gone: Person) -> Person {
    let email_known = kept.email.is_some();
    let birth_known = kept.birth_date.is_some();
    let filled = |own: String, other: String, empty: &str| if own == empty { other } else { own };
    Person {
        first_name: kept.first_name.or(gone.first_name),
        last_name: kept.last_name.or(gone.last_name),
        email: kept.email.or(gone.email),
        email_verified: if email_known { kept.email_verified } else { gone.email_verified },
        phone: kept.phone.or(gone.phone),
        birth_date: kept.birth_date.or(gone.birth_date),
        birth_known: if birth_known { kept.birth_known } else { gone.birth_known },
        language: kept.language.or(gone.language),
        telegram_id: kept.telegram_id.or(gone.telegram_id),
        groups: filled(kept.groups, gone.groups, "[]"),
        custom: filled(kept.custom, gone.custom, "{}"),
        utm: filled(kept.utm, gone.utm, "{}"),
        consents: filled(kept.consents, gone.consents, "{}"),
    }
}
