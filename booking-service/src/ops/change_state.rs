//! What becomes of an appointment where it is: confirmed, called off, completed, missed.

use jiff::Timestamp;

use crate::{
    access::{
        CANCEL_APPOINTMENT, COMPLETE_APPOINTMENT, CONFIRM_APPOINTMENT, GET_APPOINTMENT, MARK_NO_SHOW, Rpc,
    },
    app::App,
    caller::Caller,
    db::{
        appointments,
        audit::{self, Entry},
        idempotency::{self, Claim},
    },
    domain::{
        appointment::{Appointment, Change, Changed},
        idempotency::Fingerprint,
    },
    error::{Error, Resource, Result},
    ops::read_appointments::{AppointmentName, find},
};

/// Which appointment, and what becomes of it.
#[derive(Clone, Debug)]
pub struct ChangeState {
    /// Which.
    pub name: AppointmentName,
    /// What becomes of it.
    pub change: Change,
    /// Why.
    pub reason: Option<String>,
    /// Why a rule is set aside.
    pub override_reason: Option<String>,
    /// Which state of it was read; `None`: it does not matter.
    pub version: Option<i64>,
    /// Knows the request again.
    pub fingerprint: Fingerprint,
}

fn rpc(change: Change) -> Rpc {
    match change {
        Change::Confirm => CONFIRM_APPOINTMENT,
        Change::Cancel => CANCEL_APPOINTMENT,
        Change::Complete => COMPLETE_APPOINTMENT,
        Change::NoShow => MARK_NO_SHOW,
    }
}

/// Makes the change. What is so already stays as it is.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn change_state(app: &App, caller: &Caller, command: ChangeState) -> Result<Appointment> {
    let ChangeState { name, change, reason, override_reason, version, fingerprint } = command;
    let note = override_reason.as_deref();
    caller.may_set_aside(note)?;
    let rpc = rpc(change);
    let mut tx = app.db.tenant_tx(caller).await?;
    let now = app.clock.now();
    let found = find(&mut tx, caller, &name).await?;
    let id = found.id;
    let gone = || Error::not_found(Resource::Appointment, id);
    let claim = idempotency::claim(&mut tx, rpc, caller.repeatable(fingerprint), id.into(), now).await?;
    if let Claim::Done(_) = claim {
        // Done before; what has become of it since stays.
        audit::insert(&mut tx, caller, now, Entry::done(GET_APPOINTMENT, "appointment", id)).await?;
        tx.commit().await?;
        return Ok(found.at(now));
    }
    let locked =
        appointments::lock_with_provider(&mut tx, id, found.provider.id).await?.ok_or_else(gone)?.at(now);
    match locked.state.after(change).ok_or(Error::WrongState(locked.state))? {
        Changed::To(state) => {
            is_as_read(&locked, version)?;
            match change {
                Change::Cancel => in_time(caller, &locked, note, now)?,
                Change::Complete | Change::NoShow if now < locked.slot.start() => {
                    return Err(Error::NotBegun);
                }
                Change::Complete | Change::NoShow | Change::Confirm => {}
            }
            appointments::set_state(&mut tx, id, state, reason.as_deref(), now).await?;
        }
        Changed::Already => {}
    }
    audit::insert(&mut tx, caller, now, Entry::done(rpc, "appointment", id).noting(note)).await?;
    let appointment = appointments::get(&mut tx, id).await?.ok_or_else(gone)?.at(now);
    tx.commit().await?;
    app.calendars.knock(caller.org);
    Ok(appointment)
}

/// Refuses a change of something that somebody else has changed since it was read.
pub(super) fn is_as_read(appointment: &Appointment, version: Option<i64>) -> Result<()> {
    match version {
        Some(read) if read != appointment.version => Err(Error::StaleVersion(appointment.version)),
        _ => Ok(()),
    }
}

/// Refuses a change of a visit that is too near, to whoever is not at the desk. A hold can always be given up.
pub(super) fn in_time(
    caller: &Caller,
    appointment: &Appointment,
    set_aside: Option<&str>,
    now: Timestamp,
) -> Result<()> {
    if !appointment.state.is_booked() {
        return Ok(());
    }
    // Without a cut-off it is the beginning.
    let cutoff = appointment.clinic.cutoff.unwrap_or_default();
    let is_late = appointment.slot.start().checked_sub(cutoff).is_ok_and(|last| now > last);
    let may = set_aside.is_some() || caller.is_at_the_desk();
    if is_late && !may { Err(Error::CutoffPassed(cutoff.as_mins())) } else { Ok(()) }
}
