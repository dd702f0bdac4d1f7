//! What PC/SC calls fail with, sorted by what is to be done about it (readers-and-scanners.md sections 1.2, 1.3, 1.6).

use ::pcsc::Error;

use crate::shop::reader::ServiceStatus;

/// The service cannot be used: every context is dead and a new one is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServiceFault {
    /// Nobody listens on its socket.
    #[error("the smart card service pcscd is not running")]
    NotRunning,
    /// It went away while it was in use.
    #[error("the smart card service pcscd stopped and is not back yet")]
    Lost,
    /// It closes the connection: polkit refuses this user.
    #[error("the smart card service pcscd refuses this user")]
    Refused,
    /// It speaks another version of its protocol.
    #[error("the smart card service pcscd and the library libpcsclite1 are of different versions")]
    Mismatch,
    /// Anything else, kept as it is.
    #[error("the smart card service pcscd answers \"{0}\"")]
    Other(Error),
}

impl ServiceFault {
    /// The fault of [`::pcsc::Context::establish`], after `refusals` refusals in a row with this one.
    pub fn at_establish(error: Error, refusals: u32) -> Option<Self> {
        match error {
            // Once or twice it is a daemon that is just dying.
            Error::SecurityViolation if refusals < REFUSALS_MIN => None,
            Error::SecurityViolation => Some(ServiceFault::Refused),
            Error::NoService => Some(ServiceFault::NotRunning),
            Error::ServiceStopped => Some(ServiceFault::Mismatch),
            error => Some(ServiceFault::Other(error)),
        }
    }

    /// The fault of any other call on a context that does not merely concern one reader or chip.
    pub fn on_context(error: Error) -> Self {
        if Self::kills_context(error) { ServiceFault::Lost } else { ServiceFault::Other(error) }
    }

    /// Whether `error`, from a call on a context, means that the context is dead (readers-and-scanners.md section 1.3).
    pub fn kills_context(error: Error) -> bool {
        matches!(
            error,
            Error::NoService
                | Error::ServiceStopped
                | Error::CommError
                | Error::InvalidHandle
                | Error::InternalError
                | Error::Shutdown
                | Error::SystemCancelled
        )
    }

    /// What the operator does about it.
    pub fn remedy(self) -> &'static str {
        match self {
            ServiceFault::NotRunning => {
                "start it: systemctl enable --now pcscd.socket; where it is not installed: apt install pcscd. \
                 A shop that only scans barcodes needs none"
            }
            ServiceFault::Lost => "it is started again by itself; if not: systemctl restart pcscd.socket",
            ServiceFault::Refused => {
                "allow this user org.debian.pcsc-lite.access_pcsc and org.debian.pcsc-lite.access_card in \
                 /etc/polkit-1/rules.d (the package brings 50-stampd.rules), then: systemctl restart polkit"
            }
            ServiceFault::Mismatch => {
                "use pcscd and libpcsclite1 of one release; in a container, the host's library must match its pcscd"
            }
            ServiceFault::Other(_) => "look at: journalctl -u pcscd",
        }
    }
}

impl From<ServiceFault> for ServiceStatus {
    fn from(fault: ServiceFault) -> Self {
        ServiceStatus::Down { reason: fault.to_string(), remedy: fault.remedy().to_owned() }
    }
}

/// How many refusals in a row are a refusal (readers-and-scanners.md section 1.3).
pub const REFUSALS_MIN: u32 = 3;

/// Why a call to a chip failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChipFault {
    /// The chip left: one of the six errors by which readers say so.
    #[error("the chip left")]
    Left,
    /// Another program, or the reader itself, reset the chip: reconnect and start again once.
    #[error("the chip was reset by another program")]
    Reset,
    /// It does not answer at all.
    #[error("the chip does not answer")]
    Mute,
    /// Another program holds the chip exclusively.
    #[error("another program holds the chip")]
    Held,
    /// The chip may have left, or the service died: the context is not used any more.
    #[error("the reader's connection broke")]
    Broken,
    /// The reader is not there.
    #[error("the reader is gone")]
    ReaderGone,
    /// Anything else, kept as it is.
    #[error("the reader answers \"{0}\"")]
    Other(Error),
}

impl From<Error> for ChipFault {
    fn from(error: Error) -> Self {
        match error {
            Error::NotTransacted | Error::RemovedCard | Error::NoSmartcard | Error::UnpoweredCard => ChipFault::Left,
            Error::ResetCard => ChipFault::Reset,
            Error::UnresponsiveCard => ChipFault::Mute,
            Error::SharingViolation => ChipFault::Held,
            Error::UnknownReader | Error::ReaderUnavailable => ChipFault::ReaderGone,
            error if ServiceFault::kills_context(error) => ChipFault::Broken,
            error => ChipFault::Other(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_errors_mean_that_the_chip_left_or_must_be_asked_again() {
        use Error::*;
        let of = |error: Error| ChipFault::from(error);
        for error in [NotTransacted, RemovedCard, NoSmartcard, UnpoweredCard] {
            assert_eq!(of(error), ChipFault::Left, "{error:?}");
        }
        assert_eq!((of(ResetCard), of(CommError)), (ChipFault::Reset, ChipFault::Broken));
        for error in [NoService, ServiceStopped, InvalidHandle, InternalError, Shutdown, SystemCancelled] {
            assert_eq!(of(error), ChipFault::Broken, "{error:?}");
            assert!(ServiceFault::kills_context(error));
        }
        for error in [Timeout, Cancelled, UnknownReader, NoReadersAvailable, ResetCard, NotTransacted] {
            assert!(!ServiceFault::kills_context(error), "{error:?}");
        }
        assert_eq!(of(SharingViolation), ChipFault::Held);
        assert_eq!(of(ProtoMismatch), ChipFault::Other(ProtoMismatch));
    }

    #[test]
    fn every_fault_of_the_service_names_its_remedy() {
        let cases = [
            (ServiceFault::at_establish(Error::SecurityViolation, 1), None),
            (ServiceFault::at_establish(Error::SecurityViolation, 3), Some("polkit")),
            (ServiceFault::at_establish(Error::NoService, 0), Some("apt install pcscd")),
            (ServiceFault::at_establish(Error::ServiceStopped, 0), Some("one release")),
            (ServiceFault::at_establish(Error::NoMemory, 0), Some("journalctl")),
            (Some(ServiceFault::Lost), Some("pcscd.socket")),
        ];
        for (fault, word) in cases {
            let Some(fault) = fault else {
                assert_eq!(word, None);
                continue;
            };
            let word = word.expect("a fault has a remedy");
            let ServiceStatus::Down { reason, remedy } = ServiceStatus::from(fault) else { panic!("a fault is down") };
            assert!(remedy.contains(word) && reason.contains("pcscd"), "{reason}: {remedy}");
        }
    }
}
