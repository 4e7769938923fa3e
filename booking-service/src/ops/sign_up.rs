//! Makes a user with an organisation of their own.

use jiff::{Timestamp, tz::TimeZone};

use super::sessions;
use crate::{
    access::SIGN_UP,
    app::App,
    caller::{Caller, RequestContext, Role},
    db::{
        audit::{self, Entry},
        profiles,
        users::{self, NewOrganisation},
    },
    domain::{
        clinic::Clinic,
        ids::{ClinicId, OrgId, ProviderId, UserId},
        member::{Session, User},
        password::Password,
        patient::Email,
        slot::Provider,
        text::Name,
    },
    error::{Error, Result},
};

/// Who signs up, and for what.
#[derive(Clone, Debug)]
pub struct SignUp {
    /// Signs in later.
    pub email: Email,
    /// With this.
    pub password: Password,
    /// Who it is.
    pub full_name: Name,
    /// The organisation's name.
    pub organisation: Name,
    /// The first clinic's name.
    pub clinic: Name,
    /// The first clinic's wall clock.
    pub zone: TimeZone,
    /// The first provider's name.
    pub provider: Option<Name>,
}

/// What was made.
#[derive(Clone, Debug)]
pub struct SignedUp {
    /// The first session.
    pub session: Session,
    /// The first clinic.
    pub clinic: Clinic,
    /// The present moment.
    pub now: Timestamp,
}

/// Makes user, organisation, clinic and the first session: all or nothing.
#[tracing::instrument(skip_all, fields(request.id = request.id))]
pub async fn sign_up(app: &App, request: &RequestContext, command: SignUp) -> Result<SignedUp> {
    app.limits.attempt(request.address)?;
    let SignUp { email, password, full_name, organisation, clinic, zone, provider } = command;
    // First, and before any connection is taken: it takes long, and as long for an address that is known.
    let password_hash = app.passwords.hash(password).await?;
    let (org, user, now) = (OrgId::generate(), UserId::generate(), app.clock.now());
    let caller = Caller::user(org, user, Role::Admin, request);
    let clinic = Clinic::new(ClinicId::generate(), &clinic, zone, now);
    let provider =
        provider.map(|name| Provider { id: ProviderId::generate(), name: name.as_str().to_owned() });
    let user = User { id: user, email, password_hash };
    let mut tx = app.db.auth_tx(&caller).await?;
    let wanted = NewOrganisation {
        name: &organisation,
        clinic: &clinic,
        provider: provider.as_ref(),
        full_name: &full_name,
    };
    users::sign_up(&mut tx, &user, wanted, now).await?;
    let member = profiles::get(&mut tx, user.id).await?;
    let member = member.ok_or_else(|| Error::Internal(anyhow::anyhow!("the sign-up made no profile")))?;
    let session = sessions::open_in(app, &mut tx, org, member, now).await?;
    audit::insert(&mut tx, &caller, now, Entry::done(SIGN_UP, "organisation", org)).await?;
    tx.commit().await?;
    Ok(SignedUp { session, clinic, now })
}
