//! The event that an appointment is in its provider's calendar.

use jiff::{Timestamp, tz::TimeZone};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{
    calendar::EventDetails,
    ids::{AppointmentId, CalendarId},
};

/// So much of a hash is as good as all of it, and fits Google's ids.
const ID_BYTES: usize = 20;

/// What an event shows. Nobody's data is in it but what the organisation chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its title.
    pub summary: String,
    /// What else was chosen; where nothing was, the field is the provider's own.
    pub description: Option<String>,
    /// Where.
    pub location: String,
    /// When it begins.
    pub start: Timestamp,
    /// When it ends.
    pub end: Timestamp,
    /// The clinic's wall clock.
    pub zone: TimeZone,
}

/// What is known of an appointment and may be shown.
#[derive(Clone, Debug)]
pub struct Shown<'a> {
    /// The patient's name.
    pub patient_name: Option<&'a str>,
    /// The patient's number.
    pub patient_phone: Option<&'a str>,
    /// What they come for.
    pub service: Option<&'a str>,
}

impl Event {
    /// The event of an appointment that takes place there and then.
    pub fn of(
        details: EventDetails,
        shown: &Shown<'_>,
        clinic_name: &str,
        (start, end): (Timestamp, Timestamp),
        zone: TimeZone,
    ) -> Self {
        let name = shown.patient_name.filter(|_| details.patient_name);
        let service = shown.service.filter(|_| details.service);
        let phone = shown.patient_phone.filter(|_| details.patient_phone);
        let lines = [service.map(str::to_owned), phone.map(|phone| format!("Phone: {phone}"))];
        let lines: Vec<String> = lines.into_iter().flatten().collect();
        let is_described = details.service || details.patient_phone;
        Self {
            summary: name.map_or_else(|| "Appointment".to_owned(), |name| format!("Appointment: {name}")),
            description: is_described.then(|| lines.join("\n")),
            location: clinic_name.to_owned(),
            start,
            end,
            zone,
        }
    }

    /// Knows the same content again.
    pub fn hash(&self) -> [u8; 32] {
        let Self { summary, description, location, start, end, zone } = self;
        let mut hash = Sha256::new();
        let times = [start, end].map(ToString::to_string);
        let texts = [summary, location, zone.iana_name().unwrap_or_default(), &times[0], &times[1]];
        for text in texts.into_iter().chain(description.as_deref()) {
            hash.update(text.len().to_be_bytes());
            hash.update(text);
        }
        hash.finalize().into()
    }
}

/// What makes an event known as ours: of which installation, which appointment, and the how manyth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventName<'a> {
    /// A copy of the database elsewhere writes other events.
    pub installation: &'a str,
    /// Guests have copies of an event under the same id, so the calendar is part of it.
    pub calendar: CalendarId,
    /// Whose event it is.
    pub appointment: AppointmentId,
    /// Google never frees an id: after a deletion comes the next generation.
    pub generation: i32,
}

impl EventName<'_> {
    /// The id at Google, which takes base32hex in lower case (a to v, 0 to 9), 5 to 1024 characters:
    /// <https://developers.google.com/workspace/calendar/api/v3/reference/events#id>.
    pub fn id(&self) -> String {
        let Self { installation, calendar, appointment, generation } = self;
        let mut hash = Sha256::new();
        hash.update(installation.len().to_be_bytes());
        hash.update(installation);
        hash.update(Uuid::from(*calendar));
        hash.update(Uuid::from(*appointment));
        hash.update(generation.to_be_bytes());
        let digest = hash.finalize();
        data_encoding::BASE32HEX_NOPAD.encode(&digest[..ID_BYTES]).to_ascii_lowercase()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn event(details: EventDetails) -> Event {
        let shown = Shown {
            patient_name: Some("Dana Whitfield"),
            patient_phone: Some("+17185550199"),
            service: Some("a cleaning"),
        };
        let at = "2027-01-05T19:00:00Z".parse().unwrap();
        Event::of(details, &shown, "Elm Street", (at, at), TimeZone::UTC)
    }

    #[test]
    fn an_event_shows_nothing_of_the_patient_that_was_not_chosen() {
        let nothing = event(EventDetails::default());
        assert_eq!((nothing.summary.as_str(), &nothing.description), ("Appointment", &None));
        let all = event(EventDetails { patient_name: true, patient_phone: true, service: true });
        assert_eq!(all.summary, "Appointment: Dana Whitfield");
        assert_eq!(all.description.as_deref(), Some("a cleaning\nPhone: +17185550199"));
        let phone = event(EventDetails { patient_phone: true, ..EventDetails::default() });
        assert!(!phone.summary.contains("Dana") && !phone.description.unwrap().contains("cleaning"));
    }

    #[test]
    fn other_content_has_another_hash() {
        let base = event(EventDetails::default());
        let other = Event { location: "Oak Street".to_owned(), ..base.clone() };
        let described = Event { description: Some(String::new()), ..base.clone() };
        assert_eq!(base.hash(), base.clone().hash());
        assert!(base.hash() != other.hash() && base.hash() != described.hash());
    }

    proptest! {
        #[test]
        fn google_takes_every_id_and_no_two_are_the_same(
            installation in "[a-zA-Z0-9._-]{1,60}", calendar: u128, appointment: u128, generation in 0..i32::MAX,
        ) {
            let name = EventName {
                installation: &installation,
                calendar: Uuid::from_u128(calendar).into(),
                appointment: Uuid::from_u128(appointment).into(),
                generation,
            };
            let id = name.id();
            prop_assert!(id.len() == 32 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'v')), "{id}");
            let next = EventName { generation: generation.wrapping_add(1), ..name.clone() };
            prop_assert_ne!(id, next.id());
        }
    }
}
