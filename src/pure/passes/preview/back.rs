//! The back: a list of labels and values.

use super::lettering::{Anchor, Line, wrapped};
use super::{CARD, MARGIN, Words, embedded, largest};
use crate::pure::passes::design::{Colour, Slot};
use crate::pure::passes::image::Image;

const LABEL: f32 = 12.5;
const VALUE: f32 = 15.5;
const LEADING: f32 = 20.0;
const INSET: f32 = 16.0;

/// The drawing and its height.
pub(super) fn svg(words: &Words, fixed: &[Image]) -> (String, f32) {
    let (black, grey, link) = (Colour(28, 28, 30), Colour(99, 99, 104), Colour(0, 98, 204));
    let mut rows = String::new();
    let mut y = MARGIN + 44.0;
    let top = y;
    let fields = words.in_slot(Slot::Back);
    for (at, field) in fields.iter().enumerate() {
        if at > 0 {
            let left = MARGIN + INSET;
            rows += &format!("<path d='M{left} {y}H{}' stroke='#d1d1d6' stroke-width='0.7'/>", MARGIN + CARD);
        }
        let line = |y: f32, size: f32, weight: u16, colour: Colour, text: &str| {
            Line { x: MARGIN + INSET, y, size, weight, colour, anchor: Anchor::Start }.svg(text)
        };
        rows += &line(y + 21.0, LABEL, 500, grey, &field.label);
        y += 24.0;
        let colour = if field.value.starts_with("https://") { link } else { black };
        for text in wrapped(&field.value, VALUE, 400, CARD - 2.0 * INSET) {
            y += LEADING;
            rows += &line(y - 4.0, VALUE, 400, colour, &text);
        }
        y += 8.0;
    }
    let height = (y + MARGIN).ceil();
    let wide = CARD + 2.0 * MARGIN;
    let title =
        Line { x: wide / 2.0, y: MARGIN + 26.0, size: 17.0, weight: 600, colour: black, anchor: Anchor::Middle };
    let icon =
        largest(fixed, "icon").map_or_else(String::new, |icon| embedded(&icon.bytes, MARGIN, MARGIN + 5.0, 30.0, 30.0));
    let svg = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' width='{wide}' height='{height}'>\
         <rect width='{wide}' height='{height}' fill='#f2f2f7'/>{}\
         <rect x='{MARGIN}' y='{top}' width='{CARD}' height='{}' rx='11' fill='#ffffff'/>\
         <clipPath id='icon'><rect x='{MARGIN}' y='{}' width='30' height='30' rx='7'/></clipPath>\
         <g clip-path='url(#icon)'>{icon}</g>{rows}</svg>",
        title.svg(&words.logo_text),
        y - top,
        MARGIN + 5.0,
    );
    (svg, height)
}
