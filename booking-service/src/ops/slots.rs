//! From a slot asked for to a clinic, what counts there, and an instant; and what to offer when it cannot be booked.

use jiff::{SignedDuration, Timestamp, ToSpan as _, civil};

use crate::{
    app::App,
    caller::Caller,
    db::{
        TenantTx, appointments, offers,
        places::{self, Found, Place},
    },
    domain::{
        clinic::Clinic,
        ids::{AppointmentId, ProviderId},
        rules::{Diary, Rules},
        slot::{OpenSlot, Provider, Slot, SlotChoice, Wish},
        suggestions,
        timetable::{SlotProblem, Timetable},
        when::When,
    },
    error::{Error, Resource, Result},
    ops::take_slot::Target,
};

/// How long an offer can be taken up.
const OFFER: SignedDuration = SignedDuration::from_mins(10);

/// Absences are read so many days around the time that is asked for: farther than suggestions reach.
const MARGIN_DAYS: i64 = 40;

/// A slot asked for, made out.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) clinic: Clinic,
    pub(super) rules: Rules,
    /// Those who were asked for, at least one, by id.
    pub(super) diaries: Vec<Diary>,
    pub(super) slot: Slot,
    /// What it takes of a provider's time.
    pub(super) block: (Timestamp, Timestamp),
    /// Those of them with whom the rules allow it.
    pub(super) allowed: Vec<ProviderId>,
    /// Why the rules allow it with nobody.
    pub(super) problem: Option<SlotProblem>,
    /// The appointment whose own time does not stand in its way.
    pub(super) moved: Option<AppointmentId>,
}

impl Wanted {
    pub(super) fn providers(&self) -> Vec<ProviderId> {
        self.diaries.iter().map(Diary::id).collect()
    }

    pub(super) fn provider(&self, id: ProviderId) -> Option<Provider> {
        self.diaries.iter().find(|diary| diary.id() == id).map(|diary| diary.provider.clone())
    }

    pub(super) fn open(&self, slot: Slot, provider: Option<Provider>) -> OpenSlot {
        open(&self.clinic, &self.rules, slot, provider)
    }

    /// Where the appointment is to be.
    pub(super) fn target(&self) -> Target {
        let version = |id: ProviderId| self.diaries.iter().find(|d| d.id() == id).map(|diary| diary.version);
        Target {
            clinic: self.clinic.id,
            slot: self.slot,
            block: self.block,
            service: self.rules.service.as_ref().map(|service| service.id),
            allowed: self.allowed.iter().map(|id| (*id, version(*id))).collect(),
        }
    }
}

/// A slot at the clinic, as it is shown.
pub(super) fn open(clinic: &Clinic, rules: &Rules, slot: Slot, provider: Option<Provider>) -> OpenSlot {
    let service = rules.service.as_ref().map(|service| service.id);
    OpenSlot { offer: None, clinic: clinic.id, provider, service, slot, zone: clinic.zone.clone() }
}

/// Makes out where, with whom and when. One round trip. The rules count unless somebody sets them aside.
pub(super) async fn make_out(
    app: &App,
    tx: &mut TenantTx,
    choice: &SlotChoice,
    set_aside: bool,
) -> Result<Wanted> {
    let SlotChoice { wish, when, duration } = choice;
    let now = app.clock.now();
    let Found { clinic, rules, diaries, .. } = place(tx, wish, window(around(when, now))).await?;
    let start = when
        .resolve(&clinic.zone, now)
        .map_err(|problem| Error::Time { problem, today: clinic.today(now) })?;
    let slot = Slot::new(start, duration.unwrap_or_else(|| rules.usual_duration()))
        .map_err(|problem| Error::invalid("slot.duration", problem))?;
    let day = start.to_zoned(clinic.zone.clone()).date();
    let timetable = Timetable::new(&rules, &diaries, (day, day), now);
    let (allowed, problem) = match timetable.free(slot) {
        Ok(free) => (free.iter().map(|provider| provider.id).collect(), None),
        Err(_) if set_aside => (diaries.iter().map(Diary::id).collect(), None),
        Err(problem) => (Vec::new(), Some(problem)),
    };
    let block = slot.block(rules.buffers());
    Ok(Wanted { clinic, rules, diaries, slot, block, allowed, problem, moved: None })
}

/// About when it is, before the clinic's zone is known.
fn around(when: &When, now: Timestamp) -> civil::Date {
    match when {
        When::Instant(at) => at.to_zoned(jiff::tz::TimeZone::UTC).date(),
        When::Local(local) => local.date(),
        When::Spoken(_) => now.to_zoned(jiff::tz::TimeZone::UTC).date(),
    }
}

fn window(day: civil::Date) -> (civil::DateTime, civil::DateTime) {
    let midnight = |day: civil::Date| day.at(0, 0, 0, 0);
    let margin = MARGIN_DAYS.days();
    (midnight(day.saturating_sub(margin)), midnight(day.saturating_add(margin)))
}

/// Makes out where, and what counts there between two times.
pub(super) async fn clinic(
    tx: &mut TenantTx,
    wish: &Wish,
    between: (civil::DateTime, civil::DateTime),
) -> Result<Found> {
    match places::find(tx, wish, between).await? {
        Place::Clinic(found) => Ok(*found),
        Place::Unclear(names) => Err(Error::ClinicRequired(names)),
        Place::Nowhere => Err(match wish.clinic {
            Some(id) => Error::ClinicForbidden(id.to_string()),
            None => Error::ClinicRequired(Vec::new()),
        }),
    }
}

/// The same, with somebody who comes into question: at least one, by id.
pub(super) async fn place(
    tx: &mut TenantTx,
    wish: &Wish,
    between: (civil::DateTime, civil::DateTime),
) -> Result<Found> {
    let found = clinic(tx, wish, between).await?;
    if let (Some(id), None) = (wish.service, &found.rules.service) {
        return Err(Error::not_found(Resource::Service, id));
    }
    let missing = wish.providers.iter().find(|id| !found.working.contains(id));
    match (missing, &found.rules.service) {
        (Some(id), _) => Err(Error::not_found(Resource::Provider, id)),
        (None, Some(service)) if found.diaries.is_empty() && !found.working.is_empty() => {
            Err(Error::ServiceNotOffered(service.name.clone()))
        }
        (None, _) if found.diaries.is_empty() => Err(Error::NoProviders(found.clinic.name)),
        (None, _) => Ok(found),
    }
}

/// Why the slot cannot be booked, with what can be instead. Shown to somebody, the alternatives are offers of theirs.
pub(super) async fn refusal(
    app: &App,
    caller: &Caller,
    mut tx: TenantTx,
    wanted: &Wanted,
    problem: SlotProblem,
) -> Result<Error> {
    let alternatives = alternatives(app, caller, &mut tx, wanted).await?;
    tx.commit().await?;
    Ok(match problem {
        SlotProblem::Taken => Error::SlotTaken(alternatives),
        problem @ (SlotProblem::InvalidDuration
        | SlotProblem::TooSoon
        | SlotProblem::TooFar
        | SlotProblem::Closed
        | SlotProblem::OutsideHours
        | SlotProblem::ProviderAway
        | SlotProblem::Misaligned) => {
            Error::NotBookable { problem, facts: facts(&wanted.rules, problem), alternatives }
        }
    })
}

/// What a client can use to form a sentence of its own.
fn facts(rules: &Rules, problem: SlotProblem) -> Vec<(&'static str, String)> {
    let policy = rules.limits();
    let durations = rules.service.iter().flat_map(|service| &service.durations);
    let durations: Vec<String> = durations.map(|duration| duration.as_mins().to_string()).collect();
    let fact = match problem {
        SlotProblem::InvalidDuration => Some(("durations_minutes", durations.join(", "))),
        SlotProblem::TooSoon => policy.notice.map(|notice| ("notice_minutes", notice.as_mins().to_string())),
        SlotProblem::TooFar => policy.horizon_days.map(|days| ("horizon_days", days.to_string())),
        SlotProblem::Misaligned => policy.grid.map(|grid| ("grid_minutes", grid.minutes().to_string())),
        SlotProblem::Closed | SlotProblem::OutsideHours | SlotProblem::ProviderAway | SlotProblem::Taken => {
            None
        }
    };
    fact.into_iter().collect()
}

/// The listed slots nearest to the one wanted, offered to the caller.
pub(super) async fn alternatives(
    app: &App,
    caller: &Caller,
    tx: &mut TenantTx,
    wanted: &Wanted,
) -> Result<Vec<OpenSlot>> {
    let Wanted { clinic, rules, diaries, slot, moved, .. } = wanted;
    let now = app.clock.now();
    let day = slot.start().to_zoned(clinic.zone.clone()).date();
    let duration = match &rules.service {
        Some(service) if !service.durations.contains(&slot.duration()) => rules.usual_duration(),
        _ => slot.duration(),
    };
    let mut found = Vec::new();
    for days in suggestions::REACHES {
        let days_looked_at = suggestions::reach(day, days);
        let timetable = Timetable::new(rules, diaries, days_looked_at, now);
        let stretch = reach(clinic, days_looked_at);
        let busy = places::busy(tx, &wanted.providers(), stretch, now, *moved).await?;
        found = suggestions::nearest(&timetable.with_busy(&busy), *slot, duration, days_looked_at);
        if suggestions::suffice(&found, *slot, days) {
            break;
        }
    }
    tracing::debug!(org.id = %caller.org, offered = found.len(), "looked for alternatives");
    let mut slots: Vec<OpenSlot> =
        found.into_iter().map(|(slot, provider)| wanted.open(slot, Some(provider))).collect();
    offer(app, caller, tx, &mut slots).await?;
    Ok(slots)
}

/// From the first moment of a day until a visit that begins on the last one has ended, with the time around both.
pub(super) fn reach(clinic: &Clinic, (first, last): (civil::Date, civil::Date)) -> (Timestamp, Timestamp) {
    let midnight = |day: civil::Date| {
        let zoned = day.to_zoned(clinic.zone.clone());
        zoned.map_or(Timestamp::MAX, |midnight| midnight.timestamp())
    };
    let margin = SignedDuration::from_hours(48);
    let (from, to) = (midnight(first), midnight(last));
    (
        from.checked_sub(margin).unwrap_or(Timestamp::MIN),
        to.checked_add(margin + margin / 2).unwrap_or(Timestamp::MAX),
    )
}

/// Names the slots, so that the caller can ask for one of them.
pub(super) async fn offer(
    app: &App,
    caller: &Caller,
    tx: &mut TenantTx,
    slots: &mut [OpenSlot],
) -> Result<()> {
    let now = app.clock.now();
    offers::insert(tx, &caller.holder(), slots, (now, now + OFFER)).await
}

/// A request of a telephone call is a sign of life: what the call holds is held on.
pub(super) async fn keep_holds(app: &App, caller: &Caller, tx: &mut TenantTx) -> Result<()> {
    match caller.call_id() {
        Some(call) => appointments::extend_holds(tx, call, app.clock.now()).await,
        None => Ok(()),
    }
}
