//! Why something is posted by hand, in the words of the wire (PROFILE.md section S5).

/// The reasons of PROFILE.md S5.17 to S5.26. They never change arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// S5.17, the default of a plus.
    ManualEarning,
    /// S5.18.
    Compensation,
    /// S5.19.
    Promotion,
    /// S5.20.
    Birthday,
    /// S5.21, a wrong operation put right; the default of a minus.
    Adjustment,
    /// S5.22, points instead of a discount.
    Discount,
    /// S5.23.
    Purchase,
    /// S5.24, a product came back.
    Return,
    /// S5.25.
    Expiration,
    /// S5.26.
    Other,
}

impl Reason {
    /// All of them, in the order of the list.
    pub const ALL: [Reason; 10] = {
        use Reason::*;
        [ManualEarning, Compensation, Promotion, Birthday, Adjustment, Discount, Purchase, Return, Expiration, Other]
    };

    /// The word on the wire.
    pub fn name(self) -> &'static str {
        use Reason::*;
        match self {
            ManualEarning => "manual_earning",
            Compensation => "compensation",
            Promotion => "promotion",
            Birthday => "birthday",
            Adjustment => "adjustment",
            Discount => "discount",
            Purchase => "purchase",
            Return => "return",
            Expiration => "expiration",
            Other => "other",
        }
    }

    /// The reason of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }

    /// What is meant when none is given (RULES.md X19).
    pub fn default_for(value: i64) -> Self {
        if value < 0 { Reason::Adjustment } else { Reason::ManualEarning }
    }
}

/// Why rewards leave by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemoveReason {
    /// The customer used them.
    Redeem,
    /// They should not have been there.
    Correction,
    /// They lapsed.
    Expired,
}

impl RemoveReason {
    /// The word on the wire.
    pub fn name(self) -> &'static str {
        match self {
            RemoveReason::Redeem => "redeem",
            RemoveReason::Correction => "correction",
            RemoveReason::Expired => "expired",
        }
    }

    /// The reason of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [RemoveReason::Redeem, RemoveReason::Correction, RemoveReason::Expired]
            .into_iter()
            .find(|why| why.name() == name)
    }
}
