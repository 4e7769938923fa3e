//! What operators see: counters, timers, and log lines that belong together.

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use sqlx::Connection as _;
use tracing_subscriber::fmt::MakeWriter;

use crate::harness::{
    TestApp,
    fixtures::{VapiCall, booking, direct_booking},
    with_metadata,
};

async fn metrics(app: &TestApp, server: &str) -> String {
    let response = app.http.get(format!("{server}/metrics")).send().await.unwrap();
    assert!(response.headers()["content-type"].to_str().unwrap().starts_with("application/openmetrics-text"));
    response.text().await.unwrap()
}

/// The value of one line.
fn value(metrics: &str, line: &str) -> Option<f64> {
    metrics.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(' ')?.parse().ok())
}

#[tokio::test]
async fn requests_and_tool_calls_are_counted_by_outcome() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    for expected in [200, 409, 409] {
        let (status, _) =
            app.post(Some(&clinic.admin), &direct_booking(&clinic, "2027-01-05T14:00:00Z")).await;
        assert_eq!(status.as_u16(), expected);
    }
    app.post(Some("nonsense"), &direct_booking(&clinic, "2027-01-05T14:00:00Z")).await;
    app.post(Some(&clinic.admin), &json!({"tool": "drop_table"})).await;
    app.http.get(format!("{}/no/such/{}", app.gateway, clinic.id)).send().await.unwrap();

    let gateway = metrics(&app, &app.gateway).await;
    for (line, count) in [
        (r#"gateway_tool_calls_total{tool="book_appointment",reason="OK"}"#, 1.0),
        (r#"gateway_tool_calls_total{tool="book_appointment",reason="SLOT_TAKEN"}"#, 2.0),
        (r#"gateway_tool_calls_total{tool="book_appointment",reason="UNAUTHENTICATED"}"#, 1.0),
        (r#"gateway_tool_calls_total{tool="unknown",reason="UNKNOWN_TOOL"}"#, 1.0),
        (r#"gateway_tool_call_duration_seconds_count{tool="book_appointment"}"#, 4.0),
        (r#"gateway_http_requests_total{route="/api/vapi/tools",status="409"}"#, 2.0),
        (r#"gateway_http_requests_total{route="none",status="404"}"#, 1.0),
    ] {
        assert_eq!(value(&gateway, line), Some(count), "{line} in\n{gateway}");
    }
    let service = metrics(&app, &app.service_http).await;
    for (line, count) in [
        (r#"booking_requests_total{rpc="BookAppointment",reason="OK"}"#, 1.0),
        (r#"booking_requests_total{rpc="BookAppointment",reason="SLOT_TAKEN"}"#, 2.0),
        (r#"booking_requests_total{rpc="BookAppointment",reason="UNAUTHENTICATED"}"#, 1.0),
        (r#"booking_request_duration_seconds_count{rpc="BookAppointment"}"#, 4.0),
    ] {
        assert_eq!(value(&service, line), Some(count), "{line} in\n{service}");
    }
    assert!(value(&service, "booking_pool_wait_seconds_count").unwrap() >= 3.0, "{service}");
    assert!(value(&service, "booking_pool_connections").unwrap() >= 1.0, "{service}");
    for text in [&gateway, &service] {
        assert!(text.ends_with("# EOF\n"));
        assert!(!text.contains(&clinic.id) && !text.contains("Whitfield"), "{text}");
    }
}

#[tokio::test]
async fn what_nobody_can_read_or_waits_for_is_counted_as_such() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let bearer = format!("Bearer {}", clinic.admin);
    let late = [("authorization", bearer.as_str()), ("grpc-timeout", "1n")];
    let request = with_metadata(booking(&clinic, "2027-01-05T14:00:00Z"), &late);
    assert!(app.appointments().book_appointment(request).await.is_err());
    let service = metrics(&app, &app.service_http).await;
    let line = r#"booking_requests_total{rpc="BookAppointment",reason="DEADLINE_EXCEEDED"}"#;
    assert_eq!(value(&service, line), Some(1.0), "{service}");
}

#[tokio::test]
async fn a_request_whose_client_hangs_up_is_counted_too() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    // Somebody else has the provider, so the booking waits, and the client does not.
    let mut other = app.database.superuser().await;
    let mut holding = other.begin().await.unwrap();
    sqlx::query("select from provider for update").execute(&mut *holding).await.unwrap();
    let request = with_metadata(
        booking(&clinic, "2027-01-05T14:00:00Z"),
        &[("authorization", &format!("Bearer {}", clinic.admin))],
    );
    let mut appointments = app.appointments();
    let hung_up =
        tokio::time::timeout(Duration::from_millis(100), appointments.book_appointment(request)).await;
    assert!(hung_up.is_err());
    let line = r#"booking_requests_total{rpc="BookAppointment",reason="CANCELLED"}"#;
    let counted = async {
        while value(&metrics(&app, &app.service_http).await, line) != Some(1.0) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), counted).await.expect("the request is counted");
}

/// Log lines, kept.
#[derive(Clone, Debug, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn one_trace_ties_the_edge_to_the_service_and_nothing_of_a_patient_is_logged() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt().json().flatten_event(true).with_writer(lines.clone()).finish();
    // The test's runtime has one thread, on which both services run.
    let _logging = tracing::subscriber::set_default(subscriber);
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let call = VapiCall { id: "call-1", number: "+17185550199" };
    let arguments =
        json!({"patient_name": "Dana Whitfield", "time": "2027-01-05T14:00", "email": "dana@example.com"});
    let response = app
        .http
        .post(format!("{}/api/vapi/tools", app.gateway))
        .bearer_auth(&clinic.voice)
        .header("traceparent", format!("00-{trace}-00f067aa0ba902b7-01"))
        .json(&call.message(&[("tc_1", "book_appointment", arguments)]))
        .send()
        .await
        .unwrap();
    let request_id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    let body: Value = response.json().await.unwrap();
    assert!(body["results"][0]["result"].as_str().unwrap().starts_with("Booked"), "{body}");

    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let answered: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|line| line["message"] == "answered" && line.to_string().contains(trace))
        .collect();
    let targets: Vec<&str> = answered.iter().map(|line| line["target"].as_str().unwrap()).collect();
    assert_eq!(targets, ["booking_service::metrics", "gateway::routes::observe"], "{text}");
    assert!(answered.iter().all(|line| line.to_string().contains(&request_id)), "{text}");
    assert_eq!(
        (&answered[0]["reason"], &answered[0]["span"]["rpc"]),
        (&json!("OK"), &json!("BookAppointment"))
    );
    for secret in ["Dana", "Whitfield", "7185550199", "dana@example.com", clinic.voice.as_str()] {
        assert_eq!(text.lines().find(|line| line.contains(secret)), None, "{secret}");
    }
}
