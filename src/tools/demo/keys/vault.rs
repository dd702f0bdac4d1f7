//! The folder of key files: private, and nothing in it is ever overwritten half.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::DemoKeysError;

/// A folder 0700 with files 0600.
pub(super) struct Vault {
    folder: PathBuf,
}

impl Vault {
    /// Opens `folder`, makes it where it is missing, and takes others' rights on it away.
    pub(super) fn open(folder: &Path) -> Result<Self, DemoKeysError> {
        let fail = |source| DemoKeysError::File { path: folder.to_owned(), source };
        let folder = std::path::absolute(folder).map_err(fail)?;
        DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(fail)?;
        std::fs::set_permissions(&folder, Permissions::from_mode(0o700)).map_err(fail)?;
        Ok(Self { folder })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.path(name).is_file()
    }

    /// The bytes of a file; made by `make` and kept when there is none.
    pub(super) fn read_or_make(
        &self,
        name: &str,
        make: impl FnOnce() -> Result<Vec<u8>, DemoKeysError>,
    ) -> Result<Vec<u8>, DemoKeysError> {
        let path = self.path(name);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let bytes = make()?;
                self.write(name, &bytes)?;
                Ok(bytes)
            }
            Err(source) => Err(DemoKeysError::File { path, source }),
        }
    }

    /// Writes a file aside, syncs it and renames it, so that a key is there whole or not at all.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), DemoKeysError> {
        let (path, aside) = (self.path(name), self.path(&format!(".{name}.new")));
        let written = || -> std::io::Result<()> {
            // A rest of an earlier attempt may have other rights than a new file gets.
            match std::fs::remove_file(&aside) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            std::fs::rename(&aside, &path)?;
            File::open(&self.folder)?.sync_all()
        };
        written().map_err(|source| DemoKeysError::File { path: path.clone(), source })
    }
}
