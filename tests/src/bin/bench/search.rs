//! The scenario `search`: what a provider has free in a week, in organisations of different sizes.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use booking_service::{caller::Role, domain::ids::OrgId};
use proto::booking::v1::{SearchSlotsRequest, availability_service_client::AvailabilityServiceClient};
use tests::{
    crowd,
    organisation::{bearer, token},
    stack::Stack,
};
use tonic::{
    Request,
    transport::{Channel, Endpoint},
};

use crate::{
    Options,
    measured::Measured,
    report::{Limit, Report},
};

const HOME: &str = ".frontdesk/bench-search";

/// The organisations' numbers, which are their ids, and of how many appointments: of all that are made, two thirds are the large organisation's.
const SMALL: (i64, i64) = (0x100_0000, 30_000);
const LARGE: (i64, i64) = (0x200_0000, 150_000);

/// Of the crowd's providers, one who has an appointment every half hour, day and night; and one whose appointments were all cancelled.
const BUSY: &str = "0a000000-0000-0000-0000-000000000007";
const FREE: &str = "0a000000-0000-0000-0000-000000000000";

pub(crate) async fn measure(options: &Options, report: &mut Report) -> Result<()> {
    let home = Path::new(HOME);
    if home.exists() {
        std::fs::remove_dir_all(home)?;
    }
    std::fs::create_dir_all(home)?;
    let limits = [("BOOKING_ORGANISATION_RATE", "1000000"), ("BOOKING_CREDENTIAL_RATE", "1000000")];
    let stack = Stack::start(&options.places, home, &limits).await?;
    let mut superuser = stack
        .superuser()
        .await?
        .context("the crowd is written past the service, into a database of our own")?;
    for (first, appointments) in [SMALL, LARGE] {
        crowd::gather(&mut superuser, first, appointments).await?;
    }
    stack.analyze().await?;
    let channel =
        Endpoint::from_shared(format!("http://{}", stack.grpc))?.tcp_nodelay(true).connect().await?;
    let count = options.bookings;
    for (row, of, provider, offered) in [
        ("provider-week of 20,000, all taken", SMALL.0, BUSY, false),
        ("provider-week of 100,000, all taken", LARGE.0, BUSY, false),
        ("provider-week of 20,000, all free", SMALL.0, FREE, false),
        ("provider-week of 100,000, all free", LARGE.0, FREE, false),
        ("provider-week of 100,000, 24 offers", LARGE.0, FREE, true),
    ] {
        let search = Search { org: org(of)?, provider, offered };
        // Once for warm caches and prepared statements.
        search.run(&channel, home, count / 8).await?;
        report.rows.push((row, search.run(&channel, home, count).await?));
    }
    let [.., small_taken, large_taken, small_free, large_free, _] = report.rows.as_slice() else {
        return Ok(());
    };
    let growth = |small: &Measured, large: &Measured| large.percentile(50) / small.percentile(50);
    let growth = growth(&small_taken.1, &large_taken.1).max(growth(&small_free.1, &large_free.1));
    let p99 = large_taken.1.percentile(99).max(large_free.1.percentile(99));
    report.goal("slot search, a provider-week of 100,000, p99", "ms", p99, Limit::AtMost(10.0));
    report.goal("the same, by that of 20,000, p50", "", growth, Limit::AtMost(1.5));
    stack.stop()
}

fn org(number: i64) -> Result<OrgId> {
    Ok(format!("00000000-0000-0000-0000-{number:012x}").parse()?)
}

/// One caller who searches the same week again and again.
struct Search {
    org: OrgId,
    provider: &'static str,
    offered: bool,
}

impl Search {
    async fn run(&self, channel: &Channel, home: &Path, count: usize) -> Result<Measured> {
        let Self { org, provider, offered } = *self;
        let token = bearer(&token(home, org, "bench", Role::Admin, false)?)?;
        let mut service = AvailabilityServiceClient::new(channel.clone());
        let message = SearchSlotsRequest {
            provider_id: provider.to_owned(),
            date: "2027-01-04".to_owned(),
            end_date: "2027-01-10".to_owned(),
            limit: if offered { 24 } else { 0 },
            offered,
            ..Default::default()
        };
        // Seven days of sixteen half hours, or nothing.
        let expected = match (provider, offered) {
            (BUSY, _) => 0,
            (_, true) => 24,
            (_, false) => 112,
        };
        let (began, mut latencies): (_, Vec<Duration>) = (Instant::now(), Vec::with_capacity(count));
        for _ in 0..count {
            let mut request = Request::new(message.clone());
            request.metadata_mut().insert("authorization", token.clone());
            let asked = Instant::now();
            let found = service.search_slots(request).await?.into_inner();
            latencies.push(asked.elapsed());
            ensure!(found.slots.len() == expected, "{} slots, not {expected}", found.slots.len());
        }
        Ok(Measured::new(latencies, began.elapsed()))
    }
}
