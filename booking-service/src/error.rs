//! Everything that can go wrong in an operation.

use std::time::Duration;

use crate::{
    domain::{appointment::State, slot::OpenSlot, spoken::Today, timetable::SlotProblem, when::TimeProblem},
    google::failure::Failure,
};

/// The result of an operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Says what went wrong and knows nothing of gRPC; `grpc::status` says what the client is told.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request is wrong; all that is wrong with it, at once.
    #[error("the request is not valid: {}", Violation::all(.0))]
    Invalid(Vec<Violation>),

    /// The time asked for cannot be booked, whoever is free.
    #[error("{}", time_problem(*.problem))]
    Time {
        /// Why not.
        problem: TimeProblem,
        /// What day it is at the clinic.
        today: Today,
    },

    /// The organisation has several clinics and none was named.
    #[error("the organisation has several clinics; name one of: {}", .0.join(", "))]
    ClinicRequired(Vec<String>),

    /// Nobody works at the clinic.
    #[error("nobody works at {0} yet")]
    NoProviders(String),

    /// The credential is missing or not believed. Which of the two, and why, is nobody's business.
    #[error("the credential is missing or not valid")]
    Unauthenticated,

    /// The clinic is not the caller's organisation's, whether it exists or not.
    #[error("clinic {0} is not yours")]
    ClinicForbidden(String),

    /// The caller's role does not allow it.
    #[error("your role does not allow this")]
    RoleTooSmall,

    /// The key is for other tools.
    #[error("this key is not for this")]
    ToolNotAllowed,

    /// The request names another organisation (this one), or another caller, than its credential and its telephone call do.
    #[error("the request names another organisation or caller than its own")]
    IdentityMismatch(Option<String>),

    /// The same refresh token came a second time.
    #[error("the credential is missing or not valid")]
    RefreshTokenReused,

    /// A user of several organisations did not say where to.
    #[error("you are a member of several organisations; name one of: {}", .0.join(", "))]
    OrganisationRequired(Vec<String>),

    /// Somebody has signed up with the address.
    #[error("the e-mail address has been used to sign up already")]
    EmailInUse,

    /// They are a member already.
    #[error("they are a member already")]
    AlreadyMember,

    /// An organisation without an administrator could not be helped.
    #[error("the last administrator stays one")]
    LastAdmin,

    /// More than is allowed in so short a time.
    #[error("too many requests; try again in {} s", .0.as_secs_f64().ceil())]
    RateLimited(Duration),

    /// The message is longer than any that is meant.
    #[error("the message is too large")]
    TooLarge,

    /// A voice credential asked for a caller's appointments without knowing the caller's number.
    #[error("the caller's number is not known")]
    CallerNotIdentified,

    /// There is no such thing, or it is not yours: the two are told apart by nobody.
    #[error("there is no {resource} {id}")]
    NotFound {
        /// What was asked for.
        resource: Resource,
        /// As it was named.
        id: String,
    },

    /// Somebody has the slot.
    #[error("the slot is taken")]
    SlotTaken(Vec<OpenSlot>),

    /// Nobody has the slot, but it cannot be booked.
    #[error("{}", not_bookable(*.problem))]
    NotBookable {
        /// Why not.
        problem: SlotProblem,
        /// What a client can use to form a sentence of its own.
        facts: Vec<(&'static str, String)>,
        /// What could be booked instead.
        alternatives: Vec<OpenSlot>,
    },

    /// Nobody who was asked for offers the service there.
    #[error("{0} is not offered there, or not by whom you asked for")]
    ServiceNotOffered(String),

    /// What was offered is offered no longer, or was offered to somebody else, or never.
    #[error("the offer has expired; look again for what is free")]
    OfferExpired,

    /// The request names several slots that differ.
    #[error("the offer or the hold is another slot than the one that is described")]
    AmbiguousSlot,

    /// The hold has run out.
    #[error("the hold has expired; look again for what is free")]
    HoldExpired,

    /// The call keeps as many slots as one caller may.
    #[error("this call holds {0} slots already; release one first")]
    TooManyHolds(i64),

    /// It is too late for a caller to change the visit.
    #[error("callers can change a visit until {0} minutes before it begins")]
    CutoffPassed(i64),

    /// The visit has not begun.
    #[error("the visit has not begun yet")]
    NotBegun,

    /// Somebody has changed the thing since it was read; the version that it has now.
    #[error("it was changed since you read it; its version is {0} now")]
    StaleVersion(i64),

    /// Another one of its kind has the name.
    #[error("another one has that name")]
    NameInUse,

    /// The key was used for another request.
    #[error("the idempotency key was used for another request")]
    IdempotencyKeyReused,

    /// The request was carried out before, but what it booked is booked no longer.
    #[error("the appointment made by this request is {} now", .0.as_str())]
    NoLongerBooked(State),

    /// The appointment's state does not allow it.
    #[error("the appointment is {} already", .0.as_str())]
    WrongState(State),

    /// Whoever was to consent at Google came back too late, or a second time.
    #[error("the question for consent has expired; ask again")]
    ConsentExpired,

    /// The operator has entered no application at Google, or one that Google does not know.
    #[error("no Google application is configured")]
    GoogleNotConfigured,

    /// Google does not let us in, in its word.
    #[error("Google refused: {0}")]
    GoogleRefused(String),

    /// Google does not answer well.
    #[error("Google is not answering")]
    GoogleUnavailable(#[source] Failure),

    /// Nothing is written to the calendar any more.
    #[error("the calendar is disconnected; connect it again first")]
    CalendarDisconnected,

    /// Others were in the way; the same request can succeed at once.
    #[error("too many requests at the same moment")]
    Busy(#[source] anyhow::Error),

    /// The client has stopped waiting.
    #[error("the deadline has passed")]
    DeadlineExceeded,

    /// Postgres does not answer.
    #[error("the database is not answering")]
    DatabaseUnavailable(#[source] sqlx::Error),

    /// A bug.
    #[error("internal error")]
    Internal(#[source] anyhow::Error),
}

/// One thing that is wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The field's path in the proto message.
    pub field: &'static str,
    /// What is wrong, as the end of a sentence that begins with the field.
    pub problem: String,
}

impl Violation {
    fn all(violations: &[Self]) -> String {
        violations.iter().map(|v| format!("{} {}", v.field, v.problem)).collect::<Vec<_>>().join("; ")
    }
}

/// What a request can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// An appointment.
    Appointment,
    /// A provider.
    Provider,
    /// A service.
    Service,
    /// A patient.
    Patient,
    /// A closure, or time off.
    Absence,
    /// What a clinic tells its callers.
    Document,
    /// A user in the organisation.
    Profile,
    /// A member.
    Member,
    /// A machine's key.
    AgentKey,
    /// A sender of signed webhooks.
    WebhookCredential,
    /// A provider's calendar.
    Calendar,
    /// An appointment that did not get into its calendar.
    DeadLetter,
}

impl std::fmt::Display for Resource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Appointment => "appointment",
            Self::Provider => "provider",
            Self::Service => "service",
            Self::Patient => "patient",
            Self::Absence => "absence",
            Self::Document => "document",
            Self::Profile => "profile",
            Self::Member => "member",
            Self::AgentKey => "agent key",
            Self::WebhookCredential => "webhook credential",
            Self::Calendar => "calendar",
            Self::DeadLetter => "dead letter",
        })
    }
}

impl Error {
    /// One field is wrong.
    pub fn invalid(field: &'static str, problem: impl Into<String>) -> Self {
        Self::Invalid(vec![Violation { field, problem: problem.into() }])
    }

    /// Whether the operation was kept from its work, rather than refused by its rules.
    pub fn is_trouble(&self) -> bool {
        matches!(
            self,
            Self::Busy(_) | Self::DeadlineExceeded | Self::DatabaseUnavailable(_) | Self::Internal(_)
        )
    }

    /// There is no such thing, or it is not yours.
    pub fn not_found(resource: Resource, id: impl std::fmt::Display) -> Self {
        Self::NotFound { resource, id: id.to_string() }
    }
}

fn time_problem(problem: TimeProblem) -> &'static str {
    match problem {
        TimeProblem::Past => "the time has passed already",
        TimeProblem::NotUnderstood => "the time is not understood; give it like 2027-01-05T14:00",
        TimeProblem::Skipped => "the clocks are put forward then, so that local time does not exist",
        TimeProblem::Repeated => {
            "the clocks are put back then, so that local time comes twice; give it with its offset"
        }
    }
}

fn not_bookable(problem: SlotProblem) -> &'static str {
    match problem {
        SlotProblem::InvalidDuration => "the service does not take that long",
        SlotProblem::TooSoon => "the time is too soon from now",
        SlotProblem::TooFar => "the time is too far ahead",
        SlotProblem::Closed => "the clinic is closed then",
        SlotProblem::OutsideHours => "nobody works then",
        SlotProblem::ProviderAway => "the provider is away then",
        SlotProblem::Misaligned => "visits do not begin at that minute",
        SlotProblem::Taken => "the slot is taken",
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
        // A credential of an organisation that is not there. Every table points to it under this name.
        let constraint = error.as_database_error().and_then(sqlx::error::DatabaseError::constraint);
        if constraint.is_some_and(|name| name.ends_with("_organisation")) {
            return Self::Unauthenticated;
        }
        match code.as_deref() {
            // serialization_failure, deadlock_detected, lock_not_available.
            Some("40001" | "40P01" | "55P03") => Self::Busy(error.into()),
            // query_canceled, by our statement_timeout, which is the client's deadline.
            Some("57014") => Self::DeadlineExceeded,
            // admin_shutdown, crash_shutdown, cannot_connect_now, too_many_connections, read_only_sql_transaction,
            // idle_in_transaction_session_timeout.
            Some("57P01" | "57P02" | "57P03" | "53300" | "25006" | "25P03") => {
                Self::DatabaseUnavailable(error)
            }
            None if is_connection_trouble(&error) => Self::DatabaseUnavailable(error),
            _ => Self::Internal(error.into()),
        }
    }
}

/// `Protocol` is what sqlx says when a connection ends while it is being made.
fn is_connection_trouble(error: &sqlx::Error) -> bool {
    matches!(
        error,
        sqlx::Error::Io(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::BeginFailed
    )
}
