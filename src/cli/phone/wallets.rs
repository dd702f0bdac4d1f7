//! The wallet kinds of `stampd phone`: which there are, and how each is built from demo.json or a card's own file.

use anyhow::Context;
use clap::ValueEnum;

use super::PhoneArgs;
use crate::pure::domain::Serial;
use crate::tools::phone::apple::{self, ApplePass, IPhone};
use crate::tools::phone::fault::{Fault, FaultKind, Faulty, HOLDING_FAULTS, LINK_FAULTS};
use crate::tools::phone::google::{self, AndroidPhone, GooglePass};
use crate::tools::phone::wallet_file::{
    AppleCardFile, CardChoice, DemoCard, DemoFile, GoogleCardFile, WalletFileError,
};
use crate::tools::phone::{Handset, TimeSource};

/// A kind of wallet or chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum WalletKind {
    /// An iPhone with the card's pass on its screen (Apple VAS).
    Apple,
    /// An Android phone with the card's pass (Google Smart Tap).
    Google,
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
            let (demo, card) = demo_card(args)?;
            let apple = demo.apple.as_ref().ok_or_else(|| lacks(args, "the shop has no Apple part"))?;
            let message = card.nfc_message.as_deref().ok_or_else(|| lacks(args, "this card has no nfc_message"))?;
            let mut pass = ApplePass::new(&apple.pass_type_id, &apple.vas_public_key, message)
                .with_context(|| args.demo.display().to_string())?;
            pass.barcode.clone_from(&card.barcode);
            (card_words(&card), pass)
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
            let (demo, card) = demo_card(args)?;
            let google = demo.google.as_ref().ok_or_else(|| lacks(args, "the shop has no Google part"))?;
            let value =
                card.smart_tap_value.as_deref().ok_or_else(|| lacks(args, "this card has no smart_tap_value"))?;
            let mut pass =
                GooglePass::new(google.collector_id, google.key_version, &google.smart_tap_public_key, value)
                    .with_context(|| args.demo.display().to_string())?;
            pass.barcode.clone_from(&card.barcode);
            (card_words(&card), pass)
        }
    };
    let mut phone = AndroidPhone::new(pass);
    for fault in faults {
        phone = phone.with_fault(fault)?;
    }
    Ok((card, Box::new(phone)))
}

/// The shop and the card that the arguments choose.
fn demo_card(args: &PhoneArgs) -> anyhow::Result<(DemoFile, DemoCard)> {
    let demo = DemoFile::read(&args.demo)?;
    let choice = match (&args.card, &args.programme) {
        (Some(serial), _) => CardChoice::Serial(*serial),
        (None, Some(name)) => CardChoice::Programme(name.clone()),
        (None, None) => CardChoice::First,
    };
    let card = demo.card(&choice, &args.demo)?.clone();
    Ok((demo, card))
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
