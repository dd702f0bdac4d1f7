//! The versions of each programme's rules, as text: an entry is explained and reversed by the version that it names.

use openssl::sha::sha256;
use rusqlite::params;

use super::error::LedgerError;
use super::read::Reads;
use super::txn::Txn;
use crate::pure::domain::{Now, ProgrammeName, RuleVersion};

/// One version of a programme's rules.
#[derive(Clone, Debug, PartialEq)]
pub struct ProgrammeVersionRow {
    /// The programme.
    pub programme: ProgrammeName,
    /// Its version, counting from 1.
    pub version: RuleVersion,
    /// The rule file's text.
    pub source: String,
}

impl Reads<'_> {
    /// Every version of every programme, in order.
    pub fn programme_versions(&self) -> Result<Vec<ProgrammeVersionRow>, LedgerError> {
        let mut statement = self
            .prepare("SELECT programme, version, source, sha256 FROM programme_version ORDER BY programme, version")?;
        let rows =
            statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
        rows.map(|row| {
            let (name, version, source, hash): (String, u32, String, [u8; 32]) = row?;
            if sha256(source.as_bytes()) != hash {
                return Err(LedgerError::Damaged(format!(
                    "the rules of programme '{name}', version {version}, changed"
                )));
            }
            let programme = ProgrammeName::new(&name)
                .map_err(|_| LedgerError::Damaged(format!("programme '{name}' has an impossible name")))?;
            Ok(ProgrammeVersionRow { programme, version: RuleVersion(version), source })
        })
        .collect()
    }
}

impl Txn<'_> {
    /// Keeps `source` as the newest version of `programme` unless it is that already; answers the version and whether
    /// it is new.
    pub fn programme_version_ensure(
        &mut self,
        programme: &ProgrammeName,
        source: &str,
        now: &Now,
    ) -> Result<(RuleVersion, bool), LedgerError> {
        let hash = sha256(source.as_bytes());
        let newest: Option<(u32, Vec<u8>)> = self.query_one(
            "SELECT version, sha256 FROM programme_version WHERE programme = ?1 ORDER BY version DESC LIMIT 1",
            [programme.as_str()],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        let version = match newest {
            Some((version, known)) if known == hash => return Ok((RuleVersion(version), false)),
            Some((version, _)) => version + 1,
            None => 1,
        };
        self.execute(
            "INSERT INTO programme_version (programme, version, sha256, source, since_ms) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![programme.as_str(), version, hash, source, now.wall_ms],
        )?;
        // Other rules may have other levels.
        self.relist(programme)?;
        self.keep("programme_version", [&programme.as_str(), &version]);
        Ok((RuleVersion(version), true))
    }
}
