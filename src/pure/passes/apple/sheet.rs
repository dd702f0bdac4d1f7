//! A design made ready for Apple's passes: whatever is the same on every card is worked out once, so that a signed pass
//! costs little more than its RSA operation.

use super::json::{self, Saying};
use super::phrase::{Pages, Phrase, Tongue, tongues};
use super::{AppleError, Issuer, Updates};
use crate::pure::passes::bundle::Draft;
use crate::pure::passes::design::{Blank, Design, Field, Slot, Speaks, Text};
use crate::pure::passes::face::Face;
use crate::pure::passes::fill;
use crate::pure::passes::image::Image;
use crate::pure::passes::strip;

/// The most places (wallets/apple.md section 3).
const PLACES_MAX: usize = 10;

/// A design with its texts taken apart. Kept for as long as the design is in use.
#[derive(Clone, Debug)]
pub struct Sheet {
    design: Design,
    tongues: Vec<Tongue>,
    pictures: strip::Keys,
    pub(super) background: String,
    pub(super) foreground: String,
    pub(super) label: String,
    pub(super) description: Phrase,
    pub(super) logo_text: Phrase,
    pub(super) fields: Vec<FieldSheet>,
    pub(super) places: Vec<PlaceSheet>,
}

/// A field made ready.
#[derive(Clone, Debug)]
pub(super) struct FieldSheet {
    pub key: String,
    pub slot: Slot,
    pub label: Phrase,
    /// Whether it is to have a label, on cards that have something for it.
    pub has_label: bool,
    pub value: Phrase,
    /// What the value is and nothing else, in every language.
    pub sole: Option<Blank>,
    pub change: Option<(Speaks, Phrase)>,
}

/// A place made ready.
#[derive(Clone, Debug)]
pub(super) struct PlaceSheet {
    pub latitude: f64,
    pub longitude: f64,
    pub text: Phrase,
}

impl Sheet {
    /// Makes a design ready.
    pub fn new(design: Design) -> Self {
        let tongues = tongues(&design);
        let phrase = |text: &Text| Phrase::of(text, &design, &tongues);
        let field = |field: &Field| FieldSheet {
            key: field.key.clone(),
            slot: field.slot,
            label: phrase(&field.label),
            has_label: field.label.values().any(|label| !label.is_empty()),
            value: phrase(&field.value),
            sole: sole_blank(field),
            change: field.change.as_ref().map(|(speaks, text)| (*speaks, phrase(text))),
        };
        let places = design.places.iter().take(PLACES_MAX).map(|place| PlaceSheet {
            latitude: place.latitude,
            longitude: place.longitude,
            text: phrase(&place.text),
        });
        Self {
            pictures: strip::Keys::of(&design),
            background: design.background.rgb(),
            foreground: design.foreground.rgb(),
            label: design.label.rgb(),
            description: phrase(&design.description),
            logo_text: phrase(&design.logo_text),
            fields: design.fields.iter().map(field).collect(),
            places: places.collect(),
            tongues,
            design,
        }
    }

    /// The design that it was made of.
    pub fn design(&self) -> &Design {
        &self.design
    }

    /// The keys of its pictures.
    pub fn pictures(&self) -> &strip::Keys {
        &self.pictures
    }

    /// Everything of a card's pass but the signature. `images` are the design's ([`strip::fixed`]) and the state's
    /// ([`strip::render`]).
    ///
    /// # Errors
    /// No icon among the pictures; a code of the card that a pass cannot carry.
    pub fn draft(
        &self,
        issuer: &Issuer,
        updates: Option<&Updates>,
        face: &Face,
        images: Vec<Image>,
    ) -> Result<Draft, AppleError> {
        if !images.iter().any(|image| image.name == "icon.png") {
            return Err(AppleError::NoIcon);
        }
        let saying = Saying::of(self, face);
        let (pass, strings) = json::pass(issuer, updates, self, &saying, face)?;
        let mut texts = strings.files(&self.tongues);
        texts.push(("pass.json".to_owned(), pass));
        Ok(Draft::new(texts, images))
    }

    pub(super) fn pages(&self) -> Pages<'_> {
        Pages { design: &self.design, tongues: &self.tongues }
    }
}

/// The only blank of a field in every language.
fn sole_blank(field: &Field) -> Option<Blank> {
    let mut blanks = field.value.values().map(|text| fill::sole_blank(text));
    let first = blanks.next()??;
    blanks.all(|blank| blank == Some(first)).then_some(first)
}
