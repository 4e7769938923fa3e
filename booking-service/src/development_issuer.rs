//! Tokens for development and tests.

use std::path::Path;

use anyhow::Context as _;

use crate::{
    key_file,
    token::issuer::{Issuer, SigningKey},
};

/// The `iss` of its tokens.
pub(crate) const NAME: &str = "frontdesk-development";

/// Signs tokens for development and tests with a key of its own. Believed only where the configuration says so, which a production
/// configuration never does.
pub fn generate() -> anyhow::Result<Issuer> {
    issuer(&SigningKey::generate_pkcs8()?)
}

/// The issuer whose key is in the file; the first time, the file is made, for its owner's eyes only.
pub fn from_file(path: &Path) -> anyhow::Result<Issuer> {
    let (der, _) = key_file::read_or_make(path, SigningKey::generate_pkcs8)?;
    issuer(&der).with_context(|| format!("the development key {}", path.display()))
}

fn issuer(der: &[u8]) -> anyhow::Result<Issuer> {
    Ok(Issuer { name: NAME.to_owned(), typ: "JWT", keys: vec![SigningKey::from_pkcs8(der)?] })
}
