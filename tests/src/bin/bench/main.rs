//! `./x bench`: measures the release build as its users meet it, over HTTP and over gRPC, and Postgres alone with the same statements in the
//! same run. Ratios of one run say something on any machine; seconds of a machine that does something else besides say little.
#![expect(clippy::print_stdout, reason = "this program prints a table")]

mod booking;
mod drive;
mod ground;
mod knowledge;
mod measured;
mod pgbench;
mod report;
mod search;
mod sync;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, ValueEnum};
use tests::stack::Places;

#[derive(Debug, Parser)]
#[command(name = "bench")]
struct Options {
    /// What is measured.
    #[arg(value_enum, default_value_t = Scenario::All)]
    scenario: Scenario,
    /// How many bookings each row of the table makes.
    #[arg(long, default_value_t = 4000, value_parser = at_least_320)]
    bookings: usize,
    /// Where the figures are written as JSON.
    #[arg(long, default_value = ".frontdesk/bench/booking.json")]
    json: PathBuf,
    /// The program, where it is not beside the server's or in `PATH`.
    #[arg(long, env = "FRONTDESK_PGBENCH")]
    pgbench: Option<PathBuf>,
    /// Where the local embedding model is.
    #[arg(long, env = "BOOKING_KNOWLEDGE_MODEL", default_value = ".frontdesk/model")]
    model: PathBuf,
    #[command(flatten)]
    places: Places,
}

/// Fewer say nothing of a hundredth, and would not reach the slot that is asked for again.
fn at_least_320(text: &str) -> Result<usize, String> {
    let bookings = text.parse().map_err(|_| "not a number".to_owned())?;
    if bookings >= 320 { Ok(bookings) } else { Err("must be at least 320".to_owned()) }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Scenario {
    /// Everything.
    All,
    /// Bookings and conflicts.
    Booking,
    /// What is free, in a large organisation.
    Search,
    /// Bookings that are brought into a calendar.
    Sync,
    /// Questions to the clinics' documents.
    Knowledge,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse();
    let mut report = match options.scenario {
        Scenario::All | Scenario::Booking => booking::measure(&options).await?,
        Scenario::Search | Scenario::Sync | Scenario::Knowledge => report::Report::default(),
    };
    if matches!(options.scenario, Scenario::All | Scenario::Search) {
        search::measure(&options, &mut report).await?;
    }
    if matches!(options.scenario, Scenario::All | Scenario::Sync) {
        sync::measure(&options, &mut report).await?;
    }
    if matches!(options.scenario, Scenario::All | Scenario::Knowledge) {
        knowledge::measure(&options, &mut report).await?;
    }
    println!("{report}");
    report.write(&options.json)?;
    println!("  written to {}", options.json.display());
    Ok(if report.is_under_every_ceiling() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
