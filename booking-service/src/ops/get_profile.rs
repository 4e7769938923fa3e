//! Shows who is signed in.

use crate::{
    app::App,
    caller::Caller,
    db::{organisations, profiles},
    domain::member::Profile,
    error::{Error, Resource, Result},
};

/// The user whose token this is.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn get_profile(app: &App, caller: &Caller) -> Result<Profile> {
    let missing = || Error::not_found(Resource::Profile, &caller.subject);
    let user = caller.user.ok_or_else(missing)?;
    let mut tx = app.db.auth_tx(caller).await?;
    let org_name = organisations::name(&mut tx).await?.ok_or(Error::Unauthenticated)?;
    let member = profiles::get(&mut tx, user).await?.ok_or_else(missing)?;
    Ok(Profile { member, org: caller.org, org_name })
}
