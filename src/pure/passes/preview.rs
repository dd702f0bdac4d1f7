//! A design to look at: front and back of a pass, drawn like Wallet shows a store card. For people who make designs; no
//! phone ever sees these pictures. Wallet's own letters and distances differ a little from system to system.

mod back;
mod lettering;
mod sample;
#[cfg(test)]
mod tests;
mod words;

use std::fmt::Write as _;

use qrcode::{Color, EcLevel, QrCode};

pub use sample::{Sample, samples};
pub use words::{Shown, Words, words};

use super::design::{Colour, Design, Slot};
use super::face::Face;
use super::image::Image;
use super::strip::{self, Canvas, StripError};
use lettering::{Anchor, Line, fitted, width};

/// Pixels of a drawn picture for one of the layout.
const SCALE: u32 = 2;

/// Room around the card.
const MARGIN: f32 = 20.0;

/// The card's width: strips are drawn for it.
const CARD: f32 = strip::STRIP_WIDTH as f32;

/// The card's height.
const HEIGHT: f32 = 506.0;

/// Above the strip.
const TOP: f32 = 58.0;

/// Room at the card's sides.
const SIDE: f32 = 14.0;

/// Front and back of a card as PNG, in one language.
#[derive(Clone, Debug)]
pub struct Preview {
    /// The front.
    pub front: Vec<u8>,
    /// The back.
    pub back: Vec<u8>,
    /// Texts that Wallet would cut short, on the front.
    pub cut: Vec<String>,
}

/// Draws a card.
pub fn draw(design: &Design, face: &Face, words: &Words) -> Result<Preview, StripError> {
    let mut front = Front { design, out: String::new(), cut: Vec::new() };
    let fixed = strip::fixed(design)?;
    front.top(words, &fixed);
    front.strip(words, &strip::render(design, face)?);
    front.row(words);
    front.code(face);
    let Front { out, cut, .. } = front;
    let (width, height) = (CARD + 2.0 * MARGIN, HEIGHT + 2.0 * MARGIN);
    let card = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}'>\
         <clipPath id='card'><rect x='{MARGIN}' y='{MARGIN}' width='{CARD}' height='{HEIGHT}' rx='13'/></clipPath>\
         <rect width='{width}' height='{height}' fill='#d9dade'/>\
         <rect x='{MARGIN}' y='{}' width='{CARD}' height='{HEIGHT}' rx='13' fill='#000000' opacity='0.14'/>\
         <g clip-path='url(#card)'><g transform='translate({MARGIN} {MARGIN})'>\
         <rect width='{CARD}' height='{HEIGHT}' fill='{}'/>{out}</g></g></svg>",
        MARGIN + 2.5,
        design.background.hex(),
    );
    let pixels = |length: f32| (length as u32) * SCALE;
    let front = Canvas::parse("front", &card, "")?.png(pixels(width), pixels(height))?;
    let (back, height) = back::svg(words, &fixed);
    let back = Canvas::parse("back", &back, "")?.png(pixels(width), pixels(height))?;
    Ok(Preview { front, back, cut })
}

/// A picture inside the drawing.
fn embedded(png: &[u8], x: f32, y: f32, width: f32, height: f32) -> String {
    let data = openssl::base64::encode_block(png);
    format!("<image x='{x}' y='{y}' width='{width}' height='{height}' href='data:image/png;base64,{data}'/>")
}

/// The largest scale of a picture.
fn largest<'a>(images: &'a [Image], name: &str) -> Option<&'a Image> {
    images.iter().find(|image| image.name == format!("{name}@3x.png"))
}

/// The front while it is drawn.
struct Front<'a> {
    design: &'a Design,
    out: String,
    cut: Vec<String>,
}

impl Front<'_> {
    /// Logo, the text beside it, and the header fields at the right.
    fn top(&mut self, words: &Words, fixed: &[Image]) {
        let mut left = SIDE;
        if let Some(logo) = largest(fixed, "logo") {
            let (wide, high) = png_size(&logo.bytes);
            let height = 36.0_f32;
            let shown = (height * wide / high).min(160.0);
            let height = shown * high / wide;
            self.out += &embedded(&logo.bytes, left, (TOP - height) / 2.0, shown, height);
            left += shown + 9.0;
        }
        let mut right = CARD - SIDE;
        for field in words.in_slot(Slot::Header).into_iter().rev() {
            let label = field.label.to_uppercase();
            let column = width(&label, 9.5, 600).max(width(&field.value, 19.0, 400));
            self.line(right, 21.0, 9.5, 600, self.design.label, &label, Anchor::End);
            self.line(right, 43.0, 19.0, 400, self.design.foreground, &field.value, Anchor::End);
            right -= column + 16.0;
        }
        let (text, size) = self.fits(&words.logo_text, 17.0, 600, right - left);
        self.line(left, TOP / 2.0 + size * 0.35, size, 600, self.design.foreground, &text, Anchor::Start);
    }

    /// The strip with the primary field on it.
    fn strip(&mut self, words: &Words, images: &[Image]) {
        let high = strip::STRIP_HEIGHT as f32;
        if let Some(strip) = largest(images, "strip") {
            self.out += &embedded(&strip.bytes, 0.0, TOP, CARD, high);
        }
        if let Some(field) = words.in_slot(Slot::Primary).first() {
            let (value, size) = self.fits(&field.value, 50.0, 400, CARD * 0.56);
            self.line(SIDE, TOP + 66.0, size, 400, self.design.foreground, &value, Anchor::Start);
            self.line(SIDE + 2.0, TOP + 90.0, 14.0, 500, self.design.foreground, &field.label, Anchor::Start);
        }
    }

    /// Secondary and auxiliary fields in one row, as wide as their words.
    fn row(&mut self, words: &Words) {
        let mut fields = words.in_slot(Slot::Secondary);
        fields.extend(words.in_slot(Slot::Auxiliary));
        let (label_size, gap, room) = (10.0, 12.0, CARD - 2.0 * SIDE);
        let columns = |size: f32| -> Vec<f32> {
            let column = |field: &&Shown| {
                width(&field.label.to_uppercase(), label_size, 600).max(width(&field.value, size, 400))
            };
            fields.iter().map(column).collect()
        };
        let total = |size: f32| columns(size).iter().sum::<f32>() + gap * fields.len().saturating_sub(1) as f32;
        // Wallet makes crowded values smaller before it cuts them.
        let size = [18.0, 17.0, 16.0, 15.0, 14.0, 13.0].into_iter().find(|size| total(*size) <= room);
        if size.is_none() {
            self.cut.extend(fields.iter().map(|field| format!("{}: {}", field.label, field.value)));
        }
        let size = size.unwrap_or(13.0);
        let widths = columns(size);
        let spare = (room - total(size)).max(0.0) / fields.len().saturating_sub(1).max(1) as f32;
        let y = TOP + strip::STRIP_HEIGHT as f32;
        let mut x = SIDE;
        for (at, (field, column)) in fields.iter().zip(widths).enumerate() {
            let is_last = at > 0 && at + 1 == fields.len();
            let (x_line, anchor) = if is_last { (CARD - SIDE, Anchor::End) } else { (x, Anchor::Start) };
            let label = field.label.to_uppercase();
            self.line(x_line, y + 24.0, label_size, 600, self.design.label, &label, anchor);
            self.line(x_line, y + 45.0, size, 400, self.design.foreground, &field.value, anchor);
            x += column + gap + spare;
        }
    }

    /// The code with the serial number under it.
    fn code(&mut self, face: &Face) {
        let serial = face.serial.grouped();
        let text = face.codes.barcode.clone().unwrap_or_else(|| face.serial.to_string());
        let (box_width, box_height) = (168.0, 192.0);
        let (left, top) = ((CARD - box_width) / 2.0, HEIGHT - box_height - 22.0);
        let _ = write!(
            self.out,
            "<rect x='{left}' y='{top}' width='{box_width}' height='{box_height}' rx='7' fill='#ffffff'/>"
        );
        if let Some(dots) = qr_path(&text, left + 13.0, top + 13.0, box_width - 26.0) {
            let _ = write!(self.out, "<path fill='#000000' d='{dots}'/>");
        }
        let black = Colour(0, 0, 0);
        self.line(CARD / 2.0, top + box_height - 12.0, 14.0, 400, black, &serial, Anchor::Middle);
    }

    #[allow(clippy::too_many_arguments, reason = "one line of letters; each argument is named at its place")]
    fn line(&mut self, x: f32, y: f32, size: f32, weight: u16, colour: Colour, text: &str, anchor: Anchor) {
        self.out += &Line { x, y, size, weight, colour, anchor }.svg(text);
    }

    /// The text in the largest size in which it fits, cut short in the smallest.
    fn fits(&mut self, text: &str, size: f32, weight: u16, room: f32) -> (String, f32) {
        let (shown, size) = fitted(text, size, weight, room);
        if shown != text {
            self.cut.push(text.to_owned());
        }
        (shown, size)
    }
}

/// Width and height of a PNG that we wrote (PNG section 11.2.1).
fn png_size(png: &[u8]) -> (f32, f32) {
    let number = |at: usize| match png.get(at..at + 4) {
        Some(&[a, b, c, d]) => u32::from_be_bytes([a, b, c, d]) as f32,
        _ => 1.0,
    };
    (number(16).max(1.0), number(20).max(1.0))
}

/// The dark modules of a QR code as one path; `None` for texts that no code holds.
fn qr_path(text: &str, x: f32, y: f32, side: f32) -> Option<String> {
    let code = QrCode::with_error_correction_level(text.as_bytes(), EcLevel::M).ok()?;
    let count = code.width();
    let module = side / count as f32;
    let mut path = String::new();
    for (at, colour) in code.to_colors().into_iter().enumerate() {
        if colour == Color::Dark {
            let (left, top) = (x + (at % count) as f32 * module, y + (at / count) as f32 * module);
            let _ = write!(path, "M{left:.3} {top:.3}h{module:.3}v{module:.3}h-{module:.3}z");
        }
    }
    Some(path)
}
