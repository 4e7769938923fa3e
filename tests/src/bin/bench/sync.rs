//! The scenario `sync`: bookings of providers who have a calendar, with a stand-in for Google that takes its time.

use std::path::Path;

use anyhow::{Result, ensure};
use tests::{organisation, stack::Stack};

use crate::{
    Options,
    drive::Driver,
    ground,
    report::{Limit, Report},
};

const HOME: &str = ".frontdesk/bench-sync";

/// What Google may take for an answer, in milliseconds: near, and far or busy.
const LATENCIES: [(u32, &str, &str); 2] = [
    (20, "booking and sync, Google at 20 ms", "booking and sync (card), Google at 20 ms, p99"),
    (200, "booking and sync, Google at 200 ms", "booking and sync (card), Google at 200 ms, p99"),
];

/// The user's card.
const CEILING_MS: f64 = 500.0;

pub(crate) async fn measure(options: &Options, report: &mut Report) -> Result<()> {
    let home = Path::new(HOME);
    if home.exists() {
        std::fs::remove_dir_all(home)?;
    }
    std::fs::create_dir_all(home)?;
    // As it is for everybody, but for the one caller who books more than a clinic does.
    let unlimited = [("BOOKING_ORGANISATION_RATE", "1000000"), ("BOOKING_CREDENTIAL_RATE", "1000000")];
    let stack = Stack::start(&options.places, home, &unlimited).await?;
    let mut ground = ground::prepare(&stack, home).await?;
    for (n, provider) in ground.providers.iter().enumerate() {
        let person = format!("provider-{n}@example.com");
        organisation::connect_calendar(&stack, &provider.token, &provider.id, &person).await?;
    }
    let driver = Driver::connect(&stack).await?;
    let client = reqwest::Client::builder().build()?;
    let count = (options.bookings / 10).max(100);
    driver.synced(&mut ground, count / 4).await?;
    for (ms, row, goal) in LATENCIES {
        let set = client.post(format!("http://{}/control/latency/{ms}", stack.calendars)).send().await?;
        ensure!(set.status().is_success(), "the stand-in did not take its latency");
        let (measured, synced) = driver.synced(&mut ground, count).await?;
        let p99 = measured.percentile(99);
        report.rows.push((row, measured));
        report.goal(goal, "ms", p99, Limit::Ceiling(CEILING_MS));
        report
            .about
            .push((row, format!("{synced} of {count} were answered as synced, the others as pending")));
    }
    stack.stop()?;
    Ok(())
}
