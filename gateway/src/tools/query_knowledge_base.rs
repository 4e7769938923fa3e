//! `query_knowledge_base`: answers out of the clinic's own documents.

use proto::booking::v1 as pb;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    Answer,
    arguments::{Check, Text, read},
};
use crate::{context::Context, problem::Problem, say, upstream::Upstream};

/// Answer a question about the clinic out of its own documents: prices, insurance, parking, what to bring, rules, treatments, aftercare. Ask it
/// whenever the caller wants to know something of the clinic, and say nothing about it that it does not say.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(extend("required" = ["question"]))]
pub(super) struct Arguments {
    /// The question, as the caller asked it.
    question: Text,
    /// The clinic's id. Leave it out where there is only one clinic.
    clinic_id: Text,
}

const ALIASES: &[(&str, &str)] =
    &[("query", "question"), ("text", "question"), ("search", "question"), ("topic", "question")];

pub(super) async fn call(
    upstream: &Upstream,
    context: &Context,
    given: Map<String, Value>,
) -> Result<Answer, Problem> {
    let found = upstream.search_knowledge(context, request(given)?).await?;
    let passages: Vec<Value> = found.passages.iter().map(passage).collect();
    let facts = json!({ "outcome": outcome(found.outcome()), "passages": passages });
    Ok(Answer::new(say::knowledge(&found), facts))
}

fn outcome(outcome: pb::KnowledgeOutcome) -> &'static str {
    match outcome {
        pb::KnowledgeOutcome::Answered => "answered",
        pb::KnowledgeOutcome::NotSaid | pb::KnowledgeOutcome::Unspecified => "not_said",
        pb::KnowledgeOutcome::Emergency => "emergency",
        pb::KnowledgeOutcome::MedicalAdvice => "medical_advice",
    }
}

fn passage(passage: &pb::KnowledgePassage) -> Value {
    json!({
        "title": passage.title,
        "heading": passage.heading,
        "text": passage.text,
        "source_id": passage.source_id,
        "score": passage.score,
        "service_id": Some(&passage.service_id).filter(|id| !id.is_empty()),
        "provider_id": Some(&passage.provider_id).filter(|id| !id.is_empty()),
    })
}

pub(super) fn request(given: Map<String, Value>) -> Result<pb::SearchKnowledgeRequest, Problem> {
    let Arguments { question, clinic_id } = read(given, ALIASES)?;
    let mut check = Check::default();
    let question = check.text("question", question);
    let clinic_id = check.text("clinic_id", clinic_id);
    check.finish()?;
    Ok(pb::SearchKnowledgeRequest { question, clinic_id, ..Default::default() })
}
