//! Telephone calls that are over.

use proto::booking::v1::{
    self as pb, call_service_client::CallServiceClient, record_call_event_request::Event,
};
use serde_json::{Value, json};
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::harness::{TestApp, fixtures::refusal, with_metadata, with_token};

const REPORT: &str = include_str!("../corpus/ack-end-of-call-report-full.json");

async fn report(app: &TestApp, token: &str, body: &Value) -> (u16, Value) {
    let request = app.http.post(format!("{}/api/vapi/webhook", app.gateway)).bearer_auth(token).json(body);
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

async fn calls(app: &TestApp) -> Vec<(String, Option<String>, Option<String>, String)> {
    let mut superuser = app.database.superuser().await;
    let sql = "select call_id, ended_reason, to_char(started_at at time zone 'utc', 'HH24:MI:SS'),
        to_char(ended_at at time zone 'utc', 'HH24:MI:SS') from call order by call_id";
    sqlx::query_as(sql).fetch_all(&mut superuser).await.unwrap()
}

#[tokio::test]
async fn the_report_at_the_end_of_a_call_is_noted_once() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let body: Value = serde_json::from_str(REPORT).unwrap();
    for token in [&clinic.voice, &clinic.voice, &clinic.admin] {
        assert_eq!(report(&app, token, &body).await, (200, json!({})));
    }
    let noted = calls(&app).await;
    assert_eq!(noted.len(), 1);
    let (id, reason, started, ended) = &noted[0];
    assert_eq!(*id, body["message"]["call"]["id"]);
    assert_eq!(reason.as_deref(), Some("customer-ended-call"));
    assert_eq!((started.as_deref(), ended.as_str()), (Some("18:28:44"), "18:33:10"));
    // A report that says little is acknowledged, too.
    for odd in [
        json!({"message": {"type": "end-of-call-report"}}),
        json!({"message": {"type": "end-of-call-report", "endedReason": 7, "call": {"id": "short", "startedAt": "yesterday"}}}),
        json!({"message": {"type": "end-of-call-report", "call": {"id": "back", "startedAt": "2026-09-15T18:00:00Z", "endedAt": "2026-09-15T17:00:00Z"}}}),
    ] {
        assert_eq!(report(&app, &clinic.voice, &odd).await, (200, json!({})), "{odd}");
    }
    assert_eq!(calls(&app).await.len(), 3);
    // A stranger's is not.
    assert_eq!(report(&app, "nonsense", &body).await.0, 401);
}

#[tokio::test]
async fn a_voice_tells_of_its_own_call_alone() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let mut service = CallServiceClient::new(app.grpc.clone());
    let ended =
        |reason: &str| Some(Event::Ended(pb::CallEnded { reason: reason.to_owned(), ..Default::default() }));
    let authorization = format!("Bearer {}", clinic.voice);
    let metadata = [("authorization", authorization.as_str()), ("x-call-id", "mine")];
    for (call_id, told) in [("theirs", Err("INVALID_ARGUMENT")), ("mine", Ok(())), ("", Ok(()))] {
        let message = pb::RecordCallEventRequest { call_id: call_id.to_owned(), event: ended("hang-up") };
        let answer = service.record_call_event(with_metadata(message, &metadata)).await;
        match told {
            Ok(()) => drop(answer.unwrap()),
            Err(reason) => assert_eq!(refusal(answer), (Code::InvalidArgument, reason.to_owned())),
        }
    }
    // One that speaks for no caller names the call.
    let message = pb::RecordCallEventRequest { call_id: "desk".to_owned(), event: ended("") };
    service.record_call_event(with_token(&clinic.admin, message)).await.unwrap();
    let names: Vec<_> = calls(&app).await.into_iter().map(|(id, reason, ..)| (id, reason)).collect();
    assert_eq!(names, [("desk".to_owned(), None), ("mine".to_owned(), Some("hang-up".to_owned()))]);

    let wrong = pb::RecordCallEventRequest {
        call_id: "x".repeat(201),
        event: Some(Event::Ended(pb::CallEnded {
            reason: "y".repeat(201),
            start_time: Some("2027-01-01T00:00:00Z".parse().unwrap()),
            end_time: Some("2026-01-01T00:00:00Z".parse().unwrap()),
        })),
    };
    let status = service.record_call_event(with_token(&clinic.admin, wrong)).await.unwrap_err();
    assert_eq!(status.get_details_bad_request().unwrap().field_violations.len(), 3);
}

#[tokio::test]
async fn every_key_may_tell_that_a_call_is_over_whatever_its_tools() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let scope = pb::MachineScope { tools: vec!["book_appointment".to_owned()], ..Default::default() };
    let key = app.agent_key(&clinic, scope).await.key;
    let body = json!({"message": {"type": "end-of-call-report", "call": {"id": "c"}}});
    assert_eq!(report(&app, &key, &body).await.0, 200);
    assert_eq!(calls(&app).await.len(), 1);
}
