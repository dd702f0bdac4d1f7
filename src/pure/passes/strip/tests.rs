//! Tests of the pictures: what is seen is counted in pixels, on artwork of plain discs.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::date;
use resvg::tiny_skia::Pixmap;

use super::scene::{STUB, grid};
use super::*;
use crate::pure::domain::ProgrammeName;
use crate::pure::passes::design::Colour;
use crate::pure::passes::face::{Kind, Progress, Reward, Tier};

const STAMPS: &str = include_str!("../../../../passes/stamps/strip.svg");
const SPEND: &str = include_str!("../../../../passes/spend/strip.svg");
const POINTS: &str = include_str!("../../../../passes/points/strip.svg");
const CASHBACK: &str = include_str!("../../../../passes/cashback/strip.svg");
const ICON: &str = include_str!("../../../../passes/stamps/icon.svg");
const LOGO: &str = include_str!("../../../../passes/stamps/logo.svg");

/// A disc of one colour for each symbol on white.
const DISCS: &str = "<svg xmlns='http://www.w3.org/2000/svg' width='375' height='144' viewBox='0 0 375 144'><defs>\
<symbol id='stamp' viewBox='0 0 100 100'><circle cx='50' cy='50' r='50' fill='#ff0000'/></symbol>\
<symbol id='empty' viewBox='0 0 100 100'><circle cx='50' cy='50' r='50' fill='#0000ff'/></symbol>\
<symbol id='reward' viewBox='0 0 100 100'><circle cx='50' cy='50' r='50' fill='#00ff00'/></symbol>\
<symbol id='ready' viewBox='0 0 100 100'><circle cx='50' cy='50' r='50' fill='#ffff00'/></symbol>\
</defs><rect width='375' height='144' fill='#ffffff'/></svg>";

fn design(strip: StripKind, svg: &str) -> Design {
    let palette = [("track", Colour(58, 67, 132)), ("progress", Colour(142, 162, 255))];
    Design {
        name: "test".to_owned(),
        programmes: Vec::new(),
        strip,
        strip_svg: svg.to_owned(),
        palette: palette.map(|(name, colour)| (name.to_owned(), colour)).into(),
        background: Colour(0, 0, 0),
        foreground: Colour(255, 255, 255),
        label: Colour(255, 255, 255),
        logo_text: BTreeMap::new(),
        description: BTreeMap::new(),
        fields: Vec::new(),
        places: Vec::new(),
        max_distance_m: None,
        sharing_prohibited: true,
        images: [("icon", ICON), ("logo", LOGO)].map(|(name, svg)| (name.to_owned(), svg.to_owned())).into(),
        rewards: BTreeMap::new(),
        levels: BTreeMap::new(),
        titles: BTreeMap::new(),
    }
}

fn face(kind: Kind) -> Face {
    Face::blank(ProgrammeName::new("p").expect("a name"), kind, date(2026, 1, 1))
}

fn on_way(kind: Kind, done: i64, of: i64, rewards_available: i64) -> Face {
    let next_reward = Some(Progress::straight(Reward::default(), of, done));
    Face { next_reward, rewards_available, ..face(kind) }
}

fn at_level(face: Face, place: usize, of: usize, permille: u16) -> Face {
    let all: Vec<String> = (0..of).map(|at| format!("L{at}")).collect();
    let tier = Tier { name: all[place].clone(), place, all, next: None, by_spend: false, permille };
    Face { tier: Some(tier), ..face }
}

/// The strip at 1x as pixels.
fn pixels(design: &Design, face: &Face) -> Pixmap {
    let body = scene::draw(Picture::of(design, face), &design.strip_svg);
    let svg = art::with_body(&design.strip_svg, &body);
    let canvas = Canvas::parse("strip", &svg, &style(design)).expect("artwork");
    canvas.pixels(STRIP_WIDTH, STRIP_HEIGHT).expect("pixels")
}

/// Patches of one colour that hang together, by their number of pixels.
fn patches(pixels: &Pixmap, colour: (u8, u8, u8)) -> Vec<usize> {
    let (width, height) = (pixels.width() as usize, pixels.height() as usize);
    let mut is_left: Vec<bool> =
        pixels.pixels().iter().map(|pixel| (pixel.red(), pixel.green(), pixel.blue()) == colour).collect();
    let mut found = Vec::new();
    for start in 0..width * height {
        let mut count = 0;
        let mut open = vec![start];
        while let Some(at) = open.pop() {
            if !std::mem::replace(&mut is_left[at], false) {
                continue;
            }
            count += 1;
            let (x, y) = (at % width, at / width);
            open.extend((x > 0).then(|| at - 1));
            open.extend((x + 1 < width).then_some(at + 1));
            open.extend((y > 0).then(|| at - width));
            open.extend((y + 1 < height).then_some(at + width));
        }
        found.extend((count > 0).then_some(count));
    }
    found
}

#[test]
fn every_goal_shows_its_circles() {
    let discs = design(StripKind::Stamps, DISCS);
    for of in 1..=30 {
        for done in BTreeSet::from([0, 1.min(of - 1), of / 2, of - 1]) {
            for ready in [0, 1] {
                let drawn = pixels(&discs, &on_way(Kind::Stamps, done, of, ready));
                let stamped = patches(&drawn, (255, 0, 0));
                let empty = patches(&drawn, (0, 0, 255));
                let seen = (stamped.len(), empty.len(), patches(&drawn, (0, 255, 0)).len());
                let case = format!("{done} of {of}, {ready} ready");
                assert_eq!(seen, (done as usize, (of - done - 1) as usize, 1), "{case}");
                assert_eq!(patches(&drawn, (255, 255, 0)).len(), ready as usize, "{case}");
                // Whole discs of one size: none is cut off, none lies over another.
                let sizes: Vec<usize> = stamped.into_iter().chain(empty).collect();
                let (least, most) = (sizes.iter().min(), sizes.iter().max());
                let even = least.zip(most).is_none_or(|(least, most)| least * 100 >= most * 85);
                assert!(even, "{case}: {sizes:?}");
            }
        }
    }
}

#[test]
fn several_rewards_are_seen_and_a_card_without_a_way_still_shows_them() {
    let discs = design(StripKind::Stamps, DISCS);
    let area = |face: &Face| patches(&pixels(&discs, face), (255, 255, 0)).iter().sum::<usize>();
    let one = area(&on_way(Kind::Stamps, 3, 10, 1));
    let two = area(&on_way(Kind::Stamps, 3, 10, 2));
    assert!(two > one, "{two} {one}");
    let nothing_left = |ready| Face { rewards_available: ready, ..face(Kind::Stamps) };
    assert_eq!(patches(&pixels(&discs, &nothing_left(3)), (255, 255, 0)).len(), 3);
    assert_eq!(area(&nothing_left(0)), 0);
}

#[test]
fn stamps_lie_inside_and_apart_in_even_rows() {
    for count in 1..=CIRCLES_MAX as u8 {
        for (left, width) in [(16.0, 343.0), (16.0, 343.0 - STUB)] {
            let spots = grid(count, left, width);
            assert_eq!(spots.len(), usize::from(count));
            let mut rows: BTreeMap<i64, usize> = BTreeMap::new();
            for spot in &spots {
                let half = spot.size / 2.0;
                assert!(spot.x - half >= left - 0.1 && spot.x + half <= left + width + 0.1, "{count}: {spot:?}");
                assert!(spot.y - half >= 8.0 && spot.y + half <= 136.0, "{count}: {spot:?}");
                *rows.entry((spot.y * 100.0) as i64).or_default() += 1;
            }
            for (at, one) in spots.iter().enumerate() {
                let near = |other: &super::scene::Spot| (one.x - other.x).hypot(one.y - other.y) < one.size;
                assert!(!spots[at + 1..].iter().any(near), "{count}: stamps overlap");
            }
            let lengths: Vec<usize> = rows.into_values().collect();
            let (least, most) = (lengths.iter().min(), lengths.iter().max());
            assert!(most <= least.map(|least| least + 1).as_ref(), "{count}: {lengths:?}");
        }
    }
}

#[test]
fn parts_round_down_but_show_a_start_and_are_full_at_the_end() {
    for (done, of, parts, shown) in [
        (0, 10, 24, 0),
        (1, 1_000, 24, 1),
        (999, 1_000, 24, 23),
        (1_000, 1_000, 24, 24),
        (5, 10, 24, 12),
        (-3, 10, 24, 0),
        (12, 10, 24, 24),
        (0, 0, 24, 0),
        (i64::MAX - 1, i64::MAX, 24, 23),
        (0, 1, 1, 0),
        (1, 1, 1, 1),
        (50, 120, 60, 25),
    ] {
        assert_eq!(in_parts(done, of, parts), shown, "{done} of {of}");
    }
}

#[test]
fn equal_keys_are_equal_pictures_and_other_keys_are_others() {
    let level = |place, of, permille| at_level(on_way(Kind::Points, 40, 100, 0), place, of, permille);
    let lists = [
        (
            design(StripKind::Stamps, STAMPS),
            vec![
                on_way(Kind::Stamps, 0, 10, 0),
                on_way(Kind::Stamps, 3, 10, 0),
                Face { member: Some("Ann".to_owned()), balance: 99, ..on_way(Kind::Stamps, 3, 10, 0) },
                on_way(Kind::Stamps, 3, 9, 0),
                on_way(Kind::Stamps, 3, 10, 1),
                on_way(Kind::Stamps, 3, 10, 2),
                on_way(Kind::Stamps, 3, 10, 3),
                on_way(Kind::Stamps, 3, 10, 7),
                face(Kind::Stamps),
            ],
        ),
        (
            design(StripKind::Points, POINTS),
            vec![
                on_way(Kind::Points, 0, 100, 0),
                on_way(Kind::Points, 40, 100, 0),
                on_way(Kind::Points, 400, 1_000, 0),
                on_way(Kind::Points, 40, 100, 1),
                on_way(Kind::Points, 40, 100, 2),
                level(0, 3, 0),
                level(1, 3, 0),
                level(1, 3, 540),
                level(1, 3, 549),
                level(2, 3, 1_000),
                level(0, 1, 1_000),
            ],
        ),
        (
            design(StripKind::Cashback, CASHBACK),
            vec![
                face(Kind::Cashback),
                at_level(face(Kind::Cashback), 0, 3, 0),
                at_level(face(Kind::Cashback), 0, 3, 500),
                at_level(face(Kind::Cashback), 2, 3, 1_000),
                at_level(face(Kind::Cashback), 0, 1, 1_000),
                at_level(face(Kind::Cashback), 7, 8, 1_000),
            ],
        ),
    ];
    for (design, faces) in lists {
        let drawn: Vec<(String, Vec<u8>)> =
            faces.iter().map(|face| (state(&design, face), pixels(&design, face).data().to_vec())).collect();
        for (at, (key, picture)) in drawn.iter().enumerate() {
            for (other_key, other) in &drawn[at + 1..] {
                assert_eq!(key == other_key, picture == other, "{key} {other_key}");
            }
        }
    }
    let face = on_way(Kind::Stamps, 3, 10, 0);
    let (cups, bags) = (design(StripKind::Stamps, STAMPS), design(StripKind::Stamps, SPEND));
    assert_ne!(state(&cups, &face), state(&bags, &face), "other artwork");
    let mut red = design(StripKind::Stamps, STAMPS);
    red.palette.insert("ink".to_owned(), Colour(255, 0, 0));
    assert_ne!(state(&cups, &face), state(&red, &face), "other colours");
    assert_ne!(pixels(&cups, &face).data(), pixels(&red, &face).data(), "the palette wins over the file");
}

fn size_of(image: &Image) -> (u32, u32) {
    let number = |at: usize| u32::from_be_bytes(image.bytes[at..at + 4].try_into().expect("four bytes"));
    (number(16), number(20))
}

#[test]
fn pictures_have_wallets_names_and_sizes_and_are_small_and_the_same_each_time() {
    let cups = design(StripKind::Stamps, STAMPS);
    let face = on_way(Kind::Stamps, 29, 30, 3);
    let strips = render(&cups, &face).expect("drawn");
    let fixed = fixed(&cups).expect("drawn");
    let all: Vec<(&str, (u32, u32))> =
        strips.iter().chain(&fixed).map(|image| (image.name.as_str(), size_of(image))).collect();
    let wanted = [
        ("strip.png", (375, 144)),
        ("strip@2x.png", (750, 288)),
        ("strip@3x.png", (1125, 432)),
        ("icon.png", (29, 29)),
        ("icon@2x.png", (58, 58)),
        ("icon@3x.png", (87, 87)),
        ("logo.png", (50, 50)),
        ("logo@2x.png", (100, 100)),
        ("logo@3x.png", (150, 150)),
    ];
    assert_eq!(all, wanted);
    // A pass aims at 300 KB; the most circles are the most bytes.
    let bytes = |strips: &[Image]| strips.iter().chain(&fixed).map(|image| image.bytes.len()).sum::<usize>();
    assert!(bytes(&strips) < 250_000, "{} bytes", bytes(&strips));
    let usual = render(&cups, &on_way(Kind::Stamps, 9, 10, 1)).expect("drawn");
    assert!(bytes(&usual) < 150_000, "{} bytes", bytes(&usual));
    for image in &strips {
        assert_eq!(image.sha1, openssl::sha::sha1(&image.bytes));
    }
    assert_eq!(render(&cups, &face).expect("drawn"), strips);
}

#[test]
fn what_wallet_writes_on_a_strip_is_legible_and_nothing_is_drawn_under_it() {
    for (kind, svg, foreground) in [
        (StripKind::Points, POINTS, Colour(0xfd, 0xfa, 0xf0)),
        (StripKind::Cashback, CASHBACK, Colour(0xff, 0xff, 0xff)),
    ] {
        let design = design(kind, svg);
        let ground = Canvas::parse("strip", svg, &style(&design)).expect("artwork");
        let ground = ground.pixels(STRIP_WIDTH, STRIP_HEIGHT).expect("pixels");
        let full = at_level(on_way(Kind::Points, 99, 100, 3), 7, 8, 1_000);
        for face in [face(Kind::Points), full] {
            let drawn = pixels(&design, &face);
            for (x, y) in (0..112).flat_map(|y| (0..215).map(move |x| (x, y))) {
                let pixel = drawn.pixel(x, y).expect("inside");
                assert_eq!(Some(pixel), ground.pixel(x, y), "{kind:?}: something at {x}, {y}");
                let contrast = foreground.contrast(Colour(pixel.red(), pixel.green(), pixel.blue()));
                assert!(contrast >= 4.5, "{kind:?}: {contrast} at {x}, {y}");
            }
        }
    }
}

#[test]
fn a_long_way_is_drawn_in_proportion() {
    let discs = design(StripKind::Stamps, DISCS);
    let drawn = pixels(&discs, &on_way(Kind::Stamps, 100, 400, 0));
    assert_eq!(patches(&drawn, (255, 0, 0)).len(), 15);
    assert_eq!(patches(&drawn, (0, 0, 255)).len(), 44);
}

#[test]
fn wrong_artwork_is_told_by_its_line() {
    let palette = design(StripKind::Stamps, DISCS).palette;
    let strip = Drawing::Strip(StripKind::Stamps);
    let check = |svg: &str| check(strip, svg, &palette);
    assert_eq!(check(DISCS), Ok(BTreeSet::new()));
    let end = DISCS.len() - "</svg>".len();
    let with = |more: &str| format!("{}\n{more}\n</svg>", &DISCS[..end]);
    for (svg, line, what) in [
        (String::new(), Some(1), "not an SVG"),
        ("<svg".to_owned(), Some(1), "not an SVG"),
        ("<html></html>".to_owned(), Some(1), "no <svg>"),
        ("<svg xmlns='http://www.w3.org/2000/svg'/>".to_owned(), Some(1), "no <svg>"),
        (format!("<!DOCTYPE svg [<!ENTITY a 'b'>]>{DISCS}"), Some(1), "not an SVG"),
        (with("<rect"), Some(3), "not an SVG"),
        (with("<script>1</script>"), Some(2), "<script> is not drawn"),
        (with("<rect class='fill-inc'/>"), Some(2), "a colour `inc`"),
        (with("<use href='#cup'/>"), Some(2), "no `cup`"),
        (with("<rect fill='url(#sky)'/>"), Some(2), "no `sky`"),
        (with("<image href='file:///etc/passwd'/>"), Some(2), "another file"),
        (DISCS.replace("id='reward'", "id='prize'"), None, "no symbol `reward`"),
        (DISCS.replace("<symbol id='ready' viewBox='0 0 100 100'>", "\n<symbol id='ready'>"), Some(2), "a viewBox"),
        (DISCS.replace("width='375' height='144' viewBox", "width='375' height='98' viewBox"), Some(1), "375 x 98"),
        (with(&format!("<!--{}-->", "x".repeat(art::ART_BYTES_MAX))), None, "too many"),
    ] {
        let error = check(&svg).expect_err(what);
        assert!(error.what.contains(what) && error.line == line, "{what}: {error:?}");
        assert!(error.remedy.ends_with('.'), "{error:?}");
    }
    let wide = "<svg xmlns='http://www.w3.org/2000/svg' width='30' height='20'></svg>";
    assert!(super::check(Drawing::Icon, wide, &palette).is_err_and(|error| error.what.contains("30 x 20")));
    assert!(super::check(Drawing::Logo, wide, &palette).is_ok());
}

#[test]
fn a_logo_of_pixels_is_drawn_and_what_is_no_png_is_refused() {
    let cups = design(StripKind::Stamps, STAMPS);
    let mut from_pixels = cups.clone();
    let png = fixed(&cups).expect("drawn").pop().expect("a logo").bytes;
    from_pixels.images.insert("logo".to_owned(), of_png(&png).expect("a PNG"));
    let logo = fixed(&from_pixels).expect("drawn").pop().expect("a logo");
    assert_eq!((logo.name.as_str(), size_of(&logo)), ("logo@3x.png", (150, 150)));
    for length in 0..24 {
        assert!(of_png(&png[..length]).is_err(), "{length}");
    }
    assert!(of_png(b"GIF89a and more than twenty-four bytes").is_err());
}

#[test]
fn every_milestone_of_a_card_is_marked_until_it_is_stamped() {
    let plain = design(StripKind::Stamps, DISCS);
    let card = |done: i64, marks: Vec<i64>| {
        let mut card = on_way(Kind::Stamps, done, 9, 0);
        card.next_reward.as_mut().expect("a way").marks = marks;
        Picture::of(&plain, &card)
    };
    let drawn = |picture: Picture| {
        let svg = scene::draw(picture, DISCS);
        ["stamp", "reward", "empty"].map(|symbol| svg.matches(&format!("'#{symbol}'")).count())
    };
    assert_eq!(drawn(card(4, vec![3, 6, 9])), [4, 2, 3]);
    assert_eq!(drawn(card(9, vec![3, 6, 9])), [9, 0, 0]);
    assert_eq!(drawn(card(-2, vec![3, 6, 9])), [0, 3, 6], "what is owed draws nothing");
    assert_ne!(card(4, vec![3, 6, 9]).key(), card(4, vec![9]).key());
    assert_eq!(card(4, vec![9]).key(), "stamps-4of9-ready0");
}
