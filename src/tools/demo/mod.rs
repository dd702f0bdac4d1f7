//! A whole shop for a demonstration: keys, configuration, programmes, customers with months of history, and `demo.json`
//! by which other programs drive it (DESIGN.md section 3).
//!
//! Everything is made once per folder; started again on the same folder it is the same shop. What is made at random
//! (keys, tokens, PINs) lies in `keys/`; the people and their visits come from a fixed seed.

pub mod keys;
mod people;
mod sheet;

use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

pub use people::{DemoChip, HISTORY_MS, chips, populate, staff};
pub use sheet::sheet_write;

use self::keys::DemoKeys;
use crate::base::config::design::SHIPPED;
use crate::pure::domain::Now;

/// The only till of the demo; both slots of the virtual reader serve it.
pub const TILL: &str = "till-1";

/// The demo's scanner: whatever the virtual reader says, a chip with this ATR is a code.
pub const CODE_SCANNER: &str =
    "[[scanner]]\nkind = \"pcsc\"\ndevice = \"^Virtual PCD \"\nframing = { atr = \"3B8001\" }";

/// Customers of a demo unless `--customers` says otherwise.
pub const CUSTOMERS: usize = 200;

/// Customers whose cards `demo.json` lists: one card in each programme, without history.
pub const LISTED: usize = 20;

/// The rule files that ship, by name.
pub const PROGRAMMES: [(&str, &str); 7] = [
    ("cafe10", include_str!("../../../config/programmes/cafe10.toml")),
    ("spend10", include_str!("../../../config/programmes/spend10.toml")),
    ("points", include_str!("../../../config/programmes/points.toml")),
    ("cashback3", include_str!("../../../config/programmes/cashback3.toml")),
    ("spend10_debt", include_str!("../../../config/programmes/spend10_debt.toml")),
    ("points_pending14", include_str!("../../../config/programmes/points_pending14.toml")),
    ("cashback3_happy", include_str!("../../../config/programmes/cashback3_happy.toml")),
];

/// A demo's folder, with what lies in it.
pub struct DemoShop {
    /// The folder, absolute.
    pub dir: PathBuf,
    /// `stampd.toml`.
    pub config: PathBuf,
    /// The rule files.
    pub programmes: PathBuf,
    /// `demo.json`.
    pub sheet: PathBuf,
    /// The key material.
    pub keys: DemoKeys,
    /// The API's secrets.
    pub secrets: Secrets,
}

/// The API tokens and the staff's PINs of a demo, made once.
pub struct Secrets {
    /// For the till program.
    pub till: String,
    /// For a manager.
    pub manager: String,
    /// For an admin.
    pub admin: String,
}

/// Makes the folder, or finds what an earlier start made. Certificates are valid from a day before `now`.
pub fn prepare(dir: &Path, listen: SocketAddr, now: &Now) -> Result<DemoShop> {
    let dir = std::path::absolute(dir)?;
    if !dir.exists() {
        // It will hold tokens and keys, `demo.json` among them: for whoever runs the demo alone.
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&dir)
            .with_context(|| format!("cannot make {}; give a folder that you may write: --dir DIR", dir.display()))?;
    }
    let programmes = dir.join("programmes");
    std::fs::create_dir_all(&programmes).with_context(|| {
        format!("cannot make {}; give a folder that you may write: --dir DIR", programmes.display())
    })?;
    for (name, text) in PROGRAMMES {
        write_once(&programmes.join(format!("{name}.toml")), text)?;
    }
    designs_write(&dir.join("passes"))?;
    let keys = DemoKeys::open(&dir.join("keys"), now)?;
    let config = dir.join("stampd.toml");
    // The address may be another at each start; the rest of the file is the shop's.
    write_whole(&config, &config_text(&dir, listen, &keys))?;
    let secrets = Secrets {
        till: keys.secret("till.token")?,
        manager: keys.secret("manager.token")?,
        admin: keys.secret("admin.token")?,
    };
    Ok(DemoShop { sheet: dir.join("demo.json"), config, programmes, keys, secrets, dir })
}

/// The configuration of the demo.
fn config_text(dir: &Path, listen: SocketAddr, keys: &DemoKeys) -> String {
    format!(
        r#"# The configuration of a demo shop, written by `stampd demo` at each start.

[shop]
id = "demo"
name = "Café Demo"
currency = "EUR"
time_zone = "Europe/Berlin"
language = "en"

[paths]
data = "."
programmes = "programmes"
passes = "passes"

[ledger]
path = "ledger.db"

[clock]
trust = "always"

[api]
listen = "{listen}"
socket = "{socket}"

[[till]]
id = "{TILL}"
mode = "tap"

# A scanner that shows the codes which it reads as chips, on the virtual reader: stampd phone --wallet barcode
{CODE_SCANNER}

{keys}
"#,
        socket = dir.join("stampd.sock").display(),
        keys = keys.config_text(),
    )
}

/// The designs that ship, for whoever wants to change one and look at it.
fn designs_write(folder: &Path) -> Result<()> {
    for (name, files) in SHIPPED {
        let design = folder.join(name);
        std::fs::create_dir_all(&design).with_context(|| {
            format!("cannot make {}; give a folder that you may write: --dir DIR", design.display())
        })?;
        for (file, text) in files {
            write_once(&design.join(file), text)?;
        }
    }
    Ok(())
}

/// Writes a file unless it is there.
fn write_once(path: &Path, text: &str) -> Result<()> {
    if path.exists() { Ok(()) } else { write_whole(path, text) }
}

/// Writes a file aside and renames it, so that nobody reads half of it.
pub(crate) fn write_whole(path: &Path, text: &str) -> Result<()> {
    write_with_mode(path, text, 0o644)
}

/// As [`write_whole`], for whoever runs the demo alone: the text holds tokens.
fn write_private(path: &Path, text: &str) -> Result<()> {
    write_with_mode(path, text, 0o600)
}

fn write_with_mode(path: &Path, text: &str, mode: u32) -> Result<()> {
    let aside = path.with_extension("new");
    let write = || -> std::io::Result<()> {
        let mut file = std::fs::File::options().write(true).create(true).truncate(true).mode(mode).open(&aside)?;
        // One that an interrupted start left has the rights that it was given then.
        file.set_permissions(std::fs::Permissions::from_mode(mode))?;
        file.write_all(text.as_bytes())
    };
    write().with_context(|| format!("cannot write {}", aside.display()))?;
    std::fs::rename(&aside, path).with_context(|| format!("cannot write {}", path.display()))
}
