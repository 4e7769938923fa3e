//! Access tokens: who signs them, whose signature is believed, and what must be true of one.

pub mod foreign;
pub mod issuer;
mod jwks;
mod strict_json;
mod verifier;

use serde::{Deserialize, Serialize};

pub use self::verifier::Verifier;
use crate::caller::Role;

/// Whom our tokens are for.
pub(crate) const AUDIENCE: &str = "frontdesk";

/// The scope of credentials that speak for callers on the telephone.
pub const VOICE: &str = "voice";

/// What a token of ours says. Every field must be there, and of its type, but for the limits, which are mostly none.
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) clinics: Option<Vec<uuid::Uuid>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tools: Option<Vec<String>>,
}
