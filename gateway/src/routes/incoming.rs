//! A request as all the tool routes take it.

use std::{convert::Infallible, net::SocketAddr, time::Instant};

use axum::{
    body::Bytes,
    extract::{ConnectInfo, FromRequest, FromRequestParts as _, Request},
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, StatusCode, request::Parts};

use super::{observe::Known, signature};
use crate::{app::App, context::Context, credential, problem::Problem, tools, vapi::message::Unreadable};

/// A request, with what goes on to the booking service.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) context: Context,
    pub(super) headers: HeaderMap,
    body: Result<Bytes, Problem>,
    /// What kept a signature from being looked at: then it is not known whether the sender is to be let in.
    trouble: Option<Problem>,
}

impl FromRequest<App> for Incoming {
    type Rejection = Infallible;

    async fn from_request(request: Request, app: &App) -> Result<Self, Self::Rejection> {
        let deadline = app.upstream.deadline();
        let (mut parts, body) = request.into_parts();
        let Known { request_id, trace } = Known::from_request_parts(&mut parts, app).await?;
        let headers = parts.headers.clone();
        let mut context = Context {
            credential: credential::of(&headers),
            client_address: client_address(&parts),
            ..Context::new(trace, request_id, deadline)
        };
        let signer = signature::signer(&parts.uri).filter(|_| !credential::is_given(&headers));
        let (method, uri) = (parts.method.clone(), parts.uri.clone());
        let coming = Bytes::from_request(Request::from_parts(parts, body), app);
        // The other half is for the answer, and for looking at the credential first.
        let patience = deadline.saturating_duration_since(Instant::now()) / 2;
        let body = match tokio::time::timeout(patience, coming).await {
            Err(_) => Err(Problem::too_slow()),
            Ok(body) => body.map_err(|rejection| match rejection.status() {
                StatusCode::PAYLOAD_TOO_LARGE => Problem::too_large(),
                _ => Problem::unreadable("it ended too early"),
            }),
        };
        if let (Some(signer), Ok(body)) = (signer, &body) {
            // A signature that is not good is as good as no credential: the request is refused for that, and for nothing else.
            let request = signature::Signed { signer, method: &method, uri: &uri, headers: &headers, body };
            match signature::exchange(app, &context, request).await {
                Ok(token) => context.credential = Some(token),
                Err(problem) if problem.is_unauthenticated() => {}
                Err(problem) => {
                    let (body, trouble) = (Err(problem.clone()), Some(problem));
                    return Ok(Self { context, headers, body, trouble });
                }
            }
        }
        Ok(Self { context, headers, body, trouble: None })
    }
}

/// Where the request comes from, as far as what stands in front of us can be believed.
fn client_address(parts: &Parts) -> Option<std::net::IpAddr> {
    let ConnectInfo(peer) = parts.extensions.get::<ConnectInfo<SocketAddr>>()?;
    let forwarded: Vec<&str> =
        parts.headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok()).collect();
    Some(proto::address::client(peer.ip(), Some(&forwarded.join(","))))
}

impl Incoming {
    /// The body, or what kept it from coming.
    pub(super) fn body(&self) -> Result<&[u8], Problem> {
        self.body.as_deref().map_err(Clone::clone)
    }

    /// Refuses what could not be read, but only to those who are let in.
    pub(super) async fn refuse(&self, app: &App, problem: Problem) -> Response {
        if let Some(trouble) = &self.trouble {
            return self.respond(Err(trouble.clone()));
        }
        self.respond(Err(tools::corrective(app, &self.context, problem).await))
    }

    /// The answer as it goes out.
    pub(super) fn respond(&self, answer: Result<Response, Problem>) -> Response {
        answer.unwrap_or_else(|problem| problem.of_request(&self.context.request_id).into_response())
    }
}

impl From<Unreadable> for Problem {
    fn from(why: Unreadable) -> Self {
        Self::unreadable(match why {
            Unreadable::NotJson => "it is not JSON",
            Unreadable::NotAnObject => "it is not a JSON object",
            Unreadable::TooManyCalls => "it has more tool calls than can be meant",
            Unreadable::NoMessage => "it has neither a tool nor a message with a type",
        })
    }
}
