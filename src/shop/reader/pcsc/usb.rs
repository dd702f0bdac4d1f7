//! The USB port of a reader, which tells two readers of one make apart: their names change with the order in which they
//! are plugged in (readers-and-scanners.md section 1.2).
//!
//! The driver tells bus and device by the attribute SCARD_ATTR_CHANNEL_ID; the kernel tells by sysfs which port that is. A
//! reader that is no USB device, or whose driver does not say, has none.

use std::ffi::CStr;
use std::path::Path;

use ::pcsc::{Attribute, Context, Disposition, Protocols, Scope, ShareMode};

/// Where the kernel lists USB devices.
const DEVICES: &str = "/sys/bus/usb/devices";

/// The kind of channel that is USB, in the high half of the attribute (PC/SC part 3).
const USB: u32 = 0x0020;

/// The port of `reader` as sysfs names it (`1-1.2`); asks the reader's driver, and no chip.
pub fn port_of(reader: &CStr) -> Option<String> {
    let context = Context::establish(Scope::System).ok()?;
    port_on(&context, reader)
}

/// [`port_of`] on a context that is there.
pub fn port_on(context: &Context, reader: &CStr) -> Option<String> {
    let card = context.connect(reader, ShareMode::Direct, Protocols::UNDEFINED).ok()?;
    let mut bytes = [0; 8];
    let channel = card.get_attribute(Attribute::ChannelId, &mut bytes).ok().and_then(channel);
    // A chip that lies there is left as it is.
    let _ = card.disconnect(Disposition::LeaveCard);
    let (bus, device) = channel?;
    port_in(Path::new(DEVICES), bus, device)
}

/// Bus and device of the attribute's bytes: `0x0020bbdd`, least byte first.
fn channel(bytes: &[u8]) -> Option<(u8, u8)> {
    let id = u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?);
    let [_, _, bus, device] = id.to_be_bytes();
    (id >> 16 == USB).then_some((bus, device))
}

/// The device of that bus and number among those that the kernel lists.
fn port_in(devices: &Path, bus: u8, device: u8) -> Option<String> {
    let number = |folder: &Path, name: &str| -> Option<u8> {
        std::fs::read_to_string(folder.join(name)).ok()?.trim().parse().ok()
    };
    std::fs::read_dir(devices).ok()?.flatten().find_map(|entry| {
        let folder = entry.path();
        let here = number(&folder, "busnum") == Some(bus) && number(&folder, "devnum") == Some(device);
        here.then(|| entry.file_name().to_string_lossy().into_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_of_usb_names_bus_and_device() {
        assert_eq!(channel(&0x0020_0107_u32.to_le_bytes()), Some((1, 7)));
        assert_eq!(channel(&0x0020_0107_0000_0000_u64.to_le_bytes()), None);
        assert_eq!(channel(&0x0001_0000_u32.to_le_bytes()), None, "a serial line");
        assert_eq!(channel(&[0x07, 0x01, 0x20]), None);
    }

    #[test]
    fn a_port_is_found_by_bus_and_device() {
        let devices = std::env::temp_dir().join(format!("stampd-usb-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&devices);
        for (port, bus, device) in [("usb1", "1", "1"), ("1-1", "1", "2"), ("1-1.2", "1", "7"), ("2-1.2", "2", "7")] {
            let folder = devices.join(port);
            std::fs::create_dir_all(&folder).expect("made");
            std::fs::write(folder.join("busnum"), format!("{bus}\n")).expect("written");
            std::fs::write(folder.join("devnum"), format!("{device}\n")).expect("written");
        }
        // Interfaces of a device have no number of their own.
        std::fs::create_dir(devices.join("1-1.2:1.0")).expect("made");
        assert_eq!(port_in(&devices, 1, 7).as_deref(), Some("1-1.2"));
        assert_eq!(port_in(&devices, 2, 7).as_deref(), Some("2-1.2"));
        assert_eq!(port_in(&devices, 1, 9), None);
        std::fs::remove_dir_all(&devices).expect("removed");
        assert_eq!(port_in(Path::new("/nowhere"), 1, 7), None);
    }
}
