//! What a clinic's documents answer in a telephone call: as a tool, and as documents for the platform's model.

use proto::booking::v1 as pb;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::{TestApp, fixtures::VapiCall, knowledge::Library};

const CALL: VapiCall<'_> = VapiCall { id: "call-1", number: "+17185550199" };

async fn post(app: &TestApp, path: &str, credential: &str, body: &Value) -> (StatusCode, Value) {
    let answer = app
        .http
        .post(format!("{}{path}", app.gateway))
        .bearer_auth(credential)
        .json(body)
        .send()
        .await
        .unwrap();
    (answer.status(), answer.json().await.unwrap())
}

/// What the assistant hears from the tool.
async fn heard(library: &Library, question: &str) -> String {
    let message = CALL.message(&[("c1", "query_knowledge_base", json!({ "question": question }))]);
    let (status, answer) = post(&library.app, "/api/vapi/tools", &library.clinic.voice, &message).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    answer["results"][0]["result"].as_str().unwrap().to_owned()
}

fn turns(turns: &[(&str, &str)]) -> Value {
    let turns: Vec<Value> =
        turns.iter().map(|(role, said)| json!({ "role": role, "content": said })).collect();
    json!({ "message": { "type": "knowledge-base-request", "messagesOpenAIFormatted": turns, "call": { "id": "call-1" } } })
}

#[tokio::test]
async fn case_3_5_passages_reach_the_assistant_as_a_tools_result_and_as_documents() {
    let Some(library) = Library::open().await else { return };
    let said = heard(&library, "Where can I leave my car?").await;
    assert!(
        said.contains("six spaces for patients") && said.contains("(From: Visiting us, Parking.)"),
        "{said}"
    );
    assert!(!said.contains('\n'));
    let asked = turns(&[("assistant", "Hello?"), ("user", "Where can I leave my car?")]);
    let (status, answer) = post(&library.app, "/api/vapi/webhook", &library.clinic.voice, &asked).await;
    assert_eq!(status, StatusCode::OK);
    let best = &answer["documents"][0];
    assert!(best["content"].as_str().unwrap().contains("six spaces for patients"), "{answer}");
    assert!((0.5..=1.0).contains(&best["similarity"].as_f64().unwrap()));
    assert!(best["uuid"].as_str().unwrap().parse::<uuid::Uuid>().is_ok());
}

#[tokio::test]
async fn what_is_not_said_is_never_guessed() {
    let Some(library) = Library::open().await else { return };
    let said = heard(&library, "Do you sell electric toothbrushes?").await;
    assert!(said.starts_with("The clinic's information does not say"), "{said}");
    let asked = turns(&[("user", "Do you sell electric toothbrushes?")]);
    let (_, answer) = post(&library.app, "/api/vapi/webhook", &library.clinic.voice, &asked).await;
    assert_eq!(answer, json!({ "documents": [] }));
}

#[tokio::test]
async fn a_turn_that_leans_on_the_one_before_is_understood_with_it() {
    let Some(library) = Library::open().await else { return };
    let asked = turns(&[
        ("user", "How much is teeth whitening with you?"),
        ("assistant", "In-office whitening costs 450 dollars."),
        ("user", "and home trays?"),
    ]);
    let (_, answer) = post(&library.app, "/api/vapi/webhook", &library.clinic.voice, &asked).await;
    assert!(
        answer["documents"][0]["content"].as_str().unwrap().contains("Home trays cost 280 dollars"),
        "{answer}"
    );
}

#[tokio::test]
async fn danger_is_answered_with_the_clinics_sentence_and_nothing_else() {
    let Some(library) = Library::open().await else { return };
    let said = heard(&library, "my husband has chest pain").await;
    assert!(said.contains("emergency number"), "{said}");
    let (_, answer) = post(
        &library.app,
        "/api/vapi/webhook",
        &library.clinic.voice,
        &turns(&[("user", "my husband has chest pain")]),
    )
    .await;
    assert_eq!(answer["message"]["type"], "custom-message");
    assert!(answer["message"]["content"].as_str().unwrap().contains("emergency number"), "{answer}");
    assert!(answer.get("documents").is_none());
}

#[tokio::test]
async fn the_bookable_service_goes_with_the_answer() {
    let Some(library) = Library::empty().await else { return };
    let service = library.app.service(&library.clinic, "Whitening", 90).await;
    let message = pb::PutDocumentRequest {
        source_id: "whitening".into(),
        title: "Whitening".into(),
        service_id: service.id.clone(),
        content: Some(pb::put_document_request::Content::Markdown(
            "In-office whitening takes ninety minutes and costs 450 dollars.".into(),
        )),
        ..Default::default()
    };
    library.put_message(&library.clinic, message).await;
    let said = heard(&library, "How much is teeth whitening?").await;
    assert!(said.contains("Whitening can be booked") && said.contains(&service.id), "{said}");
    let direct =
        json!({ "tool": "query_knowledge_base", "params": { "query": "How much is teeth whitening?" } });
    let (status, answer) = post(&library.app, "/api/vapi/tools", &library.clinic.admin, &direct).await;
    assert_eq!(
        (status, &answer["success"], &answer["outcome"]),
        (StatusCode::OK, &json!(true), &json!("answered")),
        "{answer}"
    );
    assert_eq!(answer["passages"][0]["service_id"], json!(service.id));
}

#[tokio::test]
async fn whoever_is_not_let_in_gets_no_documents_and_an_empty_question_is_told_of() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    for body in [turns(&[("user", "Where can I park?")]), turns(&[])] {
        let (status, answer) = post(&app, "/api/vapi/webhook", "nonsense", &body).await;
        assert_eq!((status, answer.get("documents")), (StatusCode::UNAUTHORIZED, None), "{answer}");
        let (status, answer) = post(&app, "/api/vapi/webhook", &clinic.voice, &body).await;
        assert_eq!((status, answer), (StatusCode::OK, json!({ "documents": [] })));
    }
    let message = CALL.message(&[("c1", "query_knowledge_base", json!({}))]);
    let (_, answer) = post(&app, "/api/vapi/tools", &clinic.voice, &message).await;
    let said = answer["results"][0]["result"].as_str().unwrap();
    assert!(said.contains("question is required"), "{said}");
}
