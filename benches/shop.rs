//! A shop to measure: the demo's keys, rules and configuration, its ledger on a real file, customers with cards.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use stampd::base::clock::{Clock, random_bytes};
use stampd::base::config::Config;
use stampd::daemon;
use stampd::pure::domain::{
    Actor, Claim, CredentialId, Freshness, Grade, Medium, Now, ProgrammeName, Serial, TillId, Token,
};
use stampd::pure::wire::lan::CustomerRequest;
use stampd::shop::ledger::{Txn, WriteError};
use stampd::shop::till::{Presentation, Source, TapPhases, Tapped, Till, TillError};
use stampd::tools::demo;

/// Cards of the shop; a round of taps visits each once.
pub const CARDS: usize = 2_000;

/// Rule time between two taps of the commit benchmark: a round of [`CARDS`] lasts 26 hours, so that no limit of time or
/// day refuses one, and yesterday's live events are dropped as in a shop that is open for long.
const BETWEEN_TAPS_MS: i64 = 26 * 3_600_000 / CARDS as i64;

/// A card with what a phone shows of it.
#[derive(Clone)]
pub struct TestCard {
    /// Its serial.
    pub serial: Serial,
    /// Its credential for Apple VAS.
    pub nfc: CredentialId,
}

/// An open shop. Its folder goes with it.
pub struct TestShop {
    /// The folder.
    pub dir: PathBuf,
    /// The configuration.
    pub config: Config,
    /// The use cases.
    pub till: Till,
    /// The clocks.
    pub clock: Clock,
    /// Cards of `programme`.
    pub cards: Vec<TestCard>,
    taps: usize,
}

impl TestShop {
    /// Makes a shop called `name` whose cards are of `programme`, one of those that ship, or `unlimited`: `cafe10` without
    /// limits of time.
    pub fn open(name: &str, programme: &str) -> anyhow::Result<Self> {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("bench-{name}-{}", std::process::id()));
        let clock = Clock::new(jiff::tz::TimeZone::UTC, stampd::base::clock::Trust::Always)?;
        // No door is opened at this address.
        let prepared = demo::prepare(&dir, ([127, 0, 0, 1], 1).into(), &clock.now())?;
        let cafe = std::fs::read_to_string(prepared.programmes.join("cafe10.toml"))?;
        let limits = ["interval_s", "per_transaction", "per_day"];
        let unlimited: Vec<&str> =
            cafe.lines().filter(|line| !limits.iter().any(|limit| line.starts_with(limit))).collect();
        std::fs::write(prepared.programmes.join("unlimited.toml"), unlimited.join("\n"))?;
        let config = Config::load(&prepared.config)?;
        let (till, clock) = daemon::till_open(&config)?;
        let mut shop = Self { dir, config, till, clock, cards: Vec::new(), taps: 0 };
        shop.cards = shop.people_make(&ProgrammeName::new(programme)?)?;
        Ok(shop)
    }

    /// Runs `work` in one commit.
    pub fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Txn<'_>) -> Result<T, TillError> + Send + 'static,
    ) -> anyhow::Result<T> {
        self.till.ledger().write_wait(work).map_err(refused)
    }

    fn people_make(&self, programme: &ProgrammeName) -> anyhow::Result<Vec<TestCard>> {
        let mut cards = Vec::with_capacity(CARDS);
        let numbers: Vec<usize> = (0..CARDS).collect();
        for some in numbers.chunks(200) {
            let (till, now, programme, some) = (self.till.clone(), self.clock.now(), programme.clone(), some.to_vec());
            let made: Vec<TestCard> = self.write(move |txn| {
                some.iter().map(|number| person_make_in_txn(&till, txn, &now, &programme, *number)).collect()
            })?;
            cards.extend(made);
        }
        Ok(cards)
    }

    /// The card whose turn it is, and the instant of its tap.
    pub fn at_turn(&self, turn: usize) -> (TestCard, Now) {
        let card = self.cards[turn % self.cards.len()].clone();
        let later_ms = turn as i64 * BETWEEN_TAPS_MS;
        let now = self.clock.now();
        (card, Now { wall_ms: now.wall_ms + later_ms, boot_ns: now.boot_ns + later_ms * 1_000_000, ..now })
    }

    /// What a reader hands over after a tap of `card` at `now`: an Apple pass, its proof never used before.
    pub fn presentation(&self, card: &TestCard, now: &Now) -> Presentation {
        let freshness = Freshness { stamp_unix_s: Some(now.wall_ms / 1_000), counter: None, proof: random_bytes() };
        let claim = Claim::Credential(card.nfc);
        let token = Token { medium: Medium::AppleVas, grade: Grade::A, claim, freshness: Some(freshness) };
        let till = self.config.tills[0].id.clone();
        Presentation {
            reader: Some("Virtual PCD 00 00".to_owned()),
            source: Source::Tap,
            actor: Actor::device(Some(till.clone())),
            read: vec![Ok(token)],
            seen_ns: now.boot_ns,
            timing: Some(TapPhases { first_apdu_ns: Some(now.boot_ns), token_ns: now.boot_ns }),
            till,
        }
    }

    /// One tap to its commit; an error unless it earned.
    pub fn tap(&mut self) -> anyhow::Result<()> {
        let (card, now) = self.at_turn(self.taps);
        self.taps += 1;
        let shown = self.presentation(&card, &now);
        let till = self.till.clone();
        awarded(&self.write(move |txn| till.present_in_txn(txn, &now, shown))?)
    }

    /// The first till.
    pub fn till_id(&self) -> TillId {
        self.config.tills[0].id.clone()
    }
}

impl Drop for TestShop {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// An error unless the tap earned: a refusal is quicker, and none of our figures.
pub fn awarded(tapped: &Tapped) -> anyhow::Result<()> {
    if tapped.view.outcome == "awarded" {
        return Ok(());
    }
    Err(anyhow!("a tap was {} ({})", tapped.view.outcome, tapped.view.text))
}

/// What a piece of work failed with.
pub fn refused(error: WriteError<TillError>) -> anyhow::Error {
    match error {
        WriteError::Storage(error) | WriteError::Work(TillError::Ledger(error)) => error.into(),
        WriteError::Work(other) => anyhow!("{other:?}"),
    }
}

fn person_make_in_txn(
    till: &Till,
    txn: &mut Txn<'_>,
    now: &Now,
    programme: &ProgrammeName,
    number: usize,
) -> Result<TestCard, TillError> {
    let request = CustomerRequest {
        first_name: Some("Ann".to_owned()),
        last_name: Some(format!("Nr {number}")),
        phone: Some(format!("+49151{number:08}")),
        ..CustomerRequest::default()
    };
    let actor = Actor::device(None);
    let customer = till.customer_create_in_txn(txn, now, actor.clone(), request)?;
    let unreadable = |_| TillError::field("/id", "an id of ours cannot be read");
    let id = customer.id.parse().map_err(unreadable)?;
    let card = till.card_issue_in_txn(txn, now, actor, id, programme)?;
    let serial: Serial = card.serial.parse().map_err(|_| TillError::field("/serial", "unreadable"))?;
    let credentials = txn.reads().credentials_of_card(serial)?;
    let nfc = credentials.iter().find(|row| row.medium == Medium::AppleVas).and_then(|row| row.lc1_id());
    Ok(TestCard { serial, nfc: nfc.ok_or_else(|| TillError::field("/medium", "no Apple credential"))? })
}

/// The demo's Apple pass type and the key that its passes carry.
pub fn apple_pass(config: &Config) -> anyhow::Result<(String, String)> {
    let apple = config.apple.first().context("the demo has a pass type")?;
    let key = apple.vas_keys.first().context("the demo has a VAS key")?.read()?;
    let key = stampd::pure::tap::apple_vas::VasKey::from_bytes(key.expose()).map_err(|error| anyhow!("{error:?}"))?;
    Ok((apple.pass_type_id.clone(), key.encryption_public_key()))
}
