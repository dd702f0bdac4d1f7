//! Cards of every programme as their passes show them, and what signs them: a demo's certificates.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use stampd::base::clock::{Clock, Trust};
use stampd::base::config::{Config, design};
use stampd::daemon;
use stampd::pure::domain::{Moment, Now, ProgrammeName, Serial};
use stampd::pure::passes::apple::{self, Issuer, PassType, Updates};
use stampd::pure::passes::bundle::Draft;
use stampd::pure::passes::sign::Signer;
use stampd::pure::passes::{
    Codes, Design, Designs, Face, Image, Kind, Money, NextExpiry, Progress, Reward, Tier, strip,
};
use stampd::tools::demo;

/// Base64 of a compressed P-256 SubjectPublicKeyInfo: the point is the curve's generator.
pub const NFC_KEY: &str = "MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgADaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY=";

/// A card and the design that shows it.
pub struct Sample {
    /// Name of its programme.
    pub programme: &'static str,
    /// How it looks.
    pub design: Design,
    /// What it shows.
    pub face: Face,
}

impl Sample {
    /// The pictures of the card's state.
    pub fn images(&self) -> Vec<Image> {
        // Drawn once for all tests of this process: artwork is work without optimisation.
        static DRAWN: Mutex<BTreeMap<String, Vec<Image>>> = Mutex::new(BTreeMap::new());
        let state = format!("{}/{}", self.design.name, strip::state(&self.design, &self.face));
        let mut drawn = DRAWN.lock().unwrap_or_else(PoisonError::into_inner);
        let draw = || {
            let mut images = strip::fixed(&self.design).expect("icon and logo");
            images.extend(strip::render(&self.design, &self.face).expect("a strip"));
            images
        };
        drawn.entry(state).or_insert_with(draw).clone()
    }

    /// Its pass but for the signature.
    pub fn draft(&self, issuer: &Issuer, updates: Option<&Updates>) -> Draft {
        apple::draft(issuer, updates, &self.design, &self.face, self.images()).expect("a draft")
    }
}

/// One card of each programme that ships.
pub fn samples() -> Vec<Sample> {
    let shipped = design::SHIPPED.iter().map(|(name, _)| {
        design::shipped_design(name).expect("it ships").unwrap_or_else(|error| panic!("{name}: {error}"))
    });
    let designs = Designs::new(shipped.collect()).expect("no two for one card");
    let all = [
        ("cafe10", stamps("cafe10", "Coffee card", "free_coffee", 10, 7)),
        ("spend10", stamps("spend10", "Spend card", "off5", 8, 3)),
        ("spend10_debt", stamps("spend10_debt", "Spend card", "off5", 8, 0)),
        ("points", points("points", 0)),
        ("points_pending14", points("points_pending14", 30)),
        ("cashback3", cashback("cashback3")),
        ("cashback3_happy", cashback("cashback3_happy")),
    ];
    let with_design = |(programme, face): (&'static str, Face)| {
        let design = designs.for_card(programme, face.kind).unwrap_or_else(|| panic!("no design for {programme}"));
        Sample { programme, design: design.clone(), face }
    };
    all.into_iter().map(with_design).collect()
}

/// The sample of a programme.
pub fn sample(programme: &str) -> Sample {
    samples().into_iter().find(|sample| sample.programme == programme).expect("a sample")
}

fn berlin() -> TimeZone {
    TimeZone::get("Europe/Berlin").expect("tzdata")
}

/// A card that ends with a local day.
pub fn ends_after(day: Date) -> Moment {
    let moment = Moment { ms: 0, zone: berlin() };
    Moment { ms: moment.end_of_day_ms(day), ..moment }
}

fn plain(programme: &str, title: &str, kind: Kind) -> Face {
    Face {
        serial: Serial::from_random(0x0012_3456_789A_BCDE),
        revision: 12,
        title: title.to_owned(),
        shop: "Café Nord".to_owned(),
        unit: "point".to_owned(),
        member: Some("Ann \"Annie\" Weiß".to_owned()),
        codes: Codes {
            barcode: Some("LC105ZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZ".to_owned()),
            nfc_message: Some("LC106YYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYY".to_owned()),
            smart_tap_value: Some("LC107XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX".to_owned()),
            rotating: None,
        },
        page: "https://cards.example/c/4f2a".to_owned(),
        referral: "https://cards.example/r/9b1c".to_owned(),
        ..Face::blank(ProgrammeName::new(programme).expect("a name"), kind, date(2025, 3, 1))
    }
}

fn named(reward: &str) -> Reward {
    Reward { name: reward.to_owned(), value: (reward == "off5").then_some(Money { minor: 500 }) }
}

fn stamps(programme: &str, title: &str, reward: &str, of: i64, done: i64) -> Face {
    Face {
        unit: "stamp".to_owned(),
        balance: done,
        next_reward: Some(Progress::straight(named(reward), of, done)),
        rewards_available: 1,
        ready: vec![named(reward)],
        next_expiry: Some(NextExpiry { last_day: date(2026, 12, 22), amount: 1 }),
        ..plain(programme, title, Kind::Stamps)
    }
}

fn points(programme: &str, pending: i64) -> Face {
    let names = ["Bronze", "Silver", "Gold"].map(str::to_owned).to_vec();
    Face {
        balance: 180,
        pending,
        next_reward: Some(Progress::straight(named("free_item"), 250, 180)),
        rewards_available: 1,
        ready: vec![named("off5")],
        tier: Some(Tier {
            name: names[1].clone(),
            place: 1,
            all: names,
            next: Some(("Gold".to_owned(), 820)),
            by_spend: false,
            permille: 180,
        }),
        next_expiry: Some(NextExpiry { last_day: date(2027, 3, 31), amount: 40 }),
        message: Some("Our new roast is in: come and taste it.".to_owned()),
        ..plain(programme, "Points card", Kind::Points)
    }
}

fn cashback(programme: &str) -> Face {
    let names = ["L1", "L2", "L3"].map(str::to_owned).to_vec();
    Face {
        scale: 2,
        balance: 1_230,
        worth: Some(Money { minor: 1_230 }),
        cashback_bp: Some(300),
        tier: Some(Tier {
            name: names[1].clone(),
            place: 1,
            all: names,
            next: Some(("L3".to_owned(), 125_900)),
            by_spend: true,
            permille: 160,
        }),
        ends: Some(ends_after(date(2027, 6, 30))),
        ..plain(programme, "Cashback card", Kind::Cashback)
    }
}

/// The issuer of snapshots, the same in every run.
pub fn issuer() -> Issuer {
    Issuer {
        pass_type_id: "pass.com.example.cafe".to_owned(),
        team_id: "A1B2C3D4E5".to_owned(),
        nfc_key: Some(NFC_KEY.to_owned()),
    }
}

/// Where phones ask for newer passes.
pub fn updates() -> Updates {
    Updates {
        web_service_url: "https://cards.example/passkit".to_owned(),
        authentication_token: "0f1e2d3c4b5a69788796a5b4c3d2e1f0".to_owned(),
    }
}

/// A demo's certificates on disk, with the pass type that they sign.
pub struct Office {
    /// Where they lie: `ca.pem`, `wwdr.pem`, `pass.p12`, `pass.password`.
    pub keys: PathBuf,
    /// The configuration that names them.
    pub config: Config,
    /// As the daemon opens it.
    pub kind: PassType,
    /// A trusted clock.
    pub now: Now,
}

impl Office {
    /// Makes one in a folder.
    pub fn make(folder: &Path) -> Self {
        let now = Clock::new(TimeZone::UTC, Trust::Always).expect("a clock").now();
        let shop = demo::prepare(folder, ([127, 0, 0, 1], 8480).into(), &now).expect("a demo's folder");
        let config = Config::load(&shop.config).unwrap_or_else(|error| panic!("{error}"));
        let kind = daemon::signing_open(&config.apple, &now).expect("what signs").remove(0);
        let keys = shop.keys.apple.ca_file.parent().expect("a folder").to_owned();
        Self { keys, config, kind, now }
    }

    /// What signs.
    pub fn signer(&self) -> Arc<Signer> {
        self.kind.signer.clone().expect("a certificate is configured")
    }

    /// The root's certificate.
    pub fn root(&self) -> Vec<u8> {
        std::fs::read(self.keys.join("ca.pem")).expect("the root")
    }

    /// The signed pass of a sample.
    pub fn pass(&self, sample: &Sample) -> Vec<u8> {
        let draft = sample.draft(&self.kind.issuer, Some(&updates()));
        self.signed(&draft)
    }

    /// A draft, signed.
    pub fn signed(&self, draft: &Draft) -> Vec<u8> {
        draft.sign(&self.signer(), &self.now).expect("signed")
    }
}

/// One for all tests of this process: RSA keys are work.
pub static OFFICE: LazyLock<Office> =
    LazyLock::new(|| Office::make(&std::env::temp_dir().join(format!("stampd-passes-{}", std::process::id()))));
