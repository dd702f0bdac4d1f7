//! Days of the shop's calendar: when lots, rewards and cards end, when pending units ripen, and birthdays.

use jiff::civil::Date;
use jiff::{Span, ToSpan};

use super::rules::{CardExpiry, LotExpiry, Rules};
use crate::pure::domain::Moment;

/// `days` after `date`; held at the calendar's ends.
pub(super) fn days_after(date: Date, days: i64) -> Date {
    let days = days.clamp(-4_000_000, 4_000_000);
    date.checked_add(days.days()).unwrap_or(if days < 0 { Date::MIN } else { Date::MAX })
}

/// Local days from `earlier` to `later`; negative when they stand the other way round.
pub(super) fn days_between(earlier: Date, later: Date) -> i64 {
    earlier.until(later).map_or(0, |span: Span| i64::from(span.get_days()))
}

/// The first moment after the last day of a lot that is awarded at `at`; `None` where lots do not lapse by date.
pub(super) fn lot_end_ms(rules: &Rules, at: &Moment) -> Option<i64> {
    let today = at.date();
    let last = match &rules.lots {
        LotExpiry::Never | LotExpiry::Inactivity { .. } => return None,
        LotExpiry::Fixed { on } => *on,
        LotExpiry::Days { days } => days_after(today, i64::from(*days)),
        LotExpiry::EndOfMonth { months } => {
            today.checked_add(i64::from(*months).months()).unwrap_or(Date::MAX).last_of_month()
        }
        LotExpiry::EndOfYear { years } => {
            today.checked_add(i64::from(*years).years()).unwrap_or(Date::MAX).last_of_year()
        }
    };
    Some(at.end_of_day_ms(last))
}

/// When units awarded at `at` ripen: the start of local day award + n. `None` where they count at once.
pub(super) fn ripens_ms(rules: &Rules, at: &Moment) -> Option<i64> {
    (rules.pending_days > 0).then(|| at.end_of_day_ms(days_after(at.date(), i64::from(rules.pending_days) - 1)))
}

/// The first moment after the last day of a reward unlocked at `at`; `i64::MAX` where rewards do not lapse.
pub(super) fn reward_end_ms(rules: &Rules, at: &Moment) -> i64 {
    rules.reward_days.map_or(i64::MAX, |days| at.end_of_day_ms(days_after(at.date(), i64::from(days))))
}

/// When every lot lapses for want of activity.
pub(super) fn inactive_ms(rules: &Rules, last_activity: &Moment) -> Option<i64> {
    match rules.lots {
        LotExpiry::Inactivity { days } => {
            Some(last_activity.end_of_day_ms(days_after(last_activity.date(), i64::from(days))))
        }
        _ => None,
    }
}

/// The last valid day of a card issued on `issued`; `None` where cards of the programme do not end.
pub fn card_expiry(rules: &Rules, issued: Date) -> Option<Date> {
    match rules.card_expiry {
        CardExpiry::Never => None,
        CardExpiry::Fixed { on } => Some(on),
        CardExpiry::Days { days } => Some(days_after(issued, i64::from(days))),
    }
}

/// Whether `today` is the birthday: 29 February is kept on 28 February in other years (RULES.md section 2).
pub(super) fn is_birthday(birth: Date, today: Date) -> bool {
    let kept = if birth.month() == 2 && birth.day() == 29 && !today.in_leap_year() { 28 } else { birth.day() };
    (today.month(), today.day()) == (birth.month(), kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn birthdays_on_29_february_are_kept_on_28_in_other_years() {
        let leap = date(2000, 2, 29);
        assert!(is_birthday(leap, date(2026, 2, 28)) && is_birthday(leap, date(2028, 2, 29)));
        assert!(!is_birthday(leap, date(2028, 2, 28)) && !is_birthday(leap, date(2026, 3, 1)));
        assert!(
            is_birthday(date(1990, 2, 28), date(2028, 2, 28)) && !is_birthday(date(1990, 2, 28), date(2028, 2, 29))
        );
    }

    #[test]
    fn days_are_counted_on_the_calendar() {
        assert_eq!(days_between(date(2025, 6, 1), date(2026, 6, 1)), 365);
        assert_eq!(days_after(date(2026, 3, 1), 30), date(2026, 3, 31));
        assert_eq!(days_after(Date::MAX, 5), Date::MAX);
    }
}
