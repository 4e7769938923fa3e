//! Answers a message of the voice platform.

use std::pin::pin;

use axum::{
    Json,
    response::{IntoResponse as _, Response},
};
use futures::{StreamExt as _, stream};
use proto::booking::v1::{self as pb, record_call_event_request::Event};
use serde_json::{Value, json};

use crate::{
    app::App,
    context::{Context, derived_key, portable},
    problem::Problem,
    say, tools,
    vapi::{
        answer::{Results, ToolResult},
        arguments::Unusable,
        message::{EndedCall, Message, Origin},
        tool_calls::{HOOK_ID, ToolCall},
    },
};

/// So many tool calls of one message run at a time, and so many are run at all: a model mostly makes one.
const AT_ONCE: usize = 8;
const MOST_CALLS: usize = 50;

/// What the booking service takes for a reason.
const LONGEST_REASON: usize = 200;

/// Messages that the platform waits on, and that nobody here can answer yet: the empty answer is the one for "nothing". Without
/// `call.endpointing.request`, which comes several times a turn and does well without an answer.
const UNANSWERED: [&str; 5] = [
    "assistant-request",
    "transfer-destination-request",
    "handoff-destination-request",
    "campaign.predial",
    "voice-request",
];

/// Runs what the message asks for. Whoever is not let in gets no result, whatever the message is.
pub(super) async fn answer(app: &App, context: &Context, message: Message) -> Result<Response, Problem> {
    match message {
        Message::ToolCalls(calls, origin) => {
            let call_id = origin.call_id.as_deref().map(portable);
            tracing::info!(
                request.id = context.request_id,
                trace.id = context.trace.trace_id(),
                call.id = call_id.as_deref(),
                calls = calls.len(),
                "tool calls"
            );
            Ok(Json(tool_calls(app, context, calls, &origin).await?).into_response())
        }
        Message::FunctionCall(call, origin) => {
            let context = for_call(context, 0, &call, &origin);
            let ToolCall { id, name, arguments } = call;
            let said = spoken(tools::call(app, &context, &name, arguments).await)?;
            Ok(Json(json!({ "result": ToolResult::new(id, &name, &said).into_result() })).into_response())
        }
        Message::CallEnded(ended, origin) => {
            call_ended(app, context, ended, &origin).await?;
            Ok(Json(json!({})).into_response())
        }
        Message::Knowledge(question, origin) => {
            Ok(Json(knowledge(app, context, question, &origin).await?).into_response())
        }
        Message::Other(kind) => {
            app.upstream.get_caller(context).await?;
            if UNANSWERED.contains(&kind.as_str()) {
                tracing::warn!(
                    request.id = context.request_id,
                    kind,
                    "a message that waits for an answer got none"
                );
            }
            Ok(Json(json!({})).into_response())
        }
    }
}

/// Passes on that a call is over. A report that says nothing of use is no reason to let the platform send it again.
async fn call_ended(app: &App, context: &Context, ended: EndedCall, origin: &Origin) -> Result<(), Problem> {
    let Some(call_id) = &origin.call_id else {
        return app.upstream.get_caller(context).await.map(drop).map_err(Into::into);
    };
    let context = Context { call_id: Some(call_id.clone()), ..context.clone() };
    let EndedCall { reason, started_at, ended_at } = ended;
    let time = |text: Option<String>| text.and_then(|text| text.parse::<prost_types::Timestamp>().ok());
    let (start_time, end_time) = (time(started_at), time(ended_at));
    let is_ordered =
        start_time.zip(end_time).is_none_or(|(s, e)| (s.seconds, s.nanos) <= (e.seconds, e.nanos));
    let ended = pb::CallEnded {
        start_time: start_time.filter(|_| is_ordered),
        end_time,
        reason: reason.unwrap_or_default().chars().take(LONGEST_REASON).collect(),
    };
    let message = pb::RecordCallEventRequest {
        call_id: portable(call_id).into_owned(),
        event: Some(Event::Ended(ended)),
    };
    match app.upstream.record_call_event(&context, message).await.map_err(Problem::from) {
        Err(problem) if problem.reason == "INVALID_ARGUMENT" => {
            tracing::warn!(
                request.id = context.request_id,
                detail = problem.say,
                "the end of a call was not noted"
            );
            Ok(())
        }
        noted => noted.map(drop),
    }
}

/// What the clinic's documents say to what the caller asked last. The platform asks at each turn, and its model does with the documents what it
/// likes; what has to be said word for word is said past it. Whatever goes wrong, the call goes on without documents.
async fn knowledge(
    app: &App,
    context: &Context,
    question: Option<String>,
    origin: &Origin,
) -> Result<Value, Problem> {
    let nothing = json!({ "documents": [] });
    let Some(question) = question else {
        app.upstream.get_caller(context).await?;
        return Ok(nothing);
    };
    let context = Context {
        call_id: origin.call_id.clone(),
        caller_number: origin.caller_number.clone(),
        ..context.clone()
    };
    let message = pb::SearchKnowledgeRequest { question, ..Default::default() };
    let found = match app.upstream.search_knowledge(&context, message).await.map_err(Problem::from) {
        Err(problem) if problem.is_unauthenticated() => return Err(problem),
        Err(problem) => {
            tracing::warn!(request.id = context.request_id, reason = %problem.reason, "no documents were found");
            return Ok(nothing);
        }
        Ok(found) => found,
    };
    if !found.sentence.is_empty() {
        return Ok(json!({ "message": { "type": "custom-message", "content": found.sentence } }));
    }
    let document = |passage: &pb::KnowledgePassage| json!({ "content": say::passage(passage), "similarity": passage.score, "uuid": passage.id });
    Ok(json!({ "documents": found.passages.iter().map(document).collect::<Vec<_>>() }))
}

/// Runs every call, some at a time, under one deadline. One that fails costs the others nothing.
async fn tool_calls(
    app: &App,
    context: &Context,
    calls: Vec<ToolCall>,
    origin: &Origin,
) -> Result<Results, Problem> {
    if calls.is_empty() {
        app.upstream.get_caller(context).await?;
    }
    let run = |(place, call): (usize, ToolCall)| {
        let context = for_call(context, place, &call, origin);
        async move {
            let ToolCall { id, name, arguments } = call;
            let outcome = if place >= MOST_CALLS {
                Err(Problem::unreadable("there are too many tool calls in one message"))
            } else {
                let arguments = if id.is_empty() { Err(Unusable::NoId) } else { arguments };
                tools::call(app, &context, &name, arguments).await
            };
            spoken(outcome).map(|said| ToolResult::new(id, &name, &said))
        }
    };
    let mut outcomes = pin!(stream::iter(calls.into_iter().enumerate()).map(run).buffered(AT_ONCE));
    let mut results = Vec::new();
    while let Some(result) = outcomes.next().await {
        results.push(result?);
    }
    Ok(Results::new(results))
}

/// What is said, done or not; only who is not let in hears nothing.
fn spoken(outcome: Result<tools::Answer, Problem>) -> Result<String, Problem> {
    match outcome {
        Ok(answer) => Ok(answer.say),
        Err(problem) if problem.is_unauthenticated() => Err(problem),
        Err(problem) => Ok(problem.say),
    }
}

/// What goes with one tool call. The platform sends the same call again after a failure, with the same ids and arguments: the
/// key made of them is the same. One of its ids is a constant, and older calls have none, so an id alone is no key.
fn for_call(context: &Context, place: usize, call: &ToolCall, origin: &Origin) -> Context {
    let key = match (&origin.call_id, &call.arguments) {
        (Some(call_id), Ok(given)) => derived_key("call", &[call_id, &call.id, &call.name], given),
        // Outside of a call the id alone has to do, where it is not the same for all.
        (None, Ok(given)) if !call.id.is_empty() && call.id != HOOK_ID => {
            derived_key("tool-call", &[&call.id, &call.name], given)
        }
        _ => format!("request-{}-{place}", context.request_id),
    };
    Context {
        idempotency_key: Some(key),
        call_id: origin.call_id.clone(),
        tool_call_id: Some(call.id.clone()).filter(|id| !id.is_empty()),
        caller_number: origin.caller_number.clone(),
        ..context.clone()
    }
}
