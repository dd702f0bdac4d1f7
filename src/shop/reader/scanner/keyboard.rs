//! A scanner that poses as a keyboard, by evdev, taken for itself so that no code is typed into the till program or a
//! console as well (readers-and-scanners.md section 3.1). It could not be run where this was written, which has no
//! /dev/input: all that decides lies in `pure::tap::scan::keyboard`.

use std::io;
use std::path::Path;
use std::time::Duration;

use evdev::{AttributeSetRef, Device, EventType, KeyCode};
use tokio::sync::mpsc;

use super::attendant::Attendant;
use super::{Trouble, blocking};
use crate::pure::tap::scan::frame::FrameRule;
use crate::pure::tap::scan::keyboard::{Keyboard, TypedFrame};
use crate::pure::tap::scan::layout::Layout;

/// How often it is looked whether all keys are up: a key that is down when the device is grabbed stays down for others.
const KEYS_UP_EVERY: Duration = Duration::from_millis(20);

/// How often that is looked at most.
const KEYS_UP_LOOKS_MAX: u32 = 100;

/// Key events: place and what happened.
type Events = Vec<(u16, i32)>;

/// Serves the keyboard until it fails.
pub async fn serve(attendant: &mut Attendant, layout: Layout) -> Trouble {
    let device = match open(&attendant.config.device).await {
        Ok(device) => device,
        Err(trouble) => return trouble,
    };
    let mut events = match blocking("scanner-keyboard", move |events| read(device, events)) {
        Ok(events) => events,
        Err(error) => return Trouble::of(&error),
    };
    attendant.up();
    let mut keyboard = Keyboard::new(layout, &attendant.config.frame_rule(FrameRule::KEYBOARD_IDLE_NS));
    loop {
        let typed: Vec<TypedFrame> = tokio::select! {
            events = events.recv() => match events {
                Some(Ok(events)) => {
                    let now_ns = attendant.now_ns();
                    events.into_iter().flat_map(|(code, value)| keyboard.key(code, value, now_ns)).collect()
                }
                Some(Err(error)) => return Trouble::of(&error),
                None => return Trouble::hung_up(),
            },
            () = attendant.until(keyboard.idle_at_ns()) => keyboard.idle(attendant.now_ns()),
        };
        for typed in typed {
            hint(attendant, layout, &typed);
            attendant.frame(typed.frame).await;
        }
    }
}

/// Opens the keyboard and takes it from everybody else.
async fn open(path: &Path) -> Result<Device, Trouble> {
    let told = |error: io::Error| Trouble::of(&error);
    let mut device = Device::open(path).map_err(told)?;
    let has_text = |keys: &AttributeSetRef<KeyCode>| keys.contains(KeyCode::KEY_ENTER) && keys.contains(KeyCode::KEY_1);
    if !device.supported_keys().is_some_and(has_text) {
        return Err(Trouble::wrong_kind("the device has no keys for text"));
    }
    for _ in 0..KEYS_UP_LOOKS_MAX {
        if device.get_key_state().map_err(told)?.iter().next().is_none() {
            break;
        }
        tokio::time::sleep(KEYS_UP_EVERY).await;
    }
    device.grab().map_err(told)?;
    Ok(device)
}

/// Reads until the device fails or nobody listens any more.
fn read(mut device: Device, events: &mpsc::Sender<io::Result<Events>>) -> io::Result<()> {
    loop {
        let keys = device.fetch_events()?.filter(|event| event.event_type() == EventType::KEY);
        let keys: Events = keys.map(|event| (event.code(), event.value())).collect();
        if events.blocking_send(Ok(keys)).is_err() {
            return Ok(());
        }
    }
}

/// A code that is none by the configured layout and would be one by another: the installer can read which.
fn hint(attendant: &Attendant, layout: Layout, typed: &TypedFrame) {
    let is_token = |bytes: &Option<Vec<u8>>| {
        let code = bytes.as_deref().and_then(|bytes| attendant.config.reading.read(bytes).ok());
        code.is_some_and(|code| attendant.would_be_read(&code))
    };
    if is_token(&typed.frame.bytes) {
        return;
    }
    if let Some((other, _)) = typed.elsewise.iter().find(|(_, frame)| is_token(&frame.bytes)) {
        tracing::warn!(
            scanner = attendant.config.name(),
            configured = layout.name(),
            "scanner.hint: it types by layout {}; set framing.layout to that, or the scanner to the configured one",
            other.name()
        );
    }
}
