//! Appointments that did not get into their calendar, and will not without a person.

use jiff::Timestamp;

use super::ids::{AppointmentId, CalendarId};

/// A person deleted the event.
pub const EVENT_DELETED: &str = "EVENT_DELETED";

/// An event that should be there is not, or not yet.
pub const EVENT_MISSING: &str = "EVENT_MISSING";

/// An appointment that somebody has to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Which.
    pub appointment: AppointmentId,
    /// On its way into which calendar.
    pub calendar: CalendarId,
    /// The event, where there is or was one.
    pub event_id: Option<String>,
    /// Why.
    pub trouble: String,
    /// After so many attempts.
    pub attempts: i32,
    /// Since when the calendar lags behind.
    pub pending_since: Option<Timestamp>,
}
