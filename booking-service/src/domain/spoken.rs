//! Dates and times as one says them.

use jiff::{Timestamp, Zoned, civil, tz::TimeZone};

/// "Tuesday, January 5, 2027 at 2:30 PM".
pub fn time(at: Timestamp, zone: &TimeZone) -> String {
    let at = at.to_zoned(zone.clone());
    let minutes = if at.minute() == 0 { String::new() } else { format!(":{:02}", at.minute()) };
    format!("{} at {}{minutes} {}", date(at.date()), at.strftime("%-I"), at.strftime("%p"))
}

/// "Tuesday, January 5, 2027".
pub fn date(date: civil::Date) -> String {
    date.strftime("%A, %B %-d, %Y").to_string()
}

/// A day at a clinic: sentences that ask for another time say which day it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Today {
    /// The day.
    pub date: civil::Date,
    /// The clinic's IANA time zone.
    pub time_zone: String,
}

impl Today {
    /// The day that `now` is in `zone`.
    pub fn at(now: Timestamp, zone: &TimeZone) -> Self {
        let now: Zoned = now.to_zoned(zone.clone());
        Self { date: now.date(), time_zone: zone.iana_name().unwrap_or("UTC").to_owned() }
    }

    /// "Tuesday, January 5, 2027".
    pub fn spoken(&self) -> String {
        date(self.date)
    }

    /// "Tuesday".
    pub fn weekday(&self) -> String {
        self.date.strftime("%A").to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_said_on_the_clinics_clock() {
        let zone = TimeZone::get("America/New_York").unwrap();
        let said = |text: &str| time(text.parse().unwrap(), &zone);
        assert_eq!(said("2027-01-05T19:00:00Z"), "Tuesday, January 5, 2027 at 2 PM");
        assert_eq!(said("2027-01-05T05:05:00Z"), "Tuesday, January 5, 2027 at 12:05 AM");
        assert_eq!(said("2027-07-04T16:30:00Z"), "Sunday, July 4, 2027 at 12:30 PM");
    }

    #[test]
    fn today_is_the_clinics_day() {
        let auckland = TimeZone::get("Pacific/Auckland").unwrap();
        let today = Today::at("2026-11-22T15:00:00Z".parse().unwrap(), &auckland);
        assert_eq!(today.spoken(), "Monday, November 23, 2026");
        assert_eq!((today.weekday().as_str(), today.time_zone.as_str()), ("Monday", "Pacific/Auckland"));
    }
}
