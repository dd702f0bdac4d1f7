//! Every sentence that staff and customers read, in English and German (`en.ftl`, `de.ftl`, in the language of Project
//! Fluent).
//!
//! Callers pass plain values and get plain text. A *line* has at most [`LINE_MAX`] characters: the counter shows it at
//! reading distance and a till prints it. *Advice* is a sentence or two for the staff and names the barcode as the way out.
//!
//! **Invariant:** both languages hold the same messages with the same arguments, and every code has one (the tests below).

mod catalogue;
mod console;
mod figures;
mod printable;
mod receipt;
mod row;
mod wallet;

use fluent_bundle::FluentValue;

use crate::pure::domain::{Refusal, TapProblem};

use self::catalogue::{amount, fill};

pub use crate::pure::domain::Language;

pub use self::console::{
    Label, READER_STATES, label, login_locked, reader_remedy, reader_state, remedy, scanner_remedy,
};
pub use self::figures::{day, money, number, percent};
pub use self::printable::{SHOWN_MAX, printable, shown, shown_to};
pub use self::receipt::{RECEIPT_COLUMNS, Receipt, receipt};
pub use self::row::{Counting, explanation};
pub use self::wallet::{WalletWord, wallet_word};

/// The most characters of a line (INTERFACES.md, the counter).
pub const LINE_MAX: usize = 60;

/// What a programme counts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Stamps.
    Stamps,
    /// Points, also where they are money.
    Points,
}

/// A card's figures as a line needs them. Amounts are integers of `scale` decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures<'a> {
    /// What the programme counts in.
    pub unit: Unit,
    /// Decimals of an amount: 530 with scale 2 reads 5.30.
    pub scale: u8,
    /// The amount that the line is about: what was earned, or the balance of a card that is only presented.
    pub amount: i64,
    /// What is missing to the next reward; `None` where there is none to reach.
    pub to_next: Option<i64>,
    /// Rewards that are ready now.
    pub rewards_ready: i64,
    /// The name of the reward that is ready; `None` reads "Reward".
    pub reward: Option<&'a str>,
}

/// What a tap or scan did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// It earned, or showed what a card has.
    Card(Figures<'a>),
    /// A medium was bound to a card; nothing was counted.
    Bound,
    /// The same visit again.
    AlreadyCounted {
        /// Local time of the first one, `14:05:07`.
        at: &'a str,
    },
}

/// The line that says what a tap did: "1 stamp. Free coffee ready.", "2 stamps, 8 to go", "already counted 14:05:07". A
/// reward's name that does not fit is shortened.
pub fn outcome(language: Language, outcome: &Outcome<'_>) -> String {
    match outcome {
        Outcome::AlreadyCounted { at } => line(&fill(language, "outcome-already-counted", &[("at", (*at).into())])),
        Outcome::Bound => line(&fill(language, "outcome-bound", &[])),
        Outcome::Card(figures) => card_line(language, figures),
    }
}

/// The line for a refusal, with its figures where it carries them. `max` is shown as the bare number; where it stands for
/// money or a scaled unit, [`refusal_shown`] takes it as text.
pub fn refusal(language: Language, refusal: &Refusal) -> String {
    let max = refusal.max.map(|max| max.to_string());
    refusal_shown(language, refusal, max.as_deref())
}

/// As [`refusal`], with `max` as it is to be read ("5.30", "12,00 €").
pub fn refusal_shown(language: Language, refusal: &Refusal, max: Option<&str>) -> String {
    line(&catalogue::text_of(catalogue::refusal(language, refusal, max)))
}

/// The line for a pass whose time stamp lies `ahead_s` seconds ahead of our trusted clock (negative: behind). It names the
/// phone's clock, because ours was found to be right.
pub fn stale_token(language: Language, ahead_s: i64) -> String {
    let id = if ahead_s < 0 { "stale-phone-behind" } else { "stale-phone-ahead" };
    line(&fill(language, id, &[("wait", nearest(language, ahead_s.saturating_abs()).into())]))
}

/// The line for a chip whose counter lies behind the one that was last seen.
pub fn stale_counter(language: Language) -> String {
    line(&fill(language, "stale-counter", &[]))
}

/// The line for a code of goods or of a coupon that was scanned in place of a card's.
pub fn goods(language: Language) -> String {
    line(&fill(language, "outcome-goods", &[]))
}

/// Advice for a tap that read no card.
pub fn tap_problem(language: Language, problem: TapProblem) -> String {
    fill(language, &format!("tap-{}-advice", problem.name()), &[])
}

/// Why a tap was not booked, whatever the rules say of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unbooked {
    /// The disk of the device is full.
    DiskFull,
    /// The storage under the ledger failed.
    StorageFault,
}

impl Unbooked {
    /// Both of them.
    pub const ALL: [Unbooked; 2] = [Unbooked::DiskFull, Unbooked::StorageFault];

    /// The code of the API for it.
    pub fn code(self) -> &'static str {
        match self {
            Unbooked::DiskFull => "disk_full",
            Unbooked::StorageFault => "storage_fault",
        }
    }
}

/// What the staff is told of a tap that could not be booked.
pub fn unbooked(language: Language, why: Unbooked) -> String {
    fill(language, &format!("unbooked-{}", why.code()), &[])
}

/// The line for a tap that read no card.
pub fn tap_problem_line(language: Language, problem: TapProblem) -> String {
    line(&fill(language, &format!("tap-{}", problem.name()), &[]))
}

/// Advice for a status word of Apple VAS (apple-vas.md section 7); `None` for 9000, and for 6A82, after which other
/// protocols are tried.
pub fn vas_status(language: Language, status: u16) -> Option<String> {
    let id = match status {
        0x9000 | 0x6A82 => return None,
        0x6A83 => "tap-no_pass-advice",
        0x6287 | 0x6982 => "tap-unlock_phone-advice",
        0x6984 => "tap-choose_pass-advice",
        0x6700 | 0x6A80 | 0x6B00 => "vas-reader-error",
        0x6A81 => "vas-no-vas",
        _ => "vas-try-again",
    };
    Some(fill(language, id, &[]))
}

/// Advice for a status word of Google Smart Tap (google-smart-tap.md section 10); `None` for those that go on with the
/// exchange, and for 6A82, after which other protocols are tried. 9500 is everyday: the phone holds no pass of ours.
pub fn smart_tap_status(language: Language, status: u16) -> Option<String> {
    let id = match status {
        0x9001 | 0x9102 | 0x9500 => "tap-no_pass-advice",
        0x9002 | 0x9400..=0x94FF | 0x9501..=0x95FF => "vas-reader-error",
        0x9000..=0x91FF | 0x6A82 => return None,
        0x9300 => "smart-unlock",
        0x9302 => "tap-choose_pass-advice",
        0x9301..=0x93FF => "smart-see-phone",
        _ => "vas-try-again",
    };
    Some(fill(language, id, &[]))
}

/// A duration of `seconds` in one whole unit, rounded up, so that whoever waits that long is not sent away again: "45 s",
/// "12 min", "3 h", "2 days". Negative ones read as 0 s.
pub fn duration(language: Language, seconds: i64) -> String {
    whole_units(language, seconds, |seconds, unit| seconds.div_ceil(unit))
}

/// As [`duration`], rounded to the nearest whole unit, half of one up: what a difference is called.
fn nearest(language: Language, seconds: i64) -> String {
    whole_units(language, seconds, |seconds, unit| seconds.saturating_add(unit / 2) / unit)
}

fn whole_units(language: Language, seconds: i64, round: impl Fn(u64, u64) -> u64) -> String {
    let seconds = seconds.max(0).unsigned_abs();
    let (id, unit) = match seconds {
        0..=90 => ("duration-s", 1),
        91..=5_400 => ("duration-min", 60),
        5_401..=172_800 => ("duration-h", 3_600),
        _ => ("duration-days", 86_400),
    };
    let count = round(seconds, unit);
    fill(language, id, &[("count", FluentValue::from(count))])
}

fn card_line(language: Language, figures: &Figures<'_>) -> String {
    let shown = amount(language, figures.unit, figures.amount, figures.scale);
    if figures.rewards_ready < 1 {
        let Some(to_next) = figures.to_next else {
            return line(&fill(language, "outcome-plain", &[("amount", shown.into())]));
        };
        let to_next = catalogue::decimal(language, to_next, figures.scale);
        return line(&fill(language, "outcome-to-go", &[("amount", shown.into()), ("to_next", to_next.into())]));
    }
    let unnamed = fill(language, "outcome-reward-unnamed", &[]);
    let name = figures.reward.filter(|name| !name.trim().is_empty()).unwrap_or(&unnamed);
    let written = |reward: &str| {
        let amount = ("amount", shown.clone().into());
        match figures.rewards_ready {
            1 => fill(language, "outcome-ready", &[amount, ("reward", reward.into())]),
            ready => {
                let ready = ("ready", ready.to_string().into());
                fill(language, "outcome-ready-several", &[amount, ready, ("reward", reward.into())])
            }
        }
    };
    let whole = written(name);
    let excess = whole.chars().count().saturating_sub(LINE_MAX);
    if excess == 0 {
        return line(&whole);
    }
    let room = name.chars().count().saturating_sub(excess);
    line(&written(&shortened(name, room)))
}

/// A line out of a text; what is too long all the same loses its end.
fn line(text: &str) -> String {
    shortened(text, LINE_MAX)
}

/// `text` in at most `room` characters, the last of them an ellipsis where something was left out.
fn shortened(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    let mut kept: String = text.chars().take(room.saturating_sub(1)).collect();
    kept.truncate(kept.trim_end().len());
    kept.push('…');
    kept
}

#[cfg(test)]
mod tests;
