//! Lists what is free.

use jiff::{SignedDuration, Timestamp, ToSpan as _, civil};

use crate::{
    app::App,
    caller::Caller,
    db::places::{self, Found},
    domain::{
        clinic::Clinic,
        part_of_day::PartOfDay,
        rules::Diary,
        slot::{OpenSlot, Slot, Wish},
        timetable::{SlotProblem, Timetable},
        when::{TimeProblem, When},
    },
    error::{Error, Result},
    ops::slots::{keep_holds, offer, open, place, reach},
};

/// What is looked for.
#[derive(Clone, Debug)]
pub struct SearchSlots {
    /// Where, with whom and what for.
    pub wish: Wish,
    /// From this day on, on the clinic's calendar,
    pub first: civil::Date,
    /// to this one, at most 30 days later.
    pub last: civil::Date,
    /// How long the visit is, from a minute to a day; `None`: as usual.
    pub duration: Option<SignedDuration>,
    /// Only then in the day.
    pub part: Option<PartOfDay>,
    /// Only on these days of the week; empty: on all.
    pub weekdays: Vec<civil::Weekday>,
    /// The nearest to this; `None`: the earliest.
    pub nearest_to: Option<When>,
    /// So many at most.
    pub limit: usize,
    /// Whether they are offered, so that one of them can be asked for by its short name.
    pub offered: bool,
}

/// What is free.
#[derive(Clone, Debug)]
pub struct FreeSlots {
    /// Where.
    pub clinic: Clinic,
    /// The first day that was looked at.
    pub date: civil::Date,
    /// Earliest first.
    pub slots: Vec<OpenSlot>,
    /// Whether there are more.
    pub more: bool,
    /// Why there is nothing.
    pub problem: Option<SlotProblem>,
}

/// Looks, and keeps nothing.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn search_slots(app: &App, caller: &Caller, command: SearchSlots) -> Result<FreeSlots> {
    let SearchSlots { wish, first, last, duration, part, weekdays, nearest_to, limit, offered } = command;
    let mut tx = app.db.tenant_tx(caller).await?;
    let between =
        (first.saturating_sub(2.days()).at(0, 0, 0, 0), last.saturating_add(3.days()).at(0, 0, 0, 0));
    let Found { clinic, rules, diaries, .. } = place(&mut tx, &wish, between).await?;
    let now = app.clock.now();
    let today = clinic.today(now);
    if last < today.date {
        return Err(Error::Time { problem: TimeProblem::Past, today });
    }
    let first = first.max(today.date);
    let near = nearest_to.map(|when| when.resolve(&clinic.zone, Timestamp::MIN)).transpose();
    let near = near.map_err(|problem| Error::Time { problem, today })?;
    let providers: Vec<_> = diaries.iter().map(Diary::id).collect();
    let busy = places::busy(&mut tx, &providers, reach(&clinic, (first, last)), now, None).await?;
    let timetable = Timetable::new(&rules, &diaries, (first, last), now).with_busy(&busy);
    let days = first.series(1.day()).take_while(|day| *day <= last);
    let days = days.filter(|day| weekdays.is_empty() || weekdays.contains(&day.weekday()));
    let suits =
        |slot: Slot| part.is_none_or(|part| part.has(slot.start().to_zoned(clinic.zone.clone()).time()));
    let listed = timetable.list(days, duration.unwrap_or_else(|| rules.usual_duration()), suits);
    let problem = listed.as_ref().err().copied();
    let listed = listed.unwrap_or_default();
    let mut found: Vec<OpenSlot> = listed
        .into_iter()
        .map(|(slot, free)| open(&clinic, &rules, slot, free.first().copied().cloned()))
        .collect();
    let more = found.len() > limit;
    if let Some(near) = near {
        found.sort_by_key(|open| (open.slot.start().duration_since(near).abs(), open.slot.start()));
    }
    found.truncate(limit);
    found.sort_by_key(|open| open.slot);
    if offered {
        offer(app, caller, &mut tx, &mut found).await?;
    }
    keep_holds(app, caller, &mut tx).await?;
    tx.commit().await?;
    Ok(FreeSlots { clinic, date: first, slots: found, more, problem })
}
