//! When a visit is to begin, in any of the ways a request can say it.

use jiff::{
    Timestamp, civil,
    tz::{AmbiguousOffset, TimeZone},
};

/// When, as the request says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum When {
    /// An instant.
    Instant(Timestamp),
    /// The clinic's wall clock.
    Local(civil::DateTime),
    /// The caller's own words.
    Spoken(String),
}

/// Why it is not a time one can book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeProblem {
    /// It has begun already.
    Past,
    /// The words do not say a time that we understand.
    NotUnderstood,
    /// The clock is put forward over it that day.
    Skipped,
    /// The clock is put back over it that day: it comes twice.
    Repeated,
}

impl When {
    /// An instant that begins a minute: what is said to a caller has nothing finer. The error says what is wrong with it.
    pub fn instant(at: Timestamp) -> Result<Self, String> {
        let is_whole = at.subsec_nanosecond() == 0 && at.as_second() % 60 == 0;
        if is_whole { Ok(Self::Instant(at)) } else { Err("must be at a whole minute".to_owned()) }
    }

    /// Reads `YYYY-MM-DDTHH:MM[:SS]`. The error says what is wrong with it.
    pub fn local(text: &str) -> Result<Self, String> {
        let text = text.trim();
        // jiff reads more than that: dates alone, fractions, and offsets, which it drops.
        let is_whole =
            matches!(text.len(), 16 | 19) && text.bytes().skip(10).all(|b| b"T :0123456789".contains(&b));
        let local: Option<civil::DateTime> = is_whole.then(|| text.parse().ok()).flatten();
        if local.is_some_and(|local| local.second() != 0) {
            return Err("must be at a whole minute".to_owned());
        }
        local.map(Self::Local).ok_or_else(|| "is not a local date and time like 2027-01-05T14:00".to_owned())
    }

    /// The instant that is meant, on the clock of a clinic in `zone`; it must lie after `now`.
    pub fn resolve(&self, zone: &TimeZone, now: Timestamp) -> Result<Timestamp, TimeProblem> {
        let at = match self {
            Self::Instant(at) => *at,
            Self::Local(local) => on_the_clock(*local, zone)?,
            Self::Spoken(_) => return Err(TimeProblem::NotUnderstood),
        };
        if at > now { Ok(at) } else { Err(TimeProblem::Past) }
    }
}

/// Reads a day, `YYYY-MM-DD`. The error says what is wrong with it.
pub fn date(text: &str) -> Result<civil::Date, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("is required".to_owned());
    }
    // jiff reads more than that: whole times, of which it takes the day.
    let date: Option<civil::Date> = (text.len() == 10).then(|| text.parse().ok()).flatten();
    date.ok_or_else(|| "is not a date like 2027-01-05".to_owned())
}

fn on_the_clock(local: civil::DateTime, zone: &TimeZone) -> Result<Timestamp, TimeProblem> {
    let at = zone.to_ambiguous_timestamp(local);
    match at.offset() {
        AmbiguousOffset::Unambiguous { .. } => at.unambiguous().map_err(|_| TimeProblem::NotUnderstood),
        AmbiguousOffset::Gap { .. } => Err(TimeProblem::Skipped),
        AmbiguousOffset::Fold { .. } => Err(TimeProblem::Repeated),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG_AGO: Timestamp = Timestamp::UNIX_EPOCH;

    fn resolve(local: &str, zone: &str) -> Result<String, TimeProblem> {
        let zone = TimeZone::get(zone).unwrap();
        When::local(local).unwrap().resolve(&zone, LONG_AGO).map(|at| at.to_string())
    }

    #[test]
    fn a_local_time_is_the_clinics() {
        assert_eq!(resolve("2027-01-05T14:00", "America/New_York"), Ok("2027-01-05T19:00:00Z".into()));
        assert_eq!(resolve("2027-07-05 14:00:00", "Europe/Berlin"), Ok("2027-07-05T12:00:00Z".into()));
    }

    #[test]
    fn the_hours_around_a_clock_change_are_not_shifted() {
        assert_eq!(resolve("2026-03-08T09:00", "America/Los_Angeles"), Ok("2026-03-08T16:00:00Z".into()));
        assert_eq!(resolve("2026-10-03T17:00", "Australia/Sydney"), Ok("2026-10-03T07:00:00Z".into()));
    }

    #[test]
    fn a_time_that_does_not_exist_or_exists_twice_is_named_as_such() {
        assert_eq!(resolve("2027-03-14T02:30", "America/New_York"), Err(TimeProblem::Skipped));
        assert_eq!(resolve("2027-11-07T01:30", "America/New_York"), Err(TimeProblem::Repeated));
        // Half an hour, and at midnight.
        assert_eq!(resolve("2027-10-03T02:15", "Australia/Lord_Howe"), Err(TimeProblem::Skipped));
        assert_eq!(resolve("2026-09-06T00:15", "America/Santiago"), Err(TimeProblem::Skipped));
    }

    #[test]
    fn now_is_past_already() {
        let now = "2027-01-05T14:00:00Z".parse().unwrap();
        let later = "2027-01-05T14:00:01Z".parse().unwrap();
        assert_eq!(When::Instant(now).resolve(&TimeZone::UTC, now), Err(TimeProblem::Past));
        assert_eq!(When::Instant(later).resolve(&TimeZone::UTC, now), Ok(later));
    }

    #[test]
    fn what_is_no_date_is_refused() {
        assert_eq!(date(" 2027-01-05 "), Ok(civil::date(2027, 1, 5)));
        for text in ["", "2027-02-30", "01/05/2027", "2027-1-5", "20270105", "2027-01-05T14:00", "tomorrow"] {
            assert!(date(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_no_local_time_is_refused() {
        for text in [
            "",
            "tomorrow",
            "2027-02-30T10:00",
            "2027-01-05",
            "2027-01-05T14:00Z",
            "2027-01-05T14:00-05:00",
            "2027-01-05T14:00:00.5",
            "2027-01-05T14:00:30",
            "2027-01-05T14",
            "20270105T140000",
        ] {
            assert!(When::local(text).is_err(), "{text}");
        }
    }
}
