//! An appointment and its life.

use jiff::{SignedDuration, Timestamp};

use super::{
    clinic::Clinic,
    confirmation_code::ConfirmationCode,
    ids::{AppointmentId, OrgId, ServiceId},
    metadata::Metadata,
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
    /// What it takes of the provider's time.
    pub block: (Timestamp, Timestamp),
    /// Where it is in its life.
    pub state: State,
    /// When a hold runs out.
    pub hold_expires_at: Option<Timestamp>,
    /// Proof for changing it.
    pub confirmation_code: ConfirmationCode,
    /// The service: its id, and as it is spoken.
    pub service: Option<(ServiceId, String)>,
    /// What the caller said they come for.
    pub service_text: Option<String>,
    /// What the client keeps with it.
    pub metadata: Metadata,
    /// The telephone call in which it was made.
    pub call: Option<String>,
    /// Why it was called off.
    pub cancel_reason: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Rises with each change.
    pub version: i64,
    /// Its way into the calendar.
    pub calendar: CalendarSync,
}

impl Appointment {
    /// As it is at a moment: a hold that ran out is none, whether or not somebody has needed its slot since.
    #[must_use]
    pub fn at(self, now: Timestamp) -> Self {
        match self.hold_expires_at {
            Some(until) if until <= now => Self { state: State::Expired, hold_expires_at: None, ..self },
            _ => self,
        }
    }
}

/// How long a hold keeps its slot; each sign of life of its call makes it last as long again, up to the longest.
pub const HOLD: SignedDuration = SignedDuration::from_mins(5);
/// Counted from when it was made.
pub const LONGEST_HOLD: SignedDuration = SignedDuration::from_mins(15);
/// So many slots one call may keep: a caller who wavers between two, and one to spare.
pub const MOST_HOLDS: i64 = 3;

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

/// What becomes of an appointment where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The patient says again that they come.
    Confirm,
    /// It is called off; a hold is given up.
    Cancel,
    /// The visit took place.
    Complete,
    /// The patient did not come.
    NoShow,
}

/// What a change comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// It changes to this state.
    To(State),
    /// It is so already.
    Already,
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

    /// What a change comes to in this state; `None`: it is not allowed. The only place that says so.
    pub fn after(self, change: Change) -> Option<Changed> {
        use Changed::{Already, To};
        match (change, self) {
            (Change::Confirm, Self::Booked) => Some(To(Self::Confirmed)),
            (Change::Cancel, Self::Held) => Some(To(Self::Released)),
            (Change::Cancel, Self::Booked | Self::Confirmed) => Some(To(Self::Cancelled)),
            (Change::Complete, Self::Booked | Self::Confirmed) => Some(To(Self::Completed)),
            (Change::NoShow, Self::Booked | Self::Confirmed) => Some(To(Self::NoShow)),
            (Change::Confirm, Self::Confirmed)
            | (Change::Cancel, Self::Cancelled | Self::Released | Self::Expired)
            | (Change::Complete, Self::Completed)
            | (Change::NoShow, Self::NoShow) => Some(Already),
            (Change::Confirm | Change::Cancel | Change::Complete | Change::NoShow, _) => None,
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
