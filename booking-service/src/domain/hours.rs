//! When somebody works, by the clinic's clock: a usual week, and days that are unlike others.

use std::collections::BTreeMap;

use jiff::civil;
use serde::{Deserialize, Serialize};

/// Minutes of a day.
const DAY: u16 = 24 * 60;

/// More spans than this are a mistake, and so are more special days.
const MOST_SPANS: usize = 12;
const MOST_SPECIAL_DAYS: usize = 400;

/// From one time of a day to a later one, in whole minutes; written `09:00-17:30`. The end may be `24:00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DaySpan {
    from: u16,
    to: u16,
}

impl DaySpan {
    /// From `HH:MM` to `HH:MM`. Says what is wrong with it otherwise.
    pub fn parse(from: &str, to: &str) -> Result<Self, String> {
        let minute = |text: &str| {
            let (hours, minutes) = text.trim().split_once(':')?;
            let is_two = |digits: &str| digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit());
            let (hours, minutes) = (Some(hours).filter(|h| is_two(h))?, Some(minutes).filter(|m| is_two(m))?);
            let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
            (minutes < 60).then_some(hours * 60 + minutes).filter(|minute| *minute <= DAY)
        };
        let problem = || "must be times like 09:00 to 17:30".to_owned();
        let (from, to) = (minute(from).ok_or_else(problem)?, minute(to).ok_or_else(problem)?);
        if from < to {
            Ok(Self { from, to })
        } else {
            Err("must end later than it begins; what goes on after midnight is two, until 24:00 and from 00:00".to_owned())
        }
    }

    /// As `HH:MM`.
    pub fn texts(self) -> (String, String) {
        let text = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
        (text(self.from), text(self.to))
    }

    /// What the clock shows at its two ends on a day.
    pub fn on(self, day: civil::Date) -> (civil::DateTime, civil::DateTime) {
        let midnight = day.at(0, 0, 0, 0);
        let after = |minutes: u16| {
            let minutes = jiff::Span::new().minutes(i64::from(minutes));
            midnight.checked_add(minutes).unwrap_or(civil::DateTime::MAX)
        };
        (after(self.from), after(self.to))
    }

    /// What is left of it beside another.
    fn without(self, other: Self) -> impl Iterator<Item = Self> {
        let before = Self { from: self.from, to: self.to.min(other.from) };
        let after = Self { from: self.from.max(other.to), to: self.to };
        [before, after].into_iter().filter(|span| span.from < span.to)
    }
}

impl TryFrom<String> for DaySpan {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (from, to) = text.split_once('-').ok_or("must be like 09:00-17:30")?;
        Self::parse(from, to)
    }
}

impl From<DaySpan> for String {
    fn from(span: DaySpan) -> Self {
        let (from, to) = span.texts();
        format!("{from}-{to}")
    }
}

/// A day's work: when it is open, and the breaks in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DayHours {
    /// When it is open; none: not that day.
    pub open: Vec<DaySpan>,
    /// When it is not, in between.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub breaks: Vec<DaySpan>,
}

impl DayHours {
    /// Refuses spans that overlap each other, and too many of them.
    pub fn check(&self) -> Result<(), String> {
        for spans in [&self.open, &self.breaks] {
            let mut sorted = spans.clone();
            sorted.sort_unstable();
            if sorted.len() > MOST_SPANS {
                return Err(format!("must be at most {MOST_SPANS} spans"));
            }
            if sorted.windows(2).any(|pair| pair[1].from < pair[0].to) {
                return Err("must not overlap".to_owned());
            }
        }
        Ok(())
    }

    /// The open spans without the breaks.
    pub fn spans(&self) -> Vec<DaySpan> {
        self.breaks.iter().fold(self.open.clone(), |open, closed| {
            open.into_iter().flat_map(|span| span.without(*closed)).collect()
        })
    }
}

/// When a provider works at a clinic.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// The usual week, from Monday on.
    pub week: [DayHours; 7],
    /// Days that are unlike others: what is here is all that counts that day.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub special: BTreeMap<civil::Date, DayHours>,
}

impl Schedule {
    /// Refuses what cannot be a schedule: all that is wrong, each with the day.
    pub fn check(&self) -> Result<(), Vec<(String, String)>> {
        let days = NAMES.iter().map(|name| (*name).to_owned()).zip(&self.week);
        let days = days.chain(self.special.iter().map(|(day, hours)| (day.to_string(), hours)));
        let mut wrong: Vec<_> = days.filter_map(|(day, hours)| Some((day, hours.check().err()?))).collect();
        if self.special.len() > MOST_SPECIAL_DAYS {
            wrong.push(("special days".to_owned(), format!("must be at most {MOST_SPECIAL_DAYS}")));
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    /// When it is open on a day.
    pub fn on(&self, day: civil::Date) -> Vec<DaySpan> {
        let place = usize::try_from(day.weekday().to_monday_zero_offset()).unwrap_or_default();
        self.special.get(&day).unwrap_or(&self.week[place]).spans()
    }
}

/// The days of the week, as they are written.
pub const NAMES: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(texts: &[&str]) -> Vec<DaySpan> {
        texts.iter().map(|text| DaySpan::try_from((*text).to_owned()).unwrap()).collect()
    }

    #[test]
    fn a_break_cuts_the_day_in_two() {
        let day = DayHours {
            open: spans(&["08:00-12:30", "13:00-17:00"]),
            breaks: spans(&["10:00-10:15", "16:30-24:00"]),
        };
        assert_eq!(day.spans(), spans(&["08:00-10:00", "10:15-12:30", "13:00-16:30"]));
        assert_eq!(day.check(), Ok(()));
        assert!(DayHours { open: spans(&["08:00-12:00", "11:00-13:00"]), breaks: vec![] }.check().is_err());
    }

    #[test]
    fn what_is_no_span_of_a_day_is_refused() {
        assert_eq!(String::from(spans(&["00:00-24:00"])[0]), "00:00-24:00");
        for wrong in [
            "",
            "9:00-17:00",
            "17:00-09:00",
            "09:00-09:00",
            "09:00-24:01",
            "09:60-10:00",
            "+9:00-10:00",
            "9-17",
        ] {
            assert!(DaySpan::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_special_day_is_all_that_counts_that_day() {
        let mut schedule = Schedule::default();
        schedule.week[0].open = spans(&["09:00-17:00"]);
        let monday = civil::date(2027, 1, 4);
        assert_eq!(schedule.on(monday), spans(&["09:00-17:00"]));
        schedule.special.insert(monday, DayHours::default());
        assert_eq!(schedule.on(monday), []);
        assert_eq!(schedule.on(civil::date(2027, 1, 5)), []);
    }
}
