//! Says what a credential stands for.

use jiff::Timestamp;

use crate::{
    app::App,
    caller::Caller,
    db::{clinics, organisations},
    domain::clinic::Clinic,
    error::{Error, Result},
};

/// More clinics than this are not told: who has more asks for them a page at a time.
const MOST_CLINICS: i64 = 200;

/// A caller, and what day it is at their clinics.
#[derive(Clone, Debug)]
pub struct Introduction {
    /// Who calls.
    pub caller: Caller,
    /// The organisation's name.
    pub org_name: String,
    /// Its clinics.
    pub clinics: Vec<Clinic>,
    /// The present moment.
    pub now: Timestamp,
}

/// Looks up the caller's organisation. A credential of an organisation that is not there is no credential.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn get_caller(app: &App, caller: &Caller) -> Result<Introduction> {
    let mut tx = app.db.tenant_tx(caller).await?;
    let org_name = organisations::name(&mut tx).await?.ok_or(Error::Unauthenticated)?;
    let clinics = clinics::list(&mut tx, None, MOST_CLINICS).await?;
    let clinics = clinics.into_iter().map(|record| record.clinic).collect();
    Ok(Introduction { caller: caller.clone(), org_name, clinics, now: app.clock.now() })
}
