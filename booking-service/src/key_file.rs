//! Keys in files: read, or made at the first start of a development machine.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use anyhow::{Context as _, Result};
use secrecy::{ExposeSecret as _, SecretString};

/// What is in the file, and whether it was made just now, for its owner's eyes only.
pub(crate) fn read_or_make(path: &Path, make: impl FnOnce() -> Result<Vec<u8>>) -> Result<(Vec<u8>, bool)> {
    let context = || format!("the key {}", path.display());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(context)?;
    }
    // `create_new`: of two processes that find no file, one makes it and the other reads it.
    match fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(mut file) => {
            let key = make()?;
            file.write_all(&key).with_context(context)?;
            Ok((key, true))
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Ok((fs::read(path).with_context(context)?, false))
        }
        Err(error) => Err(error).with_context(context),
    }
}

/// The setting's value: itself, or what is in the file that it names.
pub(crate) fn value_of(setting: &SecretString) -> Result<String> {
    let text = setting.expose_secret();
    match text.strip_prefix('@') {
        None => Ok(text.to_owned()),
        Some(path) => fs::read_to_string(path).with_context(|| format!("cannot read {path}")),
    }
}
