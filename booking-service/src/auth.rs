//! From a request's metadata to its caller. No RPC of ours is reached without one.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::HeaderMap;
use proto::trace::{TRACEPARENT, TraceParent};
use tonic::{Status, transport::server::TcpConnectInfo};
use tracing::Instrument as _;

use crate::{
    access::{self, EXCHANGE_WEBHOOK_SIGNATURE, PUT_DOCUMENT, Rpc},
    app::App,
    caller::{Call, Caller, RequestContext},
    db::auth_failures,
    domain::{
        idempotency::IdempotencyKey,
        knowledge,
        opaque_key::{KeyKind, OpaqueKey},
        patient::Phone,
    },
    error::{Error, Result},
    grpc::reason,
    metrics::{Outcome, UnderWay},
    ops::{
        authenticate_agent::{Refused, authenticate_agent},
        authenticate_bearer::authenticate_bearer,
    },
};

/// Requests that answer this much before the client gives up can still be heard.
const MARGIN: Duration = Duration::from_millis(10);

/// Ids of requests and calls are for logs and keys: what is longer is cut.
const LONGEST_ID: usize = 200;

/// What a message may weigh. One RPC takes a whole webhook, of up to 4 MiB, with its headers; one a document with what is said of it: what is a little
/// too large is refused there, with the field's name.
const LARGEST: usize = 256 << 10;
pub(crate) const LARGEST_WEBHOOK: usize = 5 << 20;
pub(crate) const LARGEST_DOCUMENT: usize = knowledge::LARGEST + (1 << 20);

fn largest(rpc: Option<Rpc>) -> usize {
    match rpc.map(|rpc| rpc.name) {
        Some(name) if name == EXCHANGE_WEBHOOK_SIGNATURE.name => LARGEST_WEBHOOK,
        Some(name) if name == PUT_DOCUMENT.name => LARGEST_DOCUMENT,
        _ => LARGEST,
    }
}

/// How long a message may take to arrive, whatever deadline its client has.
const PATIENCE: Duration = Duration::from_secs(10);

/// The caller that [`authenticate`] found.
pub(crate) fn caller<T>(request: &tonic::Request<T>) -> Result<Caller> {
    request.extensions().get().cloned().ok_or(Error::Unauthenticated)
}

/// What an open RPC knows of whoever calls it.
pub(crate) fn stranger<T>(request: &tonic::Request<T>) -> RequestContext {
    request.extensions().get().cloned().unwrap_or_default()
}

/// Lets a request through with its [`Caller`], or answers it with one and the same refusal; one for an open RPC goes through with its
/// [`RequestContext`]. Ends it at its deadline.
pub(crate) async fn authenticate(State(app): State<App>, request: Request, next: Next) -> Response {
    let rpc = access::rpc(name(&request));
    let known = rpc.map_or("unknown", |rpc| rpc.name);
    let headers = request.headers();
    let trace = text(headers, TRACEPARENT).and_then(TraceParent::parse).map(|parent| parent.trace_id());
    let id = id(headers, "x-request-id");
    let span = tracing::info_span!(
        "request",
        rpc = known,
        request.id = id,
        trace.id = trace,
        org.id = tracing::field::Empty
    );
    let outcome = Outcome::default();
    let under_way = UnderWay::new(app.metrics.clone(), known, outcome.clone());
    async move {
        // Dropped in here, so that what it logs belongs to the span.
        let _under_way = under_way;
        let response = match admitted(&app, rpc, request, &outcome).await {
            Ok(request) => served(request, next, &outcome).await,
            Err(error) => answer(error, &outcome),
        };
        // Not ours to refuse: a message that is no message of the RPC, or an RPC that is none.
        outcome.is("UNREADABLE");
        response
    }
    .instrument(span)
    .await
}

/// The name of the RPC that is asked for; it could be any text.
fn name(request: &Request) -> &str {
    request.uri().path().rsplit('/').next().unwrap_or_default()
}

/// The request with whoever makes it, whole.
async fn admitted(app: &App, rpc: Option<Rpc>, mut request: Request, outcome: &Outcome) -> Result<Request> {
    let received = Instant::now();
    let mut context = RequestContext {
        deadline: timeout(request.headers()).map(|timeout| received + timeout),
        outcome: outcome.clone(),
        ..context(&request)
    };
    if !rpc.is_some_and(Rpc::is_open) {
        let caller = match verified(app, request.headers()).await {
            Ok(caller) => caller,
            Err(Refused::Trouble(error)) => return Err(error),
            Err(Refused::Key(why)) => {
                let name = name(&request).to_owned();
                return Err(refused(app, &name, &context, why).await);
            }
        };
        tracing::Span::current().record("org.id", tracing::field::display(caller.org));
        app.limits.request(&caller)?;
        if caller.is_voice() {
            context.call = Some(call(request.headers()));
        }
        context.idempotency_key = key(request.headers())?;
        request.extensions_mut().insert(Caller { request: context.clone(), ..caller });
    }
    request.extensions_mut().insert(context);
    whole(request, largest(rpc)).await
}

/// The request with its message in memory, unless that is too large or too slow. Every RPC has one message.
async fn whole(request: Request, largest: usize) -> Result<Request> {
    let (parts, body) = request.into_parts();
    let arriving = tokio::time::timeout(PATIENCE, to_bytes(body, largest));
    let body: Bytes = arriving.await.map_err(|_| Error::DeadlineExceeded)?.map_err(|_| Error::TooLarge)?;
    Ok(Request::from_parts(parts, Body::from(body)))
}

async fn served(request: Request, next: Next, outcome: &Outcome) -> Response {
    let Some(deadline) = request.extensions().get::<RequestContext>().and_then(|context| context.deadline)
    else {
        return next.run(request).await;
    };
    let patience = deadline.saturating_duration_since(Instant::now()).saturating_sub(MARGIN);
    // A timer of no time at all would still let the work begin.
    if patience.is_zero() {
        return answer(Error::DeadlineExceeded, outcome);
    }
    let serving = tokio::time::timeout(patience, next.run(request)).await;
    serving.unwrap_or_else(|_| answer(Error::DeadlineExceeded, outcome))
}

async fn verified(app: &App, headers: &HeaderMap) -> Result<Caller, Refused> {
    let credential = bearer(headers).map_err(Refused::Key)?;
    if OpaqueKey::looks_like(KeyKind::AgentKey, credential) {
        return authenticate_agent(app, credential).await;
    }
    let caller = app.keys.get().verifier.verify(credential, app.clock.now()).await.map_err(Refused::Key)?;
    authenticate_bearer(app, caller).await
}

fn bearer(headers: &HeaderMap) -> Result<&str, &'static str> {
    let mut values = headers.get_all(http::header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return Err("missing or repeated") };
    let (scheme, token) =
        value.to_str().ok().and_then(|v| v.trim().split_once(' ')).ok_or("not a bearer token")?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim()) } else { Err("not a bearer token") }
}

fn context(request: &Request) -> RequestContext {
    let headers = request.headers();
    RequestContext {
        id: id(headers, "x-request-id"),
        address: address(request),
        named_org: text(headers, "x-named-org-id").map(str::to_owned),
        named_caller: text(headers, "x-named-caller-number").map(str::to_owned),
        ..RequestContext::default()
    }
}

/// Where a request comes from. What is in front of us may say for whom it asks, if it is in a private network: no stranger is.
fn address(request: &Request) -> Option<IpAddr> {
    let peer = request.extensions().get::<TcpConnectInfo>()?.remote_addr()?.ip();
    let named = text(request.headers(), "x-client-address").and_then(|address| address.parse().ok());
    named.filter(|_| proto::address::is_private(peer)).or(Some(peer))
}

fn call(headers: &HeaderMap) -> Call {
    let number = text(headers, "x-caller-number").and_then(|number| Phone::parse(number).ok());
    Call { id: id(headers, "x-call-id"), number }
}

fn key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>> {
    let Some(key) = headers.get("idempotency-key") else { return Ok(None) };
    let key = IdempotencyKey::parse(key.to_str().unwrap_or_default());
    key.map(Some).map_err(|problem| Error::invalid("idempotency-key", problem))
}

fn id(headers: &HeaderMap, name: &str) -> Option<String> {
    text(headers, name).map(|id| id.chars().take(LONGEST_ID).collect())
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

/// Writes down that a credential was refused, unless too many of that address's were already.
async fn refused(app: &App, name: &str, context: &RequestContext, why: &'static str) -> Error {
    if let Err(limited) = app.limits.refusal(context.address) {
        return limited;
    }
    // The refusal stands whether or not it can be written down.
    let written = auth_failures::insert(&app.db, app.clock.now(), name, why, context.id.as_deref());
    if let Err(error) = written.await {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "an authentication failure was not recorded"
        );
    }
    Error::Unauthenticated
}

fn answer(error: Error, outcome: &Outcome) -> Response {
    outcome.is(reason(&error));
    Status::from(error).into_http()
}
