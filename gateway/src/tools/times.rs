//! Times as models write them. What they mean is decided by the booking service, which knows the clinic's clock.

use proto::booking::v1::slot_choice;

/// A start time in whichever of three ways it is written. What it means is decided by the booking service, which knows the clinic's
/// clock.
pub(super) fn when(text: &str) -> Option<slot_choice::When> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        let time = prost_types::Timestamp { seconds: at.as_second(), nanos: at.subsec_nanosecond() };
        return Some(slot_choice::When::Timestamp(time));
    }
    let looks_like_a_date = text.len() >= 8 && text.bytes().take(4).all(|byte| byte.is_ascii_digit());
    Some(if looks_like_a_date {
        slot_choice::When::LocalTime(text.to_owned())
    } else {
        slot_choice::When::Spoken(text.to_owned())
    })
}

/// A day and a time of it as one, where they come apart: `2027-01-05` and `14:00` are `2027-01-05T14:00`.
pub(super) fn joined(date: &str, time: &str) -> String {
    let (date, time) = (date.trim(), time.trim());
    let is_clock = time.len() <= 8
        && time.split(':').count() > 1
        && time.bytes().all(|b| b == b':' || b.is_ascii_digit());
    match (date.is_empty(), time.is_empty()) {
        (true, _) => time.to_owned(),
        (_, true) => date.to_owned(),
        _ if is_day(date) && is_clock => {
            format!("{date}T{}{time}", if time.find(':') == Some(1) { "0" } else { "" })
        }
        // Both are whole, or in words; a whole time says its day itself.
        _ if time.get(..10).is_some_and(is_day) => time.to_owned(),
        _ => format!("{date} {time}"),
    }
}

/// What is wrong then.
pub(super) const ANOTHER_DAY: &str = "is another day than that of appointment_time";

/// Whether a day and a whole time on the same clock, given beside each other, are of different days.
pub(super) fn contradict(date: &str, time: &str) -> bool {
    let (date, time) = (date.trim(), time.trim());
    let is_on_the_clock = time.parse::<jiff::Timestamp>().is_err();
    is_day(date) && is_on_the_clock && time.get(..10).is_some_and(|day| is_day(day) && day != date)
}

/// Whether it is a day alone, as `YYYY-MM-DD`.
pub(super) fn is_day(text: &str) -> bool {
    let digit = |(place, byte): (usize, u8)| {
        if matches!(place, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() }
    };
    text.len() == 10 && text.bytes().enumerate().all(digit)
}

/// Minutes as a duration.
pub(super) fn duration(minutes: Option<i64>) -> Option<prost_types::Duration> {
    minutes.map(|minutes| prost_types::Duration { seconds: minutes * 60, nanos: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_by_its_form() {
        use slot_choice::When;
        assert!(
            matches!(when("2027-01-05T14:00:00Z"), Some(When::Timestamp(t)) if t.seconds == 1_799_157_600)
        );
        assert!(matches!(when("2027-01-05T14:00:00-05:00"), Some(When::Timestamp(_))));
        assert!(matches!(when("2027-01-05T14:00"), Some(When::LocalTime(_))));
        assert!(matches!(when("2027-02-30T14:00:00Z"), Some(When::LocalTime(_))));
        assert!(matches!(when("next Tuesday at two"), Some(When::Spoken(_))));
        assert_eq!(when("  "), None);
    }

    #[test]
    fn a_day_and_a_time_are_put_together() {
        for (date, time, both) in [
            ("2027-01-05", "14:00", "2027-01-05T14:00"),
            ("2027-01-05", "9:30", "2027-01-05T09:30"),
            (" 2027-01-05 ", "14:00:00", "2027-01-05T14:00:00"),
            ("", "2027-01-05T14:00", "2027-01-05T14:00"),
            ("2027-01-05", "2027-01-05T14:00:00Z", "2027-01-05T14:00:00Z"),
            ("2027-01-05", "", "2027-01-05"),
            ("2027-01-05", "two in the afternoon", "2027-01-05 two in the afternoon"),
            ("next Tuesday", "14:00", "next Tuesday 14:00"),
        ] {
            assert_eq!(joined(date, time), both);
        }
    }

    #[test]
    fn a_day_that_the_time_is_not_of_is_a_contradiction() {
        assert!(contradict("2027-02-01", "2027-02-05T14:00"));
        // With an offset, the day at the clinic may be another one.
        for time in ["2027-02-01T14:00", "14:00", "", "2027-02-02T01:00:00Z", "tomorrow"] {
            assert!(!contradict("2027-02-01", time), "{time}");
        }
    }
}
