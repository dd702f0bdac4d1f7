//! Rewards: unlocked when the balance reaches a goal, used earliest end first, gone after their last day.

use super::rules::Goal;
use crate::pure::domain::entry::RewardLot;

/// How many rewards are there, of one name or of all.
pub(super) fn count(rewards: &[RewardLot], name: Option<&str>) -> i64 {
    rewards
        .iter()
        .filter(|lot| name.is_none_or(|name| name == lot.name))
        .fold(0i64, |sum, lot| sum.saturating_add(lot.count))
}

/// Adds rewards in their place; those of one event and name with the same end lie together.
pub(super) fn add(rewards: &mut Vec<RewardLot>, lot: RewardLot) {
    if lot.count <= 0 {
        return;
    }
    let place = rewards.partition_point(|open| (open.expires_ms, open.since_ms) <= (lot.expires_ms, lot.since_ms));
    let same = rewards[..place].iter_mut().rev().take_while(|open| open.expires_ms == lot.expires_ms).find(|open| {
        (open.since_ms, open.by, open.units_each) == (lot.since_ms, lot.by, lot.units_each) && open.name == lot.name
    });
    match same {
        Some(open) => open.count = open.count.saturating_add(lot.count),
        None => rewards.insert(place, lot),
    }
}

/// Takes up to `count` rewards (of that name), earliest end first, of equal ends the older; answers what was taken.
pub(super) fn take(rewards: &mut Vec<RewardLot>, count: i64, name: Option<&str>) -> Vec<RewardLot> {
    let (mut due, mut taken) = (count, Vec::new());
    for lot in rewards.iter_mut().filter(|lot| name.is_none_or(|name| name == lot.name)) {
        if due <= 0 {
            break;
        }
        let part = lot.count.min(due);
        taken.push(RewardLot { count: part, ..lot.clone() });
        lot.count -= part;
        due -= part;
    }
    rewards.retain(|lot| lot.count > 0);
    taken
}

/// Takes every reward that has ended at `until_ms`.
pub(super) fn take_ended(rewards: &mut Vec<RewardLot>, until_ms: i64) -> Vec<RewardLot> {
    let ended = rewards.partition_point(|lot| lot.expires_ms <= until_ms);
    rewards.drain(..ended).collect()
}

/// What a balance unlocks.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unlocked {
    /// How many of each goal.
    pub counts: Vec<i64>,
    /// Units that stand behind them.
    pub consumed: i64,
    /// The goal that comes next.
    pub next_goal: usize,
}

/// Repeats "while balance ≥ goal" in one step: goals come in turn from `next_goal`, each takes the units from the one
/// before it, the remainder stays.
pub(super) fn unlocked(goals: &[Goal], next_goal: usize, free: i64) -> Option<Unlocked> {
    let steps: Vec<i64> = (0..goals.len()).map(|index| step_of(goals, index)).collect();
    let round = steps.iter().fold(0i64, |sum, step| sum.saturating_add(*step));
    if goals.is_empty() || round <= 0 || free <= 0 {
        return None;
    }
    let full = free / round;
    let mut counts = vec![full; steps.len()];
    let (mut rest, mut index) = (free - full * round, next_goal % steps.len());
    while rest >= steps[index] {
        counts[index] += 1;
        rest -= steps[index];
        index = (index + 1) % steps.len();
    }
    (counts.iter().any(|count| *count > 0)).then_some(Unlocked { counts, consumed: free - rest, next_goal: index })
}

/// The units between a goal and the one before it; at least 1.
pub(super) fn step_of(goals: &[Goal], index: usize) -> i64 {
    let before = if index == 0 { 0 } else { goals[index - 1].at };
    goals[index].at.saturating_sub(before).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn goals(at: &[i64]) -> Vec<Goal> {
        at.iter().map(|at| Goal { at: *at, reward: format!("at-{at}"), ..Goal::default() }).collect()
    }

    #[test]
    fn one_goal_repeats_and_keeps_the_remainder() {
        for (free, count, rest) in
            [(9, 0, 9), (10, 1, 0), (11, 1, 1), (25, 2, 5), (1_000_000_000_007, 100_000_000_000, 7)]
        {
            let unlocked = unlocked(&goals(&[10]), 0, free);
            assert_eq!(unlocked.as_ref().map_or(0, |unlocked| unlocked.counts[0]), count, "{free}");
            assert_eq!(free - unlocked.map_or(0, |unlocked| unlocked.consumed), rest, "{free}");
        }
    }

    #[test]
    fn several_goals_come_in_turn() {
        let goals = goals(&[3, 6, 10]);
        assert_eq!(unlocked(&goals, 0, 2), None);
        assert_eq!(unlocked(&goals, 0, 7), Some(Unlocked { counts: vec![1, 1, 0], consumed: 6, next_goal: 2 }));
        assert_eq!(unlocked(&goals, 2, 4), Some(Unlocked { counts: vec![0, 0, 1], consumed: 4, next_goal: 0 }));
        assert_eq!(unlocked(&goals, 2, 28), Some(Unlocked { counts: vec![3, 2, 3], consumed: 27, next_goal: 1 }));
    }
}
