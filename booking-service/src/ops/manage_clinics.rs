//! Opens and shows clinics.

use jiff::tz::TimeZone;

use crate::{
    access::CREATE_CLINIC,
    app::App,
    caller::Caller,
    db::{
        audit::{self, Entry},
        clinics,
        idempotency::{self, Claim},
    },
    domain::{
        clinic::Clinic,
        idempotency::Fingerprint,
        ids::ClinicId,
        page::{Page, PageRequest, Position},
        text::Name,
    },
    error::{Error, Result},
};

/// The clinic to open.
#[derive(Clone, Debug)]
pub struct CreateClinic {
    /// As it is spoken.
    pub name: Name,
    /// Its wall clock.
    pub zone: TimeZone,
    /// Knows the request again.
    pub fingerprint: Fingerprint,
}

/// Opens a clinic, or answers with the one that the same request opened before.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn create_clinic(app: &App, caller: &Caller, command: CreateClinic) -> Result<Clinic> {
    let CreateClinic { name, zone, fingerprint } = command;
    let (id, now) = (ClinicId::generate(), app.clock.now());
    let mut tx = app.db.tenant_tx(caller).await?;
    let claim =
        idempotency::claim(&mut tx, CREATE_CLINIC, caller.repeatable(fingerprint), id.into(), now).await?;
    if let Claim::Done(id) = claim {
        let made = clinics::get(&mut tx, id.into()).await?;
        return made.ok_or_else(|| Error::Internal(anyhow::anyhow!("clinic {id} is gone")));
    }
    let clinic = Clinic { id, name: name.as_str().to_owned(), zone, created_at: now };
    clinics::insert(&mut tx, &clinic).await?;
    audit::insert(&mut tx, caller, now, Entry::done(CREATE_CLINIC, "clinic", id)).await?;
    tx.commit().await?;
    Ok(clinic)
}

/// One clinic.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn get_clinic(app: &App, caller: &Caller, id: ClinicId) -> Result<Clinic> {
    let mut tx = app.db.tenant_tx(caller).await?;
    clinics::get(&mut tx, id).await?.ok_or_else(|| Error::ClinicForbidden(id.to_string()))
}

/// A page of clinics.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn list_clinics(app: &App, caller: &Caller, command: PageRequest) -> Result<Page<Clinic>> {
    let PageRequest { size, after } = command;
    let mut tx = app.db.tenant_tx(caller).await?;
    let mut items = clinics::list(&mut tx, after.map(|after| after.id), size.and_one_more()).await?;
    let next = size.cut(&mut items).map(|last| Position { at: last.created_at, id: last.id.into() });
    Ok(Page { items, next })
}
