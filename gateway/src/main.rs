//! The gateway's program: reads the settings, serves until told to stop.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use gateway::{config::Config, server::Server, telemetry};
use tokio_util::sync::CancellationToken;

/// sysexits.h: a setting is wrong.
const WRONG_SETTING: u8 = 64;

#[tokio::main]
async fn main() -> ExitCode {
    let config = match Config::try_parse() {
        Ok(config) => config,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { WRONG_SETTING.into() } else { ExitCode::SUCCESS };
        }
    };
    if config.probe {
        let asked = proto::readyz::ask(config.address).context("the gateway is not ready");
        return asked.map_or_else(|error| fail(&error, 1), |()| ExitCode::SUCCESS);
    }
    if let Err(error) = telemetry::init(&config) {
        return fail(&error.context("GATEWAY_LOG"), WRONG_SETTING);
    }
    match serve(&config).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error, 1),
    }
}

#[expect(clippy::print_stderr, reason = "this is a command-line program")]
fn fail(error: &anyhow::Error, code: u8) -> ExitCode {
    eprintln!("gateway: {error:#}");
    code.into()
}

async fn serve(config: &Config) -> anyhow::Result<()> {
    let server = Server::bind(config).await?;
    tracing::info!(http = %server.address()?, booking = %config.booking_url, "serving");
    let stop = CancellationToken::new();
    tokio::spawn(stop_on_signal(stop.clone()));
    server.run(stop).await
}

async fn stop_on_signal(stop: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    tracing::info!("stopping");
    stop.cancel();
}
