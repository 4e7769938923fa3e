//! The routes, on one page.

mod auth;
mod calendar;
mod fields;
mod health;
mod incoming;
mod machines;
mod messages;
mod observe;
mod signature;
mod tool;
mod tools;
mod webhook;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware,
    response::{IntoResponse as _, Response},
    routing::{delete, get, post},
};

use http::{HeaderValue, header::CACHE_CONTROL};

use self::observe::Known;
use crate::{app::App, problem::Problem};

/// Late in a long call the platform sends the whole conversation, twice.
const LARGEST_BODY: usize = 4 << 20;

pub(crate) fn router(app: App) -> Router {
    Router::new()
        .route("/api/vapi/tools", get(tools::definitions).post(tools::post))
        .route("/api/vapi/tools/{tool}", post(tool::post))
        .route("/api/vapi/webhook", post(webhook::post))
        .merge(identity())
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

/// People, machines and calendars: what these answer holds secrets, and is kept by nobody on the way.
fn identity() -> Router<App> {
    let secret = |mut response: Response| {
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        std::future::ready(response)
    };
    Router::new()
        .route("/api/auth/signup", post(auth::sign_up))
        .route("/api/auth/signin", post(auth::sign_in))
        .route("/api/auth/refresh", post(auth::refresh))
        .route("/api/auth/signout", post(auth::sign_out))
        .route("/api/auth/accept-invitation", post(auth::accept_invitation))
        .route("/api/auth/me", get(auth::me))
        .route("/api/agent-keys", post(machines::create_agent_key).get(machines::list_agent_keys))
        .route("/api/agent-keys/{id}", delete(machines::revoke_agent_key))
        .route(
            "/api/webhook-credentials",
            post(machines::create_webhook_credential).get(machines::list_webhook_credentials),
        )
        .route("/api/webhook-credentials/{id}", delete(machines::revoke_webhook_credential))
        .route("/api/webhook-credentials/{id}/rotate", post(machines::rotate_webhook_secret))
        .route("/api/calendar/google/connect", get(calendar::connect))
        .route("/api/calendar/google/callback", get(calendar::callback))
        .layer(middleware::map_response(secret))
        .route("/.well-known/jwks.json", get(auth::jwks))
}
