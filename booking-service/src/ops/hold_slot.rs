//! Keeps a slot for a caller for a while, and gives it up again.

use crate::{
    access::{GET_APPOINTMENT, HOLD_SLOT, RELEASE_HOLD},
    app::App,
    caller::Caller,
    db::{
        TenantTx, appointments,
        audit::{self, Entry},
        calls, idempotency,
    },
    domain::{
        appointment::{Appointment, HOLD, MOST_HOLDS, State},
        confirmation_code::OfferCode,
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
        offered,
        slots::{Wanted, keep_holds, make_out, refusal},
        take_slot::{ATTEMPTS, Taking, Took, take},
    },
};

/// What is to be held.
#[derive(Clone, Debug)]
pub enum HoldWhat {
    /// What was offered.
    Offer(OfferCode),
    /// A time.
    Slot(SlotChoice),
}

/// What is to be held, and for whom.
#[derive(Clone, Debug)]
pub struct HoldSlot {
    /// What.
    pub what: HoldWhat,
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

enum Attempt {
    Held(AppointmentId),
    Refused(Box<Wanted>, SlotProblem),
    Again,
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
    if let Some(patient) = &mut command.patient
        && patient.phone.is_none()
    {
        patient.phone = caller.number().cloned();
    }
    for _ in 0..ATTEMPTS {
        match attempt(app, caller, &command).await? {
            Attempt::Held(id) => return shown(app, caller, &command, id).await,
            Attempt::Refused(wanted, problem) => {
                return refused(app, caller, &command, &wanted, problem).await;
            }
            Attempt::Again => {}
        }
    }
    Err(Error::Busy(anyhow::anyhow!("no hold came about in {ATTEMPTS} attempts")))
}

async fn attempt(app: &App, caller: &Caller, command: &HoldSlot) -> Result<Attempt> {
    let mut tx = app.db.tenant_tx(caller).await?;
    let now = app.clock.now();
    let made_out = async {
        let choice = match &command.what {
            HoldWhat::Offer(code) => {
                offered::choice(app, caller, &mut tx, code, command.expected.as_ref()).await?
            }
            HoldWhat::Slot(choice) => choice.clone(),
        };
        make_out(app, &mut tx, &choice, false).await
    };
    let wanted = match made_out.await {
        Ok(wanted) => wanted,
        Err(error) if error.is_trouble() => return Err(error),
        // What was held under the key stays held, though it could not be held again.
        Err(error) => return done_before(app, caller, command, tx).await?.ok_or(error),
    };
    if let Some(problem) = wanted.problem {
        let refused = Attempt::Refused(Box::new(wanted), problem);
        return Ok(done_before(app, caller, command, tx).await?.unwrap_or(refused));
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
            return Ok(Attempt::Held(id));
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
    Ok(match take(app, caller, &mut tx, &wanted.target(), taking, Some(now + HOLD)).await? {
        Took::It(new) => {
            tx.commit().await?;
            Attempt::Held(new.id)
        }
        Took::KeyUsed => done_before(app, caller, command, tx).await?.unwrap_or(Attempt::Again),
        Took::Again => Attempt::Again,
        Took::Taken => Attempt::Refused(Box::new(wanted), SlotProblem::Taken),
    })
}

/// What the key stands for. `None`: nothing any more.
async fn done_before(
    app: &App,
    caller: &Caller,
    command: &HoldSlot,
    mut tx: TenantTx,
) -> Result<Option<Attempt>> {
    let Some(repeatable) = caller.repeatable(command.fingerprint) else { return Ok(None) };
    let done = idempotency::done(&mut tx, HOLD_SLOT, repeatable, app.clock.now()).await?;
    tx.commit().await?;
    Ok(done.map(|id| Attempt::Held(id.into())))
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
