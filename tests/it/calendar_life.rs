//! What an appointment is in its provider's calendar, from booking to the end, and what people do to it there.

use proto::booking::v1 as pb;
use reqwest::StatusCode;
use serde_json::json;
use tests::fake_gcal::Op;

use crate::harness::{
    calendars::{CALENDAR, Google},
    fixtures::{booking, direct_booking},
    with_token,
};

const TWO_PM: &str = "2027-01-05T19:00:00Z";

/// Case 2.1 of the card: booked and synced.
#[tokio::test]
async fn a_booking_is_in_the_calendar_and_says_so() {
    let google = Google::start().await;
    let (clinic, _) = google.clinic().await;
    let (status, body) = google.app.post(Some(&clinic.admin), &direct_booking(&clinic, TWO_PM)).await;
    assert_eq!((status, &body["success"]), (StatusCode::OK, &json!(true)), "{body}");
    let events = google.fake.events(CALENDAR);
    assert_eq!(events.len(), 1);
    let event = &events[0];
    assert_eq!(body["google_calendar_event_id"], json!(event.id));
    assert_eq!(body["calendar_sync"]["status"], "synced");
    assert_eq!(body["calendar_sync"]["event_id"], json!(event.id));
    assert_eq!(body["calendar_sync"]["appointment_id"], body["appointment_id"]);
    assert!(body["calendar_sync"]["synced_at"].is_string(), "{body}");
    assert_eq!(event.start().unwrap(), TWO_PM.parse().unwrap());
    assert_eq!(event.end().unwrap(), "2027-01-05T19:30:00Z".parse().unwrap());
    assert_eq!(event.fields["start"]["timeZone"], "America/New_York");
    assert_eq!(event.property("bk_appt"), body["appointment_id"]);
    // Nothing of the patient that nobody chose.
    assert_eq!((event.text("summary"), event.text("location")), ("Appointment", "Elm Street Dental"));
    let metrics = google.app.http.get(format!("{}/metrics", google.app.service_http)).send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    for line in
        [r#"booking_calendar_syncs_total{outcome="written"} 1"#, "booking_calendar_lag_seconds_count 1"]
    {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
    let whole = serde_json::to_string(&event.fields).unwrap();
    assert!(!whole.contains("Dana") && !whole.contains("7185550199"), "{whole}");
}

#[tokio::test]
async fn a_cancellation_reaches_the_calendar() {
    let google = Google::start().await;
    let (clinic, _) = google.clinic().await;
    let booked = google.app.book(&clinic.admin, booking(&clinic, TWO_PM)).await.unwrap();
    assert_eq!(google.fake.events(CALENDAR).len(), 1);
    let cancel = pb::CancelAppointmentRequest { appointment_id: booked.id.clone(), ..Default::default() };
    google.app.appointments().cancel_appointment(with_token(&clinic.admin, cancel)).await.unwrap();
    google.settled().await;
    assert_eq!(google.fake.events(CALENDAR), []);
    assert_eq!(google.app.sync_row(&booked.id).await, ("synced".to_owned(), None, None));
}

#[tokio::test]
async fn a_move_changes_the_event_and_leaves_what_is_the_providers() {
    let google = Google::start().await;
    let (clinic, _) = google.clinic().await;
    let booked = google.app.book(&clinic.admin, booking(&clinic, TWO_PM)).await.unwrap();
    let id = google.fake.events(CALENDAR)[0].id.clone();
    let fields = json!({ "colorId": "7", "description": "bring the X-rays" });
    google.fake.person_changes(CALENDAR, &id, &fields);
    google.change(&clinic, &moved(&booked.id, "1 day")).await;
    google.settled().await;
    let event = &google.fake.events(CALENDAR)[0];
    assert_eq!(
        (event.id.as_str(), event.start().unwrap()),
        (id.as_str(), "2027-01-06T19:00:00Z".parse().unwrap())
    );
    assert_eq!((event.text("colorId"), event.text("description")), ("7", "bring the X-rays"));
    // The change that somebody had made in between was noticed, and not overwritten unseen.
    let patches: Vec<_> = google.fake.journal().into_iter().filter(|asked| asked.op == Op::Patch).collect();
    assert_eq!(patches.iter().map(|asked| asked.status).collect::<Vec<_>>(), [412, 200]);
    assert!(patches.iter().all(|asked| asked.if_match.is_some()));
}

/// What rescheduling will do.
fn moved(appointment: &str, by: &str) -> String {
    format!(
        "update appointment
        set starts_at = starts_at + interval '{by}', ends_at = ends_at + interval '{by}', block_from = block_from + interval '{by}',
            block_to = block_to + interval '{by}', version = version + 1
        where appointment_id = '{appointment}'"
    )
}

#[tokio::test]
async fn an_appointment_that_goes_to_another_provider_changes_calendars() {
    let google = Google::start().await;
    let (clinic, _) = google.clinic().await;
    let booked = google.app.book(&clinic.admin, booking(&clinic, TWO_PM)).await.unwrap();
    let mut other = clinic.clone();
    other.provider = google.app.provider(&clinic, "Dr. Lee").await;
    google.connect(&other, "lee@clinic.example", pb::CalendarChoices::default()).await;
    let give = |provider: &str| {
        let id = &booked.id;
        format!(
            "update appointment set provider_id = '{provider}', version = version + 1 where appointment_id = '{id}'"
        )
    };
    google.change(&clinic, &give(&other.provider)).await;
    google.settled().await;
    assert_eq!((google.fake.events(CALENDAR).len(), google.fake.events("lee@clinic.example").len()), (0, 1));
    // And back: under another id, because the first one is used up.
    google.change(&clinic, &give(&clinic.provider)).await;
    google.settled().await;
    assert_eq!((google.fake.events(CALENDAR).len(), google.fake.events("lee@clinic.example").len()), (1, 0));
    assert_eq!(google.fake.all_events(CALENDAR).len(), 2);
}

#[tokio::test]
async fn an_event_that_a_person_moved_comes_back_with_the_next_change() {
    let google = Google::start().await;
    let (clinic, _) = google.clinic().await;
    let booked = google.app.book(&clinic.admin, booking(&clinic, TWO_PM)).await.unwrap();
    let id = google.fake.events(CALENDAR)[0].id.clone();
    let elsewhere = json!({ "start": { "dateTime": "2027-01-05T22:00:00Z" }, "end": { "dateTime": "2027-01-05T22:30:00Z" } });
    google.fake.person_changes(CALENDAR, &id, &elsewhere);
    google.change(&clinic, &moved(&booked.id, "1 hour")).await;
    google.settled().await;
    assert_eq!(google.fake.events(CALENDAR)[0].start().unwrap(), "2027-01-05T20:00:00Z".parse().unwrap());
    assert_eq!(google.app.count("select count(*) from appointment where state = 'booked'").await, 1);
}

#[tokio::test]
async fn an_event_that_a_person_deleted_is_put_before_somebody_and_the_appointment_stands() {
    let google = Google::start().await;
    let (clinic, calendar) = google.clinic().await;
    let booked = google.app.book(&clinic.admin, booking(&clinic, TWO_PM)).await.unwrap();
    let id = google.fake.events(CALENDAR)[0].id.clone();
    google.fake.person_deletes(CALENDAR, &id);
    google.change(&clinic, &moved(&booked.id, "1 hour")).await;
    google.settled().await;
    assert_eq!(google.fake.events(CALENDAR), []);
    let letters = google.dead_letters(&clinic).await;
    assert_eq!(letters.len(), 1);
    assert_eq!(
        (letters[0].appointment_id.as_str(), letters[0].reason.as_str()),
        (booked.id.as_str(), "EVENT_DELETED")
    );
    let status = google.status(&clinic, &calendar).await;
    assert_eq!((status.calendar.unwrap().status(), status.failed), (pb::CalendarStatus::Degraded, 1));
    assert_eq!(google.app.count("select count(*) from appointment where state = 'booked'").await, 1);

    google.requeue(&clinic, &booked.id).await;
    google.settled().await;
    let events = google.fake.events(CALENDAR);
    assert!(events.len() == 1 && events[0].id != id);
    assert_eq!(events[0].property("bk_gen"), "1");
    assert_eq!(google.dead_letters(&clinic).await, []);
}

#[tokio::test]
async fn an_event_that_a_person_deleted_is_made_again_where_that_was_chosen() {
    let google = Google::start().await;
    let clinic = google.app.clinic().await;
    let choices = pb::CalendarChoices {
        deleted_events: pb::DeletedEvents::Recreate.into(),
        ..pb::CalendarChoices::default()
    };
    google.connect(&clinic, CALENDAR, choices).await;
    let booked = google.app.book(&clinic.admin, booking(&clinic, TWO_PM)).await.unwrap();
    let id = google.fake.events(CALENDAR)[0].id.clone();
    google.fake.person_deletes(CALENDAR, &id);
    google.change(&clinic, &moved(&booked.id, "1 hour")).await;
    google.settled().await;
    let events = google.fake.events(CALENDAR);
    assert!(events.len() == 1 && events[0].id != id);
    assert_eq!(
        google.app.sync_row(&booked.id).await,
        ("synced".to_owned(), Some(events[0].id.clone()), None)
    );
}

#[tokio::test]
async fn what_was_chosen_is_shown_and_goes_when_it_is_chosen_no_more() {
    let google = Google::start().await;
    let clinic = google.app.clinic().await;
    let all = pb::CalendarChoices {
        show_patient_name: true,
        show_patient_phone: true,
        show_service: true,
        ..pb::CalendarChoices::default()
    };
    let calendar = google.connect(&clinic, CALENDAR, all).await;
    let mut request = booking(&clinic, TWO_PM);
    request.service_text = "a cleaning".into();
    google.app.book(&clinic.admin, request).await.unwrap();
    let event = &google.fake.events(CALENDAR)[0];
    assert_eq!(event.text("summary"), "Appointment: Dana Whitfield");
    assert_eq!(event.text("description"), "a cleaning\nPhone: +17185550199");

    let update = pb::UpdateCalendarRequest {
        calendar_id: calendar.id.clone(),
        choices: Some(pb::CalendarChoices::default()),
    };
    let updated = google.calendars().update_calendar(with_token(&clinic.admin, update)).await.unwrap();
    assert!(!updated.into_inner().calendar.unwrap().choices.unwrap().show_patient_name);
    google.settled().await;
    let event = &google.fake.events(CALENDAR)[0];
    assert_eq!((event.text("summary"), event.text("description")), ("Appointment", ""));
}

#[tokio::test]
async fn a_change_that_shows_nothing_new_asks_google_for_nothing() {
    let google = Google::start().await;
    let (clinic, _) = google.clinic().await;
    let booked = google.app.book(&clinic.admin, booking(&clinic, TWO_PM)).await.unwrap();
    let before = google.fake.journal().len();
    let confirm = format!(
        "update appointment set state = 'confirmed', version = version + 1 where appointment_id = '{}'",
        booked.id
    );
    google.change(&clinic, &confirm).await;
    google.settled().await;
    assert_eq!(google.fake.journal().len(), before);
    assert_eq!(google.app.sync_row(&booked.id).await.0, "synced");
}

#[tokio::test]
async fn a_resync_mends_what_people_changed() {
    let google = Google::start().await;
    let (clinic, calendar) = google.clinic().await;
    google.app.book(&clinic.admin, booking(&clinic, TWO_PM)).await.unwrap();
    google.app.book(&clinic.admin, booking(&clinic, "2027-01-05T20:00:00Z")).await.unwrap();
    let id = google.fake.events(CALENDAR)[0].id.clone();
    google.fake.person_changes(CALENDAR, &id, &json!({ "summary": "Golf", "transparency": "transparent" }));
    let request = pb::ResyncCalendarRequest { calendar_id: calendar.id.clone() };
    let answer = google.calendars().resync_calendar(with_token(&clinic.admin, request)).await.unwrap();
    assert_eq!(answer.into_inner().appointments, 2);
    google.settled().await;
    let event = &google.fake.events(CALENDAR)[0];
    assert_eq!((event.text("summary"), event.text("transparency")), ("Appointment", "opaque"));
    let patches =
        google.fake.journal().into_iter().filter(|asked| asked.op == Op::Patch && asked.done).count();
    assert_eq!(patches, 1, "what nobody changed was changed");
}
