//! Programmes: rule files become versions in the ledger, versions become rule books.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::base::config::Config;
use crate::base::config::programme;
use crate::pure::domain::event::Happening;
use crate::pure::domain::{Actor, EventId, EventKind, Now, ProgrammeName};
use crate::pure::program::{Rulebook, Rules};
use crate::shop::ledger::{LedgerError, ProgrammeVersionRow, ReadOnly, Txn, WriteError};
use crate::shop::till::{Rulebooks, Till};

/// Every rule file of a folder, checked: text and rules by name.
pub fn parse_folder(folder: &Path) -> Result<BTreeMap<ProgrammeName, (String, Rules)>> {
    let listing = std::fs::read_dir(folder).with_context(|| {
        format!("cannot read the programmes' folder {}; [paths] programmes names it", folder.display())
    })?;
    let mut programmes = BTreeMap::new();
    for item in listing {
        let path = item?.path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let name = ProgrammeName::new(stem)
            .with_context(|| format!("{}: the file's name is the programme's name", path.display()))?;
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let rules = programme::parse(&text).map_err(|errors| {
            let lines: Vec<String> = errors.iter().map(|error| format!("{}: {error}", path.display())).collect();
            anyhow::anyhow!("{}", lines.join("\n"))
        })?;
        programmes.insert(name, (text, rules));
    }
    if programmes.is_empty() {
        bail!("there is no rule file in {}; copy one of those that ship, such as cafe10.toml", folder.display());
    }
    Ok(programmes)
}

/// Reads the folder, keeps new versions in the ledger, and makes the books of all versions. An error in any file leaves
/// the ledger as it was.
pub fn load(config: &Config, till: &Till, now: &Now) -> Result<Rulebooks> {
    let parsed = parse_folder(&config.paths.programmes)?;
    let running: Vec<ProgrammeName> = parsed.keys().cloned().collect();
    let texts: Vec<(ProgrammeName, String)> = parsed.into_iter().map(|(name, (text, _))| (name, text)).collect();
    let (desk, now) = (till.clone(), now.clone());
    let written = till.ledger().write_wait(move |txn| versions_ensure(&desk, txn, &now, &texts));
    written.map_err(|error| match error {
        WriteError::Work(error) | WriteError::Storage(error) => error,
    })?;
    let rows = till.ledger().read(|reads| reads.programme_versions())?;
    let mut books = books_of(rows);
    books.retain(|name, _| running.contains(name));
    Ok(books)
}

/// The books of every programme that a ledger knows, also of those whose rule file is gone.
pub fn rulebooks_of(ledger: &ReadOnly) -> Result<Rulebooks, LedgerError> {
    Ok(books_of(ledger.with(|reads| reads.programme_versions())?))
}

fn books_of(rows: Vec<ProgrammeVersionRow>) -> Rulebooks {
    let mut versions: BTreeMap<ProgrammeName, BTreeMap<_, Rules>> = BTreeMap::new();
    for row in rows {
        match programme::parse(&row.source) {
            Ok(rules) => {
                versions.entry(row.programme).or_default().insert(row.version, rules);
            }
            // The facts of an entry hold what it awarded, so the fold goes on by the version beside it.
            Err(errors) => tracing::warn!(
                "programmes.old_version: {} version {}: {}",
                row.programme,
                row.version.0,
                errors.first().map_or_else(String::new, ToString::to_string)
            ),
        }
    }
    versions.into_iter().filter_map(|(name, versions)| Some((name, Rulebook::new(versions)?))).collect()
}

/// Keeps each text as the newest version of its programme, with an event for each that is new.
fn versions_ensure(
    till: &Till,
    txn: &mut Txn<'_>,
    now: &Now,
    texts: &[(ProgrammeName, String)],
) -> Result<(), LedgerError> {
    for (name, text) in texts {
        let (version, is_new) = txn.programme_version_ensure(name, text, now)?;
        if is_new {
            let mut what = Happening::new(EventKind::ProgrammeChanged, Actor::device(None));
            what.details =
                vec![("programme".to_owned(), name.to_string()), ("version".to_owned(), version.0.to_string())];
            txn.event_append(now, EventId(till.fresh_id(now.wall_ms)), what)?;
        }
    }
    Ok(())
}
