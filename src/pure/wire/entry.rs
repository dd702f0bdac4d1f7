//! Canonical bytes of entries: part of an event's hash chain, so one entry has exactly one encoding for ever. Numbers of
//! kinds and fields are never used again for something else; a new field takes a new number and leaves no trace where it
//! is absent. [`VERSION`] rises only if that should not suffice.

use uuid::Uuid;

use super::cbor::{CborError, MapWriter, Value};
use crate::pure::domain::entry::*;
use crate::pure::domain::reason::{Reason, RemoveReason};
use crate::pure::domain::standing::{CouponCounts, CouponStage, CouponState};
use crate::pure::domain::{CouponId, Entry, EntryId, EventId, Posting, RuleVersion, SaleId, Serial};

/// The version of this codec, the first field of each entry.
pub const VERSION: i64 = 1;

/// An entry as a canonical value.
pub fn entry_value(entry: &Entry) -> Value {
    let mut map = MapWriter::default();
    map.int(0, VERSION)
        .bytes(1, entry.id.0.as_bytes())
        .int(2, entry.card.bits() as i64)
        .int(3, i64::from(entry.rule.0))
        .put(4, posting_value(&entry.posting));
    map.done()
}

/// The entry of a canonical value.
///
/// # Errors
/// A version or kind that this codec does not know is [`CborError::Unsupported`], a field of another type
/// [`CborError::Field`].
pub fn entry_from(value: &Value) -> Result<Entry, CborError> {
    if value.int(0)? != VERSION {
        return Err(CborError::Unsupported);
    }
    Ok(Entry {
        id: EntryId(id(value, 1)?),
        card: serial(value, 2)?,
        rule: RuleVersion(u32::try_from(value.int(3)?).map_err(|_| CborError::Field(3))?),
        posting: posting_from(value.field(4))?,
    })
}

/// The numbers of the kinds of posting.
mod kind {
    pub(super) const AWARD: i64 = 1;
    pub(super) const BONUS: i64 = 2;
    pub(super) const ADJUST: i64 = 3;
    pub(super) const REMOVE_VISITS: i64 = 4;
    pub(super) const REFUND: i64 = 5;
    pub(super) const REDEEM: i64 = 6;
    pub(super) const REINSTATE: i64 = 7;
    pub(super) const REWARD_ADD: i64 = 8;
    pub(super) const REWARD_REMOVE: i64 = 9;
    pub(super) const HOLD: i64 = 10;
    pub(super) const RELEASE: i64 = 11;
    pub(super) const EXPIRE: i64 = 12;
    pub(super) const MATURE: i64 = 13;
    pub(super) const TRANSFER: i64 = 14;
    pub(super) const MERGE: i64 = 15;
    pub(super) const OPENING: i64 = 16;
    pub(super) const COUPON: i64 = 17;
    pub(super) const VOID: i64 = 18;
}

/// A posting as a canonical value: field 0 is its kind.
pub fn posting_value(posting: &Posting) -> Value {
    let mut map = MapWriter::default();
    match posting {
        Posting::Award(award) => award_fields(map.int(0, kind::AWARD), award),
        Posting::Bonus(bonus) => {
            let (number, card, name) = match &bonus.kind {
                BonusKind::First => (1, None, None),
                BonusKind::Birthday => (2, None, None),
                BonusKind::Referrer { friend } => (3, Some(friend), None),
                BonusKind::Friend { referrer } => (4, Some(referrer), None),
                BonusKind::Campaign { name } => (5, None, Some(name.as_str())),
            };
            map.int(0, kind::BONUS).int(1, number).int(2, bonus.units).int_opt(3, bonus.expires_ms);
            map.int_opt(4, card.map(|serial| serial.bits() as i64)).str_opt(5, name)
        }
        Posting::Adjust(adjust) => map
            .int(0, kind::ADJUST)
            .int(1, adjust.value)
            .int_opt(2, adjust.purchase_minor)
            .str(3, adjust.reason.name())
            .int_opt(4, adjust.expires_ms),
        Posting::RemoveVisits { visits, units } => map.int(0, kind::REMOVE_VISITS).int(1, *visits).int(2, *units),
        Posting::Refund(refund) => map
            .int(0, kind::REFUND)
            .bytes_opt(1, refund.of.as_ref().map(|of| of.0.as_bytes().as_slice()))
            .bytes_opt(2, refund.award.as_ref().map(|award| award.0.as_bytes().as_slice()))
            .flag(3, refund.typed)
            .int(4, refund.amount_minor)
            .int(5, refund.earning_minor)
            .int(6, refund.due)
            .int(7, refund.left_before_minor),
        Posting::Redeem(taken) => map
            .int(0, kind::REDEEM)
            .int_nonzero(1, taken.units)
            .int_nonzero(2, taken.rewards)
            .str_opt(3, taken.reward.as_deref())
            .int_nonzero(4, taken.discount_minor)
            .int(5, taken.bill_minor),
        Posting::Reinstate(back) => map
            .int(0, kind::REINSTATE)
            .bytes(1, back.of.0.as_bytes())
            .items(2, back.lots.iter().map(lot_value).collect())
            .items(3, back.rewards.iter().map(reward_value).collect()),
        Posting::RewardAdd { count, amount_minor } => map.int(0, kind::REWARD_ADD).int(1, *count).int(2, *amount_minor),
        Posting::RewardRemove { count, amount_minor, why } => {
            map.int(0, kind::REWARD_REMOVE).int(1, *count).int(2, *amount_minor).str(3, why.name())
        }
        Posting::Hold { sale, units, rewards, reward } => map
            .int(0, kind::HOLD)
            .bytes(1, sale.0.as_bytes())
            .int_nonzero(2, *units)
            .int_nonzero(3, *rewards)
            .str_opt(4, reward.as_deref()),
        Posting::Release { sale } => map.int(0, kind::RELEASE).bytes(1, sale.0.as_bytes()),
        Posting::Expire { until_ms, units, rewards, cause } => map
            .int(0, kind::EXPIRE)
            .int(1, *until_ms)
            .int(2, *units)
            .int(3, *rewards)
            .flag(4, *cause == Lapse::Inactivity),
        Posting::Mature { until_ms, units } => map.int(0, kind::MATURE).int(1, *until_ms).int(2, *units),
        Posting::Transfer(moved) => moved_fields(map.int(0, kind::TRANSFER), moved),
        Posting::Merge(moved) => moved_fields(map.int(0, kind::MERGE), moved),
        Posting::Opening(carried) => map.int(0, kind::OPENING).put(1, carried_value(carried)),
        Posting::Coupon { coupon, step } => coupon_fields(&mut map, *coupon, step),
        Posting::Void { event } => map.int(0, kind::VOID).bytes(1, event.0.as_bytes()),
    };
    map.done()
}

/// The posting of a canonical value.
///
/// # Errors
/// As [`entry_from`].
pub fn posting_from(value: &Value) -> Result<Posting, CborError> {
    Ok(match value.int(0)? {
        kind::AWARD => Posting::Award(award_from(value)?),
        kind::BONUS => Posting::Bonus(bonus_from(value)?),
        kind::ADJUST => Posting::Adjust(Adjust {
            value: value.int(1)?,
            purchase_minor: value.int_opt(2)?,
            reason: Reason::from_name(value.str(3)?).ok_or(CborError::Unsupported)?,
            expires_ms: value.int_opt(4)?,
        }),
        kind::REMOVE_VISITS => Posting::RemoveVisits { visits: count(value, 1)?, units: count(value, 2)? },
        kind::REFUND => Posting::Refund(Refund {
            of: id_opt(value, 1)?.map(EventId),
            award: id_opt(value, 2)?.map(EntryId),
            typed: value.bool(3)?,
            amount_minor: count(value, 4)?,
            earning_minor: count(value, 5)?,
            due: count(value, 6)?,
            left_before_minor: value.int(7)?,
        }),
        kind::REDEEM => Posting::Redeem(Redemption {
            units: count_or_0(value, 1)?,
            rewards: count_or_0(value, 2)?,
            reward: value.str_opt(3)?.map(str::to_owned),
            discount_minor: count_or_0(value, 4)?,
            bill_minor: count(value, 5)?,
        }),
        kind::REINSTATE => Posting::Reinstate(Reinstatement {
            of: EventId(id(value, 1)?),
            lots: value.items(2)?.iter().map(lot_from).collect::<Result<_, _>>()?,
            rewards: value.items(3)?.iter().map(reward_from).collect::<Result<_, _>>()?,
        }),
        kind::REWARD_ADD => Posting::RewardAdd { count: count(value, 1)?, amount_minor: count(value, 2)? },
        kind::REWARD_REMOVE => Posting::RewardRemove {
            count: count(value, 1)?,
            amount_minor: count(value, 2)?,
            why: RemoveReason::from_name(value.str(3)?).ok_or(CborError::Unsupported)?,
        },
        kind::HOLD => Posting::Hold {
            sale: SaleId(id(value, 1)?),
            units: count_or_0(value, 2)?,
            rewards: count_or_0(value, 3)?,
            reward: value.str_opt(4)?.map(str::to_owned),
        },
        kind::RELEASE => Posting::Release { sale: SaleId(id(value, 1)?) },
        kind::EXPIRE => Posting::Expire {
            until_ms: value.int(1)?,
            units: count(value, 2)?,
            rewards: count(value, 3)?,
            cause: if value.bool(4)? { Lapse::Inactivity } else { Lapse::Day },
        },
        kind::MATURE => Posting::Mature { until_ms: value.int(1)?, units: count(value, 2)? },
        kind::TRANSFER => Posting::Transfer(moved_from(value)?),
        kind::MERGE => Posting::Merge(moved_from(value)?),
        kind::OPENING => Posting::Opening(carried_from(value.field(1))?),
        kind::COUPON => coupon_from(value)?,
        kind::VOID => Posting::Void { event: EventId(id(value, 1)?) },
        _ => return Err(CborError::Unsupported),
    })
}

fn award_fields<'a>(map: &'a mut MapWriter, award: &Award) -> &'a mut MapWriter {
    let source = match award.source {
        AwardSource::Tap => 1,
        AwardSource::Stamps => 2,
        AwardSource::Purchase => 3,
        AwardSource::Sale => 4,
    };
    map.int(1, source)
        .int(2, award.units)
        .int_nonzero(3, award.amount_minor)
        .int_nonzero(4, award.earning_minor)
        .int_nonzero(5, award.item_units)
        .put(6, terms_value(&award.terms))
        .int_opt(7, award.matures_ms)
        .int_opt(8, award.expires_ms)
        .str_opt(9, award.tier.as_deref())
        .items(10, award.campaigns.iter().map(Value::text).collect())
        .int_nonzero(11, award.before_in_transaction)
        .int_nonzero(12, award.before_in_day)
}

fn award_from(value: &Value) -> Result<Award, CborError> {
    let source = match value.int(1)? {
        1 => AwardSource::Tap,
        2 => AwardSource::Stamps,
        3 => AwardSource::Purchase,
        4 => AwardSource::Sale,
        _ => return Err(CborError::Unsupported),
    };
    let campaigns = value.items(10)?.iter().map(|item| match item {
        Value::Text(name) => Ok(name.clone()),
        _ => Err(CborError::Field(10)),
    });
    Ok(Award {
        source,
        units: count(value, 2)?,
        amount_minor: count_or_0(value, 3)?,
        earning_minor: count_or_0(value, 4)?,
        item_units: count_or_0(value, 5)?,
        terms: terms_from(value.field(6))?,
        matures_ms: value.int_opt(7)?,
        expires_ms: value.int_opt(8)?,
        tier: value.str_opt(9)?.map(str::to_owned),
        campaigns: campaigns.collect::<Result<_, _>>()?,
        before_in_transaction: value.int_opt(11)?.unwrap_or(0),
        before_in_day: value.int_opt(12)?.unwrap_or(0),
    })
}

fn terms_value(terms: &Terms) -> Value {
    let mut map = MapWriter::default();
    match terms {
        Terms::Nothing => map.int(0, 0),
        Terms::Fixed => map.int(0, 1),
        Terms::Rate { num, den, rounding } => {
            map.int(0, 2).int(1, *num).int(2, *den).flag(3, *rounding == Rounding::HalfUp)
        }
        Terms::Steps { step_minor, units_per_step, carried_minor } => {
            map.int(0, 3).int(1, *step_minor).int(2, *units_per_step).int_opt(3, *carried_minor)
        }
    };
    map.done()
}

fn terms_from(value: &Value) -> Result<Terms, CborError> {
    Ok(match value.int(0)? {
        0 => Terms::Nothing,
        1 => Terms::Fixed,
        2 => Terms::Rate {
            num: count(value, 1)?,
            den: count(value, 2)?,
            rounding: if value.bool(3)? { Rounding::HalfUp } else { Rounding::Down },
        },
        3 => Terms::Steps {
            step_minor: count(value, 1)?,
            units_per_step: count(value, 2)?,
            carried_minor: value.int_opt(3)?,
        },
        _ => return Err(CborError::Unsupported),
    })
}

fn bonus_from(value: &Value) -> Result<Bonus, CborError> {
    let kind = match value.int(1)? {
        1 => BonusKind::First,
        2 => BonusKind::Birthday,
        3 => BonusKind::Referrer { friend: serial(value, 4)? },
        4 => BonusKind::Friend { referrer: serial(value, 4)? },
        5 => BonusKind::Campaign { name: value.str(5)?.to_owned() },
        _ => return Err(CborError::Unsupported),
    };
    Ok(Bonus { kind, units: count(value, 2)?, expires_ms: value.int_opt(3)? })
}

fn coupon_fields<'a>(map: &'a mut MapWriter, coupon: CouponId, step: &CouponStep) -> &'a mut MapWriter {
    map.int(0, kind::COUPON).bytes(1, coupon.0.as_bytes());
    match step {
        CouponStep::Assigned(terms) => map.int(2, 1).put(3, coupon_terms_value(terms)),
        CouponStep::Claimed => map.int(2, 2),
        CouponStep::Used => map.int(2, 3),
        CouponStep::Voided => map.int(2, 4),
    }
}

fn coupon_from(value: &Value) -> Result<Posting, CborError> {
    let step = match value.int(2)? {
        1 => CouponStep::Assigned(coupon_terms_from(value.field(3))?),
        2 => CouponStep::Claimed,
        3 => CouponStep::Used,
        4 => CouponStep::Voided,
        _ => return Err(CborError::Unsupported),
    };
    Ok(Posting::Coupon { coupon: CouponId(id(value, 1)?), step })
}

pub(super) fn coupon_terms_value(terms: &CouponTerms) -> Value {
    let mut map = MapWriter::default();
    map.str(0, &terms.name)
        .int_opt(1, terms.value_minor)
        .str_opt(2, terms.reward.as_deref())
        .int_opt(3, terms.valid_until_ms)
        .flag(4, terms.entry);
    map.done()
}

pub(super) fn coupon_terms_from(value: &Value) -> Result<CouponTerms, CborError> {
    Ok(CouponTerms {
        name: value.str(0)?.to_owned(),
        value_minor: value.int_opt(1)?,
        reward: value.str_opt(2)?.map(str::to_owned),
        valid_until_ms: value.int_opt(3)?,
        entry: value.bool(4)?,
    })
}

pub(super) fn coupon_state_value(coupon: &CouponState) -> Value {
    let mut map = MapWriter::default();
    map.bytes(0, coupon.id.0.as_bytes()).put(1, coupon_terms_value(&coupon.terms)).str(2, coupon.stage.name());
    map.done()
}

pub(super) fn coupon_state_from(value: &Value) -> Result<CouponState, CborError> {
    let stage = CouponStage::ALL.into_iter().find(|stage| Ok(stage.name()) == value.str(2));
    Ok(CouponState {
        id: CouponId(id(value, 0)?),
        terms: coupon_terms_from(value.field(1))?,
        stage: stage.ok_or(CborError::Field(2))?,
    })
}

/// Four counts under `key` and the three after it.
pub(super) fn coupon_counts_fields<'a>(map: &'a mut MapWriter, key: u64, counts: &CouponCounts) -> &'a mut MapWriter {
    map.int_nonzero(key, counts.coupons_claimed)
        .int_nonzero(key + 1, counts.coupons_used)
        .int_nonzero(key + 2, counts.entry_claimed)
        .int_nonzero(key + 3, counts.entry_used)
}

pub(super) fn coupon_counts_from(value: &Value, key: u64) -> Result<CouponCounts, CborError> {
    let number = |key| Ok(value.int_opt(key)?.unwrap_or(0));
    Ok(CouponCounts {
        coupons_claimed: number(key)?,
        coupons_used: number(key + 1)?,
        entry_claimed: number(key + 2)?,
        entry_used: number(key + 3)?,
    })
}

fn moved_fields<'a>(map: &'a mut MapWriter, moved: &Moved) -> &'a mut MapWriter {
    map.flag(1, moved.direction == Direction::Out)
        .int(2, moved.other.bits() as i64)
        .put(3, carried_value(&moved.carried))
}

fn moved_from(value: &Value) -> Result<Moved, CborError> {
    Ok(Moved {
        direction: if value.bool(1)? { Direction::Out } else { Direction::In },
        other: serial(value, 2)?,
        carried: carried_from(value.field(3))?,
    })
}

fn carried_value(carried: &Carried) -> Value {
    let mut map = MapWriter::default();
    map.items(0, carried.lots.iter().map(lot_value).collect())
        .int_nonzero(1, carried.owed)
        .items(2, carried.pending.iter().map(pending_value).collect())
        .items(3, carried.rewards.iter().map(reward_value).collect())
        .int_nonzero(4, carried.debt)
        .int_nonzero(5, carried.overdraft)
        .put(6, counters_value(&carried.counters))
        .flag(7, carried.first_earned)
        .items(8, carried.coupons.iter().map(coupon_state_value).collect());
    coupon_counts_fields(&mut map, 9, &carried.coupon_counts)
        .int_opt(13, carried.last.earned_ms)
        .int_opt(14, carried.last.redeemed_ms)
        .int_opt(15, carried.last.reward_earned_ms)
        .int_opt(16, carried.last.reward_redeemed_ms)
        .int_opt(17, carried.last.visit_ms)
        .done()
}

fn carried_from(value: &Value) -> Result<Carried, CborError> {
    Ok(Carried {
        lots: value.items(0)?.iter().map(lot_from).collect::<Result<_, _>>()?,
        owed: count_or_0(value, 1)?,
        pending: value.items(2)?.iter().map(pending_from).collect::<Result<_, _>>()?,
        rewards: value.items(3)?.iter().map(reward_from).collect::<Result<_, _>>()?,
        debt: count_or_0(value, 4)?,
        overdraft: count_or_0(value, 5)?,
        counters: counters_from(value.field(6))?,
        first_earned: value.bool(7)?,
        coupons: value.items(8)?.iter().map(coupon_state_from).collect::<Result<_, _>>()?,
        coupon_counts: coupon_counts_from(value, 9)?,
        last: LastMoments {
            earned_ms: value.int_opt(13)?,
            redeemed_ms: value.int_opt(14)?,
            reward_earned_ms: value.int_opt(15)?,
            reward_redeemed_ms: value.int_opt(16)?,
            visit_ms: value.int_opt(17)?,
        },
    })
}

pub(super) fn counters_value(counters: &Counters) -> Value {
    let mut map = MapWriter::default();
    map.int_nonzero(0, counters.earned)
        .int_nonzero(1, counters.redeemed)
        .int_nonzero(2, counters.expired)
        .int_nonzero(3, counters.qualifying)
        .int_nonzero(4, counters.tx_amount_minor)
        .int_nonzero(5, counters.stepped_minor)
        .int_nonzero(6, counters.ltv_minor)
        .int_nonzero(7, counters.visits)
        .int_nonzero(8, counters.orders)
        .int_nonzero(9, counters.rewards_earned)
        .int_nonzero(10, counters.rewards_redeemed)
        .int_nonzero(11, counters.rewards_expired)
        .int_nonzero(12, counters.referral_earned)
        .int_nonzero(13, counters.shortfall);
    map.done()
}

pub(super) fn counters_from(value: &Value) -> Result<Counters, CborError> {
    let number = |key| Ok(value.int_opt(key)?.unwrap_or(0));
    Ok(Counters {
        earned: number(0)?,
        redeemed: number(1)?,
        expired: number(2)?,
        qualifying: number(3)?,
        tx_amount_minor: number(4)?,
        stepped_minor: number(5)?,
        ltv_minor: number(6)?,
        visits: number(7)?,
        orders: number(8)?,
        rewards_earned: number(9)?,
        rewards_redeemed: number(10)?,
        rewards_expired: number(11)?,
        referral_earned: number(12)?,
        shortfall: number(13)?,
    })
}

pub(super) fn lot_value(lot: &Lot) -> Value {
    let mut map = MapWriter::default();
    map.int(0, lot.units).int(1, lot.since_ms).int_opt(2, ends(lot.expires_ms));
    map.done()
}

pub(super) fn lot_from(value: &Value) -> Result<Lot, CborError> {
    Ok(Lot { units: count(value, 0)?, since_ms: value.int(1)?, expires_ms: value.int_opt(2)?.unwrap_or(i64::MAX) })
}

pub(super) fn reward_value(lot: &RewardLot) -> Value {
    let mut map = MapWriter::default();
    map.int(0, lot.count)
        .int(1, lot.since_ms)
        .int_opt(2, ends(lot.expires_ms))
        .bytes(3, lot.by.0.as_bytes())
        .str(4, &lot.name)
        .int_nonzero(5, lot.units_each);
    map.done()
}

pub(super) fn reward_from(value: &Value) -> Result<RewardLot, CborError> {
    Ok(RewardLot {
        count: count(value, 0)?,
        since_ms: value.int(1)?,
        expires_ms: value.int_opt(2)?.unwrap_or(i64::MAX),
        by: EventId(id(value, 3)?),
        name: value.str(4)?.to_owned(),
        units_each: count_or_0(value, 5)?,
    })
}

pub(super) fn pending_value(pending: &Pending) -> Value {
    let mut map = MapWriter::default();
    map.bytes(0, pending.award.0.as_bytes()).int(1, pending.matures_ms).put(2, lot_value(&pending.lot));
    map.done()
}

pub(super) fn pending_from(value: &Value) -> Result<Pending, CborError> {
    Ok(Pending { award: EntryId(id(value, 0)?), matures_ms: value.int(1)?, lot: lot_from(value.field(2))? })
}

/// What never ends leaves no trace.
fn ends(expires_ms: i64) -> Option<i64> {
    (expires_ms != i64::MAX).then_some(expires_ms)
}

pub(super) fn id(value: &Value, key: u64) -> Result<Uuid, CborError> {
    value.bytes::<16>(key).map(Uuid::from_bytes)
}

pub(super) fn id_opt(value: &Value, key: u64) -> Result<Option<Uuid>, CborError> {
    Ok(value.bytes_opt::<16>(key)?.map(Uuid::from_bytes))
}

fn serial(value: &Value, key: u64) -> Result<Serial, CborError> {
    let bits = u64::try_from(value.int(key)?).map_err(|_| CborError::Field(key))?;
    if bits >> 60 == 0 { Ok(Serial::from_random(bits)) } else { Err(CborError::Field(key)) }
}

/// A number that is never negative.
pub(super) fn count(value: &Value, key: u64) -> Result<i64, CborError> {
    let number = value.int(key)?;
    if number >= 0 { Ok(number) } else { Err(CborError::Field(key)) }
}

fn count_or_0(value: &Value, key: u64) -> Result<i64, CborError> {
    if *value.field(key) == Value::Null { Ok(0) } else { count(value, key) }
}

#[cfg(test)]
#[path = "entry_tests.rs"]
mod tests;
