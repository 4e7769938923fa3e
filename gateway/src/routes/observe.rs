//! Names each request, and says afterwards what became of it.

use std::{convert::Infallible, time::Instant};

use axum::{
    extract::{FromRequestParts, MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderName, HeaderValue, Method, request::Parts};
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
    let known = Known::named(request.headers().get(TRACEPARENT).and_then(|header| header.to_str().ok()));
    // What has no route has no name of ours: any path could be asked for.
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    request.extensions_mut().insert(known.clone());
    let name = HeaderValue::from_str(&known.request_id);
    let mut answering = Answering {
        app,
        known,
        method: request.method().clone(),
        route,
        began: Instant::now(),
        status: HUNG_UP,
    };
    let mut response = next.run(request).await;
    if let Ok(name) = name {
        response.headers_mut().insert(X_REQUEST_ID, name);
    }
    answering.status = response.status().as_u16();
    response
}

/// What nginx made the usual word for a client that went away before its answer.
const HUNG_UP: u16 = 499;

/// A request under way. It is counted and logged when this is dropped, so that one whose client went away is, too.
struct Answering {
    app: App,
    known: Known,
    method: Method,
    route: String,
    began: Instant,
    status: u16,
}

impl Drop for Answering {
    fn drop(&mut self) {
        let Self { app, known: Known { request_id, trace }, method, route, began, status } = self;
        let took = began.elapsed();
        app.metrics.answered(route, *status, took);
        let (trace_id, ms) = (trace.trace_id(), took.as_secs_f64() * 1e3);
        // Probes and scrapes come every other second, and say nothing.
        if route.starts_with("/api/") || *route == "none" {
            tracing::info!(request.id = request_id, trace.id = trace_id, %method, route, status, ms, "answered");
        } else {
            tracing::debug!(request.id = request_id, trace.id = trace_id, %method, route, status, ms, "answered");
        }
    }
}
