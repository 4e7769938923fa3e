//! Adds, shows, changes and archives what can be booked.

use crate::{
    access::{ARCHIVE_SERVICE, CREATE_SERVICE, UPDATE_SERVICE},
    app::App,
    caller::Caller,
    db::{
        TenantTx,
        audit::{self, Entry},
        idempotency::{self, Claim},
        providers, services,
    },
    domain::{
        idempotency::Fingerprint,
        ids::{ClinicId, ProviderId, ServiceId},
        page::{Page, PageSize, Position},
        service::{Service, ServiceDetails},
    },
    error::{Error, Resource, Result},
    ops::manage_providers::works_there,
};

/// The service to add.
#[derive(Clone, Debug)]
pub struct CreateService {
    /// What it is.
    pub details: ServiceDetails,
    /// Knows the request again.
    pub fingerprint: Fingerprint,
}

/// A service, and what it is from now on.
#[derive(Clone, Debug)]
pub struct UpdateService {
    /// Which.
    pub id: ServiceId,
    /// What it is.
    pub details: ServiceDetails,
    /// Which state of it was read; `None`: it does not matter.
    pub version: Option<i64>,
}

/// Which services, how many, and after which.
#[derive(Clone, Copy, Debug)]
pub struct ListServices {
    /// Those that are offered at this clinic; `None`: all.
    pub clinic: Option<ClinicId>,
    /// Also those that cannot be booked any more.
    pub archived: bool,
    /// How many.
    pub size: PageSize,
    /// After which.
    pub after: Option<Position>,
}

/// Adds a service, or answers with the one that the same request added before.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn create_service(app: &App, caller: &Caller, command: CreateService) -> Result<Service> {
    let CreateService { details, fingerprint } = command;
    let (id, now) = (ServiceId::generate(), app.clock.now());
    let mut tx = app.db.tenant_tx(caller).await?;
    let claim =
        idempotency::claim(&mut tx, CREATE_SERVICE, caller.repeatable(fingerprint), id.into(), now).await?;
    if let Claim::Done(id) = claim {
        return existing(&mut tx, id.into()).await;
    }
    let service = create_in(&mut tx, id, &details, now).await?;
    audit::insert(&mut tx, caller, now, Entry::done(CREATE_SERVICE, "service", id)).await?;
    tx.commit().await?;
    Ok(service)
}

/// Adds a service in a given transaction.
pub(super) async fn create_in(
    tx: &mut TenantTx,
    id: ServiceId,
    details: &ServiceDetails,
    now: jiff::Timestamp,
) -> Result<Service> {
    works_there(tx, &details.offers).await?;
    if !services::insert(tx, id, details, now).await? {
        return Err(Error::NameInUse);
    }
    services::update(tx, id, details, None).await?;
    existing(tx, id).await
}

/// One service.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn get_service(app: &App, caller: &Caller, id: ServiceId) -> Result<Service> {
    let mut tx = app.db.tenant_tx(caller).await?;
    existing(&mut tx, id).await
}

/// A page of services.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn list_services(app: &App, caller: &Caller, command: ListServices) -> Result<Page<Service>> {
    let ListServices { clinic, archived, size, after } = command;
    let mut tx = app.db.tenant_tx(caller).await?;
    super::manage_providers::own_clinics(&mut tx, clinic.as_slice()).await?;
    let after = after.map(|after| after.id);
    let mut items = services::list(&mut tx, clinic, archived, after, size.and_one_more()).await?;
    let next = size.cut(&mut items).map(|last| Position { at: last.created_at, id: last.id.into() });
    Ok(Page { items, next })
}

/// Changes a service. What was booked stays as it was booked.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn update_service(app: &App, caller: &Caller, command: UpdateService) -> Result<Service> {
    let UpdateService { id, details, version } = command;
    let mut tx = app.db.tenant_tx(caller).await?;
    let service = update_in(&mut tx, id, &details, version).await?;
    audit::insert(&mut tx, caller, app.clock.now(), Entry::done(UPDATE_SERVICE, "service", id)).await?;
    tx.commit().await?;
    Ok(service)
}

/// Changes a service in a given transaction.
pub(super) async fn update_in(
    tx: &mut TenantTx,
    id: ServiceId,
    details: &ServiceDetails,
    version: Option<i64>,
) -> Result<Service> {
    let before = existing(tx, id).await?;
    works_there(tx, &details.offers).await?;
    bookings_wait(tx, &before, details).await?;
    if services::is_name_taken(tx, &details.name, id).await? {
        return Err(Error::NameInUse);
    }
    if !services::update(tx, id, details, version).await? {
        return Err(Error::StaleVersion(existing(tx, id).await?.version));
    }
    existing(tx, id).await
}

/// Whoever offered it, or is going to, is booked by other rules from now on.
async fn bookings_wait(tx: &mut TenantTx, before: &Service, details: &ServiceDetails) -> Result<()> {
    let offers = before.details.offers.iter().chain(&details.offers);
    let mut affected: Vec<ProviderId> = offers.map(|offered| offered.provider).collect();
    affected.sort_unstable();
    affected.dedup();
    providers::rules_change(tx, &affected, None).await
}

/// From now on the service cannot be booked; what was booked stays. Doing it again changes nothing.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn archive_service(app: &App, caller: &Caller, id: ServiceId) -> Result<Service> {
    let mut tx = app.db.tenant_tx(caller).await?;
    let now = app.clock.now();
    let service = archive_in(&mut tx, id, now).await?;
    audit::insert(&mut tx, caller, now, Entry::done(ARCHIVE_SERVICE, "service", id)).await?;
    tx.commit().await?;
    Ok(service)
}

/// Archives a service in a given transaction.
pub(super) async fn archive_in(tx: &mut TenantTx, id: ServiceId, now: jiff::Timestamp) -> Result<Service> {
    let before = existing(tx, id).await?;
    bookings_wait(tx, &before, &before.details).await?;
    services::archive(tx, id, now).await?;
    existing(tx, id).await
}

async fn existing(tx: &mut TenantTx, id: ServiceId) -> Result<Service> {
    services::get(tx, id).await?.ok_or_else(|| Error::not_found(Resource::Service, id))
}
