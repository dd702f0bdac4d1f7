//! Where things lie on a strip. Lengths are pixels at 1x, 375 x 144.

use std::f32::consts::TAU;
use std::fmt::Write as _;

use super::{Circles, Level, Picture, art};

/// Room at the sides.
const SIDE: f32 = 16.0;

/// Room above and below.
const EDGE: f32 = 13.0;

const WIDTH: f32 = super::STRIP_WIDTH as f32;
const HEIGHT: f32 = super::STRIP_HEIGHT as f32;

/// What is drawn over the ground.
pub(super) fn draw(picture: Picture, svg: &str) -> String {
    let mut out = String::new();
    match picture {
        Picture::Stamps { circles, ready } => stamps(&mut out, circles, ready, svg),
        Picture::Points { way, is_ready, level } => points(&mut out, way, is_ready, level),
        Picture::Cashback { level } => cashback(&mut out, level),
    }
    out
}

/// A circle of the grid: its centre and its diameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spot {
    pub(super) x: f32,
    pub(super) y: f32,
    pub(super) size: f32,
}

/// Diameter of the largest stamps.
const STAMP_MAX: f32 = 82.0;

/// Places for `count` stamps in the middle of a field: as large as they go, rows as even as they go.
pub(super) fn grid(count: u8, left: f32, width: f32) -> Vec<Spot> {
    let height = HEIGHT - 2.0 * EDGE;
    let count = usize::from(count.max(1));
    let cell = |rows: usize| (width / count.div_ceil(rows) as f32).min(height / rows as f32);
    let best = (1..=count).map(cell).fold(0.0, f32::max);
    // Rows of one length look better than a slightly larger stamp; the fewest rows win.
    let good = |rows: &usize| cell(*rows) >= best * 0.9;
    let even = (1..=count).filter(good).find(|rows| count.is_multiple_of(*rows));
    let rows = even.or_else(|| (1..=count).filter(good).max_by(|a, b| cell(*a).total_cmp(&cell(*b)))).unwrap_or(1);
    let longest = count.div_ceil(rows);
    let size = (cell(rows) * 0.9).min(STAMP_MAX);
    let pitch_x = (width / longest as f32).min(size * 1.32);
    let pitch_y = (height / rows as f32).min(size * 1.2);
    let mut spots = Vec::with_capacity(count);
    for row in 0..rows {
        // The first rows take what does not divide.
        let here = count / rows + usize::from(row < count % rows);
        let y = HEIGHT / 2.0 + (row as f32 - (rows - 1) as f32 / 2.0) * pitch_y;
        for column in 0..here {
            let x = left + width / 2.0 + (column as f32 - (here - 1) as f32 / 2.0) * pitch_x;
            spots.push(Spot { x, y, size });
        }
    }
    spots
}

/// How a hand turns its stamps, in degrees.
const TURNS: [i8; 11] = [-8, 5, -3, 9, -6, 3, 7, -9, 2, -5, 6];

/// Width of the stub on which rewards lie.
pub(super) const STUB: f32 = 96.0;

fn stamps(out: &mut String, circles: Option<Circles>, ready: u8, svg: &str) {
    let Some(circles) = circles else {
        seals(out, ready, WIDTH / 2.0, 100.0, 1.0);
        return;
    };
    let stub = if ready > 0 { STUB } else { 0.0 };
    let width = WIDTH - 2.0 * SIDE - if ready > 0 { STUB - SIDE + 8.0 } else { 0.0 };
    for (at, spot) in grid(circles.of, SIDE, width).into_iter().enumerate() {
        if at < usize::from(circles.done) {
            place(out, "stamp", spot, f32::from(TURNS[at % TURNS.len()]));
        } else {
            place(out, if circles.has_mark(at) { "reward" } else { "empty" }, spot, 0.0);
        }
    }
    if ready > 0 {
        if art::has_symbol(svg, "stub") {
            let _ =
                write!(out, "<use href='#stub' x='{:.2}' y='0' width='{stub:.2}' height='{HEIGHT:.2}'/>", WIDTH - stub);
        }
        seals(out, ready, WIDTH - stub / 2.0, 76.0, 0.16);
    }
}

/// The marks of usable rewards around a centre, side by side or, where room is short, one over the other.
fn seals(out: &mut String, count: u8, x: f32, size: f32, apart: f32) {
    let size = if count > 1 && apart < 1.0 { size * 0.84 } else { size };
    for at in 0..count {
        let off = f32::from(at) - f32::from(count.saturating_sub(1)) / 2.0;
        let down = if apart < 1.0 { off * size * 0.3 } else { 0.0 };
        let spot = Spot { x: x + off * size * apart, y: HEIGHT / 2.0 + down, size };
        place(out, "ready", spot, f32::from(TURNS[usize::from(at)]));
    }
}

/// A symbol around a centre.
fn place(out: &mut String, symbol: &str, Spot { x, y, size }: Spot, turn: f32) {
    let (left, top) = (x - size / 2.0, y - size / 2.0);
    let _ = write!(out, "<use href='#{symbol}' x='{left:.2}' y='{top:.2}' width='{size:.2}' height='{size:.2}'");
    if turn != 0.0 {
        let _ = write!(out, " transform='rotate({turn} {x:.2} {y:.2})'");
    }
    out.push_str("/>");
}

/// The gauge of the way to a reward at the right, the levels as a bar below.
fn points(out: &mut String, way: u8, is_ready: bool, level: Option<Level>) {
    let radius = if level.is_some() { 41.0 } else { 50.0 };
    let centre = Spot {
        x: WIDTH - SIDE - radius - 10.0,
        y: if level.is_some() { 60.0 } else { HEIGHT / 2.0 },
        size: radius * 1.24,
    };
    let share = f32::from(way) / super::WAY_PARTS as f32;
    ring(out, centre, radius, 1.0, "line-track");
    ring(out, centre, radius, share, "line-progress");
    place(out, if is_ready { "ready" } else { "gift" }, centre, 0.0);
    if let Some(level) = level {
        bar(out, level);
    }
}

/// A part of a ring, clockwise from the top.
fn ring(out: &mut String, centre: Spot, radius: f32, share: f32, class: &str) {
    let Spot { x, y, .. } = centre;
    if share <= 0.0 {
        return;
    }
    if share >= 1.0 {
        let _ = write!(
            out,
            "<circle class='{class}' cx='{x:.2}' cy='{y:.2}' r='{radius:.2}' fill='none' stroke-width='9'/>"
        );
        return;
    }
    let (sin, cos) = (share * TAU).sin_cos();
    let large = u8::from(share > 0.5);
    let _ = write!(
        out,
        "<path class='{class}' d='M{x:.2} {:.2}A{radius:.2} {radius:.2} 0 {large} 1 {:.2} {:.2}' fill='none' \
         stroke-width='9' stroke-linecap='round'/>",
        y - radius,
        x + radius * sin,
        y - radius * cos,
    );
}

/// Where the bar of levels lies.
const BAR_Y: f32 = 126.0;

fn bar(out: &mut String, level: Level) {
    let (left, right) = (SIDE + 8.0, WIDTH - SIDE - 10.0);
    let parts = f32::from(level.of.saturating_sub(1).max(1));
    let step = (right - left) / parts;
    let reached = if level.of == 1 { parts } else { f32::from(level.place) + f32::from(level.tenths) / 10.0 };
    let end = left + step * reached.min(parts);
    for (class, to) in [("line-track", right), ("line-progress", end)] {
        if to > left {
            let _ = write!(
                out,
                "<path class='{class}' d='M{left:.2} {BAR_Y}H{to:.2}' fill='none' stroke-width='5' stroke-linecap='round'/>"
            );
        }
    }
    for mark in 0..level.of {
        let is_reached = mark <= level.place;
        let size = if mark == level.place { 22.0 } else { 16.0 };
        let x = if level.of == 1 { right } else { left + step * f32::from(mark) };
        place(out, if is_reached { "level" } else { "level-next" }, Spot { x, y: BAR_Y, size }, 0.0);
    }
}

/// Stairs, one for each level: those reached are full, the next fills from below.
fn cashback(out: &mut String, level: Option<Level>) {
    let Some(level) = level else {
        place(out, "coin", Spot { x: WIDTH - SIDE - 52.0, y: HEIGHT / 2.0, size: 92.0 }, 0.0);
        return;
    };
    let (area, floor) = (129.0_f32, HEIGHT - 14.0);
    let count = f32::from(level.of);
    let pitch = (area / count).min(43.0);
    let width = pitch * 0.8;
    let coin = (pitch * 0.92).clamp(18.0, 38.0);
    let (lowest, highest) = (24.0, HEIGHT - 14.0 - 12.0 - coin - 5.0);
    let rise = if level.of > 1 { (highest - lowest) / (count - 1.0) } else { 0.0 };
    let left = WIDTH - SIDE - 2.0 - pitch * count + (pitch - width);
    for at in 0..level.of {
        let x = left + pitch * f32::from(at);
        let height = if level.of == 1 { highest } else { lowest + rise * f32::from(at) };
        let share = match at {
            at if at <= level.place => 1.0,
            at if at == level.place + 1 => f32::from(level.tenths) / 10.0,
            _ => 0.0,
        };
        let radius = (width * 0.2).min(7.0);
        let mut stair = |class: &str, height: f32| {
            let radius = radius.min(height / 2.0);
            let _ = write!(
                out,
                "<rect class='{class}' x='{x:.2}' y='{:.2}' width='{width:.2}' height='{height:.2}' rx='{radius:.2}'/>",
                floor - height
            );
        };
        stair("fill-track", height);
        if share > 0.0 {
            stair("fill-progress", height * share);
        }
        if at == level.place {
            let spot = Spot { x: x + width / 2.0, y: floor - height - 5.0 - coin / 2.0, size: coin };
            place(out, "coin", spot, 0.0);
        }
    }
}
