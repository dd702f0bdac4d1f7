//! What a pass says, in one language: the design's texts with the card's values in their places.

use crate::pure::passes::design::{Blank, Design, Piece, Slot, Text, pieces};
use crate::pure::passes::face::Face;

/// A field with its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Where it stands.
    pub slot: Slot,
    /// What stands over the value.
    pub label: String,
    /// The value.
    pub value: String,
}

/// Everything that a pass says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// Beside the logo.
    pub logo_text: String,
    /// The fields in order.
    pub fields: Vec<Shown>,
}

impl Words {
    /// The fields of a slot.
    pub fn in_slot(&self, slot: Slot) -> Vec<&Shown> {
        self.fields.iter().filter(|field| field.slot == slot).collect()
    }
}

/// The words of a card in a language; English where the design does not speak it.
pub fn words(design: &Design, face: &Face, language: &str) -> Words {
    let filled = |text: &Text| filled(text, design, face, language);
    let fields = design.fields.iter().filter_map(|field| {
        Some(Shown { slot: field.slot, label: filled(&field.label)?, value: filled(&field.value)? })
    });
    Words { logo_text: filled(&design.logo_text).unwrap_or_default(), fields: fields.collect() }
}

fn in_language<'a>(text: &'a Text, language: &str) -> &'a str {
    text.get(language).or_else(|| text.get("en")).map_or("", String::as_str)
}

fn filled(text: &Text, design: &Design, face: &Face, language: &str) -> Option<String> {
    let mut out = String::new();
    // A checked design has no text that fails.
    for piece in pieces(in_language(text, language)).unwrap_or_default() {
        match piece {
            Piece::Words(words) => out.push_str(words),
            Piece::Blank(blank) => out.push_str(&value(blank, design, face, language)?),
        }
    }
    Some(out)
}

fn value(blank: Blank, design: &Design, face: &Face, language: &str) -> Option<String> {
    let units = |units: i64| decimal(units, face.scale, language);
    let money = |minor: i64| {
        let figure = decimal(minor, face.currency_digits, language);
        let sign = if face.currency == "EUR" { "€" } else { &face.currency };
        if language == "de" { format!("{figure} {sign}") } else { format!("{sign}{figure}") }
    };
    let day = |day: jiff::civil::Date| match language {
        "de" => day.strftime("%d.%m.%Y").to_string(),
        _ => day.strftime("%-d %b %Y").to_string(),
    };
    let way = face.next_reward.as_ref();
    let tier = face.tier.as_ref();
    Some(match blank {
        Blank::Balance => units(face.balance),
        Blank::Pending => units(Some(face.pending).filter(|pending| *pending != 0)?),
        Blank::Done => units(way?.done),
        Blank::Goal => units(way?.of),
        Blank::ToNextReward => units(way?.left()),
        Blank::NextReward => {
            let name = &way?.reward;
            design.rewards.get(name).map_or(name.as_str(), |text| in_language(text, language)).to_owned()
        }
        Blank::RewardsAvailable => face.rewards_available.to_string(),
        Blank::Tier => tier?.name.clone(),
        Blank::NextTier => tier?.next.as_ref()?.0.clone(),
        Blank::ToNextTier => {
            let (_, left) = tier?.next.as_ref()?;
            if tier?.by_spend { money(*left) } else { units(*left) }
        }
        Blank::CashbackPercent => {
            let figure = decimal(face.cashback_bp?, 2, language);
            figure.trim_end_matches('0').trim_end_matches(['.', ',']).to_owned()
        }
        Blank::Worth => money(face.balance.saturating_mul(face.worth?.minor)),
        Blank::NextExpiry => day(face.next_expiry.as_ref()?.last_day),
        Blank::NextExpiryAmount => face.next_expiry.as_ref()?.amount.to_string(),
        Blank::Member => face.member.clone()?,
        Blank::Since => day(face.since),
        Blank::Ends => day(face.ends.as_ref()?.zoned().date()),
        Blank::Serial => face.serial.grouped(),
        Blank::Message => face.message.clone().unwrap_or_else(|| "–".to_owned()),
        Blank::Page => face.page.clone(),
        Blank::Referral => face.referral.clone(),
        Blank::Shop => face.shop.clone(),
        Blank::Title => face.title.clone(),
    })
}

/// A number of the smallest units, with its decimal places.
fn decimal(number: i64, digits: u8, language: &str) -> String {
    let sign = if number < 0 { "-" } else { "" };
    let figure = number.unsigned_abs().to_string();
    let digits = usize::from(digits);
    let figure = format!("{figure:0>width$}", width = digits + 1);
    let (whole, part) = figure.split_at(figure.len() - digits);
    let point = if language == "de" { "," } else { "." };
    if digits == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}{point}{part}") }
}
