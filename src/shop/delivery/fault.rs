//! Why there is no pass.

use crate::pure::passes::StripError;
use crate::pure::passes::apple::AppleError;
use crate::pure::passes::sign::SignError;
use crate::shop::till::TillError;

/// Why a pass was not made. Each names what is to be done.
#[derive(Debug, thiserror::Error)]
pub enum PassFault {
    /// No card has this serial.
    #[error("no card has this serial")]
    UnknownCard,
    /// No `[[apple]]` table takes the card's programme.
    #[error(
        "no [[apple]] table of the configuration takes the programme '{programme}'; add the programme to one, or a table \
         without programmes"
    )]
    NoPassType {
        /// The card's programme.
        programme: String,
    },
    /// The pass type is read, and not made.
    #[error("[[apple]] {pass_type_id} names no certificate; name the .p12 in its key certificate")]
    NoCertificate {
        /// The pass type.
        pass_type_id: String,
    },
    /// No `[google]` section.
    #[error("the configuration has no [google] section; add one with the issuer's number")]
    NoIssuer,
    /// No design takes the card's programme or kind.
    #[error("no design of [paths] passes takes the programme '{programme}'; name it in the design's programmes")]
    NoDesign {
        /// The card's programme.
        programme: String,
    },
    /// Nothing may be signed now, or signing failed.
    #[error("{0}")]
    Sign(#[from] SignError),
    /// The strip could not be drawn.
    #[error("the strip cannot be drawn: {0}; look at the design with 'stampd pass preview'")]
    Draw(#[from] StripError),
    /// pass.json cannot be written from what the card and the design say.
    #[error("the pass cannot be written: {0}")]
    Write(#[from] AppleError),
    /// OpenSSL failed.
    #[error("signing failed: {0}")]
    Crypto(String),
    /// The pass cannot be kept.
    #[error("the pass cannot be kept ({0}); free some space in [paths] cache, or let the stampd user own it")]
    Keep(#[from] std::io::Error),
    /// The card cannot be read.
    #[error("the card cannot be read: {0}")]
    Till(TillError),
}

impl PassFault {
    /// The code on the wire.
    pub fn code(&self) -> &'static str {
        match self {
            PassFault::UnknownCard => "unknown_card",
            PassFault::NoPassType { .. } | PassFault::NoCertificate { .. } => "pass_not_configured",
            PassFault::NoIssuer => "google_not_configured",
            PassFault::NoDesign { .. } => "no_design",
            PassFault::Sign(SignError::ClockUntrusted) => "clock_untrusted",
            PassFault::Sign(SignError::NotYetValid { .. }) => "certificate_not_yet_valid",
            PassFault::Sign(SignError::Expired { .. } | SignError::IntermediateExpired { .. }) => "certificate_expired",
            PassFault::Sign(SignError::Failed(_)) | PassFault::Crypto(_) => "signing_failed",
            PassFault::Draw(_) | PassFault::Write(_) => "design_fault",
            PassFault::Keep(_) => "cache_fault",
            PassFault::Till(_) => "ledger_fault",
        }
    }

    /// Whether there is nothing to be made: no wallet is configured for the card, or the card is gone.
    pub(super) fn is_nothing(&self) -> bool {
        matches!(self, PassFault::UnknownCard | PassFault::NoPassType { .. } | PassFault::NoCertificate { .. })
    }
}
