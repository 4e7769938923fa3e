//! `POST /api/vapi/webhook`: every message that the voice platform sends to its server.

use axum::{extract::State, response::Response};

use super::{incoming::Incoming, messages};
use crate::{
    app::App,
    problem::Problem,
    vapi::{message, raw::Object},
};

pub(super) async fn post(State(app): State<App>, incoming: Incoming) -> Response {
    let read = incoming.body().and_then(|body| Ok(message::read(&message::members::<Object<'_>>(body)?)?));
    let message = match read {
        Ok(message) => message,
        Err(problem) => return incoming.refuse(&app, problem).await,
    };
    let answer: Result<Response, Problem> = messages::answer(&app, &incoming.context, message).await;
    incoming.respond(answer)
}
