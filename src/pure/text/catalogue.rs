//! The messages themselves: both catalogues, parsed once, and how a message is filled.

use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::types::{FluentNumber, FluentNumberOptions};
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use unic_langid::{LanguageIdentifier, langid};

use super::{Language, Unit, duration};
use crate::pure::domain::{Refusal, RefusalCode, money};

/// The English catalogue as it stands in the source.
pub(super) const EN: &str = include_str!("en.ftl");

/// The German catalogue as it stands in the source.
pub(super) const DE: &str = include_str!("de.ftl");

type Bundle = FluentBundle<FluentResource>;

/// Parsed on first use and constant from then on: the one value of pure/ that is shared between threads.
static BUNDLES: LazyLock<[Bundle; 2]> = LazyLock::new(|| [bundle(langid!("en"), EN), bundle(langid!("de"), DE)]);

fn bundle(language: LanguageIdentifier, source: &str) -> Bundle {
    let mut bundle = FluentBundle::new_concurrent(vec![language]);
    // Isolation marks are for texts that mix writing directions; receipts and small displays would print them as boxes.
    bundle.set_use_isolating(false);
    // A message that does not parse is left out and reads as its id; a test holds both catalogues to parse whole.
    let resource = FluentResource::try_new(source.to_owned()).unwrap_or_else(|(partial, _)| partial);
    bundle.add_resource_overriding(resource);
    bundle
}

fn bundle_of(language: Language) -> &'static Bundle {
    match language {
        Language::En => &BUNDLES[0],
        Language::De => &BUNDLES[1],
    }
}

/// A message filled with its arguments: whole, or (`Err`) as far as it goes, which is its id where there is no such message.
pub(super) type Filled = Result<String, String>;

/// The text of a message, whatever is missing in it; the tests hold every message to be whole.
pub(super) fn text_of(filled: Filled) -> String {
    filled.unwrap_or_else(|as_far_as_it_goes| as_far_as_it_goes)
}

/// The text of message `id`, filled with `values`.
pub(super) fn fill(language: Language, id: &str, values: &[(&'static str, FluentValue<'_>)]) -> String {
    text_of(try_fill(language, id, values))
}

/// Fills message `id` with `values`.
pub(super) fn try_fill(language: Language, id: &str, values: &[(&'static str, FluentValue<'_>)]) -> Filled {
    let bundle = bundle_of(language);
    let Some(pattern) = bundle.get_message(id).and_then(|message| message.value()) else {
        return Err(id.to_owned());
    };
    let arguments: FluentArgs<'_> = values.iter().cloned().collect();
    let mut errors = Vec::new();
    let text = bundle.format_pattern(pattern, Some(&arguments), &mut errors).into_owned();
    if errors.is_empty() { Ok(text) } else { Err(text) }
}

/// The message of a refusal: the one with figures where there is one and the refusal carries what it needs.
pub(super) fn refusal(language: Language, refusal: &Refusal, max: Option<&str>) -> Filled {
    let id = format!("refusal-{}", refusal.code.name());
    let figure: Option<(&'static str, FluentValue<'_>)> = match refusal.code {
        RefusalCode::TooSoon => {
            refusal.retry_after_s.map(|seconds| ("wait", FluentValue::from(duration(language, seconds))))
        }
        RefusalCode::DailyLimit | RefusalCode::PerTransactionLimit => {
            refusal.allowed.map(|allowed| ("allowed", allowed.max(0).into()))
        }
        RefusalCode::InsufficientBalance | RefusalCode::RedeemCap | RefusalCode::RefundExceeds => {
            max.map(|max| ("max", max.into()))
        }
        _ => None,
    };
    match figure {
        Some(figure) => try_fill(language, &format!("{id}-figure"), &[figure]),
        None => try_fill(language, &id, &[]),
    }
}

/// An amount with its unit in the form that the language wants: "1 stamp", "5,30 Punkte".
pub(super) fn amount(language: Language, unit: Unit, value: i64, scale: u8) -> String {
    let id = match unit {
        Unit::Stamps => "amount-stamps",
        Unit::Points => "amount-points",
    };
    let options = FluentNumberOptions { minimum_fraction_digits: Some(usize::from(scale)), ..Default::default() };
    // The float only chooses the plural form; what is read is the exact decimal.
    let count = FluentNumber::new(value as f64 / 10f64.powi(i32::from(scale)), options);
    let shown = decimal(language, value, scale);
    fill(language, id, &[("count", FluentValue::Number(count)), ("shown", shown.into())])
}

/// An integer of `scale` decimals as it is read: 530 with scale 2 is `5.30`, in German `5,30`.
pub(super) fn decimal(language: Language, value: i64, scale: u8) -> String {
    point(language, money::decimal(value, scale)).replace('-', "−")
}

/// A number written with a point, with the decimal mark of the language.
pub(super) fn point(language: Language, plain: String) -> String {
    match language {
        Language::En => plain,
        Language::De => plain.replace('.', ","),
    }
}
