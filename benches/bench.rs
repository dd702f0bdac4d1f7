//! What `make bench` prints: each figure beside its limit, both measured in one run in short alternating slices, because
//! the same disk or processor is twice as fast a minute later (SYNC.md section 5). Limits are ratios (DESIGN.md section 8);
//! absolute figures are printed for orientation and judge nothing.
//!
//! `make bench ARGS="--quick commit"` runs a short one of those whose name contains `commit`;
//! `make bench ARGS="scale --customers 100000 --entries 1000000"` holds a shop of that size beside a small one.

mod commit;
mod delivery;
mod generate;
mod mill;
mod passes;
mod radio;
mod scale;
mod serving;
mod shop;
mod slices;
// The tests' own pcscd and virtual reader; what else is there stays unused.
#[path = "../tests/support/mod.rs"]
#[allow(dead_code)]
mod support;

use std::process::ExitCode;
use std::time::Duration;

use slices::Plan;

/// A group of figures: its name, and what prints it. `Err` says what kept it from being measured.
type Group = (&'static str, fn(&Options) -> anyhow::Result<Vec<Verdict>>);

const GROUPS: [Group; 7] = [
    ("commit", commit::run),
    ("radio", radio::run),
    ("group", commit::run_group),
    ("http", serving::run),
    ("passes", passes::run),
    ("delivery", delivery::run),
    ("scale", scale::run),
];

/// What the command line says.
pub struct Options {
    /// Short slices, few of them.
    pub quick: bool,
    /// The large shop of `scale`.
    pub size: generate::Size,
    filter: Option<String>,
}

impl Options {
    /// Slices of product and floor.
    pub fn plan(&self) -> Plan {
        if self.quick {
            Plan { slices: 6, slice: Duration::from_millis(200), runs_max: 2 }
        } else {
            Plan { slices: 20, slice: Duration::from_millis(500), runs_max: 3 }
        }
    }
}

/// A ratio beside its limit.
pub struct Verdict {
    /// What is compared.
    pub what: &'static str,
    /// The measured ratio.
    pub ratio: f64,
    /// The limit; it holds from this side.
    pub limit: Limit,
}

/// From which side a limit holds.
#[derive(Clone, Copy)]
pub enum Limit {
    /// The ratio is to be at most this.
    AtMost(f64),
    /// The ratio is to be at least this.
    AtLeast(f64),
}

impl Verdict {
    fn print(&self) {
        let (holds, word, limit) = match self.limit {
            Limit::AtMost(limit) => (self.ratio <= limit, "at most", limit),
            Limit::AtLeast(limit) => (self.ratio >= limit, "at least", limit),
        };
        let mark = if holds { "met   " } else { "MISSED" };
        println!("  {mark}  {:<58} {:>6.2}  limit {word} {limit}", self.what, self.ratio);
    }
}

fn main() -> ExitCode {
    let size = generate::Size { customers: 1_000_000, entries: 10_000_000 };
    let mut options = Options { quick: false, size, filter: None };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            // cargo hands this to every benchmark.
            "--bench" => {}
            "--quick" => options.quick = true,
            flag @ ("--customers" | "--entries") => {
                let Some(number) = arguments.next().and_then(|text| text.parse().ok()) else {
                    eprintln!("bench: {flag} needs a number");
                    return ExitCode::from(2);
                };
                let of = if flag == "--customers" { &mut options.size.customers } else { &mut options.size.entries };
                *of = number;
            }
            radio::CHILD => return radio::child(),
            flag if flag.starts_with('-') => {
                eprintln!(
                    "bench: unknown flag {flag}; known are --quick, --customers N, --entries N and a word of the benchmark's name"
                );
                return ExitCode::from(2);
            }
            word => options.filter = Some(word.to_owned()),
        }
    }
    let chosen = |name: &str| options.filter.as_deref().is_none_or(|word| name.contains(word));
    let mut failed = false;
    let mut verdicts = Vec::new();
    for (name, run) in GROUPS.iter().filter(|(name, _)| chosen(name)) {
        println!("== {name}  (load average {})", slices::load_average());
        match run(&options) {
            Ok(found) => verdicts.extend(found),
            Err(error) => {
                failed = true;
                println!("  not measured: {error:#}");
            }
        }
    }
    println!("== limits  (load average {})", slices::load_average());
    verdicts.iter().for_each(Verdict::print);
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
