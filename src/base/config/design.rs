//! Pass designs: a folder with `design.toml` and its drawings to a checked [`Design`]. Every error names file, line, key and
//! remedy, as for the daemon's configuration; `passes/stamps/design.toml` shows every key.

#[cfg(test)]
mod tests;
mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;
use toml::{Spanned, Value};

use super::source::{ConfigError, Place, Source};
use crate::pure::domain::ProgrammeName;
use crate::pure::passes::strip::{self, Drawing};
use crate::pure::passes::{Colour, Design, Designs, Field, Place as Spot, Slot, Speaks, StripKind, Text};
use text::{Braces, text};

/// The files of a design that ships.
macro_rules! shipped {
    ($name:literal) => {
        [
            ("design.toml", include_str!(concat!("../../../passes/", $name, "/design.toml"))),
            ("strip.svg", include_str!(concat!("../../../passes/", $name, "/strip.svg"))),
            ("icon.svg", include_str!(concat!("../../../passes/", $name, "/icon.svg"))),
            ("logo.svg", include_str!(concat!("../../../passes/", $name, "/logo.svg"))),
        ]
    };
}

/// The designs that ship, by name: each of their files by its name, with its content.
pub const SHIPPED: [(&str, [(&str, &str); 4]); 4] = [
    ("stamps", shipped!("stamps")),
    ("spend", shipped!("spend")),
    ("points", shipped!("points")),
    ("cashback", shipped!("cashback")),
];

/// The file that explains every key; remedies quote its lines.
const EXAMPLE: &str = include_str!("../../../passes/stamps/design.toml");

type Checked<T> = Result<T, ConfigError>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDesign {
    strip: RawStrip,
    #[serde(default)]
    programmes: Vec<Spanned<String>>,
    #[serde(default = "prohibited")]
    sharing_prohibited: bool,
    max_distance_m: Option<Spanned<i64>>,
    description: Spanned<Value>,
    logo_text: Option<Spanned<Value>>,
    colours: Spanned<BTreeMap<String, Spanned<String>>>,
    #[serde(default)]
    rewards: BTreeMap<String, Spanned<Value>>,
    #[serde(default)]
    levels: BTreeMap<String, Spanned<Value>>,
    #[serde(default)]
    titles: BTreeMap<String, Spanned<Value>>,
    #[serde(default)]
    place: Vec<RawPlace>,
    field: Vec<RawField>,
}

/// Cards are worth money unless the file says otherwise.
fn prohibited() -> bool {
    true
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RawStrip {
    Stamps,
    Points,
    Cashback,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPlace {
    latitude: Spanned<f64>,
    longitude: Spanned<f64>,
    text: Spanned<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawField {
    key: Spanned<String>,
    slot: Spanned<RawSlot>,
    label: Option<Spanned<Value>>,
    value: Spanned<Value>,
    speaks: Option<Spanned<RawSpeaks>>,
    change: Option<Spanned<Value>>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RawSlot {
    Header,
    Primary,
    Secondary,
    Auxiliary,
    Back,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RawSpeaks {
    Balance,
    Tier,
    Always,
}

/// The designs of a shop: those of its folder, and for kinds of cards that none of them draws those that ship. A shop without
/// such a folder takes what ships. A card finds exactly one: no two may name one programme, or take all of one kind.
pub fn read_all(folder: &Path) -> Checked<Designs> {
    let mut designs = Vec::new();
    for name in names_in(folder)? {
        designs.push(read(&folder.join(name))?);
    }
    let drawn: Vec<StripKind> = designs.iter().map(|design| design.strip).collect();
    for (name, _) in SHIPPED {
        if let Some(design) = shipped_design(name).transpose()?.filter(|design| !drawn.contains(&design.strip)) {
            designs.push(design);
        }
    }
    let remedy = "set `programmes` so that one design is left";
    Designs::new(designs).map_err(|clash| whole(folder, clash.to_string(), remedy))
}

/// The folders in a folder, by name; none where it is not there.
fn names_in(folder: &Path) -> Checked<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    let listing = match std::fs::read_dir(folder) {
        Ok(listing) => listing,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(names),
        Err(error) => {
            let what = format!("cannot read the designs' folder: {error}");
            return Err(whole(folder, what, "[paths] passes names it; let the daemon's user read it"));
        }
    };
    for item in listing {
        let path = item.map_err(|error| whole(folder, error.to_string(), "check the disk"))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if path.is_dir() && !name.starts_with('.') {
            names.insert(name);
        }
    }
    Ok(names)
}

/// Reads one design; the folder's name is the design's.
pub fn read(folder: &Path) -> Checked<Design> {
    let name = std::path::absolute(folder)
        .ok()
        .and_then(|folder| Some(folder.file_name()?.to_str()?.to_owned()))
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)))
        .ok_or_else(|| {
            whole(folder, "the folder's name is no name of a design".to_owned(), "use letters, digits, _ and - only")
        })?;
    let file = folder.join("design.toml");
    if folder.is_dir() && !file.exists() {
        let remedy = "put the design's file there; passes/stamps/design.toml shows every key";
        return Err(whole(&file, "there is no such file".to_owned(), remedy));
    }
    let source = Source::read(&file, EXAMPLE)?;
    let raw: RawDesign = source.parse()?;
    check(&source, &name, raw, folder)
}

/// A design that ships; `None` for any other name.
pub fn shipped_design(name: &str) -> Option<Checked<Design>> {
    let (name, files) = SHIPPED.iter().find(|(known, _)| *known == name)?;
    let folder = Path::new("passes").join(name);
    let source = Source::new(&folder.join("design.toml"), files[0].1.to_owned(), EXAMPLE);
    Some(source.parse().and_then(|raw| {
        let drawing = |file: &str| {
            let found = files.iter().find(|(name, _)| *name == file);
            Ok(found.map(|(_, text)| (*text).to_owned()))
        };
        check_with(&source, name, raw, &folder, &drawing)
    }))
}

fn check(source: &Source, name: &str, raw: RawDesign, folder: &Path) -> Checked<Design> {
    check_with(source, name, raw, folder, &|file| drawing_read(folder, file))
}

/// A drawing's text; `None` where the file is not there. `logo.png` stands in for `logo.svg`.
fn drawing_read(folder: &Path, file: &str) -> Checked<Option<String>> {
    let path = folder.join(file);
    let fails = |path: &Path, error: std::io::Error| {
        whole(path, format!("it cannot be read: {error}"), "let the daemon's user read it, and save it as UTF-8")
    };
    if path.exists() {
        return std::fs::read_to_string(&path).map(Some).map_err(|error| fails(&path, error));
    }
    let picture = path.with_extension("png");
    if file == "strip.svg" || !picture.exists() {
        return Ok(None);
    }
    let bytes = std::fs::read(&picture).map_err(|error| fails(&picture, error))?;
    let svg = strip::of_png(&bytes);
    svg.map(Some).map_err(|error| whole(&picture, error.what, &error.remedy))
}

type Drawings<'a> = dyn Fn(&str) -> Checked<Option<String>> + 'a;

fn check_with(source: &Source, name: &str, raw: RawDesign, folder: &Path, drawing: &Drawings<'_>) -> Checked<Design> {
    let strip = match raw.strip {
        RawStrip::Stamps => StripKind::Stamps,
        RawStrip::Points => StripKind::Points,
        RawStrip::Cashback => StripKind::Cashback,
    };
    let palette = palette(source, &raw.colours)?;
    let colour = |name: &str| {
        let missing = || {
            let place = Place::Text(raw.colours.span());
            source.error(&place, format!("the colour `{name}` is missing"), format!("add it: {name} = \"#rrggbb\""))
        };
        palette.get(name).copied().ok_or_else(missing)
    };
    for needed in strip::colours_of(strip) {
        colour(needed)?;
    }
    let (background, foreground, label) = (colour("background")?, colour("foreground")?, colour("label")?);
    let (strip_svg, images) = drawings(folder, strip, &palette, drawing)?;
    palette_used(source, &raw.colours, strip, [&strip_svg].into_iter().chain(images.values()))?;
    let mut programmes = Vec::new();
    for programme in &raw.programmes {
        if ProgrammeName::new(programme.get_ref()).is_err() {
            let what = format!("\"{}\" is no name of a programme", programme.get_ref());
            return wrong(source, programme, what, "write the rule file's name without .toml, as in \"cafe10\"");
        }
        programmes.push(programme.get_ref().clone());
    }
    let fields = fields(source, strip, &raw.field)?;
    Ok(Design {
        name: name.to_owned(),
        programmes,
        strip,
        strip_svg,
        palette,
        background,
        foreground,
        label,
        logo_text: optional_text(source, raw.logo_text.as_ref(), Braces::Filled)?,
        description: text(source, &raw.description, Braces::Filled)?,
        fields,
        places: places(source, &raw.place)?,
        max_distance_m: max_distance(source, raw.max_distance_m.as_ref())?,
        sharing_prohibited: raw.sharing_prohibited,
        images,
        rewards: names(source, &raw.rewards, Braces::Value)?,
        levels: names(source, &raw.levels, Braces::Refused)?,
        titles: names(source, &raw.titles, Braces::Refused)?,
    })
}

fn optional_text(source: &Source, given: Option<&Spanned<Value>>, braces: Braces) -> Checked<Text> {
    given.map_or_else(|| Ok(Text::from([("en".to_owned(), String::new())])), |given| text(source, given, braces))
}

/// Names for people, by those of the rule files.
fn names(source: &Source, raw: &BTreeMap<String, Spanned<Value>>, braces: Braces) -> Checked<BTreeMap<String, Text>> {
    raw.iter().map(|(name, given)| Ok((name.clone(), text(source, given, braces)?))).collect()
}

fn palette(source: &Source, raw: &Spanned<BTreeMap<String, Spanned<String>>>) -> Checked<BTreeMap<String, Colour>> {
    let mut palette = BTreeMap::new();
    for (name, given) in raw.get_ref() {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if name.is_empty() || !name.bytes().all(plain) {
            return wrong(source, given, format!("`{name}` is no name of a colour"), "use a-z, 0-9 and _, as in `ink`");
        }
        let Some(colour) = colour(given.get_ref()) else {
            return wrong(source, given, format!("\"{}\" is no colour", given.get_ref()), "write it as in \"#33201a\"");
        };
        palette.insert(name.clone(), colour);
    }
    Ok(palette)
}

/// `#rrggbb`.
fn colour(text: &str) -> Option<Colour> {
    let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.is_ascii())?;
    let channel = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
    digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(())?;
    Some(Colour(channel(0)?, channel(2)?, channel(4)?))
}

/// A colour that nothing takes is a slip of the pen.
fn palette_used<'a>(
    source: &Source,
    raw: &Spanned<BTreeMap<String, Spanned<String>>>,
    strip: StripKind,
    drawings: impl Iterator<Item = &'a String>,
) -> Checked<()> {
    let drawings: Vec<&String> = drawings.collect();
    let own = ["background", "foreground", "label"];
    for (name, given) in raw.get_ref() {
        let classes = [format!("fill-{name}"), format!("line-{name}"), format!("stop-{name}")];
        let is_drawn = drawings.iter().any(|svg| classes.iter().any(|class| svg.contains(class.as_str())));
        if !is_drawn && !own.contains(&name.as_str()) && !strip::colours_of(strip).contains(&name.as_str()) {
            let remedy = format!("remove it, or give a shape the class fill-{name}, line-{name} or stop-{name}");
            return wrong(source, given, format!("no drawing takes the colour `{name}`"), remedy);
        }
    }
    Ok(())
}

fn drawings(
    folder: &Path,
    strip: StripKind,
    palette: &BTreeMap<String, Colour>,
    drawing: &Drawings<'_>,
) -> Checked<(String, BTreeMap<String, String>)> {
    let read = |file: &str, kind: Drawing| -> Checked<Option<String>> {
        let Some(svg) = drawing(file)? else { return Ok(None) };
        strip::check(kind, &svg, palette).map_err(|error| ConfigError {
            line: error.line.and_then(|line| usize::try_from(line).ok()),
            ..whole(&folder.join(file), error.what, &error.remedy)
        })?;
        Ok(Some(svg))
    };
    let needed = |file: &str, kind: Drawing| -> Checked<String> {
        let missing = || {
            whole(
                &folder.join(file),
                "there is no such file".to_owned(),
                "draw it, or copy the one of a design that ships",
            )
        };
        read(file, kind)?.ok_or_else(missing)
    };
    let strip_svg = needed("strip.svg", Drawing::Strip(strip))?;
    let mut images = BTreeMap::from([("icon".to_owned(), needed("icon.svg", Drawing::Icon)?)]);
    if let Some(logo) = read("logo.svg", Drawing::Logo)? {
        images.insert("logo".to_owned(), logo);
    }
    Ok((strip_svg, images))
}

/// Fields that Wallet shows below the strip of a store card (wallets/apple.md section 3).
const BELOW_MAX: usize = 4;

/// Fields that it shows beside the logo.
const HEADER_MAX: usize = 3;

fn fields(source: &Source, strip: StripKind, raw: &[RawField]) -> Checked<Vec<Field>> {
    let mut fields: Vec<Field> = Vec::new();
    for given in raw {
        let key = given.key.get_ref();
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if key.is_empty() || key.len() > 32 || !key.bytes().all(plain) {
            return wrong(source, &given.key, format!("\"{key}\" is no key"), "use 1 to 32 of a-z, 0-9 and _");
        }
        if fields.iter().any(|field| field.key == *key) {
            return wrong(
                source,
                &given.key,
                format!("two fields have the key \"{key}\""),
                "give one of them another key",
            );
        }
        let slot = match given.slot.get_ref() {
            RawSlot::Header => Slot::Header,
            RawSlot::Primary => Slot::Primary,
            RawSlot::Secondary => Slot::Secondary,
            RawSlot::Auxiliary => Slot::Auxiliary,
            RawSlot::Back => Slot::Back,
        };
        slot_free(source, strip, &fields, slot, &given.slot)?;
        fields.push(Field {
            key: key.clone(),
            slot,
            label: optional_text(source, given.label.as_ref(), Braces::Filled)?,
            value: text(source, &given.value, Braces::Filled)?,
            change: change(source, &fields, given)?,
        });
    }
    Ok(fields)
}

fn slot_free(source: &Source, strip: StripKind, before: &[Field], slot: Slot, given: &Spanned<RawSlot>) -> Checked<()> {
    let count = |slots: &[Slot]| before.iter().filter(|field| slots.contains(&field.slot)).count();
    let below = [Slot::Secondary, Slot::Auxiliary];
    let (what, remedy) = match slot {
        Slot::Header if count(&[Slot::Header]) == HEADER_MAX => {
            (format!("more than {HEADER_MAX} header fields"), "Wallet shows three; move this one to the back")
        }
        Slot::Primary if strip == StripKind::Stamps => (
            "a primary field lies over the stamps".to_owned(),
            "a stamp card has none; use \"header\" or \"secondary\"",
        ),
        Slot::Primary if count(&[Slot::Primary]) == 1 => {
            ("more than one primary field".to_owned(), "Wallet shows one; use \"secondary\"")
        }
        Slot::Secondary | Slot::Auxiliary if count(&below) == BELOW_MAX => (
            format!("more than {BELOW_MAX} secondary and auxiliary fields"),
            "Wallet shows four of both together; move this one to the back",
        ),
        _ => return Ok(()),
    };
    wrong(source, given, what, remedy)
}

fn change(source: &Source, before: &[Field], given: &RawField) -> Checked<Option<(Speaks, Text)>> {
    let (speaks, change) = match (&given.speaks, &given.change) {
        (None, None) => return Ok(None),
        (Some(speaks), Some(change)) => (speaks, change),
        (Some(speaks), None) => {
            return wrong(source, speaks, "a field that speaks needs words", "add `change`, as in change = \"%@\"");
        }
        (None, Some(change)) => {
            let remedy = "add `speaks`: \"balance\", \"tier\" or \"always\"";
            return wrong(source, change, "nothing says when this is told", remedy);
        }
    };
    let switch = match speaks.get_ref() {
        RawSpeaks::Balance => Speaks::Balance,
        RawSpeaks::Tier => Speaks::Tier,
        RawSpeaks::Always => Speaks::Always,
    };
    if before.iter().any(|field| field.change.as_ref().is_some_and(|(other, _)| *other == switch)) {
        let remedy = "keep one: of two that change together Wallet tells neither by its words";
        return wrong(source, speaks, "two fields speak of the same", remedy);
    }
    let words = text(source, change, Braces::Refused)?;
    match words.iter().find(|(_, words)| words.matches("%@").count() != 1) {
        Some((language, _)) => {
            let what = format!("the words in `{language}` do not have %@ once");
            wrong(source, change, what, "write %@ where the new value stands; without it Wallet says its own words")
        }
        None => Ok(Some((switch, words))),
    }
}

/// Places that Wallet takes.
const PLACES_MAX: usize = 10;

fn places(source: &Source, raw: &[RawPlace]) -> Checked<Vec<Spot>> {
    if let Some(over) = raw.get(PLACES_MAX) {
        return wrong(source, &over.latitude, "more than ten places", "Wallet takes ten; keep the nearest");
    }
    let degrees = |given: &Spanned<f64>, bound: f64| {
        if given.get_ref().abs() <= bound {
            return Ok(*given.get_ref());
        }
        wrong(
            source,
            given,
            format!("{} degrees are out of range", given.get_ref()),
            format!("give -{bound} to {bound}"),
        )
    };
    raw.iter()
        .map(|given| {
            Ok(Spot {
                latitude: degrees(&given.latitude, 90.0)?,
                longitude: degrees(&given.longitude, 180.0)?,
                text: text(source, &given.text, Braces::Refused)?,
            })
        })
        .collect()
}

fn max_distance(source: &Source, given: Option<&Spanned<i64>>) -> Checked<Option<u32>> {
    let Some(given) = given else { return Ok(None) };
    match u32::try_from(*given.get_ref()) {
        Ok(metres) if (1..=100_000).contains(&metres) => Ok(Some(metres)),
        _ => wrong(source, given, format!("{} metres are out of range", given.get_ref()), "give 1 to 100000 metres"),
    }
}

fn wrong<T, V>(source: &Source, at: &Spanned<V>, what: impl Into<String>, remedy: impl Into<String>) -> Checked<T> {
    Err(source.error(&Place::Text(at.span()), what, remedy))
}

/// An error of a file as a whole.
fn whole(file: &Path, what: String, remedy: &str) -> ConfigError {
    ConfigError { origin: file.display().to_string(), line: None, key: None, what, remedy: remedy.to_owned() }
}
