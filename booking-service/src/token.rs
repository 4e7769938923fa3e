//! Access tokens: whose signature is believed, and what must be true of one.

use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::{Deserialize, Serialize};

use crate::{
    caller::{Caller, RequestContext, Role},
    development_issuer::DevelopmentIssuer,
};

/// Whom our tokens are for.
pub(crate) const AUDIENCE: &str = "frontdesk";

/// How far another machine's clock may be ahead of ours.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_secs(30);

/// The scope of credentials that speak for callers on the telephone.
pub const VOICE: &str = "voice";

/// What a token says. Every field must be there, and of its type.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Claims {
    pub(crate) iss: String,
    pub(crate) aud: String,
    pub(crate) sub: String,
    pub(crate) exp: i64,
    pub(crate) nbf: i64,
    pub(crate) iat: i64,
    pub(crate) jti: String,
    pub(crate) org_id: uuid::Uuid,
    pub(crate) role: Role,
    pub(crate) scope: String,
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
            id: issuer.key_id().to_owned(),
            issuer: DevelopmentIssuer::NAME,
            algorithm: Algorithm::EdDSA,
            key: DecodingKey::from_ed_der(issuer.public_key()),
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
