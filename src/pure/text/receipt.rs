//! The lines under a bill, for a receipt printer: plain numbers with the language's decimal mark, and no sign that a
//! printer's character set may lack.

use super::Language;
use super::catalogue::{fill, point};
use crate::pure::domain::money;

/// Columns of a receipt printer of the narrow kind.
pub const RECEIPT_COLUMNS: usize = 42;

/// What a sale did, as the customer reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt<'a> {
    /// The programme's title.
    pub title: &'a str,
    /// What the redemption took off the bill, minor units.
    pub discount_minor: i64,
    /// Decimals of the currency.
    pub minor_digits: u8,
    /// What the sale earned, integers of `scale` decimals.
    pub earned: i64,
    /// The balance after it, of `scale` decimals.
    pub balance: i64,
    /// Decimals of the programme's unit.
    pub scale: u8,
    /// Rewards that can be used now.
    pub rewards_ready: i64,
}

/// The lines, each of at most [`RECEIPT_COLUMNS`] characters: a word at the left, its number at the right.
pub fn receipt(language: Language, receipt: &Receipt<'_>) -> Vec<String> {
    let number = |value: i64, digits: u8| point(language, money::decimal(value, digits));
    let pair = |id: &str, number: String| {
        let word = fill(language, id, &[]);
        let room = RECEIPT_COLUMNS.saturating_sub(word.chars().count());
        format!("{word}{number:>room$}")
    };
    let mut lines = vec![receipt.title.chars().take(RECEIPT_COLUMNS).collect()];
    if receipt.discount_minor > 0 {
        lines.push(pair("receipt-redeemed", number(-receipt.discount_minor, receipt.minor_digits)));
    }
    lines.push(pair("receipt-earned", number(receipt.earned, receipt.scale)));
    lines.push(pair("receipt-balance", number(receipt.balance, receipt.scale)));
    if receipt.rewards_ready > 0 {
        lines.push(pair("receipt-rewards-ready", receipt.rewards_ready.to_string()));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const CARD: Receipt<'_> = Receipt {
        title: "Cashback",
        discount_minor: 1_250,
        minor_digits: 2,
        earned: 105,
        balance: -20,
        scale: 2,
        rewards_ready: 0,
    };

    #[test]
    fn a_receipt_speaks_the_language_of_the_shop() {
        let english = [
            "Cashback",
            "Redeemed                            -12.50",
            "Earned                                1.05",
            "Balance                              -0.20",
        ];
        let german = [
            "Cashback",
            "Eingelöst                           -12,50",
            "Gesammelt                             1,05",
            "Guthaben                             -0,20",
        ];
        assert_eq!(receipt(Language::En, &CARD), english);
        assert_eq!(receipt(Language::De, &CARD), german);
    }

    #[test]
    fn money_has_the_decimals_of_its_currency() {
        let last = |digits| receipt(Language::De, &Receipt { minor_digits: digits, ..CARD })[1].clone();
        assert!(last(0).ends_with(" -1250"), "{}", last(0));
        assert!(last(3).ends_with(" -1,250"), "{}", last(3));
    }

    #[test]
    fn rewards_are_named_where_there_are_some_and_no_line_is_too_wide() {
        let long = "The long programme of a shop with many words in its title";
        let full = Receipt { title: long, rewards_ready: 3, balance: i64::MIN, ..CARD };
        for (language, word) in [(Language::En, "Rewards ready"), (Language::De, "Prämien bereit")] {
            let lines = receipt(language, &full);
            assert!(lines[4].starts_with(word) && lines[4].ends_with(" 3"), "{lines:?}");
            assert!(lines.iter().all(|line| line.chars().count() == RECEIPT_COLUMNS), "{lines:?}");
        }
    }
}
