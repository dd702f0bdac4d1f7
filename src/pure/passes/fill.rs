//! Filling a design's texts from a card: `{balance}`, `{member}` and the others of [`Blank`], in the language of the text.

use jiff::civil::Date;

use super::design::{Blank, Design, Piece, Text, pieces};
use super::face::{Face, Kind, Reward};
use crate::pure::domain::Moment;
use crate::pure::text::{Language, day, money, number, percent};

/// What stands where the shop has sent no message: the field must be there before and after (wallets/apple.md section 3).
const NO_MESSAGE: &str = "–";

/// A text of a design filled, in each of its languages; one that is written once is filled in every language that the
/// design speaks. A language whose text asks for something that the card does not have is left out.
pub fn all(text: &Text, design: &Design, face: &Face) -> Text {
    let filled = |tag: &str, text: &str| Some((tag.to_owned(), one(text, tag, design, face)?));
    match text.iter().next() {
        Some((_, once)) if text.len() == 1 && once.contains('{') => {
            design.languages().into_iter().filter_map(|tag| filled(tag, once)).collect()
        }
        _ => text.iter().filter_map(|(tag, text)| filled(tag, text)).collect(),
    }
}

/// One text in the language of `tag`; numbers of a language that we do not speak are English. None where the card has
/// nothing for one of its places.
pub fn one(text: &str, tag: &str, design: &Design, face: &Face) -> Option<String> {
    let mut filled = String::with_capacity(text.len() + 16);
    let language = Language::from_tag(tag).unwrap_or_default();
    for piece in pieces(text).ok()? {
        match piece {
            Piece::Words(words) => filled.push_str(words),
            Piece::Blank(blank) => filled.push_str(&value(blank, tag, language, design, face)?),
        }
    }
    Some(filled)
}

/// The only place of a text that is nothing else: such a value can be handed to a wallet as a number or a day.
pub fn sole_blank(text: &str) -> Option<Blank> {
    match pieces(text).ok()?.as_slice() {
        [Piece::Blank(blank)] => Some(*blank),
        _ => None,
    }
}

/// A reward's name for people.
fn reward_name(reward: &Reward, tag: &str, design: &Design, face: &Face) -> String {
    let plain = || reward.name.replace(['_', '-'], " ");
    let Some(named) = in_language(design.rewards.get(&reward.name), tag) else { return plain() };
    if !named.contains(VALUE) {
        return named.to_owned();
    }
    let language = Language::from_tag(tag).unwrap_or_default();
    let value = reward.value.map(|value| money(language, value.minor, face.currency_digits, &face.currency));
    value.map_or_else(plain, |value| named.replace(VALUE, &value))
}

/// What a reward takes off a bill, in its name.
pub const VALUE: &str = "{value}";

/// A text in a language, else in English.
fn in_language<'t>(text: Option<&'t Text>, tag: &str) -> Option<&'t str> {
    let text = text?;
    text.get(tag).or_else(|| text.get("en")).map(String::as_str)
}

/// A level's name for people.
pub fn level_name<'t>(name: &'t str, tag: &str, design: &'t Design) -> &'t str {
    in_language(design.levels.get(name), tag).unwrap_or(name)
}

/// What people call the card's programme.
pub fn title<'t>(tag: &str, design: &'t Design, face: &'t Face) -> &'t str {
    in_language(design.titles.get(face.programme.as_str()), tag).unwrap_or(&face.title)
}

/// The last day of a card that ends.
pub fn last_day(ends: &Moment) -> Date {
    Moment { ms: ends.ms.saturating_sub(1), zone: ends.zone.clone() }.date()
}

/// What stands in one place, in the language of `tag`, whose numbers and days `language` writes; none where the card has
/// nothing for it.
pub(super) fn value(blank: Blank, tag: &str, language: Language, design: &Design, face: &Face) -> Option<String> {
    let units = |amount: i64| number(language, amount, face.scale);
    let paid = |minor: i64| money(language, minor, face.currency_digits, &face.currency);
    let way = face.next_reward.as_ref();
    Some(match blank {
        Blank::Balance => units(face.balance),
        Blank::Pending if face.pending == 0 => return None,
        Blank::Pending => units(face.pending),
        Blank::Done => units(way?.done),
        Blank::Goal => units(way?.goal),
        Blank::ToNextReward => units(way?.left),
        Blank::NextReward => reward_name(&way?.reward, tag, design, face),
        Blank::RewardsAvailable => face.rewards_available.to_string(),
        Blank::ReadyReward => reward_name(face.ready.first()?, tag, design, face),
        Blank::ReadyRewards if face.ready.is_empty() => return None,
        Blank::ReadyRewards => {
            let names: Vec<String> = face.ready.iter().map(|reward| reward_name(reward, tag, design, face)).collect();
            names.join(", ")
        }
        Blank::Tier => level_name(&face.tier.as_ref()?.name, tag, design).to_owned(),
        Blank::NextTier => level_name(&face.tier.as_ref()?.next.as_ref()?.0, tag, design).to_owned(),
        Blank::ToNextTier => {
            let tier = face.tier.as_ref()?;
            let missing = tier.next.as_ref()?.1;
            if tier.by_spend { paid(missing) } else { units(missing) }
        }
        Blank::CashbackPercent => percent(language, face.cashback_bp?),
        Blank::Worth => paid(face.worth?.minor),
        Blank::NextExpiry => day(language, face.next_expiry.as_ref()?.last_day),
        Blank::NextExpiryAmount => {
            let amount = face.next_expiry.as_ref()?.amount;
            // Of stamp cards rewards lapse, which are counted whole.
            if face.kind == Kind::Stamps { amount.to_string() } else { units(amount) }
        }
        Blank::Member => face.member.clone()?,
        Blank::Since => day(language, face.since),
        Blank::Ends => day(language, last_day(face.ends.as_ref()?)),
        Blank::Serial => face.serial.grouped(),
        Blank::Message => face.message.clone().unwrap_or_else(|| NO_MESSAGE.to_owned()),
        Blank::Page => face.page.clone(),
        Blank::Referral => face.referral.clone(),
        Blank::Shop => face.shop.clone(),
        Blank::Title => title(tag, design, face).to_owned(),
    })
}
