//! `./x bench`: measures bookings through the release build, over HTTP and over gRPC, with one caller and with sixteen.
#![expect(clippy::print_stdout, reason = "this program prints a table")]

mod drive;
mod ground;

use std::path::Path;

use clap::Parser;
use tests::stack::{Places, Stack};

use crate::drive::{Way, drive};

const HOME: &str = ".frontdesk/bench";

#[derive(Debug, Parser)]
#[command(name = "bench")]
struct Options {
    /// How many bookings each row of the table makes.
    #[arg(long, default_value_t = 4000)]
    bookings: usize,
    #[command(flatten)]
    places: Places,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let home = Path::new(HOME);
    if home.exists() {
        std::fs::remove_dir_all(home)?;
    }
    std::fs::create_dir_all(home)?;
    let stack = Stack::start(&options.places, home).await?;
    let mut ground = ground::prepare(&stack, home).await?;
    println!("\n  16 providers of 4 organisations, every patient new, fsync on\n");
    println!("  {:<34} {:>7} {:>9} {:>9} {:>9} {:>9}", "", "n", "p50 ms", "p99 ms", "max ms", "per s");
    // Once for warm caches and prepared statements.
    drive(&stack, &mut ground, Way::Http, 4, options.bookings / 8).await?;
    for (name, way, callers) in [
        ("booking over HTTP, 1 caller", Way::Http, 1),
        ("booking over HTTP, 16 callers", Way::Http, 16),
        ("booking over gRPC, 1 caller", Way::Grpc, 1),
        ("booking over gRPC, 16 callers", Way::Grpc, 16),
        ("conflict over HTTP, 1 caller", Way::HttpConflict, 1),
    ] {
        let measured = drive(&stack, &mut ground, way, callers, options.bookings).await?;
        println!("  {name:<34} {measured}");
    }
    stack.stop()
}
