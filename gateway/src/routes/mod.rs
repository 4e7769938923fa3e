//! The routes, on one page.

mod health;
mod incoming;
mod messages;
mod observe;
mod tool;
mod tools;
mod webhook;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware,
    response::IntoResponse as _,
    routing::{get, post},
};

use self::observe::Known;
use crate::{app::App, problem::Problem};

/// Late in a long call the platform sends the whole conversation, twice.
const LARGEST_BODY: usize = 4 << 20;

pub(crate) fn router(app: App) -> Router {
    Router::new()
        .route("/api/vapi/tools", get(tools::definitions).post(tools::post))
        .route("/api/vapi/tools/{tool}", post(tool::post))
        .route("/api/vapi/webhook", post(webhook::post))
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .fallback(async |known: Known| Problem::no_route().of_request(&known.request_id).into_response())
        .method_not_allowed_fallback(async |known: Known| {
            Problem::wrong_method().of_request(&known.request_id).into_response()
        })
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(middleware::from_fn_with_state(app.clone(), observe::observe))
        .with_state(app)
}
