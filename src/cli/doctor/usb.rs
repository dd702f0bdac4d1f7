//! NFC readers as the kernel sees them on USB: those that are plugged in and that the smart card service does not list,
//! those that may fall asleep, and what the driver lets through to them (readers-and-scanners.md sections 1.10 and 1.11).

use std::path::Path;

use super::finding::Finding;
use crate::base::config::Config;
use crate::pure::domain::FeedbackProfile;
use crate::shop::reader::light;
use crate::shop::reader::pcsc::ProbedReader;

/// Where the kernel lists USB devices.
const DEVICES: &str = "/sys/bus/usb/devices";

/// Where libccid reads what it lets through; root's file, for all readers alike.
const PLIST: &str = "/etc/libccid_Info.plist";

/// Bit of `ifdDriverOptions`: escape commands pass.
const ESCAPES: u32 = 0x0001;

/// Bit of `ifdDriverOptions`: readers whose firmware is known to be faulty are used all the same.
const OLD_FIRMWARE: u32 = 0x0004;

/// A reader by its USB id: what it is, the word in its name for the service, and what to do where the service does not
/// list it.
struct Known {
    id: &'static str,
    what: &'static str,
    word: &'static str,
    remedy: &'static str,
}

const KERNEL_HOLDS_IT: &str = "see the line of the kernel's drivers; then unplug it and plug it in again";
const DRIVER_IS_OLD: &str = "install libccid 1.5.3 or newer (or the maker's driver), then: systemctl restart pcscd";

/// Readers that the note knows by id.
const KNOWN: &[Known] = &[
    Known { id: "072f:2200", what: "ACS ACR122U", word: "acr122", remedy: KERNEL_HOLDS_IT },
    Known { id: "072f:223b", what: "ACS ACR1252U", word: "acr1252", remedy: KERNEL_HOLDS_IT },
    Known { id: "072f:223e", what: "ACS ACR1252U", word: "acr1252", remedy: KERNEL_HOLDS_IT },
    Known { id: "072f:223f", what: "ACS ACR1255U", word: "acr1255", remedy: KERNEL_HOLDS_IT },
    Known { id: "072f:2303", what: "ACS ACR1552U", word: "acr1552", remedy: DRIVER_IS_OLD },
    Known { id: "072f:2308", what: "ACS ACR1552U", word: "acr1552", remedy: DRIVER_IS_OLD },
    Known { id: "072f:226b", what: "ACS WalletMate", word: "walletmate", remedy: DRIVER_IS_OLD },
    Known { id: "04e6:5790", what: "Identiv uTrust", word: "utrust", remedy: KERNEL_HOLDS_IT },
    Known { id: "04e6:5612", what: "Identiv uTrust", word: "utrust", remedy: KERNEL_HOLDS_IT },
    Known { id: "04e6:5613", what: "Identiv uTrust", word: "utrust", remedy: KERNEL_HOLDS_IT },
    Known { id: "076b:5022", what: "HID OMNIKEY 5022", word: "omnikey", remedy: KERNEL_HOLDS_IT },
];

/// What is told of the readers on USB beside the service's own list.
pub fn readers(listed: &[ProbedReader], config: Option<&Config>) -> Vec<Finding> {
    let devices = Path::new(DEVICES);
    let mut findings = unlisted(devices, listed);
    findings.extend(listed.iter().filter_map(|reader| asleep(devices, reader)));
    let plist = std::fs::read_to_string(PLIST).ok();
    findings.extend(config.and_then(|config| escapes(config, listed, plist.as_deref())));
    findings
}

/// Known readers that are plugged in and that the service does not list.
fn unlisted(devices: &Path, listed: &[ProbedReader]) -> Vec<Finding> {
    let names: Vec<String> = listed.iter().map(|reader| reader.name.to_lowercase()).collect();
    let missing = |known: &&Known| plugged_in(devices, known.id) && !names.iter().any(|name| name.contains(known.word));
    let tell = |known: &Known| {
        let found = format!("an {} is plugged in (USB {}), and pcscd does not list it", known.what, known.id);
        let remedy = match known.id {
            "072f:2200" => format!(
                "{}; one with old firmware needs bit {OLD_FIRMWARE:#06x} of ifdDriverOptions in {PLIST}",
                known.remedy
            ),
            _ => known.remedy.to_owned(),
        };
        Finding::fail("readers", found, remedy)
    };
    KNOWN.iter().filter(missing).map(tell).collect()
}

fn plugged_in(devices: &Path, id: &str) -> bool {
    let read = |folder: &Path, name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
    let has_id = |entry: std::fs::DirEntry| {
        let folder = entry.path();
        format!("{}:{}", read(&folder, "idVendor").trim(), read(&folder, "idProduct").trim()) == id
    };
    std::fs::read_dir(devices).is_ok_and(|entries| entries.flatten().any(has_id))
}

/// A reader that the kernel may switch off while nothing happens: some do not come back.
fn asleep(devices: &Path, reader: &ProbedReader) -> Option<Finding> {
    let power = devices.join(reader.usb.as_ref()?).join("power/control");
    let control = std::fs::read_to_string(&power).ok()?;
    (control.trim() == "auto").then(|| {
        Finding::warn(
            "readers",
            format!("{}: the kernel may put it to sleep, and some readers do not wake up", reader.name),
            format!("echo on > {}; the package's udev rule does so at each start", power.display()),
        )
    })
}

/// Whether the driver lets through what the owner wants readers told; `None` where nothing is wanted, or it does.
fn escapes(config: &Config, listed: &[ProbedReader], plist: Option<&str>) -> Option<Finding> {
    let options = driver_options(plist?)?;
    if options & ESCAPES != 0 {
        return None;
    }
    let wanted = |reader: &&ProbedReader| {
        config.readers.iter().find(|section| section.name_match.is_match(&reader.name)).is_some_and(|section| {
            let own = &section.escape;
            let commands = [&own.start, &own.read, &own.awarded, &own.refused];
            let chosen = !matches!(section.feedback, FeedbackProfile::Auto | FeedbackProfile::None);
            chosen || commands.iter().any(|commands| !commands.is_empty())
        })
    };
    let reader = listed.iter().find(wanted)?;
    Some(Finding::warn(
        "readers",
        format!("{}: the driver passes no escape commands on, so light, sound and `escape` do nothing", reader.name),
        format!(
            "set bit {ESCAPES:#06x} of ifdDriverOptions in {PLIST} (now {options:#06x}), then: systemctl restart pcscd; \
             taps work without"
        ),
    ))
}

/// The value of `ifdDriverOptions` in libccid's property list.
fn driver_options(plist: &str) -> Option<u32> {
    let (_, behind) = plist.split_once("<key>ifdDriverOptions</key>")?;
    let (_, behind) = behind.split_once("<string>")?;
    let (value, _) = behind.split_once("</string>")?;
    u32::from_str_radix(value.trim().trim_start_matches("0x"), 16).ok()
}

/// What a reader shows by light and sound, half a sentence.
pub fn shows(name: &str, chosen: Option<FeedbackProfile>) -> &'static str {
    let chosen = chosen.unwrap_or_default();
    let profile = light::profile(chosen, name);
    match chosen {
        FeedbackProfile::None => "shows nothing",
        _ if light::beats(profile, light::Signal::Awarded).is_empty() => "no light or sound of its own is known",
        _ if light::through_chip(profile) => "light and sound show what a tap did",
        _ => "light and sound show what a tap did, where the driver passes escapes on",
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;
    use crate::shop::reader::pcsc::Lies;

    fn reader(name: &str, usb: Option<&str>) -> ProbedReader {
        ProbedReader { name: name.to_owned(), lies: Lies::Nothing, usb: usb.map(str::to_owned) }
    }

    fn device(devices: &Path, port: &str, id: &str, control: &str) {
        let folder = devices.join(port);
        std::fs::create_dir_all(folder.join("power")).expect("a folder");
        let (vendor, product) = id.split_once(':').expect("an id");
        for (name, text) in [("idVendor", vendor), ("idProduct", product), ("power/control", control)] {
            std::fs::write(folder.join(name), format!("{text}\n")).expect("written");
        }
    }

    #[test]
    fn what_is_plugged_in_and_not_listed_is_told_with_its_remedy() {
        let devices = std::env::temp_dir().join(format!("stampd-doctor-usb-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&devices);
        device(&devices, "1-1", "072f:2200", "on");
        device(&devices, "1-2", "072f:2303", "auto");
        device(&devices, "1-3", "1d6b:0002", "auto");
        let found = unlisted(&devices, &[]);
        assert_eq!(found.iter().map(|one| one.level).collect::<Vec<_>>(), [Level::Fail, Level::Fail]);
        let remedy = |index: usize| found[index].remedy.clone().expect("a remedy");
        assert!(remedy(0).contains("0x0004") && remedy(1).contains("libccid 1.5.3"), "{found:?}");
        let listed = [reader("ACS ACR122U PICC 00 00", Some("1-1")), reader("ACS ACR1552 1S 01 00", Some("1-2"))];
        assert!(unlisted(&devices, &listed).is_empty());
        assert_eq!(asleep(&devices, &listed[0]), None);
        assert!(asleep(&devices, &listed[1]).is_some_and(|one| one.level == Level::Warn));
        assert_eq!(asleep(&devices, &reader("Virtual PCD 00 00", None)), None);
        std::fs::remove_dir_all(&devices).expect("removed");
        assert!(unlisted(&devices, &[]).is_empty());
    }

    #[test]
    fn the_options_of_the_driver_are_read() {
        let plist = |value: &str| format!("<dict>\n<key>ifdDriverOptions</key>\n\t<string>{value}</string>\n</dict>");
        for (value, options) in [("0x0000", Some(0)), ("0x0005", Some(5)), (" 0x0001 ", Some(1)), ("no", None)] {
            assert_eq!(driver_options(&plist(value)), options, "{value}");
        }
        assert_eq!(driver_options("<dict></dict>"), None);
    }

    #[test]
    fn light_and_sound_are_told_by_family_and_choice() {
        let auto = Some(FeedbackProfile::Auto);
        assert_eq!(shows("Virtual PCD 00 00", auto), "no light or sound of its own is known");
        assert!(shows("ACS ACR122U 00 00", None).starts_with("light and sound"));
        assert!(shows("ACS ACR1252 00 00", auto).ends_with("passes escapes on"));
        assert_eq!(shows("ACS ACR122U 00 00", Some(FeedbackProfile::None)), "shows nothing");
        // What the owner chose counts, not what the name would say.
        assert!(shows("A reader 00 00", Some(FeedbackProfile::Utrust)).starts_with("light and sound"));
        assert_eq!(shows("ACS ACR122U 00 00", Some(FeedbackProfile::Omnikey)), "no light or sound of its own is known");
    }
}
