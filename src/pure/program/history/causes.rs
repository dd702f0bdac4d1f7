//! What a row's sentence tells of an entry that is no award: what brought it about, and the numbers that went in.

use crate::pure::domain::entry::{BonusKind, Direction, Lapse, Moved};
use crate::pure::domain::explanation::{Cause, Input};
use crate::pure::domain::{Posting, Serial};
use crate::pure::program::{lots, rewards};

/// What brought an entry about, where its numbers do not say it.
pub(super) fn cause_of(posting: &Posting) -> Option<Cause> {
    let by = |moved: &Moved, into, out| if moved.direction == Direction::In { into } else { out };
    Some(match posting {
        Posting::Bonus(bonus) => match bonus.kind {
            BonusKind::First => Cause::FirstEarn,
            BonusKind::Birthday => Cause::Birthday,
            BonusKind::Referrer { .. } => Cause::Referrer,
            BonusKind::Friend { .. } => Cause::Friend,
            BonusKind::Campaign { .. } => Cause::Campaign,
        },
        Posting::Reinstate(_) => Cause::Returned,
        Posting::Mature { .. } => Cause::Ripened,
        Posting::Expire { cause: Lapse::Day, .. } => Cause::DayOver,
        Posting::Expire { cause: Lapse::Inactivity, .. } => Cause::Idle,
        Posting::Hold { .. } => Cause::SetAside,
        Posting::Release { .. } => Cause::CameBack,
        Posting::Void { .. } => Cause::LeftOut,
        Posting::Opening(_) => Cause::Opened,
        Posting::Transfer(moved) => by(moved, Cause::TransferIn, Cause::TransferOut),
        Posting::Merge(moved) => by(moved, Cause::MergeIn, Cause::MergeOut),
        Posting::Coupon { .. } => Cause::CouponStep,
        Posting::Award(_)
        | Posting::Adjust(_)
        | Posting::RemoveVisits { .. }
        | Posting::Refund(_)
        | Posting::Redeem(_)
        | Posting::RewardAdd { .. }
        | Posting::RewardRemove { .. } => return None,
    })
}

/// The other card of a move.
pub(super) fn other_of(posting: &Posting) -> Option<Serial> {
    match posting {
        Posting::Transfer(moved) | Posting::Merge(moved) => Some(moved.other),
        _ => None,
    }
}

/// The campaign that gave a bonus.
pub(super) fn campaigns_of(posting: &Posting) -> Vec<String> {
    match posting {
        Posting::Bonus(bonus) => match &bonus.kind {
            BonusKind::Campaign { name } => vec![name.clone()],
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// The numbers that went into an entry.
pub(super) fn inputs_of(posting: &Posting) -> Vec<(Input, i64)> {
    use Input::*;
    match posting {
        Posting::Bonus(bonus) => vec![(Units, bonus.units)],
        Posting::Reinstate(back) => {
            vec![(Units, lots::total(&back.lots)), (Rewards, rewards::count(&back.rewards, None))]
        }
        Posting::Transfer(moved) | Posting::Merge(moved) => {
            let carried = &moved.carried;
            vec![(Units, lots::total(&carried.lots)), (Rewards, rewards::count(&carried.rewards, None))]
        }
        Posting::Opening(carried) => vec![(Units, lots::total(&carried.lots))],
        Posting::Adjust(adjust) => {
            vec![(Value, adjust.value), (PurchaseMinor, adjust.purchase_minor.unwrap_or(0))]
        }
        Posting::RemoveVisits { visits, units } => vec![(Visits, *visits), (Due, *units)],
        Posting::Refund(refund) => {
            vec![(AmountMinor, refund.amount_minor), (LeftBeforeMinor, refund.left_before_minor), (Due, refund.due)]
        }
        Posting::Redeem(taken) => vec![
            (Units, taken.units),
            (Rewards, taken.rewards),
            (BillMinor, taken.bill_minor),
            (DiscountMinor, taken.discount_minor),
        ],
        Posting::RewardAdd { count, .. } | Posting::RewardRemove { count, .. } => vec![(Rewards, *count)],
        Posting::Hold { units, rewards, .. } | Posting::Expire { units, rewards, .. } => {
            vec![(Units, *units), (Rewards, *rewards)]
        }
        Posting::Mature { units, .. } => vec![(Units, *units)],
        Posting::Award(_) | Posting::Release { .. } | Posting::Void { .. } | Posting::Coupon { .. } => Vec::new(),
    }
}
