//! The shift report: one local day of the shop on one page. Taps, stamps, rewards, and corrections by staff.

use std::collections::{BTreeMap, BTreeSet};

use super::posting::book_of;
use super::{Till, TillError};
use crate::pure::domain::entry::AwardSource;
use crate::pure::domain::{Actor, EntryKind, Event, EventKind, Fact, Moment, Now, Posting, ProgrammeName, Serial};
use crate::pure::program::{self, Label, Rulebook};
use crate::pure::wire::lan::{ShiftCorrection, ShiftProgramme, ShiftView};
use crate::shop::ledger::Reads;
use jiff::civil::Date;

/// Who, and the kind of entry.
type Correction = (Option<String>, &'static str);

impl Till {
    /// The report of a local day.
    pub fn shift(&self, reads: &Reads<'_>, day: Date, now: &Now) -> Result<ShiftView, TillError> {
        let at = Moment { ms: now.wall_ms, zone: now.zone.clone() };
        let (from_ms, until_ms) = (at.end_of_day_ms(day.yesterday().unwrap_or(Date::MIN)), at.end_of_day_ms(day));
        let rfc = |ms| Moment { ms, zone: now.zone.clone() }.rfc3339();
        let mut view = ShiftView {
            day: day.to_string(),
            from: rfc(from_ms),
            until: rfc(until_ms),
            taps: 0,
            scans: 0,
            refused: BTreeMap::new(),
            cards_issued: 0,
            customers_joined: 0,
            programmes: Vec::new(),
            corrections: Vec::new(),
        };
        let mut moved: BTreeSet<Serial> = BTreeSet::new();
        let mut corrections: BTreeMap<Correction, (i64, i64)> = BTreeMap::new();
        reads.events_between(from_ms, until_ms, |event| {
            count(&mut view, &event);
            moved.extend(event.what.entries.iter().map(|entry| entry.card));
            correct(&mut corrections, &event);
        })?;
        let mut programmes: BTreeMap<ProgrammeName, ShiftProgramme> = BTreeMap::new();
        let books = self.rulebooks();
        for serial in moved {
            let Some(row) = reads.card_fetch(serial)? else { continue };
            let Ok(book) = book_of(&books, &row.programme) else { continue };
            let sums = programmes.entry(row.programme.clone()).or_default();
            add(sums, book, &reads.card_facts(serial)?, from_ms, until_ms);
        }
        view.programmes = programmes
            .into_iter()
            .filter_map(|(name, sums)| {
                let rules = books.get(&name)?.current().1;
                let scale = u32::from(rules.scale);
                Some(ShiftProgramme { programme: name.to_string(), unit: rules.unit.clone(), scale, ..sums })
            })
            .collect();
        let staff = reads.staff_list()?;
        let told = |((who, kind), (count, units)): (Correction, (i64, i64))| ShiftCorrection {
            name: staff.iter().find(|row| Some(row.id.to_string()) == who).map(|row| row.name.clone()),
            staff: who,
            kind: kind.to_owned(),
            count,
            units,
        };
        view.corrections = corrections.into_iter().map(told).collect();
        Ok(view)
    }
}

fn count(view: &mut ShiftView, event: &Event) {
    match event.what.kind {
        EventKind::Tap => view.taps += 1,
        EventKind::Scan => view.scans += 1,
        EventKind::CardIssued => view.cards_issued += 1,
        EventKind::CustomerCreated => view.customers_joined += 1,
        _ => {}
    }
    if let Some(code) = event.what.refusal {
        *view.refused.entry(code.name().to_owned()).or_default() += 1;
    }
}

fn correct(corrections: &mut BTreeMap<Correction, (i64, i64)>, event: &Event) {
    let Actor { staff, token, .. } = &event.what.actor;
    let who = staff.map(|id| id.to_string()).or_else(|| token.map(|id| id.to_string()));
    let mut voids = 0;
    for entry in &event.what.entries {
        let kind = entry.posting.kind();
        let corrects = matches!(
            kind,
            EntryKind::Adjust
                | EntryKind::SubtractAmount
                | EntryKind::RemoveVisits
                | EntryKind::RewardAdd
                | EntryKind::RewardRemove
                | EntryKind::Refund
                | EntryKind::Void
                | EntryKind::Transfer
                | EntryKind::Merge
        );
        // A void names its event once on each card that it moved: it is one correction.
        voids += i64::from(kind == EntryKind::Void);
        if !corrects || (kind == EntryKind::Void && voids > 1) {
            continue;
        }
        let (count, units) = corrections.entry((who.clone(), kind.name())).or_default();
        *count += 1;
        *units = units.saturating_add(entry.posting.units());
    }
}

/// Adds what one card did on the day.
fn add(sums: &mut ShiftProgramme, book: &Rulebook, facts: &[Fact], from_ms: i64, until_ms: i64) {
    let within = |ms: i64| (from_ms..until_ms).contains(&ms);
    sums.cards += 1;
    for row in program::history(book, facts).iter().filter(|row| within(row.at.ms) && !row.voided) {
        if matches!(row.label, Label::RewardRedeemable | Label::RewardAdded) {
            sums.rewards_earned += row.rewards_change;
        }
        let Some(kind) = row.kind else { continue };
        let fact = facts.iter().find(|fact| fact.entry.id == row.entry);
        match (fact.map(|fact| &fact.entry.posting), kind) {
            (Some(Posting::Award(award)), _) => {
                sums.awarded += award.units;
                if matches!(award.source, AwardSource::Purchase | AwardSource::Sale) {
                    sums.sales += 1;
                    sums.sales_minor += award.amount_minor;
                }
            }
            (Some(Posting::Bonus(bonus)), _) => sums.bonus += bonus.units,
            (Some(Posting::Redeem(taken)), _) => {
                sums.redeemed += taken.units;
                sums.rewards_redeemed += taken.rewards;
            }
            (Some(Posting::RewardRemove { .. }), _) if row.label == Label::RewardRedeemed => {
                sums.rewards_redeemed -= row.rewards_change;
            }
            (Some(Posting::Expire { .. }), _) => sums.expired -= row.change,
            (Some(Posting::Refund(refund)), _) if row.amount_minor.is_some() => {
                sums.refunded_minor += refund.amount_minor;
            }
            _ => {}
        }
    }
}
