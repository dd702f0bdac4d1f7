//! Texts of a design taken apart once, so that a card has only its places filled: what a design says the same on every
//! card is not parsed, copied or looked up again for each pass. What is said is what [`fill::all`] says.

use std::borrow::Cow;

use crate::pure::passes::design::{Blank, Design, Piece, Text, pieces};
use crate::pure::passes::face::Face;
use crate::pure::passes::fill;
use crate::pure::text::Language;

/// The language of pass.json.
pub(super) const BASE: &str = "en";

/// A language of a design, with the one in which its numbers and days are written.
#[derive(Clone, Debug)]
pub(super) struct Tongue {
    /// The tag as the design has it.
    pub tag: String,
    language: Language,
}

impl Tongue {
    /// Of a tag; what we do not speak has English numbers.
    pub(super) fn new(tag: &str) -> Self {
        Self { tag: tag.to_owned(), language: Language::from_tag(tag).unwrap_or_default() }
    }
}

/// Every language of which a design has a text, by tag; English always. A text names its language by the place here.
pub(super) fn tongues(design: &Design) -> Vec<Tongue> {
    let fields = design.fields.iter().flat_map(|field| {
        [&field.label, &field.value].into_iter().chain(field.change.iter().map(|(_, change)| change))
    });
    let places = design.places.iter().map(|place| &place.text);
    let texts = fields.chain(places).chain([&design.description, &design.logo_text]);
    let mut tags: Vec<&str> = texts.flat_map(|text| text.keys().map(String::as_str)).chain([BASE]).collect();
    tags.sort_unstable();
    tags.dedup();
    tags.into_iter().map(Tongue::new).collect()
}

/// A text of a design.
#[derive(Clone, Debug)]
pub(super) struct Phrase {
    english: Option<Wording>,
    /// In the other languages, with their places.
    others: Vec<(usize, Wording)>,
}

/// A text in one language.
#[derive(Clone, Debug)]
enum Wording {
    /// The same on every card.
    Fixed(String),
    /// With places.
    Filled(Vec<Part>),
}

#[derive(Clone, Debug)]
enum Part {
    Words(String),
    Blank(Blank),
}

/// What a phrase says on one card.
#[derive(Debug, Default)]
pub(super) struct Said<'s> {
    /// In English; none where the card has nothing for it.
    pub english: Option<Cow<'s, str>>,
    /// In the other languages, by their places.
    pub others: Vec<(usize, Cow<'s, str>)>,
}

impl Phrase {
    /// Takes a text apart; one that is written once and has places is filled in every language of the design's fields.
    pub(super) fn of(text: &Text, design: &Design, tongues: &[Tongue]) -> Self {
        let place = |tag: &str| tongues.iter().position(|tongue| tongue.tag == tag);
        let mut phrase = Self { english: None, others: Vec::new() };
        let mut add = |tag: &str, text: &str| {
            // A text whose braces mean nothing says nothing; a checked design has none.
            let Some(wording) = Wording::of(text) else { return };
            match place(tag) {
                _ if tag == BASE => phrase.english = Some(wording),
                Some(place) => phrase.others.push((place, wording)),
                None => {}
            }
        };
        match text.iter().next() {
            Some((_, once)) if text.len() == 1 && once.contains('{') => {
                design.languages().into_iter().for_each(|tag| add(tag, once));
            }
            _ => text.iter().for_each(|(tag, text)| add(tag, text)),
        }
        let Self { english, others } = &mut phrase;
        // What is the same in English on every card is no translation.
        others.retain(
            |(_, other)| !matches!((&*english, other), (Some(Wording::Fixed(one)), Wording::Fixed(two)) if one == two),
        );
        phrase
    }

    /// Whether a card has something for its English.
    pub(super) fn speaks(&self, pages: Pages<'_>, face: &Face) -> bool {
        self.english(pages, face).is_some()
    }

    /// What it says on a card.
    pub(super) fn said<'s>(&'s self, pages: Pages<'_>, face: &Face) -> Said<'s> {
        let other = |(place, wording): &'s (usize, Wording)| {
            Some((*place, wording.filled(pages.tongues.get(*place)?, pages.design, face)?))
        };
        Said { english: self.english(pages, face), others: self.others.iter().filter_map(other).collect() }
    }

    fn english<'s>(&'s self, pages: Pages<'_>, face: &Face) -> Option<Cow<'s, str>> {
        let tongue = pages.tongues.iter().find(|tongue| tongue.tag == BASE)?;
        self.english.as_ref()?.filled(tongue, pages.design, face)
    }
}

/// What a phrase needs to be filled.
#[derive(Clone, Copy)]
pub(super) struct Pages<'s> {
    /// The design that has it.
    pub design: &'s Design,
    /// Its languages.
    pub tongues: &'s [Tongue],
}

impl Wording {
    fn of(text: &str) -> Option<Self> {
        let parts = pieces(text).ok()?;
        if parts.iter().all(|part| matches!(part, Piece::Words(_))) {
            return Some(Self::Fixed(text.to_owned()));
        }
        let part = |piece: Piece<'_>| match piece {
            Piece::Words(words) => Part::Words(words.to_owned()),
            Piece::Blank(blank) => Part::Blank(blank),
        };
        Some(Self::Filled(parts.into_iter().map(part).collect()))
    }

    fn filled(&self, tongue: &Tongue, design: &Design, face: &Face) -> Option<Cow<'_, str>> {
        let value = |blank: Blank| fill::value(blank, &tongue.tag, tongue.language, design, face);
        match self {
            Self::Fixed(text) => Some(Cow::Borrowed(text)),
            Self::Filled(parts) => match parts.as_slice() {
                [Part::Blank(blank)] => value(*blank).map(Cow::Owned),
                parts => {
                    let mut filled = String::with_capacity(48);
                    for part in parts {
                        match part {
                            Part::Words(words) => filled.push_str(words),
                            Part::Blank(blank) => filled.push_str(&value(*blank)?),
                        }
                    }
                    Some(Cow::Owned(filled))
                }
            },
        }
    }
}

impl Said<'_> {
    /// The English, unless it is empty.
    pub(super) fn words(&self) -> Option<&str> {
        self.english.as_deref().filter(|english| !english.is_empty())
    }
}
