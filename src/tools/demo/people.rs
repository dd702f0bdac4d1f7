//! The people of the demo, their cards, and what they did in the last months.

use anyhow::{Context as _, Result};
use openssl::sha::sha256;

use super::{LISTED, PROGRAMMES, Secrets, TILL};
use crate::base::pin;
use crate::pure::domain::event::Happening;
use crate::pure::domain::reason::RemoveReason;
use crate::pure::domain::{
    Actor, Claim, CredentialId, CustomerId, EventKind, Grade, Medium, Now, ProgrammeName, Role, Serial, TillId, Token,
};
use crate::pure::program::Command;
use crate::pure::wire::lan::CustomerRequest;
use crate::shop::ledger::Txn;
use crate::shop::till::{Till, TillError};

/// How far back the history reaches.
const HISTORY_DAYS: i64 = 150;

const DAY_MS: i64 = 86_400_000;

/// How long before now the shop of the demo opened.
pub const HISTORY_MS: i64 = (HISTORY_DAYS + 2) * DAY_MS;

/// Acts posted in one commit while the history is written.
const ACTS_AT_ONCE: usize = 400;

/// A member of the demo's staff.
pub struct DemoStaff {
    /// Name.
    pub name: &'static str,
    /// What the person may do.
    pub role: Role,
    /// The PIN, which a real shop would never write down.
    pub pin: &'static str,
}

/// The staff of the demo.
pub fn staff() -> [DemoStaff; 3] {
    [
        DemoStaff { name: "Kim", role: Role::Cashier, pin: "1111" },
        DemoStaff { name: "Mara", role: Role::Manager, pin: "2222" },
        DemoStaff { name: "Olaf", role: Role::Admin, pin: "3333" },
    ]
}

const FIRST_NAMES: [&str; 24] = [
    "Ann", "Ben", "Cleo", "Dana", "Emil", "Fay", "Gus", "Hana", "Ida", "Jan", "Kaya", "Leo", "Mia", "Nils", "Ola",
    "Pia", "Quinn", "Rosa", "Sam", "Tess", "Uwe", "Vera", "Wim", "Zoe",
];
const LAST_NAMES: [&str; 20] = [
    "Albers", "Brandt", "Costa", "Dietz", "Ebert", "Falk", "Graf", "Hansen", "Ivers", "Jansen", "Krone", "Lund",
    "Maas", "Nowak", "Otto", "Peters", "Reuter", "Sommer", "Thiel", "Voss",
];

/// Fills an empty ledger: tokens, staff, customers with their cards, and the months behind them. A ledger that has
/// customers is left as it is.
pub fn populate(till: &Till, now: &Now, secrets: &Secrets, customers: usize) -> Result<()> {
    let (cards, known, _) = till.ledger().read(|reads| reads.counts())?;
    if cards + known > 0 {
        return Ok(());
    }
    let mut plan = Plan::new(customers, now);
    let hashed = |person: DemoStaff| Ok((pin::hash(person.pin)?, person));
    let pins: Vec<(String, DemoStaff)> = staff().into_iter().map(hashed).collect::<Result<_>>()?;
    let tokens = [
        ("Till program", Role::Cashier, Some(TILL), secrets.till.clone()),
        ("Manager", Role::Manager, None, secrets.manager.clone()),
        ("Admin", Role::Admin, None, secrets.admin.clone()),
    ];
    // People and cards come first, dated before the first visit; one commit, so that a start that is cut off leaves an
    // empty ledger, which the next start fills.
    let begin = Now { wall_ms: now.wall_ms - (HISTORY_DAYS + 1) * DAY_MS, ..now.clone() };
    let (desk, people) = (till.clone(), std::mem::take(&mut plan.people));
    let cards = write(till, move |txn| {
        for (name, role, bound, secret) in &tokens {
            let bound =
                bound.map(|id| TillId::new(id).map_err(|_| TillError::field("/till", "no name"))).transpose()?;
            desk.token_create_in_txn(txn, &begin, name, *role, bound, &sha256(secret.as_bytes()))?;
        }
        for (hash, person) in pins {
            desk.staff_add_in_txn(txn, &begin, person.name, person.role, hash)?;
        }
        people_make_in_txn(&desk, txn, &begin, people)
    })?;
    let acts = plan.acts(&cards);
    for some in acts.chunks(ACTS_AT_ONCE) {
        let (desk, some, now) = (till.clone(), some.to_vec(), now.clone());
        write(till, move |txn| {
            for act in &some {
                let at = Now { wall_ms: act.at_ms, ..now.clone() };
                let actor = Actor { till: TillId::new(TILL).ok(), ..Actor::device(None) };
                // What the rules refuse in a made-up history is simply not part of it.
                desk.command_post_in_txn(txn, &at, actor, act.card, &act.command)?;
            }
            Ok(())
        })?;
    }
    Ok(())
}

fn write<T: Send + 'static>(
    till: &Till,
    work: impl FnOnce(&mut Txn<'_>) -> Result<T, TillError> + Send + 'static,
) -> Result<T> {
    till.ledger().write_wait(work).context("the demo's people could not be made")
}

/// A person to be made, with the programmes of the cards.
struct Planned {
    request: CustomerRequest,
    programmes: Vec<ProgrammeName>,
    listed: bool,
}

/// A card that has a history.
struct Visitor {
    card: Serial,
    programme: ProgrammeName,
}

/// One thing somebody did.
#[derive(Clone)]
struct Act {
    at_ms: i64,
    card: Serial,
    command: Command,
}

struct Plan {
    people: Vec<Planned>,
    dice: Dice,
    now_ms: i64,
}

impl Plan {
    fn new(customers: usize, now: &Now) -> Self {
        let mut dice = Dice(0x5DEE_CE66_D1CE_4E5B);
        let all: Vec<ProgrammeName> = PROGRAMMES.iter().filter_map(|(name, _)| ProgrammeName::new(name).ok()).collect();
        let people = (0..customers)
            .map(|index| {
                let listed = index < LISTED;
                let programmes = if listed {
                    all.clone()
                } else {
                    // Most come for the stamps, some for points or cashback.
                    let second = 1 + dice.below(3) as usize;
                    if dice.below(3) == 0 { vec![all[0].clone(), all[second].clone()] } else { vec![all[0].clone()] }
                };
                Planned { request: person(index, &mut dice), programmes, listed }
            })
            .collect();
        Self { people, dice, now_ms: now.wall_ms }
    }

    /// What the visitors did, in order of time.
    fn acts(&mut self, visitors: &[Visitor]) -> Vec<Act> {
        let mut acts = Vec::new();
        for visitor in visitors {
            let visits = 2 + self.dice.below(20) as i64;
            for _ in 0..visits {
                // Between 7:00 and 19:00 of some day, the last one yesterday.
                let day = 1 + self.dice.below(HISTORY_DAYS as u64 - 1) as i64;
                let at_ms =
                    (self.now_ms / DAY_MS - day) * DAY_MS + self.dice.below(12 * 3_600_000) as i64 + 6 * 3_600_000;
                acts.push(Act { at_ms, card: visitor.card, command: self.command(visitor) });
                if visitor.programme.as_str() == "cafe10" && self.dice.below(12) == 0 {
                    let command = Command::RewardRemove { count: 1, amount_minor: 0, why: RemoveReason::Redeem };
                    acts.push(Act { at_ms: at_ms + 1_000, card: visitor.card, command });
                }
            }
        }
        acts.sort_by_key(|act| act.at_ms);
        acts
    }

    fn command(&mut self, visitor: &Visitor) -> Command {
        if visitor.programme.as_str() == "cafe10" {
            Command::Stamps { count: 1 + self.dice.below(3) as i64 / 2, adds_to_visit: false }
        } else {
            let amount_minor = 350 + self.dice.below(4_500) as i64;
            Command::Purchase { amount_minor, purchase_amount_minor: None }
        }
    }
}

fn person(index: usize, dice: &mut Dice) -> CustomerRequest {
    let first = FIRST_NAMES[index % FIRST_NAMES.len()];
    let last = LAST_NAMES[(index / FIRST_NAMES.len() + index) % LAST_NAMES.len()];
    let birth_date = (dice.below(2) == 0)
        .then(|| format!("{}-{:02}-{:02}", 1950 + dice.below(55), 1 + dice.below(12), 1 + dice.below(28)));
    CustomerRequest {
        first_name: Some(first.to_owned()),
        last_name: Some(last.to_owned()),
        email: Some(format!("{}.{}{index}@example.org", first.to_lowercase(), last.to_lowercase())),
        // A range that the German regulator keeps free for films and demonstrations.
        phone: Some(format!("+491522817{:04}", 3_000 + index)),
        birth_date: birth_date.filter(|_| index >= LISTED),
        ..CustomerRequest::default()
    }
}

/// The programme whose listed cards have a key fob.
const FOBS_FOR: &str = "cafe10";

/// The UID of the NTAG 424 fob that belongs to a listed card: 04 as of its maker, and six bytes of the serial.
pub(super) fn fob_uid(card: Serial) -> [u8; 7] {
    let mut uid = [0x04; 7];
    uid[1..].copy_from_slice(&card.bits().to_be_bytes()[2..]);
    uid
}

/// What that fob is known by; `None` where the shop hashes no UIDs.
pub(super) fn fob(till: &Till, card: Serial) -> Option<Token> {
    let chip = till.keys().uid.as_ref()?.hash(&fob_uid(card))?;
    Some(Token { medium: Medium::Ntag424, grade: Grade::A, claim: Claim::Chip(chip), freshness: None })
}

/// A chip beside the phones and fobs of `demo.json`, which the software phone shows in its round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemoChip {
    /// Its UID.
    pub uid: [u8; 7],
    /// The text on it; `None` for a bare chip.
    pub text: Option<String>,
}

/// Whose cards have such a chip: the customers behind those that `demo.json` lists, so that what it says of a card is all
/// that the card has.
const CHIPS: usize = 2;

/// The chip of a card and what it is known by: the first such card has a bare chip, the second a tag with a text.
fn chip(till: &Till, place: usize, card: Serial) -> Option<(DemoChip, Token)> {
    let mut uid = fob_uid(card);
    uid[6] ^= 0xA5;
    let hash = till.keys().uid.as_ref()?.hash(&uid)?;
    if place == 0 {
        let token = Token { medium: Medium::Uid, grade: Grade::CMinus, claim: Claim::Chip(hash), freshness: None };
        return Some((DemoChip { uid, text: None }, token));
    }
    // Made of the serial, so that the next start finds the same text.
    let id = CredentialId(sha256(&[&b"demo tag"[..], &card.bits().to_be_bytes()].concat()).first_chunk().copied()?);
    let tokens = &till.keys().tokens;
    let text = tokens.mint(tokens.newest()?, id)?;
    let claim = Claim::Tag { id, chip: hash };
    let token = Token { medium: Medium::Ndef, grade: Grade::B, claim, freshness: None };
    Some((DemoChip { uid, text: Some(text) }, token))
}

/// The chips of a demo that has customers enough, as they were bound.
pub fn chips(till: &Till) -> Result<Vec<DemoChip>> {
    let held = till.ledger().read(|reads| {
        let customers = reads.customers_first(LISTED + CHIPS)?;
        let mut held = Vec::new();
        for (place, customer) in customers.into_iter().skip(LISTED).enumerate() {
            let cards = reads.cards_of_customer(customer)?;
            for card in cards.into_iter().filter(|card| card.programme.as_str() == FOBS_FOR) {
                let Some((chip, token)) = chip(till, place, card.serial) else { continue };
                let id = match &token.claim {
                    Claim::Tag { id, .. } => id.0.to_vec(),
                    Claim::Chip(hash) => hash.to_vec(),
                    _ => continue,
                };
                // A demo of an older make, or one whose owner unbound it, has none.
                held.extend(reads.credential_fetch(&id)?.filter(|row| !row.revoked).map(|_| chip));
            }
        }
        Ok(held)
    })?;
    Ok(held)
}

fn people_make_in_txn(
    till: &Till,
    txn: &mut Txn<'_>,
    now: &Now,
    people: Vec<Planned>,
) -> Result<Vec<Visitor>, TillError> {
    let mut visitors = Vec::new();
    for (place, planned) in people.into_iter().enumerate() {
        let actor = Actor::device(None);
        let customer = till.customer_create_in_txn(txn, now, actor.clone(), planned.request)?;
        let id: CustomerId = customer.id.parse().map_err(|_| TillError::field("/id", "no id"))?;
        for programme in planned.programmes {
            let card = till.card_issue_in_txn(txn, now, actor.clone(), id, &programme)?;
            let serial = card.serial.parse().map_err(|_| TillError::field("/serial", "no serial"))?;
            if let (true, Some(token)) = (planned.listed && programme.as_str() == FOBS_FOR, fob(till, serial)) {
                let what = Happening::new(EventKind::CredentialChanged, actor.clone());
                till.bind_in_txn(txn, now, what, serial, &token)?;
            }
            let place = place.checked_sub(LISTED).filter(|place| *place < CHIPS && programme.as_str() == FOBS_FOR);
            if let Some((_, token)) = place.and_then(|place| chip(till, place, serial)) {
                let what = Happening::new(EventKind::CredentialChanged, actor.clone());
                till.bind_in_txn(txn, now, what, serial, &token)?;
            }
            if !planned.listed {
                visitors.push(Visitor { card: serial, programme });
            }
        }
    }
    Ok(visitors)
}

/// A small generator with a fixed seed (xorshift64*): the same people in every demo.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32) % bound
    }
}
