//! Settings of the operator's verbs.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use secrecy::SecretString;

/// The settings of `new-key`.
#[derive(Args, Clone, Copy, Debug)]
pub struct NewKey {
    /// What for.
    pub purpose: KeyPurpose,
}

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KeyPurpose {
    /// Signing tokens: `BOOKING_SIGNING_KEYS`.
    Signing,
    /// Encrypting secrets: `BOOKING_SECRET_KEYS`.
    Secret,
}

/// The operator's way to Postgres.
#[derive(Args, Clone, Debug)]
pub struct Operator {
    /// The address of the database, with the operator's login.
    #[arg(long, env = "BOOKING_OPERATOR_URL", hide_env_values = true)]
    pub operator_url: SecretString,
}

/// The settings of `rotate-secrets`.
#[derive(Args, Clone, Debug)]
pub struct RotateSecrets {
    /// The database.
    #[command(flatten)]
    pub operator: Operator,
    /// As for `serve`.
    #[arg(long, env = "BOOKING_SECRET_KEYS", hide_env_values = true)]
    pub secret_keys: SecretString,
}

/// What to do with the audit.
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Numbers and chains the rows that are not sealed yet, and prints a seal for each organisation and day: keep them outside of the database.
    Seal(Operator),
    /// Compares the audit with its seals; fails, and says where, if anything was edited, removed, swapped or cut since.
    Verify(Verify),
}

/// The settings of `audit verify`.
#[derive(Args, Clone, Debug)]
pub struct Verify {
    /// The database.
    #[command(flatten)]
    pub operator: Operator,
    /// A file with the seals that were printed; `-`: standard input.
    pub seals: PathBuf,
}

/// The settings of `import`.
#[derive(Args, Clone, Debug)]
pub struct Import {
    /// The clinic's file; `-`: standard input.
    pub file: PathBuf,
    /// Make the changes, and do not only show them.
    #[arg(long)]
    pub apply: bool,
    /// Where the service serves gRPC.
    #[arg(long, env = "BOOKING_URL", default_value = "http://127.0.0.1:50051")]
    pub url: String,
    /// The token of an administrator of the clinic's organisation.
    #[arg(long, env = "BOOKING_TOKEN", hide_env_values = true)]
    pub token: SecretString,
}
