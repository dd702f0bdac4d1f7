//! The wallet kinds of `stampd phone`: which there are, and how each is built from demo.json or a card's own file.

use std::path::Path;

use anyhow::{Context, bail, ensure};
use clap::ValueEnum;

use super::PhoneArgs;
use crate::pure::domain::Serial;
use crate::tools::phone::apple::{self, ApplePass, IPhone};
use crate::tools::phone::barcode::{self, BarcodeCard};
use crate::tools::phone::bare::{self, BareChip, BareKind};
use crate::tools::phone::bytes::from_hex;
use crate::tools::phone::code::{self, Code};
use crate::tools::phone::fault::{Fault, FaultKind, Faulty, HOLDING_FAULTS, LINK_FAULTS};
use crate::tools::phone::google::{self, AndroidPhone, GooglePass};
use crate::tools::phone::ntag::{self, Ntag};
use crate::tools::phone::ntag424::{self, Counter, Ntag424};
use crate::tools::phone::rotating;
use crate::tools::phone::scan::{self, Scanner};
use crate::tools::phone::wallet_file::{
    AppleCardFile, CardChoice, DemoCard, DemoFile, FobFile, GoogleCardFile, ObjectFile, WalletFileError,
};
use crate::tools::phone::{Handset, TimeSource};

/// A kind of wallet or chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum WalletKind {
    /// An iPhone with the card's pass on its screen (Apple VAS).
    Apple,
    /// An Android phone with the card's pass (Google Smart Tap).
    Google,
    /// The card's NTAG 424 DNA fob (SUN).
    Ntag424,
    /// A plain NTAG213 with a text.
    Ntag,
    /// A tag with a UID alone.
    Uid,
    /// A MIFARE Classic chip.
    Classic,
    /// A FeliCa chip.
    Felica,
    /// A scanned code that comes through PC/SC.
    Barcode,
    /// A scanner on a serial line.
    Scan,
}

/// What there is to know of a wallet kind.
struct Explained {
    name: &'static str,
    meaning: &'static str,
    faults: &'static [&'static [FaultKind]],
    /// The options beside --demo, --card, --programme and --fault that it takes.
    options: &'static [&'static str],
}

impl WalletKind {
    fn explained(self) -> Explained {
        let (name, meaning, faults, options): (_, _, &[&[FaultKind]], &[&str]) = match self {
            WalletKind::Apple => (
                "apple",
                "An iPhone with the card's pass on its screen: Apple VAS, sealed for the shop's key.",
                &[apple::FAULTS],
                &["--file", "--clock-shift"],
            ),
            WalletKind::Google => (
                "google",
                "An Android phone with the card's pass: Google Smart Tap 2.1, which verifies the shop's signature.",
                &[google::FAULTS],
                &["--file"],
            ),
            WalletKind::Ntag424 => (
                "ntag424",
                "The card's NTAG 424 DNA fob: a link with UID, counter and MAC, new at every reading; the counter is kept.",
                &[ntag424::FAULTS],
                &["--file", "--state"],
            ),
            WalletKind::Ntag => (
                "ntag",
                "A plain NTAG213 (Type 2) with the text of --text in NDEF, blank without one, and the UID of --uid.",
                &[ntag::FAULTS],
                &["--uid", "--text"],
            ),
            WalletKind::Uid => {
                ("uid", "An NFC tag of which only the UID (7 bytes, --uid) can be read.", &[bare::FAULTS], &["--uid"])
            }
            WalletKind::Classic => {
                ("classic", "A MIFARE Classic 1K with the UID of --uid (4 bytes).", &[bare::FAULTS], &["--uid"])
            }
            WalletKind::Felica => {
                ("felica", "A FeliCa chip with the IDm of --uid (8 bytes).", &[bare::FAULTS], &["--uid"])
            }
            WalletKind::Barcode => (
                "barcode",
                "The card's barcode, its rotating one (--rotating) or --text, as a synthetic chip: a scanner that speaks PC/SC (ATR 3B8001, read by FFB0000000; --tlv TAG gives it in a TLV object).",
                &[barcode::FAULTS, rotating::FAULTS, code::FAULTS],
                &["--file", "--text", "--rotating", "--tlv", "--clock-shift"],
            ),
            WalletKind::Scan => (
                "scan",
                "The card's barcode, its rotating one (--rotating: Google's TOTP, new every 30 s) or --text, written to the serial line of --tty as a scanner does; needs no reader.",
                &[scan::FAULTS, rotating::FAULTS, code::FAULTS],
                &["--file", "--text", "--rotating", "--tty", "--clock-shift"],
            ),
        };
        Explained { name, meaning, faults, options }
    }

    /// Fails when an option was given that this kind does not take: it would change nothing, and say nothing.
    pub(super) fn check_options(self, args: &PhoneArgs) -> anyhow::Result<()> {
        let explained = self.explained();
        let given = [
            ("--file", args.file.is_some()),
            ("--clock-shift", args.clock_shift != 0),
            ("--state", args.state.is_some()),
            ("--uid", args.uid.is_some()),
            ("--text", args.text.is_some()),
            ("--tty", args.tty.is_some()),
            ("--rotating", args.rotating),
            ("--tlv", args.tlv.is_some()),
        ];
        match given.iter().find(|(option, given)| *given && !explained.options.contains(option)) {
            Some((option, _)) => bail!(
                "{option} does not go with --wallet {}; beside --fault it takes {}",
                explained.name,
                explained.options.join(", ")
            ),
            None => Ok(()),
        }
    }
}

/// The card's name for whoever watches, and the handset that shows it.
pub(super) fn handset(
    wallet: WalletKind,
    args: &PhoneArgs,
    faults: &[Fault],
    time: &TimeSource,
) -> anyhow::Result<(String, Box<dyn Handset>)> {
    // Which faults are the wallet's own is known before it is built.
    let (link, own): (Vec<Fault>, Vec<Fault>) = faults.iter().cloned().partition(|fault| fault.is_in(LINK_FAULTS));
    let (card, handset) = match wallet {
        WalletKind::Apple => iphone(args, &own, time)?,
        WalletKind::Google => android(args, &own)?,
        WalletKind::Ntag424 => fob(args, &own)?,
        WalletKind::Ntag => tag(args, &own)?,
        WalletKind::Uid => bare_chip(args, &own, BareKind::Uid)?,
        WalletKind::Classic => bare_chip(args, &own, BareKind::Classic)?,
        WalletKind::Felica => bare_chip(args, &own, BareKind::Felica)?,
        WalletKind::Barcode => {
            let (card, code) = card_code(args, time)?;
            let mut chip = BarcodeCard::new(code, tlv_tag(args)?);
            for fault in &own {
                chip = chip.with_fault(fault)?;
            }
            (card, Box::new(chip) as Box<dyn Handset>)
        }
        WalletKind::Scan => bail!("--wallet scan is no chip; this is a defect of the phone"),
    };
    Ok((card, Faulty::around(handset, &link)?.0))
}

/// The card's name for whoever watches, and the scanner that reads its code.
pub(super) fn scanner(args: &PhoneArgs, faults: &[Fault], time: &TimeSource) -> anyhow::Result<(String, Scanner)> {
    let (card, code) = card_code(args, time)?;
    let mut scanner = Scanner::new(code);
    for fault in faults {
        scanner = scanner.with_fault(fault)?;
    }
    Ok((card, scanner))
}

fn iphone(args: &PhoneArgs, faults: &[Fault], time: &TimeSource) -> anyhow::Result<(String, Box<dyn Handset>)> {
    let (card, pass) = match &args.file {
        Some(file) => {
            let card = AppleCardFile::read(file)?;
            let mut pass = ApplePass::new(&card.pass_type_id, &card.vas_public_key, &card.message)
                .with_context(|| file.display().to_string())?;
            pass.barcode = card.barcode;
            (format!("the card of {}", file.display()), pass)
        }
        None => {
            let demo = DemoFile::read(&args.demo)?;
            let (card, message) =
                demo.card(&choice(args), &args.demo, "nfc_message", |card| card.nfc_message.clone())?;
            let apple = demo.apple.as_ref().ok_or_else(|| lacks(args, "the shop has no Apple part"))?;
            let mut pass = ApplePass::new(&apple.pass_type_id, &apple.vas_public_key, &message)
                .with_context(|| args.demo.display().to_string())?;
            pass.barcode.clone_from(&card.barcode);
            (card_words(card), pass)
        }
    };
    let mut phone = IPhone::new(vec![pass], time.clone()).with_clock_shift(args.clock_shift);
    for fault in faults {
        phone = phone.with_fault(fault)?;
    }
    Ok((card, Box::new(phone)))
}

fn android(args: &PhoneArgs, faults: &[Fault]) -> anyhow::Result<(String, Box<dyn Handset>)> {
    let (card, pass) = match &args.file {
        Some(file) => {
            let card = GoogleCardFile::read(file)?;
            let mut pass =
                GooglePass::new(card.collector_id, card.key_version, &card.smart_tap_public_key, &card.smart_tap_value)
                    .with_context(|| file.display().to_string())?;
            pass.barcode = card.barcode;
            (format!("the card of {}", file.display()), pass)
        }
        None => {
            let demo = DemoFile::read(&args.demo)?;
            let (card, value) =
                demo.card(&choice(args), &args.demo, "smart_tap_value", |card| card.smart_tap_value.clone())?;
            let google = demo.google.as_ref().ok_or_else(|| lacks(args, "the shop has no Google part"))?;
            let mut pass =
                GooglePass::new(google.collector_id, google.key_version, &google.smart_tap_public_key, &value)
                    .with_context(|| args.demo.display().to_string())?;
            pass.barcode.clone_from(&card.barcode);
            (card_words(card), pass)
        }
    };
    let mut phone = AndroidPhone::new(pass);
    for fault in faults {
        phone = phone.with_fault(fault)?;
    }
    Ok((card, Box::new(phone)))
}

fn fob(args: &PhoneArgs, faults: &[Fault]) -> anyhow::Result<(String, Box<dyn Handset>)> {
    let (card, uid, keys, home) = match &args.file {
        Some(file) => {
            let fob = FobFile::read(file)?;
            (format!("the fob of {}", file.display()), fob.uid, fob.shop.keys(file)?, file)
        }
        None => {
            let demo = DemoFile::read(&args.demo)?;
            let (card, uid) = demo.card(&choice(args), &args.demo, "ntag424_uid", |card| card.ntag424_uid.clone())?;
            let shop = demo.ntag424.as_ref().ok_or_else(|| lacks(args, "the shop has no NTAG 424 part"))?;
            (card_words(card), uid, shop.keys(&args.demo)?, &args.demo)
        }
    };
    let uid = from_hex(&uid).and_then(|uid| uid.try_into().ok());
    let uid = uid.with_context(|| format!("{}: the UID is not 7 bytes in hexadecimal", home.display()))?;
    let state = args.state.clone().unwrap_or_else(|| home.with_file_name("phone-counters.txt"));
    let counter = Counter::in_file(&state, &uid).with_context(|| {
        format!("cannot read the fobs' counters in {}; give another file with --state", state.display())
    })?;
    let mut fob = Ntag424::new(keys, uid, counter);
    for fault in faults {
        fob = fob.with_fault(fault)?;
    }
    Ok((card, Box::new(fob)))
}

fn tag(args: &PhoneArgs, faults: &[Fault]) -> anyhow::Result<(String, Box<dyn Handset>)> {
    let uid = uid(args, BareKind::Uid.uid_default())?;
    let uid = uid.try_into().ok().context("the UID of an NTAG has 7 bytes, 14 hexadecimal digits in --uid")?;
    let text = args.text.as_deref().unwrap_or_default();
    let mut tag = Ntag::new(uid, text);
    for fault in faults {
        tag = tag.with_fault(fault)?;
    }
    let words = if text.is_empty() { "blank".to_owned() } else { format!("with {} characters", text.chars().count()) };
    Ok((words, Box::new(tag)))
}

fn bare_chip(args: &PhoneArgs, faults: &[Fault], kind: BareKind) -> anyhow::Result<(String, Box<dyn Handset>)> {
    let uid = uid(args, kind.uid_default())?;
    ensure!(
        uid.len() == kind.uid_bytes(),
        "the UID of --wallet {} has {} bytes, {} hexadecimal digits in --uid",
        kind.name(),
        kind.uid_bytes(),
        kind.uid_bytes() * 2
    );
    let mut chip = BareChip::new(kind, &uid);
    for fault in faults {
        chip = chip.with_fault(fault)?;
    }
    Ok(("its UID alone".to_owned(), Box::new(chip)))
}

fn uid(args: &PhoneArgs, default: &[u8]) -> anyhow::Result<Vec<u8>> {
    match &args.uid {
        Some(text) => from_hex(text).context("--uid is not hexadecimal, such as 04A1B2C3D4E5F6"),
        None => Ok(default.to_vec()),
    }
}

/// The code of --text, or of the chosen card: the barcode that stays or, with --rotating, the one that changes.
fn card_code(args: &PhoneArgs, time: &TimeSource) -> anyhow::Result<(String, Code)> {
    ensure!(args.rotating || args.clock_shift == 0, "--clock-shift goes with --rotating: no other code has a time");
    if let Some(text) = &args.text {
        return Ok(("the text of --text".to_owned(), Code::new(text, None)));
    }
    let screen = |barcode: &rotating::RotatingBarcode, home: &Path| {
        barcode.screen(time.clone(), args.clock_shift).with_context(|| home.display().to_string())
    };
    if let Some(file) = &args.file {
        let object = ObjectFile::read(file)?;
        let lacks = |what: &str| WalletFileError::NoMedium { path: file.clone(), what: what.to_owned() };
        let code = if args.rotating {
            let barcode = object.rotating_barcode.ok_or_else(|| lacks("the object has no rotatingBarcode"))?;
            Code::rotating(screen(&barcode, file)?, None)
        } else {
            Code::new(&object.barcode.ok_or_else(|| lacks("the object has no barcode"))?.value, None)
        };
        return Ok((format!("the pass of {}", file.display()), code));
    }
    let demo = DemoFile::read(&args.demo)?;
    let choice = choice(args);
    if args.rotating {
        let (card, barcode) =
            demo.card(&choice, &args.demo, "rotating_barcode", |card| card.rotating_barcode.clone())?;
        let code = Code::rotating(screen(&barcode, &args.demo)?, card.nfc_message.as_deref());
        return Ok((format!("the rotating barcode of {}", card_words(card)), code));
    }
    let (card, barcode) = demo.card(&choice, &args.demo, "barcode", |card| card.barcode.clone())?;
    Ok((card_words(card), Code::new(&barcode, card.nfc_message.as_deref())))
}

/// The tag of --tlv.
fn tlv_tag(args: &PhoneArgs) -> anyhow::Result<Option<u16>> {
    let Some(text) = &args.tlv else { return Ok(None) };
    let tag = match from_hex(text).as_deref() {
        Some([tag]) if tag & 0x1F != 0x1F && *tag != 0 => Some(u16::from(*tag)),
        Some([first, second]) if first & 0x1F == 0x1F && second & 0x80 == 0 => {
            Some(u16::from_be_bytes([*first, *second]))
        }
        _ => None,
    };
    tag.map(Some).context("--tlv is no tag of one or two bytes, such as 53 or 5F50")
}

/// Which card of demo.json the arguments choose.
fn choice(args: &PhoneArgs) -> CardChoice {
    match (&args.card, &args.programme) {
        (Some(serial), _) => CardChoice::Serial(*serial),
        (None, Some(name)) => CardChoice::Programme(name.clone()),
        (None, None) => CardChoice::First,
    }
}

fn lacks(args: &PhoneArgs, what: &str) -> WalletFileError {
    WalletFileError::NoMedium { path: args.demo.clone(), what: what.to_owned() }
}

fn card_words(card: &DemoCard) -> String {
    let serial = card.serial.parse::<Serial>().map_or_else(|_| card.serial.clone(), Serial::grouped);
    format!("card {serial} of {}", card.programme)
}

/// Prints the wallet kinds and faults, one sentence each.
pub(super) fn list() {
    say!("Wallet kinds (--wallet):");
    for kind in WalletKind::value_variants() {
        let explained = kind.explained();
        say!("  {:<18} {}", explained.name, explained.meaning);
    }
    for kind in [WalletKind::Apple, WalletKind::Google, WalletKind::Ntag424, WalletKind::Ntag] {
        let explained = kind.explained();
        say!("\nFaults of {} (--fault NAME[=VALUE]; in brackets what the value is, and its default):", explained.name);
        explained.faults.iter().for_each(|faults| list_faults(faults));
    }
    say!("\nFaults of uid, classic and felica:");
    list_faults(bare::FAULTS);
    say!("\nFaults of barcode and scan:");
    list_faults(code::FAULTS);
    say!("\nFaults of barcode and scan with --rotating:");
    list_faults(rotating::FAULTS);
    say!("\nFaults of barcode with --tlv:");
    list_faults(barcode::FAULTS);
    say!("\nFaults of scan:");
    list_faults(scan::FAULTS);
    say!("\nFaults between any of them and the reader (not of scan):");
    list_faults(LINK_FAULTS);
    say!("\nFaults of how it is held:");
    list_faults(HOLDING_FAULTS);
}

fn list_faults(faults: &[FaultKind]) {
    for fault in faults {
        let value = if fault.value.is_empty() { String::new() } else { format!(" [{}]", fault.value) };
        say!("  {:<18} {}{value}", fault.name, fault.meaning);
    }
}
