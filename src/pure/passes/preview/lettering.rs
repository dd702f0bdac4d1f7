//! Lines of letters: how wide they are, and how they are made to fit.

use crate::pure::passes::design::Colour;
use crate::pure::passes::strip::{escaped, text_width};

/// Which end of a line its x names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    /// The left.
    Start,
    /// The middle.
    Middle,
    /// The right.
    End,
}

/// A line of letters without its words.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    pub(super) x: f32,
    /// Of the line on which the letters stand.
    pub(super) y: f32,
    pub(super) size: f32,
    /// 400, 500 or 600.
    pub(super) weight: u16,
    pub(super) colour: Colour,
    pub(super) anchor: Anchor,
}

impl Line {
    /// The line with its words.
    pub(super) fn svg(&self, text: &str) -> String {
        let Self { x, y, size, weight, .. } = self;
        let anchor = match self.anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        format!(
            "<text x='{x}' y='{y}' font-size='{size}' font-weight='{weight}' fill='{}' text-anchor='{anchor}'>{}</text>",
            self.colour.hex(),
            escaped(text)
        )
    }
}

/// The width of a line.
pub(super) fn width(text: &str, size: f32, weight: u16) -> f32 {
    if text.trim().is_empty() { 0.0 } else { text_width(text, size, weight) }
}

/// The least share of its size to which Wallet shrinks a text.
const SHRINK: f32 = 0.6;

/// The text and its size so that it fits: smaller first, then cut short.
pub(super) fn fitted(text: &str, size: f32, weight: u16, room: f32) -> (String, f32) {
    let wide = width(text, size, weight);
    if wide <= room {
        return (text.to_owned(), size);
    }
    let smaller = (size * room / wide).max(size * SHRINK);
    let mut shown: Vec<char> = text.chars().collect();
    let mut line = text.to_owned();
    while shown.len() > 1 && width(&line, smaller, weight) > room + 0.5 {
        shown.pop();
        line = shown.iter().collect::<String>().trim_end().to_owned() + "…";
    }
    (line, smaller)
}

/// A text in lines of at most `room`; a word that is longer is broken.
pub(super) fn wrapped(text: &str, size: f32, weight: u16, room: f32) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
            if width(&longer, size, weight) <= room {
                line = longer;
                continue;
            }
            if !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            for letter in word.chars() {
                line.push(letter);
                if width(&line, size, weight) > room {
                    line.pop();
                    lines.push(std::mem::replace(&mut line, letter.to_string()));
                }
            }
        }
        lines.push(line);
    }
    lines
}
