//! A look at the service and its readers from outside, for whoever checks an installation. It connects to no chip, holds
//! nothing and disturbs no daemon that uses the same readers.

use std::time::Duration;

use ::pcsc::{Context, Error, ReaderState as Sight, Scope, State};

use crate::shop::reader::ServiceStatus;

use super::fault::{REFUSALS_MIN, ServiceFault};
use super::usb;

/// How long a service may take to tell what lies on its readers. They are asked for what is known, not for news.
const WAIT_MAX: Duration = Duration::from_secs(2);

/// What there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Whether the service answers.
    pub service: ServiceStatus,
    /// Its readers by name, in its order; empty when it does not answer.
    pub readers: Vec<ProbedReader>,
}

/// One reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbedReader {
    /// Its name, as the service gives it.
    pub name: String,
    /// Whether something lies on it.
    pub lies: Lies,
    /// The USB port on which it is, as `[[reader]] usb` names it; `None` where the driver does not say, and for the virtual
    /// reader.
    pub usb: Option<String>,
}

/// What lies on a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lies {
    /// Nothing.
    Nothing,
    /// A chip.
    Chip,
    /// A chip that does not answer.
    MuteChip,
    /// The reader does not say.
    Unknown,
}

/// Looks once. Blocks for at most some seconds.
pub fn probe() -> Probe {
    match look() {
        Ok(readers) => Probe { service: ServiceStatus::Up, readers },
        Err(fault) => Probe { service: fault.into(), readers: Vec::new() },
    }
}

fn look() -> Result<Vec<ProbedReader>, ServiceFault> {
    let context = establish()?;
    let names = match context.list_readers_owned() {
        Ok(names) => names,
        Err(Error::NoReadersAvailable) => return Ok(Vec::new()),
        Err(error) => return Err(ServiceFault::on_context(error)),
    };
    let mut sights: Vec<Sight> = names.into_iter().map(|name| Sight::new(name, State::UNAWARE)).collect();
    match context.get_status_change(WAIT_MAX, &mut sights) {
        // A reader that went between the two calls is told as one that does not say.
        Ok(()) | Err(Error::Timeout | Error::UnknownReader | Error::ReaderUnavailable) => {}
        Err(error) => return Err(ServiceFault::on_context(error)),
    }
    let probed = |sight: &Sight| ProbedReader {
        name: sight.name().to_string_lossy().into_owned(),
        lies: lies(sight.event_state()),
        usb: usb::port_on(&context, sight.name()),
    };
    Ok(sights.iter().map(probed).collect())
}

fn establish() -> Result<Context, ServiceFault> {
    let mut refusals = 0;
    loop {
        let error = match Context::establish(Scope::System) {
            Ok(context) => return Ok(context),
            Err(error) => error,
        };
        refusals += 1;
        match ServiceFault::at_establish(error, refusals) {
            Some(fault) => return Err(fault),
            None if refusals >= REFUSALS_MIN => return Err(ServiceFault::Other(error)),
            None => {}
        }
    }
}

fn lies(state: State) -> Lies {
    if state.intersects(State::UNKNOWN | State::IGNORE | State::UNAVAILABLE) {
        Lies::Unknown
    } else if state.contains(State::MUTE) {
        Lies::MuteChip
    } else if state.contains(State::PRESENT) {
        Lies::Chip
    } else if state.contains(State::EMPTY) {
        Lies::Nothing
    } else {
        Lies::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_told_by_what_lies_there() {
        let cases = [
            (State::EMPTY | State::CHANGED, Lies::Nothing),
            (State::PRESENT | State::INUSE, Lies::Chip),
            (State::PRESENT | State::MUTE, Lies::MuteChip),
            (State::UNAVAILABLE, Lies::Unknown),
            (State::UNKNOWN | State::PRESENT, Lies::Unknown),
            (State::UNAWARE, Lies::Unknown),
        ];
        for (state, expected) in cases {
            assert_eq!(lies(state), expected, "{state:?}");
        }
    }
}
