//! Every setting: the only file that reads the environment. `--help` is the reference.

mod calendars;
mod keys;
mod knowledge;
mod operator;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};
use secrecy::SecretString;

pub use self::{
    calendars::CalendarSettings,
    keys::{Development, KeySettings, Rates},
    knowledge::{EmbedModel, EmbedModels, EmbedUrl, KnowledgeSettings},
    operator::{Audit, Import, KeyPurpose, NewKey, Operator, RotateSecrets, Verify},
};

use crate::{
    caller::Role,
    domain::ids::{ClinicId, OrgId},
};

/// The booking service of Frontdesk.
#[derive(Debug, Parser)]
#[command(name = "booking-service", version)]
pub struct Config {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// What is logged.
    #[command(flatten)]
    pub logging: Logging,
}

/// A setting that can be read but not used. Ends the program like one that cannot be read.
#[derive(Clone, Copy, Debug)]
pub struct WrongSetting(pub &'static str);

impl std::fmt::Display for WrongSetting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} cannot be used", self.0)
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serves gRPC until it is told to stop.
    Serve(Box<Serve>),
    /// Prepares a database server: roles, the database, its extensions. Can be repeated. Prints the addresses, ready for .env.
    Bootstrap(Bootstrap),
    /// Applies the migrations.
    Migrate(Migrate),
    /// Asks the service that runs here whether it is ready; fails if it is not. For health checks.
    Probe(Probe),
    /// Prints a token of the development issuer.
    Token(Token),
    /// Makes an organisation with its first clinic and prints their ids. Does nothing where it exists.
    CreateOrganization(CreateOrganization),
    /// Makes a clinic what its YAML file says, over a running service; without --apply, only says what that would change.
    Import(Import),
    /// Prints a new key, ready for the settings.
    NewKey(NewKey),
    /// Encrypts every secret in the database with the first key. Afterwards the other keys can go.
    RotateSecrets(RotateSecrets),
    /// Proves that the audit is as it was written.
    #[command(subcommand)]
    Audit(Audit),
}

/// What is logged.
#[derive(Args, Clone, Debug)]
pub struct Logging {
    /// What is logged: a level, or levels by module (`info,sqlx=warn`).
    #[arg(long, env = "BOOKING_LOG", default_value = "info", global = true)]
    pub log: String,
    /// How log lines look.
    #[arg(long, env = "BOOKING_LOG_FORMAT", default_value = "text", global = true)]
    pub log_format: LogFormat,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines, one object a line.
    Json,
}

/// The settings of `serve`.
#[derive(Args, Clone, Debug)]
pub struct Serve {
    /// Where gRPC is served.
    #[arg(long, env = "BOOKING_GRPC_ADDRESS", default_value = "127.0.0.1:50051")]
    pub grpc_address: SocketAddr,
    /// Where /livez, /readyz and /metrics are served.
    #[arg(long, env = "BOOKING_HTTP_ADDRESS", default_value = "127.0.0.1:9090")]
    pub http_address: SocketAddr,
    /// The database.
    #[command(flatten)]
    pub database: Database,
    /// The database, with the other logins.
    #[command(flatten)]
    pub logins: Logins,
    /// Whom to believe, and what to sign and encrypt with.
    #[command(flatten)]
    pub keys: KeySettings,
    /// How much is too much.
    #[command(flatten)]
    pub rates: Rates,
    /// The providers' calendars.
    #[command(flatten)]
    pub calendars: CalendarSettings,
    /// The clinics' documents.
    #[command(flatten)]
    pub knowledge: KnowledgeSettings,
    /// Refuse to start on a Postgres with known holes in its row security, instead of warning.
    #[arg(long, env = "BOOKING_REQUIRE_PATCHED_POSTGRES")]
    pub require_patched_postgres: bool,
    /// How long requests may take to end after we are told to stop.
    #[arg(long, env = "BOOKING_SHUTDOWN_GRACE", default_value = "10s", value_parser = humantime::parse_duration)]
    pub shutdown_grace: Duration,
}

/// The database with the logins that see what requests about appointments need not see.
#[derive(Args, Clone, Debug)]
pub struct Logins {
    /// The database, with the login for people and keys.
    #[arg(long, env = "BOOKING_AUTH_URL", hide_env_values = true)]
    pub auth_url: SecretString,
    /// The database, with the login for calendars.
    #[arg(long, env = "BOOKING_WORKER_URL", hide_env_values = true)]
    pub worker_url: SecretString,
    /// The database, with the login that sees in which organisations calendars have to be brought up to date.
    #[arg(long, env = "BOOKING_ROUTER_URL", hide_env_values = true)]
    pub router_url: SecretString,
}

/// The service's way to Postgres.
#[derive(Args, Clone, Debug)]
pub struct Database {
    /// The address of the database, with the service's own login.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: SecretString,
    /// How many connections are kept at the most: two to four for each core of the database is enough.
    #[arg(long, env = "BOOKING_DATABASE_CONNECTIONS", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub database_connections: u32,
    /// How long a request waits for a connection before it is told to come again.
    #[arg(long, env = "BOOKING_DATABASE_WAIT", default_value = "1s", value_parser = humantime::parse_duration)]
    pub database_wait: Duration,
}

/// The settings of `bootstrap`.
#[derive(Args, Clone, Debug)]
pub struct Bootstrap {
    /// The database server, with a superuser's login.
    #[arg(long, env = "BOOKING_ADMIN_URL", hide_env_values = true)]
    pub admin_url: SecretString,
    /// The database to make or to complete.
    #[arg(long, default_value = "frontdesk")]
    pub database: String,
    /// Give every login a new password. Without it, only new logins get one.
    #[arg(long)]
    pub rotate: bool,
    /// Give no login a password: for servers that trust everybody who reaches them.
    #[arg(long, conflicts_with = "rotate")]
    pub without_passwords: bool,
}

/// What becomes of the logins' passwords.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passwords {
    /// New logins get one, which is printed once. Others keep theirs.
    Keep,
    /// Every login gets a new one.
    Rotate,
    /// None are set.
    None,
}

impl Bootstrap {
    /// What becomes of the logins' passwords.
    pub fn passwords(&self) -> Passwords {
        match (self.rotate, self.without_passwords) {
            (true, _) => Passwords::Rotate,
            (false, true) => Passwords::None,
            (false, false) => Passwords::Keep,
        }
    }
}

/// The settings of `migrate`.
#[derive(Args, Clone, Debug)]
pub struct Migrate {
    /// The address of the database, with the migrator's login.
    #[arg(long, env = "BOOKING_MIGRATOR_URL", hide_env_values = true)]
    pub migrator_url: SecretString,
}

/// The settings of `probe`.
#[derive(Args, Clone, Debug)]
pub struct Probe {
    /// Where the service serves /readyz.
    #[arg(long, env = "BOOKING_HTTP_ADDRESS", default_value = "127.0.0.1:9090")]
    pub http_address: SocketAddr,
}

/// The settings of `token`.
#[derive(Args, Clone, Debug)]
pub struct Token {
    /// The organisation the token is for.
    #[arg(long, env = "BOOKING_DEV_ORG")]
    pub org: OrgId,
    /// A user or a machine.
    #[arg(long, default_value = "developer")]
    pub subject: String,
    /// What they may do. Without it: `agent` with scope voice, else `admin`.
    #[arg(long)]
    pub role: Option<Role>,
    /// What the token is for. `voice`: it speaks for callers on the telephone.
    #[arg(long)]
    pub scope: Option<Scope>,
    /// How long it is good for: a day at most.
    #[arg(long, default_value = "12h", value_parser = at_most_a_day)]
    pub lifetime: Duration,
    /// The development issuer's key; made when it is missing.
    #[arg(long, env = "BOOKING_DEV_KEY", default_value = ".frontdesk/development.key")]
    pub dev_key: PathBuf,
}

fn at_most_a_day(text: &str) -> Result<Duration, String> {
    let lifetime = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if lifetime <= Duration::from_hours(24) { Ok(lifetime) } else { Err("must be 24h at most".to_owned()) }
}

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scope {
    /// Speaking for callers on the telephone.
    Voice,
}

/// The settings of `create-organization`.
#[derive(Args, Clone, Debug)]
pub struct CreateOrganization {
    /// The organisation's id. Without it, a new one.
    #[arg(long)]
    pub org: Option<OrgId>,
    /// The organisation's name.
    #[arg(long)]
    pub name: String,
    /// The first clinic's id. Without it, a new one.
    #[arg(long)]
    pub clinic: Option<ClinicId>,
    /// The first clinic's name, as it is spoken.
    #[arg(long)]
    pub clinic_name: String,
    /// The first clinic's IANA time zone.
    #[arg(long)]
    pub time_zone: String,
    /// The database.
    #[command(flatten)]
    pub database: Database,
}
