//! Many callers, one slot.

use booking_service::domain::confirmation_code::ConfirmationCode;
use futures::future::join_all;
use proto::booking::v1 as pb;
use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};

use crate::harness::{
    TestApp,
    fixtures::{Clinic, DEADLOCKS, OVERLAPS, booking, booking_of, direct_booking, minutes, reason, slot},
};

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_callers_with_overlapping_starts_one_wins_and_the_others_are_offered_other_times() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    for round in 0..20 {
        let requests = (0..50).map(|caller| {
            // Any two of them overlap, no two need begin at the same time.
            let mut body =
                direct_booking(&clinic, &format!("2027-03-{:02}T15:{:02}:00Z", round + 1, caller % 25));
            body["params"]["patient_name"] = format!("Caller {caller}").into();
            let (app, clinic) = (&app, &clinic);
            async move { app.post(Some(&clinic.admin), &body).await }
        });
        let answers = join_all(requests).await;
        let won = answers.iter().filter(|(status, _)| *status == StatusCode::OK).count();
        assert_eq!(won, 1, "round {round}");
        for (status, body) in answers.iter().filter(|(status, _)| *status != StatusCode::OK) {
            assert_eq!((*status, &body["code"]), (StatusCode::CONFLICT, &json!("CONFLICT")), "{body}");
            assert_eq!(body["alternatives"].as_array().map(Vec::len), Some(3), "{body}");
        }
    }
    assert_eq!(app.count("select count(*) from appointment where state = 'booked'").await, 20);
    assert_eq!(app.count(OVERLAPS).await, 0);
    assert_eq!(app.count(DEADLOCKS).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_callers_to_whom_anybody_will_do_as_many_win_as_there_are_providers() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    app.provider(&clinic, "Dr. Ben Okafor").await;
    app.provider(&clinic, "Dr. Chu Li").await;
    let mut anybody = slot(&clinic, "2027-01-05T15:00:00Z");
    anybody.provider_id.clear();
    let answers = join_all((0..20).map(|_| app.book(&clinic.admin, booking_of(anybody.clone())))).await;
    let won: Vec<&pb::Appointment> = answers.iter().flatten().collect();
    let mut providers: Vec<&str> = won.iter().map(|appointment| appointment.provider_id.as_str()).collect();
    providers.sort_unstable();
    providers.dedup();
    assert_eq!((won.len(), providers.len()), (3, 3));
    assert!(
        answers
            .iter()
            .filter_map(|answer| answer.as_ref().err())
            .all(|status| reason(status) == "SLOT_TAKEN")
    );
    assert_eq!(app.count(DEADLOCKS).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patient_whom_many_bookings_bring_at_once_is_one_patient() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let bookings = (0..20).map(|n| {
        let request = booking(&clinic, &format!("2027-01-{:02}T15:00:00Z", n + 1));
        app.book(&clinic.admin, request)
    });
    let booked = join_all(bookings).await;
    assert!(booked.iter().all(Result::is_ok), "{booked:?}");
    assert_eq!(app.count("select count(*) from patient").await, 1);
}

#[tokio::test]
async fn the_edges_of_buffers_are_respected_on_both_sides() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    // 15:00 to 15:30 with ten minutes before and five after.
    let mut database = as_service(&app, &clinic).await;
    insert(&mut database, &clinic, "booked", "2027-01-05T14:50:00Z", "2027-01-05T15:35:00Z", None).await;
    for (start, length, free) in [
        ("2027-01-05T14:21:00Z", 30, false),
        ("2027-01-05T14:20:00Z", 30, true),
        ("2027-01-05T15:34:00Z", 30, false),
        ("2027-01-05T15:35:00Z", 30, true),
        ("2027-01-05T15:10:00Z", 1, false),
        // A day long, ending where the block begins; and one minute later.
        ("2027-01-04T14:20:00Z", 24 * 60, true),
    ] {
        let mut wanted = slot(&clinic, start);
        wanted.duration = Some(minutes(length));
        let booked = app.book(&clinic.admin, booking_of(wanted)).await;
        assert_eq!(booked.is_ok(), free, "{start}: {booked:?}");
    }
    assert_eq!(app.count(OVERLAPS).await, 0);
}

#[tokio::test]
async fn a_block_of_a_whole_day_is_seen_to_its_last_minute() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let mut day = slot(&clinic, "2027-01-05T15:00:00Z");
    day.duration = Some(minutes(24 * 60));
    app.book(&clinic.admin, booking_of(day)).await.unwrap();
    let last = app.book(&clinic.admin, booking(&clinic, "2027-01-06T14:59:00Z")).await.unwrap_err();
    assert_eq!(reason(&last), "SLOT_TAKEN");
    app.book(&clinic.admin, booking(&clinic, "2027-01-06T15:00:00Z")).await.unwrap();
}

#[tokio::test]
async fn a_hold_that_ran_out_does_not_block_and_one_that_runs_does() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let mut database = as_service(&app, &clinic).await;
    let (from, to) = ("2027-01-05T15:00:00Z", "2027-01-05T15:30:00Z");
    // Around the moment at which a test begins.
    insert(&mut database, &clinic, "held", from, to, Some("timestamptz '2026-11-22 11:59:59Z'")).await;
    let live = ("2027-01-05T16:00:00Z", "2027-01-05T16:30:00Z");
    insert(&mut database, &clinic, "held", live.0, live.1, Some("timestamptz '2026-11-22 12:05:00Z'")).await;

    app.book(&clinic.admin, booking(&clinic, from)).await.unwrap();
    assert_eq!(app.count("select count(*) from appointment where state = 'expired'").await, 1);

    let taken = app.book(&clinic.admin, booking(&clinic, live.0)).await.unwrap_err();
    assert_eq!(reason(&taken), "SLOT_TAKEN");
    // Nobody had to sweep: when its time has come, it is gone.
    app.app.clock.advance(jiff::SignedDuration::from_mins(6));
    app.book(&clinic.admin, booking(&clinic, live.0)).await.unwrap();
}

#[tokio::test]
async fn a_confirmation_code_that_is_in_use_is_not_given_again() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let first = app.book(&clinic.admin, booking(&clinic, "2027-01-05T15:00:00Z")).await.unwrap();
    app.app.codes.plan(ConfirmationCode::parse(&first.confirmation_code).unwrap());
    let second = app.book(&clinic.admin, booking(&clinic, "2027-01-05T16:00:00Z")).await.unwrap();
    assert_ne!(first.confirmation_code, second.confirmation_code);
    // Another organisation may have the same.
    let other = app.clinic().await;
    app.app.codes.plan(ConfirmationCode::parse(&first.confirmation_code).unwrap());
    let third = app.book(&other.admin, booking(&other, "2027-01-05T15:00:00Z")).await.unwrap();
    assert_eq!(first.confirmation_code, third.confirmation_code);
}

#[tokio::test]
async fn who_forgets_the_lock_is_stopped_by_the_constraint() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let mut database = as_service(&app, &clinic).await;
    let (from, to) = ("2027-01-05T15:00:00Z", "2027-01-05T15:30:00Z");
    insert(&mut database, &clinic, "booked", from, to, None).await;
    let again = try_insert(&mut database, &clinic, "booked", from, to, None).await.unwrap_err();
    let broken = again.as_database_error().unwrap();
    assert_eq!(broken.constraint(), Some("appointment_no_overlap"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_whose_row_is_stuck_is_busy_and_nobody_else_is() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let other = app.provider(&clinic, "Dr. Ben Okafor").await;
    let mut database = as_service(&app, &clinic).await;
    let mut stuck = database.begin().await.unwrap();
    sqlx::query("select from provider where provider_id = $1::uuid for no key update")
        .bind(&clinic.provider)
        .execute(&mut *stuck)
        .await
        .unwrap();

    let status = app.book(&clinic.admin, booking(&clinic, "2027-01-05T15:00:00Z")).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (tonic::Code::Aborted, "BUSY"));
    let mut elsewhere = slot(&clinic, "2027-01-05T15:00:00Z");
    elsewhere.provider_id = other;
    app.book(&clinic.admin, booking_of(elsewhere)).await.unwrap();

    // Through the gateway, which tries again: it is busy, never a conflict.
    let body = direct_booking(&clinic, "2027-01-05T15:00:00Z");
    let (http, problem): (_, Value) = app.post(Some(&clinic.admin), &body).await;
    assert_eq!((http, &problem["code"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("UNAVAILABLE")));
    assert_eq!(problem["reason"], "BUSY");
    stuck.rollback().await.unwrap();
    let (http, _) = app.post(Some(&clinic.admin), &body).await;
    assert_eq!(http, StatusCode::OK);
}

#[tokio::test]
async fn what_is_busy_is_busy_with_a_key_too() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let mut superuser = app.database.superuser().await;
    let mut stuck = superuser.begin().await.unwrap();
    sqlx::raw_sql("lock table clinic in access exclusive mode").execute(&mut *stuck).await.unwrap();
    let request = booking(&clinic, "2027-01-05T15:00:00Z");
    let status = app.book_once(&clinic.admin, "key", request.clone()).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (tonic::Code::Aborted, "BUSY"));
    stuck.rollback().await.unwrap();
    app.book_once(&clinic.admin, "key", request).await.unwrap();
}

/// The service's own login, inside the clinic's organisation.
async fn as_service(app: &TestApp, clinic: &Clinic) -> PgConnection {
    let mut database = app.database.service_login().await;
    sqlx::query("select set_config('app.org_id', $1, false)")
        .bind(clinic.org.to_string())
        .execute(&mut database)
        .await
        .unwrap();
    let patient = "insert into patient (org_id, patient_id, name, name_folded, created_at)
        values (current_setting('app.org_id')::uuid, gen_random_uuid(), 'X', 'x', now())";
    sqlx::query(patient).execute(&mut database).await.unwrap();
    database
}

async fn insert(
    database: &mut PgConnection,
    clinic: &Clinic,
    state: &str,
    from: &str,
    to: &str,
    hold_expires: Option<&'static str>,
) {
    try_insert(database, clinic, state, from, to, hold_expires).await.unwrap();
}

/// An appointment of which `from` to `to` is blocked.
async fn try_insert(
    database: &mut PgConnection,
    clinic: &Clinic,
    state: &str,
    from: &str,
    to: &str,
    hold_expires: Option<&'static str>,
) -> sqlx::Result<()> {
    let sql = format!(
        "
        insert into appointment (
            org_id, appointment_id, clinic_id, provider_id, patient_id, starts_at, ends_at, block_from, block_to, state,
            hold_expires_at, confirmation_code, created_at, updated_at
        )
        select org_id, gen_random_uuid(), $1::uuid, $2::uuid, patient_id, $3, $4, $3, $4, $5, {},
            (array['222222', '333333', '444444', '555555'])[1 + (select count(*) from appointment)], now(), now()
        from patient
        limit 1
        ",
        hold_expires.unwrap_or("null"),
    );
    let time = |text: &str| jiff_sqlx::Timestamp::from(text.parse::<jiff::Timestamp>().unwrap());
    sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(&clinic.id)
        .bind(&clinic.provider)
        .bind(time(from))
        .bind(time(to))
        .bind(state)
        .execute(database)
        .await?;
    Ok(())
}
