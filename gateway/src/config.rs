//! Every setting: the only file that reads the environment. `--help` is the reference.

use std::{net::SocketAddr, time::Duration};

use clap::{Parser, ValueEnum};

/// The gateway of Frontdesk.
#[derive(Clone, Debug, Parser)]
#[command(name = "gateway", version)]
pub struct Config {
    /// Where HTTP is served.
    #[arg(long, env = "GATEWAY_ADDRESS", default_value = "127.0.0.1:8080")]
    pub address: SocketAddr,
    /// Asks the gateway that runs here whether it is ready, and ends; fails if it is not. For health checks.
    #[arg(long)]
    pub probe: bool,
    /// Where the booking service is.
    #[arg(long, env = "GATEWAY_BOOKING_URL", value_parser = absolute)]
    pub booking_url: http::Uri,
    /// Where the voice platform reaches this gateway, like <https://book.example.com>; the tool definitions name it. Without it they
    /// name the host that they were asked at.
    #[arg(long, env = "GATEWAY_PUBLIC_URL", value_parser = public)]
    pub public_url: Option<http::Uri>,
    /// How long a request may take. Below the voice platform's own 20 seconds, so that the caller hears something true from us.
    #[arg(long, env = "GATEWAY_DEADLINE", default_value = "8s", value_parser = deadline)]
    pub deadline: Duration,
    /// How long a connection may take to send the head of a request, or rest between two. Longer than whatever is in front keeps idle connections.
    #[arg(long, env = "GATEWAY_HEAD_TIMEOUT", default_value = "75s", value_parser = humantime::parse_duration)]
    pub head_timeout: Duration,
    /// How long requests may take to end after we are told to stop.
    #[arg(long, env = "GATEWAY_SHUTDOWN_GRACE", default_value = "10s", value_parser = humantime::parse_duration)]
    pub shutdown_grace: Duration,
    /// What is logged: a level, or levels by module (`info,h2=warn`).
    #[arg(long, env = "GATEWAY_LOG", default_value = "info")]
    pub log: String,
    /// How log lines look.
    #[arg(long, env = "GATEWAY_LOG_FORMAT", default_value = "text")]
    pub log_format: LogFormat,
}

fn absolute(text: &str) -> Result<http::Uri, String> {
    let url: http::Uri = text.parse().map_err(|_| "not a URL".to_owned())?;
    // TLS between the two is for a mesh or a tunnel: to accept https and speak in the clear would be worse than to refuse it.
    let is_absolute = url.scheme_str() == Some("http") && url.authority().is_some();
    if is_absolute { Ok(url) } else { Err("not a URL like http://127.0.0.1:50051".to_owned()) }
}

fn public(text: &str) -> Result<http::Uri, String> {
    let url: http::Uri = text.parse().map_err(|_| "not a URL".to_owned())?;
    let is_web = matches!(url.scheme_str(), Some("http" | "https")) && url.query().is_none();
    if is_web { Ok(url) } else { Err("not a URL like https://book.example.com".to_owned()) }
}

fn deadline(text: &str) -> Result<Duration, String> {
    let deadline = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    let sensible = Duration::from_millis(100)..=Duration::from_mins(5);
    if sensible.contains(&deadline) { Ok(deadline) } else { Err("must be from 100ms to 5min".to_owned()) }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines, one object a line.
    Json,
}
