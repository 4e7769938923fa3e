//! What becomes of an appointment on its way when Google fails, in each way that it can.

use std::time::Duration;

use booking_service::config::CalendarSettings;
use proto::booking::v1 as pb;
use tests::fake_gcal::{Fault, Hold, Mishap, Op};

use crate::harness::{
    calendars::{CALENDAR, Google},
    fixtures::booking,
    with_token,
};

const TWO_PM: &str = "2027-01-05T19:00:00Z";

/// Bookings wait for nothing, and Google has little time.
fn hasty(settings: CalendarSettings) -> CalendarSettings {
    CalendarSettings { wait: Duration::ZERO, timeout: Duration::from_millis(500), ..settings }
}

async fn cancel(google: &Google, token: &str, id: &str) {
    let cancel = pb::CancelAppointmentRequest { appointment_id: id.to_owned(), ..Default::default() };
    google.app.appointments().cancel_appointment(with_token(token, cancel)).await.unwrap();
}

/// Until nothing is on its way, however long the pauses are.
async fn settled_in_time(google: &Google) {
    let passing = async {
        let mut tick = tokio::time::interval(Duration::from_millis(50));
        loop {
            tick.tick().await;
            google.app.pass("10 minutes").await;
        }
    };
    tokio::select! {
        () = google.settled() => {}
        () = passing => {}
    }
}

#[tokio::test]
async fn whatever_answer_is_lost_there_is_one_event_in_the_end() {
    let google = Google::with(hasty).await;
    let (clinic, _) = google.clinic().await;
    for (minute, mishap) in [
        Mishap::HangUpBefore,
        Mishap::HangUpAfter,
        Mishap::CutOff,
        Mishap::Page(502),
        Mishap::Late(Duration::from_millis(700)),
        Mishap::Refused(500, "backendError", None),
        Mishap::Refused(503, "backendError", Some(1)),
        Mishap::Refused(429, "rateLimitExceeded", Some(2)),
        Mishap::Refused(403, "userRateLimitExceeded", None),
        Mishap::Refused(403, "quotaExceeded", None),
        Mishap::TokensEnd,
    ]
    .into_iter()
    .enumerate()
    {
        google.fake.once(Op::Insert, mishap.clone());
        let start = format!("2027-01-{:02}T19:00:00Z", minute + 5);
        google.app.book(&clinic.admin, booking(&clinic, &start)).await.unwrap();
        settled_in_time(&google).await;
        let events = google.fake.events(CALENDAR);
        assert_eq!(events.len(), minute + 1, "{mishap:?}");
        assert_eq!(google.fake.all_events(CALENDAR).len(), minute + 1, "{mishap:?}");
    }
    assert_eq!(google.app.count("select count(*) from calendar_sync where state <> 'synced'").await, 0);
}

#[tokio::test]
async fn whatever_answer_to_a_change_is_lost_the_event_shows_the_change() {
    let google = Google::with(hasty).await;
    let (clinic, _) = google.clinic().await;
    let booked = google.app.book(&clinic.admin, booking(&clinic, TWO_PM)).await.unwrap();
    google.settled().await;
    for op in [Op::Patch, Op::Get] {
        for mishap in
            [Mishap::HangUpAfter, Mishap::CutOff, Mishap::Late(Duration::from_millis(700)), Mishap::Page(500)]
        {
            google.fake.once(op, mishap.clone());
            let later = format!(
                "update appointment set starts_at = starts_at + interval '5 minutes', ends_at = ends_at + interval '5 minutes',
                    block_from = block_from + interval '5 minutes', block_to = block_to + interval '5 minutes', version = version + 1
                where appointment_id = '{}'",
                booked.id
            );
            google.change(&clinic, &later).await;
            settled_in_time(&google).await;
        }
    }
    let expected = "2027-01-05T19:40:00Z".parse().unwrap();
    assert_eq!(google.fake.events(CALENDAR)[0].start().unwrap(), expected);
}

/// What the calendar showed last is not what it shows, once an answer was lost.
#[tokio::test]
async fn a_change_whose_answer_was_lost_and_that_was_taken_back_is_taken_back_in_the_calendar() {
    let google = Google::with(hasty).await;
    let (clinic, _) = google.clinic().await;
    let booked = google.app.book(&clinic.admin, booking(&clinic, TWO_PM)).await.unwrap();
    google.settled().await;
    let starts = |minute: u8| {
        format!(
            "update appointment set starts_at = '2027-01-05T19:{minute:02}:00Z', version = version + 1 where appointment_id = '{}'",
            booked.id
        )
    };
    google.fake.once(Op::Patch, Mishap::HangUpAfter);
    google.change(&clinic, &starts(10)).await;
    google.app.eventually("select failures > 0 from calendar").await;
    google.change(&clinic, &starts(0)).await;
    settled_in_time(&google).await;
    assert_eq!(google.fake.events(CALENDAR)[0].start().unwrap(), TWO_PM.parse().unwrap());
}

/// A provider leaves an appointment, and takes it back before it is known that it has left the calendar.
#[tokio::test]
async fn what_we_deleted_ourselves_is_nobodys_to_be_asked_about() {
    let google = Google::with(hasty).await;
    let (clinic, _) = google.clinic().await;
    let booked = google.app.book(&clinic.admin, booking(&clinic, TWO_PM)).await.unwrap();
    google.settled().await;
    let other = google.app.provider(&clinic, "Dr. Lee").await;
    let give = |provider: &str| {
        let id = &booked.id;
        format!(
            "update appointment set provider_id = '{provider}', version = version + 1 where appointment_id = '{id}'"
        )
    };
    google.fake.once(Op::Delete, Mishap::HangUpAfter);
    google.change(&clinic, &give(&other)).await;
    google.app.eventually("select failures > 0 from calendar").await;
    google.change(&clinic, &give(&clinic.provider)).await;
    settled_in_time(&google).await;
    assert_eq!((google.fake.events(CALENDAR).len(), google.dead_letters(&clinic).await.len()), (1, 0));
}

#[tokio::test]
async fn an_insert_that_comes_to_pass_after_its_cancellation_leaves_nothing() {
    let google = Google::with(hasty).await;
    let (clinic, _) = google.clinic().await;
    let hold = Hold::default();
    google.fake.once(Op::Insert, Mishap::LateUntil(hold.clone()));
    let booked = google.app.book(&clinic.admin, booking(&clinic, TWO_PM)).await.unwrap();
    google.app.eventually("select failures > 0 from calendar").await;
    cancel(&google, &clinic.admin, &booked.id).await;
    // The deletion finds nothing, and is not believed at once.
    google.app.pass("5 seconds").await;
    google.app.eventually("select trouble = 'EVENT_MISSING' from calendar_sync").await;
    hold.arrived().await;
    hold.let_go();
    while google.fake.all_events(CALENDAR).is_empty() {
        tokio::task::yield_now().await;
    }
    settled_in_time(&google).await;
    assert_eq!(google.fake.events(CALENDAR), []);
    assert_eq!(google.app.sync_row(&booked.id).await.0, "synced");
}

#[tokio::test]
async fn a_dead_credential_parks_the_calendar_and_nothing_is_lost() {
    let google = Google::with(hasty).await;
    let (clinic, calendar) = google.clinic().await;
    google.app.book(&clinic.admin, booking(&clinic, TWO_PM)).await.unwrap();
    google.settled().await;
    google.fake.revoke_all();
    google.app.book(&clinic.admin, booking(&clinic, "2027-01-06T19:00:00Z")).await.unwrap();
    google.app.eventually("select state = 'reauthorise' from calendar").await;
    let asked = google.fake.journal().len();
    google.app.book(&clinic.admin, booking(&clinic, "2027-01-07T19:00:00Z")).await.unwrap();
    let status = google.status(&clinic, &calendar).await;
    assert_eq!((status.calendar.unwrap().status(), status.backlog), (pb::CalendarStatus::Reauthorise, 2));
    assert_eq!(status.trouble, "invalid_grant");
    assert!(status.oldest_pending_time.is_some());
    assert_eq!(google.fake.journal().len(), asked, "Google was asked with a dead credential");

    google.connect(&clinic, CALENDAR, pb::CalendarChoices::default()).await;
    google.settled().await;
    assert_eq!(google.fake.events(CALENDAR).len(), 3);
    let status = google.status(&clinic, &calendar).await;
    assert_eq!((status.calendar.unwrap().status(), status.backlog), (pb::CalendarStatus::Connected, 0));
    assert_eq!(status.trouble, "");
    assert!(status.last_success_time.is_some());
}

#[tokio::test]
async fn a_token_that_is_not_believed_once_more_is_no_dead_credential_and_one_that_never_is_is() {
    let google = Google::with(hasty).await;
    let (clinic, calendar) = google.clinic().await;
    let mistrust = |times| {
        let mishap = Mishap::Refused(401, "authError", None);
        google.fake.plan(Fault { op: Some(Op::Insert), mishap, times, one_in: 1 });
    };
    mistrust(2);
    google.app.book(&clinic.admin, booking(&clinic, TWO_PM)).await.unwrap();
    settled_in_time(&google).await;
    assert_eq!(google.fake.events(CALENDAR).len(), 1);
    mistrust(usize::MAX);
    google.app.book(&clinic.admin, booking(&clinic, "2027-01-06T19:00:00Z")).await.unwrap();
    for failures in [1, 2] {
        google.app.eventually(&format!("select failures = {failures} from calendar")).await;
        google.app.pass("1 minute").await;
    }
    google.app.eventually("select state = 'reauthorise' from calendar").await;
    assert_eq!(google.status(&clinic, &calendar).await.trouble, "authError");
}

#[tokio::test]
async fn what_google_will_never_take_is_put_before_somebody_and_the_others_go_on() {
    let google = Google::with(hasty).await;
    let (clinic, calendar) = google.clinic().await;
    google.fake.once(Op::Insert, Mishap::Refused(400, "invalid", None));
    let refused = google.app.book(&clinic.admin, booking(&clinic, TWO_PM)).await.unwrap();
    google.settled().await;
    google.app.book(&clinic.admin, booking(&clinic, "2027-01-06T19:00:00Z")).await.unwrap();
    google.settled().await;
    assert_eq!(google.fake.events(CALENDAR).len(), 1);
    let letters = google.dead_letters(&clinic).await;
    assert_eq!(
        (letters[0].appointment_id.as_str(), letters[0].reason.as_str()),
        (refused.id.as_str(), "invalid")
    );
    assert_eq!((letters[0].calendar_id.as_str(), letters[0].attempts), (calendar.id.as_str(), 1));
    google.requeue(&clinic, &refused.id).await;
    google.settled().await;
    assert_eq!(google.fake.events(CALENDAR).len(), 2);
    assert_eq!(google.dead_letters(&clinic).await, []);
}

#[tokio::test]
async fn what_fails_for_a_day_is_put_before_somebody() {
    let google = Google::with(hasty).await;
    let (clinic, _) = google.clinic().await;
    google.fake.plan(Fault {
        op: Some(Op::Insert),
        mishap: Mishap::Refused(500, "backendError", None),
        times: usize::MAX,
        one_in: 1,
    });
    google.app.book(&clinic.admin, booking(&clinic, TWO_PM)).await.unwrap();
    google.app.eventually("select attempts > 0 from calendar_sync").await;
    google.app.pass("25 hours").await;
    google.app.eventually("select state = 'failed' from calendar_sync").await;
    assert_eq!(google.dead_letters(&clinic).await[0].reason, "backendError");
}

#[tokio::test]
async fn a_calendar_that_is_gone_has_to_be_connected_again() {
    let google = Google::with(hasty).await;
    let (clinic, calendar) = google.clinic().await;
    google.app.book(&clinic.admin, booking(&clinic, TWO_PM)).await.unwrap();
    google.settled().await;
    google.fake.remove_calendar(CALENDAR);
    google.app.book(&clinic.admin, booking(&clinic, "2027-01-06T19:00:00Z")).await.unwrap();
    for attempts in [1, 2] {
        google.app.eventually(&format!("select max(attempts) = {attempts} from calendar_sync")).await;
        google.app.pass("1 minute").await;
    }
    google.app.eventually("select state = 'reauthorise' from calendar").await;
    assert_eq!(google.status(&clinic, &calendar).await.trouble, "CALENDAR_MISSING");
}

#[tokio::test]
async fn an_application_that_google_does_not_know_parks_nobody() {
    let google = Google::with(|settings| CalendarSettings {
        google_client_secret: Some("another secret".to_owned().into()),
        ..hasty(settings)
    })
    .await;
    let clinic = google.app.clinic().await;
    google.app.something_for_calendars(&clinic).await;
    // A consent that was given while the application was known.
    let token = google.fake.consent_of("x@clinic.example", tests::fake_gcal::WELL_KNOWN_CLIENT.0, "x");
    seal(&google, &clinic, &format!(r#"{{"refresh_token":"{token}"}}"#), clinic.org.into()).await;
    google.app.book(&clinic.admin, booking(&clinic, TWO_PM)).await.unwrap();
    google.app.eventually("select trouble = 'invalid_client' and state = 'connected' from calendar").await;
}

/// Puts a secret into the calendar that was made past the API, as it would be encrypted for this row.
async fn seal(google: &Google, clinic: &crate::harness::fixtures::Clinic, secret: &str, row: uuid::Uuid) {
    let place = booking_service::db::calendars::place(clinic.org, row.into());
    let sealed = google.app.app.keys.get().vault.seal(secret.as_bytes(), place).unwrap();
    let mut superuser = google.app.database.superuser().await;
    sqlx::query("update calendar set secret = $1, installation = 'frontdesk' where org_id = $2")
        .bind(sealed)
        .bind(clinic.org)
        .execute(&mut superuser)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_secret_that_was_swapped_or_edited_opens_nothing() {
    let google = Google::with(hasty).await;
    let (clinic, _) = google.clinic().await;
    let other = google.app.clinic().await;
    google.connect(&other, "lee@clinic.example", pb::CalendarChoices::default()).await;
    google
        .app
        .sql("update calendar c set secret = d.secret from calendar d where d.org_id <> c.org_id")
        .await;
    let asked = google.fake.journal().len();
    for (clinic, start) in [(&clinic, TWO_PM), (&other, TWO_PM)] {
        google.app.book(&clinic.admin, booking(clinic, start)).await.unwrap();
    }
    google.app.eventually("select bool_and(trouble = 'SECRET_UNREADABLE') from calendar").await;
    google
        .app
        .sql("update calendar set secret = set_byte(secret, 40, get_byte(secret, 40) # 1), trouble = null")
        .await;
    google.app.pass("10 minutes").await;
    google.app.eventually("select bool_and(trouble = 'SECRET_UNREADABLE') from calendar").await;
    assert_eq!(google.fake.journal().len(), asked, "Google was asked with somebody's secret");
}

#[tokio::test]
async fn a_copy_of_the_database_elsewhere_leaves_the_calendars_alone() {
    let google = Google::with(hasty).await;
    let (clinic, _) = google.clinic().await;
    google.app.sql("update calendar set installation = 'production'").await;
    let asked = google.fake.journal().len();
    google.app.book(&clinic.admin, booking(&clinic, TWO_PM)).await.unwrap();
    assert_eq!((google.fake.journal().len(), google.fake.events(CALENDAR).len()), (asked, 0));
}

#[tokio::test]
async fn an_id_that_somebody_else_has_taken_is_left_to_them() {
    let google = Google::with(hasty).await;
    let (clinic, calendar) = google.clinic().await;
    // The answer is held until a stranger's event is in its place.
    google.fake.once(Op::Insert, Mishap::HangUpBefore);
    let booked = google.app.book(&clinic.admin, booking(&clinic, TWO_PM)).await.unwrap();
    google.app.eventually("select failures > 0 from calendar").await;
    let (_, id, _) = google.app.sync_row(&booked.id).await;
    google.fake.person_inserts(CALENDAR, &id.unwrap());
    settled_in_time(&google).await;
    let events = google.fake.events(CALENDAR);
    assert_eq!(events.len(), 2);
    assert_eq!(events.iter().filter(|event| event.property("bk_gen") == "1").count(), 1);
    assert_eq!(google.status(&clinic, &calendar).await.failed, 0);
}

#[tokio::test]
async fn a_refresh_token_that_google_replaces_is_kept() {
    let google = Google::start().await;
    let clinic = google.app.clinic().await;
    google.app.something_for_calendars(&clinic).await;
    google.fake.rotate_refresh_tokens();
    google.fake.set_token_life(1);
    let scope = "https://www.googleapis.com/auth/calendar.events";
    let token = google.fake.consent_of("x@clinic.example", tests::fake_gcal::WELL_KNOWN_CLIENT.0, scope);
    seal(&google, &clinic, &format!(r#"{{"refresh_token":"{token}"}}"#), clinic.org.into()).await;
    for day in 5..8 {
        let start = format!("2027-01-{day:02}T19:00:00Z");
        google.app.book(&clinic.admin, booking(&clinic, &start)).await.unwrap();
        google.settled().await;
        google.app.app.clock.advance(jiff::SignedDuration::from_secs(5));
    }
    assert_eq!(google.fake.events("x@clinic.example").len(), 3);
}
