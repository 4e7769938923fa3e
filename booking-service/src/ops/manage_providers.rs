//! Adds, shows, renames and archives providers, and says where they work.

use jiff::Timestamp;

use crate::{
    access::{ARCHIVE_PROVIDER, ASSIGN_PROVIDER, CREATE_PROVIDER, UNASSIGN_PROVIDER, UPDATE_PROVIDER},
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
        clinic::ProviderRecord,
        idempotency::Fingerprint,
        ids::{ClinicId, ProviderId},
        page::{Page, PageSize, Position},
        service::Offered,
        text::Name,
    },
    error::{Error, Resource, Result},
};

/// The provider to add.
#[derive(Clone, Debug)]
pub struct CreateProvider {
    /// As it is spoken.
    pub name: Name,
    /// Where they work.
    pub clinics: Vec<ClinicId>,
    /// Knows the request again.
    pub fingerprint: Fingerprint,
}

/// Whose, how many, and after which.
#[derive(Clone, Copy, Debug)]
pub struct ListProviders {
    /// Of this clinic; `None`: of all.
    pub clinic: Option<ClinicId>,
    /// How many.
    pub size: PageSize,
    /// After which.
    pub after: Option<Position>,
}

/// Who is to work where.
#[derive(Clone, Copy, Debug)]
pub struct AssignProvider {
    /// Who.
    pub provider: ProviderId,
    /// Where.
    pub clinic: ClinicId,
}

/// A provider, and what they are called from now on.
#[derive(Clone, Debug)]
pub struct UpdateProvider {
    /// Who.
    pub id: ProviderId,
    /// As it is spoken.
    pub name: Name,
    /// Which state was read; `None`: it does not matter.
    pub version: Option<i64>,
}

/// Adds a provider, or answers with the one that the same request added before.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn create_provider(app: &App, caller: &Caller, command: CreateProvider) -> Result<ProviderRecord> {
    let CreateProvider { name, clinics, fingerprint } = command;
    let (id, now) = (ProviderId::generate(), app.clock.now());
    let mut tx = app.db.tenant_tx(caller).await?;
    let claim =
        idempotency::claim(&mut tx, CREATE_PROVIDER, caller.repeatable(fingerprint), id.into(), now).await?;
    if let Claim::Done(id) = claim {
        return existing(&mut tx, id.into()).await;
    }
    create_in(&mut tx, id, &name, &clinics, now).await?;
    audit::insert(&mut tx, caller, now, Entry::done(CREATE_PROVIDER, "provider", id)).await?;
    let provider = existing(&mut tx, id).await?;
    tx.commit().await?;
    Ok(provider)
}

/// Adds a provider in a given transaction.
pub(super) async fn create_in(
    tx: &mut TenantTx,
    id: ProviderId,
    name: &Name,
    clinics: &[ClinicId],
    now: Timestamp,
) -> Result<()> {
    own_clinics(tx, clinics).await?;
    providers::insert(tx, id, name.as_str(), now).await?;
    providers::assign(tx, id, clinics).await
}

/// One provider.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn get_provider(app: &App, caller: &Caller, id: ProviderId) -> Result<ProviderRecord> {
    let mut tx = app.db.tenant_tx(caller).await?;
    existing(&mut tx, id).await
}

/// A page of providers.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn list_providers(
    app: &App,
    caller: &Caller,
    command: ListProviders,
) -> Result<Page<ProviderRecord>> {
    let ListProviders { clinic, size, after } = command;
    let mut tx = app.db.tenant_tx(caller).await?;
    own_clinics(&mut tx, clinic.as_slice()).await?;
    let after = after.map(|after| after.id);
    let mut items = providers::list(&mut tx, clinic, after, size.and_one_more()).await?;
    let next = size.cut(&mut items).map(|last| Position { at: last.created_at, id: last.id.into() });
    Ok(Page { items, next })
}

/// Lets a provider work at one more clinic.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn assign_provider(app: &App, caller: &Caller, command: AssignProvider) -> Result<ProviderRecord> {
    let AssignProvider { provider, clinic } = command;
    let mut tx = app.db.tenant_tx(caller).await?;
    own_clinics(&mut tx, &[clinic]).await?;
    existing(&mut tx, provider).await?;
    providers::assign(&mut tx, provider, &[clinic]).await?;
    let entry = Entry::done(ASSIGN_PROVIDER, "provider", provider);
    audit::insert(&mut tx, caller, app.clock.now(), entry).await?;
    let assigned = existing(&mut tx, provider).await?;
    tx.commit().await?;
    Ok(assigned)
}

/// Ends a provider's work at a clinic; what was booked there stays. Doing it again changes nothing.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn unassign_provider(
    app: &App,
    caller: &Caller,
    command: AssignProvider,
) -> Result<ProviderRecord> {
    let AssignProvider { provider, clinic } = command;
    let mut tx = app.db.tenant_tx(caller).await?;
    own_clinics(&mut tx, &[clinic]).await?;
    existing(&mut tx, provider).await?;
    unassign_in(&mut tx, provider, clinic).await?;
    let entry = Entry::done(UNASSIGN_PROVIDER, "provider", provider);
    audit::insert(&mut tx, caller, app.clock.now(), entry).await?;
    let unassigned = existing(&mut tx, provider).await?;
    tx.commit().await?;
    Ok(unassigned)
}

/// Ends it in a given transaction.
pub(super) async fn unassign_in(tx: &mut TenantTx, provider: ProviderId, clinic: ClinicId) -> Result<()> {
    providers::rules_change(tx, &[provider], None).await?;
    providers::unassign(tx, provider, clinic).await
}

/// Renames a provider.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn update_provider(app: &App, caller: &Caller, command: UpdateProvider) -> Result<ProviderRecord> {
    let UpdateProvider { id, name, version } = command;
    let mut tx = app.db.tenant_tx(caller).await?;
    existing(&mut tx, id).await?;
    if !providers::rename(&mut tx, id, name.as_str(), version).await? {
        return Err(Error::StaleVersion(existing(&mut tx, id).await?.version));
    }
    audit::insert(&mut tx, caller, app.clock.now(), Entry::done(UPDATE_PROVIDER, "provider", id)).await?;
    let renamed = existing(&mut tx, id).await?;
    tx.commit().await?;
    Ok(renamed)
}

/// From now on nobody can be booked with the provider; what was booked stays. Doing it again changes nothing.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn archive_provider(app: &App, caller: &Caller, id: ProviderId) -> Result<ProviderRecord> {
    let mut tx = app.db.tenant_tx(caller).await?;
    let now = app.clock.now();
    existing(&mut tx, id).await?;
    providers::rules_change(&mut tx, &[id], None).await?;
    providers::archive(&mut tx, id, now).await?;
    audit::insert(&mut tx, caller, now, Entry::done(ARCHIVE_PROVIDER, "provider", id)).await?;
    let archived = existing(&mut tx, id).await?;
    tx.commit().await?;
    Ok(archived)
}

/// Refuses clinics that are somebody else's, and providers who do not work there.
pub(super) async fn works_there(tx: &mut TenantTx, offers: &[Offered]) -> Result<()> {
    let mut clinics: Vec<ClinicId> = offers.iter().map(|offered| offered.clinic).collect();
    clinics.dedup();
    own_clinics(tx, &clinics).await?;
    match providers::not_there(tx, offers).await?.first() {
        None => Ok(()),
        Some(absent) => Err(Error::not_found(Resource::Provider, absent)),
    }
}

async fn existing(tx: &mut TenantTx, id: ProviderId) -> Result<ProviderRecord> {
    providers::get(tx, id).await?.ok_or_else(|| Error::not_found(Resource::Provider, id))
}

/// Refuses clinics that are somebody else's, or beyond the caller's scope.
pub(super) async fn own_clinics(tx: &mut TenantTx, ids: &[ClinicId]) -> Result<()> {
    match clinics::missing(tx, ids).await?.first() {
        None => Ok(()),
        Some(foreign) => Err(Error::ClinicForbidden(foreign.to_string())),
    }
}
