//! Books a slot: all or nothing, once.

use crate::{
    access::{BOOK_APPOINTMENT, GET_APPOINTMENT, Rpc},
    app::App,
    caller::Caller,
    db::{
        appointments,
        audit::{self, Entry},
    },
    domain::{
        appointment::{Appointment, State},
        idempotency::Fingerprint,
        ids::AppointmentId,
        metadata::Metadata,
        patient::{Patient, PatientDetails},
        slot::SlotChoice,
        timetable::SlotProblem,
    },
    error::{Error, Resource, Result},
    ops::{
        calendar_news,
        offered::{self, SlotName},
        slots::{Wanted, make_out, refusal},
        take_slot::{
            ATTEMPTS, Attempt, New, Taking, Target, Took, amend, enter, take, unless_done_before, with_number,
        },
    },
};

/// What is to be booked.
#[derive(Clone, Debug)]
pub enum What {
    /// What is held.
    Hold(AppointmentId),
    /// A slot.
    Slot(SlotName),
}

/// What is to be booked, and for whom.
#[derive(Clone, Debug)]
pub struct BookAppointment {
    /// What.
    pub what: What,
    /// What the caller believes a hold or an offer to be.
    pub expected: Option<SlotChoice>,
    /// Who comes; a hold may know.
    pub patient: Option<PatientDetails>,
    /// What the caller says they come for.
    pub service_text: Option<String>,
    /// What the client keeps with it.
    pub metadata: Metadata,
    /// Why the rules are set aside.
    pub override_reason: Option<String>,
    /// Knows the request again.
    pub fingerprint: Fingerprint,
}

/// Books the slot, or answers with the appointment that the same request made before.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn book_appointment(
    app: &App,
    caller: &Caller,
    mut command: BookAppointment,
) -> Result<Appointment> {
    caller.may_set_aside(command.override_reason.as_deref())?;
    command.patient = with_number(caller, command.patient);
    for _ in 0..ATTEMPTS {
        let attempted = match &command.what {
            What::Hold(id) => attempt_hold(app, caller, &command, *id).await?,
            What::Slot(name) => attempt(app, caller, &command, name).await?,
        };
        match attempted {
            Attempt::Done(appointment) => return Ok(appointment),
            Attempt::Repeated(id) => return repeated(app, caller, command.patient.as_ref(), id).await,
            Attempt::Refused(wanted, problem) => {
                return refused(app, caller, command, &wanted, problem).await;
            }
            Attempt::Again => {}
        }
    }
    Err(Error::Busy(anyhow::anyhow!("no booking came about in {ATTEMPTS} attempts")))
}

impl BookAppointment {
    /// What its key belongs to.
    fn request(&self) -> (Rpc, Fingerprint) {
        (BOOK_APPOINTMENT, self.fingerprint)
    }
}

fn taking<'a>(app: &App, command: &'a BookAppointment, patient: Option<&'a PatientDetails>) -> Taking<'a> {
    Taking {
        rpc: BOOK_APPOINTMENT,
        patient,
        service_text: command.service_text.as_deref(),
        metadata: &command.metadata,
        note: command.override_reason.as_deref(),
        fingerprint: command.fingerprint,
        now: app.clock.now(),
    }
}

async fn attempt(
    app: &App,
    caller: &Caller,
    command: &BookAppointment,
    name: &SlotName,
) -> Result<Attempt<Appointment>> {
    let patient = command.patient.as_ref();
    let patient = patient.ok_or_else(|| Error::invalid("patient.name", "is required"))?;
    let mut tx = app.db.tenant_tx(caller).await?;
    let made_out = async {
        let choice = offered::choice(app, caller, &mut tx, name, command.expected.as_ref()).await?;
        make_out(app, &mut tx, &choice, command.override_reason.is_some()).await
    };
    let wanted = match made_out.await {
        Ok(wanted) => wanted,
        // The transaction is lost, and with it the way to ask.
        Err(error) if error.is_trouble() => return Err(error),
        // A repeated request may come when its time has passed, or its provider has left: what was done stays done.
        Err(error) => return unless_done_before(app, caller, command.request(), tx, Err(error)).await,
    };
    if let Some(problem) = wanted.problem {
        let refused = Ok(Attempt::Refused(Box::new(wanted), problem));
        return unless_done_before(app, caller, command.request(), tx, refused).await;
    }
    let patient = patient.in_country(wanted.clinic.country.as_deref());
    let taking = taking(app, command, Some(&patient));
    let new = match take(app, caller, &mut tx, &wanted.target(), taking, None).await? {
        Took::It(new) => new,
        Took::KeyUsed => {
            return unless_done_before(app, caller, command.request(), tx, Ok(Attempt::Again)).await;
        }
        Took::Again => return Ok(Attempt::Again),
        Took::Taken => return Ok(Attempt::Refused(Box::new(wanted), SlotProblem::Taken)),
    };
    let New { id, provider, patient: known, code, on_the_way } = new;
    let calendar = calendar_news::commit(app, caller, tx, id, on_the_way).await?;
    let provider = wanted.provider(provider);
    let provider = provider.ok_or_else(|| Error::Internal(anyhow::anyhow!("booked with somebody else")))?;
    let Wanted { clinic, rules, slot, block, .. } = wanted;
    let now = taking.now;
    Ok(Attempt::Done(Appointment {
        id,
        org: caller.org,
        clinic,
        provider,
        patient: known.map(|known| as_far_as_known(caller, Some(&patient), known)),
        slot,
        block,
        state: State::Booked,
        hold_expires_at: None,
        confirmation_code: code,
        service: rules.service.map(|service| (service.id, service.name)),
        service_text: command.service_text.clone(),
        metadata: command.metadata.clone(),
        call: caller.call_id().map(str::to_owned),
        cancel_reason: None,
        created_at: now,
        updated_at: now,
        version: 1,
        calendar,
    }))
}

/// Makes a hold the appointment that it was kept for. What it promised counts, whatever has become of the rules since.
async fn attempt_hold(
    app: &App,
    caller: &Caller,
    command: &BookAppointment,
    id: AppointmentId,
) -> Result<Attempt<Appointment>> {
    let mut tx = app.db.tenant_tx(caller).await?;
    let now = app.clock.now();
    let gone = || Error::not_found(Resource::Appointment, id);
    let held = appointments::get(&mut tx, id)
        .await?
        .filter(|held| is_of_this_call(caller, held))
        .ok_or_else(gone)?;
    let held = match is_held(held.at(now)) {
        Ok(held) => held,
        Err(State::Booked | State::Confirmed) => return Ok(Attempt::Repeated(id)),
        Err(state) => {
            return unless_done_before(app, caller, command.request(), tx, Err(no_hold(state))).await;
        }
    };
    if let Some(expected) = &command.expected {
        offered::agrees(
            expected,
            &held.clinic,
            held.provider.id,
            held.slot,
            held.service.as_ref().map(|s| s.0),
        )?;
    }
    if command.patient.is_none() && held.patient.is_none() {
        return Err(Error::invalid("patient.name", "is required"));
    }
    let target = Target {
        clinic: held.clinic.id,
        slot: held.slot,
        block: held.block,
        service: held.service.map(|(service, _)| service),
        allowed: vec![(held.provider.id, None)],
    };
    let patient = command.patient.as_ref().map(|patient| patient.in_country(held.clinic.country.as_deref()));
    let mut taking = taking(app, command, patient.as_ref());
    let entered = match enter(caller, &mut tx, &target, taking, id, None).await? {
        Took::It(entered) => entered,
        Took::KeyUsed => {
            return unless_done_before(app, caller, command.request(), tx, Ok(Attempt::Again)).await;
        }
        // Only somebody who found the hold run out can have the slot.
        Took::Again | Took::Taken => return Ok(Attempt::Again),
    };
    // Whether it has run out is decided now that nobody can take the slot: a moment that passed while waiting counts.
    taking.now = app.clock.now();
    appointments::lock(&mut tx, id).await?;
    let held = appointments::get(&mut tx, id).await?.ok_or_else(gone)?.at(taking.now);
    if let Err(state) = is_held(held) {
        return if state.is_booked() { Ok(Attempt::Repeated(id)) } else { Err(no_hold(state)) };
    }
    let on_the_way = match amend(caller, &mut tx, &target, taking, id, entered).await? {
        Took::It(on_the_way) => on_the_way,
        Took::KeyUsed | Took::Again | Took::Taken => return Ok(Attempt::Again),
    };
    let booked = appointments::get(&mut tx, id).await?.ok_or_else(gone)?;
    let calendar = calendar_news::commit(app, caller, tx, id, on_the_way).await?;
    let patient = booked.patient.map(|known| as_far_as_known(caller, command.patient.as_ref(), known));
    Ok(Attempt::Done(Appointment { patient, calendar, ..booked }))
}

fn is_held(appointment: Appointment) -> Result<Appointment, State> {
    if appointment.state == State::Held { Ok(appointment) } else { Err(appointment.state) }
}

/// What is said of a hold that is none any more.
fn no_hold(state: State) -> Error {
    match state {
        State::Released | State::Expired => Error::HoldExpired,
        state @ (State::Held
        | State::Booked
        | State::Confirmed
        | State::Completed
        | State::Cancelled
        | State::NoShow) => Error::NoLongerBooked(state),
    }
}

/// Whether the caller can have what was held: on the telephone, what their own call held.
pub(super) fn is_of_this_call(caller: &Caller, held: &Appointment) -> bool {
    // Without a call nobody is anybody's.
    !caller.is_voice() || caller.call_id().is_some_and(|call| held.call.as_deref() == Some(call))
}

/// The appointment that the request made before, as it is now. Showing it is a look at a patient's data.
pub(super) async fn repeated(
    app: &App,
    caller: &Caller,
    patient: Option<&PatientDetails>,
    id: AppointmentId,
) -> Result<Appointment> {
    let mut tx = app.db.tenant_tx(caller).await?;
    let appointment = appointments::get(&mut tx, id).await?;
    // A key for other clinics cannot have it, though another one made it.
    let appointment = appointment.ok_or_else(|| Error::not_found(Resource::Appointment, id))?;
    if !appointment.state.is_booked() {
        return Err(Error::NoLongerBooked(appointment.state));
    }
    audit::insert(&mut tx, caller, app.clock.now(), Entry::done(GET_APPOINTMENT, "appointment", id)).await?;
    tx.commit().await?;
    let known = appointment.patient.map(|known| as_far_as_known(caller, patient, known));
    Ok(Appointment { patient: known, ..appointment })
}

/// Nobody can be booked then: unless this telephone call has the slot itself, says what else could be. The booking's transaction
/// has been rolled back by now, and its locks are gone.
async fn refused(
    app: &App,
    caller: &Caller,
    command: BookAppointment,
    wanted: &Wanted,
    problem: SlotProblem,
) -> Result<Appointment> {
    let mut tx = app.db.tenant_tx(caller).await?;
    let providers = wanted.providers();
    if let (Some(call), Some(patient)) = (caller.call_id(), &command.patient) {
        let patient = patient.in_country(wanted.clinic.country.as_deref());
        if let Some(id) = appointments::made_in_call(&mut tx, call, &patient, wanted.slot, &providers).await?
        {
            // One connection at a time: who holds one and waits for another can wait for itself.
            drop(tx);
            return repeated(app, caller, Some(&patient), id).await;
        }
        let now = app.clock.now();
        if let Some(id) = appointments::held_in_call(&mut tx, call, wanted.slot, &providers, now).await? {
            drop(tx);
            let of_hold = BookAppointment { what: What::Hold(id), expected: None, ..command };
            return Box::pin(book_appointment(app, caller, of_hold)).await;
        }
    }
    Err(refusal(app, caller, tx, wanted, problem).await?)
}

/// What this caller may see of a patient: who speaks for somebody on the telephone gets back what they said, not what was known
/// before, because naming a number proves nothing.
pub(super) fn as_far_as_known(caller: &Caller, said: Option<&PatientDetails>, known: Patient) -> Patient {
    let Some(PatientDetails { name, phone, email }) = said.filter(|_| caller.is_voice()) else {
        return known;
    };
    Patient {
        id: known.id,
        name: name.as_str().to_owned(),
        phone: phone.as_ref().map(|phone| phone.as_str().to_owned()),
        email: email.as_ref().map(|email| email.as_str().to_owned()),
    }
}
