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
    /// Where the booking service is.
    #[arg(long, env = "GATEWAY_BOOKING_URL")]
    pub booking_url: http::Uri,
    /// How long a request may take. Below the voice platform's own 20 seconds, so that the caller hears something true from us.
    #[arg(long, env = "GATEWAY_DEADLINE", default_value = "8s", value_parser = humantime::parse_duration)]
    pub deadline: Duration,
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

/// How log lines look.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines, one object a line.
    Json,
}
