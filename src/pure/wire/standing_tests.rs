//! Every snapshot reads back as it was; another version is not read, other bytes never panic.

use proptest::prelude::*;

use super::*;
use crate::pure::domain::entry::{Counters, CouponTerms, Lot, Pending, RewardLot};
use crate::pure::domain::{CouponId, EntryId};

/// A standing with every field set from a few numbers.
fn standing(n: &[i64], text: &str, bits: &[bool]) -> Standing {
    let at = |place: usize| n[place % n.len()];
    let count = |place: usize| at(place).saturating_abs();
    let flag = |place: usize| bits[place % bits.len()];
    let some = |place: usize| flag(place).then(|| at(place));
    let id = |place: usize| uuid::Uuid::from_u128(at(place) as u128);
    let day = |place: usize| DayCount { date: Date::constant(2026, 5, 1 + (place as i8)), count: at(place) };
    let lot = |place: usize| Lot { units: count(place), since_ms: at(place + 1), expires_ms: at(place + 2) };
    let reward = |place: usize| RewardLot {
        count: count(place),
        since_ms: at(place + 1),
        expires_ms: if flag(place) { i64::MAX } else { at(place + 2) },
        by: EventId(id(place)),
        name: text.to_owned(),
        units_each: count(place + 3),
    };
    let transaction = |place: usize| Transaction {
        event: EventId(id(place)),
        device: DeviceId(place as u32),
        visit: flag(place).then(|| VisitId(id(place + 1))),
        txn_id: flag(place + 1).then(|| text.to_owned()),
    };
    let terms = CouponTerms {
        name: text.to_owned(),
        value_minor: some(1),
        reward: None,
        valid_until_ms: some(2),
        entry: flag(3),
    };
    Standing {
        counters: Counters { earned: at(0), ltv_minor: at(1), visits: at(2), ..Counters::default() },
        lots: vec![lot(0), lot(1)],
        owed: at(3),
        pending: vec![Pending { award: EntryId(id(2)), matures_ms: at(4), lot: lot(3) }],
        rewards: vec![reward(0), reward(1)],
        held: vec![Held { sale: SaleId(id(5)), lots: vec![lot(4)], rewards: vec![reward(2)] }],
        coupons: vec![CouponState { id: CouponId(id(6)), terms, stage: CouponStage::ALL[(at(3) & 3) as usize] }],
        birthday: flag(1).then(|| BirthdayUse { date: day(3).date, transaction: transaction(3) }),
        day: flag(4).then(|| day(1)),
        hand: flag(5).then(|| day(2)),
        hand_of_managers: flag(6).then(|| day(3)),
        recent: vec![Recent {
            transaction: transaction(0),
            ms: at(1),
            units: at(2),
            visited: flag(6),
            ordered: flag(7),
        }],
        campaigns: vec![Joined { name: text.to_owned(), ends_ms: some(8) }],
        ..plain(n, bits)
    }
}

/// The numbers of a standing, without its lists.
fn plain(n: &[i64], bits: &[bool]) -> Standing {
    let at = |place: usize| n[place % n.len()];
    let flag = |place: usize| bits[place % bits.len()];
    let some = |place: usize| flag(place).then(|| at(place));
    Standing {
        debt: at(5),
        overdraft: at(6),
        claimed: at(7),
        next_goal: (at(8) as u32) >> 1,
        first_earned: flag(0),
        last_reward_lapsed: flag(2),
        last_base_ms: some(3),
        coupon_counts: CouponCounts {
            coupons_claimed: at(1),
            coupons_used: at(2),
            entry_claimed: at(3),
            entry_used: at(4),
        },
        last_earned_ms: some(9),
        last_redeemed_ms: some(10),
        last_reward_earned_ms: some(11),
        last_reward_redeemed_ms: some(12),
        last_visit_ms: some(13),
        last_activity_ms: some(14),
        inactive_ms: some(15),
        last_key: flag(6).then(|| FactKey {
            hlc: Hlc(at(4) as u64),
            device: DeviceId(7),
            incarnation: Incarnation(u32::MAX),
            seq: at(5) as u64,
            index: u16::MAX,
        }),
        facts: at(9).saturating_abs() as u64,
        ..Standing::default()
    }
}

proptest! {
    #[test]
    fn every_snapshot_reads_back(
        numbers in proptest::collection::vec(any::<i64>(), 16),
        text in "[a-z ]{1,12}",
        bits in proptest::collection::vec(any::<bool>(), 8),
        cut in any::<prop::sample::Index>(),
        with in any::<u8>(),
    ) {
        let standing = standing(&numbers, &text, &bits);
        let (card, other) = (Serial::from_random(7), Serial::from_random(8));
        let mut bytes = standing_bytes(card, &standing);
        prop_assert_eq!(standing_from(card, &bytes), Ok(Some(standing)));
        prop_assert_eq!(standing_from(other, &bytes), Err(StandingError::Changed));
        let place = cut.index(bytes.len());
        prop_assert_eq!(standing_from(card, &bytes[..place]), Err(StandingError::Changed));
        prop_assume!(bytes[place] != with);
        bytes[place] = with;
        prop_assert_eq!(standing_from(card, &bytes), Err(StandingError::Changed));
        prop_assert!(!standing_intact(card, &bytes));
    }
}

#[test]
fn a_new_card_is_small_and_another_version_is_not_read() {
    let card = Serial::from_random(7);
    let bytes = standing_bytes(card, &Standing::default());
    assert_eq!(bytes.len(), 9);
    assert_eq!(standing_from(card, &bytes), Ok(Some(Standing::default())));
    let version = |version: i64| MapWriter::default().int(0, version).done().encode();
    // The one before the checksum, which stands in ledgers that were written by it.
    assert_eq!(standing_from(card, &version(VERSION_BARE)), Ok(None));
    assert!(standing_intact(card, &version(VERSION_BARE)));
    assert_eq!(standing_from(card, &version(VERSION)), Err(StandingError::Changed));
    assert_eq!(standing_from(card, &[]), Err(StandingError::Changed));
    let mut later = version(VERSION + 1);
    later.extend_from_slice(&checksum(card, &later).to_le_bytes());
    assert_eq!(standing_from(card, &later), Ok(None));
    later[1] ^= 1;
    assert_eq!(standing_from(card, &later), Err(StandingError::Changed));
}
