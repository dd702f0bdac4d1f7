//! A whole tap of each medium through a real pcscd with the software phone, beside a bare loop that only sends the same
//! APDUs to the same phone or chip (goal 2).
//!
//! Both begin when their own wait for a status change says that a chip is there, so that the 400 ms between two looks of
//! the virtual reader's driver count for neither. The bare loop ends with the chip released, the tap with its commit. What
//! of a tap is decoding and resolving is measured beside it on the same bytes, without a reader.
//!
//! The virtual reader hands an answer over in a fraction of a millisecond, which no antenna does. So that the ratio says
//! what a customer would notice, every answer comes as late as one of a phone or tag does ([`PHONE_MS`], [`TAG_MS`]), to the
//! tap and to the bare loop alike; what the product adds in milliseconds is printed beside it.
//!
//! Tap and bare loop take turns, and each tap is held to the bare loop of its own turn: the ratio is the median of these
//! pairs, so that a machine that is busy for some seconds spoils a pair and not the figure. How far the pairs lie apart is
//! printed. A tap that sends other commands than most, reads twice or has to be taken again is told with what happened.

use std::ffi::CString;
use std::process::{Command, ExitCode};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, ensure};
use pcsc::{Context, Disposition, Protocols, ReaderState, Scope, ShareMode, State};
use stampd::base::clock::{Clock, random_bytes};
use stampd::pure::domain::event::Happening;
use stampd::pure::domain::{Actor, Claim, CredentialId, EventKind, Grade, Medium, Token};
use stampd::pure::resolve::{CredentialFacts, Policy, judge};
use stampd::pure::tap::apple_vas::{AppleVas, PASS_TYPES_MAX};
use stampd::pure::tap::p256::KeyPair;
use stampd::pure::tap::smart_tap::{Fresh, SmartTap};
use stampd::pure::tap::tag::{Kind, Tag, Wanted};
use stampd::pure::tap::wallet::Wallet;
use stampd::pure::tap::{Found, Machine, Sealed, Step};
use stampd::shop::reader::{
    Decision, Feedback, NoFeedback, ReaderConfig, ReaderStatus, ReaderTap, Readers, ReadersConfig, ServiceStatus,
    TapSink,
};
use stampd::shop::till::{Presentation, Source, TapPhases};
use stampd::tools::demo::keys::DemoKeys;
use stampd::tools::phone::apple::{ApplePass, IPhone};
use stampd::tools::phone::bare::{BareChip, BareKind};
use stampd::tools::phone::google::{AndroidPhone, Fixed, GooglePass};
use stampd::tools::phone::ntag::Ntag;
use stampd::tools::phone::ntag424::{Counter, FobKeys, Ntag424};
use stampd::tools::phone::vpcd::Sight;
use stampd::tools::phone::{Answer, Field, Handset, Phone, Presence, Reply, machine_time};

use crate::shop::{TestShop, apple_pass, awarded, refused};
use crate::slices::median;
use crate::support::pcscd::Pcscd;
use crate::{Limit, Options, Verdict};

/// The argument of the process that measures: libpcsclite reads where its service is once, from the environment.
pub const CHILD: &str = "--radio-child";

/// How often each contestant taps in a turn: starting the readers' threads costs more than a tap.
const TAPS_IN_TURN: usize = 2;

/// Turns of each contestant and medium. Each tap waits some 400 ms for the virtual reader's driver to look, twice, and for
/// its presence to end: ten samples of all media and both contestants are two minutes, sixteen three and a half.
const TURNS: usize = 8;

/// The same with `--quick`.
const TURNS_QUICK: usize = 5;

/// How late a phone answers a command, milliseconds: "typically tens" (google-smart-tap.md section 11), the least of them.
const PHONE_MS: u64 = 10;

/// How late a tag or the reader itself answers, milliseconds: some bytes at 106 kbit/s, and the way over USB.
const TAG_MS: u64 = 5;

/// How long a tap may take before it is taken again.
const TAP_WAIT_MAX: Duration = Duration::from_secs(15);

/// How often a tap that failed is taken again.
const TRIES_MAX: usize = 4;

/// How often decoding and resolving is repeated to be measured.
const DECODED_TIMES: usize = 200;

/// The media, with the names of their three figures.
const MEDIA: [(Medium, [&str; 3]); 5] = [
    (
        Medium::AppleVas,
        [
            "goal 2, apple_vas: whole tap to commit, over bare APDUs",
            "goal 2, apple_vas: up to the token, over bare APDUs",
            "goal 2, apple_vas: decode and resolve, share of the tap",
        ],
    ),
    (
        Medium::SmartTap,
        [
            "goal 2, smart_tap: whole tap to commit, over bare APDUs",
            "goal 2, smart_tap: up to the token, over bare APDUs",
            "goal 2, smart_tap: decode and resolve, share of the tap",
        ],
    ),
    (
        Medium::Ntag424,
        [
            "goal 2, ntag424: whole tap to commit, over bare APDUs",
            "goal 2, ntag424: up to the token, over bare APDUs",
            "goal 2, ntag424: decode and resolve, share of the tap",
        ],
    ),
    (
        Medium::Ndef,
        [
            "goal 2, ndef: whole tap to commit, over bare APDUs",
            "goal 2, ndef: up to the token, over bare APDUs",
            "goal 2, ndef: decode and resolve, share of the tap",
        ],
    ),
    (
        Medium::Uid,
        [
            "goal 2, uid: whole tap to commit, over bare APDUs",
            "goal 2, uid: up to the token, over bare APDUs",
            "goal 2, uid: decode and resolve, share of the tap",
        ],
    ),
];

/// Goal 2, in a process of its own with a pcscd of its own.
pub fn run(options: &Options) -> anyhow::Result<Vec<Verdict>> {
    let pcscd = Pcscd::start();
    let (name, socket) = pcscd.env();
    let output = Command::new(std::env::current_exe()?)
        .arg(CHILD)
        .env(name, socket)
        .env("STAMPD_BENCH_PORT", pcscd.port(0).to_string())
        .env("STAMPD_BENCH_READER", pcscd.reader(0))
        .env("STAMPD_BENCH_TURNS", if options.quick { TURNS_QUICK } else { TURNS }.to_string())
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let (ratios, rows): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.starts_with("ratio "));
    rows.iter().for_each(|row| println!("{row}"));
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
    let mut ratios = ratios.into_iter().map(|line| line.trim_start_matches("ratio ").parse::<f64>());
    let mut next = || -> anyhow::Result<f64> { Ok(ratios.next().context("the measuring process told no ratio")??) };
    let mut verdicts = Vec::new();
    for (_, names) in MEDIA {
        for (what, limit) in names.into_iter().zip([1.2, 1.2, 0.05]) {
            verdicts.push(Verdict { what, ratio: next()?, limit: Limit::AtMost(limit) });
        }
    }
    Ok(verdicts)
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
    /// What was sent in it, all attempts together.
    apdus: usize,
    chip_to_apdu: u64,
    chip_to_token: u64,
    chip_to_commit: u64,
    last_answer_to_commit: u64,
}

fn measure() -> anyhow::Result<()> {
    let variable = |name: &str| std::env::var(name).with_context(|| format!("{name} is not set"));
    let mut bench = Radio::open(variable("STAMPD_BENCH_PORT")?.parse()?, variable("STAMPD_BENCH_READER")?)?;
    let turns: usize = variable("STAMPD_BENCH_TURNS")?.parse()?;
    for (medium, ..) in MEDIA {
        bench.medium = medium;
        bench.commands.clear();
        measure_medium(&mut bench, turns).with_context(|| medium.name())?;
    }
    Ok(())
}

fn measure_medium(bench: &mut Radio, turns: usize) -> anyhow::Result<()> {
    let (mut bare, mut taps) = (Vec::new(), Vec::new());
    // The first turn warms both and is not counted; it also tells which APDUs a tap sends.
    bench.tap_in_turn()?;
    bench.bare_in_turn()?;
    bench.again.clear();
    for turn in 0..turns {
        // Who begins alternates: what the machine does meanwhile meets both alike.
        if turn % 2 == 0 {
            taps.extend(bench.tap_in_turn()?);
            bare.extend(bench.bare_in_turn()?);
        } else {
            bare.extend(bench.bare_in_turn()?);
            taps.extend(bench.tap_in_turn()?);
        }
    }
    let part = |of: fn(&Tap) -> u64| -> Vec<f64> { taps.iter().map(|tap| of(tap) as f64).collect() };
    let bare: Vec<f64> = bare.into_iter().map(|ns| ns as f64).collect();
    let (whole, token) = (part(|tap| tap.chip_to_commit), part(|tap| tap.chip_to_token));
    let decoded_ns = bench.decode_ns()?;
    let usual = median(taps.iter().map(|tap| tap.apdus as f64).collect()) as usize;
    let odd: Vec<usize> = taps.iter().map(|tap| tap.apdus).filter(|apdus| *apdus != usual).collect();
    println!(
        "  {}: {usual} APDUs per tap (other counts: {odd:?}), {} taps taken again, decode and resolve {:.3} ms",
        bench.medium.name(),
        bench.again.len(),
        decoded_ns / 1e6
    );
    bench.again.drain(..).for_each(|why| println!("  taken again: {why}"));
    row("bare loop: connect, same APDUs, release (floor)", &bare, None);
    row("chip seen to first APDU", &part(|tap| tap.chip_to_apdu), None);
    row("chip seen to token (chip released, proof opened)", &token, Some(&bare));
    row("chip seen to commit: the whole tap", &whole, Some(&bare));
    row(
        "of it the last answer on its way, release, decode, resolve, commit",
        &part(|tap| tap.last_answer_to_commit),
        None,
    );
    let (middle, floor) = (median(whole.clone()), median(bare.clone()));
    println!("  the product adds {:.2} ms to the bare loop", (middle - floor) / 1e6);
    ensure!(floor > 0.0 && middle > 0.0, "nothing was measured");
    for figures in [&whole, &token] {
        println!("ratio {}", median(pairs(figures, &bare)));
    }
    println!("ratio {}", decoded_ns / middle);
    Ok(())
}

/// Each figure over the floor's of the same place.
fn pairs(figures: &[f64], floor: &[f64]) -> Vec<f64> {
    figures.iter().zip(floor).map(|(own, floor)| own / floor).collect()
}

/// One row: the middle, the least and the most of some durations in milliseconds, and of their ratios to the floor the
/// middle and the two quartiles.
fn row(name: &str, ns: &[f64], floor: Option<&[f64]>) {
    let sorted = |mut figures: Vec<f64>| -> Vec<f64> {
        figures.sort_by(f64::total_cmp);
        figures
    };
    let at = |sorted: &[f64], share: f64| sorted[((sorted.len() - 1) as f64 * share).round() as usize];
    let ms = sorted(ns.iter().map(|ns| ns / 1e6).collect());
    let ratios = floor.map_or(String::new(), |floor| {
        let ratios = sorted(pairs(ns, floor));
        let [low, high] = [0.25, 0.75].map(|share| at(&ratios, share));
        format!("   x floor in pairs: {:.2} ({low:.2} to {high:.2})", median(ratios))
    });
    let (least, most) = (at(&ms, 0.0), at(&ms, 1.0));
    println!("  {name:<66} {:>8.3} ms  ({least:.3} to {most:.3}, n {}){ratios}", median(ms.clone()), ms.len());
}

/// A command, and the status word of its answer.
type Exchanged = (Vec<u8>, Vec<u8>);

/// A handset whose answers come so many milliseconds late.
struct Late(Box<dyn Handset>, u64);

impl Handset for Late {
    fn name(&self) -> String {
        self.0.name()
    }

    fn atr(&mut self) -> Vec<u8> {
        self.0.atr()
    }

    fn answer(&mut self, command: &[u8]) -> Answer {
        let answer = self.0.answer(command);
        Answer { reply: Reply::Late(answer.reply.bytes().to_vec(), self.1), ..answer }
    }

    fn field(&mut self, change: Field) {
        self.0.field(change);
    }

    fn lifted(&mut self) {
        self.0.lifted();
    }

    fn waits_for_field_drop(&self) -> bool {
        self.0.waits_for_field_drop()
    }
}

struct Radio {
    shop: TestShop,
    keys: DemoKeys,
    phone: Phone,
    reader: CString,
    pass: (String, String),
    medium: Medium,
    /// What a tap sends.
    commands: Vec<Exchanged>,
    turn: usize,
    /// Why taps were taken again.
    again: Vec<String>,
    /// What is random in an Android phone: the same for tap and bare loop, so that the same commands are good for both.
    fixed: Fixed,
}

impl Radio {
    fn open(port: u16, reader: String) -> anyhow::Result<Self> {
        let shop = TestShop::open("radio", "cafe10")?;
        let keys = DemoKeys::open(&shop.dir.join("keys"), &shop.clock.now())?;
        let pass = apple_pass(&shop.config)?;
        let phone = Phone::connect(port).timed_by(machine_time()?);
        let fixed = Fixed {
            nonce: random_bytes(),
            scalar: loop {
                let scalar = random_bytes();
                if KeyPair::from_scalar(&scalar).is_ok() {
                    break scalar;
                }
            },
            iv: random_bytes(),
            customer: [random_bytes(), random_bytes()],
        };
        let (commands, medium, reader) = (Vec::new(), Medium::AppleVas, CString::new(reader)?);
        Ok(Self { shop, keys, phone, reader, pass, medium, commands, turn: 0, again: Vec::new(), fixed })
    }

    /// The handset or chip of the next card, bound to it.
    fn handset(&mut self) -> anyhow::Result<Box<dyn Handset>> {
        let card = self.shop.cards[self.turn % self.shop.cards.len()].clone();
        self.turn += 1;
        let mut uid = [0x04; 7];
        uid[1..].copy_from_slice(&random_bytes::<6>());
        let keys = self.shop.till.keys().clone();
        let mint =
            |id| keys.tokens.newest().and_then(|kid| keys.tokens.mint(kid, id)).context("the demo has a token key");
        let chip = keys.uid.as_ref().and_then(|key| key.hash(&uid)).context("the demo hashes UIDs")?;
        let serial = card.serial;
        Ok(match self.medium {
            Medium::AppleVas => {
                let pass = ApplePass::new(&self.pass.0, &self.pass.1, &mint(card.nfc)?)?;
                Box::new(IPhone::new(vec![pass], machine_time()?))
            }
            Medium::SmartTap => {
                let held = self.shop.till.ledger().read(|reads| reads.credentials_of_card(serial))?;
                let row = held.iter().find(|row| row.medium == Medium::SmartTap).and_then(|row| row.lc1_id());
                let value = mint(row.context("a card has a Smart Tap credential")?)?;
                let google = &self.keys.google;
                let pem = &google.smart_tap_public_key;
                let pass = GooglePass::new(google.collector_id, google.key_version, pem, &value)?;
                Box::new(AndroidPhone::new(pass).with_fixed(self.fixed))
            }
            Medium::Ntag424 => {
                self.bind(serial, Medium::Ntag424, Grade::A, Claim::Chip(chip))?;
                let sun = keys.sun.as_ref().context("the demo has keys of fobs")?;
                let fob = FobKeys {
                    meta: sun.meta,
                    file_master: sun.file_master,
                    application_id: sun.application_id,
                    system_id: sun.system_id.clone(),
                    url: stampd::tools::demo::keys::NTAG424_URL.to_owned(),
                };
                Box::new(Ntag424::new(fob, uid, Counter::in_memory(1)))
            }
            Medium::Ndef => {
                let id = CredentialId(random_bytes());
                self.bind(serial, Medium::Ndef, Grade::B, Claim::Tag { id, chip })?;
                Box::new(Ntag::new(uid, &mint(id)?))
            }
            _ => {
                self.bind(serial, Medium::Uid, Grade::CMinus, Claim::Chip(chip))?;
                Box::new(BareChip::new(BareKind::Uid, &uid))
            }
        })
    }

    fn bind(
        &self,
        card: stampd::pure::domain::Serial,
        medium: Medium,
        grade: Grade,
        claim: Claim,
    ) -> anyhow::Result<()> {
        let (till, now) = (self.shop.till.clone(), self.shop.clock.now());
        let token = Token { medium, grade, claim, freshness: None };
        self.shop.write(move |txn| {
            let what = Happening::new(EventKind::CredentialChanged, Actor::device(None));
            till.bind_in_txn(txn, &now, what, card, &token)
        })
    }

    /// Another phone or chip each time, of another card.
    fn present(&mut self) -> anyhow::Result<Presence> {
        let late_ms = if matches!(self.medium, Medium::AppleVas | Medium::SmartTap) { PHONE_MS } else { TAG_MS };
        let handset = Late(self.handset()?, late_ms);
        Ok(self.phone.present(Box::new(handset))?)
    }

    /// Nanoseconds that one tap spends on opening what the chip gave and on finding out whose it is, the middle of many.
    fn decode_ns(&mut self) -> anyhow::Result<f64> {
        let mut handset = self.handset()?;
        let keys = self.shop.till.keys().clone();
        let wanted = Wanted { sun: true, ndef: true, uid: true, origin: None };
        let mut machine: Box<dyn Machine> = match self.medium {
            Medium::AppleVas | Medium::SmartTap => {
                let apple = AppleVas::new(&keys.pass_types, random_bytes::<{ 4 * PASS_TYPES_MAX }>());
                let key = KeyPair::from_scalar(&self.fixed.scalar).map_err(|error| anyhow!("{error:?}"))?;
                let fresh = Fresh { session: random_bytes(), nonce: random_bytes(), key };
                let google = keys.collector.as_ref().map(|collector| SmartTap::new(collector, fresh));
                Box::new(Wallet::new(Some(apple), google))
            }
            Medium::Ntag424 => Box::new(Tag::new(Kind::IsoDep, wanted)),
            Medium::Ndef => Box::new(Tag::new(Kind::Type2, wanted)),
            _ => Box::new(Tag::new(Kind::Bare, wanted)),
        };
        let mut step = machine.start();
        let sealed: Vec<Sealed> = loop {
            step = match step {
                Step::Transmit(command) => machine.feed(handset.answer(&command).reply.bytes()),
                Step::Done(exchange) => match exchange.found {
                    Found::Sealed(sealed) => break sealed,
                    other => return Err(anyhow!("the handset gave {other:?}")),
                },
            };
        };
        let (mut samples_ns, now) = (Vec::new(), self.shop.clock.now());
        for _ in 0..DECODED_TIMES {
            let began = Instant::now();
            let opened = sealed.iter().flat_map(|sealed| keys.open_all(sealed)).next();
            let token = opened.context("nothing was opened")?.map_err(|problem| anyhow!("{problem:?}"))?;
            let id = match &token.claim {
                Claim::Credential(id) | Claim::Tag { id, .. } => id.0.to_vec(),
                Claim::Chip(hash) => hash.to_vec(),
                _ => Vec::new(),
            };
            let row = self.shop.till.ledger().read(|reads| reads.credential_fetch(&id))?;
            let facts = row.map(|row| CredentialFacts {
                card: row.card,
                medium: row.medium,
                revoked: row.revoked,
                chip: row.chip,
                counter: None,
            });
            judge(&token, facts.as_ref(), false, &now, &Policy::default()).map_err(|why| anyhow!("{why:?}"))?;
            samples_ns.push(began.elapsed().as_nanos() as f64);
        }
        Ok(median(samples_ns))
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
        let found = (0..TAPS_IN_TURN).map(|_| self.tap(&readers, &taps)).collect();
        readers.stop();
        found
    }

    /// One tap, taken again where it failed.
    fn tap(&mut self, readers: &Readers, taps: &Receiver<anyhow::Result<(ReaderTap, i64)>>) -> anyhow::Result<Tap> {
        let mut tries = 0;
        loop {
            // What a tap that was given up may still have told is none of the next one's.
            while taps.try_recv().is_ok() {}
            let tapped = self.tap_once(readers, taps);
            tries += 1;
            match tapped {
                Err(error) if tries < TRIES_MAX => self.again.push(format!("tap: {error:#}")),
                tapped => return tapped,
            }
        }
    }

    fn tap_once(
        &mut self,
        readers: &Readers,
        taps: &Receiver<anyhow::Result<(ReaderTap, i64)>>,
    ) -> anyhow::Result<Tap> {
        let presence = self.present()?;
        let (tap, committed_ns) = taps.recv_timeout(TAP_WAIT_MAX).map_err(|_| {
            let (seen, statuses) = (presence.seen_from(0), readers.statuses());
            anyhow!("no tap came of a phone that saw {seen:?}; readers {statuses:?}, service {:?}", readers.service())
        })??;
        let seen = presence.lift().seen;
        let exchanges = seen.iter().filter_map(|seen| match &seen.sight {
            Sight::Exchange { command, answer, .. } => {
                let status = answer[answer.len().saturating_sub(2)..].to_vec();
                Some(((command.clone(), status), seen.boot_ns.unwrap_or(0)))
            }
            _ => None,
        });
        let exchanges: Vec<(Exchanged, i64)> = exchanges.collect();
        let last_ns = exchanges.last().context("the phone was asked nothing")?.1;
        let apdus = exchanges.len();
        let sent: Vec<Exchanged> = exchanges.into_iter().map(|(exchanged, _)| exchanged).collect();
        // One that read twice is no measure for the bare loop.
        if self.commands.is_empty() || apdus <= self.commands.len() {
            self.commands = sent;
        }
        let name = self.reader.to_string_lossy().into_owned();
        let is_free = || readers.statuses().iter().any(|status| status.name == name && !status.occupied);
        crate::support::wait_until("the presence is over", is_free);
        let since = |from_ns: i64, ns: i64| (ns - from_ns).max(0) as u64;
        Ok(Tap {
            apdus,
            chip_to_apdu: u64::from(tap.timing.chip_to_first_apdu_us) * 1_000,
            chip_to_token: u64::from(tap.timing.chip_to_token_us) * 1_000,
            chip_to_commit: since(tap.timing.chip_seen_ns, committed_ns),
            last_answer_to_commit: since(last_ns, committed_ns),
        })
    }

    /// As many taps by the bare loop.
    fn bare_in_turn(&mut self) -> anyhow::Result<Vec<u64>> {
        let context = Context::establish(Scope::System)?;
        (0..TAPS_IN_TURN).map(|_| self.bare(&context)).collect()
    }

    /// One bare loop, run again where it failed.
    fn bare(&mut self, context: &Context) -> anyhow::Result<u64> {
        for _ in 1..TRIES_MAX {
            match self.bare_once(context) {
                Ok(took_ns) => return Ok(took_ns),
                Err(error) => self.again.push(format!("bare loop: {error:#}")),
            }
        }
        self.bare_once(context)
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
        for (command, status) in &self.commands {
            let answer = transaction.transmit(command, &mut answer)?;
            ensure!(answer.ends_with(status), "the phone answered {answer:02X?} to the bare loop");
        }
        transaction.end(Disposition::LeaveCard).map_err(|(_, error)| error)?;
        // As the tap does: an iPhone shows its check mark when the field drops, everything else is left as it is.
        let unpowers = self.medium == Medium::AppleVas;
        let release = if unpowers { Disposition::UnpowerCard } else { Disposition::LeaveCard };
        card.disconnect(release).map_err(|(_, error)| error)?;
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
