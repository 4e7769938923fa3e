//! What is asked twice is done once.

use futures::future::join_all;
use jiff::SignedDuration;
use proto::booking::v1 as pb;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tonic::Code;

use crate::harness::{
    TestApp,
    fixtures::{Clinic, VapiCall, booking, direct_booking, reason},
    with_metadata, with_token,
};

const TWO_PM: &str = "2027-01-05T19:00:00Z";
const CALL: VapiCall<'_> = VapiCall { id: "call-1", number: "+17185550199" };

fn arguments() -> Value {
    json!({"patient_name": "Dana Whitfield", "appointment_time": "2027-01-05T14:00"})
}

async fn appointments(app: &TestApp) -> i64 {
    app.count("select count(*) from appointment").await
}

#[tokio::test]
async fn the_same_vapi_call_again_is_answered_with_the_same_appointment() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let first = app.vapi(&clinic.voice, &CALL, "book_appointment", arguments()).await;
    let again = app.vapi(&clinic.voice, &CALL, "book_appointment", arguments()).await;
    assert!(first.starts_with("Booked: "), "{first}");
    assert_eq!(first, again);
    assert_eq!(appointments(&app).await, 1);
}

#[tokio::test]
async fn a_call_that_the_model_issues_anew_finds_its_live_appointment() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let first = app.vapi(&clinic.voice, &CALL, "book_appointment", arguments()).await;
    let reissued = CALL.message(&[("tc_new", "book_appointment", arguments())]);
    let (_, body) = app.post(Some(&clinic.voice), &reissued).await;
    assert_eq!(body["results"][0]["result"], first.as_str());
    assert_eq!(appointments(&app).await, 1);

    // The same wish of another telephone call is another patient's misfortune.
    let other = VapiCall { id: "call-2", number: "+12125550142" };
    let taken = app.vapi(&clinic.voice, &other, "book_appointment", arguments()).await;
    assert!(taken.starts_with("Not available: "), "{taken}");
    assert!(!taken.contains("Dana"), "{taken}");
}

#[tokio::test]
async fn one_connection_is_enough_for_any_request() {
    // Who holds one and waits for a second waits for ever when it is the last.
    let app = TestApp::with_connections(1).await;
    let clinic = app.clinic().await;
    let first = app.vapi(&clinic.voice, &CALL, "book_appointment", arguments()).await;
    let reissued = CALL.message(&[("tc_new", "book_appointment", arguments())]);
    let (_, body) = app.post(Some(&clinic.voice), &reissued).await;
    assert_eq!(body["results"][0]["result"], first.as_str());
    let other = VapiCall { id: "call-2", number: "+12125550142" };
    let taken = app.vapi(&clinic.voice, &other, "book_appointment", arguments()).await;
    assert!(taken.starts_with("Not available: "), "{taken}");
    let unknown = json!({"appointment_id": clinic.id});
    let said = app.vapi(&clinic.voice, &CALL, "cancel_appointment", unknown).await;
    assert!(said.starts_with("I cannot find that appointment"), "{said}");
}

#[tokio::test]
async fn a_call_issued_anew_finds_its_appointment_whatever_the_patient_is_known_by() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    app.provider(&clinic, "Dr. Ben Okafor").await;
    // Known with a number; the caller's is withheld, and they say their e-mail address, or nothing.
    app.book(&clinic.admin, booking(&clinic, "2027-01-04T19:00:00Z")).await.unwrap();
    let withheld = VapiCall { id: "call-3", number: "anonymous" };
    for (time, email) in [("2027-01-05T14:00", "Dana@example.com"), ("2027-01-06T14:00", "")] {
        let mut arguments = arguments();
        arguments["appointment_time"] = time.into();
        arguments["email"] = email.into();
        let first = app.vapi(&clinic.voice, &withheld, "book_appointment", arguments.clone()).await;
        assert!(first.starts_with("Booked: "), "{first}");
        let reissued = withheld.message(&[("tc_new", "book_appointment", arguments)]);
        let (_, body) = app.post(Some(&clinic.voice), &reissued).await;
        assert_eq!(body["results"][0]["result"], first.as_str());
    }
    assert_eq!(appointments(&app).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_issued_anew_at_the_same_moment_make_one_appointment_though_anybody_will_do() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    app.provider(&clinic, "Dr. Ben Okafor").await;
    app.provider(&clinic, "Dr. Chu Li").await;
    let messages: Vec<Value> =
        (0..40).map(|n| CALL.message(&[(&format!("tc_{n}"), "book_appointment", arguments())])).collect();
    let answers = join_all(messages.iter().map(|message| app.post(Some(&clinic.voice), message))).await;
    let mut said: Vec<&str> =
        answers.iter().map(|(_, body)| body["results"][0]["result"].as_str().unwrap()).collect();
    said.dedup();
    assert_eq!(said.len(), 1, "{said:?}");
    assert_eq!(appointments(&app).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_at_the_same_moment_makes_one_appointment() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let requests = (0..20).map(|_| app.book_once(&clinic.admin, "key-1", booking(&clinic, TWO_PM)));
    let answers = join_all(requests).await;
    let ids: Vec<&str> = answers.iter().map(|answer| answer.as_ref().unwrap().id.as_str()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(appointments(&app).await, 1);
    assert_eq!(app.count("select count(*) from audit where action = 'BookAppointment'").await, 1);
    // The others were shown it, which is on record, too.
    assert_eq!(app.count("select count(*) from audit where action = 'GetAppointment'").await, 19);
}

#[tokio::test]
async fn the_same_key_with_other_content_is_refused() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    app.book_once(&clinic.admin, "key-1", booking(&clinic, TWO_PM)).await.unwrap();
    let other = booking(&clinic, "2027-01-06T19:00:00Z");
    let status = app.book_once(&clinic.admin, "key-1", other).await.unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::FailedPrecondition, "IDEMPOTENCY_KEY_REUSED")
    );

    let post = async |start: &str| {
        let request = app.http.post(format!("{}/api/vapi/tools", app.gateway)).bearer_auth(&clinic.admin);
        let request = request.header("idempotency-key", "key-2").json(&direct_booking(&clinic, start));
        let response = request.send().await.unwrap();
        (response.status(), response.json::<Value>().await.unwrap())
    };
    let (_, first) = post("2027-01-07T19:00:00Z").await;
    let (_, again) = post("2027-01-07T19:00:00Z").await;
    assert_eq!(first, again);
    let (status, problem) = post("2027-01-08T19:00:00Z").await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(
        (&problem["code"], &problem["reason"]),
        (&json!("FAILED_PRECONDITION"), &json!("IDEMPOTENCY_KEY_REUSED"))
    );
    assert_eq!(appointments(&app).await, 2);
}

#[tokio::test]
async fn a_repeated_request_is_told_how_things_are_now() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let made = app.book_once(&clinic.admin, "key-1", booking(&clinic, TWO_PM)).await.unwrap();
    cancel(&app, &clinic, &made.id).await;
    let status = app.book_once(&clinic.admin, "key-1", booking(&clinic, TWO_PM)).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::FailedPrecondition, "NO_LONGER_BOOKED"));
    assert_eq!(appointments(&app).await, 1);
}

#[tokio::test]
async fn a_repeated_request_is_answered_though_its_time_has_passed() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let soon = app.app.clock.now() + SignedDuration::from_mins(5);
    let soon = soon.round(jiff::Unit::Minute).unwrap().to_string();
    let made = app.book_once(&clinic.admin, "key-1", booking(&clinic, &soon)).await.unwrap();
    app.app.clock.advance(SignedDuration::from_mins(10));
    let again = app.book_once(&clinic.admin, "key-1", booking(&clinic, &soon)).await.unwrap();
    assert_eq!(made.id, again.id);
    let late = app.book_once(&clinic.admin, "key-2", booking(&clinic, &soon)).await.unwrap_err();
    assert_eq!(reason(&late), "START_IN_THE_PAST");
}

#[tokio::test]
async fn a_key_stands_for_a_day() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    app.book_once(&clinic.admin, "key-1", booking(&clinic, TWO_PM)).await.unwrap();
    app.app.clock.advance(SignedDuration::from_hours(24));
    let admin = app.token_for(&clinic);
    let other = booking(&clinic, "2027-01-06T19:00:00Z");
    app.book_once(&admin, "key-1", other.clone()).await.unwrap();
    let again = app.book_once(&admin, "key-1", other).await.unwrap();
    assert_eq!(again.start_time.unwrap().seconds, 1_799_262_000);
    assert_eq!(appointments(&app).await, 2);
}

#[tokio::test]
async fn a_refused_request_keeps_no_key() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let first = app.book(&clinic.admin, booking(&clinic, TWO_PM)).await.unwrap();
    let status = app.book_once(&clinic.admin, "key-1", booking(&clinic, TWO_PM)).await.unwrap_err();
    assert_eq!(reason(&status), "SLOT_TAKEN");
    cancel(&app, &clinic, &first.id).await;
    app.book_once(&clinic.admin, "key-1", booking(&clinic, TWO_PM)).await.unwrap();
}

#[tokio::test]
async fn a_key_is_its_organisations_own() {
    let app = TestApp::start().await;
    let (ours, theirs) = (app.clinic().await, app.clinic().await);
    let our = app.book_once(&ours.admin, "key-1", booking(&ours, TWO_PM)).await.unwrap();
    let their = app.book_once(&theirs.admin, "key-1", booking(&theirs, TWO_PM)).await.unwrap();
    assert_ne!(our.id, their.id);
}

#[tokio::test]
async fn a_clinic_and_a_provider_are_made_once() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let bearer = format!("Bearer {}", clinic.admin);
    let metadata = [("authorization", bearer.as_str()), ("idempotency-key", "key-1")];
    let message =
        pb::CreateClinicRequest { name: "Oak".into(), time_zone: "UTC".into(), ..Default::default() };
    let mut ids = Vec::new();
    for _ in 0..2 {
        let request = with_metadata(message.clone(), &metadata);
        ids.push(app.clinics().create_clinic(request).await.unwrap().into_inner().clinic.unwrap().id);
    }
    assert_eq!(ids[0], ids[1]);
    let message = pb::CreateProviderRequest { name: "Dr. Li".into(), clinic_ids: vec![ids[0].clone()] };
    let mut ids = Vec::new();
    for _ in 0..2 {
        let request = with_metadata(message.clone(), &metadata);
        ids.push(app.clinics().create_provider(request).await.unwrap().into_inner().provider.unwrap().id);
    }
    assert_eq!(ids[0], ids[1]);
}

#[tokio::test]
async fn cancelling_twice_is_cancelling_once() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let made = app.book(&clinic.admin, booking(&clinic, TWO_PM)).await.unwrap();
    let first = cancel(&app, &clinic, &made.id).await;
    let again = cancel(&app, &clinic, &made.id).await;
    assert_eq!(first.state(), pb::AppointmentState::Cancelled);
    assert_eq!((first.version, again.version), (2, 2));
    app.book(&clinic.admin, booking(&clinic, TWO_PM)).await.unwrap();
}

async fn cancel(app: &TestApp, clinic: &Clinic, id: &str) -> pb::Appointment {
    let message = pb::CancelAppointmentRequest { appointment_id: id.into(), ..Default::default() };
    let response = app.appointments().cancel_appointment(with_token(&clinic.admin, message)).await;
    response.unwrap().into_inner().appointment.unwrap()
}
