//! What stands on the counter: the service behind the readers, each reader with what it can do, the tills.

use super::doors::Daemon;
use super::finding::Finding;
use super::{Patient, machine, usb};
use crate::base::config::{Config, Reader, ScannerKind};
use crate::pure::wire::lan::ReaderView;
use crate::shop::reader::ServiceStatus;
use crate::shop::reader::pcsc::{Lies, Probe, ProbedReader, probe};

/// What is known of a family of readers by its name (readers-and-scanners.md section 1.10).
struct Family {
    /// Words of which one stands in the name, in lower case.
    words: &'static [&'static str],
    /// What it is.
    what: &'static str,
    /// Whether it calls iPhones by Apple's ECP frame, so that the pass comes up by itself.
    ecp: Ecp,
}

/// Apple's Enhanced Contactless Polling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ecp {
    /// The reader sends the frame itself.
    Native,
    /// The customer opens the pass first.
    None,
    /// No phone is read here.
    NoPhones,
}

/// The families, the first that fits counts.
const FAMILIES: &[Family] = &[
    Family { words: &["virtual pcd", "vpcd"], what: "virtual reader (vsmartcard)", ecp: Ecp::None },
    Family { words: &[" sam ", " sam]"], what: "slot for a security module", ecp: Ecp::NoPhones },
    Family { words: &["walletmate"], what: "ACS WalletMate, light and sound by E0 commands", ecp: Ecp::Native },
    Family {
        words: &["puck", "prox'n'roll hsp", "prox'n'roll rfid hsp"],
        what: "SpringCard, light and sound by class 58",
        ecp: Ecp::Native,
    },
    Family { words: &["vtap"], what: "dotOrigin VTAP", ecp: Ecp::Native },
    Family { words: &["acr122"], what: "ACS ACR122U, light and sound by FF 00 40", ecp: Ecp::None },
    Family {
        words: &["acr1252", "acr1255", "acm1252", "acr1281"],
        what: "ACS ACR1252 family, light and sound by E0 commands",
        ecp: Ecp::None,
    },
    Family { words: &["acr1552"], what: "ACS ACR1552U, light and sound by E0 commands", ecp: Ecp::None },
    Family { words: &["utrust", "identiv"], what: "Identiv uTrust", ecp: Ecp::None },
    Family { words: &["omnikey"], what: "HID OMNIKEY", ecp: Ecp::None },
    Family { words: &["springcard"], what: "SpringCard, light and sound by class 58", ecp: Ecp::None },
];

/// The reader service and every reader; without a configuration only what is there.
pub fn readers(patient: Option<&Patient>) -> Vec<Finding> {
    let Probe { service, readers } = probe();
    if let ServiceStatus::Down { reason, remedy } = service {
        return vec![service_down(patient.map(|patient| &patient.config), reason, remedy)];
    }
    let mut findings = vec![Finding::ok("pcsc", "the smart card service answers")];
    findings.extend(machine::polkit());
    if readers.is_empty() {
        findings.push(Finding::warn(
            "readers",
            "none is connected",
            "plug one in (lsusb shows whether the machine sees it); a shop that only scans codes needs none",
        ));
    }
    let told = patient.map(|patient| &patient.daemon);
    for reader in &readers {
        findings.extend(reader_findings(
            reader,
            patient.map(|patient| &patient.config),
            told.and_then(|daemon| told_of(daemon, &reader.name)),
        ));
    }
    findings.extend(usb::readers(&readers, patient.map(|patient| &patient.config)));
    if let Some(patient) = patient {
        findings.extend(unmatched(&patient.config, &readers));
    }
    findings
}

/// Only a shop that scans and has no reader named does without the service.
fn service_down(config: Option<&Config>, reason: String, remedy: String) -> Finding {
    let scans_only = config.is_some_and(|config| {
        // A code that comes as a chip comes through a reader.
        let by_chip = config.scanners.iter().any(|scanner| scanner.kind == ScannerKind::Pcsc);
        config.readers.is_empty() && !config.scanners.is_empty() && !by_chip
    });
    if scans_only { Finding::warn("pcsc", reason, remedy) } else { Finding::fail("pcsc", reason, remedy) }
}

/// What the running daemon says of a reader.
pub fn told_of<'d>(daemon: &'d Daemon, name: &str) -> Option<&'d ReaderView> {
    let Daemon::Answers { readers: Some(list), .. } = daemon else { return None };
    list.readers.iter().find(|reader| reader.name == name)
}

fn reader_findings(reader: &ProbedReader, config: Option<&Config>, told: Option<&ReaderView>) -> Vec<Finding> {
    let name = &reader.name;
    let family = family_of(name);
    let (what, ecp) =
        family.map_or(("a reader of a make that is not known here", Ecp::None), |family| (family.what, family.ecp));
    let section = config.and_then(|config| section_of(config, reader));
    let served = config.map_or_else(String::new, |config| format!("; {}", service_of(config, section)));
    let port = reader.usb.as_ref().map_or_else(String::new, |port| format!(" on USB port {port}"));
    let shows = usb::shows(name, section.map(|section| section.feedback));
    let ecp_text = match ecp {
        // Commands of the owner's at its start may switch it on; what they do, only the maker's manual knows.
        Ecp::None if section.is_some_and(|section| !section.escape.start.is_empty()) => {
            "ecp as your escape commands set it: hold an iPhone to it to see whether the pass comes up by itself"
        }
        Ecp::Native => "ecp native: an iPhone shows the pass by itself",
        Ecp::None => "ecp none: on an iPhone the customer opens the pass first",
        Ecp::NoPhones => "no phone is read here",
    };
    let found = format!("{name}{port}: {what}; {ecp_text}; {shows}{served}");
    let mut findings = vec![match family {
        Some(family) if family.words.contains(&"vpcd") => Finding::warn(
            "readers",
            found,
            "good for a demo; on a shop device apt remove vsmartcard-vpcd, as anybody on the LAN can tap on it",
        ),
        _ => Finding::ok("readers", found),
    }];
    if let Some((state, remedy)) = told.and_then(|told| Some((&told.state, told.remedy.as_ref()?))) {
        findings.push(Finding::warn("readers", format!("{name}: the daemon says {state}"), remedy));
    } else if reader.lies == Lies::MuteChip {
        findings.push(Finding::warn(
            "readers",
            format!("{name}: what lies on it does not answer"),
            "take it away; a reader that says so with nothing on it is to be unplugged and plugged in again",
        ));
    }
    findings
}

fn family_of(name: &str) -> Option<&'static Family> {
    let name = format!(" {} ", name.to_lowercase());
    FAMILIES.iter().find(|family| family.words.iter().any(|word| name.contains(word)))
}

/// The section of a reader, as the daemon finds it: by its name and, where the section names one, its USB port.
fn section_of<'c>(config: &'c Config, reader: &ProbedReader) -> Option<&'c Reader> {
    config.readers.iter().find(|section| fits(section, reader))
}

fn fits(section: &Reader, reader: &ProbedReader) -> bool {
    section.name_match.is_match(&reader.name) && section.usb.as_ref().is_none_or(|usb| Some(usb) == reader.usb.as_ref())
}

/// Which till a reader serves, and what it asks of a chip.
fn service_of(config: &Config, section: Option<&Reader>) -> String {
    match section {
        Some(section) => format!("asks for {}, serves {}", protocols(section), section.till),
        // A configuration always has a till.
        None => format!("asks for every medium, serves {}", config.tills[0].id),
    }
}

fn protocols(section: &Reader) -> String {
    section.protocols.iter().map(|medium| medium.name()).collect::<Vec<_>>().join(", ")
}

/// Sections of the configuration that no connected reader matches.
fn unmatched(config: &Config, readers: &[ProbedReader]) -> Vec<Finding> {
    let missing = config.readers.iter().filter(|section| !readers.iter().any(|reader| fits(section, reader)));
    let described = |reader: &ProbedReader| match &reader.usb {
        Some(port) => format!("{} (usb = \"{port}\")", reader.name),
        None => reader.name.clone(),
    };
    let names: Vec<String> = readers.iter().map(described).collect();
    let connected =
        if names.is_empty() { "none is connected".to_owned() } else { format!("connected are {}", names.join(", ")) };
    missing
        .map(|section| {
            let usb = section.usb.as_ref().map_or_else(String::new, |usb| format!(" usb = \"{usb}\""));
            let found =
                format!("[[reader]] match = \"{}\"{usb} fits no connected reader; {connected}", section.name_match);
            Finding::warn("readers", found, "plug it in, or correct the expression or the port")
        })
        .collect()
}

/// Each till: what a tap does there, and what serves it.
pub fn tills(patient: &Patient) -> Vec<Finding> {
    let config = &patient.config;
    let line = |(place, till): (usize, &crate::base::config::Till)| {
        let does = match till.mode {
            crate::base::config::TillMode::Tap => "a tap posts at once".to_owned(),
            crate::base::config::TillMode::Sale => format!("a tap presents the card for {} s", till.hold_s),
        };
        let mut served: Vec<String> = config
            .readers
            .iter()
            .filter(|reader| reader.till == till.id)
            .map(|reader| format!("readers matching \"{}\"", reader.name_match))
            .collect();
        served.extend(
            config
                .scanners
                .iter()
                .filter(|scanner| scanner.till == till.id)
                .map(|scanner| format!("the scanner {}", scanner.device)),
        );
        if place == 0 {
            served.push("every other reader".to_owned());
        }
        let by = if served.is_empty() { "its till program alone, by the API".to_owned() } else { served.join(", ") };
        Finding::ok(
            "tills",
            format!("{}: {does}; the same card within {} s is one visit; served by {by}", till.id, till.repeat_s),
        )
    };
    config.tills.iter().enumerate().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    fn reader(name: &str, lies: Lies) -> ProbedReader {
        ProbedReader { name: name.to_owned(), lies, usb: None }
    }

    #[test]
    fn readers_are_known_by_their_names_with_what_they_do_for_iphones() {
        let cases = [
            ("ACS ACR122U PICC Interface 00 00", Ecp::None),
            ("ACS ACR1252 1S CL Reader [ACR1252 Dual Reader PICC] 00 00", Ecp::None),
            ("ACS ACR1252 1S CL Reader [ACR1252 Dual Reader SAM] 00 01", Ecp::NoPhones),
            ("ACS ACR1252 Dual Reader SAM 01 00", Ecp::NoPhones),
            ("ACS WalletMate 1S CL Reader 00 00", Ecp::Native),
            ("SpringCard Puck One (1234) 00 00", Ecp::Native),
            ("SpringCard Prox'N'Roll HSP 00 00", Ecp::Native),
            ("SpringCard H663 00 00", Ecp::None),
            ("Virtual PCD 00 01", Ecp::None),
        ];
        for (name, ecp) in cases {
            assert_eq!(family_of(name).map(|family| family.ecp), Some(ecp), "{name}");
        }
        assert!(family_of("Some Other Reader 00 00").is_none());
    }

    #[test]
    fn a_virtual_reader_and_a_stuck_one_are_told() {
        let levels = |reader: &ProbedReader, told: Option<&ReaderView>| -> Vec<Level> {
            reader_findings(reader, None, told).iter().map(|finding| finding.level).collect()
        };
        assert_eq!(levels(&reader("ACS ACR122U 00 00", Lies::Chip), None), [Level::Ok]);
        assert_eq!(levels(&reader("Virtual PCD 00 00", Lies::Nothing), None), [Level::Warn]);
        assert_eq!(levels(&reader("ACS ACR122U 00 00", Lies::MuteChip), None), [Level::Ok, Level::Warn]);
        let told = ReaderView {
            name: "ACS ACR122U 00 00".to_owned(),
            till: "till-1".to_owned(),
            state: "stuck".to_owned(),
            remedy: Some("unplug it".to_owned()),
            exchanges: 1,
            occupied: true,
        };
        let findings = reader_findings(&reader("ACS ACR122U 00 00", Lies::Nothing), None, Some(&told));
        assert_eq!(findings[1].remedy.as_deref(), Some("unplug it"));
    }

    #[test]
    fn without_a_configuration_a_missing_service_fails() {
        assert_eq!(service_down(None, "away".to_owned(), "start it".to_owned()).level, Level::Fail);
    }
}
