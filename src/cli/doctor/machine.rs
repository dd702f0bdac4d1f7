//! What the machine itself must not do: kernel drivers that take readers away, a service that asks a rule nobody gave.

use std::path::Path;

use super::finding::Finding;

/// Drivers of the kernel that claim NFC readers by their USB id (readers-and-scanners.md section 1.11).
const GRABBERS: [&str; 2] = ["pn533_usb", "port100"];

/// What they rest upon; alone they hold no reader.
const BENEATH: [&str; 2] = ["pn533", "nfc"];

/// What pcscd declares to polkit when it was built to ask it, and where our rule may lie.
const POLKIT_ACTIONS: &str = "/usr/share/polkit-1/actions/org.debian.pcsc-lite.policy";
const POLKIT_RULES: [&str; 2] =
    ["/etc/polkit-1/rules.d/50-stampd.rules", "/usr/share/polkit-1/rules.d/50-stampd.rules"];

/// Kernel drivers that take ACR122U and others away from pcscd.
pub fn kernel_modules() -> Vec<Finding> {
    vec![match std::fs::read_to_string("/proc/modules") {
        Ok(text) => modules_finding(&text),
        // A kernel without modules has none that were loaded.
        Err(_) => Finding::ok("kernel", "it has no loadable NFC driver"),
    }]
}

fn modules_finding(modules: &str) -> Finding {
    let loaded = |name: &&&str| modules.lines().any(|line| line.split_whitespace().next() == Some(**name));
    let named = |names: &[&str]| names.iter().filter(loaded).copied().collect::<Vec<_>>().join(" ");
    let (grabbers, beneath) = (named(&GRABBERS), named(&BENEATH));
    let keep = "install /etc/modprobe.d/stampd-nfc.conf (the package brings it)";
    if !grabbers.is_empty() {
        let all = [grabbers.as_str(), beneath.as_str()].join(" ");
        let remedy =
            format!("modprobe -r {}; then unplug and plug the reader; so that it stays so: {keep}", all.trim());
        return Finding::fail("kernel", format!("its driver {grabbers} takes NFC readers away from pcscd"), remedy);
    }
    if !beneath.is_empty() {
        let remedy = format!("if a reader is missing: modprobe -r {beneath}; {keep}");
        return Finding::warn("kernel", format!("its NFC modules {beneath} are loaded"), remedy);
    }
    Finding::ok("kernel", "no NFC driver of its own is loaded")
}

/// Where pcscd asks polkit, a rule must allow the daemon's user; root is always allowed and would not notice.
pub fn polkit() -> Option<Finding> {
    let asks = Path::new(POLKIT_ACTIONS).exists();
    // Only root may look into the folder of rules.
    let can_look = std::fs::read_dir("/etc/polkit-1/rules.d").is_ok();
    let has_rule = POLKIT_RULES.iter().any(|rule| Path::new(rule).exists());
    (asks && can_look && !has_rule).then(|| {
        Finding::warn(
            "pcsc",
            "pcscd asks polkit who may use readers, and no rule allows the user stampd",
            "install /etc/polkit-1/rules.d/50-stampd.rules (the package brings it), then: systemctl restart polkit",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    #[test]
    fn drivers_that_take_readers_are_named_with_the_command_that_removes_them() {
        let all = "pn533_usb 20480 0 - Live 0x0\npn533 53248 1 pn533_usb, Live 0x0\nnfc 131072 1 pn533, Live 0x0\n";
        let finding = modules_finding(all);
        assert_eq!(finding.level, Level::Fail);
        assert!(finding.remedy.is_some_and(|remedy| remedy.starts_with("modprobe -r pn533_usb pn533 nfc;")));
        assert_eq!(modules_finding("port100 1 0 - Live 0x0\n").level, Level::Fail);
        assert_eq!(modules_finding("nfc 131072 0 - Live 0x0\n").level, Level::Warn);
        assert_eq!(modules_finding("nfc_hci 1 0 - Live 0x0\nnfnetlink 1 0 - Live 0x0\n").level, Level::Ok);
        assert_eq!(modules_finding("").level, Level::Ok);
    }
}
