//! What happened to a customer, newest first: entries, what followed from them, and events that moved nothing; and
//! everything that is held about one person.

use super::view::{EventFacts, page_back};
use super::{Till, TillError};
use crate::pure::domain::{CustomerId, EntryKind, EventKind, Moment, Now, RefusalCode, Serial};
use crate::pure::program::{self, HistoryRow, Source};
use crate::pure::wire::lan::{CardExport, CustomerExport, EntryView, TimelinePage, TimelineRow};
use crate::shop::ledger::{PostedEvent, Reads};

/// Events of one card or customer that are read; a person's card has a few hundred in years.
const EVENTS_MAX: usize = 1_000_000;

/// Rows of history made at once.
const PAGE: usize = 200;

/// Names of what follows from entries.
const DERIVED: [&str; 6] =
    ["reward_redeemable", "tier_changed", "campaign_joined", "campaign_disjoined", "points_expired", "reward_expired"];

/// A row with its place: rule time, device, number, and the place within its event.
type Placed = ((u64, u64, usize), TimelineRow);

impl Till {
    /// A page of a customer's timeline, newest first. `kinds` are kinds of entries and events and names of what follows;
    /// none: all.
    pub fn customer_timeline(
        &self,
        reads: &Reads<'_>,
        id: CustomerId,
        kinds: &[String],
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<TimelinePage, TillError> {
        if let Some(wrong) = kinds.iter().find(|kind| !kind_known(kind)) {
            return Err(TillError::field("/kinds", format!("'{wrong}' is neither a kind of entry nor of event")));
        }
        let mut rows = self.timeline_rows(reads, id)?;
        rows.retain(|row| kinds.is_empty() || kinds.contains(&row.kind));
        let (page, next_cursor) = page_back(rows.len(), cursor, limit)?;
        Ok(TimelinePage { rows: rows.drain(page).rev().collect(), next_cursor })
    }

    /// Every row of a customer, oldest first.
    fn timeline_rows(&self, reads: &Reads<'_>, id: CustomerId) -> Result<Vec<TimelineRow>, TillError> {
        if reads.person_fetch(id)?.is_none() {
            return Err(TillError::Unknown { code: "unknown_customer", detail: "no such customer".to_owned() });
        }
        let mut placed: Vec<Placed> = Vec::new();
        for posted in reads.customer_events(id)? {
            placed.extend(event_row(&posted, posted.event.what.card));
        }
        for card in reads.cards_of_customer(id)? {
            let state = self.card_state_of(reads, card)?;
            let serial = state.row.serial;
            let events = reads.card_events(serial, i64::MAX, EVENTS_MAX)?;
            let rows = program::history(state.book()?, &state.entries(reads)?);
            for (place, row) in rows.iter().enumerate() {
                let posted = events.iter().find(|posted| posted.event.id == row.event);
                placed.push(history_row(serial, row, place, posted));
            }
            let silent = events.iter().filter(|posted| posted.event.what.customer != Some(id));
            placed.extend(silent.filter_map(|posted| event_row(posted, Some(serial))));
        }
        placed.sort_by_key(|(place, _)| *place);
        Ok(placed.into_iter().map(|(_, row)| row).collect())
    }

    /// Every row of a card's history, newest first; `None` where no card has this serial.
    pub fn history_all(&self, reads: &Reads<'_>, serial: Serial) -> Result<Option<Vec<EntryView>>, TillError> {
        let (mut rows, mut cursor) = (Vec::new(), None);
        loop {
            let Some(page) = self.history_page(reads, serial, cursor.as_deref(), PAGE)? else { return Ok(None) };
            rows.extend(page.rows);
            cursor = page.next_cursor;
            if cursor.is_none() {
                return Ok(Some(rows));
            }
        }
    }

    /// Everything that is held about one person.
    pub fn customer_export(&self, reads: &Reads<'_>, id: CustomerId, now: &Now) -> Result<CustomerExport, TillError> {
        let unknown = || TillError::Unknown { code: "unknown_customer", detail: "no such customer".to_owned() };
        let customer = self.customer_view(reads, id, now)?.ok_or_else(unknown)?;
        let mut cards = Vec::new();
        for row in reads.cards_of_customer(id)? {
            let history = self.history_all(reads, row.serial)?.unwrap_or_default();
            let card = self.card_state_of(reads, row)?;
            cards.push(CardExport { card: self.card_view_of(reads, &card, now)?, history });
        }
        let mut timeline = self.timeline_rows(reads, id)?;
        timeline.reverse();
        Ok(CustomerExport { made_at: now.moment().rfc3339(), customer, cards, timeline })
    }
}

fn kind_known(name: &str) -> bool {
    EntryKind::from_name(name).is_some() || EventKind::from_name(name).is_some() || DERIVED.contains(&name)
}

fn history_row(serial: Serial, row: &HistoryRow, place: usize, posted: Option<&PostedEvent>) -> Placed {
    let label = row.label.name();
    let staff = posted.map(|posted| &posted.event.what.actor);
    let told = TimelineRow {
        at: row.at.rfc3339(),
        kind: row.kind.map_or(label, EntryKind::name).to_owned(),
        label: label.replace('_', " "),
        event: row.event.to_string(),
        serial: Some(serial.to_string()),
        entry: row.kind.filter(|_| row.source != Source::Derived).map(|_| row.entry.to_string()),
        change: row.change,
        balance: Some(row.balance),
        rewards_change: row.rewards_change,
        amount_minor: row.amount_minor,
        names: row.names.clone(),
        refusal: None,
        voided: row.voided,
        till: row.till.as_ref().map(ToString::to_string),
        staff: staff.and_then(who),
    };
    ((row.key.hlc.0, row.key.seq, place + 1), told)
}

fn who(actor: &crate::pure::domain::Actor) -> Option<String> {
    actor.staff.map(|id| id.to_string()).or_else(|| actor.token.map(|id| id.to_string()))
}

/// An event as a row of its own: those that posted entries are told by them.
fn event_row(posted: &PostedEvent, serial: Option<Serial>) -> Option<Placed> {
    let event = &posted.event;
    let what = &event.what;
    if !what.entries.is_empty() {
        return None;
    }
    let facts = EventFacts::of(event, posted.text.as_deref());
    let at = Moment { ms: event.hlc.ms(), zone: facts.zone() };
    let told = TimelineRow {
        at: at.rfc3339(),
        kind: what.kind.name().to_owned(),
        label: what.kind.name().replace('_', " "),
        event: event.id.to_string(),
        serial: serial.map(|serial| serial.to_string()),
        entry: None,
        change: 0,
        balance: None,
        rewards_change: 0,
        amount_minor: None,
        names: what.details.iter().map(|(name, value)| format!("{name}={value}")).collect(),
        refusal: what.refusal.map(|code: RefusalCode| code.name().to_owned()),
        voided: false,
        till: what.actor.till.as_ref().map(ToString::to_string),
        staff: who(&what.actor),
    };
    Some(((event.hlc.0, event.seq, 0), told))
}
