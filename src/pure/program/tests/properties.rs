//! Properties over generated histories. `STAMPD_HISTORIES` and `STAMPD_SEED`, set when the tests are built, give number and
//! first seed; a failure names the seed that shows it alone.

use super::random::*;
use super::shop::*;
use crate::pure::domain::standing::Standing;
use crate::pure::domain::*;
use crate::pure::program::*;

/// Runs `history` for each seed and names the seed that fails. `half` of two runs the even or the odd ones.
fn for_seeds(count: u64, half: u64, history: fn(u64)) {
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<u64>().ok());
    let first = number(option_env!("STAMPD_SEED")).unwrap_or(1);
    let count = number(option_env!("STAMPD_HISTORIES")).unwrap_or(count);
    for seed in (first..first + count).filter(|seed| seed % 2 == half) {
        if std::panic::catch_unwind(|| history(seed)).is_err() {
            panic!("STAMPD_SEED={seed} STAMPD_HISTORIES=1 shows it alone");
        }
    }
}

/// What holds of any standing, whatever happened.
fn floors(shop: &Shop, standing: &Standing) {
    let counters = &standing.counters;
    let rules = shop.book.current().1;
    for lot in &standing.lots {
        assert!(lot.units > 0, "{lot:?}");
    }
    assert!(standing.lots.windows(2).all(|pair| pair[0].expires_ms < pair[1].expires_ms), "lots in order");
    assert!(standing.rewards.iter().all(|lot| lot.count > 0));
    assert!(standing.rewards.is_sorted_by_key(|lot| (lot.expires_ms, lot.since_ms)), "rewards in order");
    assert!(standing.pending.iter().all(|pending| pending.lot.units > 0));
    assert!(standing.owed == 0 || standing.lots.is_empty(), "owed and lots exclude each other");
    assert!(standing.owed == 0 || (!rules.kind.is_stamps() && rules.negative_on_refund), "only refunds go below zero");
    assert_eq!(standing.overdraft, 0, "one device never overdraws");
    assert!(standing.claimed >= 0 && standing.claimed <= standing.available());
    for figure in [
        standing.owed,
        standing.debt,
        counters.earned,
        counters.redeemed,
        counters.expired,
        counters.tx_amount_minor,
        counters.visits,
        counters.orders,
        counters.rewards_earned,
        counters.rewards_redeemed,
        counters.rewards_expired,
        counters.shortfall,
    ] {
        assert!(figure >= 0, "{counters:?} {standing:?}");
    }
}

/// Lifetime counters fall only by a void, a reinstatement (redeemed) or a merge.
fn lifetime(before: &Standing, after: &Standing, command: &Command) {
    if matches!(command, Command::Void { .. } | Command::Merge { .. }) {
        return;
    }
    let (old, new) = (&before.counters, &after.counters);
    let returned = matches!(command, Command::Refund { .. } | Command::SubtractAmount { .. });
    assert!(new.earned >= old.earned && new.expired >= old.expired && new.orders >= old.orders);
    assert!(new.rewards_earned >= old.rewards_earned && new.rewards_expired >= old.rewards_expired);
    assert!(new.visits >= old.visits || matches!(command, Command::RemoveVisits { .. }));
    assert!(returned || (new.redeemed >= old.redeemed && new.rewards_redeemed >= old.rewards_redeemed));
}

fn fold_is_kept(shop: &Shop) {
    for kept in shop.cards.values() {
        assert_eq!(kept.standing, fold(&shop.book, &kept.history), "applied one by one = folded");
    }
}

fn without_place(standing: &Standing) -> Standing {
    Standing { last_key: None, facts: 0, ..standing.clone() }
}

/// Void right after an accepted act restores exactly, on every card that it moved.
fn void_restores(shop: &Shop, before: &Shop, card: Serial, done: &Done) {
    let jobs = done.verdict.entries.iter().any(|entry| matches!(entry.posting, Posting::Void { .. }));
    if done.verdict.entries.is_empty() || jobs {
        return;
    }
    let aside = |entry: &NewEntry| matches!(entry.posting, Posting::Hold { .. } | Posting::Release { .. });
    if done.verdict.entries.iter().all(aside) {
        // A sale that is open or cancelled: there is nothing to void.
        let void = Command::Void { of: Target::Event(done.event), elsewhere: Vec::new() };
        assert_eq!(shop.ask(card, None, None, |ask| check(ask, &void)).unwrap_err().pointer, "/of");
        return;
    }
    let mut voided = shop.clone();
    match voided.void(card, done.event) {
        Ok(_) => {}
        // What filled a negative balance cannot be voided: it would fall further below 0 (RULES.md section 2).
        Err(refusal) if before.cards.values().any(|kept| kept.standing.owed > 0) => {
            assert_eq!(refusal.code, RefusalCode::DependentRedeemed);
            return;
        }
        Err(refusal) => panic!("a void right after {:?}: {refusal:?}", done.verdict.entries),
    }
    let completed = done.verdict.entries.iter().any(|entry| matches!(entry.posting, Posting::Release { .. }));
    for (serial, kept) in &voided.cards {
        if completed {
            // The sale is gone, and with it what it had set aside: that came back with its completion.
            assert!(kept.standing.held.len() < before.cards[serial].standing.held.len() || *serial != card);
            assert_eq!(kept.standing.counters, before.cards[serial].standing.counters, "{serial}");
            continue;
        }
        assert_eq!(without_place(&kept.standing), without_place(&before.cards[serial].standing), "{serial}");
    }
}

fn act(shop: &mut Shop, card: Serial, command: &Command, dice: &mut Dice) -> Option<Done> {
    shop.jobs();
    let visit = shop.visit();
    let txn_id = format!("t-{}", dice.between(1, 6));
    let txn_id = matches!(command, Command::Sale(_)).then_some(txn_id);
    let (visit, txn) = (Some(visit), txn_id.as_deref());
    if shop.ask(card, visit, txn, |ask| check(ask, command)).is_err() {
        // Deciding a malformed command must not panic either.
        let _ = shop.ask(card, visit, txn, |ask| decide(ask, command));
        return None;
    }
    if let Command::Sale(sale) = command {
        let quoted = shop.ask(card, visit, txn, |ask| quote(ask, sale)).outcome;
        let decided = shop.act_in(card, command, visit, txn);
        if sale.phase == SalePhase::Now {
            assert_eq!(decided.as_ref().map(|done| &done.verdict), quoted.as_ref(), "quote and sale agree");
        }
        return decided.ok();
    }
    if let Command::Void { of: Target::Event(event), .. } = command {
        return shop.void(card, *event).ok();
    }
    shop.act_in(card, command, visit, txn).ok()
}

fn one_history(seed: u64) {
    let mut dice = Dice(seed);
    let (mut shop, cards) = shop(&mut dice);
    for _ in 0..dice.between(4, 14) {
        pass(&mut dice, &mut shop);
        shop.jobs();
        let (card, other) = if dice.percent(80) { (cards[0], cards[1]) } else { (cards[1], cards[0]) };
        let command = command(&mut dice, &mut shop, card, other);
        let before = shop.clone();
        let Some(done) = act(&mut shop, card, &command, &mut dice) else { continue };
        for (serial, kept) in &shop.cards {
            floors(&shop, &kept.standing);
            lifetime(&before.cards[serial].standing, &kept.standing, &command);
        }
        if dice.percent(25) {
            void_restores(&shop, &before, card, &done);
        }
    }
    fold_is_kept(&shop);
    for kept in shop.cards.values() {
        // No order, repetition or batching of the same facts changes the result.
        let mut shuffled = kept.history.clone();
        for index in (1..shuffled.len()).rev() {
            shuffled.swap(index, dice.between(0, index as i64) as usize);
        }
        let repeated: Vec<Fact> = shuffled.iter().chain(shuffled.iter().step_by(2)).cloned().collect();
        assert_eq!(fold(&shop.book, &repeated), kept.standing);
        // Balance and rewards are the sums of the history's rows.
        let rows = history(&shop.book, &kept.history);
        let (mut balance, mut available) = (0, 0);
        for (place, row) in rows.iter().enumerate() {
            (balance, available) = (balance + row.change, available + row.rewards_change);
            // Rows of one entry share the figures after it.
            if rows.get(place + 1).is_none_or(|next| next.key != row.key || next.label == Label::CampaignDisjoined) {
                let told = (row.balance, row.rewards_available);
                assert_eq!((balance, available), told, "{:?}: {row:#?}", shop.book.current().1.title);
            }
        }
        assert_eq!((balance, available), (kept.standing.balance(), kept.standing.rewards_available()));
    }
}

/// One half of the seeds; the other runs beside it.
#[test]
fn ten_thousand_histories_even() {
    for_seeds(10_000, 0, one_history);
}

/// The other half.
#[test]
fn ten_thousand_histories_odd() {
    for_seeds(10_000, 1, one_history);
}

/// Refunds in any number of parts remove exactly the award, and the last brings back what was redeemed.
fn one_sale_in_parts(seed: u64) {
    let mut dice = Dice(seed.wrapping_mul(31));
    let (mut shop, cards) = shop(&mut dice);
    let card = cards[0];
    shop.kept(card).facts.expires_on = None;
    let rules = shop.book.current().1.clone();
    let plenty = entry::Lot { expires_ms: i64::MAX, since_ms: 0, units: 1000 };
    shop.opening(card, entry::Carried { lots: vec![plenty], ..entry::Carried::default() });
    shop.later_s(3600);
    let before = shop.standing(card).clone();
    let bill = sale(&mut dice, &shop, card);
    let sold = shop.act_in(card, &Command::Sale(Sale { items: Vec::new(), ..bill }), None, Some("t"));
    let Ok(sold) = sold else { return };
    let award = sold.verdict.entries.iter().find_map(|entry| match &entry.posting {
        Posting::Award(award) => Some(award.clone()),
        _ => None,
    });
    let award = award.expect("a sale has an award");
    let (mut left, mut due) = (award.amount_minor, 0);
    loop {
        let part = if dice.percent(20) { left } else { dice.between(1.min(left), left) };
        let Ok(done) = shop.refund(card, "t", Some(part)) else {
            assert!(left == 0 && sold.verdict.redeemed == 0 && sold.verdict.rewards_redeemed == 0);
            break;
        };
        for entry in &done.verdict.entries {
            if let Posting::Refund(refund) = &entry.posting {
                due += refund.due;
            }
        }
        left -= part;
        if left == 0 {
            break;
        }
    }
    assert_eq!(due, award.units, "the parts sum to the award");
    let (old, new) = (&before.counters, &shop.standing(card).counters);
    assert_eq!((new.tx_amount_minor, new.ltv_minor), (old.tx_amount_minor, old.ltv_minor));
    assert_eq!((new.redeemed, new.rewards_redeemed), (old.redeemed, old.rewards_redeemed));
    if !rules.kind.is_stamps() && rules.bonus == rules::BonusRules::default() {
        assert_eq!(shop.standing(card).balance(), before.balance(), "the balance is as before");
        assert_eq!(new.qualifying, old.qualifying);
    }
}

/// One half of the seeds; the other runs beside it.
#[test]
fn sales_refunded_in_parts_even() {
    for_seeds(3000, 0, one_sale_in_parts);
}

/// The other half.
#[test]
fn sales_refunded_in_parts_odd() {
    for_seeds(3000, 1, one_sale_in_parts);
}

/// Two devices apart: whatever both did, their facts merge to one result in any order, and what can be spent stays at 0 or
/// above.
fn one_chain(seed: u64) {
    let mut dice = Dice(seed.wrapping_mul(97));
    let (mut first, cards) = shop(&mut dice);
    for _ in 0..4 {
        pass(&mut dice, &mut first);
        let command = command(&mut dice, &mut first, cards[0], cards[1]);
        let _ = act(&mut first, cards[0], &command, &mut dice);
    }
    let mut second = first.clone();
    second.device = DeviceId(2);
    for shop in [&mut first, &mut second] {
        for _ in 0..5 {
            pass(&mut dice, shop);
            let command = command(&mut dice, shop, cards[0], cards[1]);
            let _ = act(shop, cards[0], &command, &mut dice);
        }
    }
    let (a, b) = (&first.cards[&cards[0]].history, &second.cards[&cards[0]].history);
    let one: Vec<Fact> = a.iter().chain(b).cloned().collect();
    let other: Vec<Fact> = b.iter().chain(a).rev().cloned().collect();
    let merged = fold(&first.book, &one);
    assert_eq!(merged, fold(&first.book, &other));
    let counters = &merged.counters;
    assert!(merged.available() >= 0 && merged.rewards_available() >= 0);
    assert!(counters.visits >= 0 && counters.tx_amount_minor >= 0 && merged.overdraft >= 0 && merged.debt >= 0);
    assert!(merged.owed == 0 || merged.lots.is_empty());
}

/// One half of the seeds; the other runs beside it.
#[test]
fn two_devices_merge_to_one_result_even() {
    for_seeds(3000, 0, one_chain);
}

/// The other half.
#[test]
fn two_devices_merge_to_one_result_odd() {
    for_seeds(3000, 1, one_chain);
}

/// Numbers at the ends of 64 bits are refused or held; nothing panics.
fn one_extreme(seed: u64) {
    let mut dice = Dice(seed.wrapping_mul(13));
    let (mut shop, cards) = shop(&mut dice);
    let ends = [i64::MIN, i64::MIN + 1, -1, 0, 1, round::AMOUNT_MAX_MINOR, round::UNITS_MAX, i64::MAX - 1, i64::MAX];
    for _ in 0..8 {
        let (a, b) = (dice.one_of(&ends), dice.one_of(&ends));
        let command = match dice.between(0, 8) {
            0 => Command::Stamps { count: a, adds_to_visit: false },
            1 => Command::Purchase { amount_minor: a, purchase_amount_minor: Some(b) },
            2 => Command::SubtractAmount { amount_minor: a, purchase_amount_minor: None, of: None },
            3 => Command::RemoveVisits { count: a },
            4 => Command::Adjust { value: a, purchase_amount_minor: Some(b), reason: None },
            5 => Command::RewardAdd { count: a, amount_minor: b },
            6 => Command::RewardRemove { count: a, amount_minor: b, why: reason::RemoveReason::Redeem },
            7 => Command::Sale(Sale {
                bill_minor: a,
                items: vec![],
                redeem: Some(Redeem::Value(b)),
                phase: SalePhase::Now,
            }),
            _ => Command::Sale(Sale {
                bill_minor: a,
                items: vec![],
                redeem: Some(Redeem::Rewards(b)),
                phase: SalePhase::Now,
            }),
        };
        let _ = act(&mut shop, cards[0], &command, &mut dice);
        shop.later_s(3600);
        let _ = shop.figures(cards[0]);
    }
    let _ = history(&shop.book, &shop.cards[&cards[0]].history);
    shop.at.ms = dice.one_of(&[i64::MIN, -1, i64::MAX]);
    let _ = act(&mut shop, cards[0], &Command::Tap, &mut dice);
}

/// One half of the seeds; the other runs beside it.
#[test]
fn no_number_overflows_even() {
    for_seeds(2000, 0, one_extreme);
}

/// The other half.
#[test]
fn no_number_overflows_odd() {
    for_seeds(2000, 1, one_extreme);
}

/// The histories are worth something: every kind of entry and most refusals occur in them.
#[test]
fn histories_reach_every_kind_of_entry() {
    let (mut kinds, mut refusals) = (std::collections::HashSet::new(), std::collections::HashSet::new());
    for seed in 0..400 {
        let mut dice = Dice(seed);
        let (mut shop, cards) = shop(&mut dice);
        for _ in 0..15 {
            pass(&mut dice, &mut shop);
            shop.jobs();
            let command = command(&mut dice, &mut shop, cards[0], cards[1]);
            if shop.ask(cards[0], None, None, |ask| check(ask, &command)).is_ok()
                && let Err(refusal) = shop.act(cards[0], &command)
            {
                refusals.insert(refusal.code.name());
            }
        }
        let facts = shop.cards.values().flat_map(|kept| &kept.history);
        kinds.extend(facts.map(|fact| fact.entry.posting.kind()));
    }
    let missing: Vec<_> = EntryKind::ALL.into_iter().filter(|kind| !kinds.contains(kind)).collect();
    assert_eq!(missing, []);
    assert!(refusals.len() >= 11, "{refusals:?}");
}
