//! Keeps a slot for a caller for a while, and gives it up again.

use crate::{
    access::{GET_APPOINTMENT, HOLD_SLOT, RELEASE_HOLD},
    app::App,
    caller::Caller,
    db::{
        appointments,
        audit::{self, Entry},
        calls,
    },
    domain::{
        appointment::{Appointment, HOLD, MOST_HOLDS, State},
        idempotency::Fingerprint,
        ids::AppointmentId,
        metadata::Metadata,
        patient::PatientDetails,
        slot::SlotChoice,
        timetable::SlotProblem,
    },
    error::{Error, Resource, Result},
    ops::{
        book_appointment::{as_far_as_known, is_of_this_call},
        offered::{self, SlotName},
        slots::{Wanted, keep_holds, make_out, refusal},
        take_slot::{ATTEMPTS, Attempt, Taking, Took, take, unless_done_before, with_number},
    },
};

/// What is to be held, and for whom.
#[derive(Clone, Debug)]
pub struct HoldSlot {
    /// What.
    pub what: SlotName,
    /// What the caller believes an offer to be.
    pub expected: Option<SlotChoice>,
    /// Who comes, if that is known.
    pub patient: Option<PatientDetails>,
    /// What the caller says they come for.
    pub service_text: Option<String>,
    /// What the client keeps with it.
    pub metadata: Metadata,
    /// Knows the request again.
    pub fingerprint: Fingerprint,
}

/// Which hold to give up.
#[derive(Clone, Copy, Debug)]
pub struct ReleaseHold {
    /// Which.
    pub id: AppointmentId,
}

/// Holds the slot, or answers with the hold that the same request, or this call, made before.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn hold_slot(app: &App, caller: &Caller, mut command: HoldSlot) -> Result<Appointment> {
    if caller.is_voice() && caller.call_id().is_none() {
        return Err(Error::invalid(
            "call_id",
            "is required: what a caller holds belongs to their telephone call",
        ));
    }
    command.patient = with_number(caller, command.patient);
    for _ in 0..ATTEMPTS {
        match attempt(app, caller, &command).await? {
            Attempt::Done(id) | Attempt::Repeated(id) => return shown(app, caller, &command, id).await,
            Attempt::Refused(wanted, problem) => {
                return refused(app, caller, &command, &wanted, problem).await;
            }
            Attempt::Again => {}
        }
    }
    Err(Error::Busy(anyhow::anyhow!("no hold came about in {ATTEMPTS} attempts")))
}

async fn attempt(app: &App, caller: &Caller, command: &HoldSlot) -> Result<Attempt<AppointmentId>> {
    let request = (HOLD_SLOT, command.fingerprint);
    let mut tx = app.db.tenant_tx(caller).await?;
    let now = app.clock.now();
    let made_out = async {
        let choice = offered::choice(app, caller, &mut tx, &command.what, command.expected.as_ref()).await?;
        make_out(app, &mut tx, &choice, false).await
    };
    let wanted = match made_out.await {
        Ok(wanted) => wanted,
        Err(error) if error.is_trouble() => return Err(error),
        Err(error) => return unless_done_before(app, caller, request, tx, Err(error)).await,
    };
    if let Some(problem) = wanted.problem {
        let refused = Ok(Attempt::Refused(Box::new(wanted), problem));
        return unless_done_before(app, caller, request, tx, refused).await;
    }
    if let Some(call) = caller.call_id() {
        // What this call holds, and whether it is over, is decided one after another.
        calls::lock(&mut tx, call).await?;
        if calls::is_over(&mut tx, call).await? {
            return Err(Error::HoldExpired);
        }
        let providers = wanted.providers();
        if let Some(id) = appointments::held_in_call(&mut tx, call, wanted.slot, &providers, now).await? {
            tx.commit().await?;
            return Ok(Attempt::Repeated(id));
        }
        if appointments::count_holds(&mut tx, call, now).await? >= MOST_HOLDS {
            return Err(Error::TooManyHolds(MOST_HOLDS));
        }
    }
    let country = wanted.clinic.country.as_deref();
    let patient = command.patient.as_ref().map(|patient| patient.in_country(country));
    let taking = Taking {
        rpc: HOLD_SLOT,
        patient: patient.as_ref(),
        service_text: command.service_text.as_deref(),
        metadata: &command.metadata,
        note: None,
        fingerprint: command.fingerprint,
        now,
    };
    match take(app, caller, &mut tx, &wanted.target(), taking, Some(now + HOLD)).await? {
        Took::It(new) => {
            tx.commit().await?;
            Ok(Attempt::Done(new.id))
        }
        Took::KeyUsed => unless_done_before(app, caller, request, tx, Ok(Attempt::Again)).await,
        Took::Again => Ok(Attempt::Again),
        Took::Taken => Ok(Attempt::Refused(Box::new(wanted), SlotProblem::Taken)),
    }
}

/// The hold as it is now; what has become of it since is no hold. The request was a sign of life of its call, which is noted now that no
/// provider is locked: whoever books a hold locks its provider first.
async fn shown(app: &App, caller: &Caller, command: &HoldSlot, id: AppointmentId) -> Result<Appointment> {
    let mut tx = app.db.tenant_tx(caller).await?;
    let held =
        appointments::get(&mut tx, id).await?.ok_or_else(|| Error::not_found(Resource::Appointment, id))?;
    if !is_of_this_call(caller, &held) {
        return Err(Error::IdempotencyKeyReused);
    }
    let now = app.clock.now();
    keep_holds(app, caller, &mut tx).await?;
    audit::insert(&mut tx, caller, now, Entry::done(GET_APPOINTMENT, "appointment", id)).await?;
    let held = appointments::get(&mut tx, id).await?.unwrap_or(held).at(now);
    tx.commit().await?;
    match held.state {
        State::Held => {
            let patient = held.patient.map(|known| as_far_as_known(caller, command.patient.as_ref(), known));
            Ok(Appointment { patient, ..held })
        }
        State::Released | State::Expired => Err(Error::HoldExpired),
        state @ (State::Booked | State::Confirmed | State::Completed | State::Cancelled | State::NoShow) => {
            Err(Error::WrongState(state))
        }
    }
}

/// Another request of this call may have had the slot held a moment ago.
async fn refused(
    app: &App,
    caller: &Caller,
    command: &HoldSlot,
    wanted: &Wanted,
    problem: SlotProblem,
) -> Result<Appointment> {
    let mut tx = app.db.tenant_tx(caller).await?;
    if let Some(call) = caller.call_id() {
        let (providers, now) = (wanted.providers(), app.clock.now());
        if let Some(id) = appointments::held_in_call(&mut tx, call, wanted.slot, &providers, now).await? {
            drop(tx);
            return shown(app, caller, command, id).await;
        }
    }
    Err(refusal(app, caller, tx, wanted, problem).await?)
}

/// Gives the slot up. What is no hold any more stays as it is, if it is nothing that was promised.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn release_hold(app: &App, caller: &Caller, command: ReleaseHold) -> Result<Appointment> {
    let ReleaseHold { id } = command;
    let mut tx = app.db.tenant_tx(caller).await?;
    let now = app.clock.now();
    let gone = || Error::not_found(Resource::Appointment, id);
    let found = appointments::get(&mut tx, id)
        .await?
        .filter(|held| is_of_this_call(caller, held))
        .ok_or_else(gone)?;
    let held = appointments::lock_with_provider(&mut tx, id, found.provider.id).await?.ok_or_else(gone)?;
    match held.at(now).state {
        State::Held => appointments::set_state(&mut tx, id, State::Released, None, now).await?,
        State::Released | State::Expired => {}
        state @ (State::Booked | State::Confirmed | State::Completed | State::Cancelled | State::NoShow) => {
            return Err(Error::WrongState(state));
        }
    }
    audit::insert(&mut tx, caller, now, Entry::done(RELEASE_HOLD, "appointment", id)).await?;
    let released = appointments::get(&mut tx, id).await?.ok_or_else(gone)?.at(now);
    tx.commit().await?;
    Ok(released)
}
