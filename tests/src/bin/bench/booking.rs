//! The scenario `booking`: slots booked and refused, and what Postgres alone would do in the same time.

use std::path::Path;

use anyhow::Result;
use tests::stack::Stack;

use crate::{
    Options,
    drive::{Driver, Way},
    ground::{self, Ground},
    pgbench::Pgbench,
    report::{Limit, Report},
};

const HOME: &str = ".frontdesk/bench";

/// Four organisations do what no four clinics do.
const UNLIMITED: [(&str, &str); 2] =
    [("BOOKING_ORGANISATION_RATE", "1000000"), ("BOOKING_CREDENTIAL_RATE", "1000000")];

/// As many callers as a busy clinic group has, and as many connections as the service keeps.
const MANY: usize = 16;

/// The user's card: above these a release is broken.
const BOOKING_CEILING_MS: f64 = 500.0;
const CONFLICT_CEILING_MS: f64 = 50.0;

pub(crate) async fn measure(options: &Options) -> Result<Report> {
    let home = Path::new(HOME);
    if home.exists() {
        std::fs::remove_dir_all(home)?;
    }
    std::fs::create_dir_all(home)?;
    let stack = Stack::start(&options.places, home, &UNLIMITED).await?;
    let mut report = Report::default();
    for (what, megabytes) in stack.memory() {
        report.goal(what, "MB", megabytes, Limit::AtMost(50.0));
    }
    let pgbench = Pgbench::find(options.pgbench.as_deref(), &stack);
    report.about = about(&stack, &pgbench);
    let mut ground = ground::prepare(&stack, home).await?;
    let driver = Driver::connect(&stack).await?;
    let count = options.bookings;
    // Once for warm caches and prepared statements.
    driver.run(Way::Http, &mut ground, MANY, count / 4).await?;
    stack.analyze().await?;

    let (http, grpc) = driver.take_turns(&mut ground, count).await?;
    let [p50, p99] = [50, 99].map(|percent| http.percentile(percent));
    let share = p50 - grpc.percentile(50);
    report.rows.extend([("booking over HTTP, 1 caller", http), ("booking over gRPC, 1 caller", grpc)]);
    let conflict = driver.run(Way::Conflict, &mut ground, 1, count).await?;
    let conflict_p99 = conflict.percentile(99);
    report.rows.push(("conflict over HTTP, 1 caller", conflict));

    let ratio = throughput(&mut report, &stack, home, &driver, &mut ground, &pgbench, count).await?;
    report.goal("booking through the gateway, p50", "ms", p50, Limit::AtMost(5.0));
    report.goal("booking through the gateway, p99", "ms", p99, Limit::AtMost(15.0));
    report.goal("what the gateway adds, p50", "ms", share, Limit::AtMost(1.0));
    report.goal("conflict with alternatives, p99", "ms", conflict_p99, Limit::AtMost(10.0));
    if let Some(ratio) = ratio {
        report.goal("throughput by that of pgbench, 16 callers", "", ratio, Limit::AtLeast(0.6));
    }
    report.goal("booking (card), p99", "ms", p99, Limit::Ceiling(BOOKING_CEILING_MS));
    report.goal("conflict check (card), p99", "ms", conflict_p99, Limit::Ceiling(CONFLICT_CEILING_MS));
    stack.stop()?;
    Ok(report)
}

/// Many callers through the services, and as many clients of Postgres alone, in turns: what else the machine does then hits both.
async fn throughput(
    report: &mut Report,
    stack: &Stack,
    home: &Path,
    driver: &Driver,
    ground: &mut Ground,
    pgbench: &Result<Pgbench>,
    count: usize,
) -> Result<Option<f64>> {
    let http = driver.run(Way::Http, ground, MANY, count).await?;
    let grpc = driver.run(Way::Grpc, ground, MANY, count).await?;
    let ratio = match pgbench {
        Err(_) => None,
        Ok(pgbench) => {
            let theirs = ground::prepare(stack, home).await?;
            pgbench.run(stack, &theirs, MANY, count / 4)?;
            stack.analyze().await?;
            let alone = ground::prepare(stack, home).await?;
            let alone = pgbench.run(stack, &alone, MANY, count)?;
            let again = driver.run(Way::Http, ground, MANY, count).await?;
            let ratio = f64::midpoint(http.per_second(), again.per_second()) / alone.per_second();
            report.rows.push(("Postgres alone (pgbench), 16 clients", alone));
            report.rows.push(("booking over HTTP, 16 callers, again", again));
            Some(ratio)
        }
    };
    report.rows.push(("booking over HTTP, 16 callers", http));
    report.rows.push(("booking over gRPC, 16 callers", grpc));
    Ok(ratio)
}

fn about(stack: &Stack, pgbench: &Result<Pgbench>) -> Vec<(&'static str, String)> {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    vec![
        ("machine", format!("{cores} cores for everything: callers, gateway, service and database")),
        ("database", stack.server_version().unwrap_or_else(|| "as DATABASE_URL says".to_owned())),
        (
            "pgbench",
            match pgbench {
                Ok(pgbench) => pgbench.to_string(),
                Err(why) => format!("not measured: {why:#}"),
            },
        ),
        ("ground", "16 providers of 4 organisations, every patient new".to_owned()),
        (
            "durability",
            if stack.own_database { "every commit is flushed to disk" } else { "as the database has it" }
                .to_owned(),
        ),
    ]
}
