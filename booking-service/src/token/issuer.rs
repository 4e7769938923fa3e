//! Signs access tokens with Ed25519.

use anyhow::Context as _;
use aws_lc_rs::{
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair as _},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use sha2::{Digest as _, Sha256};

use super::{AUDIENCE, Claims, VOICE};
use crate::{
    caller::Role,
    domain::{
        ids::{AuditId, OrgId},
        scope::Scope,
    },
};

/// The `typ` of our own tokens (RFC 9068).
pub(crate) const OWN_TYPE: &str = "at+jwt";

/// Whom a token is to be made for.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The organisation.
    pub org: OrgId,
    /// A user or a machine.
    pub subject: String,
    /// What they may do.
    pub role: Role,
    /// What the token is limited to.
    pub scope: Scope,
    /// How long it is good for.
    pub lifetime: SignedDuration,
}

/// A key pair, known by a digest of its public half.
pub struct SigningKey {
    pub(crate) id: String,
    pub(crate) public: Vec<u8>,
    key: EncodingKey,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl SigningKey {
    /// A new key, as PKCS #8.
    pub fn generate_pkcs8() -> anyhow::Result<Vec<u8>> {
        Ok(Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())?.as_ref().to_vec())
    }

    /// Reads PKCS #8.
    pub fn from_pkcs8(der: &[u8]) -> anyhow::Result<Self> {
        let pair = Ed25519KeyPair::from_pkcs8(der).context("not an Ed25519 key in PKCS #8")?;
        let public = pair.public_key().as_ref().to_vec();
        let id = BASE64_URL_SAFE_NO_PAD.encode(&Sha256::digest(&public)[..9]);
        Ok(Self { id, public, key: EncodingKey::from_ed_der(der) })
    }

    /// The public half, as a JWK has it.
    pub(crate) fn public_in_base64url(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(&self.public)
    }
}

/// Somebody who signs tokens.
#[derive(Debug)]
pub struct Issuer {
    pub(crate) name: String,
    pub(crate) typ: &'static str,
    pub(crate) keys: Vec<SigningKey>,
}

impl Issuer {
    /// The service itself; the first key signs. Its tokens say that they are access tokens (RFC 9068).
    pub fn new(name: &str, keys: Vec<SigningKey>) -> Self {
        Self { name: name.to_owned(), typ: OWN_TYPE, keys }
    }

    /// A signed token.
    pub fn issue(&self, grant: &Grant, now: Timestamp) -> anyhow::Result<String> {
        let key = self.keys.first().context("there is no key to sign with")?;
        let Grant { org, subject, role, scope, lifetime } = grant.clone();
        let Scope { clinics, tools, voice } = scope;
        let claims = Claims {
            iss: self.name.clone(),
            aud: AUDIENCE.to_owned(),
            sub: subject,
            exp: now.checked_add(lifetime).context("the lifetime is too long")?.as_second(),
            nbf: now.as_second(),
            iat: now.as_second(),
            jti: AuditId::generate().to_string(),
            org_id: org.into(),
            role,
            scope: if voice { VOICE.to_owned() } else { String::new() },
            clinics: clinics.map(|clinics| clinics.into_iter().map(Into::into).collect()),
            tools,
        };
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(self.typ.to_owned());
        header.kid = Some(key.id.clone());
        Ok(jsonwebtoken::encode(&header, &claims, &key.key)?)
    }
}
