//! A whole tap through a real pcscd with the software phone, beside a bare loop that only sends the same APDUs to the same
//! phone (goal 2).
//!
//! Both begin when their own wait for a status change says that a chip is there, so that the 400 ms between two looks of
//! the virtual reader's driver count for neither. The bare loop ends with the chip released, the tap with its commit.

use std::ffi::CString;
use std::process::{Command, ExitCode};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, anyhow, ensure};
use pcsc::{Context, Disposition, Protocols, ReaderState, Scope, ShareMode, State};
use stampd::base::clock::Clock;
use stampd::shop::reader::{
    Decision, Feedback, NoFeedback, ReaderConfig, ReaderStatus, ReaderTap, Readers, ReadersConfig, ServiceStatus,
    TapSink,
};
use stampd::shop::till::{Presentation, Source, TapPhases};
use stampd::tools::phone::apple::{ApplePass, IPhone};
use stampd::tools::phone::vpcd::Sight;
use stampd::tools::phone::{Phone, Presence, machine_time};

use crate::shop::{TestShop, apple_pass, awarded, refused};
use crate::slices::{Series, Slice, median, print_row};
use crate::support::DEADLINE;
use crate::support::pcscd::Pcscd;
use crate::{Limit, Options, Verdict};

/// The argument of the process that measures: libpcsclite reads where its service is once, from the environment.
pub const CHILD: &str = "--radio-child";

/// The reader's slot, and how often each contestant taps in a turn.
const TAPS_IN_TURN: usize = 4;

/// Goal 2, in a process of its own with a pcscd of its own.
pub fn run(options: &Options) -> anyhow::Result<Vec<Verdict>> {
    let pcscd = Pcscd::start();
    let (name, socket) = pcscd.env();
    let output = Command::new(std::env::current_exe()?)
        .arg(CHILD)
        .env(name, socket)
        .env("STAMPD_BENCH_PORT", pcscd.port(0).to_string())
        .env("STAMPD_BENCH_READER", pcscd.reader(0))
        .env("STAMPD_BENCH_TURNS", if options.quick { "3" } else { "10" })
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let (ratios, rows): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.starts_with("ratio "));
    rows.iter().for_each(|row| println!("{row}"));
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
    let ratio = |index: usize| -> anyhow::Result<f64> {
        let line = ratios.get(index).context("the measuring process told no ratio")?;
        Ok(line.trim_start_matches("ratio ").parse()?)
    };
    Ok(vec![
        Verdict { what: "goal 2: whole tap, p50 over a bare APDU loop's", ratio: ratio(0)?, limit: Limit::AtMost(1.2) },
        Verdict {
            what: "goal 2, up to the token: p50 over a bare APDU loop's",
            ratio: ratio(1)?,
            limit: Limit::AtMost(1.2),
        },
    ])
}

/// The measuring process.
pub fn child() -> ExitCode {
    match measure() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Nanoseconds of one tap of the product.
#[derive(Clone, Copy)]
struct Tap {
    chip_to_apdu: u64,
    chip_to_token: u64,
    chip_to_commit: u64,
    last_answer_to_commit: u64,
}

fn measure() -> anyhow::Result<()> {
    let variable = |name: &str| std::env::var(name).with_context(|| format!("{name} is not set"));
    let mut bench = Radio::open(variable("STAMPD_BENCH_PORT")?.parse()?, variable("STAMPD_BENCH_READER")?)?;
    let turns: usize = variable("STAMPD_BENCH_TURNS")?.parse()?;
    let (mut bare, mut taps) = (Vec::new(), Vec::new());
    // The first turn warms both and is not counted; it also tells which APDUs a tap sends.
    bench.tap_in_turn()?;
    bench.bare_in_turn()?;
    for _ in 0..turns {
        bare.push(Slice::new(bench.bare_in_turn()?, Duration::from_secs(1)));
        taps.push(bench.tap_in_turn()?);
    }
    let part = |of: fn(&Tap) -> u64| Series {
        slices: taps.iter().map(|turn| Slice::new(turn.iter().map(of).collect(), Duration::from_secs(1))).collect(),
    };
    let bare = Series { slices: bare };
    let whole = part(|tap| tap.chip_to_commit);
    let token = part(|tap| tap.chip_to_token);
    print_row("bare loop: connect, same APDUs, release (floor)", &bare, None);
    print_row("chip seen to first APDU", &part(|tap| tap.chip_to_apdu), None);
    print_row("chip seen to token (chip released, pass opened)", &token, Some(&bare));
    print_row("chip seen to commit: the whole tap", &whole, Some(&bare));
    print_row("of it release, decode, resolve, commit", &part(|tap| tap.last_answer_to_commit), None);
    println!("  APDUs per tap: {}", bench.commands.len());
    let middle = |series: &Series| median(series.slices.iter().map(|slice| slice.quantile(0.5)).collect());
    ensure!(middle(&bare) > 0.0, "nothing was measured");
    for series in [&whole, &token] {
        println!("ratio {}", series.ratio(&bare, |slice| slice.quantile(0.5)));
    }
    Ok(())
}

struct Radio {
    shop: TestShop,
    phone: Phone,
    reader: CString,
    pass: (String, String),
    /// What a tap sends.
    commands: Vec<Vec<u8>>,
    turn: usize,
}

impl Radio {
    fn open(port: u16, reader: String) -> anyhow::Result<Self> {
        let shop = TestShop::open("radio", "cafe10")?;
        let pass = apple_pass(&shop.config)?;
        let phone = Phone::connect(port).timed_by(machine_time()?);
        Ok(Self { shop, phone, reader: CString::new(reader)?, pass, commands: Vec::new(), turn: 0 })
    }

    /// Another phone each time, with the pass of another card.
    fn present(&mut self) -> anyhow::Result<Presence> {
        let card = &self.shop.cards[self.turn % self.shop.cards.len()];
        self.turn += 1;
        let tokens = &self.shop.till.keys().tokens;
        let kid = tokens.newest().context("the demo has a token key")?;
        let text = tokens.mint(kid, card.nfc).context("the newest key mints")?;
        let pass = ApplePass::new(&self.pass.0, &self.pass.1, &text)?;
        Ok(self.phone.present(Box::new(IPhone::new(vec![pass], machine_time()?)))?)
    }

    /// Some taps by the product: monitor, worker, machines, till, ledger.
    fn tap_in_turn(&mut self) -> anyhow::Result<Vec<Tap>> {
        let (sender, taps) = channel();
        let desk =
            Arc::new(Desk { till: self.shop.till.clone(), clock: self.shop.clock.clone(), taps: Mutex::new(sender) });
        let config = ReadersConfig::new(self.shop.till_id());
        let no_light = Box::new(|_: &str, _: &ReaderConfig| Box::new(NoFeedback) as Box<dyn Feedback>);
        let keys = self.shop.till.keys().clone();
        let readers = Readers::start(config, keys, self.shop.clock.clone(), desk, no_light)?;
        let found = (0..TAPS_IN_TURN).map(|_| self.tap_once(&readers, &taps)).collect();
        readers.stop();
        found
    }

    fn tap_once(
        &mut self,
        readers: &Readers,
        taps: &Receiver<anyhow::Result<(ReaderTap, i64)>>,
    ) -> anyhow::Result<Tap> {
        let presence = self.present()?;
        let (tap, committed_ns) = taps.recv_timeout(DEADLINE).map_err(|_| {
            let (seen, statuses) = (presence.seen_from(0), readers.statuses());
            anyhow!("no tap came of a phone that saw {seen:?}; readers {statuses:?}, service {:?}", readers.service())
        })??;
        let seen = presence.lift().seen;
        let exchanges = seen.iter().filter_map(|seen| match &seen.sight {
            Sight::Exchange { command, .. } => Some((command.clone(), seen.boot_ns.unwrap_or(0))),
            _ => None,
        });
        let exchanges: Vec<(Vec<u8>, i64)> = exchanges.collect();
        let last_ns = exchanges.last().context("the phone was asked nothing")?.1;
        self.commands = exchanges.into_iter().map(|(command, _)| command).collect();
        let name = self.reader.to_string_lossy().into_owned();
        let is_free = || readers.statuses().iter().any(|status| status.name == name && !status.occupied);
        crate::support::wait_until("the presence is over", is_free);
        let since = |from_ns: i64, ns: i64| (ns - from_ns).max(0) as u64;
        Ok(Tap {
            chip_to_apdu: u64::from(tap.timing.chip_to_first_apdu_us) * 1_000,
            chip_to_token: u64::from(tap.timing.chip_to_token_us) * 1_000,
            chip_to_commit: since(tap.timing.chip_seen_ns, committed_ns),
            last_answer_to_commit: since(last_ns, committed_ns),
        })
    }

    /// As many taps by the bare loop.
    fn bare_in_turn(&mut self) -> anyhow::Result<Vec<u64>> {
        let context = Context::establish(Scope::System)?;
        (0..TAPS_IN_TURN).map(|_| self.bare_once(&context)).collect()
    }

    fn bare_once(&mut self, context: &Context) -> anyhow::Result<u64> {
        let mut states = [ReaderState::new(self.reader.clone(), State::UNAWARE)];
        wait_for(context, &mut states, |state| state.event_state().contains(State::EMPTY))?;
        let presence = self.present()?;
        wait_for(context, &mut states, |state| {
            state.event_state().contains(State::PRESENT) && !state.atr().is_empty()
        })?;
        let seen_ns = self.shop.clock.boot_ns();
        let mut answer = vec![0; pcsc::MAX_BUFFER_SIZE_EXTENDED];
        let mut card = context.connect(&self.reader, ShareMode::Shared, Protocols::T0 | Protocols::T1)?;
        let transaction = card.transaction()?;
        for command in &self.commands {
            let answer = transaction.transmit(command, &mut answer)?;
            ensure!(answer.ends_with(&[0x90, 0x00]), "the phone answered {answer:02X?} to the bare loop");
        }
        transaction.end(Disposition::LeaveCard).map_err(|(_, error)| error)?;
        card.disconnect(Disposition::UnpowerCard).map_err(|(_, error)| error)?;
        let took = (self.shop.clock.boot_ns() - seen_ns).max(0) as u64;
        presence.lift();
        // Whoever looks next must not find a chip that lies there already.
        wait_for(context, &mut states, |state| state.event_state().contains(State::EMPTY))?;
        Ok(took)
    }
}

fn wait_for(
    context: &Context,
    states: &mut [ReaderState; 1],
    holds: impl Fn(&ReaderState) -> bool,
) -> anyhow::Result<()> {
    for _ in 0..50 {
        states[0].sync_current_state();
        context.get_status_change(Duration::from_secs(5), states)?;
        if holds(&states[0]) {
            return Ok(());
        }
    }
    Err(anyhow!("the virtual reader did not come to the state that was waited for"))
}

/// Where the taps of the product go: into the ledger, and to the bench when they are committed.
struct Desk {
    till: stampd::shop::till::Till,
    clock: Clock,
    taps: Mutex<Sender<anyhow::Result<(ReaderTap, i64)>>>,
}

impl Desk {
    fn book(&self, tap: ReaderTap) -> anyhow::Result<(ReaderTap, i64)> {
        let (till, now, timing) = (self.till.clone(), self.clock.now(), tap.timing);
        let read = tap.result.clone().map_err(|problem| anyhow!("the tap failed: {problem:?}"))?;
        let shown = Presentation {
            till: tap.till.clone(),
            reader: Some(tap.reader.clone()),
            source: Source::Tap,
            actor: stampd::pure::domain::Actor::device(Some(tap.till.clone())),
            read,
            seen_ns: timing.chip_seen_ns,
            timing: Some(TapPhases {
                first_apdu_ns: Some(timing.chip_seen_ns + i64::from(timing.chip_to_first_apdu_us) * 1_000),
                token_ns: timing.chip_seen_ns + i64::from(timing.chip_to_token_us) * 1_000,
            }),
        };
        let tapped =
            self.till.ledger().write_wait(move |txn| till.present_in_txn(txn, &now, shown)).map_err(refused)?;
        let committed_ns = self.clock.boot_ns();
        awarded(&tapped)?;
        Ok((tap, committed_ns))
    }
}

impl TapSink for Desk {
    fn tapped(&self, tap: ReaderTap) -> Decision {
        let booked = self.book(tap);
        let decision = if booked.is_ok() { Decision::Awarded } else { Decision::Refused };
        if let Ok(taps) = self.taps.lock() {
            // The bench may have given up.
            let _ = taps.send(booked);
        }
        decision
    }

    fn reader_changed(&self, _: ReaderStatus) {}

    fn service_changed(&self, _: ServiceStatus) {}
}
