//! What the rules refuse: values, not errors, told in a documented order (DESIGN.md section 7).

/// The code of a refusal, in the order in which they are told when several apply: the first of the list wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RefusalCode {
    /// No live credential of this medium matches.
    UnknownToken,
    /// This very proof was used before.
    Replayed,
    /// Its time stamp or counter is out of range.
    StaleToken,
    /// A phone number that finds several cards.
    SeveralCards,
    /// The serial is deleted for good.
    CardDeleted,
    /// Blocked in the shop or by head office.
    CardBlocked,
    /// Past its date; earns nothing more (RULES.md X23).
    CardExpired,
    /// The programme is not running now.
    ProgrammePaused,
    /// Another system owns this balance.
    ForeignLedger,
    /// The medium proves too little for this.
    GradeTooLow,
    /// The interval between earns is not over; carries `retry_after_s`.
    TooSoon,
    /// Over the day's limit; `allowed` tells the rest.
    DailyLimit,
    /// Over the limit of one transaction; `allowed`.
    PerTransactionLimit,
    /// Amounts that must agree do not.
    AmountMismatch,
    /// This `txn_id` had other content.
    TxnReuse,
    /// No reward is left, the last one lapsed.
    RewardExpired,
    /// No reward is available.
    NoReward,
    /// Less is there than asked; `max`.
    InsufficientBalance,
    /// More than this bill may take; `max`.
    RedeemCap,
    /// More than is left to refund; `max`. Also a void while a refund stands.
    RefundExceeds,
    /// Not redeemable here while head office is away.
    OfflineRedeem,
    /// A reward that it unlocked was used, or without it what came later lacks cover.
    DependentRedeemed,
    /// Too late for this till.
    VoidWindowPassed,
    /// Voided before.
    AlreadyVoided,
    /// Over this role's limits; a manager approves.
    NeedsManager,
}

impl RefusalCode {
    /// All of them, in order of precedence.
    pub const ALL: [RefusalCode; 25] = {
        use RefusalCode::*;
        [
            UnknownToken,
            Replayed,
            StaleToken,
            SeveralCards,
            CardDeleted,
            CardBlocked,
            CardExpired,
            ProgrammePaused,
            ForeignLedger,
            GradeTooLow,
            TooSoon,
            DailyLimit,
            PerTransactionLimit,
            AmountMismatch,
            TxnReuse,
            RewardExpired,
            NoReward,
            InsufficientBalance,
            RedeemCap,
            RefundExceeds,
            OfflineRedeem,
            DependentRedeemed,
            VoidWindowPassed,
            AlreadyVoided,
            NeedsManager,
        ]
    };

    /// The stable code on the wire.
    pub fn name(self) -> &'static str {
        use RefusalCode::*;
        match self {
            UnknownToken => "unknown_token",
            Replayed => "replayed",
            StaleToken => "stale_token",
            SeveralCards => "several_cards",
            CardDeleted => "card_deleted",
            CardBlocked => "card_blocked",
            CardExpired => "card_expired",
            ProgrammePaused => "programme_paused",
            ForeignLedger => "foreign_ledger",
            GradeTooLow => "grade_too_low",
            TooSoon => "too_soon",
            DailyLimit => "daily_limit",
            PerTransactionLimit => "per_transaction_limit",
            AmountMismatch => "amount_mismatch",
            TxnReuse => "txn_reuse",
            RewardExpired => "reward_expired",
            NoReward => "no_reward",
            InsufficientBalance => "insufficient_balance",
            RedeemCap => "redeem_cap",
            RefundExceeds => "refund_exceeds",
            OfflineRedeem => "offline_redeem",
            DependentRedeemed => "dependent_redeemed",
            VoidWindowPassed => "void_window_passed",
            AlreadyVoided => "already_voided",
            NeedsManager => "needs_manager",
        }
    }

    /// The refusal of that code.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.name() == name)
    }
}

/// A refusal with the figures that apply to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Which.
    pub code: RefusalCode,
    /// The most that would be accepted: units, rewards or minor units, as asked.
    pub max: Option<i64>,
    /// What both stamp limits would pass now, in units.
    pub allowed: Option<i64>,
    /// Seconds until it may be tried again, rounded up.
    pub retry_after_s: Option<i64>,
}

impl Refusal {
    /// A refusal without figures.
    pub fn new(code: RefusalCode) -> Self {
        Self { code, max: None, allowed: None, retry_after_s: None }
    }

    /// With the most that would be accepted.
    pub fn max(self, max: i64) -> Self {
        Self { max: Some(max), ..self }
    }

    /// With what the limits would pass now.
    pub fn allowed(self, allowed: i64) -> Self {
        Self { allowed: Some(allowed), ..self }
    }

    /// With the seconds until it may be tried again.
    pub fn retry_after_s(self, seconds: i64) -> Self {
        Self { retry_after_s: Some(seconds), ..self }
    }

    /// Of two that apply, the one that is told.
    pub fn first(self, other: Refusal) -> Refusal {
        if other.code < self.code { other } else { self }
    }
}

impl From<RefusalCode> for Refusal {
    fn from(code: RefusalCode) -> Self {
        Self::new(code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precedence_is_the_order_of_the_list() {
        assert!(RefusalCode::ALL.windows(2).all(|pair| pair[0] < pair[1]));
        for first in RefusalCode::ALL {
            for second in RefusalCode::ALL {
                let told = Refusal::new(first).first(Refusal::new(second));
                assert_eq!(told.code, first.min(second));
            }
        }
    }
}
