//! Why a tap read no card although a chip was there: said to the staff by `text`, told on the wire by its code.

/// Why an exchange gave no card. Each has a sentence for the staff in `text` and a code on the wire (DESIGN.md section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TapProblem {
    /// No pass of ours on this phone, or another one is on its screen (`no_pass`).
    NoPass,
    /// The customer must unlock or confirm; tried again while the phone stays (`unlock_phone`).
    UnlockPhone,
    /// The customer must choose the pass on the screen; tried again while the phone stays (`choose_pass`).
    ChoosePass,
    /// The phone left, or came too briefly (`hold_still`).
    HoldStill,
    /// A pass was issued with a key that this shop does not have (`foreign_key`).
    ForeignKey,
    /// The shop's own clock cannot be trusted and the policy refuses then (`clock_suspect`).
    ClockSuspect,
    /// The chip or reader answered something that the protocol does not allow (`chip_error`).
    ChipError,
}

impl TapProblem {
    /// All of them.
    pub const ALL: [TapProblem; 7] = [
        TapProblem::NoPass,
        TapProblem::UnlockPhone,
        TapProblem::ChoosePass,
        TapProblem::HoldStill,
        TapProblem::ForeignKey,
        TapProblem::ClockSuspect,
        TapProblem::ChipError,
    ];

    /// The code on the wire.
    pub fn name(self) -> &'static str {
        match self {
            TapProblem::NoPass => "no_pass",
            TapProblem::UnlockPhone => "unlock_phone",
            TapProblem::ChoosePass => "choose_pass",
            TapProblem::HoldStill => "hold_still",
            TapProblem::ForeignKey => "foreign_key",
            TapProblem::ClockSuspect => "clock_suspect",
            TapProblem::ChipError => "chip_error",
        }
    }

    /// Whether the reader tries again by itself while the phone stays (apple-vas.md section 11).
    pub fn tries_again(self) -> bool {
        matches!(self, TapProblem::UnlockPhone | TapProblem::ChoosePass)
    }
}
