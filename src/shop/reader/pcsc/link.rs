//! A reader's line to the service: its own context, the connection to a chip, the hold on it, and the release. With
//! `monitor.rs` the only code that calls PC/SC.
//!
//! Everything here blocks, and none of it can be cancelled; `watchdog.rs` stands beside it.

use std::ffi::CString;

use ::pcsc::{
    Card, Context, Disposition, Error, MAX_BUFFER_SIZE_EXTENDED, Protocols, Scope, ShareMode, Transaction, ctl_code,
};

use crate::pure::tap::Release;

use super::Access;
use super::exchange::Chip;
use super::fault::ChipFault;

/// One reader's line to the service.
pub struct Link {
    reader: CString,
    share: ShareMode,
    /// Made when it is first needed, dropped when it died.
    context: Option<Context>,
    /// A chip that answers more than fits executes the command all the same, so everything fits.
    answer: Vec<u8>,
}

impl Link {
    /// A line to `reader`; nothing is opened yet.
    pub fn new(reader: CString, access: Access) -> Self {
        let share = match access {
            Access::Shared => ShareMode::Shared,
            Access::Exclusive => ShareMode::Exclusive,
        };
        Self { reader, share, context: None, answer: vec![0; MAX_BUFFER_SIZE_EXTENDED] }
    }

    /// Drops the context and makes a new one, so that the next tap need not. Fails silently: the tap tries again.
    pub fn renew(&mut self) {
        self.context = None;
        let _ = self.context();
    }

    /// Connects to the chip, holds it, lets `read` speak to it, and releases it as `read` says.
    pub fn with_chip(&mut self, read: &mut dyn FnMut(&mut dyn Chip) -> Release) -> Result<(), ChipFault> {
        let card = match self.connect() {
            // The context may be that of a service which is gone, with a new one in its place.
            Err(ChipFault::Broken) => {
                self.context = None;
                self.connect()
            }
            card => card,
        };
        let mut card = card.inspect_err(|fault| self.drop_if_broken(*fault))?;
        let held = hold(&mut card, self.share, &mut self.answer, read);
        let release = *held.as_ref().unwrap_or(&Release::Leave);
        // Always with a word: a card that is merely dropped is reset. That the chip left meanwhile is no news.
        let released = card.disconnect(disposition(release)).map_err(|(_, error)| ChipFault::from(error));
        for fault in held.err().into_iter().chain(released.err()) {
            self.drop_if_broken(fault);
        }
        held.map(drop)
    }

    /// Sends escape APDUs to the reader itself, no chip needed, and returns its answers.
    pub fn escape(&mut self, commands: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, ChipFault> {
        let reader = self.reader.clone();
        let card = self.context()?.connect(&reader, ShareMode::Direct, Protocols::UNDEFINED)?;
        let answers = commands.iter().map(|command| Ok(escape(&card, command, &mut self.answer)?)).collect();
        // A chip that came meanwhile is left as it is.
        let _ = card.disconnect(Disposition::LeaveCard);
        answers
    }

    fn connect(&mut self) -> Result<Card, ChipFault> {
        let reader = self.reader.clone();
        let share = self.share;
        Ok(self.context()?.connect(&reader, share, Protocols::T0 | Protocols::T1)?)
    }

    fn context(&mut self) -> Result<&Context, ChipFault> {
        match &mut self.context {
            Some(context) => Ok(context),
            none => Ok(none.insert(Context::establish(Scope::System).map_err(|_| ChipFault::Broken)?)),
        }
    }

    fn drop_if_broken(&mut self, fault: ChipFault) {
        if fault == ChipFault::Broken {
            self.context = None;
        }
    }
}

fn hold(
    card: &mut Card,
    share: ShareMode,
    answer: &mut [u8],
    read: &mut dyn FnMut(&mut dyn Chip) -> Release,
) -> Result<Release, ChipFault> {
    let transaction = match card.transaction2() {
        Ok(transaction) => transaction,
        Err((card, Error::ResetCard)) => {
            card.reconnect(share, Protocols::T0 | Protocols::T1, Disposition::LeaveCard)?;
            card.transaction()?
        }
        Err((_, error)) => return Err(error.into()),
    };
    let mut held = Held { transaction, share, answer, broken: None };
    let release = read(&mut held);
    let Held { transaction, broken, .. } = held;
    let ended = transaction.end(Disposition::LeaveCard).map_err(|(_, error)| ChipFault::from(error));
    match (broken, ended) {
        (Some(fault), _) | (None, Err(fault @ ChipFault::Broken)) => Err(fault),
        (None, _) => Ok(release),
    }
}

/// libccid takes escapes under code 1, drivers of makers under 3500 as their manuals say (readers-and-scanners.md section 1.10).
fn escape(card: &Card, command: &[u8], answer: &mut [u8]) -> Result<Vec<u8>, Error> {
    match card.control(ctl_code(1), command, answer) {
        Ok(answer) => Ok(answer.to_vec()),
        Err(Error::UnsupportedFeature) => Ok(card.control(ctl_code(3500), command, answer)?.to_vec()),
        Err(error) => Err(error),
    }
}

fn disposition(release: Release) -> Disposition {
    match release {
        Release::Unpower => Disposition::UnpowerCard,
        Release::Reset => Disposition::ResetCard,
        Release::Leave => Disposition::LeaveCard,
    }
}

struct Held<'a> {
    transaction: Transaction<'a>,
    share: ShareMode,
    answer: &'a mut [u8],
    /// The context died meanwhile.
    broken: Option<ChipFault>,
}

impl Held<'_> {
    fn note(&mut self, error: Error) -> ChipFault {
        let fault = ChipFault::from(error);
        if fault == ChipFault::Broken {
            self.broken = Some(fault);
        }
        fault
    }
}

impl Chip for Held<'_> {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, ChipFault> {
        match self.transaction.transmit(command, self.answer) {
            Ok(answer) => Ok(answer.to_vec()),
            Err(error) => Err(self.note(error)),
        }
    }

    fn reconnect(&mut self) -> Result<(), ChipFault> {
        self.transaction
            .reconnect(self.share, Protocols::T0 | Protocols::T1, Disposition::LeaveCard)
            .map_err(|error| self.note(error))
    }
}
