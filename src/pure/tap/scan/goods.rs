//! Codes of goods and coupons, which cashiers scan by mistake all day long: told by their symbology or, where a device does
//! not send it, by their form (readers-and-scanners.md section 3.4). They are no card, and the staff is told so.

use super::aim::Aim;

/// FNC1 as scanners send it: the group separator.
const GS: char = '\u{1D}';

/// The digits of EAN-8, EAN-13 and GTIN-14. A UPC-A of twelve may be a serial, so its form alone says nothing.
const ARTICLE_DIGITS: [usize; 3] = [8, 13, 14];

/// The code belongs to goods or to a coupon.
pub fn is_goods(aim: Option<Aim>, text: &str) -> bool {
    let text = text.trim();
    // Sent by a device that is not configured so: no token of ours begins like this.
    let clear = Aim::split(text.as_bytes()).map(|(aim, _)| aim);
    aim.or(clear).is_some_and(Aim::is_goods) || text.starts_with(GS) || is_article(text) || is_digital_link(text)
}

/// An article number whose check digit holds (GS1 General Specifications section 7.9).
fn is_article(text: &str) -> bool {
    if !ARTICLE_DIGITS.contains(&text.len()) || !text.bytes().all(|digit| digit.is_ascii_digit()) {
        return false;
    }
    // From the right: the check digit counts once, its neighbour three times, and so on.
    let weighted = text.bytes().rev().enumerate().map(|(place, digit)| {
        let weight = if place % 2 == 0 { 1 } else { 3 };
        u32::from(digit - b'0') * weight
    });
    weighted.sum::<u32>().is_multiple_of(10)
}

/// A link with `/01/` and a GTIN in its path (GS1 Digital Link).
fn is_digital_link(text: &str) -> bool {
    let is_link = ["https://", "http://"]
        .iter()
        .any(|scheme| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)));
    let path = text.split(['?', '#']).next().unwrap_or_default();
    let parts: Vec<&str> = path.split('/').collect();
    let is_gtin = |part: &str| matches!(part.len(), 8 | 12..=14) && part.bytes().all(|digit| digit.is_ascii_digit());
    is_link && parts.windows(2).any(|pair| pair[0] == "01" && is_gtin(pair[1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goods_are_told_by_symbology_or_form() {
        let aim = |text: &str| Aim::split(text.as_bytes()).map(|(aim, _)| aim);
        let goods = [
            ("]C1", "010400638133393110A1"),
            ("]E0", "036000291452"),
            ("]Q3", "x"),
            ("", "]C1010400638133393110A1"),
            ("", "4006381333931"),
            ("", " 4006381333931\r"),
            ("", "96385074"),
            ("", "04006381333931"),
            ("", "\u{1D}010400638133393110A1"),
            ("", "https://id.example/01/04006381333931/10/A1?x=1"),
            ("", "HTTP://id.example/x/01/4006381333931"),
        ];
        for (symbology, text) in goods {
            assert!(is_goods(aim(symbology), text), "{symbology} {text}");
        }
        let others = [
            ("]Q1", "LC1040020G30G2GC1R81450QK1WWS93EA9X9639Y"),
            ("]C0", "2C7H9XKMQ4TZ"),
            ("", "4006381333932"),
            ("", "036000291452"),
            ("", "+4930123456"),
            ("", "https://example.com/c/AB12"),
            ("", "https://example.com/01/x"),
            ("", "id.example/01/4006381333931"),
            ("", ""),
            ("", "]"),
        ];
        for (symbology, text) in others {
            assert!(!is_goods(aim(symbology), text), "{symbology} {text}");
        }
    }
}
