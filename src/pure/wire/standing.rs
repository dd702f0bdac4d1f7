//! The stored snapshot of a card's standing. It is a cache of the fold, in no hash chain: another [`VERSION`] than ours is
//! not read but folded anew. A CRC-32C over the card's serial and the snapshot ends it, so that a bit that flipped on the
//! disk is found when the card is read, and one card's snapshot is never taken for another's.

use jiff::civil::Date;

use super::cbor::{CborError, MapWriter, Value};
use super::checksum::crc32c;
use super::entry::*;
use crate::pure::domain::standing::*;
use crate::pure::domain::{DeviceId, EventId, FactKey, Hlc, Incarnation, SaleId, Serial, VisitId};

/// The version of this snapshot. It rises with every change of [`Standing`] and of the fold.
pub const VERSION: i64 = 3;

/// The last version without a checksum.
const VERSION_BARE: i64 = 1;

/// Why a snapshot is no standing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StandingError {
    /// The checksum is that of other bytes.
    #[error("its checksum does not fit: the bytes were changed on the disk")]
    Changed,
    /// The checksum fits and the snapshot cannot be read.
    #[error(transparent)]
    Unreadable(#[from] CborError),
}

/// The snapshot's bytes, for the card of that serial.
pub fn standing_bytes(serial: Serial, standing: &Standing) -> Vec<u8> {
    let mut bytes = snapshot(standing);
    let crc = checksum(serial, &bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    bytes
}

/// Whether the bytes are as they were written for the card of that serial; those of a version before the checksum are.
pub fn standing_intact(serial: Serial, bytes: &[u8]) -> bool {
    checked(serial, bytes).is_ok()
}

/// The bytes before the checksum; `None` where there is none yet.
fn checked(serial: Serial, bytes: &[u8]) -> Result<Option<&[u8]>, StandingError> {
    if let Some((snapshot, crc)) = bytes.split_last_chunk::<4>()
        && checksum(serial, snapshot) == u32::from_le_bytes(*crc)
    {
        return Ok(Some(snapshot));
    }
    let is_bare = Value::decode(bytes).and_then(|value| value.int(0)).is_ok_and(|version| version == VERSION_BARE);
    if is_bare { Ok(None) } else { Err(StandingError::Changed) }
}

fn checksum(serial: Serial, snapshot: &[u8]) -> u32 {
    crc32c(&[&serial.bits().to_be_bytes(), snapshot].concat())
}

fn snapshot(standing: &Standing) -> Vec<u8> {
    let mut map = MapWriter::default();
    map.int(0, VERSION)
        .put(1, counters_value(&standing.counters))
        .items(2, standing.lots.iter().map(lot_value).collect())
        .int_nonzero(3, standing.owed)
        .items(4, standing.pending.iter().map(pending_value).collect())
        .items(5, standing.rewards.iter().map(reward_value).collect())
        .items(6, standing.held.iter().map(held_value).collect())
        .int_nonzero(7, standing.debt)
        .int_nonzero(8, standing.overdraft)
        .int_nonzero(9, standing.claimed)
        .int_nonzero(10, i64::from(standing.next_goal))
        .flag(11, standing.first_earned);
    if let Some(birthday) = &standing.birthday {
        let mut used = MapWriter::default();
        used.str(0, &birthday.date.to_string()).put(1, transaction_value(&birthday.transaction));
        map.put(12, used.done());
    }
    map.flag(13, standing.last_reward_lapsed).int_opt(14, standing.last_base_ms);
    if let Some(day) = &standing.day {
        map.put(15, day_value(day));
    }
    if let Some(hand) = &standing.hand {
        map.put(16, day_value(hand));
    }
    map.items(17, standing.recent.iter().map(recent_value).collect())
        .items(18, standing.campaigns.iter().map(joined_value).collect())
        .items(19, standing.coupons.iter().map(coupon_state_value).collect());
    coupon_counts_fields(&mut map, 20, &standing.coupon_counts)
        .int_opt(24, standing.last_earned_ms)
        .int_opt(25, standing.last_redeemed_ms)
        .int_opt(26, standing.last_reward_earned_ms)
        .int_opt(27, standing.last_reward_redeemed_ms)
        .int_opt(28, standing.last_visit_ms)
        .int_opt(29, standing.last_activity_ms)
        .int_opt(30, standing.inactive_ms);
    if let Some(key) = &standing.last_key {
        map.put(31, key_value(key));
    }
    map.int_nonzero(32, standing.facts.min(i64::MAX as u64) as i64);
    if let Some(hand) = &standing.hand_of_managers {
        map.put(33, day_value(hand));
    }
    map.done().encode()
}

/// The standing of a snapshot that was written for the card of that serial; `Ok(None)` for one of another version.
///
/// # Errors
/// Bytes that were not written so, as [`StandingError`] tells.
pub fn standing_from(serial: Serial, bytes: &[u8]) -> Result<Option<Standing>, StandingError> {
    let Some(snapshot) = checked(serial, bytes)? else { return Ok(None) };
    let value = &Value::decode(snapshot)?;
    if value.int(0)? != VERSION {
        return Ok(None);
    }
    Ok(Some(standing_of(value)?))
}

fn standing_of(value: &Value) -> Result<Standing, CborError> {
    let number = |key| Ok(value.int_opt(key)?.unwrap_or(0));
    let birthday = match value.field(12) {
        Value::Null => None,
        used => Some(BirthdayUse { date: date(used, 0)?, transaction: transaction_from(used.field(1))? }),
    };
    Ok(Standing {
        counters: counters_from(value.field(1))?,
        lots: all(value, 2, lot_from)?,
        owed: number(3)?,
        pending: all(value, 4, pending_from)?,
        rewards: all(value, 5, reward_from)?,
        held: all(value, 6, held_from)?,
        debt: number(7)?,
        overdraft: number(8)?,
        claimed: number(9)?,
        next_goal: u32::try_from(number(10)?).map_err(|_| CborError::Field(10))?,
        first_earned: value.bool(11)?,
        birthday,
        last_reward_lapsed: value.bool(13)?,
        last_base_ms: value.int_opt(14)?,
        day: day_from(value.field(15))?,
        hand: day_from(value.field(16))?,
        hand_of_managers: day_from(value.field(33))?,
        recent: all(value, 17, recent_from)?,
        campaigns: all(value, 18, joined_from)?,
        coupons: all(value, 19, coupon_state_from)?,
        coupon_counts: coupon_counts_from(value, 20)?,
        last_earned_ms: value.int_opt(24)?,
        last_redeemed_ms: value.int_opt(25)?,
        last_reward_earned_ms: value.int_opt(26)?,
        last_reward_redeemed_ms: value.int_opt(27)?,
        last_visit_ms: value.int_opt(28)?,
        last_activity_ms: value.int_opt(29)?,
        inactive_ms: value.int_opt(30)?,
        last_key: match value.field(31) {
            Value::Null => None,
            key => Some(key_from(key)?),
        },
        facts: u64::try_from(number(32)?).map_err(|_| CborError::Field(32))?,
    })
}

fn all<T>(value: &Value, key: u64, read: fn(&Value) -> Result<T, CborError>) -> Result<Vec<T>, CborError> {
    value.items(key)?.iter().map(read).collect()
}

fn held_value(held: &Held) -> Value {
    let mut map = MapWriter::default();
    map.bytes(0, held.sale.0.as_bytes())
        .items(1, held.lots.iter().map(lot_value).collect())
        .items(2, held.rewards.iter().map(reward_value).collect());
    map.done()
}

fn held_from(value: &Value) -> Result<Held, CborError> {
    Ok(Held { sale: SaleId(id(value, 0)?), lots: all(value, 1, lot_from)?, rewards: all(value, 2, reward_from)? })
}

fn transaction_value(transaction: &Transaction) -> Value {
    let mut map = MapWriter::default();
    map.bytes(0, transaction.event.0.as_bytes())
        .int(1, i64::from(transaction.device.0))
        .bytes_opt(2, transaction.visit.as_ref().map(|visit| visit.0.as_bytes().as_slice()))
        .str_opt(3, transaction.txn_id.as_deref());
    map.done()
}

fn transaction_from(value: &Value) -> Result<Transaction, CborError> {
    Ok(Transaction {
        event: EventId(id(value, 0)?),
        device: DeviceId(small(value, 1)?),
        visit: id_opt(value, 2)?.map(VisitId),
        txn_id: value.str_opt(3)?.map(str::to_owned),
    })
}

fn recent_value(recent: &Recent) -> Value {
    let mut map = MapWriter::default();
    map.put(0, transaction_value(&recent.transaction))
        .int(1, recent.ms)
        .int_nonzero(2, recent.units)
        .flag(3, recent.visited)
        .flag(4, recent.ordered);
    map.done()
}

fn recent_from(value: &Value) -> Result<Recent, CborError> {
    Ok(Recent {
        transaction: transaction_from(value.field(0))?,
        ms: value.int(1)?,
        units: value.int_opt(2)?.unwrap_or(0),
        visited: value.bool(3)?,
        ordered: value.bool(4)?,
    })
}

fn joined_value(joined: &Joined) -> Value {
    let mut map = MapWriter::default();
    map.str(0, &joined.name).int_opt(1, joined.ends_ms);
    map.done()
}

fn joined_from(value: &Value) -> Result<Joined, CborError> {
    Ok(Joined { name: value.str(0)?.to_owned(), ends_ms: value.int_opt(1)? })
}

fn day_value(day: &DayCount) -> Value {
    let mut map = MapWriter::default();
    map.str(0, &day.date.to_string()).int(1, day.count);
    map.done()
}

fn day_from(value: &Value) -> Result<Option<DayCount>, CborError> {
    match value {
        Value::Null => Ok(None),
        day => Ok(Some(DayCount { date: date(day, 0)?, count: day.int(1)? })),
    }
}

fn key_value(key: &FactKey) -> Value {
    let mut map = MapWriter::default();
    map.bytes(0, &key.hlc.0.to_be_bytes())
        .int(1, i64::from(key.device.0))
        .int(2, i64::from(key.incarnation.0))
        .bytes(3, &key.seq.to_be_bytes())
        .int(4, i64::from(key.index));
    map.done()
}

fn key_from(value: &Value) -> Result<FactKey, CborError> {
    Ok(FactKey {
        hlc: Hlc(u64::from_be_bytes(value.bytes(0)?)),
        device: DeviceId(small(value, 1)?),
        incarnation: Incarnation(small(value, 2)?),
        seq: u64::from_be_bytes(value.bytes(3)?),
        index: u16::try_from(value.int(4)?).map_err(|_| CborError::Field(4))?,
    })
}

fn small(value: &Value, key: u64) -> Result<u32, CborError> {
    u32::try_from(value.int(key)?).map_err(|_| CborError::Field(key))
}

fn date(value: &Value, key: u64) -> Result<Date, CborError> {
    value.str(key)?.parse().map_err(|_| CborError::Field(key))
}

#[cfg(test)]
#[path = "standing_tests.rs"]
mod tests;
