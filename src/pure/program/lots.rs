//! Lots: units that lapse together. Debits take the earliest end first, of equal ends the older (RULES.md section 2).

use crate::pure::domain::entry::Lot;

/// The units of all lots.
pub(super) fn total(lots: &[Lot]) -> i64 {
    lots.iter().fold(0i64, |sum, lot| sum.saturating_add(lot.units))
}

/// Adds a lot in its place; lots with the same end lie together, as old as the older.
pub(super) fn add(lots: &mut Vec<Lot>, lot: Lot) {
    if lot.units <= 0 {
        return;
    }
    match lots.binary_search_by_key(&lot.expires_ms, |open| open.expires_ms) {
        Ok(index) => {
            let open = &mut lots[index];
            open.units = open.units.saturating_add(lot.units);
            open.since_ms = open.since_ms.min(lot.since_ms);
        }
        Err(index) => lots.insert(index, lot),
    }
}

/// Takes up to `units`, earliest end first; answers the parts taken, whose sum is less than `units` only when the lots
/// hold less.
pub(super) fn take(lots: &mut Vec<Lot>, units: i64) -> Vec<Lot> {
    let (mut due, mut taken, mut emptied) = (units, Vec::new(), 0);
    for lot in lots.iter_mut() {
        if due <= 0 {
            break;
        }
        let part = lot.units.min(due);
        taken.push(Lot { units: part, ..*lot });
        lot.units -= part;
        due -= part;
        emptied += usize::from(lot.units == 0);
    }
    lots.drain(..emptied);
    taken
}

/// Takes every lot that has ended at `until_ms`.
pub(super) fn take_ended(lots: &mut Vec<Lot>, until_ms: i64) -> Vec<Lot> {
    let ended = lots.partition_point(|lot| lot.expires_ms <= until_ms);
    lots.drain(..ended).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lot(expires_ms: i64, since_ms: i64, units: i64) -> Lot {
        Lot { expires_ms, since_ms, units }
    }

    #[test]
    fn debits_take_the_earliest_end_first_and_report_what_they_took() {
        let mut lots = Vec::new();
        [lot(90, 2, 80), lot(60, 1, 100), lot(60, 3, 5), lot(7, 1, 0)].into_iter().for_each(|lot| add(&mut lots, lot));
        assert_eq!(lots, [lot(60, 1, 105), lot(90, 2, 80)]);
        assert_eq!(take(&mut lots, 120), [lot(60, 1, 105), lot(90, 2, 15)]);
        assert_eq!(lots, [lot(90, 2, 65)]);
        assert_eq!(total(&take(&mut lots.clone(), 100)), 65);
        assert!(take(&mut lots, 0).is_empty() && take(&mut lots, -3).is_empty());
        assert_eq!((take_ended(&mut lots, 89), take_ended(&mut lots, 90)), (vec![], vec![lot(90, 2, 65)]));
    }
}
