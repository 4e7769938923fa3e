//! Every reason that a client can be told, provoked; and that `docs/API.md` has them all.

use booking_service::{
    caller::Role,
    domain::{
        clinic,
        ids::{ClinicId, OrgId},
        text::Name,
    },
    ops::create_organisation::{CreateOrganisation, create_organisation},
};
use proto::booking::v1::{self as pb, slot_choice::When};
use reqwest::StatusCode;
use serde_json::json;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::harness::{
    TestApp,
    fixtures::{VapiCall, booking, booking_of, minutes, reason, slot},
    token, with_metadata, with_token,
};

const TWO_PM: &str = "2027-01-05T19:00:00Z";

#[tokio::test]
async fn all_wrong_fields_are_named_at_once() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let wrong = pb::BookAppointmentRequest {
        what: Some(pb::book_appointment_request::What::Slot(pb::SlotChoice {
            clinic_id: "elm".into(),
            provider_id: "reyes".into(),
            when: Some(When::LocalTime("2027-02-30T10:00".into())),
            duration: Some(minutes(0)),
            ..Default::default()
        })),
        patient: Some(pb::PatientDetails { name: " ".into(), phone: "none".into(), email: "none".into() }),
        service_text: "x".repeat(201),
        ..Default::default()
    };
    let status = app.book(&clinic.admin, wrong).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "INVALID_ARGUMENT"));
    let fields: Vec<String> =
        status.get_details_bad_request().unwrap().field_violations.into_iter().map(|v| v.field).collect();
    assert_eq!(
        fields,
        [
            "slot.clinic_id",
            "slot.provider_id",
            "slot.when",
            "slot.duration",
            "patient.name",
            "patient.phone",
            "patient.email",
            "service_text",
        ]
    );
    let status = app.book(&clinic.admin, pb::BookAppointmentRequest::default()).await.unwrap_err();
    assert_eq!(status.get_details_bad_request().unwrap().field_violations.len(), 2);
}

#[tokio::test]
async fn arguments_are_named_as_the_tool_names_them() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let body =
        json!({"tool": "book_appointment", "params": {"patient_email": "none", "duration_minutes": 0}});
    let (status, problem) = app.post(Some(&clinic.admin), &body).await;
    assert_eq!((status, &problem["code"]), (StatusCode::BAD_REQUEST, &json!("INVALID_REQUEST")));
    let names: Vec<&str> =
        problem["invalid_params"].as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["appointment_time", "duration_minutes", "patient_name", "patient_email"]);
    let say = problem["say"].as_str().unwrap();
    assert!(say.contains("patient_name is required") && say.contains(" Today is "), "{say}");
}

#[tokio::test]
async fn times_that_cannot_be_booked_say_why_and_what_day_it_is() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let spoken = When::Spoken("next Tuesday".into());
    for (when, expected) in [
        (When::LocalTime("2020-01-05T14:00".into()), "START_IN_THE_PAST"),
        (When::LocalTime("2027-03-14T02:30".into()), "LOCAL_TIME_SKIPPED"),
        (When::LocalTime("2027-11-07T01:30".into()), "LOCAL_TIME_REPEATED"),
        (spoken, "TIME_NOT_UNDERSTOOD"),
    ] {
        let mut choice = slot(&clinic, TWO_PM);
        choice.when = Some(when);
        let status = app.book(&clinic.admin, booking_of(choice)).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, expected));
        let info = status.get_details_error_info().unwrap();
        assert_eq!(info.metadata["time_zone"], "America/New_York");
        assert_eq!(status.get_details_bad_request().unwrap().field_violations[0].field, "slot.when");
    }
    let call = VapiCall { id: "call-1", number: "+17185550199" };
    let today = app.app.clock.now().in_tz("America/New_York").unwrap();
    let today = today.strftime("Today is %A, %B %-d, %Y").to_string();
    for time in ["2020-01-05T14:00", "tomorrow at two", "2027-02-30T10:00"] {
        let arguments = json!({"name": "Dana Whitfield", "time": time});
        let said = app.vapi(&clinic.voice, &call, "book_appointment", arguments).await;
        assert!(said.contains(&today), "{time}: {said}");
    }
    assert_eq!(app.count("select count(*) from appointment").await, 0);
}

#[tokio::test]
async fn with_several_clinics_one_has_to_be_named() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let mut anywhere = slot(&clinic, TWO_PM);
    anywhere.clinic_id.clear();
    app.book(&clinic.admin, booking_of(anywhere.clone())).await.unwrap();
    let second = app.second_clinic(&clinic).await;
    let status = app.book(&clinic.admin, booking_of(anywhere)).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "CLINIC_REQUIRED"));
    let call = VapiCall { id: "call-1", number: "+17185550199" };
    let arguments = json!({"name": "Dana Whitfield", "time": "2027-01-05T14:00"});
    let said = app.vapi(&clinic.voice, &call, "book_appointment", arguments).await;
    for word in ["Elm Street Dental", &clinic.id, "Oak Street Dental", &second] {
        assert!(said.contains(word), "{said}");
    }
}

#[tokio::test]
async fn where_nobody_works_nothing_can_be_booked() {
    let app = TestApp::start().await;
    let org = OrgId::generate();
    let command = CreateOrganisation {
        org,
        name: Name::parse("New").unwrap(),
        clinic: ClinicId::generate(),
        clinic_name: Name::parse("New Clinic").unwrap(),
        zone: clinic::zone("UTC").unwrap(),
    };
    assert!(create_organisation(&app.app, command.clone()).await.unwrap());
    // The second time nothing happens.
    assert!(!create_organisation(&app.app, command).await.unwrap());
    let choice =
        pb::SlotChoice { when: Some(When::LocalTime("2027-01-05T09:00".into())), ..Default::default() };
    let status = app.book(&token(org, Role::Staff, false), booking_of(choice)).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::FailedPrecondition, "NO_PROVIDERS"));
}

#[tokio::test]
async fn a_visit_that_is_over_cannot_be_called_off() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    for state in ["completed", "no_show"] {
        let made = app.book(&clinic.admin, booking(&clinic, TWO_PM)).await.unwrap();
        let mut database = app.database.superuser().await;
        sqlx::query("update appointment set state = $1 where state = 'booked'")
            .bind(state)
            .execute(&mut database)
            .await
            .unwrap();
        let cancel = pb::CancelAppointmentRequest { appointment_id: made.id, ..Default::default() };
        let status =
            app.appointments().cancel_appointment(with_token(&clinic.admin, cancel)).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::FailedPrecondition, "WRONG_STATE"));
        assert_eq!(status.get_details_error_info().unwrap().metadata["state"], state);
    }
}

#[tokio::test]
async fn an_appointment_is_named_by_id_or_code_and_both_must_fit() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let one = app.book(&clinic.admin, booking(&clinic, TWO_PM)).await.unwrap();
    let other = app.book(&clinic.admin, booking(&clinic, "2027-01-06T19:00:00Z")).await.unwrap();
    let get = async |id: &str, code: &str| {
        let message = pb::GetAppointmentRequest { appointment_id: id.into(), confirmation_code: code.into() };
        let shown = app.appointments().get_appointment(with_token(&clinic.admin, message)).await;
        shown.map(|shown| shown.into_inner().appointment.unwrap().id).map_err(|status| reason(&status))
    };
    assert_eq!(get(&one.id, "").await, Ok(one.id.clone()));
    assert_eq!(get("", &one.confirmation_code.to_lowercase()).await, Ok(one.id.clone()));
    assert_eq!(get(&one.id, &one.confirmation_code).await, Ok(one.id.clone()));
    assert_eq!(get(&one.id, &other.confirmation_code).await, Err("APPOINTMENT_NOT_FOUND".into()));
    assert_eq!(get("", "").await, Err("INVALID_ARGUMENT".into()));
    assert_eq!(get("x", "y").await, Err("INVALID_ARGUMENT".into()));
}

#[tokio::test]
async fn a_key_that_is_none_is_refused() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let bearer = format!("Bearer {}", clinic.admin);
    for key in ["", "two words", &"x".repeat(256)] {
        let metadata = [("authorization", bearer.as_str()), ("idempotency-key", key)];
        let request = with_metadata(booking(&clinic, TWO_PM), &metadata);
        let status = app.appointments().book_appointment(request).await.unwrap_err();
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::InvalidArgument, "INVALID_ARGUMENT"),
            "{key}"
        );
    }
}

#[tokio::test]
async fn a_request_whose_time_is_up_is_told_so() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    for timeout in ["0m", "1n", "10m"] {
        let bearer = format!("Bearer {}", clinic.admin);
        let metadata = [("authorization", bearer.as_str()), ("grpc-timeout", timeout)];
        let request = with_metadata(booking(&clinic, TWO_PM), &metadata);
        let status = app.appointments().book_appointment(request).await.unwrap_err();
        // tonic's own timer may come first, with its own word for it.
        assert!(matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled), "{timeout}: {status:?}");
    }
    assert_eq!(app.count("select count(*) from appointment").await, 0);
}

#[tokio::test]
async fn values_beyond_what_can_be_stored_are_refused_and_not_repeated() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    for seconds in [i64::MIN, -300_000_000_000, 300_000_000_000, i64::MAX] {
        let start_time = Some(prost_types::Timestamp { seconds, nanos: 0 });
        let message = pb::ListAppointmentsRequest { start_time, ..Default::default() };
        let status =
            app.appointments().list_appointments(with_token(&clinic.admin, message)).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{seconds}");
    }
    let mut long = crate::harness::fixtures::direct_booking(&clinic, &format!("2027-{}", "1".repeat(50_000)));
    long["params"]["clinic_id"] = "x".repeat(50_000).into();
    let (status, problem) = app.post(Some(&clinic.admin), &long).await;
    assert_eq!((status, &problem["reason"]), (StatusCode::BAD_REQUEST, &json!("INVALID_ARGUMENT")));
    assert!(problem.to_string().len() < 2_000, "{problem}");
}

#[tokio::test]
async fn what_is_finer_than_a_minute_is_refused() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let mut lasting = slot(&clinic, TWO_PM);
    lasting.duration = Some(prost_types::Duration { seconds: 61, nanos: 0 });
    for choice in [slot(&clinic, "2027-01-05T19:00:45Z"), slot(&clinic, "2027-01-05T19:00:00.5Z"), lasting] {
        let status = app.book(&clinic.admin, booking_of(choice)).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
    }
}

#[tokio::test]
async fn lists_come_a_page_at_a_time() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    for day in 1..=5 {
        app.book(&clinic.admin, booking(&clinic, &format!("2027-01-0{day}T19:00:00Z"))).await.unwrap();
    }
    let (mut seen, mut page_token) = (Vec::new(), String::new());
    for size in [2, 2, 1] {
        let message = pb::ListAppointmentsRequest { page_size: 2, page_token, ..Default::default() };
        let page = app.appointments().list_appointments(with_token(&clinic.admin, message)).await;
        let page = page.unwrap().into_inner();
        assert_eq!(page.appointments.len(), size);
        seen.extend(page.appointments.into_iter().map(|appointment| appointment.local_start_time));
        page_token = page.next_page_token;
    }
    assert!(page_token.is_empty() && seen.is_sorted() && seen.len() == 5, "{seen:?}");
    let message = pb::ListAppointmentsRequest {
        page_size: 201,
        page_token: "x".into(),
        state: 99,
        ..Default::default()
    };
    let status = app.appointments().list_appointments(with_token(&clinic.admin, message)).await.unwrap_err();
    assert_eq!(status.get_details_bad_request().unwrap().field_violations.len(), 3);
}

/// The source is the list: what it can say and the document does not explain is an omission.
#[test]
fn every_reason_is_documented() {
    let documented = include_str!("../../docs/API.md");
    let service = include_str!("../../booking-service/src/grpc/status.rs");
    let gateway = include_str!("../../gateway/src/problem.rs");
    let quoted = service.split('"').chain(gateway.split('"')).skip(1).step_by(1);
    let is_reason = |word: &&str| word.len() > 3 && word.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    let missing: Vec<&str> =
        quoted.filter(is_reason).filter(|word| !documented.contains(&format!("`{word}`"))).collect();
    assert_eq!(missing, Vec::<&str>::new());
}
