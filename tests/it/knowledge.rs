//! What a clinic's documents answer, over gRPC.

use std::path::Path;

use proto::booking::v1::{self as pb, KnowledgeOutcome, KnowledgeRanking, put_document_request::Content};
use tests::knowledge::{CLINICS, sources};
use tonic::Code;

use crate::harness::{
    fixtures::reason,
    knowledge::{Library, settings, texts, with_settings},
    with_token,
};

const PARKING: &str = "# Parking\n\nThere is a car park behind the building with six spaces for patients.\n";

#[tokio::test]
async fn case_3_1_the_clinics_own_document_answers() {
    let Some(library) = Library::open().await else { return };
    let found = library.ask("Where can I leave my car?").await;
    assert_eq!((found.outcome(), found.ranking()), (KnowledgeOutcome::Answered, KnowledgeRanking::Hybrid));
    let best = &found.passages[0];
    assert!(best.text.contains("six spaces for patients"), "{}", best.text);
    assert_eq!(
        (best.title.as_str(), best.heading.as_str(), best.source_id.as_str()),
        ("Visiting us", "Parking", "visiting-us.md")
    );
}

#[tokio::test]
async fn case_3_2_another_clinics_document_never_answers() {
    let Some(library) = Library::open().await else { return };
    // The same text in two organisations, and one that only the other has.
    let other = library.app.clinic().await;
    library
        .put(
            &other,
            "visiting-us.md",
            &sources(&Path::new(CLINICS).join("elm-street-dental")).unwrap()[6].text,
        )
        .await;
    library
        .put(
            &other,
            "secret.md",
            "# Parking\n\nOur secret garage is under the old brewery; the code of its gate is 4711.\n",
        )
        .await;
    for question in [
        "What is the code of the gate of the garage?",
        "secret garage brewery",
        "Where can I park?",
        "' or org_id is not null --",
        "100 % of it",
        "4711",
    ] {
        let found = library.ask(question).await;
        assert!(texts(&found).iter().all(|text| !text.contains("brewery")), "{question}: {found:?}");
    }
    let theirs = library.ask_of(&other, "What is the code of the gate of the garage?").await;
    assert!(theirs.passages[0].text.contains("4711"), "{theirs:?}");
    // What each has, and no more: the other's documents change neither scores nor order.
    let before = library.ask("Where can I park?").await;
    library.put(&other, "more.md", &PARKING.repeat(20)).await;
    assert_eq!(library.ask("Where can I park?").await, before);
    let document = library.document(&other, "secret.md").await;
    let request = pb::GetDocumentRequest { document_id: document.id.clone() };
    let status =
        library.app.knowledge().get_document(with_token(&library.clinic.admin, request)).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::NotFound, "DOCUMENT_NOT_FOUND"));
    let request = pb::DeleteDocumentRequest { document_id: document.id };
    let status = library
        .app
        .knowledge()
        .delete_document(with_token(&library.clinic.admin, request))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    let request = pb::SearchKnowledgeRequest {
        question: "garage".into(),
        clinic_id: other.id.clone(),
        ..Default::default()
    };
    let status = library
        .app
        .knowledge()
        .search_knowledge(with_token(&library.clinic.admin, request))
        .await
        .unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::PermissionDenied, "CLINIC_FORBIDDEN"));
}

#[tokio::test]
async fn case_3_3_scores_lie_above_a_threshold_and_what_is_not_said_is_said_to_be_not_said() {
    let Some(library) = Library::open().await else { return };
    for question in [
        "Where can I park?",
        "how much is teeth whitening",
        "Do you take Cigna?",
        "what do I bring the first time",
    ] {
        let found = library.ask(question).await;
        let scores: Vec<f64> = found.passages.iter().map(|passage| passage.score).collect();
        assert!(
            !scores.is_empty() && scores.iter().all(|score| (0.5..=1.0).contains(score)),
            "{question}: {scores:?}"
        );
        assert!(scores.is_sorted_by(|one, other| one >= other), "{question}: {scores:?}");
        assert_eq!(library.ask(question).await, found, "{question}");
    }
    for question in [
        "What is the capital of Australia?",
        "Do you sell electric toothbrushes?",
        "who won the game last night",
        "blarg",
    ] {
        let found = library.ask(question).await;
        assert_eq!(
            (found.outcome(), found.passages.len()),
            (KnowledgeOutcome::NotSaid, 0),
            "{question}: {found:?}"
        );
    }
}

#[tokio::test]
async fn misheard_and_inflected_words_are_understood() {
    let Some(library) = Library::empty().await else { return };
    library
        .put(&library.clinic, "a", "# Orthoptics\n\nDr. Quigley examines squinting children on Mondays.\n")
        .await;
    library
        .put(&library.clinic, "b", "# Billing\n\nInvoices are sent by e-mail at the end of the month.\n")
        .await;
    for question in
        ["Is Dr. Quigly there on Monday?", "do you examine children who squint", "when does Quiglye work"]
    {
        let found = library.ask(question).await;
        assert!(texts(&found).first().is_some_and(|text| text.contains("Quigley")), "{question}: {found:?}");
    }
}

#[tokio::test]
async fn a_list_does_not_answer_for_what_is_not_in_it_unless_it_says_all_the_others() {
    let Some(library) = Library::empty().await else { return };
    library.put(&library.clinic, "a", "# Insurance\n\nWe are in network with Aetna and Cigna.\n").await;
    library
        .put(
            &library.clinic,
            "b",
            "# Languages\n\nOur staff speak Spanish. For other languages we call an interpreter.\n",
        )
        .await;
    for (question, answer) in [
        ("Do you take Aetna?", Some("Aetna")),
        ("Which insurance do you take?", Some("Aetna")),
        ("Do you take Humana?", None),
        ("I have Humana. Is that any good with you?", None),
        ("Does anybody speak Spanish?", Some("Spanish")),
        ("Does anybody speak Polish?", Some("other languages")),
    ] {
        let found = library.ask(question).await;
        let said = texts(&found);
        let is_answered = match answer {
            Some(answer) => said.first().is_some_and(|text| text.contains(answer)),
            None => said.is_empty(),
        };
        assert!(is_answered, "{question}: {found:?}");
    }
}

#[tokio::test]
async fn who_is_in_danger_or_asks_for_advice_hears_the_clinics_own_sentence() {
    let Some(library) = Library::open().await else { return };
    for (question, outcome) in [
        ("I have chest pain and can't breathe", KnowledgeOutcome::Emergency),
        ("How much ibuprofen can I take?", KnowledgeOutcome::MedicalAdvice),
    ] {
        let found = library.ask(question).await;
        assert_eq!((found.outcome(), found.passages.len()), (outcome, 0), "{question}");
        assert!(!found.sentence.is_empty(), "{question}");
    }
    let clinic = &library.clinic;
    let update = pb::UpdateClinicRequest {
        clinic_id: clinic.id.clone(),
        name: "Elm Street Dental".into(),
        emergency_sentence: "Hang up and call 911.".into(),
        advice_sentence: "Dr. Reyes answers that herself.".into(),
        ..Default::default()
    };
    let updated = library
        .app
        .clinics()
        .update_clinic(with_token(&clinic.admin, update))
        .await
        .unwrap()
        .into_inner()
        .clinic
        .unwrap();
    assert_eq!(updated.advice_sentence, "Dr. Reyes answers that herself.");
    assert_eq!(library.ask("I have chest pain").await.sentence, "Hang up and call 911.");
    assert_eq!(library.ask("Should I take aspirin?").await.sentence, "Dr. Reyes answers that herself.");
}

#[tokio::test]
async fn an_answer_about_a_service_says_that_it_can_be_booked() {
    let Some(library) = Library::empty().await else { return };
    let clinic = &library.clinic;
    let service = library.app.service(clinic, "Whitening", 90).await;
    let message = pb::PutDocumentRequest {
        source_id: "whitening".into(),
        title: "Whitening".into(),
        service_id: service.id.clone(),
        provider_id: clinic.provider.clone(),
        content: Some(Content::Markdown(
            "In-office whitening takes ninety minutes and costs 450 dollars.".into(),
        )),
        ..Default::default()
    };
    library.put_message(clinic, message).await;
    let found = library.ask("How much is teeth whitening?").await;
    assert_eq!(
        (found.passages[0].service_id.as_str(), found.passages[0].service_name.as_str()),
        (service.id.as_str(), "Whitening")
    );
    assert_eq!(found.passages[0].provider_id, clinic.provider);
    let archive = pb::ArchiveServiceRequest { service_id: service.id };
    library.app.clinics().archive_service(with_token(&clinic.admin, archive)).await.unwrap();
    assert_eq!(
        library.ask("How much is teeth whitening?").await.passages[0].service_id,
        "",
        "it cannot be booked any more"
    );
}

#[tokio::test]
async fn passages_come_by_limit_budget_clinic_and_category() {
    let Some(library) = Library::empty().await else { return };
    let clinic = &library.clinic;
    let second = library.second_clinic().await;
    for (source, clinic_id, category, place) in [
        ("all", "", "visit", "north"),
        ("one", clinic.id.as_str(), "visit", "east"),
        ("two", second.as_str(), "", "west"),
    ] {
        let message = pb::PutDocumentRequest {
            source_id: source.into(),
            title: "Parking".into(),
            clinic_id: clinic_id.into(),
            category: category.into(),
            content: Some(Content::Markdown(format!(
                "# Parking\n\nPatients park in the car park on the {place} side.\n"
            ))),
            ..Default::default()
        };
        library.put_message(clinic, message).await;
    }
    let search = async |request: pb::SearchKnowledgeRequest| {
        let request = pb::SearchKnowledgeRequest { question: "Where can I park my car?".into(), ..request };
        let found = library
            .app
            .knowledge()
            .search_knowledge(with_token(&clinic.admin, request))
            .await
            .unwrap()
            .into_inner();
        let mut sources: Vec<String> = found.passages.into_iter().map(|passage| passage.source_id).collect();
        sources.sort();
        sources
    };
    assert_eq!(search(pb::SearchKnowledgeRequest::default()).await, ["all", "one", "two"]);
    assert_eq!(search(pb::SearchKnowledgeRequest { limit: 2, ..Default::default() }).await.len(), 2);
    assert_eq!(search(pb::SearchKnowledgeRequest { token_budget: 50, ..Default::default() }).await.len(), 3);
    assert_eq!(
        search(pb::SearchKnowledgeRequest { clinic_id: clinic.id.clone(), ..Default::default() }).await,
        ["all", "one"]
    );
    assert_eq!(
        search(pb::SearchKnowledgeRequest { clinic_id: second.clone(), ..Default::default() }).await,
        ["all", "two"]
    );
    assert_eq!(
        search(pb::SearchKnowledgeRequest { category: "visit".into(), ..Default::default() }).await,
        ["all", "one"]
    );
    // A key of one clinic reaches what counts there, and says nothing for all.
    let key = library
        .app
        .agent_key(clinic, pb::MachineScope { clinic_ids: vec![second.clone()], ..Default::default() })
        .await
        .key;
    let request =
        pb::SearchKnowledgeRequest { question: "Where can I park my car?".into(), ..Default::default() };
    let found =
        library.app.knowledge().search_knowledge(with_token(&key, request)).await.unwrap().into_inner();
    let mut sources: Vec<&str> = found.passages.iter().map(|passage| passage.source_id.as_str()).collect();
    sources.sort_unstable();
    assert_eq!(sources, ["all", "two"]);
}

#[tokio::test]
async fn without_a_model_words_alone_answer_and_a_metric_says_so() {
    let app = with_settings(settings(None)).await;
    let library = Library { clinic: app.clinic().await, app };
    library.put(&library.clinic, "parking", PARKING).await;
    let found = library.ask("Is there a parking lot behind your building?").await;
    assert_eq!(found.ranking(), KnowledgeRanking::Words);
    assert!(found.passages[0].text.contains("six spaces"), "{found:?}");
    let metrics = library.app.app.metrics.text();
    assert!(metrics.contains(r#"booking_knowledge_searches_total{ranking="words"} 1"#), "{metrics}");
}

#[tokio::test]
async fn of_several_clinics_a_caller_hears_nothing_but_what_counts_at_all_and_of_an_archived_one_nothing() {
    let Some(library) = Library::empty().await else { return };
    let clinic = &library.clinic;
    let second = library.second_clinic().await;
    for (source, clinic_id) in [("all", ""), ("one", clinic.id.as_str()), ("two", second.as_str())] {
        let message = pb::PutDocumentRequest {
            source_id: source.into(),
            title: "Parking".into(),
            clinic_id: clinic_id.into(),
            content: Some(Content::Markdown(
                "# Parking\n\nPatients park in the car park behind the house.\n".into(),
            )),
            ..Default::default()
        };
        library.put_message(clinic, message).await;
    }
    let heard = async |token: &str, clinic_id: &str| {
        let question = "Where can I park my car?".to_owned();
        let request =
            pb::SearchKnowledgeRequest { question, clinic_id: clinic_id.into(), ..Default::default() };
        let found =
            library.app.knowledge().search_knowledge(with_token(token, request)).await.unwrap().into_inner();
        let mut sources: Vec<String> = found.passages.into_iter().map(|passage| passage.source_id).collect();
        sources.sort();
        sources
    };
    assert_eq!(heard(&clinic.voice, "").await, ["all"]);
    assert_eq!(heard(&clinic.voice, &second).await, ["all", "two"]);
    assert_eq!(heard(&clinic.admin, "").await, ["all", "one", "two"]);
    let archive = pb::ArchiveClinicRequest { clinic_id: second.clone() };
    library.app.clinics().archive_clinic(with_token(&clinic.admin, archive)).await.unwrap();
    assert_eq!(heard(&clinic.admin, "").await, ["all", "one"]);
    assert_eq!(heard(&clinic.voice, "").await, ["all", "one"], "there is one left");
}
