//! Moves an appointment to another time, provider or service: the same appointment, with the same id and code. If it cannot be moved, it
//! stays where it was.

use crate::{
    access::RESCHEDULE_APPOINTMENT,
    app::App,
    caller::Caller,
    db::{TenantTx, appointments},
    domain::{
        appointment::Appointment, idempotency::Fingerprint, ids::ServiceId, metadata::Metadata,
        slot::SlotChoice, text::Name, timetable::SlotProblem,
    },
    error::{Error, Resource, Result},
    ops::{
        book_appointment::repeated,
        calendar_news,
        change_state::{in_time, is_as_read},
        offered::{self, SlotName},
        read_appointments::{AppointmentName, find},
        slots::{Wanted, make_out, refusal},
        take_slot::{ATTEMPTS, Attempt, Taking, Took, amend, enter, unless_done_before},
    },
};

/// Which appointment, and where to.
#[derive(Clone, Debug)]
pub struct RescheduleAppointment {
    /// Which.
    pub name: AppointmentName,
    /// Where to. What a time does not say stays as it is: clinic, provider, service, duration.
    pub to: SlotName,
    /// What the caller believes an offer to be.
    pub expected: Option<SlotChoice>,
    /// What the client keeps with it, in addition to what it keeps already.
    pub metadata: Metadata,
    /// Why the rules are set aside.
    pub override_reason: Option<String>,
    /// Which state of it was read; `None`: it does not matter.
    pub version: Option<i64>,
    /// Knows the request again.
    pub fingerprint: Fingerprint,
}

/// Moves the appointment, or answers with it when the same request moved it before.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn reschedule_appointment(
    app: &App,
    caller: &Caller,
    command: RescheduleAppointment,
) -> Result<Appointment> {
    caller.may_set_aside(command.override_reason.as_deref())?;
    for _ in 0..ATTEMPTS {
        match attempt(app, caller, &command).await? {
            Attempt::Done(appointment) => return Ok(appointment),
            Attempt::Repeated(id) => return repeated(app, caller, None, id).await,
            Attempt::Refused(wanted, problem) => {
                let tx = app.db.tenant_tx(caller).await?;
                return Err(refusal(app, caller, tx, &wanted, problem).await?);
            }
            Attempt::Again => {}
        }
    }
    Err(Error::Busy(anyhow::anyhow!("no move came about in {ATTEMPTS} attempts")))
}

async fn attempt(
    app: &App,
    caller: &Caller,
    command: &RescheduleAppointment,
) -> Result<Attempt<Appointment>> {
    let request = (RESCHEDULE_APPOINTMENT, command.fingerprint);
    let mut tx = app.db.tenant_tx(caller).await?;
    let now = app.clock.now();
    let current = find(&mut tx, caller, &command.name).await?.at(now);
    let id = current.id;
    let made_out = async {
        can_move(caller, command, &current, now)?;
        let set_aside = command.override_reason.is_some();
        let choice = offered::choice(app, caller, &mut tx, &command.to, command.expected.as_ref()).await?;
        match &command.to {
            SlotName::Offer(_) => Ok((make_out(app, &mut tx, &choice, set_aside).await?, None)),
            SlotName::Slot(_) => made_out(app, &mut tx, &choice, &current, set_aside).await,
        }
    };
    let (wanted, kept_service) = match made_out.await {
        Ok((wanted, kept)) => (Wanted { moved: Some(id), ..wanted }, kept),
        Err(error) if error.is_trouble() => return Err(error),
        Err(error) => return unless_done_before(app, caller, request, tx, Err(error)).await,
    };
    if let Some(problem) = wanted.problem {
        let refused = Ok(Attempt::Refused(Box::new(wanted), problem));
        return unless_done_before(app, caller, request, tx, refused).await;
    }
    let metadata = current.metadata.clone().and(&command.metadata);
    Metadata::new(metadata.into_pairs().collect()).map_err(|problem| Error::invalid("metadata", problem))?;
    let said = match &command.to {
        SlotName::Slot(choice) => choice.wish.service_text.as_ref(),
        SlotName::Offer(_) => None,
    };
    let taking = Taking {
        rpc: RESCHEDULE_APPOINTMENT,
        patient: None,
        service_text: said.map(Name::as_str),
        metadata: &command.metadata,
        note: command.override_reason.as_deref(),
        fingerprint: command.fingerprint,
        now,
    };
    let mut target = wanted.target();
    target.service = target.service.or(kept_service);
    // With whoever is free; but rather with the one whom the patient knows.
    target.allowed.sort_by_key(|(provider, _)| *provider != current.provider.id);
    let entered = match enter(caller, &mut tx, &target, taking, id, Some(current.provider.id)).await? {
        Took::It(entered) => entered,
        Took::KeyUsed => return unless_done_before(app, caller, request, tx, Ok(Attempt::Again)).await,
        Took::Again => return Ok(Attempt::Again),
        Took::Taken => return Ok(Attempt::Refused(Box::new(wanted), SlotProblem::Taken)),
    };
    appointments::lock(&mut tx, id).await?;
    let gone = || Error::not_found(Resource::Appointment, id);
    let locked = appointments::get(&mut tx, id).await?.ok_or_else(gone)?;
    if locked.version != current.version {
        // Somebody has changed it meanwhile: whether it can still be moved is asked again.
        return Ok(Attempt::Again);
    }
    let on_the_way = match amend(caller, &mut tx, &target, taking, id, entered).await? {
        Took::It(on_the_way) => on_the_way,
        Took::KeyUsed | Took::Again => return Ok(Attempt::Again),
        Took::Taken => return Ok(Attempt::Refused(Box::new(wanted), SlotProblem::Taken)),
    };
    let moved = appointments::get(&mut tx, id).await?.ok_or_else(gone)?;
    let calendar = calendar_news::commit(app, caller, tx, id, on_the_way).await?;
    Ok(Attempt::Done(Appointment { calendar, ..moved }))
}

fn can_move(
    caller: &Caller,
    command: &RescheduleAppointment,
    current: &Appointment,
    now: jiff::Timestamp,
) -> Result<()> {
    if !current.state.is_booked() {
        return Err(Error::WrongState(current.state));
    }
    is_as_read(current, command.version)?;
    in_time(caller, current, command.override_reason.as_deref(), now)
}

/// The slot that is meant, and the service that the visit keeps though it cannot be booked any more. A provider who is gone is nobody's wish.
async fn made_out(
    app: &App,
    tx: &mut TenantTx,
    choice: &SlotChoice,
    current: &Appointment,
    set_aside: bool,
) -> Result<(Wanted, Option<ServiceId>)> {
    let (mut filled, mut kept) = (filled(choice.clone(), current), None);
    loop {
        let gone = match make_out(app, tx, &filled, set_aside).await {
            Err(Error::NotFound { resource, id }) => (resource, id),
            other => return Ok((other?, kept)),
        };
        match gone {
            (Resource::Service, _) if choice.wish.service.is_none() && filled.wish.service.is_some() => {
                kept = filled.wish.service.take();
            }
            (Resource::Provider, _)
                if choice.wish.providers.is_empty() && !filled.wish.providers.is_empty() =>
            {
                filled.wish.providers.clear();
            }
            (resource, id) => return Err(Error::NotFound { resource, id }),
        }
    }
}

/// What is not said stays as it is. Of a time at another clinic, everything is said anew but the service.
fn filled(mut choice: SlotChoice, current: &Appointment) -> SlotChoice {
    let wish = &mut choice.wish;
    let stays = wish.clinic.is_none_or(|clinic| clinic == current.clinic.id);
    wish.clinic = wish.clinic.or(Some(current.clinic.id));
    if wish.providers.is_empty() && stays {
        wish.providers = vec![current.provider.id];
    }
    if wish.service.is_none() && wish.service_text.is_none() {
        wish.service = current.service.as_ref().map(|(service, _)| *service);
        choice.duration = choice.duration.or(Some(current.slot.duration()));
    }
    choice
}
