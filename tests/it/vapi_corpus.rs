//! Every body of `tests/corpus`, posted to the gateway at the moment it was written for.

use std::{fs, path::Path};

use jiff::Timestamp;
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::harness::{TestApp, fixtures::VapiCall};

#[derive(Debug, Deserialize)]
struct Entry {
    file: String,
    class: String,
    route: String,
    status: u16,
    calls: Vec<Expected>,
}

#[derive(Debug, Deserialize)]
struct Expected {
    id: Option<String>,
    tool: Option<String>,
    outcome: String,
    /// What it waits for; it is refused until then.
    #[serde(default)]
    later: Option<String>,
}

fn corpus() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/corpus"))
}

fn index() -> Vec<Entry> {
    serde_json::from_slice(&fs::read(corpus().join("index.json")).unwrap()).unwrap()
}

/// Moves the clock to the moment of the corpus, and gives a voice agent's token that is good then.
async fn at_the_moment(app: &TestApp) -> String {
    let moment: Timestamp = "2026-09-15T18:30:00Z".parse().unwrap();
    app.app.clock.advance(moment.duration_since(app.app.clock.now()));
    app.clinic().await.voice
}

async fn post(app: &TestApp, token: &str, path: &str, file: &str) -> (u16, Value) {
    let body = fs::read(corpus().join(file)).unwrap();
    let request = app.http.post(format!("{}{path}", app.gateway)).bearer_auth(token).body(body);
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    (status, response.json().await.unwrap_or_else(|error| panic!("{file}: {error}")))
}

/// A sentence of the tool itself, and none of a refusal to call it.
fn was_dispatched(said: &str) -> bool {
    ["Free", "I find no free time", "Not available", "Booked: ", "That time has passed", "Cancelled: "]
        .iter()
        .any(|beginning| said.starts_with(beginning))
}

fn check_sentence(file: &str, expected: &Expected, said: &str) {
    assert!(
        !said.is_empty() && !said.contains(|c: char| c.is_control() || "\u{2028}\u{2029}".contains(c)),
        "{file}: {said:?}"
    );
    // A name with control characters is cleaned.
    let dispatched = matches!(expected.outcome.as_str(), "dispatch" | "cleaned") && expected.later.is_none();
    assert_eq!(was_dispatched(said), dispatched, "{file}: {said}");
}

fn check_results(file: &str, expected: &[Expected], answer: &Value) {
    let results = answer["results"].as_array().unwrap_or_else(|| panic!("{file}: {answer}"));
    let ids: Vec<&str> = results.iter().map(|result| result["toolCallId"].as_str().unwrap()).collect();
    let expected_ids: Vec<&str> =
        expected.iter().map(|call| call.id.as_deref().unwrap_or_default()).collect();
    assert_eq!(ids, expected_ids, "{file}");
    for (result, expected) in results.iter().zip(expected) {
        assert_eq!(result.as_object().unwrap().len(), 3, "{file}: {result}");
        let name = result["name"].as_str().unwrap();
        assert!(
            !name.is_empty() && name.chars().count() <= 128 && !name.contains(char::is_control),
            "{file}: {name:?}"
        );
        if let Some(tool) = expected.tool.as_ref().filter(|tool| !tool.starts_with('<')) {
            assert_eq!(name, tool, "{file}");
        }
        check_sentence(file, expected, result["result"].as_str().unwrap());
    }
}

#[tokio::test]
async fn every_body_of_the_corpus_gets_its_answer_at_both_routes() {
    for route in ["/api/vapi/tools", "/api/vapi/webhook"] {
        let app = TestApp::start().await;
        let voice = at_the_moment(&app).await;
        // What is about the meaning of arguments is tested with the tools.
        for entry in index().iter().filter(|entry| entry.route == "vapi" && entry.class != "semantic") {
            let Entry { file, class, status: expected_status, calls, .. } = entry;
            let (status, answer) = post(&app, &voice, route, file).await;
            assert_eq!(status, *expected_status, "{file}: {answer}");
            match class.as_str() {
                "reject" => assert_eq!(answer["reason"], "UNREADABLE", "{file}"),
                _ if file.contains("knowledge-base-request") => {
                    assert_eq!(answer, json!({ "documents": [] }), "{file}");
                }
                "ack" | "respond" => assert_eq!(answer, json!({}), "{file}"),
                _ if file.starts_with("legacy-") => {
                    assert_eq!(answer.as_object().unwrap().len(), 1, "{file}: {answer}");
                    check_sentence(file, &calls[0], answer["result"].as_str().unwrap());
                }
                _ => check_results(file, calls, &answer),
            }
        }
        // Many bodies ask for the same time, for several patients.
        assert_eq!(app.count("select count(*) from appointment").await, 1, "one slot, one appointment");
    }
}

#[tokio::test]
async fn what_a_body_means_is_refused_with_a_sentence_that_helps() {
    let app = TestApp::start().await;
    let voice = at_the_moment(&app).await;
    let says = |file: &str| match file {
        "semantic-date-hallucinated-past-year.json" => "Today is Tuesday, September 15, 2026",
        "semantic-date-impossible.json" => "is not a local date and time",
        // An offset is believed, and the answer says the clinic's own time, so that the caller can object.
        "semantic-date-utc-z-meant-local.json" => "at 6 AM",
        "semantic-date-us-format.json" => "is not a date like 2027-01-05",
        // `party_size` is no argument of ours.
        "semantic-number-words.json" => "at 10 AM",
        "semantic-missing-required.json" => "patient_name is required",
        "semantic-empty-object-for-tool-with-required.json" => {
            "appointment_time is required; patient_name is required"
        }
        "semantic-llm-claims-tenant-and-caller.json" => "I can only act for this clinic",
        other => panic!("{other} is new"),
    };
    for entry in index().iter().filter(|entry| entry.class == "semantic") {
        let (status, answer) = post(&app, &voice, "/api/vapi/tools", &entry.file).await;
        assert_eq!(status, entry.status, "{}", entry.file);
        let said = answer["results"][0]["result"].as_str().unwrap();
        assert!(said.contains(says(&entry.file)), "{}: {said}", entry.file);
    }
}

#[tokio::test]
async fn bare_arguments_are_answered_with_an_http_status_of_their_own() {
    let app = TestApp::start().await;
    let voice = at_the_moment(&app).await;
    let tool = |tool: &str| format!("/api/vapi/tools/{tool}");
    let (status, booked) =
        post(&app, &voice, &tool("book_appointment"), "bare-apirequest-arguments-only.json").await;
    assert_eq!((status, &booked["success"]), (200, &json!(true)), "{booked}");
    assert_eq!(booked["appointment"]["patient_name"], "Dana Whitfield");
    let (status, none) =
        post(&app, &voice, &tool("findAppointments"), "bare-apirequest-empty-object.json").await;
    assert_eq!((status, &none["reason"]), (403, &json!("CALLER_NOT_IDENTIFIED")), "{none}");
    let (status, refused) =
        post(&app, &voice, &tool("book_appointment"), "bare-apirequest-encrypted-nested-path.json").await;
    assert_eq!((status, &refused["reason"]), (400, &json!("ARGUMENTS_ENCRYPTED")), "{refused}");
}

#[tokio::test]
async fn a_bare_call_that_is_sent_again_books_once_if_it_says_which_call_it_is() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let url = format!("{}/api/vapi/tools/book_appointment", app.gateway);
    let send = |arguments: Value| {
        let request = app.http.post(&url).bearer_auth(&clinic.admin).json(&arguments);
        async move {
            let response = request.send().await.unwrap();
            (response.status(), response.json::<Value>().await.unwrap())
        }
    };
    let arguments =
        json!({"patient_name": "Dana", "date": "2027-01-05", "time": "14:00", "call_id": "call-7"});
    let (first, again) = (send(arguments.clone()).await, send(arguments.clone()).await);
    assert_eq!((first.0, again.0), (StatusCode::OK, StatusCode::OK));
    assert_eq!(first.1["appointment_id"], again.1["appointment_id"]);
    let (status, _) = send(json!({"patient_name": "Dana", "date": "2027-01-05", "time": "14:00"})).await;
    assert_eq!(status, StatusCode::CONFLICT);
    for (body, status) in [("", 400), ("[]", 400), ("{", 400), ("{}", 400)] {
        let response = app.http.post(&url).bearer_auth(&clinic.admin).body(body).send().await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{body}");
        let response = app.http.post(&url).bearer_auth("nobody").body(body).send().await.unwrap();
        assert_eq!(response.status().as_u16(), 401, "{body}");
    }
    let unknown = format!("{}/api/vapi/tools/drop_table", app.gateway);
    let response = app.http.post(unknown).bearer_auth(&clinic.admin).body("{}").send().await.unwrap();
    let (status, problem) = (response.status(), response.json::<Value>().await.unwrap());
    assert_eq!((status, &problem["reason"]), (StatusCode::BAD_REQUEST, &json!("UNKNOWN_TOOL")));
}

#[tokio::test]
async fn the_tools_are_told_ready_to_be_created() {
    let app = TestApp::start().await;
    let url = format!("{}/api/vapi/tools", app.gateway);
    let tools: Vec<Value> = app.http.get(&url).send().await.unwrap().json().await.unwrap();
    let names: Vec<&str> = tools.iter().map(|tool| tool["function"]["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "check_availability",
            "hold_slot",
            "book_appointment",
            "find_appointments",
            "reschedule_appointment",
            "cancel_appointment",
            "lookup_patient",
            "describe_clinic",
            "query_knowledge_base"
        ]
    );
    assert!(tools.iter().all(|tool| tool["server"]["url"] == url.as_str() && tool["type"] == "function"));
}

#[tokio::test]
async fn an_older_assistants_function_call_is_answered_in_its_own_form() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let message = |arguments: Value| {
        json!({"message": {"type": "function-call", "call": {"id": "call-1", "customer": {"number": "+17185550199"}},
            "functionCall": {"name": "bookAppointment", "parameters": arguments}}})
    };
    let book = json!({"name": "Dana Whitfield", "time": "2027-01-05T14:00"});
    let (status, first) = app.post(Some(&clinic.voice), &message(book.clone())).await;
    assert_eq!(status, StatusCode::OK);
    assert!(first["result"].as_str().unwrap().starts_with("Booked: Dana Whitfield"), "{first}");
    let (_, again) = app.post(Some(&clinic.voice), &message(book)).await;
    assert_eq!(first, again);
    assert_eq!(app.count("select count(*) from appointment").await, 1);
    let (status, _) = app.post(None, &message(json!({}))).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let call = VapiCall { id: "call-1", number: "+17185550199" };
    let found = app.vapi(&clinic.voice, &call, "find_appointments", json!({})).await;
    assert_eq!(found, "There is one appointment: Tuesday, January 5, 2027 at 2 PM with Dr. Ana Reyes.");
}
