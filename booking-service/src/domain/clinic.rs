//! Clinics and who works there.

use jiff::{Timestamp, tz::TimeZone};

use super::{
    ids::{ClinicId, ProviderId},
    spoken::Today,
};

/// A place where patients are seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clinic {
    /// The clinic's id.
    pub id: ClinicId,
    /// As it is spoken.
    pub name: String,
    /// Its wall clock.
    pub zone: TimeZone,
    /// When it was added.
    pub created_at: Timestamp,
}

impl Clinic {
    /// The day that `now` is there.
    pub fn today(&self, now: Timestamp) -> Today {
        Today::at(now, &self.zone)
    }
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
    /// When the provider was added.
    pub created_at: Timestamp,
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
