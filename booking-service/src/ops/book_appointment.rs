//! Books a slot: all or nothing, once.

use std::time::{Duration, Instant};

use crate::{
    access::{BOOK_APPOINTMENT, GET_APPOINTMENT},
    app::App,
    calendars::Waiting,
    caller::Caller,
    db::{
        TenantTx, appointments,
        audit::{self, Entry},
        booking::{self, Entered, Entering, OnTheWay, Writing, Written},
        calendar_sync, idempotency,
    },
    domain::{
        appointment::{Appointment, CalendarSync, State, SyncStatus},
        idempotency::Fingerprint,
        ids::AppointmentId,
        patient::{Patient, PatientDetails},
        slot::SlotChoice,
    },
    error::{Error, Resource, Result},
    ops::slots::{Wanted, alternatives, make_out},
};

/// Attempts that end for a reason of ours, not the client's, are made again: a confirmation code that is in use, a patient
/// whom another transaction has just made, a key past its lifetime. Each is rare, and rarer the second time.
const ATTEMPTS: usize = 5;

/// What is to be booked, and for whom.
#[derive(Clone, Debug)]
pub struct BookAppointment {
    /// Where, with whom and when.
    pub slot: SlotChoice,
    /// Who comes.
    pub patient: PatientDetails,
    /// What the caller says they come for.
    pub service_text: Option<String>,
    /// Knows the request again.
    pub fingerprint: Fingerprint,
}

enum Attempt {
    Booked(Box<Appointment>),
    /// The request was carried out before, and made this.
    Repeated(AppointmentId),
    Taken(Wanted),
    Again,
}

/// Books the slot, or answers with the appointment that the same request made before.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn book_appointment(
    app: &App,
    caller: &Caller,
    mut command: BookAppointment,
) -> Result<Appointment> {
    // A caller who gives no number has the one they call from.
    if command.patient.phone.is_none() {
        command.patient.phone = caller.number().cloned();
    }
    for _ in 0..ATTEMPTS {
        match attempt(app, caller, &command).await? {
            Attempt::Booked(appointment) => return Ok(*appointment),
            Attempt::Repeated(id) => return repeated(app, caller, &command, id).await,
            Attempt::Taken(wanted) => return taken(app, caller, &command, &wanted).await,
            Attempt::Again => {}
        }
    }
    Err(Error::Internal(anyhow::anyhow!("no booking came about in {ATTEMPTS} attempts")))
}

async fn attempt(app: &App, caller: &Caller, command: &BookAppointment) -> Result<Attempt> {
    let mut tx = app.db.tenant_tx(caller).await?;
    let wanted = match make_out(app, &mut tx, &command.slot).await {
        Ok(wanted) => wanted,
        // The transaction is lost, and with it the way to ask.
        Err(error) if error.is_trouble() => return Err(error),
        // A repeated request may come when its time has passed, or its provider has left: what was done stays done.
        Err(error) => return done_before(app, caller, command, tx).await?.ok_or(error),
    };
    let (id, now) = (AppointmentId::generate(), app.clock.now());
    let entering = Entering {
        rpc: BOOK_APPOINTMENT,
        repeatable: caller.repeatable(command.fingerprint),
        appointment: id,
        patient: &command.patient,
        providers: &wanted.provider_ids(),
        slot: wanted.slot,
        now,
    };
    let (patient, locked) = match booking::enter(&mut tx, entering).await? {
        Entered::Locked(_, locked) if locked.is_empty() => return Ok(Attempt::Taken(wanted)),
        Entered::Locked(patient, locked) => (patient, locked),
        Entered::KeyUsed => {
            return Ok(done_before(app, caller, command, tx).await?.unwrap_or(Attempt::Again));
        }
        Entered::PatientJustMade => return Ok(Attempt::Again),
    };
    let code = app.codes.generate();
    let writing = Writing {
        rpc: BOOK_APPOINTMENT,
        appointment: id,
        clinic: wanted.clinic.id,
        patient: patient.id,
        locked: &locked,
        slot: wanted.slot,
        code: &code,
        service_text: command.service_text.as_deref(),
        now,
    };
    let (provider, on_the_way) = match booking::write(&mut tx, caller, writing).await? {
        Written::With(provider, on_the_way) => (provider, on_the_way),
        Written::Taken => return Ok(Attempt::Taken(wanted)),
        Written::CodeInUse => return Ok(Attempt::Again),
    };
    let is_near = on_the_way == OnTheWay::Yes && app.calendars.settings.workers > 0;
    let place = is_near.then(|| app.calendars.wait_for(id));
    tx.commit().await?;
    let calendar = in_calendar(app, caller, id, on_the_way, place).await;
    let Wanted { clinic, providers, slot } = wanted;
    let provider = providers.into_iter().find(|p| p.id == provider);
    let provider = provider.ok_or_else(|| Error::Internal(anyhow::anyhow!("booked with somebody else")))?;
    Ok(Attempt::Booked(Box::new(Appointment {
        id,
        org: caller.org,
        clinic,
        provider,
        patient: Some(as_far_as_known(caller, command, patient)),
        slot,
        state: State::Booked,
        hold_expires_at: None,
        confirmation_code: code,
        service_text: command.service_text.clone(),
        created_at: now,
        updated_at: now,
        version: 1,
        calendar,
    })))
}

/// How far the appointment is on its way into the calendar, a moment after it was booked: it is booked, whatever is found here.
async fn in_calendar(
    app: &App,
    caller: &Caller,
    id: AppointmentId,
    on_the_way: OnTheWay,
    place: Option<Waiting>,
) -> CalendarSync {
    let pending = CalendarSync { status: SyncStatus::Pending, event_id: None, synced_at: None };
    if on_the_way == OnTheWay::No {
        return CalendarSync::NOT_CONNECTED;
    }
    app.calendars.knock(caller.org);
    let Some(place) = place else { return pending };
    let left = caller.request.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()) / 2);
    let patience = app.calendars.settings.wait.min(left.unwrap_or(Duration::MAX));
    if let Some(news) = place.news(patience).await {
        return news;
    }
    // Another copy of the service may have brought it there.
    let found = async { calendar_sync::get(&mut app.db.tenant_tx(caller).await?, id).await };
    found.await.ok().flatten().unwrap_or(pending)
}

/// What the key stands for. `None`: nothing any more; the next attempt can have it.
async fn done_before(
    app: &App,
    caller: &Caller,
    command: &BookAppointment,
    mut tx: TenantTx,
) -> Result<Option<Attempt>> {
    let Some(repeatable) = caller.repeatable(command.fingerprint) else { return Ok(None) };
    let done = idempotency::done(&mut tx, BOOK_APPOINTMENT, repeatable, app.clock.now()).await?;
    tx.commit().await?;
    Ok(done.map(|id| Attempt::Repeated(id.into())))
}

/// The appointment that the request made before, as it is now. Showing it is a look at a patient's data.
async fn repeated(
    app: &App,
    caller: &Caller,
    command: &BookAppointment,
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
    let patient = appointment.patient.map(|patient| as_far_as_known(caller, command, patient));
    Ok(Appointment { patient, ..appointment })
}

/// Nobody is free: unless this telephone call has the slot itself, says what else could be booked. The booking's transaction
/// has been rolled back by now, and its locks are gone.
async fn taken(
    app: &App,
    caller: &Caller,
    command: &BookAppointment,
    wanted: &Wanted,
) -> Result<Appointment> {
    let mut tx = app.db.tenant_tx(caller).await?;
    let own = match caller.call_id() {
        None => None,
        Some(call) => {
            let providers = wanted.provider_ids();
            appointments::made_in_call(&mut tx, call, &command.patient, wanted.slot, &providers).await?
        }
    };
    if let Some(id) = own {
        // One connection at a time: who holds one and waits for another can wait for itself.
        drop(tx);
        return repeated(app, caller, command, id).await;
    }
    Err(Error::SlotTaken(alternatives(app, caller, &mut tx, wanted).await?))
}

/// What this caller may see of a patient: who speaks for somebody on the telephone gets back what they said, not what was known
/// before, because naming a number proves nothing.
fn as_far_as_known(caller: &Caller, command: &BookAppointment, patient: Patient) -> Patient {
    if !caller.is_voice() {
        return patient;
    }
    let PatientDetails { name, phone, email } = &command.patient;
    Patient {
        id: patient.id,
        name: name.as_str().to_owned(),
        phone: phone.as_ref().map(|phone| phone.as_str().to_owned()),
        email: email.as_ref().map(|email| email.as_str().to_owned()),
    }
}
