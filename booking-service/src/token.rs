//! Access tokens: who may sign them, and what must be true of one.

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
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    caller::{Caller, RequestContext, Role},
    domain::ids::{AuditId, OrgId},
};

/// Whom our tokens are for.
const AUDIENCE: &str = "frontdesk";

/// How far another machine's clock may be ahead of ours.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_secs(30);

/// The scope of credentials that speak for callers on the telephone.
pub const VOICE: &str = "voice";

/// What a token says. Every field must be there, and of its type.
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    exp: i64,
    nbf: i64,
    iat: i64,
    jti: String,
    org_id: uuid::Uuid,
    role: Role,
    scope: String,
}

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

/// The keys whose signature is believed, each with its one algorithm and its one issuer.
#[derive(Debug, Default)]
pub struct Verifier {
    keys: Vec<TrustedKey>,
}

struct TrustedKey {
    id: String,
    issuer: &'static str,
    algorithm: Algorithm,
    key: DecodingKey,
}

impl std::fmt::Debug for TrustedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrustedKey")
            .field("id", &self.id)
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

impl Verifier {
    /// Believes the development issuer too.
    pub fn trust(&mut self, issuer: &DevelopmentIssuer) {
        self.keys.push(TrustedKey {
            id: issuer.key_id.clone(),
            issuer: DevelopmentIssuer::NAME,
            algorithm: Algorithm::EdDSA,
            key: DecodingKey::from_ed_der(&issuer.public_key),
        });
    }

    /// The caller whom a token stands for at `now`. The error says what is wrong with it, for our own eyes only.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Caller, &'static str> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| "malformed")?;
        let id = header.kid.ok_or("no key id")?;
        let trusted = self.keys.iter().find(|key| key.id == id).ok_or("unknown key")?;
        let mut validation = Validation::new(trusted.algorithm);
        // Below, by our own clock and with every claim required; the library would let a missing one pass.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let claims = jsonwebtoken::decode::<Claims>(token, &trusted.key, &validation)
            .map_err(|_| "bad signature or claims")?
            .claims;
        let Claims { iss, aud, sub, exp, nbf, iat, jti, org_id, role, scope } = claims;
        let seconds = now.as_second();
        let ahead = seconds + CLOCK_SKEW.as_secs();
        if iss != trusted.issuer {
            return Err("foreign issuer");
        }
        if aud != AUDIENCE {
            return Err("foreign audience");
        }
        if exp <= seconds {
            return Err("expired");
        }
        if nbf > ahead || iat > ahead {
            return Err("not valid yet");
        }
        if sub.is_empty() || jti.is_empty() || org_id.is_nil() {
            return Err("empty claim");
        }
        let voice = scope.split(' ').any(|scope| scope == VOICE);
        Ok(Caller {
            org: org_id.into(),
            subject: sub.into(),
            role,
            voice,
            request: RequestContext::default(),
        })
    }
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
    const NAME: &'static str = "frontdesk-development";

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

    /// A signed token.
    pub fn issue(&self, grant: &Grant, now: Timestamp) -> anyhow::Result<String> {
        let Grant { org, subject, role, voice, lifetime } = grant.clone();
        let claims = Claims {
            iss: Self::NAME.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: subject,
            exp: (now + lifetime).as_second(),
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
