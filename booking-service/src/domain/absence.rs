//! Closures of clinics and time off of providers.

use jiff::{Timestamp, ToSpan as _, civil};

use super::{
    ids::{AbsenceId, ClinicId, ProviderId},
    rules::Shut,
};

const LONGEST_YEARS: i64 = 10;

/// Who is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// The clinic is closed.
    Clinic(ClinicId),
    /// The provider has time off, wherever they work.
    Provider(ProviderId),
}

/// A closure, or time off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absence {
    /// Its id.
    pub id: AbsenceId,
    /// Who is not there.
    pub of: Absent,
    /// When.
    pub shut: Shut,
    /// What for.
    pub title: Option<String>,
    /// Rises with each change.
    pub version: i64,
    /// When it was entered.
    pub created_at: Timestamp,
    /// Since when it counts no more.
    pub archived_at: Option<Timestamp>,
}

/// Reads the beginning: a day, or a time of it. The error says what is wrong with it.
pub fn from(text: &str) -> Result<civil::DateTime, String> {
    read(text).map(|(at, _)| at)
}

/// Reads the end: a time, or a day, which is over when the next one begins. The error says what is wrong with it.
pub fn to(text: &str) -> Result<civil::DateTime, String> {
    let (at, is_day) = read(text)?;
    let end = if is_day { at.checked_add(1.day()) } else { Ok(at) };
    end.map_err(|_| "reaches beyond the calendar".to_owned())
}

/// Refuses what ends before it begins, or lasts longer than anybody plans: ten years. The error says what is wrong with the end.
pub fn between(
    from: civil::DateTime,
    to: civil::DateTime,
) -> Result<(civil::DateTime, civil::DateTime), String> {
    let longest = from.checked_add(LONGEST_YEARS.years()).unwrap_or(civil::DateTime::MAX);
    match to {
        to if to <= from => Err("must be later than the beginning".to_owned()),
        to if to > longest => Err(format!("must be at most {LONGEST_YEARS} years after the beginning")),
        to => Ok((from, to)),
    }
}

fn read(text: &str) -> Result<(civil::DateTime, bool), String> {
    let text = text.trim();
    // jiff reads more than that: fractions, and offsets, which it drops.
    let is_plain = matches!(text.len(), 10 | 16 | 19) && text.bytes().all(|b| b"T -:0123456789".contains(&b));
    let at: Option<civil::DateTime> = is_plain.then(|| text.parse().ok()).flatten();
    match at {
        _ if text.is_empty() => Err("is required".to_owned()),
        Some(at) if at.second() == 0 => Ok((at, text.len() == 10)),
        _ => Err("must be like 2027-01-05 or 2027-01-05T14:00".to_owned()),
    }
}

/// As it was written: a day where it begins with one, else the time.
pub fn text(at: civil::DateTime) -> String {
    at.strftime("%Y-%m-%dT%H:%M").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_lasts_until_the_next_one() {
        assert_eq!(from("2026-12-24").unwrap(), civil::date(2026, 12, 24).at(0, 0, 0, 0));
        assert_eq!(to("2026-12-26").unwrap(), civil::date(2026, 12, 27).at(0, 0, 0, 0));
        assert_eq!(to("2026-12-26T12:00").unwrap(), civil::date(2026, 12, 26).at(12, 0, 0, 0));
        for wrong in
            ["", "Christmas", "2026-12-24T12:00Z", "2026-13-01", "2026-12-24T12:00:30", "2026-12-24T12"]
        {
            assert!(from(wrong).is_err(), "{wrong}");
        }
    }
}
