//! Calls an appointment off.

use crate::{
    access::CANCEL_APPOINTMENT,
    app::App,
    caller::Caller,
    db::{
        appointments,
        audit::{self, Entry},
        idempotency,
    },
    domain::{
        appointment::{Appointment, Cancellation},
        idempotency::Fingerprint,
    },
    error::{Error, Resource, Result},
    ops::read_appointments::{AppointmentName, find},
};

/// Which appointment, and why.
#[derive(Clone, Debug)]
pub struct CancelAppointment {
    /// Which.
    pub name: AppointmentName,
    /// Why.
    pub reason: Option<String>,
    /// Knows the request again.
    pub fingerprint: Fingerprint,
}

/// Frees the slot. What is cancelled already stays as it is.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn cancel_appointment(
    app: &App,
    caller: &Caller,
    command: CancelAppointment,
) -> Result<Appointment> {
    let CancelAppointment { name, reason, fingerprint } = command;
    let mut tx = app.db.tenant_tx(caller).await?;
    let now = app.clock.now();
    let id = find(&mut tx, caller, &name).await?.id;
    let gone = || Error::not_found(Resource::Appointment, id);
    // Cancelling twice is the same as cancelling once; the key only has to be told from one used for something else.
    idempotency::claim(&mut tx, CANCEL_APPOINTMENT, caller.repeatable(fingerprint), id.into(), now).await?;
    let state = appointments::lock(&mut tx, id).await?.ok_or_else(gone)?;
    match state.cancel().ok_or(Error::WrongState(state))? {
        Cancellation::To(state) => {
            appointments::set_state(&mut tx, id, state, reason.as_deref(), now).await?;
        }
        Cancellation::AlreadyDone => {}
    }
    let entry = Entry::done(CANCEL_APPOINTMENT, "appointment", id);
    audit::insert(&mut tx, caller, now, entry).await?;
    let appointment = appointments::get(&mut tx, id).await?.ok_or_else(gone)?;
    tx.commit().await?;
    app.calendars.knock(caller.org);
    Ok(appointment)
}
