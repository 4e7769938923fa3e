//! Tokens for development and tests.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use anyhow::Context as _;
use aws_lc_rs::{
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair as _},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use sha2::{Digest as _, Sha256};

use crate::{
    caller::Role,
    domain::ids::{AuditId, OrgId},
    token::{AUDIENCE, Claims, VOICE},
};

/// Whom a token is to be made for.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The organisation.
    pub org: OrgId,
    /// A user or a machine.
    pub subject: String,
    /// What they may do.
    pub role: Role,
    /// Whether it speaks for callers on the telephone.
    pub voice: bool,
    /// How long it is good for.
    pub lifetime: SignedDuration,
}

/// Signs tokens for development and tests with a key of its own. Trusted only where the configuration says so, which a
/// production configuration never does.
pub struct DevelopmentIssuer {
    key_id: String,
    public_key: Vec<u8>,
    key: EncodingKey,
}

impl std::fmt::Debug for DevelopmentIssuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DevelopmentIssuer").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

impl DevelopmentIssuer {
    /// The `iss` of its tokens.
    pub(crate) const NAME: &'static str = "frontdesk-development";

    /// An issuer with a new key.
    pub fn generate() -> anyhow::Result<Self> {
        Self::from_pkcs8(Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())?.as_ref())
    }

    /// The issuer whose key is in the file; the first time, the file is made, for its owner's eyes only.
    pub fn from_file(path: &Path) -> anyhow::Result<Self> {
        let context = || format!("the development key {}", path.display());
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(context)?;
        }
        // `create_new`: of two processes that find no file, one makes it and the other reads it.
        match fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
            Ok(mut file) => {
                let key = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())?;
                file.write_all(key.as_ref()).with_context(context)?;
                Self::from_pkcs8(key.as_ref())
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Self::from_pkcs8(&fs::read(path).with_context(context)?).with_context(context)
            }
            Err(error) => Err(error).with_context(context),
        }
    }

    fn from_pkcs8(der: &[u8]) -> anyhow::Result<Self> {
        let pair = Ed25519KeyPair::from_pkcs8(der).context("not an Ed25519 key")?;
        let public_key = pair.public_key().as_ref().to_vec();
        let key_id = BASE64_URL_SAFE_NO_PAD.encode(&Sha256::digest(&public_key)[..9]);
        Ok(Self { key_id, public_key, key: EncodingKey::from_ed_der(der) })
    }

    pub(crate) fn key_id(&self) -> &str {
        &self.key_id
    }

    pub(crate) fn public_key(&self) -> &[u8] {
        &self.public_key
    }

    /// A signed token.
    pub fn issue(&self, grant: &Grant, now: Timestamp) -> anyhow::Result<String> {
        let Grant { org, subject, role, voice, lifetime } = grant.clone();
        let claims = Claims {
            iss: Self::NAME.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: subject,
            exp: now.checked_add(lifetime).context("the lifetime is too long")?.as_second(),
            nbf: now.as_second(),
            iat: now.as_second(),
            jti: AuditId::generate().to_string(),
            org_id: org.into(),
            role,
            scope: if voice { VOICE.to_owned() } else { String::new() },
        };
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(self.key_id.clone());
        Ok(jsonwebtoken::encode(&header, &claims, &self.key)?)
    }
}
