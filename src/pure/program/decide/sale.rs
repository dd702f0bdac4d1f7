//! A till's sale: redemption before the award, the award on what is left to pay; open sales set aside what they redeem.

use super::{Act, Ask, Judge, Redeem, Sale, SalePhase, Verdict, award_verdict, redeem};
use crate::pure::domain::entry::AwardSource;
use crate::pure::domain::{Posting, Refusal, RefusalCode, SaleId};
use crate::pure::program::standing::Standing;
use crate::pure::program::{earn, limits, lots};

/// A sale, posted at once, opened, or completed.
pub(super) fn sale(ask: &Ask, sale: &Sale) -> Result<Verdict, Refusal> {
    match sale.phase {
        SalePhase::Now => bill(ask, ask.standing, sale),
        SalePhase::Open(id) => {
            let verdict = bill(ask, ask.standing, sale)?;
            let hold = verdict.entries.iter().find_map(|entry| match &entry.posting {
                Posting::Redeem(redemption) => Some(Posting::Hold {
                    sale: id,
                    units: redemption.units,
                    rewards: redemption.rewards,
                    reward: redemption.reward.clone().filter(|_| redemption.rewards > 0),
                }),
                _ => None,
            });
            Ok(Verdict { entries: hold.into_iter().map(|posting| ask.entry(posting)).collect(), ..verdict })
        }
        SalePhase::Complete(id) => {
            let sale = &Sale { redeem: sale.redeem.clone().map(|redeem| as_held(ask, id, redeem)), ..sale.clone() };
            match release(ask, id) {
                None => bill(ask, ask.standing, sale),
                Some((entry, released)) => {
                    let mut verdict = bill(ask, &released, sale)?;
                    verdict.entries.insert(0, entry);
                    Ok(verdict)
                }
            }
        }
    }
}

/// The most of an open sale is what it set aside and told: the customer was charged the rest.
fn as_held(ask: &Ask, id: SaleId, redeem: Redeem) -> Redeem {
    let held = ask.standing.held.iter().find(|held| held.sale == id);
    match redeem {
        Redeem::ValueMax => Redeem::ValueWithin(held.map_or(0, |held| lots::total(&held.lots))),
        named => named,
    }
}

/// What an open sale set aside comes back; a sale that set nothing aside posts nothing. No state of the card stands
/// against that.
pub(super) fn cancel(ask: &Ask, id: SaleId) -> Result<Verdict, Refusal> {
    let entries = release(ask, id).map(|(entry, _)| entry).into_iter().collect();
    Ok(Verdict { entries, ..Verdict::default() })
}

fn release(ask: &Ask, id: SaleId) -> Option<(crate::pure::domain::NewEntry, Standing)> {
    ask.standing.held.iter().any(|held| held.sale == id).then(|| {
        let entry = ask.entry(Posting::Release { sale: id });
        let released = ask.after(ask.standing, &entry);
        (entry, released)
    })
}

fn bill(ask: &Ask, standing: &Standing, sale: &Sale) -> Result<Verdict, Refusal> {
    // A sale that redeems is taken on an expired card and earns nothing (X23); without, it is an earn.
    let act = if sale.redeem.is_some() { Act::Use } else { Act::Earn };
    let mut judge = Judge::gate(ask, act);
    let lines = sale.items.iter().fold(0i64, |sum, item| sum.saturating_add(item.amount_minor));
    judge.refuse_if(!sale.items.is_empty() && lines != sale.bill_minor, RefusalCode::AmountMismatch);
    let redemption = (sale.redeem.as_ref())
        .and_then(|redeem| redeem::redemption(ask, standing, sale.bill_minor, redeem, &mut judge));
    let discount_minor = redemption.as_ref().map_or(0, |redemption| redemption.discount_minor);
    let due_minor = sale.bill_minor - discount_minor;
    let redeeming = redemption.as_ref().map(|redemption| ask.entry(Posting::Redeem(redemption.clone())));
    // The redemption comes before the award, so the award is judged on the standing after it.
    let after = redeeming.as_ref().map(|entry| ask.after(standing, entry));
    let standing = after.as_ref().unwrap_or(standing);
    let basis = earn::Basis {
        source: AwardSource::Sale,
        units: 0,
        bill_minor: sale.bill_minor,
        paid_minor: due_minor,
        items: &sale.items,
        expired: ask.expired(),
    };
    let award = earn::award(ask, standing, &basis);
    limits::judge_earn(ask, standing, award.units, false, &mut judge);
    judge.done(|| {
        let mut verdict = award_verdict(ask, standing, award);
        verdict.entries.splice(0..0, redeeming);
        let (redeemed, rewards_redeemed) = redemption.map_or((0, 0), |taken| (taken.units, taken.rewards));
        Verdict { due_minor, discount_minor, redeemed, rewards_redeemed, ..verdict }
    })
}
