//! Every posting reads back as it was, other bytes are refused, and the bytes of each kind never change.

use proptest::prelude::*;

use super::*;

fn units() -> impl Strategy<Value = i64> {
    prop_oneof![0i64..100, 0..=i64::MAX]
}

fn ids() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

fn names() -> impl Strategy<Value = String> {
    "[a-z_0-9]{1,12}"
}

fn some_lots() -> impl Strategy<Value = Vec<Lot>> {
    let lot = (units(), any::<i64>(), any::<i64>());
    let lot = lot.prop_map(|(units, since_ms, expires_ms)| Lot { units, since_ms, expires_ms });
    proptest::collection::vec(lot, 0..3)
}

fn some_rewards() -> impl Strategy<Value = Vec<RewardLot>> {
    let lot = (units(), any::<i64>(), any::<i64>(), ids(), names(), units());
    let lot = lot.prop_map(|(count, since_ms, expires_ms, by, name, units_each)| RewardLot {
        count,
        since_ms,
        expires_ms,
        by: EventId(by),
        name,
        units_each,
    });
    proptest::collection::vec(lot, 0..3)
}

fn terms() -> impl Strategy<Value = Terms> {
    let rounding = prop_oneof![Just(Rounding::Down), Just(Rounding::HalfUp)];
    prop_oneof![
        Just(Terms::Nothing),
        Just(Terms::Fixed),
        (units(), units(), rounding).prop_map(|(num, den, rounding)| Terms::Rate { num, den, rounding }),
        (units(), units(), any::<Option<i64>>()).prop_map(|(step_minor, units_per_step, carried_minor)| Terms::Steps {
            step_minor,
            units_per_step,
            carried_minor
        }),
    ]
}

fn awards() -> impl Strategy<Value = Posting> {
    let source = prop_oneof![
        Just(AwardSource::Tap),
        Just(AwardSource::Stamps),
        Just(AwardSource::Purchase),
        Just(AwardSource::Sale)
    ];
    let numbers = (units(), units(), units(), units(), any::<i64>(), any::<i64>());
    let rest = (any::<Option<i64>>(), any::<Option<i64>>(), proptest::option::of(names()));
    (source, numbers, terms(), rest, proptest::collection::vec(names(), 0..3)).prop_map(
        |(source, (units, amount, earning, item_units, txn, day), terms, (matures_ms, expires_ms, tier), campaigns)| {
            Posting::Award(Award {
                source,
                units,
                amount_minor: amount,
                earning_minor: earning,
                item_units,
                terms,
                matures_ms,
                expires_ms,
                tier,
                campaigns,
                before_in_transaction: txn,
                before_in_day: day,
            })
        },
    )
}

fn bonuses() -> impl Strategy<Value = Posting> {
    let serial = any::<u64>().prop_map(Serial::from_random);
    let kind = prop_oneof![
        Just(BonusKind::First),
        Just(BonusKind::Birthday),
        serial.clone().prop_map(|friend| BonusKind::Referrer { friend }),
        serial.prop_map(|referrer| BonusKind::Friend { referrer }),
        names().prop_map(|name| BonusKind::Campaign { name }),
    ];
    (kind, units(), any::<Option<i64>>())
        .prop_map(|(kind, units, expires_ms)| Posting::Bonus(Bonus { kind, units, expires_ms }))
}

fn carried() -> impl Strategy<Value = Carried> {
    let pending = (ids(), any::<i64>(), units(), any::<i64>()).prop_map(|(award, matures_ms, units, since_ms)| {
        Pending { award: EntryId(award), matures_ms, lot: Lot { units, since_ms, expires_ms: i64::MAX } }
    });
    let counters = proptest::array::uniform14(any::<i64>()).prop_map(|n| Counters {
        earned: n[0],
        redeemed: n[1],
        expired: n[2],
        qualifying: n[3],
        tx_amount_minor: n[4],
        stepped_minor: n[5],
        ltv_minor: n[6],
        visits: n[7],
        orders: n[8],
        rewards_earned: n[9],
        rewards_redeemed: n[10],
        rewards_expired: n[11],
        referral_earned: n[12],
        shortfall: n[13],
    });
    let pending = proptest::collection::vec(pending, 0..3);
    (some_lots(), some_rewards(), pending, counters, units(), any::<bool>()).prop_map(
        |(lots, rewards, pending, counters, owed, first_earned)| Carried {
            lots,
            owed,
            pending,
            rewards,
            debt: owed / 2,
            overdraft: owed / 3,
            counters,
            first_earned,
            last: LastMoments {
                earned_ms: Some(owed),
                reward_redeemed_ms: first_earned.then_some(owed),
                ..LastMoments::default()
            },
            coupons: vec![CouponState {
                id: CouponId(Uuid::from_u128(owed as u128)),
                terms: CouponTerms {
                    name: "welcome".to_owned(),
                    value_minor: Some(owed),
                    reward: None,
                    valid_until_ms: None,
                    entry: first_earned,
                },
                stage: if first_earned { CouponStage::Used } else { CouponStage::Claimed },
            }],
            coupon_counts: CouponCounts { coupons_used: owed, ..CouponCounts::default() },
        },
    )
}

fn coupons() -> impl Strategy<Value = Posting> {
    let terms = (names(), any::<Option<i64>>(), proptest::option::of(names()), any::<bool>()).prop_map(
        |(name, value_minor, reward, entry)| {
            CouponStep::Assigned(CouponTerms { name, value_minor, reward, valid_until_ms: value_minor, entry })
        },
    );
    let step = prop_oneof![terms, Just(CouponStep::Claimed), Just(CouponStep::Used), Just(CouponStep::Voided)];
    (ids(), step).prop_map(|(coupon, step)| Posting::Coupon { coupon: CouponId(coupon), step })
}

/// Any posting of any kind.
pub(crate) fn postings() -> impl Strategy<Value = Posting> {
    let moved = || {
        (any::<bool>(), any::<u64>(), carried()).prop_map(|(out, other, carried)| Moved {
            direction: if out { Direction::Out } else { Direction::In },
            other: Serial::from_random(other),
            carried,
        })
    };
    let reason = proptest::sample::select(Reason::ALL.to_vec());
    let why = prop_oneof![Just(RemoveReason::Redeem), Just(RemoveReason::Correction), Just(RemoveReason::Expired)];
    let lapse = prop_oneof![Just(Lapse::Day), Just(Lapse::Inactivity)];
    prop_oneof![
        awards(),
        bonuses(),
        coupons(),
        (any::<i64>(), any::<Option<i64>>(), reason).prop_map(|(value, purchase_minor, reason)| {
            Posting::Adjust(Adjust { value, purchase_minor, reason, expires_ms: purchase_minor })
        }),
        (units(), units()).prop_map(|(visits, units)| Posting::RemoveVisits { visits, units }),
        (proptest::option::of(ids()), any::<bool>(), units(), units(), units()).prop_map(
            |(of, typed, amount_minor, earning_minor, due)| Posting::Refund(Refund {
                of: of.map(EventId),
                award: of.map(EntryId),
                typed,
                amount_minor,
                earning_minor,
                due,
                left_before_minor: due,
            })
        ),
        (units(), units(), proptest::option::of(names()), units()).prop_map(|(units, rewards, reward, bill_minor)| {
            Posting::Redeem(Redemption { units, rewards, reward, discount_minor: rewards, bill_minor })
        }),
        (ids(), some_lots(), some_rewards()).prop_map(|(of, lots, rewards)| Posting::Reinstate(Reinstatement {
            of: EventId(of),
            lots,
            rewards
        })),
        (units(), units()).prop_map(|(count, amount_minor)| Posting::RewardAdd { count, amount_minor }),
        (units(), units(), why).prop_map(|(count, amount_minor, why)| Posting::RewardRemove {
            count,
            amount_minor,
            why
        }),
        (ids(), units(), units(), proptest::option::of(names())).prop_map(|(sale, units, rewards, reward)| {
            Posting::Hold { sale: SaleId(sale), units, rewards, reward }
        }),
        ids().prop_map(|sale| Posting::Release { sale: SaleId(sale) }),
        (any::<i64>(), units(), units(), lapse).prop_map(|(until_ms, units, rewards, cause)| Posting::Expire {
            until_ms,
            units,
            rewards,
            cause
        }),
        (any::<i64>(), units()).prop_map(|(until_ms, units)| Posting::Mature { until_ms, units }),
        moved().prop_map(Posting::Transfer),
        moved().prop_map(Posting::Merge),
        carried().prop_map(Posting::Opening),
        ids().prop_map(|event| Posting::Void { event: EventId(event) }),
    ]
}

proptest! {
    #[test]
    fn every_entry_reads_back_from_its_bytes(posting in postings(), id in ids(), card in any::<u64>(), rule in any::<u32>()) {
        let entry = Entry { id: EntryId(id), card: Serial::from_random(card), rule: RuleVersion(rule), posting };
        let bytes = entry_value(&entry).encode();
        let value = Value::decode(&bytes).expect("canonical");
        prop_assert_eq!(entry_from(&value), Ok(entry));
    }

    #[test]
    fn cut_or_changed_bytes_never_panic(posting in postings(), cut in any::<prop::sample::Index>(), with in any::<u8>()) {
        let mut bytes = posting_value(&posting).encode();
        let place = cut.index(bytes.len());
        bytes[place] = with;
        if let Ok(value) = Value::decode(&bytes) {
            let _ = posting_from(&value);
        }
        prop_assert!(Value::decode(&bytes[..place]).is_err());
    }
}

/// The bytes of each kind, as the first release writes them: they are in hash chains and may never change.
#[test]
fn the_bytes_of_each_kind_stay_as_they_are() {
    let zero = Uuid::nil();
    let lot = Lot { units: 5, since_ms: 7, expires_ms: i64::MAX };
    let cases: [(Posting, &str); 9] = [
        (Posting::RemoveVisits { visits: 1, units: 2 }, "a3000401010202"),
        (Posting::RewardAdd { count: 1, amount_minor: 0 }, "a3000801010200"),
        (
            Posting::RewardRemove { count: 1, amount_minor: 0, why: RemoveReason::Redeem },
            "a4000901010200036672656465656d",
        ),
        (Posting::Void { event: EventId(zero) }, "a200120150 00000000000000000000000000000000"),
        (Posting::Mature { until_ms: 9, units: 3 }, "a3000d01090203"),
        (Posting::Expire { until_ms: 9, units: 3, rewards: 1, cause: Lapse::Day }, "a4000c010902030301"),
        (Posting::Bonus(Bonus { kind: BonusKind::First, units: 1, expires_ms: None }), "a3000201010201"),
        (
            Posting::Award(Award { units: 1, terms: Terms::Fixed, ..Award::blank(AwardSource::Tap) }),
            "a400010101020106a10001",
        ),
        (
            Posting::Reinstate(Reinstatement { of: EventId(zero), lots: vec![lot], rewards: vec![] }),
            "a30007015000000000000000000000000000000000 0281a200050107",
        ),
    ];
    for (posting, hex) in cases {
        let bytes = posting_value(&posting).encode();
        let written: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(written, hex.replace(' ', ""), "{posting:?}");
    }
}
