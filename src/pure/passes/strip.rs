//! The strip and the other pictures of a pass: what is drawn follows from a `Picture`, a few small numbers taken from the
//! card, and the design's artwork. Equal pictures of one design are equal bytes, so strips are drawn once per state.
//!
//! The design's `strip.svg` draws the ground; its symbols are the artwork, and this module lays them out:
//!
//! | strip | symbols | drawn by code, in the palette's colours |
//! |---|---|---|
//! | stamps | `stamp`, `empty`, `reward` (the last place while it is empty), `ready` (a reward that can be used), `stub` (what lies under `ready`; may be absent) | - |
//! | points | `gift` and `ready` (inside the gauge), `level`, `level-next` (marks of levels) | gauge and bar: `track`, `progress` |
//! | cashback | `coin` (over the level that is reached) | the stairs of the levels: `track`, `progress` |
//!
//! Nothing is drawn where Wallet writes the primary field: points and cashback keep to the right of it.

mod art;
mod canvas;
mod scene;
#[cfg(test)]
mod tests;

use openssl::sha::sha1;

pub use art::{ArtError, Drawing, check, colours_of, of_png};
pub(super) use canvas::{Canvas, escaped, text_width};

use super::design::{Design, StripKind};
use super::face::{Face, Progress};
use super::image::Image;

/// Width of a strip at 1x, in pixels (wallets/apple.md section 1).
pub const STRIP_WIDTH: u32 = 375;

/// Height of a strip at 1x, in pixels.
pub const STRIP_HEIGHT: u32 = 144;

/// Side of the icon at 1x, in pixels.
pub const ICON_SIDE: u32 = 29;

/// The largest logo at 1x, in pixels.
pub const LOGO_MAX: (u32, u32) = (160, 50);

/// Circles that a strip draws one by one; a longer way is drawn in proportion.
pub const CIRCLES_MAX: i64 = 60;

/// Why a picture cannot be drawn. A checked [`Design`] gives none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StripError {
    /// The artwork is not what the renderer reads.
    #[error("{picture}: {what}")]
    Art {
        /// `strip`, `icon` or `logo`.
        picture: String,
        /// What the parser says.
        what: String,
    },
    /// The picture could not be written as PNG.
    #[error("{picture}: no PNG: {what}")]
    Png {
        /// `strip`, `icon` or `logo`.
        picture: String,
        /// What the encoder says.
        what: String,
    },
}

/// Everything of a card that its strip shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Picture {
    /// Circles, how many of them are stamped, where rewards lie (a bit each; nothing of this where nothing is left to reach),
    /// and rewards to show, at most three.
    Stamps { circles: Option<Circles>, ready: u8 },
    /// The way to the next reward in 24ths, whether one can be used, and the level.
    Points { way: u8, is_ready: bool, level: Option<Level> },
    /// The level.
    Cashback { level: Option<Level> },
}

/// The circles of a stamp card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Circles {
    of: u8,
    done: u8,
    /// Those on which a reward lies, the first in the lowest bit.
    marks: u64,
}

impl Circles {
    fn of(way: &Progress) -> Self {
        let of = way.of.clamp(1, CIRCLES_MAX);
        let last = 1 << (of - 1);
        // A way that is drawn in proportion shows its end alone.
        let inside = way.marks.iter().filter(|at| of == way.of && (1..of).contains(*at));
        Self {
            of: of as u8,
            done: in_parts(way.done, way.of, of),
            marks: inside.fold(last, |marks, at| marks | 1 << (at - 1)),
        }
    }

    fn has_mark(self, place: usize) -> bool {
        self.marks >> place.min(63) & 1 == 1
    }
}

/// A level among all, with the way to the next one in tenths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Level {
    place: u8,
    of: u8,
    tenths: u8,
}

/// Levels that a strip tells apart.
const LEVELS_MAX: usize = 8;

impl Picture {
    fn of(design: &Design, face: &Face) -> Self {
        let level = face.tier.as_ref().map(|tier| {
            let of = tier.all.len().clamp(1, LEVELS_MAX);
            Level {
                // At most eight, so both fit.
                place: tier.place.min(of - 1) as u8,
                of: of as u8,
                tenths: (tier.permille.min(1000) / 100) as u8,
            }
        });
        match design.strip {
            StripKind::Stamps => {
                let circles = face.next_reward.as_ref().map(Circles::of);
                Self::Stamps { circles, ready: face.rewards_available.clamp(0, 3) as u8 }
            }
            StripKind::Points => {
                let way =
                    face.next_reward.as_ref().map_or(WAY_PARTS as u8, |way| in_parts(way.done, way.of, WAY_PARTS));
                Self::Points { way, is_ready: face.rewards_available > 0, level }
            }
            StripKind::Cashback => Self::Cashback { level },
        }
    }

    /// A short name, another one for each picture.
    fn key(self) -> String {
        let level_key = |level: Option<Level>| {
            level.map_or_else(String::new, |level| format!("-level{}of{}at{}", level.place, level.of, level.tenths))
        };
        match self {
            Self::Stamps { circles: Some(Circles { of, done, marks }), ready } if marks == 1 << (of - 1) => {
                format!("stamps-{done}of{of}-ready{ready}")
            }
            Self::Stamps { circles: Some(Circles { of, done, marks }), ready } => {
                format!("stamps-{done}of{of}at{marks:x}-ready{ready}")
            }
            Self::Stamps { circles: None, ready } => format!("stamps-ready{ready}"),
            Self::Points { way, is_ready, level } => {
                format!("points-{way}-ready{}{}", u8::from(is_ready), level_key(level))
            }
            Self::Cashback { level } => format!("cashback{}", level_key(level)),
        }
    }
}

/// Parts of a gauge.
const WAY_PARTS: i64 = 24;

/// `done` of `of` in `parts`: rounded down, but a start shows, and full is full only at the end.
fn in_parts(done: i64, of: i64, parts: i64) -> u8 {
    let of = of.max(1);
    let done = done.clamp(0, of);
    let floor = i64::try_from(i128::from(done) * i128::from(parts) / i128::from(of)).unwrap_or(parts);
    let shown = if done > 0 { floor.max(1) } else { 0 };
    // A single part stays empty until the end.
    let shown = if done < of { shown.min(parts - 1) } else { shown };
    u8::try_from(shown).unwrap_or(u8::MAX)
}

/// The strip of a card at 1x, 2x and 3x.
pub fn render(design: &Design, face: &Face) -> Result<Vec<Image>, StripError> {
    let body = scene::draw(Picture::of(design, face), &design.strip_svg);
    let svg = art::with_body(&design.strip_svg, &body);
    Canvas::parse("strip", &svg, &style(design))?.images(STRIP_WIDTH, STRIP_HEIGHT)
}

/// The key of what a strip shows: equal keys are equal bytes, also after the design has changed.
pub fn state(design: &Design, face: &Face) -> String {
    Keys::of(design).state(design, face)
}

/// The keys of a design's pictures, with what is the same for every card worked out once.
#[derive(Clone, Debug)]
pub struct Keys {
    art: String,
    fixed: String,
}

impl Keys {
    /// Of a design.
    pub fn of(design: &Design) -> Self {
        let short = |text: String| sha1(text.as_bytes())[..6].iter().map(|byte| format!("{byte:02x}")).collect();
        let style = style(design);
        Self {
            art: short(format!("{style}\n{}", design.strip_svg)),
            fixed: short(format!("{style}\n{:?}", design.images)),
        }
    }

    /// The key of what the strip of a card shows; `design` is the one that these are of.
    pub fn state(&self, design: &Design, face: &Face) -> String {
        format!("{}-{}", Picture::of(design, face).key(), self.art)
    }

    /// The key of icon and logo.
    pub fn fixed(&self) -> &str {
        &self.fixed
    }
}

/// Icon and logo at 1x, 2x and 3x; the same for every card of a design.
pub fn fixed(design: &Design) -> Result<Vec<Image>, StripError> {
    let style = style(design);
    let mut images = Vec::new();
    if let Some(icon) = design.images.get("icon") {
        images.append(&mut Canvas::parse("icon", icon, &style)?.images(ICON_SIDE, ICON_SIDE)?);
    }
    if let Some(logo) = design.images.get("logo") {
        let logo = Canvas::parse("logo", logo, &style)?;
        let (width, height) = logo.size_within(LOGO_MAX);
        images.append(&mut logo.images(width, height)?);
    }
    Ok(images)
}

/// The palette as the classes of the artwork.
pub(super) fn style(design: &Design) -> String {
    let rules = design.palette.iter().map(|(name, colour)| {
        let hex = colour.hex();
        format!(".fill-{name}{{fill:{hex}}}.line-{name}{{stroke:{hex}}}.stop-{name}{{stop-color:{hex}}}")
    });
    rules.collect()
}
