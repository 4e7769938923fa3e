//! The calendar that a provider lives by, as far as we write to it.

use jiff::{SignedDuration, Timestamp};

use super::ids::{CalendarId, ProviderId};

/// A calendar of a provider's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendar {
    /// Its id with us.
    pub id: CalendarId,
    /// Whose it is.
    pub provider: ProviderId,
    /// As Google knows it.
    pub google_id: GoogleCalendarId,
    /// What people call it there.
    pub name: String,
    /// How we are let in.
    pub kind: CalendarKind,
    /// Whether we are.
    pub state: CalendarState,
    /// What is wrong, where something is.
    pub trouble: Option<String>,
    /// What is written, and what is done about what others do.
    pub choices: CalendarChoices,
    /// Who connected it.
    pub connected_by: String,
    /// When it was connected last.
    pub connected_at: Timestamp,
    /// When something was last brought into it.
    pub last_success_at: Option<Timestamp>,
}

/// What an organisation can choose for a calendar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CalendarChoices {
    /// What an event shows of the patient.
    pub details: EventDetails,
    /// What happens to an event that a person deleted.
    pub deleted_events: DeletedEvents,
}

/// What an event shows of the patient, beyond that there is somebody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventDetails {
    /// The name.
    pub patient_name: bool,
    /// The telephone number.
    pub patient_phone: bool,
    /// What they come for, in their words.
    pub service: bool,
}

/// What happens to an event that a person deleted, while its appointment stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeletedEvents {
    /// It is put before somebody, who can have it made again.
    #[default]
    Ask,
    /// It is made again.
    Recreate,
}

impl DeletedEvents {
    /// Reads the database's text.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Ask, Self::Recreate].into_iter().find(|choice| choice.as_str() == text)
    }

    /// The choice as the database's text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ask => "ask",
            Self::Recreate => "recreate",
        }
    }
}

/// How we are let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CalendarKind {
    /// A person consented: there is a refresh token.
    Consent,
    /// There is a service account's key.
    ServiceAccount,
}

impl CalendarKind {
    /// Reads the database's text.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Consent, Self::ServiceAccount].into_iter().find(|kind| kind.as_str() == text)
    }

    /// The kind as the database's text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Consent => "consent",
            Self::ServiceAccount => "service_account",
        }
    }
}

/// Whether we are let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CalendarState {
    /// As far as we know.
    Connected,
    /// Not any more: somebody has to connect it again.
    Reauthorise,
    /// Somebody took it away from us.
    Disconnected,
}

impl CalendarState {
    /// Reads the database's text.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Connected, Self::Reauthorise, Self::Disconnected]
            .into_iter()
            .find(|state| state.as_str() == text)
    }

    /// The state as the database's text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Reauthorise => "reauthorise",
            Self::Disconnected => "disconnected",
        }
    }
}

/// A calendar as Google names it: an address, or `primary`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoogleCalendarId(String);

impl GoogleCalendarId {
    /// Empty means `primary`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let id = if text.is_empty() { "primary" } else { text };
        // Part of an address: nothing of it may be taken for another part.
        let is_plain =
            id != "." && id != ".." && id.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/');
        if is_plain && id.len() <= 254 {
            Ok(Self(id.to_owned()))
        } else {
            Err("is not the id of a Google calendar, like someone@example.com or primary".to_owned())
        }
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How a calendar is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncHealth {
    /// The calendar.
    pub calendar: Calendar,
    /// Appointments on their way into it.
    pub backlog: i64,
    /// Since when the oldest of them is on its way.
    pub oldest_pending_at: Option<Timestamp>,
    /// Appointments that somebody has to look at.
    pub failed: i64,
    /// Google did not answer well the last so many times.
    pub failures: i32,
}

/// How a calendar is doing, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncWord {
    /// All is well.
    Connected,
    /// Something is late or failed; what can be done without people is being done.
    Degraded,
    /// Nothing is written until somebody connects it again.
    Reauthorise,
    /// Nothing is written.
    Disconnected,
}

/// What is on its way for longer is late.
const LATE: SignedDuration = SignedDuration::from_mins(2);

impl SyncHealth {
    /// In a word.
    pub fn word(&self, now: Timestamp) -> SyncWord {
        let is_late = self.oldest_pending_at.is_some_and(|since| now.duration_since(since) > LATE);
        match self.calendar.state {
            CalendarState::Disconnected => SyncWord::Disconnected,
            CalendarState::Reauthorise => SyncWord::Reauthorise,
            CalendarState::Connected if is_late || self.failed > 0 || self.failures > 0 => SyncWord::Degraded,
            CalendarState::Connected => SyncWord::Connected,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::GoogleCalendarId;

    #[test]
    fn the_id_of_a_calendar_cannot_be_taken_for_another_part_of_an_address() {
        assert_eq!(GoogleCalendarId::parse(" ").unwrap().as_str(), "primary");
        assert!(GoogleCalendarId::parse("c_1a2b@group.calendar.google.com").is_ok());
        for wrong in ["a/b", "..", "a b", "é@example.com", &"a".repeat(255)] {
            assert!(GoogleCalendarId::parse(wrong).is_err(), "{wrong}");
        }
    }
}
