//! A stand-in for Google Calendar, for `./x up`, `./x bench` and whoever wants to try without Google.
#![expect(clippy::print_stdout, reason = "it says where it is")]

use std::net::SocketAddr;

use booking_service::clock::Clock;
use clap::Parser;
use tests::fake_gcal::FakeGcal;

#[derive(Debug, Parser)]
#[command(name = "fake-gcal")]
struct Options {
    /// Where it is served.
    #[arg(long, default_value = "127.0.0.1:8090")]
    address: SocketAddr,
    /// Requests a minute of one user, as at Google; 0: as many as they like.
    #[arg(long, default_value_t = 600)]
    quota: usize,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Options { address, quota } = Options::parse();
    let fake = FakeGcal::start_at(address, Clock::default(), None).await?;
    fake.set_quota(quota);
    println!("{}", fake.url);
    tokio::signal::ctrl_c().await?;
    Ok(())
}
