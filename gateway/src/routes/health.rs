//! Whether the gateway is there, whether it can do its work, and what it has done.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header::CONTENT_TYPE};
use serde_json::json;

use crate::app::App;

pub(super) async fn livez() -> &'static str {
    "ok"
}

/// Ready when the booking service is: without it there is nothing to serve.
pub(super) async fn readyz(State(app): State<App>) -> impl IntoResponse {
    let ready = app.upstream.is_ready().await;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ready": ready, "booking_service": ready })))
}

/// Counters and timers, for Prometheus.
pub(super) async fn metrics(State(app): State<App>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, kind)], app.metrics.text()).into_response()
}
