//! An appointment and its life.

use jiff::Timestamp;

use super::{
    clinic::Clinic,
    confirmation_code::ConfirmationCode,
    ids::{AppointmentId, OrgId},
    patient::Patient,
    slot::{Provider, Slot},
};

/// A visit of one patient to one provider at one clinic, as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appointment {
    /// The appointment's id.
    pub id: AppointmentId,
    /// Whose it is.
    pub org: OrgId,
    /// Where.
    pub clinic: Clinic,
    /// With whom.
    pub provider: Provider,
    /// Who comes; a hold may not know yet.
    pub patient: Option<Patient>,
    /// When.
    pub slot: Slot,
    /// Where it is in its life.
    pub state: State,
    /// When a hold runs out.
    pub hold_expires_at: Option<Timestamp>,
    /// Proof for changing it.
    pub confirmation_code: ConfirmationCode,
    /// What the caller said they come for.
    pub service_text: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Rises with each change.
    pub version: i64,
    /// Its way into the calendar.
    pub calendar: CalendarSync,
}

/// Where an appointment is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Kept for a caller for a while.
    Held,
    /// Promised.
    Booked,
    /// Promised, and the patient has said so again.
    Confirmed,
    /// The visit took place.
    Completed,
    /// Called off.
    Cancelled,
    /// The patient did not come.
    NoShow,
    /// A hold that was given up.
    Released,
    /// A hold that ran out.
    Expired,
}

/// What ends an appointment's claim on its slot before the visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancellation {
    /// It changes to this state.
    To(State),
    /// It was called off before.
    AlreadyDone,
}

impl State {
    const ALL: [Self; 8] = [
        Self::Held,
        Self::Booked,
        Self::Confirmed,
        Self::Completed,
        Self::Cancelled,
        Self::NoShow,
        Self::Released,
        Self::Expired,
    ];

    /// Reads the database's and the API's text.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Whether it is promised to a patient who is yet to come.
    pub fn is_booked(self) -> bool {
        matches!(self, Self::Booked | Self::Confirmed)
    }

    /// Whether its provider's calendar shows it: coming visits, and those that were.
    pub fn is_in_calendar(self) -> bool {
        matches!(self, Self::Booked | Self::Confirmed | Self::Completed | Self::NoShow)
    }

    /// What cancelling does in this state; `None` once the visit is over.
    pub fn cancel(self) -> Option<Cancellation> {
        match self {
            Self::Held => Some(Cancellation::To(Self::Released)),
            Self::Booked | Self::Confirmed => Some(Cancellation::To(Self::Cancelled)),
            Self::Cancelled | Self::Released | Self::Expired => Some(Cancellation::AlreadyDone),
            Self::Completed | Self::NoShow => None,
        }
    }

    /// The state as the API's text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Booked => "booked",
            Self::Confirmed => "confirmed",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
            Self::NoShow => "no_show",
            Self::Released => "released",
            Self::Expired => "expired",
        }
    }
}

/// How far an appointment has come into the provider's calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CalendarSync {
    /// How far.
    pub status: SyncStatus,
    /// The event in the calendar.
    pub event_id: Option<String>,
    /// When the calendar last agreed.
    pub synced_at: Option<Timestamp>,
}

impl CalendarSync {
    /// What is true of an appointment whose provider has no calendar.
    pub const NOT_CONNECTED: Self =
        Self { status: SyncStatus::NotConnected, event_id: None, synced_at: None };
}

/// How far, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncStatus {
    /// There is no calendar.
    NotConnected,
    /// On its way.
    Pending,
    /// The calendar agrees.
    Synced,
    /// A person has to look.
    Failed,
}

impl SyncStatus {
    /// Reads the database's text.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "not_connected" => Some(Self::NotConnected),
            "pending" => Some(Self::Pending),
            "synced" => Some(Self::Synced),
            "failed" => Some(Self::Failed),
            _ => None,
        }
    }
}
