//! `POST /api/vapi/webhook`: every message that the voice platform sends to its server.

use axum::{extract::State, response::Response};

use super::{incoming::Incoming, messages};
use crate::{app::App, vapi::message};

pub(super) async fn post(State(app): State<App>, incoming: Incoming) -> Response {
    let message = match incoming.body().and_then(|body| Ok(message::of(body)?)) {
        Ok(message) => message,
        Err(problem) => return incoming.refuse(&app, problem).await,
    };
    incoming.respond(messages::answer(&app, &incoming.context, message).await)
}
