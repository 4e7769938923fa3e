//! How a repeated request is known again.

use jiff::SignedDuration;
use sha2::{Digest as _, Sha256};

/// How long a key stands for its first request.
pub const KEY_LIFETIME: SignedDuration = SignedDuration::from_hours(24);

/// What the client calls this attempt: 1 to 255 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Refuses what is empty, too long or not visible.
    pub fn parse(text: &str) -> Result<Self, String> {
        if (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(text.to_owned()))
        } else {
            Err("must be 1 to 255 visible ASCII characters without spaces".to_owned())
        }
    }

    /// The key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a request asks for, condensed: the same key must come with the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of a request in its encoded form.
    pub fn of(request: &[u8]) -> Self {
        Self(Sha256::digest(request).into())
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}
