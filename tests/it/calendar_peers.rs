//! The stand-in for Google Calendar, kept honest by what is Google's own: its Python client, and its description of its API.

use std::process::Command;

use booking_service::clock::Clock;
use tests::fake_gcal::{FakeGcal, WELL_KNOWN_CLIENT};

use crate::harness::calendars::{CALENDAR, Google, peers};

#[tokio::test]
async fn googles_own_client_takes_the_stand_in_for_google() {
    let Some(peers) = peers() else { return };
    // It asks for what is wrong, too, and the description would be quicker to refuse that.
    let fake = FakeGcal::start(Clock::default(), None).await.unwrap();
    fake.add_calendar(CALENDAR, CALENDAR);
    let key = fake.service_account("frontdesk@clinic.iam.example", &[CALENDAR]);
    let (client, secret) = WELL_KNOWN_CLIENT;
    let token =
        fake.consent_of("person@example.com", client, "https://www.googleapis.com/auth/calendar.events");
    let file = std::env::temp_dir().join(format!("frontdesk-key-{}.json", std::process::id()));
    std::fs::write(&file, &key.json).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/google_client.py");
    let mut command = Command::new(peers.join("bin/python"));
    command.arg(script).arg(&fake.url).arg(&file).args([CALENDAR, &token, client, secret]);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let _ = std::fs::remove_file(&file);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "satisfied");
}

/// Whoever checks has to be able to find something.
#[tokio::test]
async fn what_google_would_not_know_is_noticed() {
    if peers().is_none() {
        return;
    }
    let google = Google::start().await;
    assert!(google.fake.is_held_against_discovery());
    let scope = "https://www.googleapis.com/auth/calendar.events";
    let token = google.fake.access_of(CALENDAR, scope);
    let url = format!("{}/calendar/v3/calendars/{CALENDAR}/events", google.fake.url);
    let bad = serde_json::json!({
        "sumary": "x", "start": "tomorrow", "extendedProperties": { "private": { "n": 1 } }, "attendees": [{ "mail": "x" }],
    });
    let request = google.app.http.post(url).query(&[("sendUpdates", "nobody"), ("sendUpdate", "all")]);
    let answer = request.bearer_auth(token).json(&bad).send().await.unwrap();
    assert_eq!(answer.status(), 400);
    let found = google.fake.forgive();
    for wrong in [
        "sendUpdates",
        "sendUpdate",
        "body.sumary",
        "body.start",
        "private.n",
        "attendees[0].mail",
        "end is required",
    ] {
        assert!(found.iter().any(|violation| violation.contains(wrong)), "{wrong} is not in {found:?}");
    }
}
