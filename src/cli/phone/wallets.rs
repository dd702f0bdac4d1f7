//! The wallet kinds of `stampd phone`: which there are, and how each is built from demo.json or a card's own file.

use anyhow::Context;
use clap::ValueEnum;

use super::PhoneArgs;
use crate::pure::domain::Serial;
use crate::tools::phone::apple::{self, ApplePass, IPhone};
use crate::tools::phone::bytes::from_hex;
use crate::tools::phone::fault::{Fault, FaultKind, Faulty, HOLDING_FAULTS, LINK_FAULTS};
use crate::tools::phone::google::{self, AndroidPhone, GooglePass};
use crate::tools::phone::ntag424::{self, Counter, Ntag424};
use crate::tools::phone::wallet_file::{
    AppleCardFile, CardChoice, DemoCard, DemoFile, FobFile, GoogleCardFile, WalletFileError,
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
}

impl WalletKind {
    /// Its name on the command line, what it is in one sentence, and its own faults.
    fn explained(self) -> (&'static str, &'static str, &'static [FaultKind]) {
        match self {
            WalletKind::Apple => (
                "apple",
                "An iPhone with the card's pass on its screen: Apple VAS, sealed for the shop's key.",
                apple::FAULTS,
            ),
            WalletKind::Google => (
                "google",
                "An Android phone with the card's pass: Google Smart Tap 2.1, which verifies the shop's signature.",
                google::FAULTS,
            ),
            WalletKind::Ntag424 => (
                "ntag424",
                "The card's NTAG 424 DNA fob: a link with UID, counter and MAC, new at every reading; the counter is kept.",
                ntag424::FAULTS,
            ),
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
    };
    Ok((card, Faulty::around(handset, &link)?.0))
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
    println!("Wallet kinds (--wallet):");
    for kind in WalletKind::value_variants() {
        let (name, meaning, _) = kind.explained();
        println!("  {name:<18} {meaning}");
    }
    for kind in WalletKind::value_variants() {
        let (name, _, faults) = kind.explained();
        println!("\nFaults of {name} (--fault NAME[=VALUE]; in brackets what the value is, and its default):");
        list_faults(faults);
    }
    println!("\nFaults between any of them and the reader:");
    list_faults(LINK_FAULTS);
    println!("\nFaults of how it is held:");
    list_faults(HOLDING_FAULTS);
}

fn list_faults(faults: &[FaultKind]) {
    for fault in faults {
        let value = if fault.value.is_empty() { String::new() } else { format!(" [{}]", fault.value) };
        println!("  {:<18} {}{value}", fault.name, fault.meaning);
    }
}
