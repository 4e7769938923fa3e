//! Shows and sets when a provider works at a clinic.

use crate::{
    access::SET_WORKING_HOURS,
    app::App,
    caller::Caller,
    db::{
        TenantTx,
        audit::{self, Entry},
        providers, schedules,
    },
    domain::{hours::Schedule, service::Offered},
    error::{Error, Result},
    ops::manage_providers::works_there,
};

/// When a provider works at a clinic.
#[derive(Clone, Debug)]
pub struct WorkingHours {
    /// Where and who.
    pub of: Offered,
    /// When; `None`: whenever they are asked.
    pub schedule: Option<Schedule>,
    /// Rises with each change; 0 before the first.
    pub version: i64,
}

/// When a provider works from now on.
#[derive(Clone, Debug)]
pub struct SetWorkingHours {
    /// Where and who.
    pub of: Offered,
    /// When; `None`: whenever they are asked.
    pub schedule: Option<Schedule>,
    /// Which state was read; `None`: it does not matter.
    pub version: Option<i64>,
}

/// When a provider works at a clinic.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn get_working_hours(app: &App, caller: &Caller, of: Offered) -> Result<WorkingHours> {
    let mut tx = app.db.tenant_tx(caller).await?;
    works_there(&mut tx, &[of]).await?;
    found(&mut tx, of).await
}

/// Sets when a provider works at a clinic. What was booked stays.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn set_working_hours(app: &App, caller: &Caller, command: SetWorkingHours) -> Result<WorkingHours> {
    let SetWorkingHours { of, schedule, version } = command;
    let mut tx = app.db.tenant_tx(caller).await?;
    let set = set_in(&mut tx, of, schedule, version).await?;
    let entry = Entry::done(SET_WORKING_HOURS, "provider", of.provider);
    audit::insert(&mut tx, caller, app.clock.now(), entry).await?;
    tx.commit().await?;
    Ok(set)
}

/// Sets them in a given transaction.
pub(super) async fn set_in(
    tx: &mut TenantTx,
    of: Offered,
    schedule: Option<Schedule>,
    version: Option<i64>,
) -> Result<WorkingHours> {
    works_there(tx, &[of]).await?;
    providers::rules_change(tx, &[of.provider], None).await?;
    let Offered { clinic, provider } = of;
    let before = found(tx, of).await?;
    if version.is_some_and(|read| read != before.version) {
        return Err(Error::StaleVersion(before.version));
    }
    schedules::set(tx, clinic, provider, schedule.as_ref(), before.version + 1).await?;
    found(tx, of).await
}

async fn found(tx: &mut TenantTx, of: Offered) -> Result<WorkingHours> {
    let found = schedules::get(tx, of.clinic, of.provider).await?;
    let (schedule, version) = found.unwrap_or_default();
    Ok(WorkingHours { of, schedule, version })
}
