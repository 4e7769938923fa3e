//! Settings of `serve` that say who is believed, and how much is too much.

use std::{num::NonZeroU32, path::PathBuf};

use clap::Args;
use secrecy::SecretString;

/// Whom to believe, and what to sign and encrypt with. A value that begins with `@` is the name of a file with the value in it, which is read
/// again on SIGHUP.
#[derive(Args, Clone, Debug)]
pub struct KeySettings {
    /// The `iss` of our own tokens.
    #[arg(long, env = "BOOKING_ISSUER", default_value = "frontdesk")]
    pub issuer: String,
    /// Keys that sign our tokens: each the base64 of an Ed25519 key in PKCS #8, one a line or separated by commas. The first signs, all verify. `booking-service
    /// new-key signing` makes one.
    #[arg(long, env = "BOOKING_SIGNING_KEYS", hide_env_values = true)]
    pub signing_keys: Option<SecretString>,
    /// Keys that encrypt secrets in the database: each the base64 of 32 random bytes, one a line or separated by commas. The first encrypts, all
    /// decrypt. `booking-service new-key secret` makes one.
    #[arg(long, env = "BOOKING_SECRET_KEYS", hide_env_values = true)]
    pub secret_keys: Option<SecretString>,
    /// Foreign issuers whose tokens are believed, as a JSON list: docs/SECURITY.md.
    #[arg(long, env = "BOOKING_TRUSTED_ISSUERS", hide_env_values = true)]
    pub trusted_issuers: Option<SecretString>,
    /// The development issuer.
    #[command(flatten)]
    pub development: Development,
}

/// How much is too much, for each copy of the service. Bursts of four seconds' worth are let through.
#[derive(Args, Clone, Debug)]
pub struct Rates {
    /// Requests a second of one organisation.
    #[arg(long, env = "BOOKING_ORGANISATION_RATE", default_value = "50")]
    pub organisation_rate: NonZeroU32,
    /// Requests a second with one credential.
    #[arg(long, env = "BOOKING_CREDENTIAL_RATE", default_value = "25")]
    pub credential_rate: NonZeroU32,
    /// Attempts a minute to sign in or up, from one address, and at one account.
    #[arg(long, env = "BOOKING_SIGN_IN_RATE", default_value = "10")]
    pub sign_in_rate: NonZeroU32,
    /// Refused credentials a minute from one address; more are refused without being written down.
    #[arg(long, env = "BOOKING_REFUSAL_RATE", default_value = "300")]
    pub refusal_rate: NonZeroU32,
}

impl Rates {
    /// As good as none: for programs that serve nobody.
    pub const UNLIMITED: Self = {
        let million = NonZeroU32::new(1_000_000).unwrap();
        Self {
            organisation_rate: million,
            credential_rate: million,
            sign_in_rate: million,
            refusal_rate: million,
        }
    };
}

/// The development issuer.
#[derive(Args, Clone, Debug)]
pub struct Development {
    /// Believe tokens of the development issuer. Never set this where real patients are booked.
    #[arg(long, env = "BOOKING_DEV_ISSUER")]
    pub dev_issuer: bool,
    /// The development issuer's key; made when it is missing.
    #[arg(long, env = "BOOKING_DEV_KEY", default_value = ".frontdesk/development.key")]
    pub dev_key: PathBuf,
}
