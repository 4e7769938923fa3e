//! Requests that end before they are answered: whoever hangs up leaves nothing behind.
//!
//! sqlx 0.9.0 gives a connection back inside the transaction when a `begin` is cancelled (transact-rs/sqlx#4393), and with the transaction
//! its organisation. `Db::begin` keeps that from happening; without it these tests fail.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use booking_service::caller::Caller;
use futures::{StreamExt as _, stream};
use proto::booking::v1::{
    self as pb, appointment_service_client::AppointmentServiceClient,
    identity_service_client::IdentityServiceClient,
};

use sqlx::PgConnection;

use crate::harness::{
    TestApp,
    fixtures::{Clinic, booking_of, scattered, slot},
    with_metadata, with_token,
};

/// A forgotten transaction ends with the next one on the same connection: after so few requests somebody looks.
const BATCHES: u64 = 100;
const BATCH: u64 = 50;
const AT_ONCE: usize = 3;
/// Beside what a booking takes, a server that keeps to a deadline answers this much before it.
const MARGIN: Duration = Duration::from_millis(10);

const OPEN_TRANSACTIONS: &str = "
    select count(*) from pg_stat_activity
    where datname = current_database() and usename = 'frontdesk_service' and state like 'idle in transaction%'";

/// One request of the storm, given up after a while: by the client who hangs up, or by the deadline that it named. Gives the id of an
/// appointment that it was promised.
async fn impatient(app: &TestApp, clinic: &Clinic, n: u64, usual: Duration) -> Option<String> {
    // Some end on their way in, some at each step, and some are answered, however fast the machine is.
    let with_deadline = n.is_multiple_of(2);
    let longest = usual * 3 + if with_deadline { MARGIN } else { Duration::ZERO };
    let patience = longest * u32::try_from(scattered(n) % 1_000).unwrap() / 1_000;
    let timeout = format!("{}u", patience.as_micros().max(1));
    let bearer = format!("Bearer {}", clinic.admin);
    let mut metadata = vec![("authorization", bearer.as_str())];
    if with_deadline {
        metadata.push(("grpc-timeout", timeout.as_str()));
    }
    if n.is_multiple_of(5) {
        let request = with_metadata(pb::GetCallerRequest {}, &metadata);
        let mut identity = IdentityServiceClient::new(app.grpc.clone());
        let answer = tokio::time::timeout(patience, identity.get_caller(request)).await.ok()?;
        assert_eq!(answer.ok()?.into_inner().org_id, clinic.org.to_string(), "another organisation's answer");
        return None;
    }
    let start = jiff::Timestamp::from_second(1_830_297_600 + i64::try_from(n).unwrap() * 1_800).unwrap();
    let request = with_metadata(booking_of(slot(clinic, &start.to_string())), &metadata);
    let mut appointments = AppointmentServiceClient::new(app.grpc.clone());
    let answer = tokio::time::timeout(patience, appointments.book_appointment(request)).await.ok()?;
    let made = answer.ok()?.into_inner().appointment.unwrap();
    assert_eq!(made.org_id, clinic.org.to_string(), "another organisation's appointment");
    Some(made.id)
}

/// What a booking takes here, when nobody else asks for anything.
async fn a_bookings_time(app: &TestApp, clinic: &Clinic) -> Duration {
    let mut times = Vec::new();
    for n in 0..9 {
        let began = Instant::now();
        let start = format!("2040-01-01T{n:02}:00:00Z");
        app.book(&clinic.admin, booking_of(slot(clinic, &start))).await.unwrap();
        times.push(began.elapsed());
    }
    times.sort_unstable();
    times[4]
}

async fn count(watcher: &mut PgConnection, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(watcher).await.unwrap()
}

/// What was cancelled last is still being rolled back; what is left open stays open.
async fn is_quiet(watcher: &mut PgConnection) -> bool {
    let until = Instant::now() + Duration::from_secs(5);
    while Instant::now() < until {
        if count(watcher, OPEN_TRANSACTIONS).await == 0 {
            return true;
        }
    }
    false
}

#[tokio::test(flavor = "multi_thread")]
async fn five_thousand_cancelled_requests_leave_no_transaction_and_no_tenant_behind() {
    let app = TestApp::with_connections(2).await;
    let clinics = [app.clinic().await, app.clinic().await];
    let mut watcher = app.database.superuser().await;
    let usual = a_bookings_time(&app, &clinics[0]).await;
    let mut promised = BTreeSet::new();
    for batch in 0..BATCHES {
        let numbers = batch * BATCH..(batch + 1) * BATCH;
        let requests = numbers.map(|n| impatient(&app, &clinics[usize::from(n % 3 == 0)], n, usual));
        let answers: Vec<Option<String>> = stream::iter(requests).buffer_unordered(AT_ONCE).collect().await;
        promised.extend(answers.into_iter().flatten());
        assert!(is_quiet(&mut watcher).await, "a transaction is left open after batch {batch}");
    }

    // A statement without a tenant, on a connection inside a forgotten transaction, would be lost with it.
    let before = app.count("select count(*) from auth_failure").await;
    let strangers = (0..20).map(|_| async {
        let mut identity = IdentityServiceClient::new(app.grpc.clone());
        identity.get_caller(with_token("nonsense", pb::GetCallerRequest {})).await.unwrap_err();
    });
    futures::future::join_all(strangers).await;
    assert_eq!(app.count("select count(*) from auth_failure").await, before + 20);

    let mut database = app.database.superuser().await;
    let made: Vec<String> = sqlx::query_scalar("select appointment_id::text from appointment")
        .fetch_all(&mut database)
        .await
        .unwrap();
    let made: BTreeSet<String> = made.into_iter().collect();
    assert!(promised.is_subset(&made), "an appointment that was promised is not there");
    // Of the bookings, which four of five requests were, some were answered, some were made unheard, and some were not made.
    let bookings = usize::try_from(BATCHES * BATCH * 4 / 5).unwrap();
    assert!(
        !promised.is_empty() && promised.len() < made.len() && made.len() < bookings,
        "{} made",
        made.len()
    );
    let wrong = "
        select count(*) from appointment a
        where (select count(*) from audit u where u.org_id = a.org_id and u.resource_id = a.appointment_id::text) <> 1
            or (select count(*) from calendar_sync s where s.org_id = a.org_id and s.appointment_id = a.appointment_id) <> 1";
    assert_eq!(app.count(wrong).await, 0, "half a booking");
}

/// A moment that is finer than the runtime's timers, which tick in milliseconds.
async fn moment(length: Duration) {
    let began = Instant::now();
    while began.elapsed() < length {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_begin_that_is_cancelled_halfway_leaves_no_transaction_behind() {
    let app = TestApp::with_connections(1).await;
    let clinic = app.clinic().await;
    let caller = Caller::system(clinic.org);
    let mut watcher = app.database.superuser().await;
    let mut cancelled = 0;
    for n in 0..5_000 {
        let patience = Duration::from_micros(scattered(n) % 1_000);
        tokio::select! {
            begun = app.app.db.tenant_tx(&caller) => drop(begun.unwrap()),
            () = moment(patience) => cancelled += 1,
        }
        if n % 10 == 9 {
            assert!(is_quiet(&mut watcher).await, "a transaction is left open after {n}");
        }
    }
    assert!(cancelled > 100, "{cancelled} were cancelled");
}
