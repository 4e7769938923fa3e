//! From what a clinic's clock shows to instants, right across every kind of clock change.

use jiff::{
    SignedDuration, Timestamp, civil,
    tz::{AmbiguousOffset, TimeZone},
};

/// No zone is farther from UTC than this, and none puts its clock back by more.
const FARTHEST: SignedDuration = SignedDuration::from_hours(26);

/// Stretches of time, half open, in order, none touching the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranges(Vec<(Timestamp, Timestamp)>);

impl Ranges {
    /// Of any stretches: what overlaps or touches becomes one.
    pub fn of(mut stretches: Vec<(Timestamp, Timestamp)>) -> Self {
        stretches.retain(|(from, to)| from < to);
        stretches.sort_unstable();
        let mut whole: Vec<(Timestamp, Timestamp)> = Vec::with_capacity(stretches.len());
        for (from, to) in stretches {
            match whole.last_mut() {
                Some((_, end)) if from <= *end => *end = (*end).max(to),
                _ => whole.push((from, to)),
            }
        }
        Self(whole)
    }

    /// Whether one of them holds all of the stretch.
    pub fn hold(&self, (from, to): (Timestamp, Timestamp)) -> bool {
        // The last that begins by then.
        let place = self.0.partition_point(|(begins, _)| *begins <= from);
        place > 0 && to <= self.0[place - 1].1
    }

    /// Whether one of them shares a moment with the stretch.
    pub fn meet(&self, (from, to): (Timestamp, Timestamp)) -> bool {
        let place = self.0.partition_point(|(_, ends)| *ends <= from);
        self.0.get(place).is_some_and(|(begins, _)| *begins < to)
    }
}

/// A zone's clock for some time, as the pieces in which it runs evenly: between two changes, what is shown is the instant moved by one
/// offset.
#[derive(Clone, Debug)]
pub struct WallClock {
    pieces: Vec<(Timestamp, Timestamp, SignedDuration)>,
}

impl WallClock {
    /// For what is shown from one time until another.
    pub fn new(zone: &TimeZone, from: civil::DateTime, to: civil::DateTime) -> Self {
        let (from, to) = (utc(from), utc(to));
        let mut piece_from = from.checked_sub(FARTHEST).unwrap_or(Timestamp::MIN);
        let end = to.checked_add(FARTHEST).unwrap_or(Timestamp::MAX);
        let changes = zone.following(piece_from).map(|change| change.timestamp());
        let mut pieces = Vec::with_capacity(2);
        for piece_to in changes.take_while(|change| *change < end).chain([end]) {
            let offset = SignedDuration::from_secs(zone.to_offset(piece_from).seconds().into());
            pieces.push((piece_from, piece_to, offset));
            piece_from = piece_to;
        }
        Self { pieces }
    }

    /// All instants at which it shows a time from `from` until before `to`. Where it is put back, that can be two stretches; where it is
    /// put forward over all of it, none.
    pub fn instants(
        &self,
        from: civil::DateTime,
        to: civil::DateTime,
    ) -> impl Iterator<Item = (Timestamp, Timestamp)> {
        let (from, to) = (utc(from), utc(to));
        self.pieces.iter().filter_map(move |(piece_from, piece_to, offset)| {
            let moved = |at: Timestamp| {
                // At the ends of the calendar, as far as it goes.
                let end = if offset.is_positive() { Timestamp::MIN } else { Timestamp::MAX };
                at.checked_sub(*offset).unwrap_or(end)
            };
            let (from, to) = (moved(from), moved(to));
            Some((from.max(*piece_from), to.min(*piece_to))).filter(|(from, to)| from < to)
        })
    }
}

/// What a clock that is never changed shows.
fn utc(shown: civil::DateTime) -> Timestamp {
    TimeZone::UTC.to_timestamp(shown).unwrap_or(Timestamp::MAX)
}

/// All instants at which the clock in `zone` shows a time from `from` until before `to`.
pub fn instants(zone: &TimeZone, from: civil::DateTime, to: civil::DateTime) -> Vec<(Timestamp, Timestamp)> {
    WallClock::new(zone, from, to).instants(from, to).collect()
}

/// The instants, none to two, at which the clock shows exactly this.
pub fn at(zone: &TimeZone, shown: civil::DateTime) -> impl Iterator<Item = Timestamp> {
    let (first, second) = match zone.to_ambiguous_timestamp(shown).offset() {
        AmbiguousOffset::Unambiguous { offset } => (Some(offset), None),
        AmbiguousOffset::Gap { .. } => (None, None),
        AmbiguousOffset::Fold { before, after } => (Some(before), Some(after)),
    };
    [first, second].into_iter().flatten().filter_map(move |offset| offset.to_timestamp(shown).ok())
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan as _;
    use proptest::prelude::*;

    use super::*;

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap()
    }

    fn said(name: &str, from: &str, to: &str) -> Vec<String> {
        let stretches = instants(&zone(name), from.parse().unwrap(), to.parse().unwrap());
        stretches.iter().map(|(from, to)| format!("{from} {to}")).collect()
    }

    #[test]
    fn the_hours_around_a_clock_change_are_not_shifted() {
        for (name, from, expected) in [
            ("America/Los_Angeles", "2026-03-08T09:00", "2026-03-08T16:00:00Z 2026-03-08T17:00:00Z"),
            ("Australia/Sydney", "2026-10-03T17:00", "2026-10-03T07:00:00Z 2026-10-03T08:00:00Z"),
        ] {
            let from: civil::DateTime = from.parse().unwrap();
            let to = from.checked_add(1.hour()).unwrap();
            assert_eq!(said(name, &from.to_string(), &to.to_string()), [expected]);
        }
    }

    #[test]
    fn a_repeated_hour_is_there_twice_and_a_skipped_one_not_at_all() {
        assert_eq!(said("America/New_York", "2027-03-14T02:10", "2027-03-14T02:50"), [""; 0]);
        // From 01:30 on: once before the clock is put back, and once after.
        assert_eq!(
            said("America/New_York", "2027-11-07T01:30", "2027-11-07T02:30"),
            ["2027-11-07T05:30:00Z 2027-11-07T06:00:00Z", "2027-11-07T06:30:00Z 2027-11-07T07:30:00Z"]
        );
        // At midnight: the day begins at one o'clock.
        assert_eq!(
            said("America/Santiago", "2026-09-06T00:00", "2026-09-06T02:00"),
            ["2026-09-06T04:00:00Z 2026-09-06T05:00:00Z"]
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        /// Against the definition, minute by minute.
        #[test]
        fn an_instant_is_in_it_when_the_clock_shows_so(
            name in prop::sample::select(crate::domain::timetable::ZONES.to_vec()),
            day in 0_i32..730,
            from in -200_i64..1_600,
            length in 1_i64..2_000,
        ) {
            let zone = zone(name);
            let midnight = civil::date(2026, 1, 1).checked_add(day.days()).unwrap().at(0, 0, 0, 0);
            let from = midnight.checked_add(from.minutes()).unwrap();
            let to = from.checked_add(length.minutes()).unwrap();
            let found = Ranges::of(instants(&zone, from, to));
            let first = TimeZone::UTC.to_timestamp(from).unwrap() - SignedDuration::from_hours(30);
            for n in 0..length + 60 * 60 {
                let at = first + SignedDuration::from_mins(n);
                let shown = zone.to_datetime(at);
                let expected = from <= shown && shown < to;
                prop_assert_eq!(found.hold((at, at + SignedDuration::from_secs(60))), expected, "{} {}", at, shown);
            }
        }
    }
}
