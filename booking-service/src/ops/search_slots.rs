//! Lists what is free on a day.

use jiff::{SignedDuration, civil};

use crate::{
    app::App,
    caller::Caller,
    db::places,
    domain::{
        clinic::Clinic,
        ids::{ClinicId, ProviderId},
        openings,
        slot::OpenSlot,
        when::TimeProblem,
    },
    error::{Error, Result},
    ops::slots::{ids, open, place},
};

/// The day in question, and what is wished for.
#[derive(Clone, Copy, Debug)]
pub struct SearchSlots {
    /// Where; `None`: at the organisation's only clinic.
    pub clinic: Option<ClinicId>,
    /// With whom; `None`: with anybody who works there.
    pub provider: Option<ProviderId>,
    /// The day, on the clinic's calendar.
    pub date: civil::Date,
    /// How long the visit is: from a minute to a day.
    pub duration: SignedDuration,
}

/// What is free on a day.
#[derive(Clone, Debug)]
pub struct FreeSlots {
    /// Where.
    pub clinic: Clinic,
    /// The day.
    pub date: civil::Date,
    /// Earliest first.
    pub slots: Vec<OpenSlot>,
}

/// Looks, and keeps nothing.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn search_slots(app: &App, caller: &Caller, command: SearchSlots) -> Result<FreeSlots> {
    let SearchSlots { clinic, provider, date, duration } = command;
    let mut tx = app.db.tenant_tx(caller).await?;
    let (clinic, providers) = place(&mut tx, clinic, provider).await?;
    let now = app.clock.now();
    let today = clinic.today(now);
    if date < today.date {
        return Err(Error::Time { problem: TimeProblem::Past, today });
    }
    let openings = openings::openings(date, duration, &clinic.zone);
    let (Some(first), Some(last)) = (openings.first(), openings.last()) else {
        return Ok(FreeSlots { clinic, date, slots: Vec::new() });
    };
    let busy = places::busy(&mut tx, &ids(&providers), (first.start(), last.end()), now).await?;
    let free = openings::free(&openings, &providers, &busy, now).into_iter();
    let slots = free.map(|(slot, provider)| open(&clinic, slot, Some(provider))).collect();
    Ok(FreeSlots { clinic, date, slots })
}
