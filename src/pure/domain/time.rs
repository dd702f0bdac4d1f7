//! Time as a value: what a clock said, and the rule time that never goes back.

use std::fmt;

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};

/// Whether the wall clock can be believed (DESIGN.md section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockTrust {
    /// Synchronised since boot, or kept by a hardware clock.
    Trusted,
    /// May be anything; nothing of a customer's expires by it and no pass is signed.
    Untrusted,
}

/// How the wall clock is judged (`[clock] trust`, DESIGN.md section 4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// By evidence: synchronised since boot, or a hardware clock and not before the newest time in the ledger.
    #[default]
    Auto,
    /// Always believed: demo, tests, virtual machines.
    Always,
}

/// Which start of the machine: the kernel's boot id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BootId(pub [u8; 16]);

/// What the clocks said at one instant; taken by `base::clock` once per act and handed down.
#[derive(Clone, Debug, PartialEq)]
pub struct Now {
    /// Wall clock, milliseconds since 1970-01-01 UTC.
    pub wall_ms: i64,
    /// The shop's time zone.
    pub zone: TimeZone,
    /// The start of the machine to which `boot_ns` counts.
    pub boot_id: BootId,
    /// Time since that start, nanoseconds, never set by anyone; goes on while the daemon is restarted.
    pub boot_ns: i64,
    /// Whether `wall_ms` can be believed.
    pub trust: ClockTrust,
}

impl Now {
    /// The wall clock as a moment in the shop's zone.
    pub fn moment(&self) -> Moment {
        Moment { ms: self.wall_ms, zone: self.zone.clone() }
    }
}

/// Hybrid logical clock: 48 bits of milliseconds, 16 bits of counter (SYNC.md C.1). Orders the events of all devices
/// and never goes back on one device, whatever the wall clock does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hlc(pub u64);

impl Hlc {
    /// Before every event.
    pub const ZERO: Hlc = Hlc(0);

    /// The clock of the next event after `self`, the wall clock standing at `wall_ms`: the later of both, with the
    /// counter telling events of one millisecond apart. A counter that is full borrows from the next millisecond.
    pub fn next(self, wall_ms: i64) -> Hlc {
        let wall = (wall_ms.max(0) as u64).min((1 << 48) - 1) << 16;
        Hlc(wall.max(self.0 + 1))
    }

    /// The milliseconds part: the rule time of the event, since 1970-01-01 UTC.
    pub fn ms(self) -> i64 {
        (self.0 >> 16) as i64
    }
}

/// An instant as the rules see it: rule time (never going back on one device) in the shop's zone at that time.
#[derive(Clone, PartialEq)]
pub struct Moment {
    /// Milliseconds since 1970-01-01 UTC.
    pub ms: i64,
    /// The zone whose calendar counts.
    pub zone: TimeZone,
}

impl Moment {
    /// The instant, in the zone. Out-of-range values are held to what a calendar can show.
    pub fn zoned(&self) -> Zoned {
        let ms = self.ms.clamp(-62_000_000_000_000, 250_000_000_000_000);
        Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(self.zone.clone())
    }

    /// The local calendar day.
    pub fn date(&self) -> Date {
        self.zoned().date()
    }

    /// The local day of the week.
    pub fn weekday(&self) -> Weekday {
        self.date().weekday()
    }

    /// The first millisecond after local day `date`: what is valid to the end of a day ends here.
    pub fn end_of_day_ms(&self, date: Date) -> i64 {
        day_end_ms(date, &self.zone)
    }

    /// As RFC 3339 with the zone's offset at that moment, whole milliseconds.
    pub fn rfc3339(&self) -> String {
        let zoned = self.zoned();
        format!("{}{}", zoned.strftime("%Y-%m-%dT%H:%M:%S%.3f"), zoned.strftime("%:z"))
    }
}

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Moment({})", self.rfc3339())
    }
}

/// The first millisecond after local day `date` in `zone`; saturates at the end of the calendar.
pub fn day_end_ms(date: Date, zone: &TimeZone) -> i64 {
    date.checked_add(1.day())
        .ok()
        .and_then(|next| next.to_zoned(zone.clone()).ok())
        .map_or(i64::MAX, |start| start.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hlc_never_goes_back_and_counts_within_a_millisecond() {
        let first = Hlc::ZERO.next(1_000);
        let second = first.next(1_000);
        let back = second.next(10);
        assert!(first < second && second < back);
        assert_eq!((first.ms(), second.ms(), back.ms()), (1_000, 1_000, 1_000));
        assert_eq!(back.next(2_000).ms(), 2_000);
        let full = Hlc((5 << 16) | 0xFFFF);
        assert_eq!(full.next(0).ms(), 6);
    }

    #[test]
    fn a_day_ends_where_the_next_begins_also_when_clocks_change() {
        let zone = TimeZone::get("Europe/Berlin").expect("bundled or system tzdata");
        let hours = |date: Date| (day_end_ms(date, &zone) - day_end_ms(date - 1.day(), &zone)) / 3_600_000;
        assert_eq!(hours(jiff::civil::date(2026, 3, 29)), 23);
        assert_eq!(hours(jiff::civil::date(2026, 10, 25)), 25);
        assert_eq!(hours(jiff::civil::date(2026, 11, 21)), 24);
    }

    #[test]
    fn times_are_written_with_the_offset_of_their_moment() {
        let zone = TimeZone::get("Europe/Berlin").expect("bundled or system tzdata");
        let moment = Moment { ms: 1_774_745_999_120, zone };
        assert_eq!(moment.rfc3339(), "2026-03-29T01:59:59.120+01:00");
        assert_eq!(Moment { ms: moment.ms + 1_000, ..moment }.rfc3339(), "2026-03-29T03:00:00.120+02:00");
    }
}
