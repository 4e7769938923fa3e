//! What can be booked on a day.

use jiff::{SignedDuration, Timestamp, ToSpan as _, Zoned, civil, tz::TimeZone};

use super::{
    ids::ProviderId,
    slot::{Provider, Slot},
};

/// Openings begin on the half hour, and stay in the hours that people expect: nothing else is known of a provider without working
/// hours.
const STEP_MINUTES: i32 = 30;
pub(super) const OPENS: civil::Time = civil::time(9, 0, 0, 0);
pub(super) const CLOSES: civil::Time = civil::time(17, 0, 0, 0);

/// Time of one provider that is not free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy {
    /// Whose.
    pub provider: ProviderId,
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub to: Timestamp,
}

/// The slots of a day that lie wholly in the usual hours on the clinic's clock, earliest first.
pub fn openings(day: civil::Date, duration: SignedDuration, zone: &TimeZone) -> Vec<Slot> {
    let at = |time: civil::Time| -> Option<Zoned> { day.to_datetime(time).to_zoned(zone.clone()).ok() };
    let (Some(opens), Some(closes)) = (at(OPENS), at(CLOSES)) else { return Vec::new() };
    (0..)
        .map_while(|n: i32| opens.checked_add((n * STEP_MINUTES).minutes()).ok())
        .map_while(|start| Slot::new(start.timestamp(), duration).ok())
        .take_while(|slot| slot.end() <= closes.timestamp())
        .collect()
}

/// Those of the openings that begin after `now` and are free, each with the first of the `providers` who is.
pub fn free(
    openings: &[Slot],
    providers: &[Provider],
    busy: &[Busy],
    now: Timestamp,
) -> Vec<(Slot, Provider)> {
    let with_provider = |slot: &Slot| {
        let provider = providers.iter().find(|provider| is_free(provider.id, *slot, busy))?;
        Some((*slot, provider.clone()))
    };
    openings.iter().filter(|slot| slot.start() > now).filter_map(with_provider).collect()
}

pub(super) fn is_free(provider: ProviderId, slot: Slot, busy: &[Busy]) -> bool {
    !busy.iter().any(|b| b.provider == provider && b.from < slot.end() && slot.start() < b.to)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn dr(n: u128) -> Provider {
        Provider { id: uuid::Uuid::from_u128(n).into(), name: format!("Dr. {n}") }
    }

    #[test]
    fn a_day_has_the_half_hours_in_which_the_visit_fits() {
        let zone = TimeZone::get("America/New_York").unwrap();
        let day = civil::date(2027, 1, 5);
        let of = |minutes: i64| openings(day, SignedDuration::from_mins(minutes), &zone);
        assert_eq!((of(30).len(), of(60).len(), of(480).len(), of(481).len()), (16, 15, 1, 0));
        assert_eq!(of(30)[0].start().to_string(), "2027-01-05T14:00:00Z");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Against the definition, minute by minute: of all starts of the day, those on the half hour in the usual hours at which
        /// somebody is free for the whole visit.
        #[test]
        fn what_is_listed_is_free_and_what_is_not_listed_is_not(
            minutes in prop::sample::select(vec![1_i64, 15, 30, 45, 60, 90, 480]),
            blocks in prop::collection::vec((1_u128..3, -600_i64..2_000, 1_i64..400), 0..12),
            now in -600_i64..2_000,
            zone in prop::sample::select(vec!["UTC", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Africa/Cairo"]),
        ) {
            let zone = TimeZone::get(zone).unwrap();
            let day = civil::date(2026, 9, 6); // Santiago's clocks change that night.
            let base = day.at(12, 0, 0, 0).to_zoned(zone.clone()).unwrap().timestamp() - SignedDuration::from_hours(12);
            let minute = |n: i64| base + SignedDuration::from_mins(n);
            let providers = [dr(1), dr(2)];
            let busy: Vec<Busy> = blocks
                .iter()
                .map(|(n, from, length)| Busy { provider: dr(*n).id, from: minute(*from), to: minute(from + length) })
                .collect();
            let duration = SignedDuration::from_mins(minutes);
            let listed = free(&openings(day, duration, &zone), &providers, &busy, minute(now));
            let oracle: Vec<Timestamp> = (0..1_440)
                .map(minute)
                .filter(|start| {
                    let (from, to) = (start.to_zoned(zone.clone()), (*start + duration).to_zoned(zone.clone()));
                    let is_open = from.date() == day && from.minute() % 30 == 0 && from.time() >= OPENS
                        && to.date() == day && to.time() <= CLOSES;
                    let is_free = |provider: &Provider| busy.iter().all(|b| {
                        b.provider != provider.id || b.to <= *start || *start + duration <= b.from
                    });
                    is_open && *start > minute(now) && providers.iter().any(is_free)
                })
                .collect();
            let starts: Vec<Timestamp> = listed.iter().map(|(slot, _)| slot.start()).collect();
            prop_assert_eq!(starts, oracle);
            for (slot, provider) in &listed {
                let is_first = providers.iter().find(|p| is_free(p.id, *slot, &busy)) == Some(provider);
                prop_assert!(is_first && slot.duration() == duration);
            }
        }
    }
}
