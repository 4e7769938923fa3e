//! `POST /api/vapi/tools/{tool}`: one tool, called with its bare arguments, as the voice platform's `apiRequest` tools do it.

use axum::{
    Json,
    extract::{Path, State},
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
    },
};

pub(super) async fn post(State(app): State<App>, Path(tool): Path<String>, incoming: Incoming) -> Response {
    let given = match incoming.body().and_then(read) {
        Ok(given) => given,
        Err(problem) => return incoming.refuse(&app, problem).await,
    };
    let key = match call_id(&given).filter(|_| !incoming.headers.contains_key("idempotency-key")) {
        Some(call_id) => derived_key("api", &[&call_id, &tool, &Value::Object(given.clone()).to_string()]),
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
    // In two steps, so that what is wrong is told as for every other body.
    message::members(body)?;
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    serde_json::from_slice(body).map_err(|_| Problem::unusable(Unusable::NotAnObject))
}

/// The telephone call, where the tool's static parameters say it. It is used for nothing but to know a repeated request again: the
/// model could have written it.
fn call_id(given: &Map<String, Value>) -> Option<String> {
    given.get("call_id").and_then(Value::as_str).filter(|id| !id.is_empty()).map(str::to_owned)
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
