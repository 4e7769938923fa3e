//! How a calendar is connected, and what keeps it from being.

use std::time::Duration;

use proto::booking::v1 as pb;
use reqwest::{StatusCode, header::LOCATION, redirect::Policy};
use serde_json::{Value, json};
use tests::fake_gcal::{FakeGcal, Mishap, Op};
use tonic::Code;

use crate::harness::{
    calendars::{CALENDAR, Google},
    canaries,
    fixtures::{Clinic, booking, refusal},
    with_token,
};

const TWO_PM: &str = "2027-01-05T19:00:00Z";

/// A browser that goes where it is sent when it is told to.
fn browser() -> reqwest::Client {
    reqwest::Client::builder().redirect(Policy::none()).timeout(Duration::from_secs(10)).build().unwrap()
}

/// The administrator asks for the way to Google.
async fn ask(google: &Google, clinic: &Clinic, query: &str) -> (StatusCode, Value) {
    let url =
        format!("{}/api/calendar/google/connect?provider_id={}{query}", google.app.gateway, clinic.provider);
    let answer = google.app.http.get(url).bearer_auth(&clinic.admin).send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

/// A person opens the link and consents; gives where Google sends them back to.
async fn consent(url: &str) -> String {
    let sent = browser().get(url).send().await.unwrap();
    assert_eq!(sent.status(), StatusCode::SEE_OTHER);
    sent.headers()[LOCATION].to_str().unwrap().to_owned()
}

/// They go back, where the gateway of the test is.
async fn go_back(google: &Google, back: &str) -> (StatusCode, String) {
    let query = back.split_once('?').unwrap().1;
    canaries::watch(query.split("code=").nth(1).unwrap_or_default().split('&').next().unwrap());
    let url = format!("{}/api/calendar/google/callback?{query}", google.app.gateway);
    let answer = browser().get(url).send().await.unwrap();
    assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    for (header, value) in [("referrer-policy", "no-referrer"), ("cache-control", "no-store")] {
        assert_eq!(answer.headers()[header], value);
    }
    (answer.status(), answer.text().await.unwrap())
}

#[tokio::test]
async fn a_person_consents_and_their_calendar_is_connected() {
    let google = Google::start().await;
    let clinic = google.app.clinic().await;
    google.fake.person(CALENDAR);
    // Booked before there was a calendar: it comes along.
    google.app.book(&clinic.admin, booking(&clinic, TWO_PM)).await.unwrap();
    let (status, asked) = ask(&google, &clinic, "&show_patient_name=true").await;
    assert_eq!(status, StatusCode::OK, "{asked}");
    let back = consent(asked["authorization_url"].as_str().unwrap()).await;
    let (status, page) = go_back(&google, &back).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    assert!(page.contains("is connected") && page.contains(CALENDAR), "{page}");
    google.settled().await;
    assert_eq!(google.fake.events(CALENDAR)[0].text("summary"), "Appointment: Dana Whitfield");

    let list = pb::ListCalendarsRequest::default();
    let found =
        google.calendars().list_calendars(with_token(&clinic.admin, list)).await.unwrap().into_inner();
    let calendar = &found.calendars[0];
    assert_eq!(
        (calendar.access(), calendar.status()),
        (pb::CalendarAccess::Consent, pb::CalendarStatus::Connected)
    );
    assert_eq!((calendar.google_calendar_id.as_str(), calendar.connected_by.as_str()), ("primary", "tester"));
    assert_eq!(
        google
            .app
            .count("select count(*) from audit where action = 'CompleteConnect' and outcome = 'done'")
            .await,
        1
    );
    // Neither token nor verifier is to be read in the database.
    for secret in google.fake.secrets() {
        let mut superuser = google.app.database.superuser().await;
        let found: i64 = sqlx::query_scalar(
            "select count(*) from calendar where position(convert_to($1, 'utf8') in secret) > 0",
        )
        .bind(&secret)
        .fetch_one(&mut superuser)
        .await
        .unwrap();
        assert_eq!(found, 0);
    }

    // A second time, it is nobody's way any more.
    let (status, page) = go_back(&google, &back).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(page.contains("not connected"), "{page}");
}

#[tokio::test]
async fn whoever_comes_back_wrongly_connects_nothing() {
    let google = Google::start().await;
    let clinic = google.app.clinic().await;
    let link = async || ask(&google, &clinic, "").await.1["authorization_url"].as_str().unwrap().to_owned();
    // Too late.
    let back = consent(&link().await).await;
    google.app.app.clock.advance(jiff::SignedDuration::from_mins(16));
    let late = go_back(&google, &back).await;
    assert!(late.0 == StatusCode::CONFLICT && late.1.contains("too old"), "{late:?}");
    // With no consent.
    let state = reqwest::Url::parse(&link().await).unwrap();
    let state = state.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let (status, page) = go_back(&google, &format!("x?error=access_denied&state={state}")).await;
    assert!(status == StatusCode::CONFLICT && page.contains("access denied"), "{status} {page}");
    // With a code that is nobody's.
    let state = reqwest::Url::parse(&link().await).unwrap();
    let state = state.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let (status, page) = go_back(&google, &format!("x?code=4/0Anonsense&state={state}")).await;
    assert!(status == StatusCode::CONFLICT && page.contains("invalid grant"), "{status} {page}");
    // With somebody else's code: the proof is another one.
    let (first, second) = (consent(&link().await).await, consent(&link().await).await);
    let code = first.split("code=").nth(1).unwrap().split('&').next().unwrap();
    let state = second.split("state=").nth(1).unwrap().split('&').next().unwrap();
    let (status, page) = go_back(&google, &format!("x?code={code}&state={state}")).await;
    assert!(status == StatusCode::CONFLICT && page.contains("invalid grant"), "{status} {page}");
    // With a state that is nobody's.
    let forged = booking_service::domain::opaque_key::OpaqueKey::generate(
        booking_service::domain::opaque_key::KeyKind::CalendarConsent,
        clinic.org,
        clinic.org.into(),
    )
    .unwrap();
    for state in ["nonsense", forged.expose(), ""] {
        let (status, page) = go_back(&google, &format!("x?code=4/0Anonsense&state={state}")).await;
        assert!(status.is_client_error() && page.contains("ask for a new link"), "{status} {page}");
    }
    assert_eq!(google.app.count("select count(*) from calendar").await, 0);
    assert_eq!(
        google.app.count("select count(*) from auth_failure where action = 'CompleteConnect'").await,
        2
    );
}

#[tokio::test]
async fn without_an_application_at_google_nobody_is_sent_there() {
    let google = Google::with(|settings| booking_service::config::CalendarSettings {
        google_client_id: None,
        ..settings
    })
    .await;
    let clinic = google.app.clinic().await;
    let (status, body) = ask(&google, &clinic, "").await;
    assert_eq!((status, &body["reason"]), (StatusCode::CONFLICT, &json!("GOOGLE_NOT_CONFIGURED")));
    let (status, body) = ask(&google, &clinic, "&show_patients_name=true").await;
    assert_eq!((status, &body["reason"]), (StatusCode::BAD_REQUEST, &json!("UNREADABLE")));
    let (status, body) = ask(&google, &clinic, "&calendar_id=a%2Fb").await;
    assert_eq!(
        (status, &body["invalid_params"][0]["name"]),
        (StatusCode::BAD_REQUEST, &json!("calendar_id"))
    );
}

#[tokio::test]
async fn a_service_account_that_google_does_not_let_in_connects_nothing() {
    let google = Google::start().await;
    let clinic = google.app.clinic().await;
    let good = google.connection(&clinic, CALENDAR, pb::CalendarChoices::default());
    let connect = async |request: pb::ConnectCalendarRequest| {
        let answer = google.calendars().connect_calendar(with_token(&clinic.admin, request)).await;
        let status = answer.unwrap_err();
        (
            refusal::<()>(Err(status.clone())),
            tonic_types::StatusExt::get_details_error_info(&status).unwrap().metadata,
        )
    };
    let refused = |code: Code, reason: &str| (code, reason.to_owned());
    let with = |change: fn(&mut pb::ConnectCalendarRequest)| {
        let mut request = good.clone();
        change(&mut request);
        request
    };
    // Nobody let it act for them.
    let (told, words) = connect(with(|request| {
        request.service_account.as_mut().unwrap().subject = "boss@clinic.example".into();
    }))
    .await;
    assert_eq!(told, refused(Code::FailedPrecondition, "GOOGLE_REFUSED"));
    assert_eq!(words["google_reason"], "unauthorized_client");
    // No such calendar.
    let (told, words) =
        connect(with(|request| request.google_calendar_id = "nobody@clinic.example".into())).await;
    assert_eq!((told.1.as_str(), words["google_reason"].as_str()), ("GOOGLE_REFUSED", "calendar_not_found"));
    // One that it may only read.
    google.fake.share("shared@clinic.example", CALENDAR, "reader");
    let (told, words) =
        connect(with(|request| request.google_calendar_id = "shared@clinic.example".into())).await;
    assert_eq!(
        (told.1.as_str(), words["google_reason"].as_str()),
        ("GOOGLE_REFUSED", "calendar_not_writable")
    );
    // Another key.
    let (told, words) = connect(with(|request| {
        let account = request.service_account.as_mut().unwrap();
        account.key_json = account.key_json.replace("frontdesk@clinic", "stranger@clinic");
    }))
    .await;
    assert_eq!((told.1.as_str(), words["google_reason"].as_str()), ("GOOGLE_REFUSED", "invalid_grant"));
    // No key at all, and the rest is wrong, too.
    let status = google
        .calendars()
        .connect_calendar(with_token(
            &clinic.admin,
            pb::ConnectCalendarRequest {
                provider_id: "x".into(),
                google_calendar_id: "a/b".into(),
                choices: Some(pb::CalendarChoices { deleted_events: 99, ..Default::default() }),
                service_account: Some(pb::ServiceAccount { key_json: "{}".into(), subject: "nobody".into() }),
            },
        ))
        .await
        .unwrap_err();
    let wrong = tonic_types::StatusExt::get_details_bad_request(&status).unwrap().field_violations;
    assert_eq!(wrong.len(), 5, "{wrong:?}");
    // Google is away.
    google.fake.once(Op::Token, Mishap::Page(502));
    assert_eq!(connect(good.clone()).await.0, refused(Code::Unavailable, "GOOGLE_UNAVAILABLE"));
    assert_eq!(google.app.count("select count(*) from calendar").await, 0);
}

#[tokio::test]
async fn another_calendar_takes_the_place_of_the_one_before_and_what_was_there_stays() {
    let google = Google::start().await;
    let (clinic, first) = google.clinic().await;
    google.app.book(&clinic.admin, booking(&clinic, TWO_PM)).await.unwrap();
    let second = google.connect(&clinic, "other@clinic.example", pb::CalendarChoices::default()).await;
    google.settled().await;
    let counts = || (google.fake.events(CALENDAR).len(), google.fake.events("other@clinic.example").len());
    assert_eq!(counts(), (1, 1));
    let status = google.status(&clinic, &first).await.calendar.unwrap();
    assert_eq!(status.status(), pb::CalendarStatus::Disconnected);
    for calendar_id in [first.id.clone()] {
        let update = pb::UpdateCalendarRequest {
            calendar_id: calendar_id.clone(),
            choices: Some(pb::CalendarChoices::default()),
        };
        let update = google.calendars().update_calendar(with_token(&clinic.admin, update)).await;
        let resync = pb::ResyncCalendarRequest { calendar_id };
        let resync = google.calendars().resync_calendar(with_token(&clinic.admin, resync)).await;
        for told in [refusal(update), refusal(resync)] {
            assert_eq!(told, (Code::FailedPrecondition, "CALENDAR_DISCONNECTED".to_owned()));
        }
    }
    // The first one again is the same calendar, whose event is known.
    let again = google.connect(&clinic, CALENDAR, pb::CalendarChoices::default()).await;
    google.settled().await;
    assert_eq!((again.id == first.id, again.id == second.id, counts()), (true, false, (1, 1)));
}

#[tokio::test]
async fn what_was_cancelled_while_nobody_wrote_goes_when_the_calendar_is_connected_again() {
    let google = Google::start().await;
    let (clinic, calendar) = google.clinic().await;
    let booked = google.app.book(&clinic.admin, booking(&clinic, TWO_PM)).await.unwrap();
    let disconnect = pb::DisconnectCalendarRequest { calendar_id: calendar.id.clone() };
    let gone =
        google.calendars().disconnect_calendar(with_token(&clinic.admin, disconnect.clone())).await.unwrap();
    assert_eq!(gone.into_inner().calendar.unwrap().status(), pb::CalendarStatus::Disconnected);
    google.calendars().disconnect_calendar(with_token(&clinic.admin, disconnect)).await.unwrap();
    let cancel = pb::CancelAppointmentRequest { appointment_id: booked.id.clone(), ..Default::default() };
    google.app.appointments().cancel_appointment(with_token(&clinic.admin, cancel)).await.unwrap();
    let again = google.app.book(&clinic.admin, booking(&clinic, TWO_PM)).await.unwrap();
    google.settled().await;
    assert_eq!(google.app.sync_row(&again.id).await.0, "not_connected");
    assert_eq!(google.fake.events(CALENDAR).len(), 1);
    assert_eq!(google.app.count("select count(*) from calendar where secret is not null").await, 0);

    google.connect(&clinic, CALENDAR, pb::CalendarChoices::default()).await;
    google.settled().await;
    let events = google.fake.events(CALENDAR);
    assert_eq!(events.iter().map(|event| event.property("bk_appt")).collect::<Vec<_>>(), [again.id.as_str()]);
}

#[tokio::test]
async fn a_consent_is_given_back_when_its_calendar_is_disconnected() {
    let google = Google::start().await;
    let clinic = google.app.clinic().await;
    google.fake.person(CALENDAR);
    let (_, asked) = ask(&google, &clinic, "").await;
    go_back(&google, &consent(asked["authorization_url"].as_str().unwrap()).await).await;
    let has_grant = |fake: &FakeGcal| fake.secrets().iter().any(|secret| secret.starts_with("1//0"));
    assert!(has_grant(&google.fake));
    let list = with_token(&clinic.admin, pb::ListCalendarsRequest::default());
    let list = google.calendars().list_calendars(list).await;
    let calendar_id = list.unwrap().into_inner().calendars[0].id.clone();
    let disconnect = pb::DisconnectCalendarRequest { calendar_id };
    google.calendars().disconnect_calendar(with_token(&clinic.admin, disconnect)).await.unwrap();
    assert!(!has_grant(&google.fake));
}

#[tokio::test]
async fn what_opens_calendars_is_encrypted_anew_while_it_is_used() {
    use booking_service::{keys::Keys, ops::rotate_secrets::rotate_secrets, vault::Vault};
    let [old, new] = [Vault::generate_key().unwrap(), Vault::generate_key().unwrap()];
    let keys = |vault: &[Vec<u8>]| Keys { vault: Vault::new(vault).unwrap(), ..crate::harness::keys() };
    let google = Google::start().await;
    google.app.app.keys.replace(keys(std::slice::from_ref(&old)));
    let (clinic, _) = google.clinic().await;
    let operator = google.app.database.operator();
    operator.keys.replace(keys(&[new.clone(), old]));
    assert_eq!(rotate_secrets(&operator).await.unwrap(), 1);
    assert_eq!(rotate_secrets(&operator).await.unwrap(), 0);
    google.app.app.keys.replace(keys(&[new]));
    google.app.book(&clinic.admin, booking(&clinic, TWO_PM)).await.unwrap();
    google.settled().await;
    assert_eq!(google.fake.events(CALENDAR).len(), 1);
}
