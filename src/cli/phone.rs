//! `stampd phone`: shows a card to the virtual reader as a phone would, and says in plain words what the reader did.
//!
//! It decides how long the phone is held; the handsets and the link live in `tools::phone`.

mod wallets;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;

use crate::pure::domain::Serial;
use crate::tools::phone::fault::Fault;
use crate::tools::phone::vpcd::{Ended, PORT_DEFAULT, Phone, Presence, Presented, Seen, Sight};
use crate::tools::phone::{Field, TimeSource, machine_time};
use wallets::{WalletKind, handset, list, scanner};

/// How long the phone waits for the first command. A reader sees it within 1 s; a daemon that starts takes a little more.
const FIRST_COMMAND_MS_MAX: u64 = 6_000;
/// How long the phone stays after the last command when its pass was not taken: readers try again every 500 ms.
const QUIET_MS_MAX: u64 = 2_500;
/// How long the phone is held at most when no --stay-ms says otherwise: a reader tries for up to 15 s.
const HELD_MS_MAX: u64 = 20_000;
/// A field that drops within this time of the last answer was dropped by the reader; pcscd powers down an idle chip by
/// itself 0.5 s to 0.9 s after it was left (readers-and-scanners.md section 1.6).
const PROMPT_DROP_MS_MAX: i64 = 400;

const EXAMPLES: &str = "\
Examples:
  stampd phone --wallet apple --demo ./stampd-demo/demo.json --programme cafe10
  stampd phone --wallet apple --card '2C7H 9XKM Q4TZ' --fault locked=1
  stampd phone --wallet apple --file card.json --reader-port 35964 --count 3 --every-ms 12000
  stampd phone --wallet ntag424 --programme cafe10 --fault counter-stands
  stampd phone --wallet ntag --uid 04A1B2C3D4E5F6 --text LC1…
  stampd phone --wallet scan --tty ./tty-scan --programme cafe10 --fault split=100
  stampd phone --wallet scan --tty ./tty-scan --programme points --rotating --fault stale=120
  stampd phone --wallet barcode --rotating --file object.json --tlv 53
  stampd phone --list

A card.json for --file:
  apple    {\"pass_type_id\": \"pass.com.example.loyalty\", \"vas_public_key\": \"MDkw…\", \"message\": \"LC1…\"}
  google   {\"collector_id\": 20180608, \"key_version\": 1, \"smart_tap_public_key\": \"-----BEGIN PUBLIC…\",
            \"smart_tap_value\": \"LC1…\"}
  ntag424  {\"uid\": \"04…\", \"meta_read_key_hex\": \"…\", \"file_read_key_hex\": \"…\",
            \"url\": \"https://cards.example/t?picc={picc}&cmac={cmac}\"}
  barcode, scan: the object of a Google pass, as `stampd pass google SERIAL --json` prints it; its barcode, or with
            --rotating its rotatingBarcode

Exit code 0 when the reader took the pass each time, else 1. What the shop booked for it, only the shop knows.";

/// Shows a card of this shop, or one described by a file, to the virtual reader, as a phone or fob would.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct PhoneArgs {
    /// What to show.
    #[arg(long, value_enum, required_unless_present = "list")]
    wallet: Option<WalletKind>,
    /// Says what wallet kinds and faults there are, and ends.
    #[arg(long)]
    list: bool,
    /// The shop's demo.json, written by `stampd demo`.
    #[arg(long, value_name = "PATH", default_value = "stampd-demo/demo.json", conflicts_with = "file")]
    demo: PathBuf,
    /// A card described by a JSON file, for a shop that is no demo.
    #[arg(long, value_name = "CARD.json")]
    file: Option<PathBuf>,
    /// The serial of the card to show, from demo.json.
    #[arg(long, value_name = "SERIAL", conflicts_with_all = ["programme", "file"])]
    card: Option<Serial>,
    /// Shows the first card of this programme, from demo.json.
    #[arg(long, value_name = "NAME", conflicts_with = "file")]
    programme: Option<String>,
    /// The TCP port of the virtual reader's first slot, as pcscd's reader file sets it.
    #[arg(long, value_name = "PORT", default_value_t = PORT_DEFAULT)]
    reader_port: u16,
    /// The slot of the virtual reader; the second one has the next port.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=2), default_value_t = 1)]
    slot: u16,
    /// The machine on which pcscd runs.
    #[arg(long, value_name = "HOST", default_value = "127.0.0.1")]
    host: String,
    /// Holds the phone on the reader for exactly so long, milliseconds; else until its pass was taken or nothing happens.
    #[arg(long, value_name = "MS")]
    stay_ms: Option<u64>,
    /// Shows itself wrong on purpose, as --list explains; may be given several times.
    #[arg(long, value_name = "NAME[=VALUE]")]
    fault: Vec<Fault>,
    /// The UID of a tag or chip, hexadecimal.
    #[arg(long, value_name = "HEX")]
    uid: Option<String>,
    /// The text of a tag or code, in place of the card's.
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["card", "programme"])]
    text: Option<String>,
    /// Shows the rotating barcode of the card's Google pass, made for each scan, in place of the one that stays.
    #[arg(long, conflicts_with = "text")]
    rotating: bool,
    /// Puts the code of --wallet barcode into a TLV object of this tag, one or two bytes hexadecimal.
    #[arg(long, value_name = "TAG")]
    tlv: Option<String>,
    /// The serial line that --wallet scan writes to.
    #[arg(long, value_name = "PATH")]
    tty: Option<PathBuf>,
    /// Where ntag424 keeps its counters; by default phone-counters.txt beside demo.json or the card's file.
    #[arg(long, value_name = "PATH")]
    state: Option<PathBuf>,
    /// Shifts the phone's clock, seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 0, allow_negative_numbers = true)]
    clock_shift: i64,
    /// How many taps.
    #[arg(long, value_name = "N", default_value_t = 1)]
    count: u32,
    /// From the end of one tap to the beginning of the next, milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 2_000)]
    every_ms: u64,
}

/// How the phone is held.
struct Holding {
    /// Exactly so long, milliseconds.
    stay_ms: Option<u64>,
    /// So much longer after the pass was taken, milliseconds.
    after_taken_ms: u64,
    count: u32,
    every_ms: u64,
}

/// Runs the command. An error when a tap was not taken, so that the exit code tells.
pub fn run(args: PhoneArgs) -> anyhow::Result<()> {
    let Some(wallet) = args.wallet.filter(|_| !args.list) else {
        list();
        return Ok(());
    };
    wallet.check_options(&args)?;
    if wallet == WalletKind::Scan {
        return scan(&args);
    }
    let port = args.reader_port.checked_add(args.slot - 1).context("--reader-port 65535 has no second slot")?;
    let (holding, faults) = Holding::read(&args)?;
    let time = machine_time()?;
    let (card, handset) = handset(wallet, &args, &faults, &time)?;
    let phone = Phone::at(&args.host, port).timed_by(time.clone());
    let mut handset = Some(handset);
    let mut missed = 0;
    for tap in 1..=holding.count {
        if tap > 1 {
            std::thread::sleep(Duration::from_millis(holding.every_ms));
        }
        let shown = handset.take().context("the handset of the last tap is lost; this is a defect of the phone")?;
        say!("tap {tap} of {}: {}, {card}, on the reader at {}:{port}", holding.count, shown.name(), args.host);
        let mut watch = Watch { waits_for_drop: shown.waits_for_field_drop(), ..Watch::default() };
        let presence = phone.present(shown)?;
        presence.noticed()?;
        let presented = holding.hold(presence, &mut watch, &time);
        watch.tell(&presented.seen);
        let (taken, words) = watch.verdict(presented.ended);
        say!("  {words}");
        missed += u32::from(!taken);
        handset = presented.handset;
    }
    if missed > 0 {
        bail!("the reader did not take the pass in {missed} of {} taps", holding.count);
    }
    Ok(())
}

/// Writes scans to a serial line.
fn scan(args: &PhoneArgs) -> anyhow::Result<()> {
    let tty = args.tty.as_ref().context("--wallet scan needs the serial line to write to: --tty /dev/…")?;
    let (holding, faults) = Holding::read(args)?;
    let (card, scanner) = scanner(args, &faults, &machine_time()?)?;
    for scan in 1..=holding.count {
        if scan > 1 {
            std::thread::sleep(Duration::from_millis(holding.every_ms));
        }
        let written = scanner.scan(tty).with_context(|| format!("cannot write to {}", tty.display()))?;
        say!("scan {scan} of {}: {card}, {written} bytes to {}", holding.count, tty.display());
    }
    Ok(())
}

impl Holding {
    /// Reads how the phone is held, and takes the faults of holding out of the others.
    fn read(args: &PhoneArgs) -> anyhow::Result<(Self, Vec<Fault>)> {
        let mut holding = Self { stay_ms: args.stay_ms, after_taken_ms: 0, count: args.count, every_ms: args.every_ms };
        let mut others = Vec::new();
        for fault in &args.fault {
            match fault.name.as_str() {
                "stay" => holding.after_taken_ms = fault.number(10, 0, 86_400)? * 1_000,
                "double-tap" => {
                    holding.every_ms = fault.number(300, 0, 600_000)?;
                    holding.count = holding.count.saturating_mul(2);
                }
                _ => others.push(fault.clone()),
            }
        }
        Ok((holding, others))
    }

    /// Tells what happens while the phone is held, and lifts it in time.
    fn hold(&self, presence: Presence, watch: &mut Watch, time: &TimeSource) -> Presented {
        let now_ms = || time().boot_ns / 1_000_000;
        let began_ms = now_ms();
        let mut last_ms = began_ms;
        loop {
            let lift_ms = match (self.stay_ms, watch.taken()) {
                (Some(stay_ms), _) => began_ms.saturating_add_unsigned(stay_ms),
                (None, true) => last_ms.saturating_add_unsigned(self.after_taken_ms + watch.lingers_ms()),
                (None, false) => {
                    let quiet_ms = if watch.commands == 0 { FIRST_COMMAND_MS_MAX } else { QUIET_MS_MAX };
                    last_ms.saturating_add_unsigned(quiet_ms).min(began_ms.saturating_add_unsigned(HELD_MS_MAX))
                }
            };
            let shown = watch.shown;
            let left_ms = u64::try_from(lift_ms - now_ms()).unwrap_or(0);
            let news =
                presence.wait(Duration::from_millis(left_ms), |seen, ended| seen.len() > shown || ended.is_some());
            let fresh = presence.seen_from(shown);
            if !news || fresh.is_empty() || left_ms == 0 {
                return presence.lift();
            }
            let taken_before = watch.taken();
            watch.tell_fresh(&fresh);
            if !taken_before {
                last_ms = now_ms();
            }
        }
    }
}

/// What was seen of the tap so far, in words for the terminal.
#[derive(Default)]
struct Watch {
    waits_for_drop: bool,
    shown: usize,
    commands: usize,
    began_ns: Option<i64>,
    last_ns: Option<i64>,
    given: bool,
    dropped_after_ms: Option<i64>,
}

impl Watch {
    /// Whether the pass was given and, where the handset waits for it, the field dropped since.
    fn taken(&self) -> bool {
        self.given && (!self.waits_for_drop || self.dropped_after_ms.is_some())
    }

    /// How long a phone stays where the reader gives no sign of its own that it is done, milliseconds.
    fn lingers_ms(&self) -> u64 {
        if self.waits_for_drop { 0 } else { 300 }
    }

    /// Tells what of `seen` was not told before.
    fn tell(&mut self, seen: &[Seen]) {
        let fresh = seen.get(self.shown..).unwrap_or_default().to_vec();
        self.tell_fresh(&fresh);
    }

    fn tell_fresh(&mut self, fresh: &[Seen]) {
        for seen in fresh {
            self.shown += 1;
            let at_ns = seen.boot_ns.unwrap_or_default();
            let began_ns = *self.began_ns.get_or_insert(at_ns);
            let at = format!("  {:>6.1} ms ", (at_ns - began_ns) as f64 / 1e6);
            match &seen.sight {
                Sight::Atr(atr) if atr.is_empty() => say!("{at} the reader looks and finds nothing"),
                Sight::Atr(_) => say!("{at} the reader sees the chip"),
                Sight::Field(change) => self.tell_field(*change, at_ns, &at),
                Sight::Exchange { asked, said, gives_pass, .. } => {
                    say!("{at} {asked}: {said}");
                    self.commands += 1;
                    self.given |= gives_pass;
                    self.last_ns = Some(at_ns);
                }
            }
        }
    }

    fn tell_field(&mut self, change: Field, at_ns: i64, at: &str) {
        match change {
            Field::On => say!("{at} power on"),
            Field::Reset => say!("{at} reset"),
            Field::Off => say!("{at} the field is off"),
        }
        if let (true, None, Some(last_ns), Field::Off | Field::Reset) =
            (self.given, self.dropped_after_ms, self.last_ns, change)
        {
            self.dropped_after_ms = Some((at_ns - last_ns) / 1_000_000);
        }
    }

    /// Whether the reader took the pass, and how it ended, in words.
    fn verdict(&self, ended: Ended) -> (bool, String) {
        let words = match (self.given, self.dropped_after_ms, ended) {
            (true, Some(ms), _) if self.waits_for_drop && ms <= PROMPT_DROP_MS_MAX => {
                format!("the reader dropped the field {ms} ms after the pass: check mark")
            }
            (true, Some(ms), _) if self.waits_for_drop => format!(
                "the field went off {ms} ms after the pass: the reader left the chip to itself instead of dropping the field"
            ),
            (true, None, _) if self.waits_for_drop => {
                "the pass was given and the field stayed on: no check mark".to_owned()
            }
            (true, _, _) => "the pass was given".to_owned(),
            (false, _, Ended::Left) => "the phone left before the reader had the pass".to_owned(),
            (false, _, Ended::ReaderGone) => {
                "the reader ended the connection: pcscd stopped, or it took the last answer for a removal".to_owned()
            }
            (false, _, _) if self.commands == 0 => {
                "nobody asked anything: is stampd running, and does `stampd doctor` \
                 show this reader?"
                    .to_owned()
            }
            (false, _, _) => "the reader got no pass and gave up; the phone was lifted".to_owned(),
        };
        (self.taken(), words)
    }
}
