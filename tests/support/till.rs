//! A till on a ledger file, without a daemon: what looks at books that lie still.

use std::sync::Arc;

use jiff::tz::TimeZone;
use stampd::pure::domain::{BootId, ClockTrust, Now, TillId};
use stampd::pure::resolve::Policy;
use stampd::pure::tap::keyring::Keyring;
use stampd::pure::text::Language;
use stampd::shop::ledger::Ledger;
use stampd::shop::till::{Mode, Rulebooks, Settings, Till, TillSettings};

/// The till of a shop in Berlin on that ledger, by those rules and without keys.
pub fn till_on(ledger: &Ledger, books: Rulebooks) -> Till {
    let tills = TillSettings { mode: Mode::Tap, hold_s: 90, repeat_s: 10 };
    let settings = Settings {
        tills: [(TillId::new("till-1").expect("a name"), tills)].into(),
        open_sale_s: 900,
        language: Language::default(),
        policy: Policy::default(),
        shop_name: "Shop".to_owned(),
        currency: "EUR".to_owned(),
        base_url: "https://shop.example".to_owned(),
    };
    let till = Till::new(ledger.clone(), settings, Arc::new(Keyring::default()), |bytes| bytes.fill(0));
    till.rulebooks_set(books);
    till
}

/// That moment in Berlin, milliseconds since 1970-01-01 UTC, by a clock that is trusted or not.
pub fn moment(wall_ms: i64, trust: ClockTrust) -> Now {
    let zone = TimeZone::get("Europe/Berlin").expect("a zone");
    Now { wall_ms, zone, boot_id: BootId([0; 16]), boot_ns: 0, trust }
}
