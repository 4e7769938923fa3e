//! Names each request, and says afterwards what became of it.

use std::{convert::Infallible, time::Instant};

use axum::{
    extract::{FromRequestParts, MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderName, HeaderValue, request::Parts};
use proto::trace::{TRACEPARENT, TraceParent};
use rand::RngExt as _;

use crate::app::App;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What a request is known by in logs, answers, and at the booking service.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) request_id: String,
    pub(super) trace: TraceParent,
}

impl<S: Send + Sync> FromRequestParts<S> for Known {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(parts.extensions.get().cloned().unwrap_or_else(|| Self::named(None)))
    }
}

impl Known {
    #[expect(clippy::disallowed_methods, reason = "the one place where requests are named")]
    fn named(traceparent: Option<&str>) -> Self {
        let mut random = rand::rng();
        let trace = match traceparent.and_then(TraceParent::parse) {
            Some(parent) => parent.step(random.random()),
            None => TraceParent::new(random.random(), random.random()),
        };
        Self { request_id: uuid::Uuid::now_v7().to_string(), trace }
    }
}

/// Names the request, tells its name in the answer, counts it, and logs a line. Nothing of a body is logged.
pub(super) async fn observe(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let known = Known::named(request.headers().get(TRACEPARENT).and_then(|header| header.to_str().ok()));
    // What has no route has no name of ours: any path could be asked for.
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let method = request.method().clone();
    request.extensions_mut().insert(known.clone());
    let mut response = next.run(request).await;
    let Known { request_id, trace } = known;
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert(X_REQUEST_ID, value);
    }
    let (status, took) = (response.status().as_u16(), began.elapsed());
    app.metrics.answered(&route, status, took);
    let (trace_id, ms) = (trace.trace_id(), took.as_secs_f64() * 1e3);
    tracing::info!(request.id = request_id, trace.id = trace_id, %method, route, status, ms, "answered");
    response
}
