//! What lets us in at Google, as it is kept in the vault.

use anyhow::{Context as _, Result};
use jsonwebtoken::EncodingKey;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::json;

use crate::{
    domain::{calendar::CalendarKind, patient::Email},
    vault::{Place, Vault},
};

/// What lets us in.
#[derive(Clone, Debug)]
pub enum Credential {
    /// A person's consent.
    RefreshToken(SecretString),
    /// A service account.
    ServiceAccount(ServiceAccount),
}

/// A service account with its key.
#[derive(Clone)]
pub struct ServiceAccount {
    /// Its own address.
    pub(super) email: String,
    /// Which of its keys.
    pub(super) key_id: String,
    pub(super) key: EncodingKey,
    pem: SecretString,
    /// The person for whom it acts, where the domain's administrator lets it (domain-wide delegation).
    pub(super) subject: Option<String>,
}

impl std::fmt::Debug for ServiceAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServiceAccount").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

/// The part of a key file that we use. Google's has more.
#[derive(Deserialize)]
struct KeyFile {
    client_email: String,
    private_key_id: String,
    private_key: String,
    #[serde(default)]
    subject: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kept {
    RefreshToken(String),
    ServiceAccount(KeyFile),
}

impl ServiceAccount {
    /// Reads the key file that Google gives out.
    pub fn parse(key_file: &str, subject: Option<Email>) -> Result<Self, String> {
        let subject = subject.map(|email| email.as_str().to_owned());
        let file: Result<KeyFile, _> = serde_json::from_str(key_file);
        file.ok()
            .and_then(|file| Self::from_file(KeyFile { subject, ..file }).ok())
            .ok_or_else(|| "is not the JSON key of a service account, with an RSA key in it".to_owned())
    }

    fn from_file(
        KeyFile { client_email: email, private_key_id: key_id, private_key, subject }: KeyFile,
    ) -> Result<Self> {
        let key = EncodingKey::from_rsa_pem(private_key.as_bytes()).context("no RSA key")?;
        Ok(Self { email, key_id, key, pem: private_key.into(), subject })
    }
}

impl Credential {
    /// What kind it is.
    pub fn kind(&self) -> CalendarKind {
        match self {
            Self::RefreshToken(_) => CalendarKind::Consent,
            Self::ServiceAccount(_) => CalendarKind::ServiceAccount,
        }
    }

    /// Encrypts it for its place.
    pub fn seal(&self, vault: &Vault, place: Place) -> Result<Vec<u8>> {
        let kept = match self {
            Self::RefreshToken(token) => json!({ "refresh_token": token.expose_secret() }),
            Self::ServiceAccount(ServiceAccount { email, key_id, key: _, pem, subject }) => {
                json!({ "service_account": {
                    "client_email": email, "private_key_id": key_id, "private_key": pem.expose_secret(), "subject": subject,
                } })
            }
        };
        vault.seal(kept.to_string().as_bytes(), place)
    }

    /// Decrypts what was sealed for this place.
    pub fn open(vault: &Vault, sealed: &[u8], place: Place) -> Result<Self> {
        let kept = vault.open(sealed, place)?;
        // What is wrong is told without its text, which is a secret.
        match serde_json::from_slice(&kept).map_err(|_| anyhow::anyhow!("what was kept is no credential"))? {
            Kept::RefreshToken(token) => Ok(Self::RefreshToken(token.into())),
            Kept::ServiceAccount(file) => Ok(Self::ServiceAccount(ServiceAccount::from_file(file)?)),
        }
    }

    /// For whom a delegated service account acts: Google counts their requests as theirs only when it is told.
    pub(super) fn acts_for(&self) -> Option<&str> {
        match self {
            Self::RefreshToken(_) => None,
            Self::ServiceAccount(account) => account.subject.as_deref(),
        }
    }
}
