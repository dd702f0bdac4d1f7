//! The counter's part of the configuration, as readers and scanners want it.

use anyhow::{Context, Result};

use crate::base::config::{self, Config, EvdevLayout, Framing, Scanner, ScannerKind};
use crate::pure::tap::Release;
use crate::pure::tap::scan::Reading;
use crate::pure::tap::scan::card::CardRule;
use crate::pure::tap::scan::layout::Layout;
use crate::shop::reader::pcsc::{Access, OwnSignals};
use crate::shop::reader::{CodeDevice, Interface, ReaderConfig, ReadersConfig, ScannerConfig};

/// Where keyboards are: a wallet reader that types is one, or a serial line.
const KEYBOARDS: &str = "/dev/input/";

/// What a reader has of its own, and the first till for all others.
pub fn readers_config(config: &Config) -> Result<ReadersConfig> {
    let readers = config
        .readers
        .iter()
        .map(|reader| ReaderConfig {
            pattern: reader.name_match.clone(),
            usb: reader.usb.clone(),
            till: reader.till.clone(),
            protocols: reader.protocols.clone(),
            access: if reader.exclusive { Access::Exclusive } else { Access::Shared },
            originality: reader.originality,
            escape_start: reader.escape.start.clone(),
            feedback: reader.feedback,
            signals: OwnSignals {
                read: reader.escape.read.clone(),
                awarded: reader.escape.awarded.clone(),
                refused: reader.escape.refused.clone(),
            },
            release_override: reader.release.map(|release| match release {
                config::ReleaseRule::Unpower => Release::Unpower,
                config::ReleaseRule::Reset => Release::Reset,
                config::ReleaseRule::Leave => Release::Leave,
            }),
        })
        .collect();
    let of_pcsc = config.scanners.iter().filter(|scanner| scanner.kind == ScannerKind::Pcsc);
    let codes = of_pcsc.map(code_device).collect::<Result<_>>()?;
    // A configuration always has a till.
    Ok(ReadersConfig { readers, codes, ..ReadersConfig::new(config.tills[0].id.clone()) })
}

fn code_device(scanner: &Scanner) -> Result<CodeDevice> {
    let framing = &scanner.framing;
    let pattern = regex::Regex::new(&scanner.device)
        .with_context(|| format!("[[scanner]] device \"{}\" is no regular expression", scanner.device))?;
    let rule = CardRule {
        atr: framing.atr.clone(),
        apdus: framing.apdus.clone(),
        skip: framing.skip as usize,
        length: framing.length.map(|length| length as usize),
        tlv: framing.tlv.clone(),
        reading: reading(framing),
    };
    Ok(CodeDevice { pattern, till: scanner.till.clone(), rule })
}

fn reading(framing: &Framing) -> Reading {
    Reading { aim: framing.aim, media: framing.media.clone() }
}

/// The scanners of the device's own.
pub fn scanner_configs(config: &Config) -> Vec<ScannerConfig> {
    let own = |scanner: &Scanner| {
        Some(ScannerConfig {
            device: scanner.device.clone().into(),
            till: scanner.till.clone(),
            interface: interface(scanner)?,
            start: scanner.framing.start.clone(),
            end: scanner.framing.end.clone(),
            reading: reading(&scanner.framing),
        })
    };
    config.scanners.iter().filter_map(own).collect()
}

/// How a scanner is connected; `None` for one that is a PC/SC reader.
pub fn interface(scanner: &Scanner) -> Option<Interface> {
    let serial = Interface::Serial { baud: scanner.framing.baud };
    let keyboard = Interface::Keyboard {
        layout: match scanner.framing.layout {
            EvdevLayout::Us => Layout::Us,
            EvdevLayout::Uk => Layout::Uk,
            EvdevLayout::De => Layout::De,
            EvdevLayout::Fr => Layout::Fr,
        },
    };
    match scanner.kind {
        ScannerKind::Pcsc => None,
        ScannerKind::Serial => Some(serial),
        ScannerKind::Evdev => Some(keyboard),
        ScannerKind::HidPos => Some(Interface::HidPos),
        ScannerKind::Typed if scanner.device.starts_with(KEYBOARDS) => Some(keyboard),
        ScannerKind::Typed => Some(serial),
    }
}
