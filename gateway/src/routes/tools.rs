//! `/api/vapi/tools`: the voice platform's tool calls, the direct form for programs, and what tools there are.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, Uri, header::HOST, uri::Authority};
use serde_json::{Map, Value};

use super::{
    incoming::Incoming,
    messages,
    tool::{key_of, run},
};
use crate::{
    app::App,
    problem::Problem,
    tools,
    vapi::{
        message::{self, Message},
        raw::Object,
    },
};

/// The definitions of the tools, each ready to be created at the voice platform.
pub(super) async fn definitions(State(app): State<App>, uri: Uri, headers: HeaderMap) -> Response {
    // HTTP/2 has no such header, and the host in the address instead.
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = host.or(uri.authority().map(Authority::as_str)).unwrap_or_default();
    let base = app.public_url.as_deref().map_or_else(|| format!("http://{host}"), str::to_owned);
    Json(tools::definitions(&format!("{base}/api/vapi/tools"))).into_response()
}

pub(super) async fn post(State(app): State<App>, incoming: Incoming) -> Response {
    let asked = match incoming.body().and_then(read) {
        Ok(asked) => asked,
        Err(problem) => return incoming.refuse(&app, problem).await,
    };
    let answer = match asked {
        Asked::Direct { tool, params } => {
            let key = key_of(&incoming.headers, &incoming.context);
            run(&app, incoming.context.keyed(key), &tool, Ok(params)).await
        }
        Asked::Message(message) => messages::answer(&app, &incoming.context, message).await,
    };
    incoming.respond(answer)
}

enum Asked {
    Direct { tool: String, params: Map<String, Value> },
    Message(Message),
}

fn read(body: &[u8]) -> Result<Asked, Problem> {
    let top: Object<'_> = message::members(body)?;
    // No message of the platform names a tool on the outside.
    let Some(tool) = top.get("tool").and_then(|tool| serde_json::from_str(tool.get()).ok()) else {
        return Ok(Asked::Message(message::read(&top)?));
    };
    let params: Option<Map<String, Value>> = match top.get("params") {
        None => None,
        Some(params) => serde_json::from_str(params.get())
            .map_err(|_| Problem::unreadable("its params are not a JSON object"))?,
    };
    Ok(Asked::Direct { tool, params: params.unwrap_or_default() })
}
