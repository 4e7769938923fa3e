//! Scenario 2, the live booking chain: gateway, booking service, Postgres. Each case through HTTP and through gRPC.

use booking_service::domain::ids::{ClinicId, ProviderId};
use proto::booking::v1 as pb;
use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::Row as _;
use tonic::Code;

use crate::harness::{
    TestApp,
    fixtures::{Clinic, before_offers, booking, direct_booking, instant, reason},
    with_token,
};

const TWO_PM: &str = "2027-01-05T14:00:00Z";

#[tokio::test]
async fn case_2_1_a_booking_is_stored_and_on_its_way_to_the_calendar() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;

    let (status, body) = app.post(Some(&clinic.admin), &direct_booking(&clinic, TWO_PM)).await;

    assert_eq!(status, StatusCode::OK, "{body}");
    let id = body["appointment_id"].as_str().unwrap();
    let code = body["appointment"]["confirmation_code"].as_str().unwrap();
    let created_at = body["appointment"]["created_at"].as_str().unwrap();
    assert_eq!((code.len(), created_at.len()), (6, "2027-01-05T14:00:00.000Z".len()));
    let spelled = code.chars().map(String::from).collect::<Vec<_>>().join(" ");
    assert_eq!(
        body,
        json!({
            "success": true,
            "appointment_id": id,
            "google_calendar_event_id": null,
            "say": format!(
                "Booked: Dana Whitfield with Dr. Ana Reyes on Tuesday, January 5, 2027 at 9 AM. \
                 The confirmation code is {spelled}."
            ),
            "appointment": {
                "id": id,
                "org_id": clinic.org.to_string(),
                "clinic_id": clinic.id,
                "provider_id": clinic.provider,
                "patient_name": "Dana Whitfield",
                "patient_email": "dana@example.com",
                "patient_phone": null,
                "scheduled_at": "2027-01-05T14:00:00.000Z",
                "duration_minutes": 30,
                "service_id": null,
                "service": null,
                "hold_expires_at": null,
                "status": "booked",
                "confirmation_code": code,
                "created_at": created_at,
            },
            "calendar_sync": {
                "status": "not_connected",
                "event_id": null,
                "appointment_id": id,
                "synced_at": null,
            },
        })
    );
    assert_eq!(app.count("select count(*) from calendar_sync where version = 1").await, 1);
}

#[tokio::test]
async fn case_2_1_over_grpc() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let request = with_token(&clinic.admin, booking(&clinic, TWO_PM));
    let response = app.appointments().book_appointment(request).await.unwrap().into_inner();
    let (appointment, sync) = (response.appointment.unwrap(), response.calendar_sync.unwrap());
    assert_eq!(appointment.state(), pb::AppointmentState::Booked);
    assert_eq!(appointment.start_time, Some(instant(TWO_PM)));
    assert_eq!(appointment.local_start_time, "2027-01-05T09:00:00");
    assert_eq!((sync.status(), sync.event_id.as_str()), (pb::CalendarSyncStatus::NotConnected, ""));
    assert_eq!(app.count("select count(*) from calendar_sync").await, 1);
}

#[tokio::test]
async fn case_2_2_an_overlapping_booking_is_a_conflict_and_the_first_stays() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    app.post(Some(&clinic.admin), &direct_booking(&clinic, TWO_PM)).await;

    let (status, body) =
        app.post(Some(&clinic.admin), &direct_booking(&clinic, "2027-01-05T14:15:00Z")).await;

    assert_eq!(status, StatusCode::CONFLICT);
    let said = body["say"].as_str().unwrap().to_owned();
    assert_eq!(
        before_offers(&said),
        "Not available: that time is taken. The nearest free times are Tuesday, January 5, 2027 at 9:30 AM, 10 AM, or 10:30 AM \
         with Dr. Ana Reyes."
    );
    let offer = |place: usize| body["alternatives"][place]["offer_id"].as_str().unwrap();
    let slot = |place: usize, start: &str, end: &str| {
        assert_eq!(offer(place).len(), 4);
        json!({
            "offer_id": offer(place),
            "service_id": null,
            "clinic_id": clinic.id,
            "provider_id": clinic.provider,
            "provider_name": "Dr. Ana Reyes",
            "start_time": start,
            "end_time": end,
            "time_zone": "America/New_York",
        })
    };
    assert_eq!(
        body,
        json!({
            "type": "about:blank",
            "title": "Conflict",
            "status": 409,
            "detail": "the slot is taken",
            "code": "CONFLICT",
            "reason": "SLOT_TAKEN",
            "say": said,
            "request_id": body["request_id"],
            "alternatives": [
                slot(0, "2027-01-05T14:30:00.000Z", "2027-01-05T15:00:00.000Z"),
                slot(1, "2027-01-05T15:00:00.000Z", "2027-01-05T15:30:00.000Z"),
                slot(2, "2027-01-05T15:30:00.000Z", "2027-01-05T16:00:00.000Z"),
            ],
        })
    );
    let status = app.book(&clinic.admin, booking(&clinic, "2027-01-05T14:29:00Z")).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::AlreadyExists, "SLOT_TAKEN"));
    assert_eq!(app.count("select count(*) from appointment where state = 'booked'").await, 1);
}

#[tokio::test]
async fn case_2_3_back_to_back_is_allowed() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    for start in [TWO_PM, "2027-01-05T14:30:00Z", "2027-01-05T13:30:00Z"] {
        let (status, body) = app.post(Some(&clinic.admin), &direct_booking(&clinic, start)).await;
        assert_eq!(status, StatusCode::OK, "{start}: {body}");
    }
    app.book(&clinic.admin, booking(&clinic, "2027-01-05T15:00:00Z")).await.unwrap();
    assert_eq!(app.count("select count(*) from appointment where state = 'booked'").await, 4);
}

#[tokio::test]
async fn case_2_4_another_organisations_clinic_is_forbidden_as_one_that_is_not_there() {
    let app = TestApp::start().await;
    let (ours, theirs) = (app.clinic().await, app.clinic().await);
    let mut nowhere = theirs.clone();
    nowhere.id = ClinicId::generate().to_string();
    for clinic in [&theirs, &nowhere] {
        let (status, body) = app.post(Some(&ours.admin), &direct_booking(clinic, TWO_PM)).await;
        assert_eq!(status, StatusCode::FORBIDDEN);
        assert_eq!(
            body,
            json!({
                "type": "about:blank",
                "title": "Forbidden",
                "status": 403,
                "detail": format!("clinic {} is not yours", clinic.id),
                "code": "FORBIDDEN",
                "reason": "CLINIC_FORBIDDEN",
                "say": "That clinic cannot be reached over this connection.",
                "request_id": body["request_id"],
            })
        );
        let status = app.book(&ours.admin, booking(clinic, TWO_PM)).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::PermissionDenied, "CLINIC_FORBIDDEN"));
    }
    assert_eq!(app.count("select count(*) from appointment").await, 0);
}

#[tokio::test]
async fn case_2_5_of_two_at_once_exactly_one_wins() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let body = direct_booking(&clinic, TWO_PM);
    let (one, other) =
        tokio::join!(app.post(Some(&clinic.admin), &body), app.post(Some(&clinic.admin), &body));
    let mut statuses = [one.0, other.0];
    statuses.sort();
    assert_eq!(statuses, [StatusCode::OK, StatusCode::CONFLICT]);

    let request = booking(&clinic, "2027-01-06T14:00:00Z");
    let (one, other) =
        tokio::join!(app.book(&clinic.admin, request.clone()), app.book(&clinic.admin, request.clone()));
    let lost = match (one, other) {
        (Ok(_), Err(lost)) | (Err(lost), Ok(_)) => lost,
        both => panic!("not one winner: {both:?}"),
    };
    assert_eq!(reason(&lost), "SLOT_TAKEN");
    assert_eq!(app.count("select count(*) from appointment").await, 2);
}

#[tokio::test]
async fn case_2_6_an_unknown_provider_is_not_found() {
    let app = TestApp::start().await;
    let (ours, theirs) = (app.clinic().await, app.clinic().await);
    for provider in [ProviderId::generate().to_string(), theirs.provider.clone()] {
        let mut clinic = ours.clone();
        clinic.provider = provider;
        let (status, body) = app.post(Some(&ours.admin), &direct_booking(&clinic, TWO_PM)).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert_eq!(
            body,
            json!({
                "type": "about:blank",
                "title": "Not Found",
                "status": 404,
                "detail": format!("there is no provider {}", clinic.provider),
                "code": "NOT_FOUND",
                "reason": "PROVIDER_NOT_FOUND",
                "say": "There is no such provider at that clinic.",
                "request_id": body["request_id"],
            })
        );
        let status = app.book(&ours.admin, booking(&clinic, TWO_PM)).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::NotFound, "PROVIDER_NOT_FOUND"));
    }
}

#[tokio::test]
async fn case_2_7_without_a_token_nobody_is_let_in() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let broken = format!("{}x", clinic.admin);
    for token in [None, Some("nonsense"), Some(broken.as_str())] {
        let (status, body) = app.post(token, &direct_booking(&clinic, TWO_PM)).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        assert_eq!(
            body,
            json!({
                "type": "about:blank",
                "title": "Unauthorized",
                "status": 401,
                "detail": "the credential is missing or not valid",
                "code": "UNAUTHORIZED",
                "reason": "UNAUTHENTICATED",
                "say": "This connection is not set up correctly, so I cannot reach the appointment book.",
                "request_id": body["request_id"],
            })
        );
    }
    let status = app.appointments().book_appointment(booking(&clinic, TWO_PM)).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unauthenticated, "UNAUTHENTICATED"));
    assert_eq!(app.count("select count(*) from appointment").await, 0);
    assert_eq!(app.count("select count(*) from auth_failure").await, 4);
}

#[tokio::test]
async fn case_2_8_everything_is_stored() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let mut request = direct_booking(&clinic, TWO_PM);
    request["params"]["patient_phone"] = "+1 (718) 555-0199".into();
    request["params"]["service"] = "cleaning".into();
    let (_, body) = app.post(Some(&clinic.admin), &request).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let told = [&body["appointment_id"], &body["appointment"]["confirmation_code"]].map(text);
    assert_eq!(stored(&app).await, (told, expected(&clinic), 30, true));
}

#[tokio::test]
async fn case_2_8_over_grpc() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let request = pb::BookAppointmentRequest { service_text: "cleaning".into(), ..booking(&clinic, TWO_PM) };
    let made = app.book(&clinic.admin, request).await.unwrap();
    assert_eq!(stored(&app).await, ([made.id, made.confirmation_code], expected(&clinic), 30, true));
}

/// Organisation, clinic, provider, state, service; name, number and e-mail of the patient; the start.
fn expected(clinic: &Clinic) -> [String; 9] {
    let org = clinic.org.to_string();
    let rest =
        ["booked", "cleaning", "Dana Whitfield", "+17185550199", "dana@example.com", "2027-01-05 14:00"];
    let [state, service, name, phone, email, start] = rest.map(str::to_owned);
    [org, clinic.id.clone(), clinic.provider.clone(), state, service, name, phone, email, start]
}

/// The only row, past row security: id and code; what [`expected`] has; the minutes; whether it was made just now.
async fn stored(app: &TestApp) -> ([String; 2], [String; 9], i32, bool) {
    let mut database = app.database.superuser().await;
    let row = sqlx::query(
        "
        select a.appointment_id::text, a.confirmation_code, a.org_id::text, a.clinic_id::text, a.provider_id::text,
            a.state, a.service_text, p.name, p.phone, p.email,
            to_char(a.starts_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI') as starts_at,
            (extract(epoch from a.ends_at - a.starts_at) / 60)::int as minutes,
            a.created_at between timestamptz '2026-11-22 12:00Z' and timestamptz '2026-11-22 12:10Z' as just_now
        from appointment a join patient p using (org_id, patient_id)
        ",
    )
    .fetch_one(&mut database)
    .await
    .unwrap();
    let text = |column: usize| row.get::<Option<String>, _>(column).unwrap();
    (
        std::array::from_fn(text),
        std::array::from_fn(|column| text(column + 2)),
        row.get("minutes"),
        row.get("just_now"),
    )
}
