//! Two who meet at a calendar: the worker, people who change what is connected, and bookings that are under way.

use std::time::Duration;

use booking_service::config::CalendarSettings;
use proto::booking::v1 as pb;
use serde_json::json;
use sqlx::{AssertSqlSafe, Executor as _};
use tests::fake_gcal::{Hold, Mishap, Op};

use crate::harness::{
    calendars::{CALENDAR, Google},
    fixtures::{Clinic, booking},
    with_token,
};

const TWO_PM: &str = "2027-01-05T19:00:00Z";
const OTHER: &str = "other@clinic.example";

fn hasty(settings: CalendarSettings) -> CalendarSettings {
    CalendarSettings { wait: Duration::ZERO, timeout: Duration::from_secs(2), ..settings }
}

/// Until nothing is on its way, whatever pauses there are.
async fn settled(google: &Google) {
    let hurry = async {
        let mut tick = tokio::time::interval(Duration::from_millis(50));
        loop {
            tick.tick().await;
            google.app.end_pauses().await;
        }
    };
    tokio::select! {
        () = google.settled() => {}
        () = hurry => {}
    }
}

fn starts(id: &str, minute: u8) -> String {
    format!(
        "update appointment set starts_at = '2027-01-05T19:{minute:02}:00Z', version = version + 1 where appointment_id = '{id}'"
    )
}

fn with_names() -> pb::CalendarChoices {
    pb::CalendarChoices { show_patient_name: true, ..pb::CalendarChoices::default() }
}

async fn choose_nothing(google: &Google, clinic: &Clinic, calendar: &pb::Calendar) {
    let request = pb::UpdateCalendarRequest {
        calendar_id: calendar.id.clone(),
        choices: Some(pb::CalendarChoices::default()),
    };
    google.calendars().update_calendar(with_token(&clinic.admin, request)).await.unwrap();
}

#[tokio::test]
async fn what_is_chosen_while_something_is_written_holds_for_that_too() {
    let google = Google::with(hasty).await;
    let clinic = google.app.clinic().await;
    let calendar = google.connect(&clinic, CALENDAR, with_names()).await;
    let hold = Hold::default();
    google.fake.once(Op::Insert, Mishap::HeldAfter(hold.clone()));
    google.app.book(&clinic.admin, booking(&clinic, TWO_PM)).await.unwrap();
    hold.arrived().await;
    choose_nothing(&google, &clinic, &calendar).await;
    hold.let_go();
    settled(&google).await;
    assert_eq!(google.fake.events(CALENDAR)[0].text("summary"), "Appointment");
}

#[tokio::test]
async fn a_resync_that_is_asked_for_while_the_event_is_looked_at_looks_again() {
    let google = Google::with(hasty).await;
    let (clinic, calendar) = google.clinic().await;
    google.app.book(&clinic.admin, booking(&clinic, TWO_PM)).await.unwrap();
    settled(&google).await;
    let resync = async || {
        let request = pb::ResyncCalendarRequest { calendar_id: calendar.id.clone() };
        google.calendars().resync_calendar(with_token(&clinic.admin, request)).await.unwrap();
    };
    let hold = Hold::default();
    google.fake.once(Op::Get, Mishap::HeldAfter(hold.clone()));
    resync().await;
    hold.arrived().await;
    let id = google.fake.events(CALENDAR)[0].id.clone();
    google.fake.person_changes(CALENDAR, &id, &json!({ "summary": "Golf" }));
    resync().await;
    hold.let_go();
    settled(&google).await;
    assert_eq!(google.fake.events(CALENDAR)[0].text("summary"), "Appointment");
}

/// A booking that has not committed is seen by nobody, and must not be missed.
#[tokio::test]
async fn a_booking_under_way_while_its_calendar_is_connected_gets_there() {
    for other_before in [false, true] {
        let google = Google::with(hasty).await;
        let clinic = google.app.clinic().await;
        if other_before {
            google.connect(&clinic, OTHER, pb::CalendarChoices::default()).await;
        }
        google.app.book(&clinic.admin, booking(&clinic, TWO_PM)).await.unwrap();
        settled(&google).await;
        // As a booking does it: the provider's lock, then the appointment.
        let mut under_way = google.app.database.superuser().await;
        let sql = format!(
            "begin;
            select from provider where provider_id = '{}' for no key update;
            insert into appointment (
                org_id, appointment_id, clinic_id, provider_id, patient_id, starts_at, ends_at, block_from, block_to, state,
                confirmation_code, created_at, updated_at
            )
            select org_id, gen_random_uuid(), clinic_id, provider_id, patient_id, starts_at + interval '1 day',
                ends_at + interval '1 day', block_from + interval '1 day', block_to + interval '1 day', 'booked', 'CCCCCC', created_at,
                updated_at
            from appointment",
            clinic.provider
        );
        under_way.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.unwrap();
        let connecting = google.connect(&clinic, CALENDAR, pb::CalendarChoices::default());
        let committing = async {
            google
                .app
                .eventually("select exists (select from pg_stat_activity where wait_event_type = 'Lock' and usename = 'frontdesk_worker')")
                .await;
            under_way.execute("commit").await.unwrap();
        };
        tokio::join!(connecting, committing);
        settled(&google).await;
        assert_eq!(google.fake.events(CALENDAR).len(), 2, "another one before: {other_before}");
    }
}

#[tokio::test]
async fn a_change_that_comes_to_pass_late_and_was_taken_back_changes_nothing() {
    let google = Google::with(hasty).await;
    let (clinic, _) = google.clinic().await;
    let booked = google.app.book(&clinic.admin, booking(&clinic, TWO_PM)).await.unwrap();
    settled(&google).await;
    let hold = Hold::default();
    google.fake.once(Op::Patch, Mishap::LateUntil(hold.clone()));
    google.change(&clinic, &starts(&booked.id, 10)).await;
    google.app.eventually("select failures > 0 from calendar").await;
    google.change(&clinic, &starts(&booked.id, 0)).await;
    settled(&google).await;
    hold.arrived().await;
    hold.let_go();
    late_one_is_refused(&google, Op::Patch).await;
    assert_eq!(google.fake.events(CALENDAR)[0].start().unwrap(), TWO_PM.parse().unwrap());
}

#[tokio::test]
async fn a_deletion_that_comes_to_pass_late_and_was_taken_back_deletes_nothing() {
    let google = Google::with(hasty).await;
    let (clinic, _) = google.clinic().await;
    let booked = google.app.book(&clinic.admin, booking(&clinic, TWO_PM)).await.unwrap();
    settled(&google).await;
    let other = google.app.provider(&clinic, "Dr. Lee").await;
    let give = |provider: &str| {
        let id = &booked.id;
        format!(
            "update appointment set provider_id = '{provider}', version = version + 1 where appointment_id = '{id}'"
        )
    };
    let hold = Hold::default();
    google.fake.once(Op::Delete, Mishap::LateUntil(hold.clone()));
    google.change(&clinic, &give(&other)).await;
    google.app.eventually("select failures > 0 from calendar").await;
    google.change(&clinic, &give(&clinic.provider)).await;
    settled(&google).await;
    hold.arrived().await;
    hold.let_go();
    late_one_is_refused(&google, Op::Delete).await;
    assert_eq!(google.fake.events(CALENDAR).len(), 1);
}

/// Until what was late has come to pass, and was refused.
async fn late_one_is_refused(google: &Google, op: Op) {
    let waiting = async {
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        while !google.fake.journal().iter().any(|asked| asked.op == op && asked.status == 412) {
            tick.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waiting).await.expect("what was late never came");
}

#[tokio::test]
async fn a_calendar_that_is_connected_again_after_another_one_knows_its_events() {
    let google = Google::with(hasty).await;
    let (clinic, _) = google.clinic().await;
    let kept = google.app.book(&clinic.admin, booking(&clinic, TWO_PM)).await.unwrap();
    let gone = google.app.book(&clinic.admin, booking(&clinic, "2027-01-06T19:00:00Z")).await.unwrap();
    settled(&google).await;
    google.connect(&clinic, OTHER, pb::CalendarChoices::default()).await;
    settled(&google).await;
    // There, one event is deleted and made again, and the other appointment is cancelled.
    let there = google.fake.events(OTHER)[0].id.clone();
    google.fake.person_deletes(OTHER, &there);
    google.change(&clinic, &starts(&kept.id, 5)).await;
    settled(&google).await;
    google.requeue(&clinic, &kept.id).await;
    let cancel = pb::CancelAppointmentRequest { appointment_id: gone.id.clone(), ..Default::default() };
    google.app.appointments().cancel_appointment(with_token(&clinic.admin, cancel)).await.unwrap();
    settled(&google).await;
    assert_eq!((google.fake.events(OTHER).len(), google.fake.events(CALENDAR).len()), (1, 2));

    google.connect(&clinic, CALENDAR, pb::CalendarChoices::default()).await;
    settled(&google).await;
    let events = google.fake.events(CALENDAR);
    assert_eq!(events.iter().map(|event| event.property("bk_appt")).collect::<Vec<_>>(), [kept.id.as_str()]);
    assert_eq!(events[0].start().unwrap(), "2027-01-05T19:05:00Z".parse().unwrap());
}

#[tokio::test]
async fn an_absence_after_other_failures_is_not_believed_the_first_time() {
    let google = Google::with(hasty).await;
    let (clinic, calendar) = google.clinic().await;
    google.app.book(&clinic.admin, booking(&clinic, TWO_PM)).await.unwrap();
    settled(&google).await;
    for mishap in [Mishap::Page(503), Mishap::Page(503), Mishap::Refused(404, "notFound", None)] {
        google.fake.once(Op::Get, mishap);
    }
    let request = pb::ResyncCalendarRequest { calendar_id: calendar.id.clone() };
    google.calendars().resync_calendar(with_token(&clinic.admin, request)).await.unwrap();
    settled(&google).await;
    assert_eq!(google.fake.all_events(CALENDAR).len(), 1);
}

#[tokio::test]
async fn whoever_may_only_read_a_calendar_is_asked_to_connect_it_again() {
    let google = Google::with(hasty).await;
    let (clinic, calendar) = google.clinic().await;
    google.fake.share(CALENDAR, CALENDAR, "reader");
    google.app.book(&clinic.admin, booking(&clinic, TWO_PM)).await.unwrap();
    google.app.eventually("select state = 'reauthorise' from calendar").await;
    let status = google.status(&clinic, &calendar).await;
    assert_eq!((status.trouble.as_str(), status.failed, status.backlog), ("requiredAccessLevel", 0, 1));
}

/// One organisation has much to do, and few can do it.
#[tokio::test]
async fn an_organisation_with_much_to_do_does_not_keep_others_waiting() {
    let google = Google::with(|settings| CalendarSettings {
        workers: 1,
        rate: 2.try_into().unwrap(),
        ..hasty(settings)
    })
    .await;
    let (busy, _) = google.clinic().await;
    for n in 0..40 {
        let start = format!("2027-01-{:02}T{:02}:00:00Z", n / 2 + 5, n % 2 + 18);
        google.app.book(&busy.admin, booking(&busy, &start)).await.unwrap();
    }
    let other = google.app.clinic().await;
    google.connect(&other, OTHER, pb::CalendarChoices::default()).await;
    google.app.book(&other.admin, booking(&other, TWO_PM)).await.unwrap();
    google.app.eventually("select exists (select from calendar_sync s join calendar c using (org_id) where c.google_calendar_id = 'other@clinic.example' and s.state = 'synced')").await;
    assert!(google.app.count("select count(*) from calendar_sync where state = 'pending'").await > 0);
}
