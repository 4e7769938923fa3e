//! Vapi's messages at the gateway: the shapes, the answers, and who is let in.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::{
    TestApp,
    fixtures::{Clinic, VapiCall, direct_booking},
};

const CALL: VapiCall<'_> = VapiCall { id: "call-1", number: "+17185550199" };

async fn post_raw(app: &TestApp, token: &str, body: impl Into<reqwest::Body>) -> (StatusCode, Value) {
    let request = app.http.post(format!("{}/api/vapi/tools", app.gateway)).bearer_auth(token).body(body);
    let response = request.send().await.unwrap();
    (response.status(), response.json().await.unwrap())
}

fn book(time: &str) -> Value {
    json!({"patient_name": "Dana Whitfield", "appointment_time": time})
}

#[tokio::test]
async fn several_calls_of_one_message_are_answered_in_order_each_under_its_id() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let message = CALL.message(&[
        ("tc ☎ \u{2028}1", "book_appointment", book("2027-01-05T09:00")),
        ("tc-2", "no_such_tool", json!({})),
        ("tc-3", "check_availability", json!("{\"time\": \"2027-01-05T10:00\"}")),
        ("tc-4", "book_appointment", json!("{\"time\": ")),
        (
            "tc-5",
            "Book-Appointment",
            json!("{\"customer_name\":\"Dana Whitfield\",\"start_time\":\"2027-01-06T09:00\"}"),
        ),
        ("", "book_appointment", book("2027-01-07T09:00")),
    ]);
    let (status, body) = app.post(Some(&clinic.voice), &message).await;
    assert_eq!(status, StatusCode::OK);
    let results = body["results"].as_array().unwrap();
    let ids: Vec<&str> = results.iter().map(|result| result["toolCallId"].as_str().unwrap()).collect();
    assert_eq!(ids, ["tc ☎ \u{2028}1", "tc-2", "tc-3", "tc-4", "tc-5", ""]);
    let beginnings = [
        "Booked: ",
        "There is no such tool.",
        "Free: ",
        "The request could not be read",
        "Booked: ",
        "The request could not",
    ];
    for (result, beginning) in results.iter().zip(beginnings) {
        let said = result["result"].as_str().unwrap();
        assert!(said.starts_with(beginning), "{said}");
        assert!(!said.contains(char::is_control) && !said.contains('\u{2028}'), "{said}");
        assert!(result["name"].is_string());
    }
    assert_eq!(app.count("select count(*) from appointment").await, 2);
}

#[tokio::test]
async fn of_too_many_calls_the_surplus_is_answered_and_not_run() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let ids: Vec<String> = (0..60).map(|n| format!("tc-{n}")).collect();
    let check = json!({"time": "2027-01-05T10:00"});
    let calls: Vec<(&str, &str, Value)> =
        ids.iter().map(|id| (id.as_str(), "check_availability", check.clone())).collect();
    let (status, body) = app.post(Some(&clinic.voice), &CALL.message(&calls)).await;
    assert_eq!(status, StatusCode::OK);
    let results = body["results"].as_array().unwrap();
    let echoed: Vec<&str> = results.iter().map(|result| result["toolCallId"].as_str().unwrap()).collect();
    assert_eq!(echoed, ids);
    let run =
        results.iter().filter(|result| result["result"].as_str().unwrap().starts_with("Free: ")).count();
    assert_eq!(run, 50);
}

#[tokio::test]
async fn the_callers_number_becomes_the_patients() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    app.vapi(&clinic.voice, &CALL, "book_appointment", book("2027-01-05T09:00")).await;
    let mut given = book("2027-01-06T09:00");
    given["phone"] = "+1 212 555 0142".into();
    app.vapi(&clinic.voice, &CALL, "book_appointment", given).await;
    let mut database = app.database.superuser().await;
    let phones: Vec<String> = sqlx::query_scalar("select phone from patient order by phone")
        .fetch_all(&mut database)
        .await
        .unwrap();
    assert_eq!(phones, ["+12125550142", "+17185550199"]);
}

#[tokio::test]
async fn a_message_without_calls_is_answered_with_no_results() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    for list in [json!([]), Value::Null] {
        let message = json!({"message": {"type": "tool-calls", "toolCallList": list}});
        assert_eq!(app.post(Some(&clinic.voice), &message).await, (StatusCode::OK, json!({"results": []})));
    }
    for kind in ["status-update", "hang", "end-of-call-report", "something-new"] {
        let message = json!({"message": {"type": kind}});
        assert_eq!(app.post(Some(&clinic.voice), &message).await, (StatusCode::OK, json!({})), "{kind}");
    }
}

#[tokio::test]
async fn what_cannot_be_made_out_is_refused_but_only_to_those_who_are_let_in() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let huge = format!("{{\"tool\": \"{}\"}}", "x".repeat(5 << 20));
    for body in [
        "",
        "{",
        "7",
        "\"x\"",
        "{}",
        "{\"message\": null}",
        "{\"message\": {\"type\": 7}}",
        "NaN",
        "\u{0}",
        &huge,
    ] {
        let (status, problem) = post_raw(&app, &clinic.voice, body.to_owned()).await;
        let shown = &body[..body.len().min(40)];
        let refused = if body == huge {
            (StatusCode::PAYLOAD_TOO_LARGE, "TOO_LARGE")
        } else {
            (StatusCode::BAD_REQUEST, "UNREADABLE")
        };
        assert_eq!((status, problem["reason"].as_str().unwrap()), refused, "{shown}");
        let (status, _) = post_raw(&app, "nonsense", body.to_owned()).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{shown}");
    }
}

#[tokio::test]
async fn who_is_not_let_in_gets_no_results() {
    let app = TestApp::start().await;
    let messages = [
        CALL.message(&[("tc-1", "book_appointment", book("2027-01-05T09:00"))]),
        CALL.message(&[("tc-1", "no_such_tool", json!({}))]),
        CALL.message(&[]),
        json!({"message": {"type": "hang"}}),
    ];
    for message in &messages {
        let (status, problem) = app.post(Some("nonsense"), message).await;
        assert_eq!(
            (status, &problem["code"]),
            (StatusCode::UNAUTHORIZED, &json!("UNAUTHORIZED")),
            "{message}"
        );
    }
    // However many calls a message has, the first refusal ends it: one row, or a few that were on their way.
    let many: Vec<(&str, &str, Value)> = (0..50).map(|_| ("tc", "check_availability", json!({}))).collect();
    let (status, _) = app.post(Some("nonsense"), &CALL.message(&many)).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert!(
        app.count("select count(*) from auth_failure").await <= i64::try_from(messages.len()).unwrap() + 8
    );
    let attempts = i64::try_from(messages.len()).unwrap();
    let few = app.count("select count(*) from auth_failure where action <> 'CheckSlot'").await;
    assert!(few >= attempts);
}

#[tokio::test]
async fn headers_and_ids_of_any_length_harm_nobody() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let send = async |token: &str, key: &str| {
        let request = app.http.post(format!("{}/api/vapi/tools", app.gateway)).bearer_auth(token);
        let body = json!({"tool": "check_availability", "params": {"time": "2027-01-05T09:00"}});
        request.header("idempotency-key", key).json(&body).send().await.unwrap().status()
    };
    for length in [9_000, 16_500, 100_000] {
        assert_eq!(send(&"a%".repeat(length / 2), "key").await, StatusCode::UNAUTHORIZED, "{length}");
        assert_eq!(send(&clinic.admin, &"k".repeat(length)).await, StatusCode::BAD_REQUEST, "{length}");
        // Nobody else has noticed.
        assert_eq!(send(&clinic.admin, "key").await, StatusCode::OK, "{length}");
    }
    let id = "☎".repeat(100_000);
    let strange = VapiCall { id: &id, number: "+17185550199" };
    let first = app.vapi(&clinic.voice, &strange, "book_appointment", book("2027-01-05T09:00")).await;
    let reissued = strange.message(&[(&id, "book_appointment", book("2027-01-05T09:00"))]);
    let (_, body) = app.post(Some(&clinic.voice), &reissued).await;
    assert_eq!(
        (&body["results"][0]["result"], &body["results"][0]["toolCallId"]),
        (&json!(first), &json!(id))
    );
}

#[tokio::test]
async fn a_direct_request_is_one_whatever_else_is_in_it() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    for (day, extra) in [(5, json!({"type": "x"})), (6, json!({"message": {"type": "x"}}))] {
        let mut body = direct_booking(&clinic, &format!("2027-01-0{day}T14:00:00Z"));
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let (status, answer) = app.post(Some(&clinic.admin), &body).await;
        assert_eq!((status, &answer["success"]), (StatusCode::OK, &json!(true)));
    }
}

#[tokio::test]
async fn vapis_own_header_carries_the_credential_too() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let send = async |headers: &[(&str, &str)]| {
        let body = direct_booking(&clinic, "2027-01-05T14:00:00Z");
        let mut request = app.http.post(format!("{}/api/vapi/tools", app.gateway)).json(&body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    };
    let response = send(&[("x-vapi-secret", &clinic.admin), ("authorization", "Bearer other")]).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(response.headers()["www-authenticate"], "Bearer");
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    assert_eq!(response.json::<Value>().await.unwrap()["request_id"], id);
    assert_eq!(send(&[("x-vapi-secret", &clinic.admin)]).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_header_cannot_pretend_to_be_the_telephone_network() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let made = made_for_dana(&app, &clinic).await;
    let strange = VapiCall { id: "call-2", number: "+12125550142" };
    let message = strange.message(&[("tc-1", "cancel_appointment", json!({"appointment_id": made}))]);
    let request = app.http.post(format!("{}/api/vapi/tools", app.gateway)).bearer_auth(&clinic.voice);
    let request = request.header("x-caller-number", "+17185550199").header("x-call-id", "call-1");
    let body: Value = request.json(&message).send().await.unwrap().json().await.unwrap();
    let said = body["results"][0]["result"].as_str().unwrap();
    assert!(said.starts_with("I cannot find that appointment"), "{said}");
}

async fn made_for_dana(app: &TestApp, clinic: &Clinic) -> String {
    let mut booking = direct_booking(clinic, "2027-01-05T14:00:00Z");
    booking["params"]["patient_phone"] = "+17185550199".into();
    let (_, body) = app.post(Some(&clinic.admin), &booking).await;
    body["appointment_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_stranger_finds_no_other_routes() {
    let app = TestApp::start().await;
    for path in ["/", "/api", "/api/vapi/tools/x/y"] {
        let response = app.http.get(format!("{}{path}", app.gateway)).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        assert_eq!(response.json::<Value>().await.unwrap()["reason"], "NO_SUCH_ROUTE");
    }
    for path in ["/api/vapi/webhook", "/api/vapi/tools/book_appointment"] {
        let response = app.http.get(format!("{}{path}", app.gateway)).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
        assert_eq!(response.json::<Value>().await.unwrap()["reason"], "WRONG_METHOD");
    }
    for path in ["/livez", "/readyz"] {
        let response = app.http.get(format!("{}{path}", app.service_http)).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn a_list_without_end_is_refused_at_once_and_to_strangers_without_a_look() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let list = vec!["{}"; 500_000].join(",");
    let body =
        format!(r#"{{"message":{{"type":"tool-calls","toolCallList":[{list}],"toolCalls":[{list}]}}}}"#);
    let (status, problem) = post_raw(&app, &clinic.voice, body.clone()).await;
    assert_eq!((status, &problem["reason"]), (StatusCode::BAD_REQUEST, &json!("UNREADABLE")));
    let (status, _) = post_raw(&app, "nobody", body).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    for (token, status) in [(clinic.voice.as_str(), "408"), ("nobody", "401")] {
        let mut stream =
            tokio::net::TcpStream::connect(app.gateway.trim_start_matches("http://")).await.unwrap();
        let head = format!(
            "POST /api/vapi/tools HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Length: 100\r\n\r\n{{"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = vec![0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(String::from_utf8(answer).unwrap(), format!("HTTP/1.1 {status}"));
    }
}

#[tokio::test]
async fn a_tools_name_that_is_no_text_is_refused_like_any_other() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    for (token, status) in
        [(clinic.voice.as_str(), StatusCode::BAD_REQUEST), ("nobody", StatusCode::UNAUTHORIZED)]
    {
        let url = format!("{}/api/vapi/tools/%ff", app.gateway);
        let response = app.http.post(url).bearer_auth(token).body("{}").send().await.unwrap();
        assert_eq!(response.status(), status);
        assert_eq!(response.json::<Value>().await.unwrap()["status"], status.as_u16());
    }
}

#[tokio::test]
async fn outside_of_a_call_the_same_tool_call_books_once_too() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let message = json!({"message": {"type": "tool-calls", "toolCallList": [
        {"id": "call_1", "name": "book_appointment", "arguments": book("2027-01-05T09:00")},
    ]}});
    let first = app.post(Some(&clinic.voice), &message).await;
    assert!(first.1["results"][0]["result"].as_str().unwrap().starts_with("Booked: "), "{first:?}");
    assert_eq!(app.post(Some(&clinic.voice), &message).await, first);
}

#[tokio::test]
async fn arguments_that_contradict_each_other_are_told_and_not_guessed() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let code = json!({"clinic_id": clinic.id, "confirmation_code": "KKKKKK"});
    let days = json!({"date": "2027-02-01", "time": "2027-02-05T14:00", "patient_name": "Dana"});
    for (tool, arguments, said) in [
        ("find_appointments", code, "clinic_id is not needed with a confirmation_code"),
        ("check_availability", days.clone(), "date is another day than that of appointment_time"),
        ("book_appointment", days, "date is another day than that of appointment_time"),
        ("check_availability", json!({}), "date or appointment_time is required"),
    ] {
        let answer = app.vapi(&clinic.voice, &CALL, tool, arguments).await;
        assert!(answer.contains(said), "{tool}: {answer}");
    }
}
