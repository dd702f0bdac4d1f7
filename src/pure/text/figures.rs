//! Numbers, money and days as people read them, in both languages.

use jiff::civil::Date;

use super::Language;
use super::catalogue::decimal;

/// An integer of `scale` decimals: 530 with scale 2 is `5.30`, in German `5,30`.
pub fn number(language: Language, value: i64, scale: u8) -> String {
    decimal(language, value, scale)
}

/// An amount in minor units of `currency` (ISO 4217), which has `digits` decimals: `€5.30`, in German `5,30 €`.
pub fn money(language: Language, minor: i64, digits: u8, currency: &str) -> String {
    let symbol = match currency {
        "EUR" => "€",
        "GBP" => "£",
        "USD" => "$",
        other => other,
    };
    // The space does not break, so that amount and currency stay on one line.
    match language {
        Language::De => format!("{}\u{a0}{symbol}", decimal(language, minor, digits)),
        Language::En => {
            let sign = if minor < 0 { "−" } else { "" };
            let space = if symbol == currency { "\u{a0}" } else { "" };
            let plain = decimal(language, minor, digits);
            format!("{sign}{symbol}{space}{}", plain.trim_start_matches('−'))
        }
    }
}

/// Hundredths of a percent without the sign: 250 is `2.5`, in German `2,5`.
pub fn percent(language: Language, basis_points: i64) -> String {
    let plain = decimal(language, basis_points, 2);
    plain.trim_end_matches('0').trim_end_matches(['.', ',']).to_owned()
}

/// A day: `22 Nov 2026`, in German `22.11.2026`.
pub fn day(language: Language, day: Date) -> String {
    match language {
        Language::En => day.strftime("%-d %b %Y").to_string(),
        Language::De => day.strftime("%-d.%-m.%Y").to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_percentages_and_days_in_both_languages() {
        let (en, de) = (Language::En, Language::De);
        for (minor, digits, currency, english, german) in [
            (530, 2, "EUR", "€5.30", "5,30\u{a0}€"),
            (-5, 2, "USD", "−$0.05", "−0,05\u{a0}$"),
            (1_250, 2, "CHF", "CHF\u{a0}12.50", "12,50\u{a0}CHF"),
            (500, 0, "JPY", "JPY\u{a0}500", "500\u{a0}JPY"),
        ] {
            assert_eq!(money(en, minor, digits, currency), english);
            assert_eq!(money(de, minor, digits, currency), german);
        }
        for (basis_points, english, german) in
            [(300, "3", "3"), (250, "2.5", "2,5"), (1000, "10", "10"), (5, "0.05", "0,05")]
        {
            assert_eq!((percent(en, basis_points).as_str(), percent(de, basis_points).as_str()), (english, german));
        }
        let date = jiff::civil::date(2026, 3, 5);
        assert_eq!((day(en, date).as_str(), day(de, date).as_str()), ("5 Mar 2026", "5.3.2026"));
    }
}
