//! Makes an organisation with its first clinic.

use jiff::tz::TimeZone;

use crate::{
    access::CREATE_ORGANISATION,
    app::App,
    caller::Caller,
    db::{
        audit::{self, Entry},
        organisations,
    },
    domain::{
        clinic::Clinic,
        ids::{ClinicId, OrgId},
        text::Name,
    },
    error::Result,
};

/// The organisation to make.
#[derive(Clone, Debug)]
pub struct CreateOrganisation {
    /// Its id.
    pub org: OrgId,
    /// Its name.
    pub name: Name,
    /// The first clinic's id.
    pub clinic: ClinicId,
    /// The first clinic's name.
    pub clinic_name: Name,
    /// The first clinic's wall clock.
    pub zone: TimeZone,
}

/// Makes it, unless it is there already; tells whether it was made. Nobody calls this over the network: it is how the first credential of an organisation comes
/// to have something to open.
#[tracing::instrument(skip_all, fields(org.id = %command.org))]
pub async fn create_organisation(app: &App, command: CreateOrganisation) -> Result<bool> {
    let CreateOrganisation { org, name, clinic, clinic_name, zone } = command;
    let caller = Caller::system(org);
    let now = app.clock.now();
    let mut tx = app.db.tenant_tx(&caller).await?;
    if organisations::name(&mut tx).await?.is_some() {
        return Ok(false);
    }
    let clinic = Clinic::new(clinic, &clinic_name, zone, now);
    organisations::create(&mut tx, &name, &clinic, now).await?;
    audit::insert(&mut tx, &caller, now, Entry::done(CREATE_ORGANISATION, "organisation", org)).await?;
    tx.commit().await?;
    Ok(true)
}
