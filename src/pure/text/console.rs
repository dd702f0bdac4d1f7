//! The words of the console's pages, and what the staff can do about a refusal.

use super::catalogue::{fill, text_of, try_fill};
use super::{Language, duration};
use crate::pure::domain::RefusalCode;

/// A word or short sentence of the console that stands alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Label {
    /// The title of the counter's page.
    Counter,
    /// What the login page is for.
    LoginLead,
    /// Above the field for the name.
    Name,
    /// Above the field for the PIN.
    Pin,
    /// The button that logs in.
    Login,
    /// The button that logs out.
    Logout,
    /// Name or PIN are wrong.
    LoginWrong,
    /// The form was sent by another page.
    LoginForeign,
    /// The ledger could not be read.
    LoginFault,
    /// Nothing is presented.
    Ready,
    /// What to do while nothing is presented.
    ReadyHint,
    /// Above the list of the last taps.
    LastTaps,
    /// The list is empty.
    NoTaps,
    /// A tap that earned.
    Awarded,
    /// A tap that only showed the card.
    Presented,
    /// The same visit again.
    AlreadyCounted,
    /// A tap that came to nothing.
    Refused,
    /// Follows a figure: what is missing.
    ToNext,
    /// Before the number of rewards that can be redeemed.
    RewardsReady,
    /// Before the date on which something lapses.
    Lapses,
    /// Before a level's name.
    Tier,
    /// Before the serial of a card without a name.
    Card,
    /// The mark of a tap that was taken while the clock could not be believed.
    ClockSuspect,
    /// What the staff do about a visit that was counted before.
    AlreadyCountedAdvice,
    /// The button that takes a message away.
    Done,
    /// The lamp of the readers.
    Readers,
    /// No reader is connected.
    NoReader,
    /// The smart card service is away.
    NoService,
    /// The lamp of the connection between page and device.
    Connection,
    /// The lamp shows nothing wrong.
    LampGood,
    /// The lamp shows that somebody has to look.
    LampCheck,
    /// The page listens.
    Live,
    /// The page does not hear the device and tries again.
    Away,
    /// The switch for sounds.
    Sound,
    /// Before the tills to choose from.
    Till,
    /// The choice of every till.
    AllTills,
    /// The browser runs no scripts.
    NoScript,
}

impl Label {
    /// All of them.
    pub const ALL: [Label; 37] = {
        use Label::*;
        [
            Counter,
            LoginLead,
            Name,
            Pin,
            Login,
            Logout,
            LoginWrong,
            LoginForeign,
            LoginFault,
            Ready,
            ReadyHint,
            LastTaps,
            NoTaps,
            Awarded,
            Presented,
            AlreadyCounted,
            Refused,
            ToNext,
            RewardsReady,
            Lapses,
            Tier,
            Card,
            ClockSuspect,
            AlreadyCountedAdvice,
            Done,
            Readers,
            NoReader,
            NoService,
            Connection,
            LampGood,
            LampCheck,
            Live,
            Away,
            Sound,
            Till,
            AllTills,
            NoScript,
        ]
    };

    /// Its message.
    pub(super) fn id(self) -> &'static str {
        match self {
            Label::Counter => "label-counter",
            Label::LoginLead => "label-login-lead",
            Label::Name => "label-name",
            Label::Pin => "label-pin",
            Label::Login => "label-login",
            Label::Logout => "label-logout",
            Label::LoginWrong => "label-login-wrong",
            Label::LoginForeign => "label-login-foreign",
            Label::LoginFault => "label-login-fault",
            Label::Ready => "label-ready",
            Label::ReadyHint => "label-ready-hint",
            Label::LastTaps => "label-last-taps",
            Label::NoTaps => "label-no-taps",
            Label::Awarded => "label-awarded",
            Label::Presented => "label-presented",
            Label::AlreadyCounted => "label-already-counted",
            Label::Refused => "label-refused",
            Label::ToNext => "label-to-next",
            Label::RewardsReady => "label-rewards-ready",
            Label::Lapses => "label-lapses",
            Label::Tier => "label-tier",
            Label::Card => "label-card",
            Label::ClockSuspect => "label-clock-suspect",
            Label::AlreadyCountedAdvice => "label-already-counted-advice",
            Label::Done => "label-done",
            Label::Readers => "label-readers",
            Label::NoReader => "label-no-reader",
            Label::NoService => "label-no-service",
            Label::Connection => "label-connection",
            Label::LampGood => "label-lamp-good",
            Label::LampCheck => "label-lamp-check",
            Label::Live => "label-live",
            Label::Away => "label-away",
            Label::Sound => "label-sound",
            Label::Till => "label-till",
            Label::AllTills => "label-all-tills",
            Label::NoScript => "label-no-script",
        }
    }
}

/// The names on the wire of what a reader may be in, each with a word of its own ([`reader_state`]).
pub const READER_STATES: [&str; 9] =
    ["ready", "lift_first", "mute", "held", "stuck", "no_service", "gone", "no_rights", "wrong_kind"];

/// A label as it is read.
pub fn label(language: Language, label: Label) -> String {
    fill(language, label.id(), &[])
}

/// Too many wrong PINs were heard; the right one is heard again in `wait_s` seconds.
pub fn login_locked(language: Language, wait_s: i64) -> String {
    fill(language, "login-locked", &[("wait", duration(language, wait_s).into())])
}

/// The state of a reader, for people: its name on the wire where no word is known.
pub fn reader_state(language: Language, state: &str) -> String {
    try_fill(language, &format!("reader-{state}"), &[]).unwrap_or_else(|_| state.replace('_', " "))
}

/// What is to be done about a reader in that state; `None` where nothing is.
pub fn reader_remedy(language: Language, state: &str) -> Option<String> {
    try_fill(language, &format!("reader-{state}-advice"), &[]).ok()
}

/// What is to be done about a scanner in that state; `None` where nothing is.
pub fn scanner_remedy(language: Language, state: &str) -> Option<String> {
    try_fill(language, &format!("scanner-{state}-advice"), &[]).ok()
}

/// What the staff can do about a refused tap, in a sentence; `None` where the refusal's own line says it all.
pub fn remedy(language: Language, code: RefusalCode) -> Option<String> {
    use RefusalCode::*;
    match code {
        UnknownToken | Replayed | StaleToken | CardDeleted | CardBlocked | CardExpired | ProgrammePaused
        | ForeignLedger | GradeTooLow | TooSoon | DailyLimit => {
            Some(text_of(try_fill(language, &format!("remedy-{}", code.name()), &[])))
        }
        _ => None,
    }
}
