//! From a token to the caller whom it stands for, or to the reason why it stands for nobody.

use std::sync::Arc;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::Value;

use super::{
    AUDIENCE, Claims, VOICE,
    foreign::{ForeignIssuer, LONGEST_FOREIGN_LIFE, Rules},
    issuer::{Issuer, OWN_TYPE},
    jwks::Jwks,
    strict_json::Strict,
};
use crate::{
    caller::{Caller, RequestContext},
    domain::scope::Scope,
};

/// How far another machine's clock may be ahead of ours.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_secs(30);

/// Longer than any token that somebody means: looking at it would be work for nothing.
const LONGEST: usize = 8 << 10;

/// Our own tokens live for 15 minutes. The development issuer's may live as long as those of others.
const LONGEST_LIFE: SignedDuration = SignedDuration::from_hours(1);

/// A key whose signature is believed, with its one algorithm.
#[derive(Clone)]
pub(super) struct TrustedKey {
    pub(super) id: Option<String>,
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
}

impl std::fmt::Debug for TrustedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrustedKey")
            .field("id", &self.id)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

#[derive(Debug)]
enum Keys {
    Fixed(Vec<TrustedKey>),
    Fetched(Jwks),
}

#[derive(Debug)]
enum Reading {
    /// As [`Claims`], with this `typ` in the header.
    Ours {
        typ: &'static str,
    },
    Theirs(Rules),
}

#[derive(Debug)]
struct Trusted {
    name: String,
    keys: Keys,
    reading: Reading,
}

/// The issuers whose tokens are believed, each with its own keys.
#[derive(Debug, Default)]
pub struct Verifier {
    issuers: Vec<Trusted>,
}

impl Verifier {
    /// Believes an issuer of ours too.
    pub fn trust(&mut self, issuer: &Issuer) {
        let keys = issuer.keys.iter().map(|key| TrustedKey {
            id: Some(key.id.clone()),
            algorithm: Algorithm::EdDSA,
            key: DecodingKey::from_ed_der(&key.public),
        });
        self.issuers.push(Trusted {
            name: issuer.name.clone(),
            keys: Keys::Fixed(keys.collect()),
            reading: Reading::Ours { typ: issuer.typ },
        });
    }

    /// Believes somebody else's issuer too.
    pub fn trust_foreign(&mut self, issuer: &ForeignIssuer) -> anyhow::Result<()> {
        if self.issuers.iter().any(|trusted| trusted.name == issuer.name()) {
            anyhow::bail!("the issuer {} is there twice", issuer.name());
        }
        let (secret, jwks_url) = issuer.keys()?;
        let keys = match (secret, jwks_url) {
            (Some(secret), _) => Keys::Fixed(vec![TrustedKey {
                id: None,
                algorithm: Algorithm::HS256,
                key: DecodingKey::from_secret(secret.as_bytes()),
            }]),
            (None, url) => Keys::Fetched(Jwks::new(url.unwrap_or_default())?),
        };
        self.issuers.push(Trusted {
            name: issuer.name().to_owned(),
            keys,
            reading: Reading::Theirs(issuer.rules()),
        });
        Ok(())
    }

    /// Goes on with the foreign keys that `before` has fetched, where they are published at the same address: an issuer may be away just now.
    pub fn take_over(&mut self, before: &Self) {
        for trusted in &mut self.issuers {
            let same = before.issuers.iter().find(|other| other.name == trusted.name);
            if let (Keys::Fetched(jwks), Some(Trusted { keys: Keys::Fetched(known), .. })) =
                (&mut trusted.keys, same)
                && jwks.url() == known.url()
            {
                *jwks = known.clone();
            }
        }
    }

    /// The caller whom a token stands for at `now`. The error says what is wrong with it, for our own eyes only.
    pub async fn verify(&self, token: &str, now: Timestamp) -> Result<Caller, &'static str> {
        if token.len() > LONGEST {
            return Err("too long");
        }
        let header = header(token)?;
        // Whose it claims to be decides whose keys are looked at; that it is theirs is what the signature says.
        let claimed = part(token, 1)?;
        let issuer = claimed.get("iss").and_then(Value::as_str).ok_or("no issuer")?;
        let trusted = self.issuers.iter().find(|trusted| trusted.name == issuer).ok_or("unknown issuer")?;
        let key = trusted.key(header.kid.as_deref(), now).await.ok_or("unknown key")?;
        let mut validation = Validation::new(key.algorithm);
        // Below, by our own clock and with every claim required; the library would let a missing one pass.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let signed =
            jsonwebtoken::decode::<Strict>(token, &key.key, &validation).map_err(|_| "bad signature")?;
        match &trusted.reading {
            Reading::Ours { typ } => {
                if header.typ.as_deref() != Some(typ) {
                    return Err("of another type");
                }
                ours(signed.claims.0, typ, now)
            }
            Reading::Theirs(rules) => {
                if header.typ.is_some_and(|typ| {
                    !typ.eq_ignore_ascii_case("JWT") && !typ.eq_ignore_ascii_case("at+jwt")
                }) {
                    return Err("of another type");
                }
                rules.read(&trusted.name, &signed.claims.0, now)
            }
        }
    }
}

impl Trusted {
    async fn key(&self, id: Option<&str>, now: Timestamp) -> Option<TrustedKey> {
        match &self.keys {
            // A key without an id is the only one that there is.
            Keys::Fixed(keys) => keys.iter().find(|key| key.id.is_none() || key.id.as_deref() == id).cloned(),
            Keys::Fetched(jwks) => jwks.key(id?, now).await,
        }
    }
}

struct Header {
    kid: Option<String>,
    typ: Option<String>,
}

/// What of a header is looked at. The algorithm is not: it is the key's.
fn header(token: &str) -> Result<Header, &'static str> {
    let header = part(token, 0)?;
    // Whatever it is, it must be understood (RFC 7515, 4.1.11), and it is not.
    if header.get("crit").is_some() || header.get("b64").is_some() {
        return Err("critical header");
    }
    let text = |name: &str| match header.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err("malformed"),
    };
    Ok(Header { kid: text("kid")?, typ: text("typ")? })
}

fn part(token: &str, number: usize) -> Result<Value, &'static str> {
    let parts: Vec<&str> = token.split('.').collect();
    let text = parts.get(number).filter(|_| parts.len() == 3).ok_or("malformed")?;
    let json = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| "malformed")?;
    let Strict(value) = serde_json::from_slice(&json).map_err(|_| "malformed")?;
    Ok(value)
}

fn ours(claims: Value, typ: &str, now: Timestamp) -> Result<Caller, &'static str> {
    // Users are told from machines and from the development issuer's subjects, which are whatever it says.
    let is_own = typ == OWN_TYPE;
    let longest_life = if is_own { LONGEST_LIFE } else { LONGEST_FOREIGN_LIFE };
    let claims: Claims = serde_json::from_value(claims).map_err(|_| "bad claims")?;
    let Claims { iss: _, aud, sub, exp, nbf, iat, jti, org_id, role, scope, clinics, tools } = claims;
    if aud != AUDIENCE {
        return Err("foreign audience");
    }
    in_time(exp, Some(nbf), Some(iat), longest_life, now)?;
    if sub.is_empty() || jti.is_empty() || org_id.is_nil() {
        return Err("empty claim");
    }
    let voice = scope.split(' ').any(|scope| scope == VOICE);
    let clinics = clinics.map(|clinics| clinics.into_iter().map(Into::into).collect());
    Ok(Caller {
        org: org_id.into(),
        user: sub.parse().ok().filter(|_| is_own),
        subject: sub.into(),
        role,
        scope: Arc::new(Scope { clinics, tools, voice }),
        request: RequestContext::default(),
    })
}

/// Whether a token is good now, and was not made for longer than its kind may live.
pub(super) fn in_time(
    exp: i64,
    nbf: Option<i64>,
    iat: Option<i64>,
    longest_life: SignedDuration,
    now: Timestamp,
) -> Result<(), &'static str> {
    let seconds = now.as_second();
    let ahead = seconds + CLOCK_SKEW.as_secs();
    if exp <= seconds {
        return Err("expired");
    }
    if nbf.is_some_and(|nbf| nbf > ahead) || iat.is_some_and(|iat| iat > ahead) {
        return Err("not valid yet");
    }
    if exp.saturating_sub(iat.unwrap_or(seconds)) > longest_life.as_secs() {
        return Err("lives too long");
    }
    Ok(())
}
