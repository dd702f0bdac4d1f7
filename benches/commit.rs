//! Token to durable commit beside one bare SQLite commit (goal 1), and what group commit makes of many callers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::mill::Mill;
use crate::shop::{TestShop, awarded, refused};
use crate::slices::{Contestant, Plan, Slice, alternate, print_costs, print_row};
use crate::{Limit, Options, Verdict};

/// Goal 1.
pub fn run(options: &Options) -> anyhow::Result<Vec<Verdict>> {
    let mut shop = TestShop::open("commit", "cafe10")?;
    let mut mill = Mill::open(&shop.dir)?;
    let mut floor = |length: Duration| {
        let slice = Slice::of_repeated(length, || mill.commit());
        mill.checkpoint()?;
        slice
    };
    let mut product = |length: Duration| Slice::of_repeated(length, || shop.tap());
    let [floor, product] = alternate(options.plan(), [&mut floor, &mut product])?;
    print_row("one bare SQLite commit, WAL, FULL (floor)", &floor, None);
    print_row("token to durable commit, cafe10", &product, Some(&floor));
    print_costs("one bare SQLite commit", &floor);
    print_costs("token to durable commit", &product);
    let ratio = |share: f64| product.ratio(&floor, |slice| slice.quantile(share));
    Ok(vec![Verdict {
        what: "goal 1: tap to commit, p99 over a bare commit's",
        ratio: ratio(0.99),
        limit: Limit::AtMost(1.25),
    }])
}

/// Durable postings per second with 1, 8 and 64 callers that wait for their commit.
pub fn run_group(options: &Options) -> anyhow::Result<Vec<Verdict>> {
    let shop = TestShop::open("group", "cafe10")?;
    let mut mill = Mill::open(&shop.dir)?;
    let crowd = Crowd { shop: Arc::new(shop), turn: Arc::default() };
    let mut floor = |length: Duration| {
        let slice = Slice::of_repeated(length, || mill.commit());
        mill.checkpoint()?;
        slice
    };
    let [mut one, mut eight, mut many] = [1, 8, 64].map(|callers| {
        let crowd = crowd.clone();
        move |length: Duration| crowd.slice(callers, length)
    });
    let contestants: [Contestant<'_>; 4] = [&mut floor, &mut one, &mut eight, &mut many];
    let plan = Plan { slices: options.plan().slices / 2, ..options.plan() };
    let [floor, one, eight, many] = alternate(plan, contestants)?;
    print_row("one bare SQLite commit after the other (floor)", &floor, None);
    for (name, series) in [("1 caller", &one), ("8 callers", &eight), ("64 callers", &many)] {
        print_row(&format!("durable taps, {name}"), series, Some(&floor));
        println!("  {:<46} {:.2} x the floor's commits per second", "", series.ratio(&floor, Slice::rate));
    }
    Ok(Vec::new())
}

/// Callers that tap cards of one shop, each waiting for its commit.
#[derive(Clone)]
struct Crowd {
    shop: Arc<TestShop>,
    turn: Arc<AtomicUsize>,
}

impl Crowd {
    fn slice(&self, callers: usize, length: Duration) -> anyhow::Result<Slice> {
        let begun = Instant::now();
        let samples = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..callers).map(|_| scope.spawn(|| self.tap_until(begun + length))).collect();
            let mut all = Vec::new();
            for thread in threads {
                all.extend(thread.join().map_err(|_| anyhow::anyhow!("a caller panicked"))??);
            }
            anyhow::Ok(all)
        })?;
        Ok(Slice::new(samples, begun.elapsed()))
    }

    fn tap_until(&self, end: Instant) -> anyhow::Result<Vec<u64>> {
        let mut samples = Vec::new();
        while Instant::now() < end {
            let turn = self.turn.fetch_add(1, Ordering::Relaxed);
            let one = Instant::now();
            let (card, now) = self.shop.at_turn(turn);
            let shown = self.shop.presentation(&card, &now);
            let till = self.shop.till.clone();
            let tapped = self.shop.till.ledger().write_wait(move |txn| till.present_in_txn(txn, &now, shown));
            awarded(&tapped.map_err(refused)?)?;
            samples.push(one.elapsed().as_nanos() as u64);
        }
        Ok(samples)
    }
}
