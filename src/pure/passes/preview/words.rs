//! What a pass says, in one language: the design's texts filled from the card.

use crate::pure::passes::design::{Design, Slot, Text};
use crate::pure::passes::face::Face;
use crate::pure::passes::fill;

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

/// The words of a card in a language; English where the design does not speak it. A field for which the card has nothing
/// is left out, as on the pass.
pub fn words(design: &Design, face: &Face, language: &str) -> Words {
    let filled = |text: &Text| {
        let tag = if text.contains_key(language) { language } else { "en" };
        // A text that is the same in every language still writes its numbers by the language that is asked for.
        let words = text.get(tag).map_or("", String::as_str);
        fill::one(words, language, design, face)
    };
    let fields = design.fields.iter().filter_map(|field| {
        Some(Shown { slot: field.slot, label: filled(&field.label)?, value: filled(&field.value)? })
    });
    Words { logo_text: filled(&design.logo_text).unwrap_or_default(), fields: fields.collect() }
}
