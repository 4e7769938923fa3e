//! Putting documents, and what becomes of them, over gRPC.

use std::path::Path;

use booking_service::{app::App, config::KnowledgeSettings, db::preparing, embedding::Embedding, indexing};
use proto::booking::v1::{self as pb, DocumentState, KnowledgeOutcome, put_document_request::Content};
use sqlx::Executor as _;
use tokio_util::sync::CancellationToken;
use tonic_types::StatusExt as _;

use crate::harness::{
    TestApp,
    knowledge::{Library, model, patient, pdf, settings, texts, with_settings},
    with_token,
};

const PARKING: &str = "# Parking\n\nThere is a car park behind the building with six spaces for patients.\n";

#[tokio::test]
async fn a_document_is_put_once_replaced_whole_and_deleted_to_its_last_word() {
    let Some(library) = Library::empty().await else { return };
    let clinic = &library.clinic;
    let first = library.put(clinic, "parking", PARKING).await;
    assert_eq!(
        (first.state(), first.version, first.passages_found, first.passages_total),
        (DocumentState::Ready, 1, 1, 1)
    );
    let again = library.put(clinic, "parking", PARKING).await;
    assert_eq!(again, first, "nothing is done twice");
    let replaced =
        library.put(clinic, "parking", "# Parking\n\nPatients park in the zeppelin hangar.\n").await;
    assert_eq!((replaced.id.as_str(), replaced.version), (first.id.as_str(), 2));
    let found = library.ask("Where can I park?").await;
    assert_eq!(texts(&found), ["Patients park in the zeppelin hangar."]);
    let list = |category: &str| pb::ListDocumentsRequest { category: category.into(), ..Default::default() };
    let listed = library
        .app
        .knowledge()
        .list_documents(with_token(&clinic.admin, list("")))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(listed.documents, [replaced]);
    let none = library
        .app
        .knowledge()
        .list_documents(with_token(&clinic.admin, list("prices")))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(none.documents, []);
    let delete = pb::DeleteDocumentRequest { document_id: first.id.clone() };
    library.app.knowledge().delete_document(with_token(&clinic.admin, delete)).await.unwrap();
    assert_eq!(library.ask("Where can I park?").await.outcome(), KnowledgeOutcome::NotSaid);
    for left in [
        "select count(*) from document",
        "select count(*) from document_draft",
        "select count(*) from passage",
        "select count(*) from passage_term",
        "select count(*) from passage_vector",
        "select count(*) from word_variant",
    ] {
        assert_eq!(library.app.count(left).await, 0, "{left}");
    }
}

#[tokio::test]
async fn every_format_is_read_and_what_cannot_be_is_said_so() {
    let Some(library) = Library::empty().await else { return };
    let clinic = &library.clinic;
    let text = "Parking\n\nThere is a car park behind the building with six spaces.";
    let html =
        "<h1>Visit</h1><h2>Parking</h2><p>There is a car park behind the building with six spaces.</p>";
    for (source, content) in [
        ("plain", Content::PlainText(text.into())),
        ("html", Content::Html(html.into())),
        ("pdf", Content::Pdf(pdf(&[text.to_owned()]))),
    ] {
        let document = library.put_content(clinic, source, content).await;
        assert_eq!(document.state(), DocumentState::Ready, "{source}: {}", document.trouble);
        let found = library.ask("Where can I park my car?").await;
        assert!(texts(&found).iter().any(|text| text.contains("six spaces")), "{source}: {found:?}");
        library
            .app
            .knowledge()
            .delete_document(with_token(
                &clinic.admin,
                pb::DeleteDocumentRequest { document_id: document.id },
            ))
            .await
            .unwrap();
    }
    for (source, content) in [
        ("no-pdf", Content::Pdf(b"%PDF-1.7 and then nothing of the kind".to_vec())),
        ("no-text", Content::Markdown("# Only a title".into())),
    ] {
        let document = library.put_content(clinic, source, content).await;
        assert_eq!(document.state(), DocumentState::Failed, "{source}");
        assert!(!document.trouble.is_empty(), "{source}");
    }
    // One that cannot be read takes nothing away.
    library.put(clinic, "parking", PARKING).await;
    let broken = library.put_content(clinic, "parking", Content::Pdf(b"%PDF-1.7".to_vec())).await;
    assert_eq!((broken.state(), broken.passages_found), (DocumentState::Failed, 1));
    assert!(!library.ask("Where can I park?").await.passages.is_empty());
}

#[tokio::test]
async fn all_that_is_wrong_with_a_document_or_a_question_is_told_at_once() {
    let app = TestApp::start().await;
    let clinic = app.clinic().await;
    let wrong = pb::PutDocumentRequest {
        clinic_id: "x".into(),
        language: "english".into(),
        service_id: "y".into(),
        ..Default::default()
    };
    let status = app.knowledge().put_document(with_token(&clinic.admin, wrong)).await.unwrap_err();
    let fields: Vec<String> =
        status.get_details_bad_request().unwrap().field_violations.into_iter().map(|v| v.field).collect();
    assert_eq!(fields, ["source_id", "title", "language", "clinic_id", "service_id", "content"]);
    let large = pb::PutDocumentRequest {
        source_id: "s".into(),
        title: "t".into(),
        content: Some(Content::Markdown("x".repeat((8 << 20) + 1))),
        ..Default::default()
    };
    let status = app.knowledge().put_document(with_token(&clinic.admin, large)).await.unwrap_err();
    assert!(status.message().contains("larger than 8 MiB"), "{status}");
    let wrong = pb::SearchKnowledgeRequest {
        question: " ?! ".into(),
        limit: 11,
        token_budget: 1,
        ..Default::default()
    };
    let status = app.knowledge().search_knowledge(with_token(&clinic.admin, wrong)).await.unwrap_err();
    let fields: Vec<String> =
        status.get_details_bad_request().unwrap().field_violations.into_iter().map(|v| v.field).collect();
    assert_eq!(fields, ["question", "limit", "token_budget"]);
    // Without any document, and without a model, an answer is none.
    let request = pb::SearchKnowledgeRequest { question: "Where can I park?".into(), ..Default::default() };
    let found =
        app.knowledge().search_knowledge(with_token(&clinic.voice, request)).await.unwrap().into_inner();
    assert_eq!(found.outcome(), KnowledgeOutcome::NotSaid);
}

#[tokio::test]
async fn what_is_put_at_once_by_many_is_one_document() {
    let Some(library) = Library::empty().await else { return };
    let putting = (0..12).map(|n| {
        library.put(
            &library.clinic,
            "parking",
            if n % 2 == 0 { PARKING } else { "# Parking\n\nThere is none.\n" },
        )
    });
    let put = futures::future::join_all(putting).await;
    assert!(put.iter().all(|document| document.id == put[0].id));
    assert_eq!(library.app.count("select count(*) from document").await, 1);
    assert_eq!(library.app.count("select count(*) from passage").await, 1);
    assert_eq!(library.app.count("select count(*) from document_draft").await, 0);
}

#[tokio::test]
async fn what_is_made_to_break_the_reader_breaks_nothing_and_holds_up_nobody() {
    let Some(library) = Library::empty().await else { return };
    let nested =
        |depth: usize| format!("<html><body>{}hello{}", "<div>".repeat(depth), "</div>".repeat(depth));
    for (source, content) in [
        ("deep", Content::Html(nested(4_000))),
        ("deeper", Content::Html(nested(100_000))),
        ("word", Content::PlainText("q7".repeat(30_000))),
        ("letters", Content::PlainText("x".repeat(200_000))),
        (
            "heading",
            Content::Markdown(format!(
                "## {}\n\nPatients park behind the house.",
                "quokka feeding ".repeat(5_000)
            )),
        ),
        ("quotes", Content::Markdown(format!("{}hello", "> ".repeat(1_000)))),
    ] {
        let document = library.put_content(&library.clinic, source, content).await;
        let expected = if source.starts_with("deep") { DocumentState::Failed } else { DocumentState::Ready };
        assert_eq!(document.state(), expected, "{source}: {}", document.trouble);
    }
    let found = library.ask("Is there quokka feeding?").await;
    assert!(found.passages.iter().all(|passage| passage.heading.chars().count() <= 160), "{found:?}");
    library.put(&library.clinic, "parking", PARKING).await;
}

#[tokio::test]
async fn what_is_put_while_the_indexer_is_ending_is_prepared() {
    let app = with_settings(patient()).await;
    let clinic = app.clinic().await;
    app.documents(&clinic).await;
    // The indexer has taken the organisation, and found nothing more to do.
    let caller = booking_service::caller::Caller::system(clinic.org);
    let mut tx = app.app.db.worker_tx(&caller).await.unwrap();
    let lease = preparing::take(&mut tx, std::time::Duration::from_mins(1)).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    let message = pb::PutDocumentRequest {
        source_id: "late".into(),
        title: "Late".into(),
        content: Some(Content::PlainText("There is parking.".into())),
        ..Default::default()
    };
    app.knowledge().put_document(with_token(&clinic.admin, message)).await.unwrap();
    let mut tx = app.app.db.worker_tx(&caller).await.unwrap();
    preparing::give_back(&mut tx, &lease, None).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(app.count("select count(*) from knowledge where due_at <= now()").await, 1);
}

/// An indexer of its own, as another copy of the service has one.
fn indexer(app: &TestApp, folder: &Path) -> tokio::task::JoinHandle<()> {
    let embedding = Embedding::new(&settings(Some(folder.to_owned()))).unwrap();
    tokio::spawn(indexing::run(App { embedding, ..app.app.clone() }, CancellationToken::new()))
}

#[tokio::test]
async fn a_hundred_pages_show_their_progress_survive_a_restart_and_are_found_whole_or_not_at_all() {
    let Some(folder) = model() else { return };
    let app = with_settings(KnowledgeSettings { model: Some(folder.clone()), ..patient() }).await;
    let clinic = app.clinic().await;
    let page = |n: usize| {
        let rule = |s: usize| {
            format!("Rule {n}.{s} is about the subject number {n} and says what is to be done on day {s}.")
        };
        format!("Chapter {n}\n\n{}", (0..8).map(rule).collect::<Vec<_>>().join(" "))
    };
    let message = pb::PutDocumentRequest {
        source_id: "handbook".into(),
        title: "Handbook".into(),
        content: Some(Content::Pdf(pdf(&(0..100).map(page).collect::<Vec<_>>()))),
        ..Default::default()
    };
    let put = app
        .knowledge()
        .put_document(with_token(&clinic.admin, message))
        .await
        .unwrap()
        .into_inner()
        .document
        .unwrap();
    assert_eq!((put.state(), put.passages_total), (DocumentState::Pending, 0));
    let look = async || {
        let request = pb::GetDocumentRequest { document_id: put.id.clone() };
        app.knowledge()
            .get_document(with_token(&clinic.admin, request))
            .await
            .unwrap()
            .into_inner()
            .document
            .unwrap()
    };
    let dying = indexer(&app, &folder);
    app.eventually("select exists (select from document where prepared_passages > 20)").await;
    dying.abort();
    let _ = dying.await;
    let half = look().await;
    assert_eq!((half.state(), half.passages_found), (DocumentState::Preparing, 0));
    assert!(half.passages_total >= 100 && half.passages_prepared < half.passages_total, "{half:?}");
    assert_eq!(app.count("select count(*) from passage").await, 0, "half of it is not found");
    let kept = app.count("select count(*) from document_draft where vector is not null").await;
    assert!(kept > 20, "what was done is kept");

    // Its lease runs out, by the database's clock.
    let mut superuser = app.database.superuser().await;
    superuser
        .execute(
            "update knowledge set lease_until = now() - interval '1 second' where lease_until is not null",
        )
        .await
        .unwrap();
    let other = indexer(&app, &folder);
    app.eventually("select exists (select from document where state = 'ready')").await;
    let ready = look().await;
    assert_eq!((ready.passages_found, ready.passages_prepared), (half.passages_total, half.passages_total));
    assert_eq!(app.count("select count(*) from passage").await, i64::from(ready.passages_total));
    let request = pb::SearchKnowledgeRequest {
        question: "What does rule 57.3 say of subject number 57?".into(),
        limit: 10,
        ..Default::default()
    };
    let found =
        app.knowledge().search_knowledge(with_token(&clinic.admin, request)).await.unwrap().into_inner();
    assert!(found.passages.iter().any(|passage| passage.text.contains("57.3")), "{found:?}");
    other.abort();
}
