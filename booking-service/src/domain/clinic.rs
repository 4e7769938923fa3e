//! Clinics and who works there.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::{
    ids::{ClinicId, ProviderId},
    rules::Policy,
    spoken::Today,
    text::Name,
};

/// The longest address, in characters.
pub const LONGEST_ADDRESS: usize = 300;
/// The longest telephone number of a clinic, as it is said.
pub const LONGEST_PHONE: usize = 60;
/// The longest text about a clinic.
pub const LONGEST_ABOUT: usize = 1000;
/// The longest sentence for callers whom no document answers.
pub const LONGEST_SENTENCE: usize = 500;

/// A place where patients are seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clinic {
    /// The clinic's id.
    pub id: ClinicId,
    /// As it is spoken.
    pub name: String,
    /// Its wall clock.
    pub zone: TimeZone,
    /// Whose telephone numbers are written without a country code there: two letters (ISO 3166-1).
    pub country: Option<String>,
    /// How long before a visit a caller may still change it.
    pub cutoff: Option<SignedDuration>,
    /// When it was added.
    pub created_at: Timestamp,
}

impl Clinic {
    /// A new clinic, of which nothing else is said yet.
    pub fn new(id: ClinicId, name: &Name, zone: TimeZone, created_at: Timestamp) -> Self {
        Self { id, name: name.as_str().to_owned(), zone, country: None, cutoff: None, created_at }
    }

    /// The day that `now` is there.
    pub fn today(&self, now: Timestamp) -> Today {
        Today::at(now, &self.zone)
    }
}

/// What is said of a clinic, and what counts there; all of it is given when it changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClinicDetails {
    /// As it is spoken.
    pub name: Name,
    /// As for [`Clinic`].
    pub country: Option<String>,
    /// Where it is, as one says it.
    pub address: Option<String>,
    /// Its own number, as one says it.
    pub phone: Option<String>,
    /// What else callers ask for.
    pub about: Option<String>,
    /// What limits a start.
    pub policy: Policy,
    /// As for [`Clinic`].
    pub cutoff: Option<SignedDuration>,
    /// What is said to a caller who may be in danger.
    pub emergency_sentence: Option<String>,
    /// What is said to a caller who asks for medical advice.
    pub advice_sentence: Option<String>,
}

/// A clinic as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClinicRecord {
    /// The clinic.
    pub clinic: Clinic,
    /// What is said of it, and what counts there.
    pub details: ClinicDetails,
    /// Rises with each change.
    pub version: i64,
    /// Since when nothing can be booked there any more.
    pub archived_at: Option<Timestamp>,
}

/// Somebody whose time is booked, with all the clinics where they work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderRecord {
    /// The provider's id.
    pub id: ProviderId,
    /// As it is spoken.
    pub name: String,
    /// Where they work.
    pub clinics: Vec<ClinicId>,
    /// Rises with each change.
    pub version: i64,
    /// When the provider was added.
    pub created_at: Timestamp,
    /// Since when they cannot be booked any more.
    pub archived_at: Option<Timestamp>,
}

/// Reads two letters of ISO 3166-1; `None` where there are none.
pub fn country(text: &str) -> Result<Option<String>, String> {
    let text = text.trim().to_uppercase();
    let known = || text.parse::<phonenumber::country::Id>().is_ok();
    if text.is_empty() {
        Ok(None)
    } else if known() {
        Ok(Some(text))
    } else {
        Err("is not a country like US".to_owned())
    }
}

/// Names that mean something else on each machine, or nothing.
const NO_PLACE: [&str; 3] = ["localtime", "posixrules", "Factory"];

/// Finds an IANA time zone by name. Zones without a name ("+02:00") know no clock changes and are refused.
pub fn zone(name: &str) -> Result<TimeZone, String> {
    match TimeZone::get(name.trim()) {
        Ok(zone)
            if zone
                .iana_name()
                .is_some_and(|name| !NO_PLACE.iter().any(|no| no.eq_ignore_ascii_case(name))) =>
        {
            Ok(zone)
        }
        Ok(_) | Err(_) => Err("is not an IANA time zone like America/New_York".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::zone;

    #[test]
    fn a_zone_has_an_iana_name() {
        assert_eq!(zone("america/new_york").unwrap().iana_name(), Some("America/New_York"));
        for name in ["", "Mars/Olympus", "+02:00", "EST5EDT,M3.2.0,M11.1.0", "localtime", "Factory"] {
            assert!(zone(name).is_err(), "{name}");
        }
    }
}
