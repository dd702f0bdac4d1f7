//! What the integration tests share: private daemons, virtual chips, a scratch directory.

pub mod browser;
pub mod counter;
pub mod counting;
pub mod desk;
pub mod dice;
pub mod discovery;
pub mod faults;
pub mod google_forms;
pub mod http;
pub mod line;
pub mod passes;
pub mod pcscd;
pub mod shop;
pub mod taps;
pub mod till;

use std::time::Duration;

/// How long a test waits for what must come. Long: a machine that builds something else beside it is slow.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// How often a condition is looked at that nobody announces.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Waits until `condition` holds; panics with `what` when it does not within [`DEADLINE`].
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let mut waited = Duration::ZERO;
    while !condition() {
        assert!(waited < DEADLINE, "not within {DEADLINE:?}: {what}");
        std::thread::park_timeout(LOOK_EVERY);
        waited += LOOK_EVERY;
    }
}
