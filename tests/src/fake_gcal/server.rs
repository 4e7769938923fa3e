//! The stand-in over HTTP, and what a test can do to it.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Path, RawForm, RawQuery, State as Given},
    http::{HeaderMap, Method, Request, StatusCode, header},
    response::{Html, IntoResponse as _, Redirect, Response},
    routing::{any, get, post},
};
use booking_service::clock::Clock;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower::ServiceExt as _;

use super::{
    clients::{Account, Key, TOKEN_LIFE},
    discovery::Discovery,
    events::{Question, perform, refusal},
    faults::{Fault, Mishap, Op},
    oauth, page,
    state::{Asked, Event, State},
};

/// A Google Calendar that is not Google's. Ends with its last handle.
#[derive(Clone, Debug)]
pub struct FakeGcal {
    /// Where it is, without a slash at the end.
    pub url: String,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    discovery: Option<Discovery>,
}

/// The connection ends without an answer.
#[derive(Clone, Copy, Debug)]
struct HungUp;

impl FakeGcal {
    /// On a free port of this machine, by this clock. With a discovery document, requests are held against it.
    pub async fn start(clock: Clock, discovery: Option<Discovery>) -> io::Result<Self> {
        Self::start_at("127.0.0.1:0".parse().map_err(io::Error::other)?, clock, discovery).await
    }

    /// At this address.
    pub async fn start_at(
        address: SocketAddr,
        clock: Clock,
        discovery: Option<Discovery>,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let shared = Arc::new(Shared { state: Mutex::new(State::new(clock)), discovery });
        let url = format!("http://{}", listener.local_addr()?);
        tokio::spawn(serve(listener, shared.clone()));
        Ok(Self { url, shared })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }

    /// A calendar that belongs to somebody.
    pub fn add_calendar(&self, id: &str, owner: &str) {
        self.share(id, owner, "owner");
    }

    /// Somebody may do something in a calendar: `owner`, `writer` or `reader`.
    pub fn share(&self, id: &str, who: &str, role: &'static str) {
        self.state().calendars.entry(id.to_owned()).or_default().roles.insert(who.to_owned(), role);
    }

    /// The calendar is gone.
    pub fn remove_calendar(&self, id: &str) {
        self.state().calendars.remove(id);
    }

    /// A service account, which may act for these people, too.
    pub fn service_account(&self, email: &str, subjects: &[&str]) -> Key {
        let key = Key::new(email, &format!("{}/token", self.url));
        let mut state = self.state();
        let account = state.clients.accounts.entry(email.to_owned()).or_insert_with(|| Account {
            key: key.public.clone(),
            key_id: key.id.clone(),
            subjects: Vec::new(),
        });
        account.subjects.extend(subjects.iter().map(|subject| (*subject).to_owned()));
        key
    }

    /// A refresh token of somebody's, as if they had consented to this application and scope.
    pub fn consent_of(&self, who: &str, client: &str, scope: &str) -> String {
        let token = self.state().clients.secret("1//0");
        let grant = super::clients::Grant {
            who: who.to_owned(),
            client: client.to_owned(),
            scopes: scope.to_owned(),
        };
        self.state().clients.grants.insert(token.clone(), grant);
        self.add_calendar(who, who);
        token
    }

    /// An access token of somebody's.
    pub fn access_of(&self, who: &str, scope: &str) -> String {
        self.add_calendar(who, who);
        let token = self.state().clients.secret("ya29.");
        let mut state = self.state();
        let access = super::clients::Access {
            who: who.to_owned(),
            scopes: scope.to_owned(),
            until: state.clock.now() + TOKEN_LIFE,
        };
        state.clients.access.insert(token.clone(), access);
        token
    }

    /// Who consents at the consent page.
    pub fn person(&self, who: &str) {
        who.clone_into(&mut self.state().clients.person);
    }

    /// Takes back every consent and every key.
    pub fn revoke_all(&self) {
        let mut state = self.state();
        state.clients.grants.clear();
        state.clients.accounts.clear();
        state.clients.access.clear();
    }

    /// Access tokens are not believed any more; new ones are.
    pub fn end_tokens(&self) {
        self.state().clients.access.clear();
    }

    /// Each refresh gives another refresh token from now on.
    pub fn rotate_refresh_tokens(&self) {
        self.state().clients.rotates = true;
    }

    /// Somebody who hears of each token and code, from now on.
    pub fn confide_in(&self, confidant: fn(&str)) {
        self.state().clients.confidant = confidant;
    }

    /// The tokens and codes that are good.
    pub fn secrets(&self) -> Vec<String> {
        let state = self.state();
        let clients = &state.clients;
        clients.access.keys().chain(clients.grants.keys()).chain(clients.codes.keys()).cloned().collect()
    }

    /// Something goes wrong, from now on.
    pub fn plan(&self, fault: Fault) {
        self.state().faults.planned.push(fault);
    }

    /// This goes wrong the next time.
    pub fn once(&self, op: Op, mishap: Mishap) {
        self.plan(Fault { op: Some(op), mishap, times: 1, one_in: 1 });
    }

    /// All is well from now on.
    pub fn heal(&self) {
        let mut state = self.state();
        state.faults.planned.clear();
        state.faults.is_away = false;
    }

    /// Nobody is reached from now on.
    pub fn go_away(&self) {
        self.state().faults.is_away = true;
    }

    /// Requests a minute of one user; 0: as many as they like.
    pub fn set_quota(&self, quota: usize) {
        self.state().quota = quota;
    }

    /// How long access tokens are good.
    pub fn set_token_life(&self, seconds: i64) {
        self.state().clients.token_life = jiff::SignedDuration::from_secs(seconds).min(TOKEN_LIFE);
    }

    /// The events of a calendar, also the deleted ones, by id.
    pub fn all_events(&self, calendar: &str) -> Vec<Event> {
        self.state()
            .calendars
            .get(calendar)
            .map(|found| found.events.values().cloned().collect())
            .unwrap_or_default()
    }

    /// The events of a calendar that are there, by time.
    pub fn events(&self, calendar: &str) -> Vec<Event> {
        let mut events: Vec<Event> =
            self.all_events(calendar).into_iter().filter(|e| !e.is_cancelled).collect();
        events.sort_by_key(Event::start);
        events
    }

    /// A person changes an event.
    pub fn person_changes(&self, calendar: &str, id: &str, fields: &Value) {
        let body = fields.clone();
        self.person_asks(Op::Patch, calendar, id, body);
    }

    /// A person, or a program of theirs, makes an event under this id.
    pub fn person_inserts(&self, calendar: &str, id: &str) {
        let time = json!({ "dateTime": "2027-03-01T12:00:00Z" });
        self.person_asks(
            Op::Insert,
            calendar,
            "",
            json!({ "id": id, "summary": "Golf", "start": time, "end": time }),
        );
    }

    /// A person deletes an event.
    pub fn person_deletes(&self, calendar: &str, id: &str) {
        self.person_asks(Op::Delete, calendar, id, Value::Null);
    }

    fn person_asks(&self, op: Op, calendar: &str, id: &str, body: Value) {
        let mut state = self.state();
        let roles = state.calendars.get(calendar).map(|found| found.roles.clone()).unwrap_or_default();
        let who =
            roles.into_iter().find(|(_, role)| *role == "owner").map(|(who, _)| who).unwrap_or_default();
        let question = Question {
            op,
            calendar: calendar.to_owned(),
            event: id.to_owned(),
            who,
            query: Vec::new(),
            body,
            if_match: None,
        };
        let (status, body) = perform(&mut state, &question);
        assert!((200..300).contains(&status), "a person could not do it: {status} {body}");
    }

    /// What was asked so far.
    pub fn journal(&self) -> Vec<Asked> {
        self.state().journal.clone()
    }

    /// What Google would not know of what was asked.
    pub fn violations(&self) -> Vec<String> {
        self.state().violations.clone()
    }

    /// The same, and forgets it.
    pub fn forgive(&self) -> Vec<String> {
        std::mem::take(&mut self.state().violations)
    }

    /// Whether requests are held against Google's own description.
    pub fn is_held_against_discovery(&self) -> bool {
        self.shared.discovery.is_some()
    }

    /// The most requests that were under way at once in any one calendar.
    pub fn most_at_once(&self) -> usize {
        self.state().under_way.values().map(|(_, most)| *most).max().unwrap_or_default()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let router = router(shared.clone());
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        if shared.state().faults.is_away {
            // The connection is reset.
            continue;
        }
        let (router, shared) = (router.clone(), shared.clone());
        let service = hyper::service::service_fn(move |request: Request<hyper::body::Incoming>| {
            let (router, shared) = (router.clone(), shared.clone());
            async move {
                if shared.state().faults.is_away {
                    return Err(io::Error::other("away"));
                }
                let Ok(response) = router.oneshot(request.map(Body::new)).await;
                let hung_up = response.extensions().get::<HungUp>().is_some();
                if hung_up { Err(io::Error::other("hung up")) } else { Ok(response) }
            }
        });
        let connection =
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::spawn(connection);
    }
}

fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/", get(async |Given(shared): Given<Arc<Shared>>| Html(page::page(&shared.state()))))
        .route("/o/oauth2/v2/auth", get(consent))
        .route("/token", post(token))
        .route("/revoke", post(revoke))
        .route("/control/{what}/{how}", post(control))
        .route("/calendar/v3/freeBusy", any(free_busy))
        .route("/calendar/v3/calendars/{calendar}/events", any(events))
        .route("/calendar/v3/calendars/{calendar}/events/{event}", any(event))
        .fallback(async || reply(refusal(404, "notFound", "Not Found")))
        .with_state(shared)
}

fn reply((status, body): (u16, Value)) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if body.is_null() {
        return status.into_response();
    }
    (status, [(header::CONTENT_TYPE, "application/json; charset=UTF-8")], body.to_string()).into_response()
}

fn pairs(text: &[u8]) -> oauth::Fields {
    let query = String::from_utf8_lossy(text);
    let url = reqwest::Url::parse(&format!("http://x/?{query}"));
    url.map(|url| url.query_pairs().into_owned().collect()).unwrap_or_default()
}

async fn consent(Given(shared): Given<Arc<Shared>>, RawQuery(query): RawQuery) -> Response {
    match oauth::consent(&mut shared.state(), &pairs(query.unwrap_or_default().as_bytes())) {
        Ok(back) => Redirect::to(&back).into_response(),
        Err(refused) => reply(refused),
    }
}

async fn token(Given(shared): Given<Arc<Shared>>, RawForm(form): RawForm) -> Response {
    let latency = shared.state().faults.latency;
    tokio::time::sleep(latency).await;
    let asked = |status, done| Asked {
        op: Op::Token,
        calendar: String::new(),
        event: String::new(),
        who: String::new(),
        body: Value::Null,
        if_match: None,
        status,
        done,
    };
    let mishap = shared.state().faults.strike(Op::Token);
    if let Some(before) = before(&shared, mishap.as_ref(), &asked(0, false)).await {
        return before;
    }
    let answer = {
        let mut state = shared.state();
        let answer = oauth::token(&mut state, &pairs(&form));
        state.journal.push(asked(answer.0, answer.0 == 200));
        answer
    };
    after(mishap, answer).await
}

async fn revoke(Given(shared): Given<Arc<Shared>>, RawForm(form): RawForm) -> Response {
    reply(oauth::revoke(&mut shared.state(), &pairs(&form)))
}

/// For programs that have no handle: latency in milliseconds, requests a minute, calendars.
async fn control(Given(shared): Given<Arc<Shared>>, Path((what, how)): Path<(String, String)>) -> Response {
    let mut state = shared.state();
    match (what.as_str(), how.parse::<u64>()) {
        ("latency", Ok(ms)) => state.faults.latency = Duration::from_millis(ms),
        ("quota", Ok(quota)) => state.quota = usize::try_from(quota).unwrap_or_default(),
        ("calendar", _) => {
            state.calendars.entry(how.clone()).or_default().roles.insert(how, "owner");
        }
        _ => return StatusCode::NOT_FOUND.into_response(),
    }
    StatusCode::NO_CONTENT.into_response()
}

async fn free_busy(
    given: Given<Arc<Shared>>,
    method: Method,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    let op = if method == Method::POST { Op::FreeBusy } else { return not_there() };
    answer(given, (op, ("freebusy", "query")), String::new(), String::new(), &headers, query, &body).await
}

async fn events(
    given: Given<Arc<Shared>>,
    Path(calendar): Path<String>,
    method: Method,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    let op = match method {
        Method::GET => (Op::List, ("events", "list")),
        Method::POST => (Op::Insert, ("events", "insert")),
        _ => return not_there(),
    };
    answer(given, op, calendar, String::new(), &headers, query, &body).await
}

async fn event(
    given: Given<Arc<Shared>>,
    Path((calendar, event)): Path<(String, String)>,
    method: Method,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    let op = match method {
        Method::GET => (Op::Get, ("events", "get")),
        Method::PATCH => (Op::Patch, ("events", "patch")),
        Method::PUT => (Op::Update, ("events", "update")),
        Method::DELETE => (Op::Delete, ("events", "delete")),
        _ => return not_there(),
    };
    answer(given, op, calendar, event, &headers, query, &body).await
}

fn not_there() -> Response {
    reply(refusal(404, "notFound", "Not Found"))
}

/// Counts a request as long as it is under way.
struct UnderWay(Arc<Shared>, String);

impl UnderWay {
    fn new(shared: Arc<Shared>, calendar: &str) -> Self {
        {
            let mut state = shared.state();
            let (now, most) = state.under_way.entry(calendar.to_owned()).or_default();
            *now += 1;
            *most = (*most).max(*now);
        }
        Self(shared, calendar.to_owned())
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if let Some((now, _)) = self.0.state().under_way.get_mut(&self.1) {
            *now -= 1;
        }
    }
}

async fn answer(
    Given(shared): Given<Arc<Shared>>,
    (op, name): (Op, (&str, &str)),
    calendar: String,
    event: String,
    headers: &HeaderMap,
    query: Option<String>,
    body: &[u8],
) -> Response {
    let _under_way = UnderWay::new(shared.clone(), &calendar);
    let latency = shared.state().faults.latency;
    tokio::time::sleep(latency).await;
    let text = |name: &header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let token =
        text(&header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    let question = Question {
        op,
        calendar,
        event,
        who: String::new(),
        query: pairs(query.unwrap_or_default().as_bytes()),
        body: if body.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(body).unwrap_or(json!("no JSON"))
        },
        if_match: text(&header::IF_MATCH).map(str::to_owned),
    };
    let (question, mishap) =
        match let_in(&mut shared.state(), token, question, shared.discovery.as_ref(), name) {
            Ok(let_in) => let_in,
            Err(refused) => return reply(refused),
        };
    let asked = Asked {
        op,
        calendar: question.calendar.clone(),
        event: id_of(&question),
        who: question.who.clone(),
        body: question.body.clone(),
        if_match: question.if_match.clone(),
        status: 0,
        done: false,
    };
    if let Some(lateness) = mishap.as_ref().and_then(Mishap::lateness) {
        tokio::spawn(async move {
            lateness.await;
            do_it(&shared, &question, asked);
        });
        return std::future::pending().await;
    }
    if let Some(before) = before(&shared, mishap.as_ref(), &asked).await {
        return before;
    }
    let answer = do_it(&shared, &question, asked);
    after(mishap, answer).await
}

fn id_of(question: &Question) -> String {
    let inserted = question.body.get("id").and_then(Value::as_str).unwrap_or_default();
    if question.event.is_empty() { inserted.to_owned() } else { question.event.clone() }
}

fn do_it(shared: &Shared, question: &Question, asked: Asked) -> (u16, Value) {
    let mut state = shared.state();
    let answer = perform(&mut state, question);
    let done = (200..300).contains(&answer.0);
    state.journal.push(Asked { status: answer.0, done, ..asked });
    answer
}

/// Who it is, whether Google would know the request, and whether there is too much of it.
fn let_in(
    state: &mut State,
    token: &str,
    question: Question,
    discovery: Option<&Discovery>,
    name: (&str, &str),
) -> Result<(Question, Option<Mishap>), (u16, Value)> {
    let mishap = state.faults.strike(question.op);
    if matches!(mishap, Some(Mishap::TokensEnd)) {
        state.clients.access.clear();
    }
    let now = state.clock.now();
    let access = state.clients.access.get(token).filter(|access| access.until > now).cloned();
    let Some(access) = access else { return Err(refusal(401, "authError", "Invalid Credentials")) };
    let needed = if question.op == Op::FreeBusy { "freebusy" } else { "calendar.events" };
    let covers = |scope: &str| {
        scope.ends_with(needed)
            || scope.ends_with("/auth/calendar")
            || scope.ends_with("calendar.events.freebusy")
    };
    if !access.scopes.split(' ').any(covers) {
        let message = "Request had insufficient authentication scopes.";
        return Err(refusal(403, "insufficientPermissions", message));
    }
    let body = Some(&question.body).filter(|body| !body.is_null());
    let wrong =
        discovery.map(|discovery| discovery.violations(name, &question.query, body)).unwrap_or_default();
    if !wrong.is_empty() {
        let message = wrong.join("; ");
        state.violations.extend(wrong);
        return Err(refusal(400, "invalid", &message));
    }
    if state.is_throttled(&access.who) {
        return Err(refusal(403, "userRateLimitExceeded", "User Rate Limit Exceeded"));
    }
    Ok((Question { who: access.who, ..question }, mishap))
}

/// What goes wrong before anything is done.
async fn before(shared: &Shared, mishap: Option<&Mishap>, asked: &Asked) -> Option<Response> {
    let (status, response) = match mishap? {
        Mishap::Refused(status, reason, retry_after) => {
            let refused = if asked.op == Op::Token {
                (*status, json!({ "error": reason }))
            } else {
                refusal(*status, reason, "as it was planned")
            };
            let mut response = reply(refused);
            if let Some(seconds) = retry_after {
                response.headers_mut().insert(header::RETRY_AFTER, (*seconds).into());
            }
            (*status, response)
        }
        Mishap::Page(status) => {
            let code = StatusCode::from_u16(*status).unwrap_or(StatusCode::BAD_GATEWAY);
            (*status, (code, Html("<html><body>Something went wrong.</body></html>")).into_response())
        }
        Mishap::HangUpBefore => (0, hung_up()),
        Mishap::HeldBefore(hold) => {
            hold.wait().await;
            return None;
        }
        Mishap::HangUpAfter
        | Mishap::CutOff
        | Mishap::Late(_)
        | Mishap::LateUntil(_)
        | Mishap::HeldAfter(_)
        | Mishap::TokensEnd => return None,
    };
    shared.state().journal.push(Asked { status, ..asked.clone() });
    Some(response)
}

/// What goes wrong after it was done.
async fn after(mishap: Option<Mishap>, answer: (u16, Value)) -> Response {
    match mishap {
        Some(Mishap::HangUpAfter) => hung_up(),
        Some(Mishap::HeldAfter(hold)) => {
            hold.wait().await;
            reply(answer)
        }
        Some(Mishap::CutOff) if !answer.1.is_null() => {
            let text = answer.1.to_string();
            let half = text[..text.len() / 2].to_owned();
            let parts = [Ok(half), Err(io::Error::other("cut off"))];
            let status = StatusCode::from_u16(answer.0).unwrap_or_default();
            (status, Body::from_stream(futures::stream::iter(parts))).into_response()
        }
        _ => reply(answer),
    }
}

fn hung_up() -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    response.extensions_mut().insert(HungUp);
    response
}
