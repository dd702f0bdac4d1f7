//! A ledger of any size, made once and kept below the target folder. The rows are what the ledger writes itself (events in
//! canonical bytes, chained; standings folded; figures of lists), so that `stampd ledger verify` accepts them; only the way
//! into the file is quicker. Cards of a group take turns, so that a card's events lie far apart, as in a shop.

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use rusqlite::{CachedStatement, Connection, params};
use stampd::base::config::Config;
use stampd::daemon;
use stampd::pure::domain::entry::{Award, AwardSource, Terms};
use stampd::pure::domain::event::Happening;
use stampd::pure::domain::{
    Actor, ClockTrust, CredentialId, CustomerId, DeviceId, Entry, EntryId, Event, EventId, EventKind, Hlc, Incarnation,
    Now, Posting, ProgrammeName, Role, RuleVersion, Serial,
};
use stampd::pure::program::{Applied, Rulebook, Standing, apply};
use stampd::pure::wire::event::{event_bytes, event_facts, event_hash};
use stampd::pure::wire::standing::standing_bytes;
use stampd::tools::demo;

/// How large a shop is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Customers, each with one card.
    pub customers: usize,
    /// Entries of all cards together.
    pub entries: usize,
}

/// A card that is asked about.
#[derive(Clone)]
pub struct Sample {
    /// Its serial.
    pub serial: String,
    /// What its barcode reads.
    pub barcode: String,
}

/// A shop's folder.
pub struct Shop {
    dir: PathBuf,
}

/// Cards that are asked about, spread over all.
const SAMPLES: usize = 5_000;

/// Cards that take turns.
const GROUP: usize = 20_000;

/// Stamps without limits of time, so that the same card may be asked again at once.
const RULES: &str = "title = \"Scale\"\nkind = \"visit\"\ntap_award = 1\n\n[earn]\nper_visit = 1\n\n[[goal]]\nat = 10\n\
                     reward = \"free\"\n\n[card]\nexpire = \"never\"\n";

const SECRET: &str = "bench-of-scale";

/// The shop of that size: the one that was made before with the same schema, or a new one.
pub fn shop(root: &Path, size: Size) -> anyhow::Result<Shop> {
    let schema = openssl::sha::sha256(include_bytes!("../src/shop/ledger/schema/0001_spine.sql"));
    let name = format!("scale-{}-{}-{:02x}{:02x}", size.customers, size.entries, schema[0], schema[1]);
    let shop = Shop { dir: root.join(name) };
    if shop.dir.join("samples").exists() {
        return Ok(shop);
    }
    let _ = std::fs::remove_dir_all(&shop.dir);
    println!(
        "  (a ledger of {} customers and {} entries is made; it is kept in {})",
        size.customers,
        size.entries,
        shop.dir.display()
    );
    shop.make(size)?;
    Ok(shop)
}

impl Shop {
    /// The ledger file.
    pub fn ledger(&self) -> PathBuf {
        // Where `prepare` put it.
        Config::load(&self.config()).map_or_else(|_| self.dir.join("ledger.db"), |config| config.ledger.path)
    }

    fn config(&self) -> PathBuf {
        self.dir.join("stampd.toml")
    }

    /// A command of the program on this shop.
    pub fn command(&self, arguments: &[&str]) -> Command {
        crate::scale::stampd(&self.config(), arguments)
    }

    /// A free address, which the shop's configuration names from now on.
    pub fn address_take(&self) -> anyhow::Result<SocketAddr> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let text = std::fs::read_to_string(self.config())?;
        let lines: Vec<String> = text
            .lines()
            .map(|line| if line.starts_with("listen = ") { format!("listen = \"{address}\"") } else { line.to_owned() })
            .collect();
        std::fs::write(self.config(), lines.join("\n"))?;
        Ok(address)
    }

    /// The token and the cards that are asked about.
    pub fn sample(&self) -> anyhow::Result<(String, Vec<Sample>)> {
        let text = std::fs::read_to_string(self.dir.join("samples"))?;
        let samples = text.lines().filter_map(|line| line.split_once(' '));
        let samples =
            samples.map(|(serial, barcode)| Sample { serial: serial.to_owned(), barcode: barcode.to_owned() });
        Ok((SECRET.to_owned(), samples.collect()))
    }

    fn make(&self, size: Size) -> anyhow::Result<()> {
        let clock = stampd::base::clock::Clock::new(jiff::tz::TimeZone::UTC, stampd::base::clock::Trust::Always)?;
        let prepared = demo::prepare(&self.dir, ([127, 0, 0, 1], 1).into(), &clock.now())?;
        std::fs::write(prepared.programmes.join("scale.toml"), RULES)?;
        let config = Config::load(&prepared.config)?;
        // The history fills the time from the rules' first day to an hour ago.
        let began_ms = 400 * 24 * 3_600_000;
        let (till, clock) = daemon::till_open_at(&config, began_ms)?;
        let now = clock.now();
        let (desk, at) = (till.clone(), Now { wall_ms: now.wall_ms - began_ms, ..now.clone() });
        let written = till.ledger().write_wait(move |txn| {
            desk.token_create_in_txn(txn, &at, "bench", Role::Manager, None, &openssl::sha::sha256(SECRET.as_bytes()))
        });
        written.map_err(crate::shop::refused)?;
        let (books, keys) = (till.rulebooks(), till.keys().clone());
        drop(till);
        let book = books.get(&ProgrammeName::new("scale")?).context("the programme was not read")?.clone();
        let mut writer = Writer::open(&config.ledger.path, book, &now, size)?;
        let (kid, every) = (keys.tokens.newest(), (size.customers / SAMPLES).max(1));
        let mut samples = String::new();
        for first in (0..size.customers).step_by(GROUP) {
            let group = first..(first + GROUP).min(size.customers);
            for number in group.clone().step_by(every) {
                let id = credential(number, size.customers, 2);
                let barcode = kid.and_then(|kid| keys.tokens.mint(kid, id)).context("no key mints")?;
                samples.push_str(&format!("{} {barcode}\n", serial(number, size.customers)));
            }
            writer.group(group, kid)?;
            print!("\r  {} of {} customers", (first + GROUP).min(size.customers), size.customers);
            std::io::stdout().flush()?;
        }
        println!();
        writer.close()?;
        // The copy in segments knows of nothing of this: it would read the whole ledger at the first start. A shop that
        // grew by itself holds there what came after its last backups.
        std::fs::remove_dir_all(&config.ledger.segments)?;
        Ok(std::fs::write(self.dir.join("samples"), shuffled(&samples))?)
    }
}

/// Lines in an order that jumps, always the same.
fn shuffled(text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_by_key(|line| event_hash(line.as_bytes()));
    lines.join("\n")
}

/// Serials rise with the customers, spread over all there can be.
fn serial(number: usize, of: usize) -> Serial {
    let step = (1u64 << 60) / of as u64;
    Serial::from_random(number as u64 * step + step / 3)
}

fn credential(number: usize, of: usize, medium: usize) -> CredentialId {
    let place = (u128::from(u64::MAX) * number as u128 / of as u128) as u64;
    let mut id = [0; 12];
    id[..8].copy_from_slice(&place.to_be_bytes());
    id[8..].copy_from_slice(&(medium as u32 * 0x5555_5555).to_be_bytes());
    CredentialId(id)
}

/// Writes rows past the ledger's own writer.
struct Writer {
    connection: Connection,
    book: Rulebook,
    rule: RuleVersion,
    now: Now,
    size: Size,
    position: i64,
    seq: u64,
    hash: [u8; 32],
    hlc: Hlc,
    step_ms: i64,
    wall_ms: i64,
}

impl Writer {
    fn open(path: &Path, book: Rulebook, now: &Now, size: Size) -> anyhow::Result<Self> {
        let connection = Connection::open(path)?;
        connection.execute_batch(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -400000; PRAGMA temp_store = MEMORY; BEGIN",
        )?;
        connection.set_prepared_statement_cache_capacity(32);
        let last = "SELECT position, seq, hlc, hash FROM event ORDER BY position DESC LIMIT 1";
        let (position, seq, hlc, hash) = connection.query_row(last, [], |row| {
            Ok((row.get(0)?, row.get::<_, i64>(1)? as u64, Hlc(row.get::<_, i64>(2)? as u64), row.get(3)?))
        })?;
        let span_ms = now.wall_ms - 3_600_000 - hlc.ms();
        let step_ms = (span_ms / (size.entries + 2 * size.customers) as i64).max(1);
        let rule = book.current().0;
        let (now, wall_ms) = (now.clone(), hlc.ms());
        Ok(Self { connection, book, rule, now, size, position, seq, hash, hlc, step_ms, wall_ms })
    }

    fn prepare(&self, text: &str) -> anyhow::Result<CachedStatement<'_>> {
        Ok(self.connection.prepare_cached(text)?)
    }

    /// The customers of a group with their cards, then their entries in turns.
    fn group(&mut self, group: std::ops::Range<usize>, kid: Option<u8>) -> anyhow::Result<()> {
        let begun: Vec<(CustomerId, i64)> =
            group.clone().map(|number| self.person(number)).collect::<anyhow::Result<_>>()?;
        let mut standings: Vec<Standing> = vec![Standing::default(); group.len()];
        let mut entries: Vec<(Serial, i64, uuid::Uuid)> = Vec::new();
        let share = |customer: usize| {
            self.size.entries * (customer + 1) / self.size.customers
                - self.size.entries * customer / self.size.customers
        };
        let counts: Vec<usize> = group.clone().map(share).collect();
        for turn in 0..counts.iter().copied().max().unwrap_or(0) {
            for (place, number) in group.clone().enumerate().filter(|(place, _)| turn < counts[*place]) {
                let card = serial(number, self.size.customers);
                let entry = self.fresh();
                let award = Award { units: 1, terms: Terms::Fixed, ..Award::blank(AwardSource::Stamps) };
                let posting = Posting::Award(award);
                let mut what = Happening::new(EventKind::Entry, Actor::device(None));
                what.card = Some(card);
                what.entries = vec![Entry { id: EntryId(entry), card, rule: self.rule, posting }];
                let event = self.append(what)?;
                for fact in event_facts(&event, &self.now.zone) {
                    anyhow::ensure!(apply(&self.book, &mut standings[place], &fact) == Applied::Done, "not applied");
                }
                entries.push((card, self.position, entry));
            }
        }
        entries.sort_unstable_by_key(|(card, position, _)| (*card, *position));
        let mut insert = self.prepare(
            "INSERT INTO entry (card, position, place, entry_id, kind, units) VALUES (?1, ?2, 0, ?3, 'stamps', 1)",
        )?;
        for (card, position, id) in entries {
            insert.execute(params![card.bits() as i64, position, id.as_bytes()])?;
        }
        drop(insert);
        for ((number, standing), (customer, issued_ms)) in group.zip(standings).zip(begun) {
            self.card(number, &standing, customer, issued_ms, kid)?;
        }
        Ok(())
    }

    fn fresh(&mut self) -> uuid::Uuid {
        let mut random = [0; 10];
        random[2..].copy_from_slice(&event_hash(&(self.position, self.wall_ms).0.to_be_bytes())[..8]);
        random[..2].copy_from_slice(&(self.wall_ms as u16).to_be_bytes());
        uuid::Builder::from_unix_timestamp_millis(self.wall_ms.max(0) as u64, &random).into_uuid()
    }

    /// Chains and stores an event, one step after the last.
    fn append(&mut self, what: Happening) -> anyhow::Result<Event> {
        self.wall_ms += self.step_ms;
        self.hlc = self.hlc.next(self.wall_ms);
        let event = Event {
            device: DeviceId(1),
            incarnation: Incarnation(1),
            seq: self.seq + 1,
            id: EventId(self.fresh()),
            hlc: self.hlc,
            wall_ms: self.wall_ms,
            boot_id: self.now.boot_id,
            boot_ns: self.now.boot_ns,
            trust: ClockTrust::Trusted,
            zone: self.now.zone.iana_name().unwrap_or("UTC").to_owned(),
            prev: self.hash,
            what,
        };
        let body = event_bytes(&event);
        (self.seq, self.position, self.hash) = (event.seq, self.position + 1, event_hash(&body));
        self.prepare(
            "INSERT INTO event (position, incarnation, seq, event_id, kind, hlc, card, customer, visit, hash, body)
             VALUES (?1, 1, ?2, ?3, ?4, ?5, ?6, ?7, NULL, ?8, ?9)",
        )?
        .execute(params![
            self.position,
            event.seq as i64,
            event.id.0.as_bytes(),
            event.what.kind.name(),
            event.hlc.0 as i64,
            event.what.card.map(|card| card.bits() as i64),
            event.what.customer.as_ref().map(|id| id.0.as_bytes().as_slice()),
            self.hash,
            body
        ])?;
        Ok(event)
    }

    /// A customer who joins, and the card that is issued.
    fn person(&mut self, number: usize) -> anyhow::Result<(CustomerId, i64)> {
        let customer = CustomerId(self.fresh());
        let mut what = Happening::new(EventKind::CustomerCreated, Actor::device(None));
        what.customer = Some(customer);
        self.append(what)?;
        let joined_ms = self.hlc.ms();
        self.prepare("INSERT INTO customer (id, created_ms, changed_ms, revision) VALUES (?1, ?2, ?2, 1)")?
            .execute(params![customer.0.as_bytes(), joined_ms])?;
        let last = format!("Nr {number}");
        self.prepare(
            "INSERT INTO person (customer, first_name, last_name, phone, name_key) VALUES (?1, 'Ann', ?2, ?3, ?4)",
        )?
        .execute(params![
            customer.0.as_bytes(),
            last,
            format!("+49151{number:08}"),
            format!("{} ann", last.to_lowercase())
        ])?;
        let mut what = Happening::new(EventKind::CardIssued, Actor::device(None));
        what.card = Some(serial(number, self.size.customers));
        what.customer = Some(customer);
        what.details = vec![("programme".to_owned(), "scale".to_owned())];
        self.append(what)?;
        Ok((customer, self.hlc.ms()))
    }

    fn card(
        &self,
        number: usize,
        standing: &Standing,
        customer: CustomerId,
        issued_ms: i64,
        kid: Option<u8>,
    ) -> anyhow::Result<()> {
        let card = serial(number, self.size.customers).bits() as i64;
        let visits = standing.counters.visits;
        let (band, seen_ms) = ((visits > 0) as i64 + (visits > 3) as i64 + (visits > 7) as i64, standing.last_visit_ms);
        let link = &event_hash(&card.to_be_bytes())[..16];
        let bytes = if standing.facts == 0 {
            Vec::new()
        } else {
            standing_bytes(serial(number, self.size.customers), standing)
        };
        self.prepare(
            "INSERT INTO card (serial, customer, programme, issued_ms, link, standing, revision, listed, visit_band,
                 last_visit_ms, ltv_minor, balance) VALUES (?1, ?2, 'scale', ?3, ?4, ?5, 1, 1, ?6, ?7, 0, ?8)",
        )?
        .execute(params![
            card,
            customer.0.as_bytes(),
            issued_ms,
            link,
            bytes,
            band,
            seen_ms.unwrap_or(0),
            standing.balance()
        ])?;
        self.prepare("UPDATE customer SET balance = ?2, last_visit_ms = ?3 WHERE id = ?1")?.execute(params![
            customer.0.as_bytes(),
            standing.balance(),
            seen_ms.unwrap_or(0)
        ])?;
        for (place, medium) in ["apple_vas", "smart_tap", "barcode"].into_iter().enumerate() {
            let id = credential(number, self.size.customers, place);
            self.prepare("INSERT INTO credential (id, card, medium, kid, created_ms) VALUES (?1, ?2, ?3, ?4, ?5)")?
                .execute(params![id.0.as_slice(), card, medium, kid, issued_ms])?;
        }
        Ok(())
    }

    fn close(self) -> anyhow::Result<()> {
        // The cards came behind the ledger's back, with the figures that lists show: there is nothing to take over anew.
        self.connection
            .execute_batch("DELETE FROM meta WHERE name LIKE 'relist:%'; COMMIT; PRAGMA journal_mode = WAL;")?;
        Ok(())
    }
}
