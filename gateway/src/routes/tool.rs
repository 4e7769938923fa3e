//! `POST /api/vapi/tools/{tool}`: one tool, called with its bare arguments, as the voice platform's `apiRequest` tools do it.

use axum::{
    Json,
    extract::{Path, State, rejection::PathRejection},
    response::{IntoResponse as _, Response},
};
use http::HeaderMap;
use serde_json::{Map, Value, json};

use super::incoming::Incoming;
use crate::{
    app::App,
    context::{Context, derived_key},
    problem::Problem,
    tools::{self, Answer},
    vapi::{
        arguments::{self, Unusable},
        message,
        tool_calls::bare,
    },
};

pub(super) async fn post(
    State(app): State<App>,
    tool: Result<Path<String>, PathRejection>,
    incoming: Incoming,
) -> Response {
    let tool = tool.map_err(|_| Problem::unreadable("the tool's name is not text"));
    let (tool, given) = match tool.and_then(|Path(tool)| Ok((tool, incoming.body().and_then(read)?))) {
        Ok(asked) => asked,
        Err(problem) => return incoming.refuse(&app, problem).await,
    };
    let key = match call_id(&given).filter(|_| !incoming.headers.contains_key("idempotency-key")) {
        Some(call_id) => derived_key("api", &[&call_id, &bare(&tool)], &given),
        None => key_of(&incoming.headers, &incoming.context),
    };
    let arguments = arguments::readable(given, &[]);
    let answer = run(&app, incoming.context.keyed(key), &tool, arguments).await;
    incoming.respond(answer)
}

fn read(body: &[u8]) -> Result<Map<String, Value>, Problem> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    Ok(message::members(body)?)
}

/// The telephone call, where the tool's static parameters say it. It is used for nothing but to know a repeated request again: the
/// model could have written it.
fn call_id(given: &Map<String, Value>) -> Option<String> {
    let id = match given.get("call_id")? {
        Value::String(id) => id.clone(),
        Value::Number(id) => id.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    // Where the platform has left its own placeholder, all calls would be one.
    Some(id).filter(|id| !id.is_empty() && !id.contains("{{"))
}

/// The key that the client gave, else one for the gateway's own repetitions.
pub(super) fn key_of(headers: &HeaderMap, context: &Context) -> String {
    let given = headers.get("idempotency-key").map(|key| key.to_str().unwrap_or_default().to_owned());
    given.unwrap_or_else(|| format!("request-{}", context.request_id))
}

/// Calls the tool, and answers with its facts and its sentence.
pub(super) async fn run(
    app: &App,
    context: Context,
    tool: &str,
    arguments: Result<Map<String, Value>, Unusable>,
) -> Result<Response, Problem> {
    let Answer { say, facts } = tools::call(app, &context, tool, arguments).await?;
    let mut body = Map::from_iter([("success".to_owned(), json!(true))]);
    body.extend(facts);
    body.insert("say".to_owned(), json!(say));
    Ok(Json(body).into_response())
}
