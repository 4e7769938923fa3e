//! Issuers of others (Supabase, Auth0, Keycloak, Clerk and their like): where their keys are, and where their tokens say what we ask.

use std::sync::Arc;

use anyhow::{Result, bail};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use super::{VOICE, verifier::in_time};
use crate::{
    caller::{Caller, RequestContext, Role},
    domain::scope::Scope,
};

/// Their tokens are believed for a day at most, whatever they say.
pub(super) const LONGEST_FOREIGN_LIFE: SignedDuration = SignedDuration::from_hours(24);

/// HS256 is as strong as its secret: RFC 7518, 3.2.
const SHORTEST_SECRET: usize = 32;

/// One of `BOOKING_TRUSTED_ISSUERS`.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForeignIssuer {
    /// The `iss` of its tokens, to the letter.
    issuer: String,
    /// What `aud` must be, or have among others.
    audience: String,
    /// Where its keys are: https, or http on this machine.
    jwks_url: Option<String>,
    /// Or the secret that it shares with us.
    hs256_secret: Option<String>,
    /// Where a token says the organisation: a claim, or a path of claims with dots. In a claim that users cannot change themselves.
    #[serde(default = "org_id")]
    org_claim: String,
    /// Where a token says the role. Without it, or where a token lacks it: `default_role`.
    role_claim: Option<String>,
    #[serde(default = "staff")]
    default_role: Role,
}

impl std::fmt::Debug for ForeignIssuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ForeignIssuer").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

fn org_id() -> String {
    "org_id".to_owned()
}

fn staff() -> Role {
    Role::Staff
}

/// What must be true of a token, and where it says what we ask.
#[derive(Debug)]
pub(super) struct Rules {
    audience: String,
    org_claim: String,
    role_claim: Option<String>,
    default_role: Role,
}

impl ForeignIssuer {
    /// The `iss` of its tokens.
    pub(super) fn name(&self) -> &str {
        &self.issuer
    }

    /// Its secret, or where its keys are: exactly one of them.
    pub(super) fn keys(&self) -> Result<(Option<&str>, Option<&str>)> {
        let Self { issuer, audience, jwks_url, hs256_secret, .. } = self;
        if issuer.is_empty() || audience.is_empty() {
            bail!("an issuer needs `issuer` and `audience`");
        }
        match (hs256_secret, jwks_url) {
            (Some(secret), None) if secret.len() < SHORTEST_SECRET => {
                bail!("the secret of {issuer} is shorter than {SHORTEST_SECRET} characters")
            }
            (Some(secret), None) => Ok((Some(secret), None)),
            (None, Some(url)) => Ok((None, Some(url))),
            _ => bail!("{issuer} needs either `jwks_url` or `hs256_secret`"),
        }
    }

    pub(super) fn rules(&self) -> Rules {
        let Self { audience, org_claim, role_claim, default_role, .. } = self.clone();
        Rules { audience, org_claim, role_claim, default_role }
    }
}

impl Rules {
    /// Reads the claims of a token whose signature is good.
    pub(super) fn read(&self, issuer: &str, claims: &Value, now: Timestamp) -> Result<Caller, &'static str> {
        let number = |name: &str| match claims.get(name) {
            None => Ok(None),
            // Seconds, with or without a fraction (RFC 7519, 2).
            Some(Value::Number(seconds)) => {
                seconds.as_i64().or_else(|| whole(seconds.as_f64()?)).map(Some).ok_or("bad claims")
            }
            Some(_) => Err("bad claims"),
        };
        let audiences = match claims.get("aud") {
            Some(Value::Array(several)) => several.as_slice(),
            Some(one) => std::slice::from_ref(one),
            None => &[],
        };
        if !audiences.iter().any(|audience| *audience == *self.audience) {
            return Err("foreign audience");
        }
        in_time(
            number("exp")?.ok_or("bad claims")?,
            number("nbf")?,
            number("iat")?,
            LONGEST_FOREIGN_LIFE,
            now,
        )?;
        let is_plain = |sub: &&str| (1..=200).contains(&sub.len()) && !sub.chars().any(char::is_control);
        let subject = claims.get("sub").and_then(Value::as_str).filter(is_plain).ok_or("no subject")?;
        let org = at(claims, &self.org_claim).and_then(Value::as_str).ok_or("no organisation")?;
        let org: uuid::Uuid = org.parse().map_err(|_| "no organisation")?;
        if org.is_nil() {
            return Err("no organisation");
        }
        let role = match self.role_claim.as_deref().and_then(|path| at(claims, path)) {
            Some(role) => Role::deserialize(role).map_err(|_| "unknown role")?,
            None => self.default_role,
        };
        let scopes = claims.get("scope").and_then(Value::as_str).unwrap_or_default();
        let voice = scopes.split(' ').any(|scope| scope == VOICE);
        Ok(Caller {
            org: org.into(),
            // Theirs, and nobody's whom we know under the same name.
            subject: format!("{issuer}|{subject}").into(),
            user: None,
            role,
            scope: Arc::new(Scope { voice, ..Scope::default() }),
            request: RequestContext::default(),
        })
    }
}

/// Whole seconds of a number that has a fraction.
fn whole(seconds: f64) -> Option<i64> {
    format!("{:.0}", seconds.floor()).parse().ok()
}

/// The claim of this name, else at the end of this path.
fn at<'a>(claims: &'a Value, path: &str) -> Option<&'a Value> {
    claims.get(path).or_else(|| path.split('.').try_fold(claims, |value, name| value.get(name)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_issuer_has_one_kind_of_key_and_a_strong_one() {
        let read = |more: Value| {
            let mut issuer = json!({"issuer": "https://i", "audience": "a"});
            issuer.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            serde_json::from_value::<ForeignIssuer>(issuer).map(|issuer| issuer.keys().is_ok())
        };
        assert!(read(json!({"jwks_url": "https://i/jwks"})).unwrap());
        assert!(read(json!({"hs256_secret": "x".repeat(32)})).unwrap());
        assert!(!read(json!({"hs256_secret": "short"})).unwrap());
        assert!(!read(json!({})).unwrap());
        assert!(!read(json!({"hs256_secret": "x".repeat(32), "jwks_url": "https://i/jwks"})).unwrap());
        assert!(read(json!({"jwks": "https://i/jwks"})).is_err());
    }

    #[test]
    fn a_claim_is_found_by_its_name_or_its_path() {
        let claims = json!({"org_id": "a", "https://x.example/org": "b", "app_metadata": {"org_id": "c"}});
        for (path, found) in [("org_id", "a"), ("https://x.example/org", "b"), ("app_metadata.org_id", "c")] {
            assert_eq!(at(&claims, path).unwrap(), found);
        }
        assert_eq!(at(&claims, "app_metadata.no"), None);
        assert_eq!(at(&claims, "org_id.no"), None);
    }
}
