//! Scanners of the device's own: is the device there, is it of the kind that the configuration says, and may the daemon's
//! user open it; which rule or group is missing where it may not.

use std::fs::{self, Metadata};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::Patient;
use super::counter::told_of;
use super::finding::Finding;
use crate::base::config::{Scanner, ScannerKind};
use crate::daemon::interface;
use crate::pure::tap::scan::hid_pos::ReportLayout;
use crate::shop::reader::Interface;
use crate::shop::reader::pcsc::probe;
use crate::shop::reader::scanner::descriptor_of;

/// The user as whom the package runs the daemon.
const DAEMON_USER: &str = "stampd";

/// The groups that the unit adds (systemd/stampd.service).
const UNIT_GROUPS: [&str; 1] = ["dialout"];

/// Where the package puts its udev rule, and where an installer adds scanners of other makers.
const LOCAL_RULE: &str = "/etc/udev/rules.d/61-stampd-local.rules";

/// Each scanner of the configuration.
pub fn scanners(patient: &Patient) -> Vec<Finding> {
    let scanners = &patient.config.scanners;
    if scanners.is_empty() {
        return vec![Finding::ok(
            "scanners",
            "none of the device's own; a till sends what its scanner read by the API",
        )];
    }
    let own = own_findings(patient, scanners);
    let mut findings: Vec<Finding> = own.collect();
    let by_chip: Vec<&Scanner> = scanners.iter().filter(|scanner| scanner.kind == ScannerKind::Pcsc).collect();
    if !by_chip.is_empty() {
        let names: Vec<String> = probe().readers.into_iter().map(|reader| reader.name).collect();
        findings.extend(by_chip.into_iter().map(|scanner| reader_finding(scanner, &names)));
    }
    findings
}

fn own_findings<'p>(patient: &'p Patient, scanners: &'p [Scanner]) -> impl Iterator<Item = Finding> + 'p {
    let who = Who::of_the_daemon();
    scanners.iter().filter_map(move |scanner| {
        let interface = interface(scanner)?;
        let finding = match device_fault(scanner, interface, &who) {
            Some(fault) => fault,
            None => match told_of(&patient.daemon, &scanner.device) {
                Some(told) if told.remedy.is_some() => Finding::warn(
                    "scanners",
                    format!("{}: the daemon says {}", scanner.device, told.state),
                    told.remedy.clone().unwrap_or_default(),
                ),
                told => {
                    let read = if told.is_some() { "the daemon reads it" } else { "the daemon may open it" };
                    Finding::ok(
                        "scanners",
                        format!("{}: {}; {read}; serves {}", scanner.device, what(interface), scanner.till),
                    )
                }
            },
        };
        Some(finding)
    })
}

fn what(interface: Interface) -> String {
    match interface {
        Interface::Serial { baud } => format!("a serial line at {baud} bits per second"),
        Interface::Keyboard { layout } => format!("a keyboard of layout {}", layout.name()),
        Interface::HidPos => "a point-of-sale scanner".to_owned(),
    }
}

/// What keeps the daemon from this device.
fn device_fault(scanner: &Scanner, interface: Interface, who: &Who) -> Option<Finding> {
    let path = Path::new(&scanner.device);
    let name = &scanner.device;
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let remedy = format!("plug it in, or correct `device`; {}", others(path));
            return Some(Finding::warn("scanners", format!("{name}: there is no such device"), remedy));
        }
        Err(error) => {
            let finding = format!("{name}: it cannot be looked at: {error}");
            return Some(Finding::fail("scanners", finding, "run 'stampd doctor' as root"));
        }
    };
    let is = class_of(path, &metadata);
    let wanted = match interface {
        Interface::Serial { .. } => "tty",
        Interface::Keyboard { .. } => "input",
        Interface::HidPos => "hidraw",
    };
    if is.as_deref() != Some(wanted) {
        let is = is.map_or_else(|| "no device of a scanner".to_owned(), |is| format!("a device of kind {is}"));
        let remedy = format!("correct `kind` or `device`: {} is wanted", what(interface));
        return Some(Finding::fail("scanners", format!("{name}: it is {is}"), remedy));
    }
    if interface == Interface::HidPos
        && descriptor_of(path).is_ok_and(|descriptor| ReportLayout::from_descriptor(&descriptor).is_err())
    {
        let remedy = "set the scanner to HID POS (its manual has the code to scan), or name its other device";
        return Some(Finding::fail("scanners", format!("{name}: it is no bar code scanner (HID page 8C)"), remedy));
    }
    let write = matches!(interface, Interface::Serial { .. });
    (!who.may_open(&metadata, write)).then(|| rights_finding(path, wanted, &metadata, who))
}

/// What is beside the device that is not there.
fn others(path: &Path) -> String {
    let folder = path.parent().unwrap_or(Path::new("/dev"));
    let names: Vec<String> = fs::read_dir(folder)
        .map(|items| items.flatten().map(|item| item.file_name().to_string_lossy().into_owned()).take(8).collect())
        .unwrap_or_default();
    if names.is_empty() || folder == Path::new("/dev") {
        "lsusb shows whether the machine sees it".to_owned()
    } else {
        format!("{} has {}", folder.display(), names.join(", "))
    }
}

/// The kernel's class of a device: `tty`, `input`, `hidraw`; `None` for what is no character device.
fn class_of(path: &Path, metadata: &Metadata) -> Option<String> {
    if !metadata.file_type().is_char_device() {
        return None;
    }
    // Pseudo-terminals stand in no class.
    if fs::canonicalize(path).is_ok_and(|path| path.starts_with("/dev/pts")) {
        return Some("tty".to_owned());
    }
    let subsystem = fs::canonicalize(sys_of(metadata).join("subsystem")).ok()?;
    Some(subsystem.file_name()?.to_string_lossy().into_owned())
}

fn sys_of(metadata: &Metadata) -> PathBuf {
    let device = metadata.rdev();
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    PathBuf::from(format!("/sys/dev/char/{major}:{minor}"))
}

/// The USB vendor of a device, from the nearest thing above it that has one.
fn vendor_of(metadata: &Metadata) -> Option<String> {
    let place = fs::canonicalize(sys_of(metadata)).ok()?;
    let vendor = place.ancestors().find_map(|place| fs::read_to_string(place.join("idVendor")).ok())?;
    Some(vendor.trim().to_owned())
}

fn rights_finding(path: &Path, class: &str, metadata: &Metadata, who: &Who) -> Finding {
    let group = who.group_name(metadata.gid());
    let mode = metadata.mode() & 0o777;
    let finding = format!("{}: the user {} may not open it (group {group}, mode {mode:04o})", path.display(), who.name);
    let vendor = vendor_of(metadata).unwrap_or_else(|| "its idVendor, from lsusb".to_owned());
    let rule = format!(
        "put SUBSYSTEM==\"{class}\", ATTRS{{idVendor}}==\"{vendor}\", GROUP=\"{DAEMON_USER}\", MODE=\"0660\" into \
         {LOCAL_RULE}, then udevadm control --reload && udevadm trigger"
    );
    let by_group = "or 'systemctl edit stampd' with [Service] SupplementaryGroups=";
    // Whoever is in `input` reads every keyboard, so that is not advised.
    let remedy = if class == "tty" { format!("{rule}; {by_group}{group}") } else { rule };
    Finding::fail("scanners", finding, remedy)
}

fn reader_finding(scanner: &Scanner, readers: &[String]) -> Finding {
    let pattern = regex::Regex::new(&scanner.device).ok();
    let fits: Vec<&str> = readers
        .iter()
        .map(String::as_str)
        .filter(|name| pattern.as_ref().is_some_and(|pattern| pattern.is_match(name)))
        .collect();
    if fits.is_empty() {
        let connected = if readers.is_empty() { "none is connected".to_owned() } else { readers.join(", ") };
        let finding = format!("[[scanner]] device = \"{}\" fits no reader; connected: {connected}", scanner.device);
        return Finding::warn("scanners", finding, "plug it in, or correct the expression");
    }
    let finding = format!("{}: its codes come as chips; serves {}", fits.join(", "), scanner.till);
    Finding::ok("scanners", finding)
}

/// A user, as far as rights on devices go.
struct Who {
    name: String,
    uid: u32,
    gids: Vec<u32>,
    /// /etc/group.
    groups: String,
}

impl Who {
    /// The daemon's user, with the groups that its unit adds; where there is none, whoever asks.
    fn of_the_daemon() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let (passwd, groups) = (read("/etc/passwd"), read("/etc/group"));
        Self::named(DAEMON_USER, &passwd, &groups).unwrap_or_else(|| {
            let gids = rustix::process::getgroups().unwrap_or_default();
            let gids = gids.into_iter().chain([rustix::process::getegid()]).map(|gid| gid.as_raw()).collect();
            Self { name: "who runs doctor".to_owned(), uid: rustix::process::geteuid().as_raw(), gids, groups }
        })
    }

    fn named(name: &str, passwd: &str, groups: &str) -> Option<Self> {
        let fields = |line: &'_ str| line.split(':').map(str::to_owned).collect::<Vec<String>>();
        let user = passwd.lines().map(fields).find(|user| user.first().is_some_and(|it| it == name))?;
        let mut gids = vec![user.get(3)?.parse().ok()?];
        for group in groups.lines().map(fields) {
            let [group, _, gid, members] = group.as_slice() else { continue };
            let is_member = members.split(',').any(|member| member == name) || UNIT_GROUPS.contains(&group.as_str());
            gids.extend(gid.parse::<u32>().ok().filter(|_| is_member));
        }
        Some(Self { name: name.to_owned(), uid: user.get(2)?.parse().ok()?, gids, groups: groups.to_owned() })
    }

    fn may_open(&self, metadata: &Metadata, write: bool) -> bool {
        self.may(metadata.mode(), metadata.uid(), metadata.gid(), write)
    }

    fn may(&self, mode: u32, uid: u32, gid: u32, write: bool) -> bool {
        let shift = match () {
            () if self.uid == 0 => return true,
            () if self.uid == uid => 6,
            () if self.gids.contains(&gid) => 3,
            () => 0,
        };
        let wanted = if write { 0o6 } else { 0o4 };
        (mode >> shift) & wanted == wanted
    }

    fn group_name(&self, gid: u32) -> String {
        let named = self.groups.lines().find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            (fields.nth(1)?.parse() == Ok(gid)).then(|| name.to_owned())
        });
        named.unwrap_or_else(|| gid.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0::/root:/bin/sh\nstampd:x:998:997::/var/lib/stampd:/usr/sbin/nologin\n";
    const GROUPS: &str = "root:x:0:\ndialout:x:20:\ninput:x:104:\nlp:x:7:other,stampd\nstampd:x:997:\n";

    #[test]
    fn rights_are_judged_for_the_daemons_user() {
        let who = Who::named("stampd", PASSWD, GROUPS).expect("the user");
        // Mode, group, whether it is written to; dialout comes from the unit.
        let cases = [
            (0o660, 20, true, true),
            (0o660, 997, true, true),
            (0o640, 7, false, true),
            (0o640, 7, true, false),
            (0o660, 104, false, false),
            (0o660, 0, false, false),
            (0o664, 0, false, true),
            (0o666, 0, true, true),
        ];
        for (mode, gid, write, expected) in cases {
            assert_eq!(who.may(mode, 0, gid, write), expected, "{mode:o} {gid} {write}");
        }
        assert!(who.may(0o600, 998, 0, true), "its own");
        assert_eq!((who.group_name(104), who.group_name(5)), ("input".to_owned(), "5".to_owned()));
        assert!(Who::named("nobody", PASSWD, GROUPS).is_none());
    }
}
