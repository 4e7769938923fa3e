//! The routes, on one page.

mod health;
mod tools;

use std::time::Instant;

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use http::{HeaderName, HeaderValue, Uri};

use crate::{problem::Problem, upstream::Upstream};

/// Late in a long call the platform sends the whole conversation, twice.
const LARGEST_BODY: usize = 4 << 20;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

pub(crate) fn router(upstream: Upstream) -> Router {
    Router::new()
        .route("/api/vapi/tools", post(tools::post))
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .fallback(async |RequestId(id): RequestId, _: Uri| {
            Problem::no_route().of_request(&id).into_response()
        })
        .method_not_allowed_fallback(async |RequestId(id): RequestId| {
            Problem::wrong_method().of_request(&id).into_response()
        })
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(middleware::from_fn(identify))
        .with_state(upstream)
}

/// What a request is called in logs and answers.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) String);

impl<S: Send + Sync> axum::extract::FromRequestParts<S> for RequestId {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut http::request::Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(parts.extensions.get().cloned().unwrap_or(Self(String::new())))
    }
}

/// Names the request, tells its name in the answer, and logs a line. Nothing of a body is logged.
#[expect(clippy::disallowed_methods, reason = "the one place where requests are named")]
async fn identify(mut request: Request, next: Next) -> Response {
    let (began, id) = (Instant::now(), uuid::Uuid::now_v7().to_string());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    request.extensions_mut().insert(RequestId(id.clone()));
    let mut response = next.run(request).await;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(X_REQUEST_ID, value);
    }
    let (status, ms) = (response.status().as_u16(), began.elapsed().as_secs_f64() * 1e3);
    tracing::info!(request.id = id, %method, path, status, ms, "answered");
    response
}
