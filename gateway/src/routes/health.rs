//! Whether the gateway is there, and whether it can do its work.

use axum::{Json, extract::State, response::IntoResponse};
use http::StatusCode;
use serde_json::json;

use crate::upstream::Upstream;

pub(super) async fn livez() -> &'static str {
    "ok"
}

/// Ready when the booking service is: without it there is nothing to serve.
pub(super) async fn readyz(State(upstream): State<Upstream>) -> impl IntoResponse {
    let ready = upstream.is_ready().await;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ready": ready, "booking_service": ready })))
}
