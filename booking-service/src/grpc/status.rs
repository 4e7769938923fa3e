//! What a client is told of an error.

use std::{collections::HashMap, error::Error as _, time::Duration};

use prost::Message as _;
use proto::booking::v1 as pb;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _, pb as rpc};

use crate::{
    domain::{slot::OpenSlot, timetable::SlotProblem, when::TimeProblem},
    error::{Error, Resource, Violation},
};

/// The namespace of our reasons.
const DOMAIN: &str = "booking.v1";

/// Long enough for whoever is in the way to finish, short enough for a caller who waits.
const RETRY_AFTER: Duration = Duration::from_millis(50);
const RETRY_AWAY_AFTER: Duration = Duration::from_secs(1);

/// All of a status travels in headers, which clients and servers take up to some kilobytes of.
const MOST_VIOLATIONS: usize = 25;
const LONGEST_PROBLEM: usize = 160;
const LONGEST_MESSAGE: usize = 1000;

fn shortened(text: String) -> String {
    cut(text, LONGEST_PROBLEM)
}

fn cut(text: String, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        None => text,
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

/// The stable name of what went wrong.
pub(crate) fn reason(error: &Error) -> &'static str {
    code_and_reason(error).1
}

fn code_and_reason(error: &Error) -> (Code, &'static str) {
    match error {
        Error::Invalid(_) => (Code::InvalidArgument, "INVALID_ARGUMENT"),
        Error::Time { problem: TimeProblem::Past, .. } => (Code::InvalidArgument, "START_IN_THE_PAST"),
        Error::Time { problem: TimeProblem::NotUnderstood, .. } => {
            (Code::InvalidArgument, "TIME_NOT_UNDERSTOOD")
        }
        Error::Time { problem: TimeProblem::Skipped, .. } => (Code::InvalidArgument, "LOCAL_TIME_SKIPPED"),
        Error::Time { problem: TimeProblem::Repeated, .. } => (Code::InvalidArgument, "LOCAL_TIME_REPEATED"),
        Error::ClinicRequired(_) => (Code::InvalidArgument, "CLINIC_REQUIRED"),
        Error::NoProviders(_) => (Code::FailedPrecondition, "NO_PROVIDERS"),
        // To the client, one answer for all.
        Error::Unauthenticated | Error::RefreshTokenReused => (Code::Unauthenticated, "UNAUTHENTICATED"),
        Error::ClinicForbidden(_) => (Code::PermissionDenied, "CLINIC_FORBIDDEN"),
        Error::RoleTooSmall => (Code::PermissionDenied, "ROLE_TOO_SMALL"),
        Error::ToolNotAllowed => (Code::PermissionDenied, "TOOL_NOT_ALLOWED"),
        Error::IdentityMismatch(_) => (Code::PermissionDenied, "IDENTITY_MISMATCH"),
        Error::OrganisationRequired(_) => (Code::InvalidArgument, "ORGANIZATION_REQUIRED"),
        Error::EmailInUse => (Code::FailedPrecondition, "EMAIL_IN_USE"),
        Error::AlreadyMember => (Code::FailedPrecondition, "ALREADY_A_MEMBER"),
        Error::LastAdmin => (Code::FailedPrecondition, "LAST_ADMIN"),
        Error::RateLimited(_) => (Code::ResourceExhausted, "RATE_LIMITED"),
        Error::TooLarge => (Code::InvalidArgument, "TOO_LARGE"),
        Error::CallerNotIdentified => (Code::PermissionDenied, "CALLER_NOT_IDENTIFIED"),
        Error::NotFound { resource, .. } => (Code::NotFound, not_found(*resource)),
        Error::SlotTaken(_) => (Code::AlreadyExists, "SLOT_TAKEN"),
        Error::NotBookable { problem, .. } => (Code::FailedPrecondition, slot_problem(*problem)),
        Error::ServiceNotOffered(_) => (Code::FailedPrecondition, "SERVICE_NOT_OFFERED"),
        Error::OfferExpired => (Code::FailedPrecondition, "OFFER_EXPIRED"),
        Error::AmbiguousSlot => (Code::InvalidArgument, "AMBIGUOUS_SLOT"),
        Error::HoldExpired => (Code::FailedPrecondition, "HOLD_EXPIRED"),
        Error::TooManyHolds(_) => (Code::FailedPrecondition, "TOO_MANY_HOLDS"),
        Error::CutoffPassed(_) => (Code::FailedPrecondition, "CUTOFF_PASSED"),
        Error::NotBegun => (Code::FailedPrecondition, "NOT_BEGUN"),
        Error::StaleVersion(_) => (Code::FailedPrecondition, "STALE_VERSION"),
        Error::NameInUse => (Code::FailedPrecondition, "NAME_IN_USE"),
        Error::IdempotencyKeyReused => (Code::FailedPrecondition, "IDEMPOTENCY_KEY_REUSED"),
        Error::NoLongerBooked(_) => (Code::FailedPrecondition, "NO_LONGER_BOOKED"),
        Error::WrongState(_) => (Code::FailedPrecondition, "WRONG_STATE"),
        Error::ConsentExpired => (Code::FailedPrecondition, "CONSENT_EXPIRED"),
        Error::GoogleNotConfigured => (Code::FailedPrecondition, "GOOGLE_NOT_CONFIGURED"),
        Error::GoogleRefused(_) => (Code::FailedPrecondition, "GOOGLE_REFUSED"),
        Error::GoogleUnavailable(_) => (Code::Unavailable, "GOOGLE_UNAVAILABLE"),
        Error::CalendarDisconnected => (Code::FailedPrecondition, "CALENDAR_DISCONNECTED"),
        Error::Busy(_) => (Code::Aborted, "BUSY"),
        Error::DeadlineExceeded => (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"),
        Error::DatabaseUnavailable(_) => (Code::Unavailable, "UNAVAILABLE"),
        Error::Internal(_) => (Code::Internal, "INTERNAL"),
    }
}

fn not_found(resource: Resource) -> &'static str {
    match resource {
        Resource::Appointment => "APPOINTMENT_NOT_FOUND",
        Resource::Provider => "PROVIDER_NOT_FOUND",
        Resource::Service => "SERVICE_NOT_FOUND",
        Resource::Patient => "PATIENT_NOT_FOUND",
        Resource::Absence => "ABSENCE_NOT_FOUND",
        Resource::Document => "DOCUMENT_NOT_FOUND",
        Resource::Profile => "PROFILE_NOT_FOUND",
        Resource::Member => "MEMBER_NOT_FOUND",
        Resource::AgentKey => "AGENT_KEY_NOT_FOUND",
        Resource::WebhookCredential => "WEBHOOK_CREDENTIAL_NOT_FOUND",
        Resource::Calendar => "CALENDAR_NOT_FOUND",
        Resource::DeadLetter => "DEAD_LETTER_NOT_FOUND",
    }
}

/// The reason for which a slot cannot be booked.
pub(super) fn slot_problem(problem: SlotProblem) -> &'static str {
    match problem {
        SlotProblem::InvalidDuration => "INVALID_DURATION",
        SlotProblem::TooSoon => "TOO_SOON",
        SlotProblem::TooFar => "TOO_FAR",
        SlotProblem::Closed => "CLOSED",
        SlotProblem::OutsideHours => "OUTSIDE_HOURS",
        SlotProblem::ProviderAway => "PROVIDER_AWAY",
        SlotProblem::Misaligned => "MISALIGNED",
        SlotProblem::Taken => "SLOT_TAKEN",
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let (code, reason) = code_and_reason(&error);
        // The cause is for our logs alone; nobody else logs an error that it returns.
        if matches!(code, Code::Internal | Code::Unavailable) {
            tracing::error!(cause = error.source(), reason, "{error}");
        }
        let mut details = ErrorDetails::with_error_info(reason, DOMAIN, metadata(&error));
        for Violation { field, problem } in violations(&error).into_iter().take(MOST_VIOLATIONS) {
            details.add_bad_request_violation(field, shortened(problem));
        }
        if let Error::NotFound { resource, id } = &error {
            details.set_resource_info(resource.to_string(), id, "", "it is not there, or it is not yours");
        }
        if let Error::WrongState(state) | Error::NoLongerBooked(state) = &error {
            details.add_precondition_failure_violation("state", "appointment", state.as_str());
        }
        if let Some(delay) = retry_after(&error) {
            details.set_retry_info(Some(delay));
        }
        let status = Self::with_error_details(code, cut(error.to_string(), LONGEST_MESSAGE), details);
        let slots = |alternatives: Vec<OpenSlot>| alternatives.into_iter().map(Into::into).collect();
        if let Error::SlotTaken(alternatives) = error {
            let detail = pb::SlotTaken { alternatives: slots(alternatives) };
            return with_detail(&status, "booking.v1.SlotTaken", &detail);
        }
        if let Error::NotBookable { alternatives, .. } = error {
            let detail = pb::SlotNotBookable { alternatives: slots(alternatives) };
            return with_detail(&status, "booking.v1.SlotNotBookable", &detail);
        }
        status
    }
}

/// What a client can use to form a sentence of its own.
fn metadata(error: &Error) -> HashMap<String, String> {
    match error {
        Error::Time { today, .. } => HashMap::from([
            ("clinic_today".to_owned(), today.spoken()),
            ("time_zone".to_owned(), today.time_zone.clone()),
        ]),
        Error::ClinicRequired(names) => HashMap::from([("clinics".to_owned(), names.join("; "))]),
        Error::OrganisationRequired(names) => HashMap::from([("organizations".to_owned(), names.join("; "))]),
        Error::NoLongerBooked(state) | Error::WrongState(state) => {
            HashMap::from([("state".to_owned(), state.as_str().to_owned())])
        }
        Error::NotBookable { facts, .. } => {
            facts.iter().map(|(name, fact)| ((*name).to_owned(), fact.clone())).collect()
        }
        Error::ServiceNotOffered(name) => HashMap::from([("service".to_owned(), name.clone())]),
        Error::CutoffPassed(minutes) => HashMap::from([("cutoff_minutes".to_owned(), minutes.to_string())]),
        Error::StaleVersion(version) => HashMap::from([("version".to_owned(), version.to_string())]),
        Error::GoogleRefused(reason) => HashMap::from([("google_reason".to_owned(), reason.clone())]),
        Error::NotFound { resource, .. } => HashMap::from([("resource".to_owned(), resource.to_string())]),
        Error::Invalid(_)
        | Error::NoProviders(_)
        | Error::Unauthenticated
        | Error::ClinicForbidden(_)
        | Error::RoleTooSmall
        | Error::ToolNotAllowed
        | Error::IdentityMismatch(_)
        | Error::RefreshTokenReused
        | Error::EmailInUse
        | Error::AlreadyMember
        | Error::LastAdmin
        | Error::RateLimited(_)
        | Error::TooLarge
        | Error::CallerNotIdentified
        | Error::SlotTaken(_)
        | Error::OfferExpired
        | Error::AmbiguousSlot
        | Error::HoldExpired
        | Error::TooManyHolds(_)
        | Error::NotBegun
        | Error::NameInUse
        | Error::IdempotencyKeyReused
        | Error::ConsentExpired
        | Error::GoogleNotConfigured
        | Error::GoogleUnavailable(_)
        | Error::CalendarDisconnected
        | Error::Busy(_)
        | Error::DeadlineExceeded
        | Error::DatabaseUnavailable(_)
        | Error::Internal(_) => HashMap::new(),
    }
}

fn violations(error: &Error) -> Vec<Violation> {
    let one = |field| vec![Violation { field, problem: error.to_string() }];
    if let Error::Invalid(violations) = error {
        return violations.clone();
    }
    let field = matches!(error, Error::Time { .. }).then_some("slot.when");
    let field = field.or(matches!(error, Error::ClinicRequired(_)).then_some("slot.clinic_id"));
    let field = field.or(matches!(error, Error::OrganisationRequired(_)).then_some("org_id"));
    let field = field.or(matches!(error, Error::AmbiguousSlot).then_some("slot"));
    field.map(one).unwrap_or_default()
}

fn retry_after(error: &Error) -> Option<Duration> {
    if let Error::RateLimited(delay) = error {
        return Some(*delay);
    }
    let busy = matches!(error, Error::Busy(_)).then_some(RETRY_AFTER);
    let away = matches!(error, Error::DatabaseUnavailable(_) | Error::GoogleUnavailable(_));
    busy.or(away.then_some(RETRY_AWAY_AFTER))
}

/// A status with one more detail, of a type that `tonic_types` does not know.
fn with_detail(status: &Status, name: &str, detail: &impl prost::Message) -> Status {
    // The details were encoded a moment ago.
    let mut packed = rpc::Status::decode(status.details()).unwrap_or_default();
    packed.details.push(prost_types::Any {
        type_url: format!("type.googleapis.com/{name}"),
        value: detail.encode_to_vec(),
    });
    Status::with_details(status.code(), status.message(), packed.encode_to_vec().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_internal_error_tells_the_client_nothing_of_its_cause() {
        let status = Status::from(Error::Internal(anyhow::anyhow!("password=hunter2")));
        assert_eq!((status.code(), status.message()), (Code::Internal, "internal error"));
        assert!(!format!("{status:?}").contains("hunter2"));
        assert_eq!(status.get_details_error_info().unwrap().reason, "INTERNAL");
    }
}
