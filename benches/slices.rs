//! Short alternating slices, and what is read from them.

use std::time::{Duration, Instant};

/// How long, how often, and how many times over.
#[derive(Clone, Copy)]
pub struct Plan {
    /// Slices of each contestant.
    pub slices: usize,
    /// The length of one.
    pub slice: Duration,
    /// Runs at most: one in which the floor's own slices disagree by more than [`FLOOR_SPREAD_MAX`] is repeated.
    pub runs_max: usize,
}

/// The slowest of the floor's slices over its fastest, by their medians.
const FLOOR_SPREAD_MAX: f64 = 2.0;

/// What one contestant did in one slice.
pub struct Slice {
    /// Duration of each act, nanoseconds, rising.
    pub samples_ns: Vec<u64>,
    /// The length of the slice, nanoseconds.
    pub elapsed_ns: u64,
    /// What this process spent in it.
    pub spent: Spent,
}

/// What a process spends: the figures that a busy machine does not move.
#[derive(Clone, Copy, Default)]
pub struct Spent {
    /// Processor time of all threads, nanoseconds.
    cpu_ns: u64,
    /// Bytes handed to write calls.
    written: u64,
}

impl Spent {
    /// So far, since the process began.
    pub fn so_far() -> Self {
        let cpu = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        let io = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
        let written = io.lines().find_map(|line| line.strip_prefix("wchar: ")?.parse().ok()).unwrap_or(0);
        Self { cpu_ns: cpu.tv_sec as u64 * 1_000_000_000 + cpu.tv_nsec as u64, written }
    }

    /// Since `earlier`.
    pub fn since(self, earlier: Self) -> Self {
        Self { cpu_ns: self.cpu_ns - earlier.cpu_ns, written: self.written - earlier.written }
    }
}

impl Slice {
    /// Repeats `act` until `length` is over.
    pub fn of_repeated(length: Duration, mut act: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<Self> {
        let (begun, spent) = (Instant::now(), Spent::so_far());
        let mut samples_ns = Vec::new();
        while begun.elapsed() < length {
            let one = Instant::now();
            act()?;
            samples_ns.push(one.elapsed().as_nanos() as u64);
        }
        let mut slice = Self::new(samples_ns, begun.elapsed());
        slice.spent = Spent::so_far().since(spent);
        Ok(slice)
    }

    /// A slice of so many samples in that time.
    pub fn new(mut samples_ns: Vec<u64>, elapsed: Duration) -> Self {
        samples_ns.sort_unstable();
        Self { samples_ns, elapsed_ns: elapsed.as_nanos() as u64, spent: Spent::default() }
    }

    /// The sample below which `share` of them lie, nanoseconds.
    pub fn quantile(&self, share: f64) -> f64 {
        let last = self.samples_ns.len().saturating_sub(1);
        self.samples_ns.get((last as f64 * share).round() as usize).map_or(f64::NAN, |ns| *ns as f64)
    }

    /// Acts for each second of processor time.
    pub fn acts_per_cpu_second(&self) -> f64 {
        self.samples_ns.len() as f64 * 1e9 / self.spent.cpu_ns.max(1) as f64
    }

    /// Acts per second.
    pub fn rate(&self) -> f64 {
        self.samples_ns.len() as f64 * 1e9 / self.elapsed_ns as f64
    }
}

/// One contestant's slices.
pub struct Series {
    /// In the order in which they were measured.
    pub slices: Vec<Slice>,
}

impl Series {
    /// The median over the slices of what `of` reads from one.
    pub fn median(&self, of: impl Fn(&Slice) -> f64) -> f64 {
        median(self.slices.iter().map(of).collect())
    }

    /// Median over the slices of this contestant's figure over `floor`'s in the slice beside it.
    pub fn ratio(&self, floor: &Series, of: impl Fn(&Slice) -> f64) -> f64 {
        median(self.slices.iter().zip(&floor.slices).map(|(own, floor)| of(own) / of(floor)).collect())
    }

    /// All samples of all slices as one.
    pub fn pooled(&self) -> Slice {
        let samples: Vec<u64> = self.slices.iter().flat_map(|slice| slice.samples_ns.iter().copied()).collect();
        let sum = |of: fn(&Slice) -> u64| self.slices.iter().map(of).sum();
        let mut pooled = Slice::new(samples, Duration::from_nanos(sum(|slice| slice.elapsed_ns)));
        pooled.spent = Spent { cpu_ns: sum(|slice| slice.spent.cpu_ns), written: sum(|slice| slice.spent.written) };
        pooled
    }

    fn spread(&self) -> f64 {
        let medians = || self.slices.iter().map(|slice| slice.quantile(0.5));
        medians().fold(0.0, f64::max) / medians().fold(f64::INFINITY, f64::min)
    }
}

/// A contestant: measures one slice of that length.
pub type Contestant<'a> = &'a mut dyn FnMut(Duration) -> anyhow::Result<Slice>;

/// Lets the contestants take turns, the first of which is the floor. A run in which the floor disagrees with itself is
/// repeated, and of the runs the steadiest is kept.
pub fn alternate<const N: usize>(plan: Plan, mut contestants: [Contestant<'_>; N]) -> anyhow::Result<[Series; N]> {
    let mut best: Option<[Series; N]> = None;
    for run in 1..=plan.runs_max {
        let mut found: [Series; N] = std::array::from_fn(|_| Series { slices: Vec::with_capacity(plan.slices) });
        for contestant in &mut contestants {
            // The first slice of a run warms caches and is not counted.
            contestant(plan.slice / 2)?;
        }
        for _ in 0..plan.slices {
            for (series, contestant) in found.iter_mut().zip(&mut contestants) {
                series.slices.push(contestant(plan.slice)?);
            }
        }
        let spread = found[0].spread();
        if best.as_ref().is_none_or(|best| spread < best[0].spread()) {
            best = Some(found);
        }
        if spread <= FLOOR_SPREAD_MAX {
            break;
        }
        let next = if run < plan.runs_max { "measured again" } else { "the steadiest run counts" };
        println!("  (the floor's own slices differ by {spread:.1}: {next})");
    }
    best.ok_or_else(|| anyhow::anyhow!("no run was planned"))
}

/// The middle of some figures.
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The machine's load averages over 1, 5 and 15 minutes.
pub fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}

/// What one act costs whatever the disk does: processor time, and bytes handed to write calls.
pub fn print_costs(name: &str, series: &Series) {
    let pooled = series.pooled();
    let each = |total: u64| total as f64 / pooled.samples_ns.len().max(1) as f64;
    let (cpu_us, kib) = (each(pooled.spent.cpu_ns) / 1e3, each(pooled.spent.written) / 1024.0);
    println!("  {name:<46} {cpu_us:>8.1} us of processor time and {kib:.1} KiB written, each");
}

/// One row: name, median and 99th of the samples in milliseconds, acts per second, and the ratios to the floor.
pub fn print_row(name: &str, series: &Series, floor: Option<&Series>) {
    let pooled = series.pooled();
    let ms = |share: f64| pooled.quantile(share) / 1e6;
    let ratios = floor.map_or(String::new(), |floor| {
        let ratio = |share: f64| series.ratio(floor, |slice| slice.quantile(share));
        format!("   x floor: p50 {:.2}  p99 {:.2}", ratio(0.5), ratio(0.99))
    });
    println!(
        "  {name:<46} p50 {:>8.3} ms   p99 {:>8.3} ms   {:>8.0}/s   n {:>6}{ratios}",
        ms(0.5),
        ms(0.99),
        series.median(Slice::rate),
        pooled.samples_ns.len()
    );
}
