//! A shop in memory for the tables: cards, a clock, and the path that the till takes (due, check, decide, apply).

use std::collections::BTreeMap;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::pure::domain::*;
use crate::pure::program::*;

pub(super) const ZONE: &str = "Europe/Berlin";

/// One card with all its facts and the standing that was kept beside them.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub facts: CardFacts,
    pub standing: Standing,
    pub history: Vec<Fact>,
}

/// One shop with one programme.
#[derive(Clone, Debug)]
pub(super) struct Shop {
    pub book: Rulebook,
    pub cards: BTreeMap<Serial, Kept>,
    pub at: Moment,
    pub trust: ClockTrust,
    pub actor: Actor,
    pub grade: Option<Grade>,
    pub device: DeviceId,
    hlc: Hlc,
    seq: u64,
    ids: u128,
}

/// What an act came to.
#[derive(Clone, Debug)]
pub(super) struct Done {
    pub event: EventId,
    pub verdict: Verdict,
}

pub(super) fn zone() -> TimeZone {
    TimeZone::get(ZONE).expect("bundled tzdata")
}

pub(super) fn moment(local: &str) -> Moment {
    let local: DateTime = local.parse().expect("a local date and time");
    let zoned = local.to_zoned(zone()).expect("in range");
    Moment { ms: zoned.timestamp().as_millisecond(), zone: zone() }
}

pub(super) fn till(name: &str) -> TillId {
    TillId::new(name).expect("a till's name")
}

pub(super) fn cashier() -> Actor {
    Actor::device(Some(till("till-1")))
}

pub(super) fn manager() -> Actor {
    Actor { role: Role::Manager, ..cashier() }
}

impl Shop {
    pub(super) fn new(rules: Rules) -> Self {
        Self {
            book: Rulebook::single(rules),
            cards: BTreeMap::new(),
            at: moment("2026-05-04T09:00"),
            trust: ClockTrust::Trusted,
            actor: cashier(),
            grade: Some(Grade::A),
            device: DeviceId(1),
            hlc: Hlc::ZERO,
            seq: 0,
            ids: 0,
        }
    }

    /// A new card.
    pub(super) fn card(&mut self) -> Serial {
        let serial = Serial::from_random(self.cards.len() as u64 + 1);
        let facts = CardFacts::new(serial, self.at.clone());
        self.cards.insert(serial, Kept { facts, standing: Standing::default(), history: Vec::new() });
        serial
    }

    pub(super) fn kept(&mut self, card: Serial) -> &mut Kept {
        self.cards.get_mut(&card).expect("a card of the shop")
    }

    pub(super) fn standing(&self, card: Serial) -> &Standing {
        &self.cards[&card].standing
    }

    /// Local time, as in `2026-05-04T09:00`.
    pub(super) fn now(&mut self, local: &str) {
        self.at = moment(local);
    }

    pub(super) fn later_s(&mut self, seconds: i64) {
        self.at.ms += seconds * 1000;
    }

    fn id(&mut self) -> uuid::Uuid {
        self.ids += 1;
        uuid::Uuid::from_u128((u128::from(self.device.0) << 64) | self.ids)
    }

    pub(super) fn visit(&mut self) -> VisitId {
        VisitId(self.id())
    }

    pub(super) fn sale_id(&mut self) -> SaleId {
        SaleId(self.id())
    }

    /// Posts one event's entries on all cards that they move.
    pub(super) fn post(&mut self, entries: Vec<NewEntry>, visit: Option<VisitId>, txn_id: Option<&str>) -> EventId {
        self.hlc = self.hlc.next(self.at.ms);
        self.seq += 1;
        let event = EventId(self.id());
        let sale = SaleId(event.0);
        let mut moved = Vec::new();
        for (index, new) in entries.into_iter().enumerate() {
            let key = FactKey {
                hlc: self.hlc,
                device: self.device,
                incarnation: Incarnation(1),
                seq: self.seq,
                index: index as u16,
            };
            let entry = Entry { id: EntryId(self.id()), card: new.card, rule: new.rule, posting: new.posting };
            let fact = Fact {
                key,
                event,
                at: self.at.clone(),
                till: self.actor.till.clone(),
                role: self.actor.judged_as(),
                visit,
                txn_id: txn_id.map(str::to_owned),
                sale: txn_id.map(|_| sale),
                entry,
            };
            moved.push((new.card, fact));
        }
        for (card, fact) in moved {
            let book = self.book.clone();
            let kept = self.kept(card);
            let applied = apply(&book, &mut kept.standing, &fact);
            kept.history.push(fact);
            if applied == Applied::NeedsFold {
                kept.standing = fold(&book, &kept.history);
            }
        }
        event
    }

    /// Posts what is due on every card.
    pub(super) fn jobs(&mut self) {
        let cards: Vec<Serial> = self.cards.keys().copied().collect();
        for card in cards {
            let kept = &self.cards[&card];
            let entries = due(&self.book, &kept.facts, &kept.standing, &self.at, self.trust);
            if !entries.is_empty() {
                self.post(entries, None, None);
            }
        }
    }

    pub(super) fn ask<T>(
        &self,
        card: Serial,
        visit: Option<VisitId>,
        txn_id: Option<&str>,
        answer: impl FnOnce(&Ask) -> T,
    ) -> T {
        let kept = &self.cards[&card];
        let referrer = kept.facts.referrer.and_then(|serial| self.cards.get(&serial));
        let joined: Vec<Vec<Fact>> = (kept.history.iter())
            .filter_map(|fact| match &fact.entry.posting {
                Posting::Merge(moved) if moved.direction == entry::Direction::In => Some(moved.other),
                _ => None,
            })
            .map(|other| self.cards[&other].history.clone())
            .collect();
        answer(&Ask {
            book: &self.book,
            card: &kept.facts,
            standing: &kept.standing,
            history: &kept.history,
            joined: &joined,
            referrer: referrer.map(|kept| (&kept.facts, &kept.standing)),
            at: &self.at,
            trust: self.trust,
            actor: &self.actor,
            grade: self.grade,
            visit,
            txn_id,
        })
    }

    /// The whole path: what is due, then the command.
    pub(super) fn act_in(
        &mut self,
        card: Serial,
        command: &Command,
        visit: Option<VisitId>,
        txn_id: Option<&str>,
    ) -> Result<Done, Refusal> {
        self.jobs();
        let verdict = self.ask(card, visit, txn_id, |ask| {
            check(ask, command).unwrap_or_else(|malformed| panic!("{command:?}: {malformed:?}"));
            decide(ask, command)
        })?;
        let event = self.post(verdict.entries.clone(), visit, txn_id);
        Ok(Done { event, verdict })
    }

    pub(super) fn act(&mut self, card: Serial, command: &Command) -> Result<Done, Refusal> {
        let visit = self.visit();
        self.act_in(card, command, Some(visit), None)
    }

    pub(super) fn tap(&mut self, card: Serial) -> Result<Done, Refusal> {
        self.act(card, &Command::Tap)
    }

    pub(super) fn stamps(&mut self, card: Serial, count: i64) -> Result<Done, Refusal> {
        self.act(card, &Command::Stamps { count, adds_to_visit: false })
    }

    pub(super) fn purchase(&mut self, card: Serial, amount_minor: i64) -> Result<Done, Refusal> {
        self.act(card, &Command::Purchase { amount_minor, purchase_amount_minor: None })
    }

    pub(super) fn subtract(&mut self, card: Serial, amount_minor: i64, of: Option<Target>) -> Result<Done, Refusal> {
        self.act(card, &Command::SubtractAmount { amount_minor, purchase_amount_minor: None, of })
    }

    pub(super) fn adjust(&mut self, card: Serial, value: i64, purchase: Option<i64>) -> Result<Done, Refusal> {
        self.act(card, &Command::Adjust { value, purchase_amount_minor: purchase, reason: None })
    }

    pub(super) fn redeem(&mut self, card: Serial, count: i64) -> Result<Done, Refusal> {
        let why = reason::RemoveReason::Redeem;
        self.act(card, &Command::RewardRemove { count, amount_minor: 0, why })
    }

    pub(super) fn sale(
        &mut self,
        card: Serial,
        txn_id: &str,
        bill_minor: i64,
        redeem: Option<Redeem>,
    ) -> Result<Done, Refusal> {
        let visit = self.visit();
        let sale = Sale { bill_minor, items: Vec::new(), redeem, phase: SalePhase::Now };
        self.act_in(card, &Command::Sale(sale), Some(visit), Some(txn_id))
    }

    pub(super) fn refund(&mut self, card: Serial, txn_id: &str, amount: Option<i64>) -> Result<Done, Refusal> {
        let of = Target::Txn(txn_id.to_owned());
        self.act(card, &Command::Refund { of, amount_minor: amount, items: Vec::new() })
    }

    pub(super) fn void(&mut self, card: Serial, event: EventId) -> Result<Done, Refusal> {
        let others: Vec<Serial> = self
            .cards
            .iter()
            .filter(|(serial, kept)| **serial != card && kept.history.iter().any(|fact| fact.event == event))
            .map(|(serial, _)| *serial)
            .collect();
        let elsewhere =
            others.into_iter().map(|serial| (self.cards[&serial].facts.clone(), self.cards[&serial].history.clone()));
        let command = Command::Void { of: Target::Event(event), elsewhere: elsewhere.collect() };
        self.act(card, &command)
    }

    /// Figures brought along: what stands before a worked case.
    pub(super) fn opening(&mut self, card: Serial, carried: entry::Carried) {
        let actor = std::mem::replace(&mut self.actor, manager());
        self.act_in(card, &Command::Opening { carried: Box::new(carried), units: 0 }, None, None)
            .expect("an opening is taken");
        self.actor = actor;
    }

    /// Figures by the letters of CASES.md, as one line that a table compares.
    pub(super) fn line(&self, card: Serial, letters: &str) -> String {
        let standing = self.standing(card);
        let counters = standing.counters;
        let shown = letters.split_whitespace().map(|letter| {
            let value = match letter {
                "B" => standing.balance(),
                "E" => counters.earned,
                "R" => counters.redeemed,
                "X" => counters.expired,
                "RA" => standing.rewards_available(),
                "RE" => counters.rewards_earned,
                "RR" => counters.rewards_redeemed,
                "RX" => counters.rewards_expired,
                "V" => counters.visits,
                "O" => counters.orders,
                "T" => counters.tx_amount_minor,
                "LTV" => counters.ltv_minor,
                "Q" => counters.qualifying,
                "P" => standing.pending_units(),
                "S" => counters.shortfall,
                "D" => standing.debt,
                "OD" => standing.overdraft,
                "REF" => counters.referral_earned,
                other => panic!("no figure {other}"),
            };
            format!("{letter} {value}")
        });
        shown.collect::<Vec<_>>().join(" ")
    }

    /// Compares figures: `B 2 E 2 V 1`.
    #[track_caller]
    pub(super) fn is(&self, card: Serial, expected: &str) {
        let letters: Vec<&str> = expected.split_whitespace().step_by(2).collect();
        assert_eq!(self.line(card, &letters.join(" ")), expected);
        assert_eq!(self.standing(card), &fold(&self.book, &self.cards[&card].history), "kept beside = fold");
    }

    pub(super) fn figures(&self, card: Serial) -> Figures {
        let kept = &self.cards[&card];
        figures(&self.book, &kept.facts, &kept.standing, &self.at)
    }

    pub(super) fn tier(&self, card: Serial) -> String {
        self.figures(card).tier.expect("a programme with levels").name
    }

    pub(super) fn labels(&self, card: Serial) -> Vec<&'static str> {
        history(&self.book, &self.cards[&card].history).iter().map(|row| row.label.name()).collect()
    }
}

/// Opening figures of a stamp card.
pub(super) fn stamps_before(balance: i64, counters: entry::Counters) -> entry::Carried {
    let lot = entry::Lot { expires_ms: i64::MAX, since_ms: 0, units: balance };
    entry::Carried {
        lots: if balance > 0 { vec![lot] } else { Vec::new() },
        counters,
        first_earned: true,
        ..entry::Carried::default()
    }
}
