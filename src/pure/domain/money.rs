//! Amounts in the smallest units of a currency or of a programme: how many decimals a currency has, and the amount
//! written out for programs and for the text catalogue, which gives it the mark of its language.

/// Decimals of a currency's minor unit (ISO 4217, table A.1: all that do not have two).
pub fn minor_digits(currency: &str) -> u8 {
    match currency {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "UYI" | "VND"
        | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        "CLF" | "UYW" => 4,
        _ => 2,
    }
}

/// An integer of `digits` decimals, written with a point: 1230 with two is `12.30`, -5 is `-0.05`.
pub fn decimal(value: i64, digits: u8) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let digits = usize::from(digits);
    let padded = format!("{:0>width$}", value.unsigned_abs(), width = digits + 1);
    let (whole, fraction) = padded.split_at(padded.len() - digits);
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_currency_has_its_own_decimals() {
        let cases = [("EUR", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4), ("XPF", 0), ("TND", 3), ("CHF", 2)];
        for (currency, digits) in cases {
            assert_eq!(minor_digits(currency), digits, "{currency}");
        }
    }

    #[test]
    fn an_amount_keeps_its_sign_and_its_zeros() {
        let cases = [
            (1_230, 2, "12.30"),
            (-5, 2, "-0.05"),
            (0, 2, "0.00"),
            (12_345, 3, "12.345"),
            (-1_230, 0, "-1230"),
            (7, 0, "7"),
            (i64::MIN, 2, "-92233720368547758.08"),
        ];
        for (value, digits, text) in cases {
            assert_eq!(decimal(value, digits), text);
        }
    }
}
