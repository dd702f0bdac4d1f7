//! A running daemon on a pcscd of its own: chips and phones of this process are held to its readers, and what the event
//! stream tells of them is taken from there. Nothing here waits for a time: whether a reader is free is asked of the API.

use serde_json::{Value, json};
use stampd::tools::phone::apple::{ApplePass, IPhone};
use stampd::tools::phone::google::{AndroidPhone, GooglePass};
use stampd::tools::phone::ntag424::{Counter, FobKeys, Ntag424};
use stampd::tools::phone::{Handset, Presence, machine_time};

use super::counter::present_handset;
use super::http::Events;
use super::pcscd::Pcscd;
use super::shop::{Shop, Start};
use super::wait_until;

/// A shop with both slots of a virtual reader.
pub struct Taps {
    /// The shop.
    pub shop: Shop,
    pcscd: Pcscd,
    events: Option<Events>,
}

impl Taps {
    /// A demo that is open, on readers of its own.
    pub fn open() -> Self {
        let pcscd = Pcscd::start();
        let shop = Shop::with_readers(&pcscd);
        let events = Some(shop.events());
        Self { shop, pcscd, events }
    }

    /// As [`Taps::open`], with something done to the shop before it opens.
    pub fn open_prepared<T>(prepare: impl FnOnce(&mut Shop) -> T) -> (Self, T) {
        let pcscd = Pcscd::start();
        let mut shop = Shop::closed();
        let (name, socket) = pcscd.env();
        shop.environment_set(name, socket);
        let prepared = prepare(&mut shop);
        shop.start(Start::Run);
        let events = Some(shop.events());
        (Self { shop, pcscd, events }, prepared)
    }

    /// As [`Taps::open`], with another configuration.
    pub fn open_with(change: impl FnOnce(String) -> String) -> Self {
        Self::open_prepared(|shop| shop.config_change(change)).0
    }

    /// Ends the daemon without a word, and starts it again on the same books.
    pub fn restart(&mut self) {
        self.events = None;
        self.shop.kill();
        self.shop.start(Start::Run);
        self.events = Some(self.shop.events());
    }

    /// Waits until a reader is there and nothing lies on it: what comes earlier belongs to the presence before.
    pub fn free(&self, slot: u16) {
        reader_free(&self.shop, &self.pcscd, slot);
    }

    /// Holds something to a reader until the daemon told what came of it, and takes it away.
    #[track_caller]
    pub fn tap(&mut self, slot: u16, handset: Box<dyn Handset>) -> Value {
        let presence = self.hold(slot, handset);
        let told = self.told(slot);
        drop(presence);
        told
    }

    /// Holds something to a reader that is free.
    pub fn hold(&self, slot: u16, handset: Box<dyn Handset>) -> Presence {
        self.free(slot);
        present_handset(self.pcscd.port(slot), handset)
    }

    /// The next tap that the event stream tells of that reader.
    #[track_caller]
    pub fn told(&mut self, slot: u16) -> Value {
        let reader = self.pcscd.reader(slot);
        let events = self.events.as_mut().expect("a stream");
        loop {
            let event = events.next().expect("an event");
            if event.name.starts_with("tap.") && event.data["reader"] == reader {
                return event.data;
            }
        }
    }

    /// The iPhone of a card in demo.json.
    pub fn iphone(&self, card: &Value) -> IPhone {
        let apple = &self.shop.sheet["apple"];
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let pass =
            ApplePass::new(&text(&apple["pass_type_id"]), &text(&apple["vas_public_key"]), &text(&card["nfc_message"]));
        IPhone::new(vec![pass.expect("a pass")], machine_time().expect("a clock"))
    }

    /// The Android phone of a card in demo.json.
    pub fn android(&self, card: &Value) -> AndroidPhone {
        let google = &self.shop.sheet["google"];
        let number = |name: &str| {
            let value = &google[name];
            let written = value.as_str().and_then(|text| text.parse().ok());
            let number = value.as_u64().or(written).expect("a number");
            u32::try_from(number).expect("32 bits")
        };
        let key = google["smart_tap_public_key"].as_str().expect("PEM");
        let value = card["smart_tap_value"].as_str().expect("a text");
        let pass = GooglePass::new(number("collector_id"), number("key_version"), key, value).expect("a pass");
        let barcode = card["barcode"].as_str().map(str::to_owned);
        AndroidPhone::new(GooglePass { barcode, ..pass })
    }

    /// The fob with that UID and the keys of demo.json, its counter at `counter`.
    pub fn fob(&self, uid: &str, counter: u32) -> Ntag424 {
        let part = &self.shop.sheet["ntag424"];
        let key = |name: &str| bytes(part[name].as_str().expect("a key")).try_into().expect("16 bytes");
        let keys = FobKeys {
            meta: key("meta_read_key_hex"),
            file_master: key("file_read_key_hex"),
            application_id: [0x30, 0x42, 0xF5],
            system_id: bytes("4E585020416275"),
            url: part["url"].as_str().expect("a link").to_owned(),
        };
        Ntag424::new(keys, bytes(uid).try_into().expect("7 bytes"), Counter::in_memory(counter))
    }
}

/// What a tap came to: outcome or code, medium, grade.
pub fn outcome(told: &Value) -> (String, String, String) {
    let text = |name: &str| told[name].as_str().unwrap_or("-").to_owned();
    let came = if told["outcome"] == "refused" { text("code") } else { text("outcome") };
    (came, text("medium"), text("grade"))
}

/// Bytes of hexadecimal digits.
pub fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).map(|index| u8::from_str_radix(&hex[2 * index..2 * index + 2], 16).expect("hex")).collect()
}

/// Waits until a reader is there and nothing lies on it: what comes earlier belongs to the presence before.
pub fn reader_free(shop: &Shop, pcscd: &Pcscd, slot: u16) {
    let name = json!(pcscd.reader(slot));
    wait_until("the reader is free", || {
        let readers = shop.get("/v1/readers").expect(200);
        let mut readers = readers["readers"].as_array().expect("a list").iter();
        readers.any(|reader| reader["name"] == name && reader["occupied"] == false && reader["state"] == "ready")
    });
}
