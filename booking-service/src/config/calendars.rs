//! Settings of `serve` that say how the providers' calendars are reached.

use std::{num::NonZeroU32, time::Duration};

use clap::Args;
use reqwest::Url;
use secrecy::SecretString;

/// The providers' calendars.
#[derive(Args, Clone, Debug)]
pub struct CalendarSettings {
    /// The client id of our application at Google, for calendars that people connect themselves. Without it, only service accounts can be connected.
    #[arg(long, env = "BOOKING_GOOGLE_CLIENT_ID")]
    pub google_client_id: Option<String>,
    /// Its secret. A value that begins with `@` is the name of a file with the secret in it.
    #[arg(long, env = "BOOKING_GOOGLE_CLIENT_SECRET", hide_env_values = true)]
    pub google_client_secret: Option<SecretString>,
    /// Where Google sends people back to: the gateway's `/api/calendar/google/callback`, as it is entered at Google.
    #[arg(long, env = "BOOKING_GOOGLE_REDIRECT_URL", default_value = "http://127.0.0.1:8080/api/calendar/google/callback", value_parser = https_or_here)]
    pub google_redirect_url: Url,
    /// Google's calendar API.
    #[arg(long, env = "BOOKING_GOOGLE_API_URL", default_value = "https://www.googleapis.com/calendar/v3/", value_parser = folder)]
    pub google_api_url: Url,
    /// Where people consent.
    #[arg(long, env = "BOOKING_GOOGLE_AUTH_URL", default_value = "https://accounts.google.com/o/oauth2/v2/auth", value_parser = https_or_here)]
    pub google_auth_url: Url,
    /// Where access tokens come from.
    #[arg(long, env = "BOOKING_GOOGLE_TOKEN_URL", default_value = "https://oauth2.googleapis.com/token", value_parser = https_or_here)]
    pub google_token_url: Url,
    /// Whom a service account's assertions are for: Google's own address, whatever `BOOKING_GOOGLE_TOKEN_URL` is.
    #[arg(
        long,
        env = "BOOKING_GOOGLE_TOKEN_AUDIENCE",
        default_value = "https://oauth2.googleapis.com/token"
    )]
    pub google_token_audience: String,
    /// Where refresh tokens are given back.
    #[arg(long, env = "BOOKING_GOOGLE_REVOKE_URL", default_value = "https://oauth2.googleapis.com/revoke", value_parser = https_or_here)]
    pub google_revoke_url: Url,
    /// Names this installation in the events that it writes. A copy of the database that runs elsewhere needs another name, and then leaves the
    /// calendars alone.
    #[arg(long, env = "BOOKING_INSTALLATION", default_value = "frontdesk", value_parser = installation)]
    pub installation: String,
    /// How many calendars this copy of the service writes to at the same time; 0: it leaves that to others.
    #[arg(long, env = "BOOKING_CALENDAR_WORKERS", default_value_t = 8, value_parser = clap::value_parser!(u16).range(0..=200))]
    pub workers: u16,
    /// What may be asked of Google a second, for each calendar; an update counts three times, as it does at Google.
    #[arg(long, env = "BOOKING_CALENDAR_RATE", default_value = "5")]
    pub rate: NonZeroU32,
    /// How long a booking waits to be in the calendar before it answers that it is on its way.
    #[arg(long, env = "BOOKING_CALENDAR_WAIT", default_value = "250ms", value_parser = humantime::parse_duration)]
    pub wait: Duration,
    /// How long Google has to answer.
    #[arg(long, env = "BOOKING_CALENDAR_TIMEOUT", default_value = "10s", value_parser = timeout)]
    pub timeout: Duration,
}

impl CalendarSettings {
    /// The longest that Google may take: a calendar that is written to is ours for six times as long.
    pub const LONGEST_TIMEOUT: Duration = Duration::from_secs(20);

    /// For programs that write to no calendar: every default, and no worker.
    pub fn idle() -> anyhow::Result<Self> {
        #[derive(clap::Parser)]
        struct Alone {
            #[command(flatten)]
            settings: CalendarSettings,
        }
        let alone = <Alone as clap::Parser>::try_parse_from(["idle", "--workers=0"])?;
        Ok(alone.settings)
    }
}

/// Secrets go over TLS, or stay on this machine.
pub(super) fn https_or_here(text: &str) -> Result<Url, String> {
    let url: Url = text.parse().map_err(|_| "not a URL".to_owned())?;
    if crate::web::is_safe(&url) { Ok(url) } else { Err("does not begin with https://".to_owned()) }
}

fn folder(text: &str) -> Result<Url, String> {
    https_or_here(&format!("{}/", text.trim_end_matches('/')))
}

fn installation(text: &str) -> Result<String, String> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if is_plain && (1..=60).contains(&text.len()) {
        return Ok(text.to_owned());
    }
    Err("must be 1 to 60 letters, digits, dots, dashes or underscores".to_owned())
}

fn timeout(text: &str) -> Result<Duration, String> {
    let timeout = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    let sensible = Duration::from_millis(100)..=CalendarSettings::LONGEST_TIMEOUT;
    if sensible.contains(&timeout) { Ok(timeout) } else { Err("must be from 100ms to 20s".to_owned()) }
}
