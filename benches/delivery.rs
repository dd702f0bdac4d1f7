//! Taps beside a worker that signs without end: the 99th of a tap stays within 1.25 of its idle value (DESIGN.md section 1:
//! a tap is never kept waiting).

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use stampd::daemon;
use stampd::pure::passes::Designs;
use stampd::shop::delivery::{Material, Passes};

use crate::shop::TestShop;
use crate::slices::{Slice, alternate, print_row};
use crate::{Limit, Options, Verdict};

/// How often it is looked whether the worker still has work.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Taps alone, and taps beside the saturated worker.
pub fn run(options: &Options) -> anyhow::Result<Vec<Verdict>> {
    let mut shop = TestShop::open("delivery", "cafe10")?;
    let (config, clock) = (shop.config.clone(), shop.clock.clone());
    let passes =
        Passes::new(shop.till.clone(), clock.clone(), daemon::material(&config, &clock.now())?, &config.paths.cache);
    let mut turn = 0;
    // Every card's pass says something else after this, so that all of them are drawn and signed anew.
    let mut renew = |passes: &Passes| -> anyhow::Result<()> {
        turn += 1;
        let made = daemon::material(&config, &clock.now())?;
        let mut designs: Vec<_> = made.designs.iter().cloned().collect();
        for design in &mut designs {
            design.description.insert("en".to_owned(), format!("turn {turn}"));
        }
        passes.material_set(Material::new(Designs::new(designs)?, made.types, made.google));
        Ok(())
    };
    let taps = std::cell::RefCell::new(&mut shop);
    let mut idle = |length: Duration| Slice::of_repeated(length, || taps.borrow_mut().tap());
    let mut signed = 0;
    let mut saturated = |length: Duration| {
        renew(&passes)?;
        let worker = passes.start()?;
        let before = passes.status().signed;
        let over = AtomicBool::new(false);
        let slice = std::thread::scope(|scope| {
            let feeder = scope.spawn(|| -> anyhow::Result<()> {
                while !over.load(Ordering::Relaxed) {
                    std::thread::park_timeout(LOOK_EVERY);
                    // The worker must not run out of work.
                    let status = passes.status();
                    if status.signed > before && !status.sweeping {
                        renew(&passes)?;
                    }
                }
                Ok(())
            });
            let slice = Slice::of_repeated(length, || taps.borrow_mut().tap());
            over.store(true, Ordering::Relaxed);
            feeder.join().map_err(|_| anyhow::anyhow!("the feeder panicked"))??;
            slice
        });
        worker.stop();
        signed += passes.status().signed - before;
        slice
    };
    let [idle, saturated] = alternate(options.plan(), [&mut idle, &mut saturated])?;
    print_row("token to durable commit, the worker idle (floor)", &idle, None);
    print_row("the same, the worker signing without end", &saturated, Some(&idle));
    println!("  {:<46} {signed} passes signed beside the taps", "");
    anyhow::ensure!(signed > 0, "the worker signed nothing: there was no load");
    Ok(vec![Verdict {
        what: "a tap's p99 beside the signing worker, over its idle p99",
        ratio: saturated.ratio(&idle, |slice| slice.quantile(0.99)),
        limit: Limit::AtMost(1.25),
    }])
}
