//! Views: cards, histories and lines as the API shows them. Nothing here writes.

use std::ops::Range;

use jiff::tz::TimeZone;

use super::posting::CardState;
use super::{Till, TillError};
use crate::pure::domain::{Event, Fact, Medium, Moment, Now, RuleVersion, Serial, crockford};
use crate::pure::program::{self, Figures, HistoryRow, Kind, LevelBasis, Rulebook, Source, Standing};
use crate::pure::tap::rotating::RotatingKey;
use crate::pure::text::{self, Language, Unit};
use crate::pure::wire::event::event_facts;
use crate::pure::wire::lan::{
    CardView, CredentialList, CredentialView, EntryView, HistoryPage, Installs, Links, NextExpiry, Preferences,
    ProgrammeView,
};
use crate::pure::wire::text::{Json, from_json, object, part, short_name};
use crate::shop::ledger::{CredentialRow, LedgerError, PersonRow, Reads};

/// Names a credential in requests and events. Its id would, with the key, mint the token: a hash names it as well.
pub(super) fn credential_name(id: &[u8]) -> String {
    crockford::encode(&short_name(id))
}

/// What an event tells of each of its lines.
pub(super) struct EventFacts<'e> {
    event: &'e Event,
    comment: Option<String>,
    public_note: Option<String>,
}

impl<'e> EventFacts<'e> {
    pub fn of(event: &'e Event, text: Option<&str>) -> Self {
        let text = text.map_or(Json::Null, object);
        Self { event, comment: part(&text, "comment"), public_note: part(&text, "public_note") }
    }

    /// The shop's zone at the time of the event.
    pub fn zone(&self) -> TimeZone {
        TimeZone::get(&self.event.zone).unwrap_or(TimeZone::UTC)
    }
}

/// Lines of a history read at once for their events.
const EVENTS_PAGE_MAX: usize = 200;

impl Till {
    /// A card and its whole standing; `None` where no card has this serial.
    pub fn card_view(&self, reads: &Reads<'_>, serial: Serial, now: &Now) -> Result<Option<CardView>, TillError> {
        match self.card_state(reads, serial)? {
            Some(card) => self.card_view_of(reads, &card, now).map(Some),
            None => Ok(None),
        }
    }

    /// The view of a card that was read. What has lapsed is counted as lapsed, also before its entry is posted.
    pub(super) fn card_view_of(&self, reads: &Reads<'_>, card: &CardState, now: &Now) -> Result<CardView, TillError> {
        let at = reads.rule_time(now)?;
        let standing = program::settled(card.book()?, &card.facts, &card.standing, &at, now.trust);
        let figures = program::figures(card.book()?, &card.facts, &standing, &at);
        let (taps, scans) = reads.shown_counts(card.row.serial)?;
        let rfc = |ms: Option<i64>| ms.map(|ms| Moment { ms, zone: at.zone.clone() }.rfc3339());
        let row = &card.row;
        let person = card.person.as_ref();
        let counters = figures.counters;
        let levels = figures.level_basis;
        Ok(CardView {
            serial: row.serial.to_string(),
            programme: row.programme.to_string(),
            kind: kind_name(figures.kind).to_owned(),
            unit: figures.unit.clone(),
            scale: u32::from(figures.scale),
            customer_id: row.customer.to_string(),
            status: if row.deleted { "deleted" } else { "not_installed" }.to_owned(),
            blocked: row.blocked,
            issued_at: Moment { ms: row.issued_ms, zone: at.zone.clone() }.rfc3339(),
            expires_at: row.expires_on.map(|date| date.to_string()),
            balance: figures.balance,
            pending: figures.pending,
            earned: counters.earned,
            redeemed: counters.redeemed,
            expired: counters.expired,
            qualifying: Some(counters.qualifying),
            tx_amount_minor: counters.tx_amount_minor,
            ltv_minor: counters.ltv_minor,
            visits: counters.visits,
            orders: counters.orders,
            average_order_minor: figures.average_order_minor,
            rewards_available: figures.rewards_available,
            rewards_earned: counters.rewards_earned,
            rewards_redeemed: counters.rewards_redeemed,
            rewards_expired: counters.rewards_expired,
            shortfall: counters.shortfall,
            debt: figures.debt,
            overdraft: figures.overdraft,
            carry_minor: figures.carry_minor,
            tier: figures.tier.as_ref().map(|tier| tier.name.clone()),
            to_next_tier: figures.to_next_tier,
            to_next_reward: figures.to_next_reward,
            cashback_percent: figures.cashback_bp.map(|bp| bp as f64 / 100.0),
            level_basis: levels.map(|basis| basis_name(basis).to_owned()),
            referral_earned: counters.referral_earned,
            last_earned_at: rfc(figures.last_earned_ms),
            last_redeemed_at: rfc(figures.last_redeemed_ms),
            last_reward_earned_at: rfc(figures.last_reward_earned_ms),
            last_reward_redeemed_at: rfc(figures.last_reward_redeemed_ms),
            next_expiry: figures
                .next_expiry
                .filter(|_| !row.deleted)
                .and_then(|next| rfc(Some(next.at_ms)).map(|at| NextExpiry { at, amount: next.amount })),
            segment: segment(&figures, &at).map(str::to_owned),
            feedback_rating: None,
            coupons_claimed: figures.coupons.coupons_claimed,
            coupons_used: figures.coupons.coupons_used,
            entry_rewards_claimed: figures.coupons.entry_claimed,
            pushes_sent: 0,
            clicks: 0,
            taps,
            scans,
            installs: Installs::default(),
            utm: person.map_or(Json::Null, |row| object(&row.person.utm)),
            groups: person.map_or_else(Vec::new, groups_of),
            preferences: Preferences::default(),
            links: self.links(&row.link),
            revision: row.revision,
        })
    }

    /// The customer's links: unguessable, under the shop's public address.
    pub(super) fn links(&self, link: &[u8; 16]) -> Links {
        let (base, code) = (&self.settings().base_url, crockford::encode(link));
        Links { installation: format!("{base}/c/{code}"), referral: format!("{base}/r/{code}") }
    }

    /// The lines of one posting on one card, the standing before it given.
    pub(super) fn entry_views(
        &self,
        card: &CardState,
        before: &Standing,
        facts: &EventFacts<'_>,
    ) -> Result<Vec<EntryView>, TillError> {
        let serial = card.row.serial;
        // The zone only dates the rows; the event carries its own.
        let zone = TimeZone::get(&facts.event.zone).unwrap_or(TimeZone::UTC);
        let own: Vec<Fact> =
            event_facts(facts.event, &zone).into_iter().filter(|fact| fact.entry.card == serial).collect();
        let rows = program::rows(card.book()?, before, &own);
        let units = |row: &HistoryRow| {
            own.iter().find(|fact| fact.entry.id == row.entry).map(|fact| fact.entry.posting.units())
        };
        let book = card.book()?;
        Ok(rows.iter().filter_map(|row| self.entry_view(serial, book, row, units(row), facts)).collect())
    }

    /// A page of what moved a card's balance, newest first; `None` where no card has this serial.
    pub fn history_page(
        &self,
        reads: &Reads<'_>,
        serial: Serial,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Option<HistoryPage>, TillError> {
        let Some(card) = self.card_state(reads, serial)? else { return Ok(None) };
        let facts = card.entries(reads)?;
        let rows: Vec<HistoryRow> =
            program::history(card.book()?, &facts).into_iter().filter(|row| row.kind.is_some()).collect();
        let (page, next_cursor) = page_back(rows.len(), cursor, limit.min(EVENTS_PAGE_MAX))?;
        let mut views = Vec::with_capacity(page.len());
        for row in rows[page].iter().rev() {
            let Some(posted) = reads.event_fetch(row.event)? else {
                return Err(LedgerError::Damaged(format!("event {} is missing", row.event)).into());
            };
            let own = facts.iter().find(|fact| fact.entry.id == row.entry).filter(|_| row.source != Source::Derived);
            let units = own.map_or(Some(row.change), |fact| Some(fact.entry.posting.units()));
            views.extend(self.entry_view(
                serial,
                card.book()?,
                row,
                units,
                &EventFacts::of(&posted.event, posted.text.as_deref()),
            ));
        }
        Ok(Some(HistoryPage { rows: views, next_cursor }))
    }

    /// The media of a card; what each carries only where `with_text` says so.
    pub fn credential_list(
        &self,
        reads: &Reads<'_>,
        serial: Serial,
        with_text: bool,
    ) -> Result<Option<CredentialList>, LedgerError> {
        if reads.card_fetch(serial)?.is_none() {
            return Ok(None);
        }
        let rows = reads.credentials_of_card(serial)?;
        let credentials = rows.into_iter().map(|row| self.credential_view(row, with_text)).collect();
        Ok(Some(CredentialList { credentials }))
    }

    /// A medium of a card, with what it carries where that is asked for and known.
    pub(super) fn credential_view(&self, row: CredentialRow, with_text: bool) -> CredentialView {
        CredentialView {
            id: credential_name(&row.id),
            medium: row.medium.name().to_owned(),
            created_at: Moment { ms: row.created_ms, zone: TimeZone::UTC }.rfc3339(),
            revoked: row.revoked,
            text: match (with_text && !row.revoked, row.lc1_id(), row.kid) {
                // What the phone fills; without the key of this credential it proves nothing.
                (true, Some(id), None) if row.medium == Medium::RotatingBarcode => Some(RotatingKey::pattern(&id)),
                (true, Some(id), Some(kid)) => self.keys().tokens.mint(kid, id),
                _ => None,
            },
        }
    }

    /// One line; `None` for rows that are no entries (rewards unlocked, levels changed).
    pub(super) fn entry_view(
        &self,
        serial: Serial,
        book: &Rulebook,
        row: &HistoryRow,
        units: Option<i64>,
        facts: &EventFacts<'_>,
    ) -> Option<EntryView> {
        let kind = row.kind?;
        let what = &facts.event.what;
        let actor = &what.actor;
        Some(EntryView {
            id: row.entry.to_string(),
            serial: serial.to_string(),
            kind: kind.name().to_owned(),
            label: row.label.name().replace('_', " "),
            at: row.at.rfc3339(),
            units: units.unwrap_or(0),
            change: row.change,
            balance: row.balance,
            rewards_change: row.rewards_change,
            amount_minor: row.amount_minor,
            expires_at: row
                .expires_ms
                .filter(|ms| *ms != i64::MAX)
                .map(|ms| Moment { ms, zone: row.at.zone.clone() }.rfc3339()),
            voided: row.voided,
            rule_version: row.explanation.rule.map_or(0, |rule| rule.0),
            explanation: row_explained(self.settings().language, self.settings().minor_digits(), book, row),
            visit: what.visit.map(|visit| visit.to_string()),
            txn_id: row.txn_id.clone(),
            till: row.till.as_ref().map(ToString::to_string),
            staff: actor.staff.map(|id| id.to_string()).or_else(|| actor.token.map(|id| id.to_string())),
            medium: what.medium.map(|medium| medium.name().to_owned()),
            reader: what.reader.clone(),
            reason: (kind == crate::pure::domain::EntryKind::Adjust).then(|| row.names.first().cloned()).flatten(),
            comment: facts.comment.clone(),
            public_note: facts.public_note.clone(),
        })
    }

    /// The programmes that run here.
    pub fn programme_views(&self) -> Vec<ProgrammeView> {
        let view = |(name, book): (&crate::pure::domain::ProgrammeName, &program::Rulebook)| {
            let (version, rules) = book.current();
            ProgrammeView {
                name: name.to_string(),
                kind: kind_name(rules.kind).to_owned(),
                unit: rules.unit.clone(),
                scale: u32::from(rules.scale),
                version: version.0,
                tap_award: rules.tap_award,
            }
        };
        self.rulebooks().iter().map(view).collect()
    }
}

/// A page of a list of `rows` that stands oldest first and is read from its newest end, and the cursor of the next one.
/// The cursor counts rows from the oldest, so that new ones do not shift it.
pub(super) fn page_back(
    rows: usize,
    cursor: Option<&str>,
    limit: usize,
) -> Result<(Range<usize>, Option<String>), TillError> {
    let wrong = || TillError::field("/cursor", "give next_cursor of the page before, unchanged");
    let end = match cursor {
        None => rows,
        Some(text) => text.parse().ok().filter(|end| *end <= rows).ok_or_else(wrong)?,
    };
    let begin = end.saturating_sub(limit);
    Ok((begin..end, (begin > 0).then(|| begin.to_string())))
}

/// Why a row of a card's history has its numbers, by the rules under which it was made; `minor_digits` are the decimals
/// of the currency.
pub fn row_explained(language: Language, minor_digits: u8, book: &Rulebook, row: &HistoryRow) -> String {
    let rules = book.at(row.explanation.rule.unwrap_or(RuleVersion(0)));
    let counting = text::Counting { unit: &rules.unit, scale: rules.scale, minor_digits };
    text::explanation(language, &counting, &row.explanation)
}

/// The line that says what a tap did to a card.
pub(super) fn text_of(language: Language, card: &CardState, before: &Standing) -> Result<String, TillError> {
    let rules = card.rules()?;
    let (counters, past) = (&card.standing.counters, &before.counters);
    let earned = counters.earned - past.earned;
    let at = Moment { ms: card.standing.last_key.map_or(0, |key| key.hlc.ms()), zone: TimeZone::UTC };
    let figures = program::figures(card.book()?, &card.facts, &card.standing, &at);
    let reward = card.standing.rewards.first().map(|lot| lot.name.as_str());
    Ok(text::outcome(
        language,
        &text::Outcome::Card(text::Figures {
            unit: if rules.kind.is_stamps() { Unit::Stamps } else { Unit::Points },
            scale: rules.scale,
            amount: if earned > 0 { earned } else { figures.balance },
            to_next: figures.to_next_reward,
            rewards_ready: figures.rewards_available,
            reward,
        }),
    ))
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Points => "points",
        Kind::Cashback => "cashback",
        _ => "stamps",
    }
}

fn basis_name(basis: LevelBasis) -> &'static str {
    match basis {
        LevelBasis::TxAmount => "tx_amount",
        _ => "points_earned",
    }
}

fn groups_of(row: &PersonRow) -> Vec<String> {
    from_json(&row.person.groups).unwrap_or_default()
}

/// The classes by recency and frequency (FIELD.md B17): days since the last visit, then number of visits; money is not
/// asked.
pub(super) const SEGMENTS: [[&str; 3]; 3] = [
    ["beginners", "growths", "champions"],
    ["doubtful", "medium", "loyal_regular"],
    ["sleeping", "at_risk", "needs_attention"],
];

/// The last day of each recency but the oldest, in local days since the last visit.
const RECENCY_DAYS: [i64; 2] = [30, 60];

/// The band of a number of visits: 0 for none, else 1 to 3 (RULES.md X32).
pub(super) fn visit_band(visits: i64) -> i64 {
    match visits {
        ..=0 => 0,
        1..=3 => 1,
        4..=7 => 2,
        _ => 3,
    }
}

/// The class of a card's figures.
fn segment(figures: &Figures, at: &Moment) -> Option<&'static str> {
    let last = Moment { ms: figures.last_visit_ms?, zone: at.zone.clone() };
    let days = at.date().since(last.date()).map_or(0, |span| i64::from(span.get_days()));
    let recency = RECENCY_DAYS.iter().filter(|last| days > **last).count();
    let band = visit_band(figures.counters.visits);
    usize::try_from(band - 1).ok().map(|frequency| SEGMENTS[recency][frequency])
}

/// A class as what a card must be like: the band of its visits, and when the last one was, from and until (exclusive).
/// `None` for a name that is none.
pub(super) fn segment_bounds(name: &str, at: &Moment) -> Option<(i64, i64, i64)> {
    let place = SEGMENTS.iter().flatten().position(|segment| *segment == name)?;
    let (recency, frequency) = (place / 3, place % 3);
    // The first moment of the local day so many days ago.
    let begin = |days: i64| {
        let day = at.date().checked_sub(jiff::Span::new().days(days + 1)).unwrap_or(jiff::civil::Date::MIN);
        at.end_of_day_ms(day)
    };
    let from_ms = RECENCY_DAYS.get(recency).map_or(i64::MIN, |days| begin(*days));
    let until_ms = if recency == 0 { i64::MAX } else { begin(RECENCY_DAYS[recency - 1]) };
    Some((frequency as i64 + 1, from_ms, until_ms))
}
