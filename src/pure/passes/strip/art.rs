//! Artwork: what an SVG of a design must hold, and how the drawing of a card is put into it.

use std::collections::{BTreeMap, BTreeSet};

use resvg::usvg::roxmltree::{Document, Node, ParsingOptions};

use super::canvas::Canvas;
use super::{ICON_SIDE, LOGO_MAX, STRIP_HEIGHT, STRIP_WIDTH};
use crate::pure::passes::design::{Colour, StripKind};

/// Which drawing of a design an SVG is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drawing {
    /// The strip with its symbols.
    Strip(StripKind),
    /// The icon.
    Icon,
    /// The logo.
    Logo,
}

/// What is wrong with an SVG.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}. {remedy}")]
pub struct ArtError {
    /// The line, from 1; none where the file as a whole is wrong.
    pub line: Option<u32>,
    /// What is wrong, as half a sentence.
    pub what: String,
    /// What to do, as a sentence.
    pub remedy: String,
}

impl ArtError {
    fn new(line: Option<u32>, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { line, what: what.into(), remedy: remedy.into() }
    }
}

/// The symbols that a strip must have.
pub(super) fn symbols_of(strip: StripKind) -> &'static [&'static str] {
    match strip {
        StripKind::Stamps => &["stamp", "empty", "reward", "ready"],
        StripKind::Points => &["gift", "ready", "level", "level-next"],
        StripKind::Cashback => &["coin"],
    }
}

/// The colours that a strip's code draws with, beside those of the artwork.
pub fn colours_of(strip: StripKind) -> &'static [&'static str] {
    match strip {
        StripKind::Stamps => &[],
        StripKind::Points | StripKind::Cashback => &["track", "progress"],
    }
}

/// A PNG as a drawing of its own size, for shops that have their logo as pixels.
pub fn of_png(png: &[u8]) -> Result<String, ArtError> {
    let fails = |what: &str, remedy: &str| Err(ArtError::new(None, what, remedy));
    // PNG, third edition, section 5.2 and 11.2.1: the signature, then IHDR with width and height.
    let (Some(b"\x89PNG\r\n\x1a\n"), Some(&[a, b, c, d, e, f, g, h])) = (png.get(..8), png.get(16..24)) else {
        return fails("not a PNG", "Save the picture as PNG.");
    };
    if png.len() > ART_BYTES_MAX * 3 / 4 {
        return fails("the picture is too large", "Scale it down: 480 x 150 pixels are enough for a logo.");
    }
    let (width, height) = (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]));
    let data = openssl::base64::encode_block(png);
    Ok(format!(
        "<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}' viewBox='0 0 {width} {height}'>\
         <image width='{width}' height='{height}' href='data:image/png;base64,{data}'/></svg>"
    ))
}

/// Largest SVG that is taken, in bytes: artwork, not photographs.
pub const ART_BYTES_MAX: usize = 512 * 1024;

/// Checks an SVG and returns the palette's names that it uses. What the renderer would skip without a word is an error.
pub fn check(drawing: Drawing, svg: &str, palette: &BTreeMap<String, Colour>) -> Result<BTreeSet<String>, ArtError> {
    if svg.len() > ART_BYTES_MAX {
        let what = format!("{} bytes are too many", svg.len());
        return Err(ArtError::new(None, what, format!("Artwork has at most {ART_BYTES_MAX} bytes.")));
    }
    let options = ParsingOptions { allow_dtd: false, ..ParsingOptions::default() };
    let document = Document::parse_with_options(svg, options).map_err(|error| {
        ArtError::new(Some(error.pos().row), format!("not an SVG: {error}"), "Save it as plain SVG in your editor.")
    })?;
    let root = document.root_element();
    if root.tag_name().name() != "svg" || !svg.trim_end().ends_with("</svg>") {
        return Err(ArtError::new(Some(1), "the drawing is no <svg>…</svg>", "Save it as plain SVG in your editor."));
    }
    let mut used = BTreeSet::new();
    for node in root.descendants().filter(Node::is_element) {
        check_node(&document, node, palette, &mut used)?;
    }
    if let Drawing::Strip(kind) = drawing {
        check_symbols(&document, kind)?;
    }
    let canvas = Canvas::parse("drawing", svg, "")
        .map_err(|error| ArtError::new(None, error.to_string(), "Give the <svg> a width, a height and a viewBox."))?;
    check_size(drawing, canvas.size())?;
    Ok(used)
}

fn check_size(drawing: Drawing, (width, height): (f32, f32)) -> Result<(), ArtError> {
    let fails = |what: String, remedy: String| Err(ArtError::new(Some(1), what, remedy));
    match drawing {
        Drawing::Strip(_) if (width, height) != (STRIP_WIDTH as f32, STRIP_HEIGHT as f32) => fails(
            format!("the strip is {width} x {height}"),
            format!("Set width, height and viewBox to {STRIP_WIDTH} x {STRIP_HEIGHT}."),
        ),
        Drawing::Icon if (width - height).abs() > 0.01 => {
            fails(format!("the icon is {width} x {height}"), format!("Make it square, as {ICON_SIDE} x {ICON_SIDE}."))
        }
        Drawing::Logo if width > height * (LOGO_MAX.0 as f32) => {
            fails(format!("the logo is {width} x {height}"), format!("Keep to {} x {}.", LOGO_MAX.0, LOGO_MAX.1))
        }
        _ => Ok(()),
    }
}

fn check_symbols(document: &Document<'_>, kind: StripKind) -> Result<(), ArtError> {
    for name in symbols_of(kind) {
        let found = document.descendants().find(|node| node.attribute("id") == Some(name));
        match found {
            None => {
                let all = symbols_of(kind).join(", ");
                return Err(ArtError::new(
                    None,
                    format!("there is no symbol `{name}`"),
                    format!("Add <symbol id=\"{name}\" viewBox=\"0 0 100 100\">…; this strip needs {all}."),
                ));
            }
            Some(node) if node.tag_name().name() != "symbol" || node.attribute("viewBox").is_none() => {
                return Err(ArtError::new(
                    Some(row_of(document, node)),
                    format!("`{name}` is no symbol with a viewBox"),
                    format!(
                        "Write <symbol id=\"{name}\" viewBox=\"0 0 100 100\">…, so that it can be drawn in any size."
                    ),
                ));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// Elements that the renderer leaves out without a word, or that have no place in a picture.
const FOREIGN: [&str; 7] = ["script", "foreignObject", "animate", "animateTransform", "iframe", "video", "audio"];

fn check_node(
    document: &Document<'_>,
    node: Node<'_, '_>,
    palette: &BTreeMap<String, Colour>,
    used: &mut BTreeSet<String>,
) -> Result<(), ArtError> {
    let fails = |what: String, remedy: String| Err(ArtError::new(Some(row_of(document, node)), what, remedy));
    let tag = node.tag_name().name();
    if FOREIGN.contains(&tag) {
        return fails(format!("<{tag}> is not drawn"), "Remove it.".to_owned());
    }
    for class in node.attribute("class").unwrap_or_default().split_ascii_whitespace() {
        let Some((_, name)) = class.split_once('-').filter(|(kind, _)| ["fill", "line", "stop"].contains(kind)) else {
            continue;
        };
        if !palette.contains_key(name) {
            let known = palette.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            return fails(
                format!("class `{class}` takes a colour `{name}` that [colours] does not have"),
                format!("Add it to [colours] in design.toml, or take one of {known}."),
            );
        }
        used.insert(name.to_owned());
    }
    let has = |id: &str| document.descendants().any(|node| node.attribute("id") == Some(id));
    for attribute in node.attributes() {
        let value = attribute.value();
        let inner = value.split_once("url(#").and_then(|(_, rest)| rest.split(')').next());
        let target = if attribute.name() == "href" { value.strip_prefix('#') } else { inner };
        if let Some(id) = target.filter(|id| !has(id)) {
            return fails(format!("there is no `{id}` to refer to"), format!("Add an element with id=\"{id}\"."));
        }
        if attribute.name() == "href" && !value.starts_with('#') && !value.starts_with("data:image/") {
            let remedy = "Embed the picture in the SVG as data:image/png;base64,…, or remove it.".to_owned();
            return fails("a drawing cannot take in another file".to_owned(), remedy);
        }
    }
    Ok(())
}

fn row_of(document: &Document<'_>, node: Node<'_, '_>) -> u32 {
    document.text_pos_at(node.range().start).row
}

/// The drawing with `body` over everything that it draws itself.
pub(super) fn with_body(svg: &str, body: &str) -> String {
    let end = svg.rfind("</svg>").unwrap_or(svg.len());
    format!("{}{body}</svg>", &svg[..end])
}

/// Whether the artwork has a symbol of this name, for those that may be absent.
pub(super) fn has_symbol(svg: &str, name: &str) -> bool {
    svg.contains(&format!("id=\"{name}\"")) || svg.contains(&format!("id='{name}'"))
}
