//! The one place that says whether a slot can be booked: searching, offering, checking and booking all ask here. Pure: no query inside.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp, ToSpan as _, civil, tz::TimeZone};

use super::{
    hours::Schedule,
    ids::ProviderId,
    rules::{Diary, Grid, Rules, Shut},
    slot::{Buffers, Provider, Slot},
    wall_clock::{Ranges, WallClock, at, instants},
};

/// Where nothing else is said, suggestions begin on the half hour and stay in the hours that people expect.
const USUAL_STEP: u16 = 30;
pub(super) const OPENS: civil::Time = civil::time(9, 0, 0, 0);
pub(super) const CLOSES: civil::Time = civil::time(17, 0, 0, 0);

/// Why a slot cannot be booked. What comes later was found wrong when all before was right: of several providers, the one who came
/// farthest says why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SlotProblem {
    /// The service is not that long.
    InvalidDuration,
    /// It begins too soon from now.
    TooSoon,
    /// It begins too far ahead.
    TooFar,
    /// The clinic is closed.
    Closed,
    /// Nobody works then.
    OutsideHours,
    /// Whoever works then is away.
    ProviderAway,
    /// Visits begin at other minutes.
    Misaligned,
    /// There is an appointment.
    Taken,
}

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

/// Rules and hours, made out for some days: who can be booked when.
#[derive(Clone, Debug)]
pub struct Timetable {
    zone: TimeZone,
    durations: Vec<SignedDuration>,
    buffers: Buffers,
    grid: Option<Grid>,
    earliest: Timestamp,
    last_day: Option<civil::Date>,
    closed: Ranges,
    usual: Ranges,
    columns: Vec<Column>,
    busy: HashMap<ProviderId, Ranges>,
}

/// One provider's.
#[derive(Clone, Debug)]
struct Column {
    provider: Provider,
    open: Option<Ranges>,
    away: Ranges,
}

impl Timetable {
    /// For what begins from `first` to `last` by the clinic's clock.
    pub fn new(
        rules: &Rules,
        diaries: &[Diary],
        (first, last): (civil::Date, civil::Date),
        now: Timestamp,
    ) -> Self {
        let zone = &rules.zone;
        // The day that the clock shows may go back by one at a change; and a visit may end a day later, which may be a short one.
        let (first, last) = (first.saturating_sub(1.day()), last.saturating_add(2.days()));
        let days: Vec<civil::Date> = first.series(1.day()).take_while(|day| *day <= last).collect();
        let clock = WallClock::new(zone, first.at(0, 0, 0, 0), last.saturating_add(1.day()).at(0, 0, 0, 0));
        let policy = rules.limits();
        let column = |diary: &Diary| {
            let open = |schedule: &Schedule| {
                let on = |day: &civil::Date| {
                    schedule.on(*day).into_iter().map(|span| span.on(*day)).collect::<Vec<_>>()
                };
                let spans = days.iter().flat_map(on);
                Ranges::of(spans.flat_map(|(from, to)| clock.instants(from, to)).collect())
            };
            Column {
                provider: diary.provider.clone(),
                open: diary.schedule.as_ref().map(open),
                away: shut(&diary.away),
            }
        };
        let usual =
            days.iter().flat_map(|day| clock.instants(day.to_datetime(OPENS), day.to_datetime(CLOSES)));
        Self {
            durations: rules.service.as_ref().map(|service| service.durations.clone()).unwrap_or_default(),
            buffers: rules.buffers(),
            grid: policy.grid,
            // What begins now has begun.
            earliest: now
                .checked_add(policy.notice.unwrap_or_default().max(SignedDuration::from_nanos(1)))
                .unwrap_or(Timestamp::MAX),
            last_day: policy.horizon_days.and_then(|days| {
                let today = now.to_zoned(zone.clone()).date();
                today.checked_add(i64::from(days).days()).ok()
            }),
            closed: shut(&rules.closures),
            usual: Ranges::of(usual.collect()),
            columns: diaries.iter().map(column).collect(),
            zone: zone.clone(),
            busy: HashMap::new(),
        }
    }

    /// With what is booked already.
    #[must_use]
    pub fn with_busy(mut self, busy: &[Busy]) -> Self {
        let mut stretches: HashMap<ProviderId, Vec<(Timestamp, Timestamp)>> = HashMap::new();
        for Busy { provider, from, to } in busy {
            stretches.entry(*provider).or_default().push((*from, *to));
        }
        self.busy = stretches.into_iter().map(|(provider, taken)| (provider, Ranges::of(taken))).collect();
        self
    }

    /// Those with whom the slot can be booked, in order; else why it cannot.
    pub fn free(&self, slot: Slot) -> Result<Vec<&Provider>, SlotProblem> {
        self.free_in(slot, |column| column.open.as_ref())
    }

    /// Those with whom the slot is listed: as [`free()`](Self::free), but who has no hours of their own keeps to the usual ones.
    pub fn listed(&self, slot: Slot) -> Result<Vec<&Provider>, SlotProblem> {
        self.free_in(slot, |column| Some(column.open.as_ref().unwrap_or(&self.usual)))
    }

    /// Everything that is listed of the days, and suits: each start of the grid, else each half hour, at which somebody is free. Earliest
    /// first, with all who are; or what kept most of it away.
    pub fn list(
        &self,
        days: impl IntoIterator<Item = civil::Date>,
        duration: SignedDuration,
        suits: impl Fn(Slot) -> bool,
    ) -> Result<Vec<(Slot, Vec<&Provider>)>, SlotProblem> {
        let (mut found, mut farthest) = (Vec::new(), None);
        for slot in self.slots(days, duration).filter(|slot| suits(*slot)) {
            match self.listed(slot) {
                Ok(free) => found.push((slot, free)),
                Err(problem) => farthest = farthest.max(Some(problem)),
            }
        }
        if found.is_empty() { Err(farthest.unwrap_or(SlotProblem::OutsideHours)) } else { Ok(found) }
    }

    fn free_in<'a>(
        &'a self,
        slot: Slot,
        hours: impl Fn(&'a Column) -> Option<&'a Ranges>,
    ) -> Result<Vec<&'a Provider>, SlotProblem> {
        self.for_all(slot)?;
        let (mut free, mut farthest) = (Vec::new(), SlotProblem::OutsideHours);
        for column in &self.columns {
            match self.with(column, hours(column), slot) {
                Ok(()) => free.push(&column.provider),
                Err(problem) => farthest = farthest.max(problem),
            }
        }
        if free.is_empty() { Err(farthest) } else { Ok(free) }
    }

    /// What must be right whoever is asked for.
    fn for_all(&self, slot: Slot) -> Result<(), SlotProblem> {
        let day = || slot.start().to_zoned(self.zone.clone()).date();
        if !self.durations.is_empty() && !self.durations.contains(&slot.duration()) {
            Err(SlotProblem::InvalidDuration)
        } else if slot.start() < self.earliest {
            Err(SlotProblem::TooSoon)
        } else if self.last_day.is_some_and(|last| day() > last) {
            Err(SlotProblem::TooFar)
        } else if self.closed.meet(slot.range()) {
            Err(SlotProblem::Closed)
        } else {
            Ok(())
        }
    }

    fn with(&self, column: &Column, hours: Option<&Ranges>, slot: Slot) -> Result<(), SlotProblem> {
        let is_off = |grid: Grid| !grid.has(slot.start().to_zoned(self.zone.clone()).time());
        if hours.is_some_and(|hours| !hours.hold(slot.range())) {
            Err(SlotProblem::OutsideHours)
        } else if column.away.meet(slot.range()) {
            Err(SlotProblem::ProviderAway)
        } else if self.grid.is_some_and(is_off) {
            Err(SlotProblem::Misaligned)
        } else if self.busy.get(&column.provider.id).is_some_and(|busy| busy.meet(slot.block(self.buffers))) {
            Err(SlotProblem::Taken)
        } else {
            Ok(())
        }
    }

    /// The slots of days that could be listed, in order.
    pub(super) fn slots(
        &self,
        days: impl IntoIterator<Item = civil::Date>,
        duration: SignedDuration,
    ) -> impl Iterator<Item = Slot> {
        let step = self.grid.map_or(USUAL_STEP, Grid::minutes);
        let minutes = (0..1440_i64).step_by(step.into());
        let shown = |day: civil::Date| {
            let midnight = day.at(0, 0, 0, 0);
            minutes.clone().filter_map(move |minute| midnight.checked_add(minute.minutes()).ok())
        };
        let mut starts: Vec<Timestamp> =
            days.into_iter().flat_map(shown).flat_map(|shown| at(&self.zone, shown)).collect();
        starts.sort_unstable();
        starts.into_iter().filter_map(move |start| Slot::new(start, duration).ok())
    }
}

fn shut(stretches: &[Shut]) -> Ranges {
    Ranges::of(stretches.iter().flat_map(|Shut { from, to, zone }| instants(zone, *from, *to)).collect())
}

/// Zones that change their clocks in every way there is, and some that never do.
#[cfg(test)]
pub(super) const ZONES: [&str; 24] = [
    "UTC",
    "America/New_York",
    "America/Los_Angeles",
    "America/Santiago",
    "America/Asuncion",
    "America/Havana",
    "America/St_Johns",
    "America/Sao_Paulo",
    "America/Phoenix",
    "Europe/London",
    "Europe/Berlin",
    "Europe/Dublin",
    "Atlantic/Azores",
    "Africa/Cairo",
    "Africa/Casablanca",
    "Asia/Beirut",
    "Asia/Jerusalem",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Australia/Sydney",
    "Australia/Lord_Howe",
    "Pacific/Auckland",
    "Pacific/Chatham",
    "Pacific/Kiritimati",
];

#[cfg(test)]
mod tests {
    use jiff::Zoned;
    use proptest::{collection::vec, option, prelude::*, sample::select};

    use super::*;
    use crate::domain::{
        hours::{DayHours, DaySpan},
        rules::{Policy, Treatment},
    };

    /// A clinic's rules, two providers and what is booked, around a day; everything in minutes.
    #[derive(Clone, Debug)]
    struct Case {
        rules: Rules,
        diaries: Vec<Diary>,
        busy: Vec<Busy>,
        day: civil::Date,
        now: Timestamp,
        duration: SignedDuration,
    }

    fn span() -> impl Strategy<Value = DaySpan> {
        // On the quarter hour, mostly; midnight is the hardest time.
        let minute = || {
            prop_oneof![(0_u16..=96).prop_map(|n| n * 15), 0_u16..=1440, select(vec![0_u16, 60, 1380, 1440])]
        };
        let text = |m: u16| format!("{:02}:{:02}", m / 60, m % 60);
        (minute(), minute())
            .prop_filter_map("empty", move |(a, b)| DaySpan::parse(&text(a.min(b)), &text(a.max(b))).ok())
    }

    fn hours() -> impl Strategy<Value = DayHours> {
        (vec(span(), 0..3), vec(span(), 0..2)).prop_map(|(open, breaks)| DayHours { open, breaks })
    }

    fn shut(zone: TimeZone, day: civil::Date) -> impl Strategy<Value = Shut> {
        (-3_000_i64..4_000, 1_i64..2_000).prop_map(move |(from, length)| {
            let from = day.at(0, 0, 0, 0).checked_add(from.minutes()).unwrap();
            Shut { from, to: from.checked_add(length.minutes()).unwrap(), zone: zone.clone() }
        })
    }

    /// The days around every clock change of the zone's in two years, and others.
    fn day_of(zone: &TimeZone) -> impl Strategy<Value = civil::Date> + use<> {
        let first: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let last = first + SignedDuration::from_hours(24 * 730);
        let changes: Vec<civil::Date> = zone
            .following(first)
            .take_while(|change| change.timestamp() < last)
            .flat_map(|change| {
                let day = zone.to_datetime(change.timestamp()).date();
                [day.yesterday().unwrap(), day, day.tomorrow().unwrap()]
            })
            .chain([civil::date(2026, 5, 20)])
            .collect();
        prop_oneof![3 => select(changes), 1 => (0_i32..730).prop_map(|n| civil::date(2026, 1, 1).saturating_add(n.days()))]
    }

    fn case() -> impl Strategy<Value = Case> {
        select(ZONES.to_vec())
            .prop_map(|name| TimeZone::get(name).unwrap())
            .prop_flat_map(|zone| (day_of(&zone), Just(zone)))
            .prop_flat_map(|(day, zone)| {
                let schedule =
                    (vec(hours(), 7), option::of(hours())).prop_map(move |(week, special)| Schedule {
                        week: week.try_into().unwrap(),
                        special: special.map(|hours| (day, hours)).into_iter().collect(),
                    });
                let diary = (option::weighted(0.8, schedule), vec(shut(zone.clone(), day), 0..2));
                let duration = select(vec![5_i64, 20, 30, 60, 95, 600, 1440]);
                let policy = (
                    option::of(select(vec![5_i64, 15, 20, 30, 60, 90])),
                    option::of(0_i64..1_000),
                    option::of(0_u16..2),
                );
                let service = option::of((vec(duration.clone(), 1..3), 0_i64..40, 0_i64..40));
                let busy = vec((0_usize..2, -1_500_i64..3_000, 1_i64..400), 0..6);
                (
                    Just((day, zone.clone())),
                    (vec(diary, 1..3), vec(shut(zone.clone(), day), 0..2), busy),
                    (policy, service, duration, -3_000_i64..2_000),
                )
            })
            .prop_map(
                |(
                    (day, zone),
                    (diaries, closures, busy),
                    ((grid, notice, horizon_days), service, duration, now),
                )| {
                    let mins = SignedDuration::from_mins;
                    let base = day.to_zoned(zone.clone()).unwrap().timestamp();
                    let id = |n: usize| uuid::Uuid::from_u128(n as u128 + 1);
                    let policy = Policy {
                        grid: grid.map(|m| Grid::parse(m).unwrap()),
                        notice: notice.map(mins),
                        horizon_days,
                    };
                    let service = service.map(|(durations, before, after)| Treatment {
                        id: id(9).into(),
                        name: "Cleaning".into(),
                        durations: durations.into_iter().map(mins).collect(),
                        buffers: Buffers { before: mins(before), after: mins(after) },
                        policy: Policy::default(),
                    });
                    let diaries = diaries.into_iter().enumerate().map(|(n, (schedule, away))| Diary {
                        provider: Provider { id: id(n).into(), name: format!("Dr. {n}") },
                        schedule,
                        away,
                        version: 0,
                    });
                    let busy = busy.into_iter().map(|(n, from, length)| {
                        let from = base + mins(from);
                        Busy { provider: id(n).into(), from, to: from + mins(length) }
                    });
                    Case {
                        rules: Rules { zone, service, policy, closures },
                        diaries: diaries.collect(),
                        busy: busy.collect(),
                        day,
                        now: base + mins(now),
                        duration: mins(duration),
                    }
                },
            )
    }

    /// What can be booked by definition: asked minute by minute of what the clock shows, with nothing worked out before.
    fn oracle(case: &Case, slot: Slot, lists: bool) -> Vec<ProviderId> {
        let Case { rules, diaries, busy, now, .. } = case;
        let shown = |at: Timestamp| at.to_zoned(rules.zone.clone());
        let minutes = || {
            let length = slot.duration().as_mins();
            (0..length).map(move |n| slot.start() + SignedDuration::from_mins(n))
        };
        let is_shut = |shut: &Shut, at: Timestamp| {
            let shown = at.to_zoned(shut.zone.clone()).datetime();
            shut.from <= shown && shown < shut.to
        };
        let minute_of =
            |at: &Zoned| u16::try_from(at.hour()).unwrap() * 60 + u16::try_from(at.minute()).unwrap();
        let is_in = |span: &DaySpan, at: &Zoned| {
            let (from, to) = span.texts();
            let minute =
                |text: &str| text[..2].parse::<u16>().unwrap() * 60 + text[3..].parse::<u16>().unwrap();
            (minute(&from)..minute(&to)).contains(&minute_of(at))
        };
        let works = |diary: &Diary, at: Timestamp| {
            let at = shown(at);
            let Some(schedule) = &diary.schedule else { return !lists || (9..17).contains(&at.hour()) };
            let day = at.weekday().to_monday_zero_offset();
            let hours =
                schedule.special.get(&at.date()).unwrap_or(&schedule.week[usize::try_from(day).unwrap()]);
            hours.open.iter().any(|span| is_in(span, &at))
                && !hours.breaks.iter().any(|span| is_in(span, &at))
        };
        let step = rules.policy.grid.map(Grid::minutes).or(lists.then_some(30));
        let notice = rules.policy.notice.unwrap_or_default();
        let days_ahead = (shown(slot.start()).date() - shown(*now).date()).get_days();
        let fits = rules.service.as_ref().is_none_or(|service| service.durations.contains(&slot.duration()))
            && step.is_none_or(|step| minute_of(&shown(slot.start())) % step == 0)
            && slot.start() > *now
            && slot.start() >= *now + notice
            && rules.policy.horizon_days.is_none_or(|days| days_ahead <= i32::from(days))
            && minutes().all(|at| !rules.closures.iter().any(|closure| is_shut(closure, at)));
        let buffers = rules.buffers();
        let (from, to) = (slot.start() - buffers.before, slot.end() + buffers.after);
        let is_free = |diary: &&Diary| {
            minutes().all(|at| works(diary, at) && !diary.away.iter().any(|away| is_shut(away, at)))
                && busy.iter().all(|b| b.provider != diary.id() || b.to <= from || to <= b.from)
        };
        if fits { diaries.iter().filter(is_free).map(Diary::id).collect() } else { Vec::new() }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(384))]

        #[test]
        fn every_listed_slot_is_bookable_and_no_unlisted_slot_is(case in case()) {
            let Case { rules, diaries, busy, day, now, duration } = &case;
            let timetable = Timetable::new(rules, diaries, (*day, *day), *now).with_busy(busy);
            let listed = timetable.list([*day], *duration, |_| true).unwrap_or_default();
            let listed: HashMap<Slot, Vec<ProviderId>> =
                listed.into_iter().map(|(slot, free)| (slot, free.iter().map(|p| p.id).collect())).collect();
            // Every minute that the clinic's clock shows on that day, however long it is.
            let first = day.to_zoned(rules.zone.clone()).unwrap().timestamp() - SignedDuration::from_hours(3);
            for n in 0..30 * 60 {
                let start = first + SignedDuration::from_mins(n);
                if start.to_zoned(rules.zone.clone()).date() != *day {
                    continue;
                }
                let slot = Slot::new(start, *duration).unwrap();
                let bookable: Vec<ProviderId> =
                    timetable.free(slot).map(|free| free.iter().map(|p| p.id).collect()).unwrap_or_default();
                prop_assert_eq!(&bookable, &oracle(&case, slot, false), "free at {}", start);
                let expected = oracle(&case, slot, true);
                prop_assert_eq!(listed.get(&slot).cloned().unwrap_or_default(), expected, "listed at {}", start);
            }
        }
    }
}
