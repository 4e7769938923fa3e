//! What went wrong, as an RFC 9457 problem document.

use std::collections::HashMap;

use axum::response::{IntoResponse, Response};
use http::{
    HeaderValue, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};
use prost::Message as _;
use proto::booking::v1 as pb;
use serde::Serialize;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::{say, tools::SlotJson, vapi::arguments::Unusable};

/// A refusal that a program, a person and a voice can each use.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Problem {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
    /// One of ten words for what to do.
    pub(crate) code: &'static str,
    /// The stable reason, as gRPC has it.
    pub(crate) reason: String,
    /// A sentence to speak.
    pub(crate) say: String,
    /// Filled in on the way out.
    request_id: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) invalid_params: Vec<InvalidParam>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alternatives: Option<Vec<SlotJson>>,
    #[serde(skip)]
    retry_after: Option<u64>,
    /// Whether the sentence says what day it is already.
    #[serde(skip)]
    pub(crate) says_today: bool,
}

/// One argument that is wrong.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct InvalidParam {
    /// Its name, as the tool has it.
    pub(crate) name: String,
    /// What is wrong, as the end of a sentence that begins with the name.
    pub(crate) reason: String,
}

impl Problem {
    /// The request cannot be understood.
    pub(crate) fn unreadable(detail: &str) -> Self {
        Self::invalid("UNREADABLE", detail.to_owned(), format!("The request could not be read: {detail}."))
    }

    /// The request is longer than any that is meant.
    pub(crate) fn too_large() -> Self {
        let say = "That is more than can be taken at once.".to_owned();
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "INVALID_REQUEST",
            "TOO_LARGE".to_owned(),
            "the body is longer than 4 MiB".to_owned(),
            say,
        )
    }

    /// The request did not come to its end in time.
    pub(crate) fn too_slow() -> Self {
        let say = "That took too long to arrive.".to_owned();
        let detail = "the body did not arrive in time".to_owned();
        Self::new(StatusCode::REQUEST_TIMEOUT, "INVALID_REQUEST", "TOO_SLOW".to_owned(), detail, say)
    }

    /// There is no such tool.
    pub(crate) fn unknown_tool(say: String) -> Self {
        Self::invalid("UNKNOWN_TOOL", "there is no such tool".to_owned(), say)
    }

    /// Arguments that cannot be used at all.
    pub(crate) fn unusable(why: Unusable) -> Self {
        match why {
            Unusable::CutOff => {
                Self::unreadable("the arguments are cut off; please send fewer or shorter ones")
            }
            Unusable::NotAnObject => Self::unreadable("the arguments are not a JSON object"),
            Unusable::NoId => Self::unreadable("the tool call has no id"),
            Unusable::Encrypted => {
                let detail = "the arguments are encrypted, and nobody here can decrypt them";
                Self {
                    reason: "ARGUMENTS_ENCRYPTED".to_owned(),
                    say: "Some of that came encrypted, and I cannot read it. Please have the connection set up without \
                          encryption."
                        .to_owned(),
                    ..Self::unreadable(detail)
                }
            }
        }
    }

    /// Arguments are of the wrong type.
    pub(crate) fn invalid_params(invalid_params: Vec<InvalidParam>) -> Self {
        let say = say::invalid(&invalid_params);
        Self {
            invalid_params,
            ..Self::invalid("INVALID_ARGUMENT", "the arguments are not valid".to_owned(), say)
        }
    }

    /// There is no such route.
    pub(crate) fn no_route() -> Self {
        let say = "There is nothing at this address.".to_owned();
        Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", "NO_SUCH_ROUTE".to_owned(), say.clone(), say)
    }

    /// The route is there, the method is not.
    pub(crate) fn wrong_method() -> Self {
        let say = "This address cannot be used in that way.".to_owned();
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "INVALID_REQUEST",
            "WRONG_METHOD".to_owned(),
            say.clone(),
            say,
        )
    }

    fn invalid(reason: &str, detail: String, say: String) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "INVALID_REQUEST", reason.to_owned(), detail, say)
    }

    fn new(status: StatusCode, code: &'static str, reason: String, detail: String, say: String) -> Self {
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail,
            code,
            reason,
            say,
            request_id: String::new(),
            invalid_params: Vec::new(),
            alternatives: None,
            retry_after: None,
            says_today: false,
        }
    }

    /// The same, saying which request it was.
    pub(crate) fn of_request(self, id: &str) -> Self {
        Self { request_id: id.to_owned(), ..self }
    }

    /// The same, with one more sentence to speak.
    pub(crate) fn saying_also(self, sentence: &str) -> Self {
        Self { say: format!("{}{sentence}", self.say), ..self }
    }

    /// The HTTP status.
    pub(crate) fn status(&self) -> u16 {
        self.status
    }

    /// Whether the credential was refused: then nothing else is answered.
    pub(crate) fn is_unauthenticated(&self) -> bool {
        self.status == StatusCode::UNAUTHORIZED.as_u16()
    }
}

fn status_and_code(code: Code) -> (StatusCode, &'static str) {
    match code {
        Code::InvalidArgument | Code::OutOfRange => (StatusCode::BAD_REQUEST, "INVALID_REQUEST"),
        Code::Unauthenticated => (StatusCode::UNAUTHORIZED, "UNAUTHORIZED"),
        Code::PermissionDenied => (StatusCode::FORBIDDEN, "FORBIDDEN"),
        Code::NotFound => (StatusCode::NOT_FOUND, "NOT_FOUND"),
        Code::AlreadyExists => (StatusCode::CONFLICT, "CONFLICT"),
        Code::FailedPrecondition => (StatusCode::CONFLICT, "FAILED_PRECONDITION"),
        Code::ResourceExhausted => (StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED"),
        Code::Unavailable | Code::Aborted => (StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE"),
        // A server that gives up at the deadline may say either.
        Code::DeadlineExceeded | Code::Cancelled => (StatusCode::GATEWAY_TIMEOUT, "DEADLINE_EXCEEDED"),
        Code::Ok | Code::Unknown | Code::Internal | Code::DataLoss | Code::Unimplemented => {
            (StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL")
        }
    }
}

impl From<Status> for Problem {
    fn from(status: Status) -> Self {
        let (http, code) = status_and_code(status.code());
        let details = status.get_error_details();
        let (reason, metadata) = match details.error_info() {
            Some(info) => (info.reason.clone(), info.metadata.clone()),
            None => (code.to_owned(), HashMap::new()),
        };
        let invalid_params: Vec<InvalidParam> = details
            .bad_request()
            .into_iter()
            .flat_map(|bad| &bad.field_violations)
            .map(|v| InvalidParam { name: argument(&v.field).to_owned(), reason: v.description.clone() })
            .collect();
        let taken = alternatives(&status);
        let say = say::refusal(&reason, &metadata, &invalid_params, taken.as_deref().unwrap_or_default());
        // A message of a service that broke is for our logs.
        let detail = if http.is_server_error() { say.clone() } else { status.message().to_owned() };
        let retry =
            details.retry_info().and_then(|info| info.retry_delay).map(|delay| delay.as_secs().max(1));
        let retry_after = match http {
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => Some(retry.unwrap_or(1)),
            _ => None,
        };
        Self {
            invalid_params,
            alternatives: taken.map(|slots| slots.into_iter().map(SlotJson::from).collect()),
            retry_after,
            says_today: metadata.contains_key("clinic_today"),
            ..Self::new(http, code, reason, detail, say)
        }
    }
}

/// A field of the booking service's messages, by the name that the tools give it.
fn argument(field: &str) -> &str {
    match field {
        "slot.when" => "appointment_time",
        "slot.duration" | "duration" => "duration_minutes",
        "patient.name" => "patient_name",
        "patient.phone" => "patient_phone",
        "patient.email" => "patient_email",
        "service_text" | "slot.service_text" | "service_id" | "slot.service_id" => "service",
        "idempotency-key" => "Idempotency-Key",
        "expire_time" => "expires_at",
        "google_calendar_id" => "calendar_id",
        other => other.strip_prefix("slot.").or_else(|| other.strip_prefix("scope.")).unwrap_or(other),
    }
}

/// What could be booked instead, where the refusal says so: both details that do have the same form.
fn alternatives(status: &Status) -> Option<Vec<pb::Slot>> {
    let packed = tonic_types::Status::decode(status.details()).ok()?;
    let says = |url: &str| {
        ["/booking.v1.SlotTaken", "/booking.v1.SlotNotBookable"].iter().any(|name| url.ends_with(name))
    };
    let detail = packed.details.iter().find(|detail| says(&detail.type_url))?;
    Some(pb::SlotTaken::decode(detail.value.as_slice()).ok()?.alternatives)
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response =
            (status, [(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"))], body)
                .into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.is_unauthenticated() {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
