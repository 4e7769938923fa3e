//! Embedding by a server that speaks as `OpenAI`'s does: a real one over HTTP, which stands in for it.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    Json, Router, extract::State, http::HeaderMap, http::StatusCode, response::IntoResponse as _,
    response::Response, routing::post,
};
use booking_service::{app::App, config::KnowledgeSettings, embedding::Embedding, indexing};
use jiff::SignedDuration;
use proto::booking::v1::{self as pb, DocumentState, KnowledgeRanking};
use serde_json::{Value, json};
use sqlx::Executor as _;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::harness::{
    TestApp,
    knowledge::{Library, patient, with_settings},
    with_token,
};

/// A server with two models, of 8 and of 16 dimensions.
#[derive(Clone)]
struct Server {
    url: String,
    shared: Arc<Shared>,
}

struct Shared {
    /// What the next answers are, before it works again.
    mishaps: Mutex<Vec<StatusCode>>,
    /// Requests, and texts in them.
    requests: AtomicUsize,
    texts: AtomicUsize,
    largest: AtomicUsize,
    /// The model `new` waits while this is so.
    held: watch::Sender<bool>,
}

impl Server {
    async fn start() -> Self {
        let shared = Arc::new(Shared {
            mishaps: Mutex::default(),
            requests: AtomicUsize::new(0),
            texts: AtomicUsize::new(0),
            largest: AtomicUsize::new(0),
            held: watch::channel(false).0,
        });
        let router = Router::new().route("/v1/embeddings", post(embed)).with_state(shared.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, shared }
    }

    fn settings(&self, models: &[&str]) -> KnowledgeSettings {
        KnowledgeSettings {
            embed_url: self.url.parse().unwrap(),
            embed_models: models.join(",").parse().unwrap(),
            embed_key: Some("sk-test".to_owned().into()),
            ..patient()
        }
    }

    fn fails_with(&self, mishaps: &[StatusCode]) {
        *self.shared.mishaps.lock().unwrap() = mishaps.iter().rev().copied().collect();
    }
}

async fn embed(State(shared): State<Arc<Shared>>, headers: HeaderMap, Json(asked): Json<Value>) -> Response {
    assert_eq!(headers["authorization"], "Bearer sk-test");
    assert_eq!(asked["encoding_format"], "float");
    shared.requests.fetch_add(1, Ordering::SeqCst);
    let mishap = shared.mishaps.lock().unwrap().pop();
    if let Some(status) = mishap {
        return (status, [("retry-after", "0")], "no").into_response();
    }
    let new = asked["model"] == "new";
    if new {
        let mut held = shared.held.subscribe();
        held.wait_for(|held| !held).await.unwrap();
    }
    let texts = asked["input"].as_array().unwrap();
    shared.texts.fetch_add(texts.len(), Ordering::SeqCst);
    shared.largest.fetch_max(texts.len(), Ordering::SeqCst);
    let vector = |text: &Value| {
        let mut vector = vec![0.01_f32; if new { 16 } else { 8 }];
        for word in text.as_str().unwrap().to_lowercase().split(|c: char| !c.is_alphanumeric()) {
            let place =
                word.bytes().fold(7_usize, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into()));
            let length = vector.len();
            vector[place % length] += 1.0;
        }
        vector
    };
    // Out of order, as the protocol allows.
    let data: Vec<Value> = texts
        .iter()
        .enumerate()
        .rev()
        .map(|(index, text)| json!({ "index": index, "embedding": vector(text) }))
        .collect();
    Json(json!({ "data": data })).into_response()
}

/// An indexer of its own, with these settings.
fn indexer(app: &TestApp, settings: &KnowledgeSettings) -> (App, tokio::task::JoinHandle<()>) {
    let embedding = Embedding::new(&KnowledgeSettings { knowledge_workers: 1, ..settings.clone() }).unwrap();
    let app = App { embedding, ..app.app.clone() };
    (app.clone(), tokio::spawn(indexing::run(app, CancellationToken::new())))
}

async fn library(settings: KnowledgeSettings) -> Library {
    let app = with_settings(KnowledgeSettings { knowledge_workers: 1, ..settings }).await;
    Library { clinic: app.clinic().await, app }
}

fn many_sections(count: usize) -> String {
    let topic =
        |n: usize| format!("## Topic {n}\n\nThe parking for visitors of topic {n} is on level {n}.\n\n");
    (0..count).map(topic).collect::<Vec<_>>().concat()
}

#[tokio::test]
async fn a_server_embeds_in_batches_and_is_asked_again_when_it_is_busy() {
    let server = Server::start().await;
    let library = library(server.settings(&["old@8"])).await;
    server.fails_with(&[StatusCode::TOO_MANY_REQUESTS, StatusCode::BAD_GATEWAY]);
    let document = library.put(&library.clinic, "topics", &many_sections(40)).await;
    assert_eq!((document.state(), document.passages_found), (DocumentState::Ready, 40));
    assert_eq!(server.shared.texts.load(Ordering::SeqCst), 40, "each passage once");
    let (requests, largest) =
        (server.shared.requests.load(Ordering::SeqCst), server.shared.largest.load(Ordering::SeqCst));
    assert!(requests <= 6 && largest > 1, "{requests} requests, at most {largest} texts");
    let found = library.ask("Where is the parking of topic 7?").await;
    assert_eq!(found.ranking(), KnowledgeRanking::Hybrid);
    // The same question again costs no request.
    let before = server.shared.requests.load(Ordering::SeqCst);
    library.ask("Where is the parking of topic 7?").await;
    assert_eq!(server.shared.requests.load(Ordering::SeqCst), before);
    assert_eq!(library.app.count("select count(*) from passage_vector where model = 'old@8'").await, 40);
}

#[tokio::test]
async fn while_the_server_is_away_documents_wait_and_questions_are_answered_by_words() {
    let server = Server::start().await;
    let library = library(server.settings(&["old@8"])).await;
    library
        .put(
            &library.clinic,
            "parking",
            "# Parking\n\nThere is a car park with six spaces behind the building.\n",
        )
        .await;
    server.fails_with(&[StatusCode::SERVICE_UNAVAILABLE; 1000]);
    let message = pb::PutDocumentRequest {
        source_id: "paying".into(),
        title: "Paying".into(),
        content: Some(pb::put_document_request::Content::PlainText("We take cash and cards.".into())),
        ..Default::default()
    };
    library.app.knowledge().put_document(with_token(&library.clinic.admin, message)).await.unwrap();
    library.app.eventually("select exists (select from document where failures > 0)").await;
    let waiting = library.document(&library.clinic, "paying").await;
    assert_eq!((waiting.state(), waiting.passages_found), (DocumentState::Preparing, 0));
    assert!(waiting.trouble.contains("does not answer"), "{waiting:?}");
    let found = library.ask("Is there a car park behind your building?").await;
    assert_eq!(found.ranking(), KnowledgeRanking::Words);
    assert!(found.passages[0].text.contains("six spaces"));
    // It comes back, and after a while so do we.
    server.fails_with(&[]);
    library.app.app.clock.advance(SignedDuration::from_mins(10));
    let mut superuser = library.app.database.superuser().await;
    superuser.execute("update knowledge set due_at = now()").await.unwrap();
    library.app.eventually("select not exists (select from document where state <> 'ready')").await;
    assert_eq!(
        library.ask("Is there a car park behind your building?").await.ranking(),
        KnowledgeRanking::Hybrid
    );
}

#[tokio::test]
async fn vectors_of_another_dimension_are_never_stored() {
    let server = Server::start().await;
    let library = library(server.settings(&["old@9"])).await;
    let message = pb::PutDocumentRequest {
        source_id: "paying".into(),
        title: "Paying".into(),
        content: Some(pb::put_document_request::Content::PlainText("We take cash and cards.".into())),
        ..Default::default()
    };
    library.app.knowledge().put_document(with_token(&library.clinic.admin, message)).await.unwrap();
    library.app.eventually("select exists (select from document where failures > 0)").await;
    assert_eq!(library.app.count("select count(*) from document_draft where vector is not null").await, 0);
    assert_eq!(library.app.count("select count(*) from passage_vector").await, 0);
}

#[tokio::test]
async fn another_model_embeds_anew_while_the_old_vectors_serve() {
    let server = Server::start().await;
    let library = library(server.settings(&["old@8"])).await;
    library.put(&library.clinic, "topics", &many_sections(20)).await;
    server.shared.held.send_replace(true);
    let (app, indexer) = indexer(&library.app, &server.settings(&["new@16", "old@8"]));
    let searched = async || {
        let caller = booking_service::caller::Caller::system(library.clinic.org);
        booking_service::ops::search_knowledge::features(&app, &caller, "Where is the parking of topic 7?")
            .await
            .unwrap()
    };
    let before = searched().await;
    assert!(
        before.iter().all(|(_, features)| features.similarity != 0.0),
        "the old vectors are compared with the old model's"
    );
    assert_eq!(library.app.count("select count(*) from passage_vector where model = 'new@16'").await, 0);
    server.shared.held.send_replace(false);
    library.app.eventually("select model = 'new@16' from knowledge").await;
    assert_eq!(library.app.count("select count(*) from passage_vector where model = 'new@16'").await, 20);
    assert_eq!(library.app.count("select count(*) from passage_vector where model <> 'new@16'").await, 0);
    assert!(searched().await.iter().all(|(_, features)| features.similarity != 0.0));
    indexer.abort();
}
