//! `POST /api/vapi/tools`: the voice platform's tool calls, and the direct form for programs.

use std::pin::pin;

use axum::{
    Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    response::{IntoResponse as _, Response},
};
use futures::{StreamExt as _, stream};
use http::HeaderMap;
use serde_json::{Map, Value, json, value::RawValue};
use sha2::{Digest as _, Sha256};

use super::RequestId;
use crate::{
    credential,
    hex::hex,
    problem::Problem,
    tools::{self, Answer},
    upstream::{Context, Upstream},
    vapi::{
        answer::{Results, ToolResult},
        envelope::{self, Message, Origin, ToolCall},
    },
};

/// So many tool calls of one message run at a time, and so many are run at all: a model mostly makes one.
const AT_ONCE: usize = 8;
const MOST_CALLS: usize = 50;

pub(super) async fn post(
    State(upstream): State<Upstream>,
    RequestId(id): RequestId,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let context = Context {
        credential: credential::of(&headers),
        request_id: id.clone(),
        idempotency_key: None,
        call_id: None,
        tool_call_id: None,
        caller_number: None,
        deadline: upstream.deadline(),
    };
    let answer = match read(body.as_deref()) {
        Ok(Body::Direct { tool, params }) => direct(&upstream, context, &headers, &tool, params).await,
        Ok(Body::Message(Message::ToolCalls(calls, origin))) => {
            tool_calls(&upstream, context, calls, &origin).await
        }
        Ok(Body::Message(Message::Other)) => upstream
            .get_caller(&context)
            .await
            .map(|_| Json(json!({})).into_response())
            .map_err(Problem::from),
        Err(problem) => Err(tools::corrective(&upstream, &context, problem).await),
    };
    answer.unwrap_or_else(|problem| problem.of_request(&id).into_response())
}

enum Body {
    Direct { tool: String, params: Map<String, Value> },
    Message(Message),
}

fn read(body: Result<&[u8], &BytesRejection>) -> Result<Body, Problem> {
    let body = body.map_err(|rejection| Problem::unreadable(&rejection.body_text()))?;
    // Some senders begin with a byte order mark.
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let top: &RawValue = serde_json::from_slice(body).map_err(|_| Problem::unreadable("it is not JSON"))?;
    let top = envelope::object(top).ok_or_else(|| Problem::unreadable("it is not a JSON object"))?;
    // No message of the platform names a tool on the outside.
    let Some(tool) = top.get("tool").and_then(|tool| serde_json::from_str(tool.get()).ok()) else {
        let message = envelope::read(&top);
        let unclear = || Problem::unreadable("it has neither a tool nor a message with a type");
        return message.map(Body::Message).ok_or_else(unclear);
    };
    let params: Option<Map<String, Value>> = match top.get("params") {
        None => None,
        Some(params) => serde_json::from_str(params.get())
            .map_err(|_| Problem::unreadable("its params are not a JSON object"))?,
    };
    Ok(Body::Direct { tool, params: params.unwrap_or_default() })
}

async fn direct(
    upstream: &Upstream,
    context: Context,
    headers: &HeaderMap,
    tool: &str,
    params: Map<String, Value>,
) -> Result<Response, Problem> {
    let given = headers.get("idempotency-key").map(|key| key.to_str().unwrap_or_default().to_owned());
    let key = given.unwrap_or_else(|| format!("request-{}", context.request_id));
    let context = Context { idempotency_key: Some(key), ..context };
    let Answer { say, facts } = tools::call(upstream, &context, tool, Ok(params)).await?;
    let mut body = Map::from_iter([("success".to_owned(), json!(true))]);
    body.extend(facts);
    body.insert("say".to_owned(), json!(say));
    Ok(Json(body).into_response())
}

/// Runs every call, some at a time, under one deadline. One that fails costs the others nothing; who is not let in gets no result.
async fn tool_calls(
    upstream: &Upstream,
    context: Context,
    calls: Vec<ToolCall>,
    origin: &Origin,
) -> Result<Response, Problem> {
    if calls.is_empty() {
        upstream.get_caller(&context).await?;
    }
    let run = |(place, call): (usize, ToolCall)| {
        let context = for_call(&context, place, &call, origin);
        async move {
            let ToolCall { id, name, arguments } = call;
            if id.is_empty() {
                // A result without an id is lost, so nothing may be done for it.
                let lost = Problem::unreadable("the tool call has no id");
                return (id, name, Err(tools::corrective(upstream, &context, lost).await));
            }
            if place >= MOST_CALLS {
                let surplus = Problem::unreadable("there are too many tool calls in one message");
                return (id, name, Err(surplus));
            }
            let outcome = tools::call(upstream, &context, &name, arguments).await;
            (id, name, outcome)
        }
    };
    let mut outcomes = pin!(stream::iter(calls.into_iter().enumerate()).map(run).buffered(AT_ONCE));
    let mut results = Vec::new();
    while let Some((id, name, outcome)) = outcomes.next().await {
        let say = match outcome {
            Ok(answer) => answer.say,
            Err(problem) if problem.is_unauthenticated() => return Err(problem),
            Err(problem) => problem.say,
        };
        results.push(ToolResult::new(id, &name, &say));
    }
    Ok(Json(Results::new(results)).into_response())
}

/// What goes with one tool call. The platform sends the same call again after a failure, with the same ids and arguments: the
/// key made of them is the same. One of its ids is a constant, so an id alone is no key.
fn for_call(context: &Context, place: usize, call: &ToolCall, origin: &Origin) -> Context {
    let key = match (&origin.call_id, &call.arguments) {
        (Some(call_id), Ok(arguments)) if !call.id.is_empty() => {
            let arguments = serde_json::to_string(arguments).unwrap_or_default();
            let mut hash = Sha256::new();
            for part in [call_id.as_str(), &call.id, &call.name, &arguments] {
                hash.update(part.len().to_be_bytes());
                hash.update(part);
            }
            format!("call-{}", hex(&hash.finalize()))
        }
        _ => format!("request-{}-{place}", context.request_id),
    };
    Context {
        idempotency_key: Some(key),
        call_id: origin.call_id.clone(),
        tool_call_id: Some(call.id.clone()),
        caller_number: origin.caller_number.clone(),
        ..context.clone()
    }
}
