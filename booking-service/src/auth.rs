//! From a request's metadata to its caller. No RPC of ours is reached without one.

use std::time::{Duration, Instant};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::HeaderMap;
use proto::trace::{TRACEPARENT, TraceParent};
use tonic::Status;
use tracing::Instrument as _;

use crate::{
    access,
    app::App,
    caller::{Call, Caller, RequestContext},
    db::auth_failures,
    domain::{idempotency::IdempotencyKey, patient::Phone},
    error::{Error, Result},
    grpc::reason,
    metrics::{Outcome, UnderWay},
};

/// Requests that answer this much before the client gives up can still be heard.
const MARGIN: Duration = Duration::from_millis(10);

/// Ids of requests and calls are for logs and keys: what is longer is cut.
const LONGEST_ID: usize = 200;

/// The caller that [`authenticate`] found.
pub(crate) fn caller<T>(request: &tonic::Request<T>) -> Result<Caller> {
    request.extensions().get().cloned().ok_or(Error::Unauthenticated)
}

/// Lets a request through with its [`Caller`], or answers it with one and the same refusal. Ends it at its deadline.
pub(crate) async fn authenticate(State(app): State<App>, request: Request, next: Next) -> Response {
    let name = request.uri().path().rsplit('/').next().unwrap_or_default();
    let rpc = access::known(name).unwrap_or("unknown");
    let headers = request.headers();
    let trace = text(headers, TRACEPARENT).and_then(TraceParent::parse).map(|parent| parent.trace_id());
    let id = text(headers, "x-request-id").map(|id| id.chars().take(LONGEST_ID).collect::<String>());
    let span = tracing::info_span!(
        "request",
        rpc,
        request.id = id,
        trace.id = trace,
        org.id = tracing::field::Empty
    );
    let outcome = Outcome::default();
    let under_way = UnderWay::new(app.metrics.clone(), rpc, outcome.clone());
    async move {
        // Dropped in here, so that what it logs belongs to the span.
        let _under_way = under_way;
        let response = admitted(&app, request, next, &outcome).await;
        // Not ours to refuse: a message that is no message of the RPC, or an RPC that is none.
        outcome.is("UNREADABLE");
        response
    }
    .instrument(span)
    .await
}

async fn admitted(app: &App, mut request: Request, next: Next, outcome: &Outcome) -> Response {
    let received = Instant::now();
    let answer = |error: Error| {
        outcome.is(reason(&error));
        answer(error)
    };
    let caller = match verified(app, &request) {
        Ok(caller) => caller,
        Err(Refusal::Credential(why)) => {
            let rpc = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
            let id = text(request.headers(), "x-request-id").map(str::to_owned);
            record(app, &rpc, id.as_deref(), why).await;
            return answer(Error::Unauthenticated);
        }
        Err(Refusal::Request(error)) => return answer(error),
    };
    tracing::Span::current().record("org.id", tracing::field::display(caller.org));
    let deadline = timeout(request.headers()).map(|timeout| received + timeout);
    let context = RequestContext { deadline, outcome: outcome.clone(), ..caller.request };
    request.extensions_mut().insert(Caller { request: context, ..caller });
    match deadline {
        None => next.run(request).await,
        Some(deadline) => {
            let patience = deadline.saturating_duration_since(Instant::now()).saturating_sub(MARGIN);
            // A timer of no time at all would still let the work begin.
            if patience.is_zero() {
                return answer(Error::DeadlineExceeded);
            }
            tokio::time::timeout(patience, next.run(request))
                .await
                .unwrap_or_else(|_| answer(Error::DeadlineExceeded))
        }
    }
}

enum Refusal {
    Credential(&'static str),
    Request(Error),
}

fn verified(app: &App, request: &Request) -> Result<Caller, Refusal> {
    let headers = request.headers();
    let token = bearer(headers).map_err(Refusal::Credential)?;
    let caller = app.tokens.verify(token, app.clock.now()).map_err(Refusal::Credential)?;
    let request = context(headers, caller.voice).map_err(Refusal::Request)?;
    Ok(Caller { request, ..caller })
}

fn bearer(headers: &HeaderMap) -> Result<&str, &'static str> {
    let mut values = headers.get_all(http::header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return Err("missing or repeated") };
    let (scheme, token) =
        value.to_str().ok().and_then(|v| v.trim().split_once(' ')).ok_or("not a bearer token")?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim()) } else { Err("not a bearer token") }
}

fn context(headers: &HeaderMap, voice: bool) -> Result<RequestContext> {
    let id = |name: &str| text(headers, name).map(|id| id.chars().take(LONGEST_ID).collect::<String>());
    let idempotency_key = match headers.get("idempotency-key") {
        None => None,
        Some(key) => Some(
            IdempotencyKey::parse(key.to_str().unwrap_or_default())
                .map_err(|problem| Error::invalid("idempotency-key", problem))?,
        ),
    };
    let number = text(headers, "x-caller-number").and_then(|number| Phone::parse(number).ok());
    let call = voice.then(|| Call { id: id("x-call-id"), number });
    Ok(RequestContext { id: id("x-request-id"), idempotency_key, call, ..RequestContext::default() })
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok()).filter(|value| !value.is_empty())
}

/// `grpc-timeout`: at most eight digits and a unit.
fn timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let amount: u64 = digits.parse().ok().filter(|_| digits.len() <= 8)?;
    match unit {
        "H" => Some(Duration::from_secs(amount * 3600)),
        "M" => Some(Duration::from_secs(amount * 60)),
        "S" => Some(Duration::from_secs(amount)),
        "m" => Some(Duration::from_millis(amount)),
        "u" => Some(Duration::from_micros(amount)),
        "n" => Some(Duration::from_nanos(amount)),
        _ => None,
    }
}

async fn record(app: &App, rpc: &str, request_id: Option<&str>, why: &'static str) {
    // The refusal stands whether or not it can be written down.
    if let Err(error) = auth_failures::insert(&app.db, app.clock.now(), rpc, why, request_id).await {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "an authentication failure was not recorded"
        );
    }
}

fn answer(error: Error) -> Response {
    Status::from(error).into_http()
}
