//! The daemon is killed at random points while four tills post, sell, refund and scan: whatever was acknowledged is there,
//! once, and the books are whole. `STAMPD_TEST_KILLS` sets the number of kills (`make crash`: 1,000), `STAMPD_TEST_SEED`
//! repeats a run.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::support::counting::{Counting, books_hold};
use crate::support::dice::{Dice, seed};
use crate::support::shop::{Shop, Start};

const KILLS: u64 = 200;
const TILLS: usize = 4;

/// The longest life of a daemon, microseconds.
const LIFE_US_MAX: u64 = 100_000;

/// So many kills in one test run.
fn kills() -> u64 {
    let told = std::env::var("STAMPD_TEST_KILLS").ok();
    told.map_or(KILLS, |text| text.parse().expect("STAMPD_TEST_KILLS is a number"))
}

#[test]
fn what_was_acknowledged_is_there_once_after_every_kill() {
    let mut dice = Dice::new(seed());
    let mut shop = Shop::open();
    let mut tills: Vec<Counting> = (0..TILLS).map(|index| Counting::new(&shop, index)).collect();
    for _ in 0..kills() {
        let stop = AtomicBool::new(false);
        let life = Duration::from_micros(dice.below(LIFE_US_MAX));
        std::thread::scope(|scope| {
            let running: Vec<_> = tills.iter_mut().map(|till| scope.spawn(|| till.work(&shop, &stop))).collect();
            // The point of the kill is random on purpose; nothing is waited for.
            let begun = Instant::now();
            while begun.elapsed() < life {
                std::thread::yield_now();
            }
            shop.signal(rustix::process::Signal::KILL);
            stop.store(true, Ordering::Relaxed);
            running.into_iter().for_each(|till| till.join().expect("a till"));
        });
        shop.killed();
        shop.start(Start::Run);
        // The books are proved at the end; here only that each answer of this life is answered again.
        tills.iter_mut().for_each(Counting::answers_hold);
    }
    // What was never answered is answered now, whether it was booked or not.
    tills.iter_mut().for_each(Counting::finish);
    tills.iter_mut().for_each(Counting::answers_hold);
    let kinds = books_hold(&shop, &tills);
    println!("acknowledged: {kinds:?}");
    for kind in ["adjust", "purchase", "refund", "stamps"] {
        assert!(kinds.contains_key(kind), "no {kind} was acknowledged before a kill: every life was too short");
    }
}
