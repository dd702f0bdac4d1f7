//! `stampd doctor`: looks at everything that an installation needs and says one line for each, with the remedy.
//!
//! It may run at any time, also beside a daemon: the ledger is only read, readers are only listed, and of a folder's rights
//! it makes sure by a file that it takes away again. Whatever the daemon would refuse at its start is a `FAIL` here.

mod counter;
mod doors;
mod finding;
mod home;
mod machine;
mod scanners;
mod setup;
mod usb;
mod wallets;

use anyhow::Result;
use clap::Args;

use self::doors::Daemon;
use self::finding::{Finding, Level};
use super::Context;
use crate::base::config::Config;

/// What doctor may be told: nothing of its own yet.
#[derive(Args, Debug)]
pub struct DoctorArgs {}

/// What the checks look at.
struct Patient {
    config: Config,
    daemon: Daemon,
}

/// One check. Each looks at one part and tells what it found there, at least one line.
type Check = fn(&Patient) -> Vec<Finding>;

/// The checks that need a configuration, in the order in which an installer wants them.
const CHECKS: [Check; 12] = [
    setup::rules,
    setup::keys,
    wallets::certificates,
    wallets::pictures,
    home::clock,
    home::folders,
    home::ledger,
    doors::daemon,
    doors::listeners,
    doors::links,
    counter::tills,
    scanners::scanners,
];

/// Runs the command.
pub fn run(context: &Context, _: DoctorArgs) -> Result<()> {
    let findings = examine(context);
    finding::print(&findings, context.json)?;
    let failed = findings.iter().filter(|finding| finding.level == Level::Fail).count();
    if failed > 0 {
        anyhow::bail!("{failed} of {} checks failed; each line above names its remedy", findings.len());
    }
    Ok(())
}

fn examine(context: &Context) -> Vec<Finding> {
    let mut findings = Vec::new();
    let config = match Config::load(&context.config) {
        Ok(config) => config,
        Err(error) => {
            findings.push(setup::config_fault(&error));
            findings.extend(machine::kernel_modules());
            findings.extend(counter::readers(None));
            findings.push(Finding::warn(
                "configuration",
                "ledger, keys, rules and doors were not looked at",
                "correct the configuration, then run 'stampd doctor' again",
            ));
            return findings;
        }
    };
    findings.push(setup::config_found(&config));
    let daemon = Daemon::ask(&config.api.socket);
    let patient = Patient { config, daemon };
    findings.extend(CHECKS.iter().flat_map(|check| check(&patient)));
    findings.extend(machine::kernel_modules());
    findings.extend(counter::readers(Some(&patient)));
    findings
}
