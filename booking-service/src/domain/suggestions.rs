//! What to offer instead of a slot that cannot be booked.

use jiff::{SignedDuration, ToSpan as _, civil};

use super::{
    slot::{Provider, Slot},
    timetable::Timetable,
};

/// A caller can keep three times in mind.
const MOST: usize = 3;

/// How many days are looked at on either side of the day asked for: first few, because three times are mostly found near, and what
/// was booked in weeks is much to read.
pub const REACHES: [i64; 3] = [1, 7, 28];

/// The days on which suggestions up to `days` before or after `day` lie.
pub fn reach(day: civil::Date, days: i64) -> (civil::Date, civil::Date) {
    (day.saturating_sub(days.days()), day.saturating_add(days.days()))
}

/// Whether nothing nearer can lie beyond the days that were looked at.
pub fn suffice(found: &[(Slot, Provider)], wanted: Slot, days: i64) -> bool {
    let near = |slot: Slot| {
        slot.start().duration_since(wanted.start()).abs() <= SignedDuration::from_hours(23 * days)
    };
    found.len() == MOST && found.iter().all(|(slot, _)| near(*slot))
}

/// The listed slots nearest to `wanted`, at most three, as long as `duration`, of these days, earliest first. A slot has the first provider
/// who is free; `wanted` itself is never among them, and no two overlap.
pub fn nearest(
    timetable: &Timetable,
    wanted: Slot,
    duration: SignedDuration,
    (first, last): (civil::Date, civil::Date),
) -> Vec<(Slot, Provider)> {
    let days = first.series(1.day()).take_while(|day| *day <= last);
    let mut candidates: Vec<Slot> = timetable.slots(days, duration).filter(|slot| *slot != wanted).collect();
    // The earlier one of two that are equally near.
    candidates.sort_by_key(|slot| (slot.start().duration_since(wanted.start()).abs(), slot.start()));
    let mut found: Vec<(Slot, Provider)> = Vec::with_capacity(MOST);
    for slot in candidates {
        if found.iter().any(|(other, _)| slot.overlaps(*other)) {
            continue;
        }
        if let Some(provider) = timetable.listed(slot).ok().and_then(|free| free.first().copied()) {
            found.push((slot, provider.clone()));
            if found.len() == MOST {
                break;
            }
        }
    }
    found.sort_by_key(|(slot, _)| *slot);
    found
}

#[cfg(test)]
mod tests {
    use jiff::{Timestamp, tz::TimeZone};
    use proptest::prelude::*;

    use super::*;
    use crate::domain::{
        rules::{Diary, Policy, Rules},
        timetable::{Busy, CLOSES, OPENS, ZONES},
    };

    /// The nearest, of providers who have no hours of their own.
    fn nearest(
        wanted: Slot,
        days: i64,
        providers: &[Provider],
        busy: &[Busy],
        zone: &TimeZone,
        now: Timestamp,
    ) -> Vec<(Slot, Provider)> {
        let rules = Rules { zone: zone.clone(), service: None, policy: Policy::default(), closures: vec![] };
        let diary = |provider: &Provider| Diary {
            provider: provider.clone(),
            schedule: None,
            away: vec![],
            version: 0,
        };
        let diaries: Vec<Diary> = providers.iter().map(diary).collect();
        let days = reach(wanted.start().to_zoned(zone.clone()).date(), days);
        let timetable = Timetable::new(&rules, &diaries, days, now).with_busy(busy);
        super::nearest(&timetable, wanted, wanted.duration(), days)
    }

    fn dr(n: u128) -> Provider {
        Provider { id: uuid::Uuid::from_u128(n).into(), name: format!("Dr. {n}") }
    }

    fn slot(start: &str, minutes: i64) -> Slot {
        Slot::new(start.parse().unwrap(), SignedDuration::from_mins(minutes)).unwrap()
    }

    fn busy(provider: &Provider, slot: Slot) -> Busy {
        Busy { provider: provider.id, from: slot.start(), to: slot.end() }
    }

    fn starts(found: &[(Slot, Provider)]) -> Vec<String> {
        found.iter().map(|(slot, _)| slot.start().to_string()).collect()
    }

    #[test]
    fn the_nearest_times_are_offered_earliest_first() {
        let (reyes, wanted) = (dr(1), slot("2027-01-05T14:00:00Z", 30));
        let found = nearest(
            wanted,
            7,
            std::slice::from_ref(&reyes),
            &[busy(&reyes, wanted)],
            &TimeZone::UTC,
            Timestamp::UNIX_EPOCH,
        );
        assert_eq!(starts(&found), ["2027-01-05T13:00:00Z", "2027-01-05T13:30:00Z", "2027-01-05T14:30:00Z"]);
    }

    #[test]
    fn the_past_is_not_offered() {
        let (reyes, wanted) = (dr(1), slot("2027-01-05T14:00:00Z", 30));
        let now = "2027-01-05T13:40:00Z".parse().unwrap();
        let found =
            nearest(wanted, 7, std::slice::from_ref(&reyes), &[busy(&reyes, wanted)], &TimeZone::UTC, now);
        assert_eq!(starts(&found), ["2027-01-05T14:30:00Z", "2027-01-05T15:00:00Z", "2027-01-05T15:30:00Z"]);
    }

    #[test]
    fn late_in_the_evening_the_clinics_own_day_counts() {
        let zone = TimeZone::get("America/New_York").unwrap();
        let (reyes, wanted) = (dr(1), slot("2027-01-06T02:00:00Z", 30)); // 9 PM on the 5th in New York
        let found = nearest(
            wanted,
            7,
            std::slice::from_ref(&reyes),
            &[busy(&reyes, wanted)],
            &zone,
            Timestamp::UNIX_EPOCH,
        );
        assert_eq!(starts(&found), ["2027-01-05T20:30:00Z", "2027-01-05T21:00:00Z", "2027-01-05T21:30:00Z"]);
    }

    #[test]
    fn a_visit_longer_than_the_usual_hours_has_no_suggestion() {
        let wanted = slot("2027-01-05T09:00:00Z", 9 * 60);
        assert_eq!(nearest(wanted, 7, &[dr(1)], &[], &TimeZone::UTC, Timestamp::UNIX_EPOCH), []);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Against the definition: of all half hours of the fortnight in the usual hours, those that are free for somebody.
        #[test]
        fn what_is_offered_is_free_and_nothing_nearer_was_left_out(
            hour in 0_i64..24,
            minutes in prop::sample::select(vec![15_i64, 30, 45, 60, 90]),
            blocks in prop::collection::vec((1_u128..3, -72_i64..72, 1_i64..20), 0..40),
            zone in prop::sample::select(ZONES.to_vec()),
        ) {
            let zone = TimeZone::get(zone).unwrap();
            let base: Timestamp = "2026-09-05T00:00:00Z".parse().unwrap();
            let wanted = Slot::new(base + SignedDuration::from_hours(hour), SignedDuration::from_mins(minutes)).unwrap();
            let providers = [dr(1), dr(2)];
            let busy: Vec<Busy> = blocks.iter().map(|(n, from, hours)| {
                let from = base + SignedDuration::from_hours(*from);
                Busy { provider: dr(*n).id, from, to: from + SignedDuration::from_hours(*hours) }
            }).collect();
            let now = base - SignedDuration::from_hours(10);
            let found = nearest(wanted, 7, &providers, &busy, &zone, now);
            let near = nearest(wanted, 1, &providers, &busy, &zone, now);
            if suffice(&near, wanted, 1) {
                prop_assert_eq!(&near, &found, "a look farther away found something nearer");
            }

            let free = |slot: Slot| slot.start() > now && slot != wanted
                && providers.iter().any(|p| busy.iter().all(|b| b.provider != p.id || b.to <= slot.start() || slot.end() <= b.from));
            let distance = |slot: &Slot| slot.start().duration_since(wanted.start()).abs();
            // Minute by minute, whatever falls on a half hour of the clinic's clock between nine and five.
            let oracle: Vec<Slot> = (-11_520_i64..=11_520)
                .map(|m| Slot::new(base + SignedDuration::from_mins(m), wanted.duration()).unwrap())
                .filter(|s| {
                    let (start, end) = (s.start().to_zoned(zone.clone()), s.end().to_zoned(zone.clone()));
                    start.minute() % 30 == 0 && start.time() >= OPENS && end.date() == start.date() && end.time() <= CLOSES
                        && free(*s)
                })
                .collect();
            prop_assert!(found.len() <= MOST);
            prop_assert!(found.is_sorted_by_key(|(slot, _)| slot.start()));
            for (slot, provider) in &found {
                prop_assert!(oracle.contains(slot), "{slot:?} is not open");
                prop_assert!(busy.iter().all(|b| b.provider != provider.id || b.to <= slot.start() || slot.end() <= b.from));
            }
            // Whatever is nearer than the farthest one offered is offered too, or overlaps one that is.
            if let Some(farthest) = found.iter().map(|(slot, _)| distance(slot)).max().filter(|_| found.len() == MOST) {
                for slot in oracle.iter().filter(|slot| distance(slot) < farthest) {
                    prop_assert!(found.iter().any(|(other, _)| other.overlaps(*slot)), "{slot:?} was left out");
                }
            }
        }
    }
}
