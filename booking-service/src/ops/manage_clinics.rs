//! Opens, shows, changes and archives clinics.

use jiff::{Timestamp, tz::TimeZone};

use crate::{
    access::{ARCHIVE_CLINIC, CREATE_CLINIC, UPDATE_CLINIC},
    app::App,
    caller::Caller,
    db::{
        TenantTx,
        audit::{self, Entry},
        clinics,
        idempotency::{self, Claim},
        providers,
    },
    domain::{
        clinic::{Clinic, ClinicDetails, ClinicRecord},
        idempotency::Fingerprint,
        ids::ClinicId,
        page::{Page, PageRequest, Position},
    },
    error::{Error, Result},
};

/// The clinic to open.
#[derive(Clone, Debug)]
pub struct CreateClinic {
    /// Its wall clock.
    pub zone: TimeZone,
    /// What else is said of it.
    pub details: ClinicDetails,
    /// Knows the request again.
    pub fingerprint: Fingerprint,
}

/// A clinic, and what is said of it from now on.
#[derive(Clone, Debug)]
pub struct UpdateClinic {
    /// Which.
    pub id: ClinicId,
    /// What is said of it.
    pub details: ClinicDetails,
    /// Which state of it was read; `None`: it does not matter.
    pub version: Option<i64>,
}

/// Opens a clinic, or answers with the one that the same request opened before.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn create_clinic(app: &App, caller: &Caller, command: CreateClinic) -> Result<ClinicRecord> {
    let CreateClinic { zone, details, fingerprint } = command;
    let (id, now) = (ClinicId::generate(), app.clock.now());
    let mut tx = app.db.tenant_tx(caller).await?;
    let claim =
        idempotency::claim(&mut tx, CREATE_CLINIC, caller.repeatable(fingerprint), id.into(), now).await?;
    if let Claim::Done(id) = claim {
        let made = clinics::get(&mut tx, id.into()).await?;
        return made.ok_or_else(|| Error::Internal(anyhow::anyhow!("clinic {id} is gone")));
    }
    let clinic = create_in(&mut tx, id, zone, &details, now).await?;
    audit::insert(&mut tx, caller, now, Entry::done(CREATE_CLINIC, "clinic", id)).await?;
    tx.commit().await?;
    Ok(clinic)
}

/// Opens a clinic in a given transaction.
pub(super) async fn create_in(
    tx: &mut TenantTx,
    id: ClinicId,
    zone: TimeZone,
    details: &ClinicDetails,
    now: Timestamp,
) -> Result<ClinicRecord> {
    let clinic = Clinic::new(id, &details.name, zone, now);
    clinics::insert(tx, &clinic).await?;
    clinics::update(tx, id, details, None).await?;
    // Also where the credential, which is limited to other clinics, does not reach: it was made.
    let record = ClinicRecord { clinic, details: details.clone(), version: 2, archived_at: None };
    Ok(clinics::get(tx, id).await?.unwrap_or(record))
}

/// One clinic.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn get_clinic(app: &App, caller: &Caller, id: ClinicId) -> Result<ClinicRecord> {
    let mut tx = app.db.tenant_tx(caller).await?;
    existing(&mut tx, id).await
}

/// A page of clinics.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn list_clinics(app: &App, caller: &Caller, command: PageRequest) -> Result<Page<ClinicRecord>> {
    let PageRequest { size, after } = command;
    let mut tx = app.db.tenant_tx(caller).await?;
    let mut items = clinics::list(&mut tx, after.map(|after| after.id), size.and_one_more()).await?;
    let next =
        size.cut(&mut items).map(|last| Position { at: last.clinic.created_at, id: last.clinic.id.into() });
    Ok(Page { items, next })
}

/// Changes a clinic. What was booked stays as it was booked.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn update_clinic(app: &App, caller: &Caller, command: UpdateClinic) -> Result<ClinicRecord> {
    let UpdateClinic { id, details, version } = command;
    let mut tx = app.db.tenant_tx(caller).await?;
    let clinic = update_in(&mut tx, id, &details, version).await?;
    audit::insert(&mut tx, caller, app.clock.now(), Entry::done(UPDATE_CLINIC, "clinic", id)).await?;
    tx.commit().await?;
    Ok(clinic)
}

/// Changes a clinic in a given transaction.
pub(super) async fn update_in(
    tx: &mut TenantTx,
    id: ClinicId,
    details: &ClinicDetails,
    version: Option<i64>,
) -> Result<ClinicRecord> {
    existing(tx, id).await?;
    providers::rules_change(tx, &[], Some(id)).await?;
    if !clinics::update(tx, id, details, version).await? {
        return Err(Error::StaleVersion(existing(tx, id).await?.version));
    }
    existing(tx, id).await
}

/// From now on nothing can be booked at the clinic; what was booked stays. Doing it again changes nothing.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn archive_clinic(app: &App, caller: &Caller, id: ClinicId) -> Result<ClinicRecord> {
    let mut tx = app.db.tenant_tx(caller).await?;
    let now = app.clock.now();
    existing(&mut tx, id).await?;
    providers::rules_change(&mut tx, &[], Some(id)).await?;
    clinics::archive(&mut tx, id, now).await?;
    audit::insert(&mut tx, caller, now, Entry::done(ARCHIVE_CLINIC, "clinic", id)).await?;
    let clinic = existing(&mut tx, id).await?;
    tx.commit().await?;
    Ok(clinic)
}

async fn existing(tx: &mut TenantTx, id: ClinicId) -> Result<ClinicRecord> {
    clinics::get(tx, id).await?.ok_or_else(|| Error::ClinicForbidden(id.to_string()))
}
