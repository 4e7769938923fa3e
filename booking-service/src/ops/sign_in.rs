//! Opens a session with a password.

use super::sessions;
use crate::{
    access::SIGN_IN,
    app::App,
    caller::{Caller, RequestContext},
    db::{
        audit::{self, Entry},
        organisations, profiles, users,
    },
    domain::{ids::OrgId, member::Session, password::Password, patient::Email},
    error::{Error, Result},
};

/// Who wants in, and where to.
#[derive(Clone, Debug)]
pub struct SignIn {
    /// Who.
    pub email: Email,
    /// Proves it.
    pub password: Password,
    /// Where to; `None`: to the only organisation.
    pub org: Option<OrgId>,
}

/// Opens a session. An address that is not known, a password that is wrong and an organisation that is not theirs are one refusal, after
/// the same time.
#[tracing::instrument(skip_all, fields(request.id = request.id))]
pub async fn sign_in(app: &App, request: &RequestContext, command: SignIn) -> Result<Session> {
    let SignIn { email, password, org } = command;
    app.limits.attempt(request.address)?;
    app.limits.account(email.as_str())?;
    let user = users::by_email(&app.db, &email).await?;
    let hash = user.as_ref().map(|user| user.password_hash.clone());
    let is_right = app.passwords.verify(password, hash).await?;
    let user = user.filter(|_| is_right).ok_or(Error::Unauthenticated)?;
    let organisations = users::organisations(&app.db, user.id).await?;
    let org = match (org, organisations.as_slice()) {
        (Some(named), theirs) if theirs.contains(&named) => named,
        (None, [only]) => *only,
        (None, [_, _, ..]) => return Err(several(app, request, &organisations).await),
        _ => return Err(Error::Unauthenticated),
    };
    let now = app.clock.now();
    let mut tx = app.db.auth_tx(&Caller::unknown(org, request)).await?;
    let member = profiles::get(&mut tx, user.id).await?.ok_or(Error::Unauthenticated)?;
    let caller = Caller::user(org, user.id, member.role, request);
    let session = sessions::open_in(app, &mut tx, org, member, now).await?;
    audit::insert(&mut tx, &caller, now, Entry::done(SIGN_IN, "profile", user.id)).await?;
    tx.commit().await?;
    Ok(session)
}

/// Names them, to somebody who has proven that they are a member of each.
async fn several(app: &App, request: &RequestContext, theirs: &[OrgId]) -> Error {
    let mut names = Vec::new();
    for org in theirs {
        let name = async {
            let mut tx = app.db.auth_tx(&Caller::unknown(*org, request)).await?;
            organisations::name(&mut tx).await
        };
        match name.await {
            Ok(name) => names.push(format!("{} (org_id {org})", name.unwrap_or_default())),
            Err(error) => return error,
        }
    }
    Error::OrganisationRequired(names)
}
