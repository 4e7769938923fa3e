//! Shows appointments. Every look at a patient's data is audited.

use crate::{
    access::{GET_APPOINTMENT, LIST_APPOINTMENTS},
    app::App,
    caller::Caller,
    db::{
        TenantTx,
        appointment_lists::{self, Filter},
        appointments,
        audit::{self, Entry},
        clinics, providers,
    },
    domain::{
        appointment::Appointment,
        confirmation_code::ConfirmationCode,
        ids::AppointmentId,
        page::{Page, PageSize, Position},
        patient::Phone,
    },
    error::{Error, Resource, Result},
};

/// Names an appointment; at least one of the two is there, and what is there must fit.
#[derive(Clone, Debug)]
pub struct AppointmentName {
    /// Its id.
    pub id: Option<AppointmentId>,
    /// Its confirmation code.
    pub code: Option<ConfirmationCode>,
}

/// Which appointments, and how many.
#[derive(Clone, Debug)]
pub struct ListAppointments {
    /// Which.
    pub filter: Filter,
    /// Only those that are promised and have not begun.
    pub upcoming: bool,
    /// How many.
    pub size: PageSize,
    /// After which.
    pub after: Option<Position>,
}

/// One appointment.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn get_appointment(app: &App, caller: &Caller, name: AppointmentName) -> Result<Appointment> {
    let mut tx = app.db.tenant_tx(caller).await?;
    let appointment = find(&mut tx, caller, &name).await?.at(app.clock.now());
    let entry = Entry::done(GET_APPOINTMENT, "appointment", appointment.id);
    audit::insert(&mut tx, caller, app.clock.now(), entry).await?;
    tx.commit().await?;
    Ok(appointment)
}

/// A page of appointments.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn list_appointments(
    app: &App,
    caller: &Caller,
    command: ListAppointments,
) -> Result<Page<Appointment>> {
    let ListAppointments { mut filter, upcoming, size, after } = command;
    if upcoming {
        filter.promised = true;
        filter.from = filter.from.max(Some(app.clock.now()));
    }
    if caller.is_voice() {
        let number = caller.number().ok_or(Error::CallerNotIdentified)?;
        filter.patient_phone = Some(number.as_str().to_owned());
    }
    let mut tx = app.db.tenant_tx(caller).await?;
    if let Some(clinic) = filter.clinic
        && clinics::get(&mut tx, clinic).await?.is_none()
    {
        return Err(Error::ClinicForbidden(clinic.to_string()));
    }
    if let Some(provider) = filter.provider
        && providers::get(&mut tx, provider).await?.is_none()
    {
        return Err(Error::not_found(Resource::Provider, provider));
    }
    let mut items =
        appointment_lists::list(&mut tx, &filter, after, size.and_one_more(), app.clock.now()).await?;
    let next = size.cut(&mut items).map(|last| Position { at: last.slot.start(), id: last.id.into() });
    let now = app.clock.now();
    let items = items.into_iter().map(|appointment: Appointment| appointment.at(now)).collect();
    let entry = Entry::listed(LIST_APPOINTMENTS, "appointment");
    audit::insert(&mut tx, caller, app.clock.now(), entry).await?;
    tx.commit().await?;
    Ok(Page { items, next })
}

/// The appointment that is named, if it is there for this caller: a caller on the telephone has to prove that it is theirs, by its
/// code or by calling from the patient's number.
pub(super) async fn find(tx: &mut TenantTx, caller: &Caller, name: &AppointmentName) -> Result<Appointment> {
    let found = match (name.id, &name.code) {
        (Some(id), _) => appointments::get(tx, id).await?,
        (None, Some(code)) => appointments::get_by_code(tx, code).await?,
        (None, None) => None,
    };
    let fits = |a: &Appointment| name.code.as_ref().is_none_or(|code| *code == a.confirmation_code);
    let proven = |a: &Appointment| !caller.is_voice() || name.code.is_some() || is_patients_number(a, caller);
    found.filter(|a| fits(a) && proven(a)).ok_or_else(|| {
        // A code is a secret: it is not repeated in answers and audits.
        Error::not_found(
            Resource::Appointment,
            name.id.map_or("with this code".to_owned(), |id| id.to_string()),
        )
    })
}

fn is_patients_number(appointment: &Appointment, caller: &Caller) -> bool {
    let patients = appointment.patient.as_ref().and_then(|patient| patient.phone.as_deref());
    patients.is_some() && patients == caller.number().map(Phone::as_str)
}
