//! Tables of designs: what is accepted, and what each wrong one is answered.

use std::path::PathBuf;

use super::*;
use crate::pure::passes::face::Kind;
use crate::pure::passes::preview;

/// A folder of designs, gone with the value.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("stampd-designs-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("made");
        Self(folder)
    }

    /// A design of `name` like the one that ships as `like`, with one change in one file.
    fn design(&self, name: &str, like: &str, file: &str, from: &str, to: &str) -> PathBuf {
        let folder = self.0.join(name);
        std::fs::create_dir_all(&folder).expect("made");
        let (_, files) = SHIPPED.iter().find(|(known, _)| *known == like).expect("shipped");
        for (here, text) in files {
            let text = if *here == file {
                assert!(text.contains(from), "{file} has no {from}");
                text.replacen(from, to, 1)
            } else {
                (*text).to_owned()
            };
            std::fs::write(folder.join(here), text).expect("written");
        }
        folder
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone_already = std::fs::remove_dir_all(&self.0);
    }
}

fn shipped(name: &str) -> Design {
    shipped_design(name).expect("it ships").unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn what_ships_is_right_and_the_same_from_a_folder() {
    let folder = Folder::new("shipped");
    for (name, _) in SHIPPED {
        let from_folder = read(&folder.design(name, name, "", "", "")).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(from_folder, shipped(name));
        assert!(from_folder.sharing_prohibited, "{name}: worth money");
        for (what, colour) in [("foreground", from_folder.foreground), ("label", from_folder.label)] {
            let contrast = colour.contrast(from_folder.background);
            assert!(contrast >= 4.5, "{name}: {what} has {contrast:.1}");
        }
    }
    assert!(shipped_design("other").is_none());
}

#[test]
fn every_text_of_what_ships_is_in_both_languages_and_has_room() {
    for (name, _) in SHIPPED {
        let design = shipped(name);
        // A new card says less than these.
        for sample in preview::samples(&design, "Kaffeehaus am Marktplatz", 10).into_iter().skip(1) {
            let (en, de) = (preview::words(&design, &sample.face, "en"), preview::words(&design, &sample.face, "de"));
            assert_eq!(en.fields.len(), de.fields.len());
            for words in [de, en].into_iter().take(if sample.name == "ready" { 2 } else { 1 }) {
                let drawn = preview::draw(&design, &sample.face, &words).expect("drawn");
                assert_eq!(drawn.cut, Vec::<String>::new(), "{name} {}", sample.name);
                assert!(!words.fields.iter().any(|field| field.label.contains('{') || field.value.contains('{')));
            }
        }
        for field in &design.fields {
            let words = |text: &Text| {
                let english = text.get("en").map_or("", String::as_str);
                // Places, numbers and the one word that is the same in both.
                let is_same = english.is_empty()
                    || english == "%@"
                    || english == "Cashback"
                    || english.starts_with('{') && !english.contains(';');
                is_same || text.contains_key("de")
            };
            let change = field.change.as_ref().is_none_or(|(_, change)| words(change));
            assert!(words(&field.label) && words(&field.value) && change, "{name}: {} in German", field.key);
        }
    }
}

#[test]
fn every_shipped_programme_finds_a_design_that_names_its_rewards() {
    let designs = read_all(Path::new("/there/is/no/such/folder")).expect("what ships");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/programmes");
    let mut count = 0;
    for item in std::fs::read_dir(folder).expect("there") {
        let path = item.expect("read").path();
        let name = path.file_stem().and_then(|stem| stem.to_str()).expect("a name").to_owned();
        let file: toml::Table = std::fs::read_to_string(&path).expect("read").parse().expect("TOML");
        let kind = match file["kind"].as_str() {
            Some("points") => Kind::Points,
            Some("cashback") => Kind::Cashback,
            _ => Kind::Stamps,
        };
        let design = designs.for_card(&name, kind).unwrap_or_else(|| panic!("{name} has no design"));
        let spend = name.starts_with("spend10");
        assert_eq!(design.name == "spend", spend, "{name} takes {}", design.name);
        for (list, key) in [("goal", "reward"), ("catalogue", "name")] {
            for reward in file.get(list).and_then(toml::Value::as_array).into_iter().flatten() {
                let reward = reward[key].as_str().expect("a name");
                assert!(design.rewards.contains_key(reward), "{name}: {reward} has no name in {}", design.name);
            }
        }
        count += 1;
    }
    assert_eq!(count, 7);
}

#[test]
fn a_shops_own_designs_go_first() {
    let folder = Folder::new("own");
    std::fs::create_dir_all(folder.0.join(".git")).expect("made");
    folder.design("mine", "stamps", "", "", "");
    let designs = read_all(&folder.0).expect("right");
    let names: Vec<&str> = designs.iter().map(|design| design.name.as_str()).collect();
    assert_eq!(names, ["mine", "points", "cashback"]);
    let named = |programme: &str, kind| designs.for_card(programme, kind).map(|design| design.name.as_str());
    assert_eq!(named("spend10", Kind::Stamps), Some("mine"));
    assert_eq!(named("points", Kind::Points), Some("points"));

    folder.design("other", "stamps", "design.toml", "programmes = []", "programmes = [\"cafe10\"]");
    let designs = read_all(&folder.0).expect("right");
    let named = |programme: &str| designs.for_card(programme, Kind::Stamps).map(|design| design.name.as_str());
    assert_eq!((named("cafe10"), named("cafe8")), (Some("other"), Some("mine")));

    folder.design("third", "stamps", "design.toml", "programmes = []", "programmes = [\"x\", \"cafe10\"]");
    let error = read_all(&folder.0).expect_err("a clash");
    assert!(error.what.contains("`other` and `third` both name the programme cafe10"), "{error}");
    folder.design("third", "stamps", "", "", "");
    let error = read_all(&folder.0).expect_err("a clash");
    assert!(error.what.contains("`mine` and `third` both take all other cards"), "{error}");
}

/// Design it is like, file, text, what stands there instead, part of the key, part of what is wrong, part of the remedy.
const WRONG: &[(&str, &str, &str, &str, &str, &str, &str)] = &[
    (
        "stamps",
        "design.toml",
        "strip = \"stamps\"",
        "strip = \"circles\"",
        "strip",
        "unknown variant",
        "strip = \"stamps\"",
    ),
    (
        "stamps",
        "design.toml",
        "sharing_prohibited",
        "sharing",
        "sharing",
        "unknown key `sharing`",
        "`sharing_prohibited`",
    ),
    ("stamps", "design.toml", "slot = \"header\"", "slots = \"header\"", "field.slots", "unknown key", "write `slot`"),
    (
        "stamps",
        "design.toml",
        "programmes = []",
        "programmes = [\"a b\"]",
        "programmes",
        "no name of a programme",
        "cafe10",
    ),
    ("stamps", "design.toml", "#33201a", "#33201", "colours.background", "no colour", "#33201a"),
    ("stamps", "design.toml", "#33201a", "33201a0", "colours.background", "no colour", "#33201a"),
    (
        "stamps",
        "design.toml",
        "label = \"#e0bf9c\"",
        "labels = \"#e0bf9c\"",
        "colours",
        "`label` is missing",
        "label = \"#rrggbb\"",
    ),
    ("stamps", "design.toml", "ink = \"#a5402a\"", "Ink = \"#a5402a\"", "colours", "no name of a colour", "a-z"),
    (
        "stamps",
        "design.toml",
        "ink = \"#a5402a\"",
        "ink = \"#a5402a\"\ninc = \"#a5402a\"",
        "colours.inc",
        "no drawing takes",
        "fill-inc",
    ),
    ("points", "design.toml", "track = ", "truck = ", "colours", "`track` is missing", "add it"),
    ("stamps", "design.toml", "{done} / {goal}", "{done} / {gaol}", "field.value", "no place {gaol}", "goal"),
    ("stamps", "design.toml", "{done} / {goal}", "{done / goal", "field.value", "a brace stands alone", "{balance}"),
    (
        "stamps",
        "design.toml",
        "change = \"%@\"",
        "change = \"{message}\"",
        "field.change",
        "nothing is filled in",
        "braces",
    ),
    ("stamps", "design.toml", "change = \"%@\"", "change = \"News!\"", "field.change", "%@ once", "own words"),
    ("stamps", "design.toml", "change = \"%@\"", "", "field.speaks", "needs words", "add `change`"),
    ("stamps", "design.toml", "speaks = \"always\"", "", "field.change", "nothing says when", "speaks"),
    (
        "stamps",
        "design.toml",
        "speaks = \"always\"",
        "speaks = \"balance\"",
        "field.speaks",
        "two fields speak",
        "keep one",
    ),
    ("stamps", "design.toml", "slot = \"header\"", "slot = \"primary\"", "field.slot", "over the stamps", "\"header\""),
    (
        "points",
        "design.toml",
        "slot = \"header\"",
        "slot = \"primary\"",
        "field.slot",
        "more than one primary",
        "secondary",
    ),
    ("points", "design.toml", "slot = \"back\"", "slot = \"auxiliary\"", "field.slot", "", ""),
    ("stamps", "design.toml", "key = \"ready\"", "key = \"reward\"", "field.key", "two fields", "another key"),
    ("stamps", "design.toml", "key = \"ready\"", "key = \"Ready!\"", "field.key", "no key", "a-z"),
    (
        "stamps",
        "design.toml",
        "{ en = \"Stamps\", de",
        "{ de = \"Stempel\", fr",
        "field.label",
        "English words are missing",
        "add en",
    ),
    (
        "stamps",
        "design.toml",
        "{ en = \"Stamps\", de = \"Stempel\" }",
        "{ en = \"A\", German = \"B\" }",
        "field.label",
        "no language",
        "pt-BR",
    ),
    ("stamps", "design.toml", "{ en = \"Stamps\", de = \"Stempel\" }", "{ en = 1 }", "field.label", "no text", "write"),
    ("stamps", "design.toml", "{ en = \"Stamps\", de = \"Stempel\" }", "7", "field.label", "not a text", "write"),
    (
        "stamps",
        "design.toml",
        "#[[place]]",
        "[[place]]\nlatitude = 91.0\nlongitude = 0.0\ntext = \"x\"",
        "place.latitude",
        "91 degrees",
        "-90 to 90",
    ),
    ("stamps", "design.toml", "#max_distance_m = 100", "max_distance_m = 0", "max_distance_m", "0 metres", "100000"),
    ("stamps", "strip.svg", "id=\"reward\"", "id=\"prize\"", "", "no symbol `reward`", "symbol"),
    ("stamps", "strip.svg", "height=\"144\"", "height=\"98\"", "", "375 x 98", "375 x 144"),
    ("stamps", "strip.svg", "class=\"fill-ink\"", "class=\"fill-inc\"", "", "a colour `inc`", "[colours]"),
    ("stamps", "strip.svg", "</defs>", "", "", "not an SVG", "plain SVG"),
    ("stamps", "icon.svg", "viewBox", "viewbox", "", "", ""),
];

#[test]
fn wrong_designs_are_told_by_file_line_key_and_remedy() {
    let folder = Folder::new("wrong");
    for (at, (like, file, from, to, key, what, remedy)) in WRONG.iter().enumerate() {
        let design = folder.design(&format!("d{at}"), like, file, from, to);
        let told = read(&design);
        if what.is_empty() {
            // The harmless side: a fourth field below, an attribute that is not known.
            assert!(told.is_ok(), "{to}: {told:?}");
            continue;
        }
        let Err(error) = told else { panic!("accepted: {to}") };
        assert_eq!(error.origin, design.join(file).display().to_string(), "{to}");
        assert!(error.key.clone().unwrap_or_default().contains(key), "{to}: {error}");
        assert!(error.what.contains(what) && error.remedy.contains(remedy), "{to}: {error}");
        let has_line = error.line.is_some() || what.contains("symbol");
        assert!(has_line, "{to}: {error}");
    }
}

#[test]
fn a_line_is_the_right_one_and_files_that_are_missing_are_named() {
    let folder = Folder::new("lines");
    let design = folder.design("d", "stamps", "strip.svg", "class=\"fill-ink\"", "class=\"fill-inc\"");
    assert_eq!(read(&design).map_err(|error| error.line), Err(Some(5)));
    let design = folder.design("d", "stamps", "design.toml", "{done} / {goal}", "{gaol}");
    let text = std::fs::read_to_string(design.join("design.toml")).expect("read");
    let line = 1 + text.lines().position(|line| line.contains("{gaol}")).expect("there");
    assert_eq!(read(&design).map_err(|error| error.line), Err(Some(line)));

    let design = folder.design("e", "stamps", "", "", "");
    std::fs::remove_file(design.join("logo.svg")).expect("removed");
    assert!(read(&design).is_ok_and(|design| !design.images.contains_key("logo")), "a logo may be absent");
    std::fs::write(design.join("logo.png"), b"GIF89a").expect("written");
    assert!(read(&design).is_err_and(|error| error.origin.ends_with("logo.png") && error.what == "not a PNG"));
    std::fs::remove_file(design.join("logo.png")).expect("removed");
    for file in ["icon.svg", "strip.svg", "design.toml"] {
        std::fs::remove_file(design.join(file)).expect("removed");
        let error = read(&design).expect_err("incomplete");
        assert!(error.origin.ends_with(file) && error.what.contains("no such file"), "{error}");
    }
    let error = read(&folder.0.join("not there")).expect_err("no folder");
    assert!(error.what.contains("no name of a design"), "{error}");
}
