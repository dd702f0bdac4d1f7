//! Taps beside a worker that signs without end: the 99th of a tap stays within 1.25 of its idle value (DESIGN.md section 1:
//! a tap is never kept waiting).
//!
//! The worker is told of each tap, as the daemon tells it, and signs the passes that follow; between them it goes through
//! all cards, whose passes say something else each time that it came round. How many it signed in the time of the taps is
//! in the row; without any it is an error.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::anyhow;
use stampd::daemon;
use stampd::pure::passes::{Design, Designs};
use stampd::shop::delivery::{Material, Passes};

use crate::shop::TestShop;
use crate::slices::{Slice, alternate, median, print_row};
use crate::{Limit, Options, Verdict};

/// How often it is looked whether the worker still has work.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How long the worker may take to its first pass of a slice: pictures are drawn anew then.
const FIRST_PASS: Duration = Duration::from_secs(60);

/// A shop at whose back passes are signed.
struct Bakery {
    shop: TestShop,
    passes: Passes,
}

impl Bakery {
    fn open() -> anyhow::Result<Self> {
        let shop = TestShop::open("delivery", "cafe10")?;
        let material = daemon::material(&shop.config, &shop.clock.now())?;
        let passes = Passes::new(shop.till.clone(), shop.clock.clone(), material, &shop.config.paths.cache);
        Ok(Self { shop, passes })
    }

    fn taps(&mut self, length: Duration) -> anyhow::Result<Slice> {
        let Self { shop, passes, .. } = self;
        Slice::of_repeated(length, || {
            shop.tap()?;
            // As the daemon does after each commit that moved a card.
            passes.poke();
            Ok(())
        })
    }

    /// Taps while the worker signs, and how many passes it signed in their time.
    fn taps_beside_signing(&mut self, length: Duration) -> anyhow::Result<(Slice, u64)> {
        let renewal = Renewal::of(&self.passes);
        renewal.renew(&self.passes)?;
        let (worker, over) = (self.passes.start()?, AtomicBool::new(false));
        let passes = self.passes.clone();
        let slice = std::thread::scope(|scope| {
            let feeder = scope.spawn(|| -> anyhow::Result<()> {
                while !over.load(Ordering::Relaxed) {
                    std::thread::park_timeout(LOOK_EVERY);
                    if !passes.status().sweeping {
                        renewal.renew(&passes)?;
                    }
                }
                Ok(())
            });
            let slice = signs(&passes).and_then(|before| {
                let slice = self.taps(length)?;
                Ok((slice, passes.status().signed - before))
            });
            over.store(true, Ordering::Relaxed);
            feeder.join().map_err(|_| anyhow!("the feeder panicked"))??;
            slice
        });
        worker.stop();
        slice
    }
}

/// Waits until the worker signs; answers how many passes it has signed by then.
fn signs(passes: &Passes) -> anyhow::Result<u64> {
    let (before, begun) = (passes.status().signed, Instant::now());
    loop {
        match passes.status() {
            status if status.signed > before => return Ok(status.signed),
            status if begun.elapsed() > FIRST_PASS => return Err(anyhow!("no pass within a minute: {status:?}")),
            _ => std::thread::park_timeout(LOOK_EVERY),
        }
    }
}

/// Lets every card's pass say something else, so that all of them are signed anew.
struct Renewal {
    designs: Vec<Design>,
}

impl Renewal {
    fn of(passes: &Passes) -> Self {
        Self { designs: passes.material().designs.iter().cloned().collect() }
    }

    fn renew(&self, passes: &Passes) -> anyhow::Result<()> {
        static TURN: AtomicU64 = AtomicU64::new(0);
        let mut designs = self.designs.clone();
        let turn = TURN.fetch_add(1, Ordering::Relaxed);
        for design in &mut designs {
            design.description.insert("en".to_owned(), format!("turn {turn}"));
        }
        let made = passes.material();
        passes.material_set(Material::new(Designs::new(designs)?, made.types.clone(), made.google.clone()));
        Ok(())
    }
}

/// Taps alone, and taps beside the saturated worker.
pub fn run(options: &Options) -> anyhow::Result<Vec<Verdict>> {
    let bakery = std::cell::RefCell::new(Bakery::open()?);
    let mut idle = |length: Duration| bakery.borrow_mut().taps(length);
    let rates = std::cell::RefCell::new(Vec::new());
    let mut saturated = |length: Duration| {
        let (slice, signed) = bakery.borrow_mut().taps_beside_signing(length)?;
        rates.borrow_mut().push(signed as f64 * 1e9 / slice.elapsed_ns as f64);
        Ok(slice)
    };
    let [idle, saturated] = alternate(options.plan(), [&mut idle, &mut saturated])?;
    print_row("token to durable commit, the worker idle (floor)", &idle, None);
    let rate = median(rates.into_inner());
    anyhow::ensure!(rate > 0.0, "the worker signed nothing in most slices: there was no load");
    let beside = format!("the same beside {rate:.0} passes signed a second");
    print_row(&beside, &saturated, Some(&idle));
    Ok(vec![Verdict {
        what: "a tap's p99 beside the signing worker, over its idle p99",
        ratio: saturated.ratio(&idle, |slice| slice.quantile(0.99)),
        limit: Limit::AtMost(1.25),
    }])
}
