//! From a verified token to what its bearer is now.

use super::authenticate_agent::{Refused, again};
use crate::{
    app::App,
    caller::Caller,
    db::{organisations, profiles},
    error::{Error, Result},
    standing::Standing,
};

/// The caller in the role that they have now. A member who was removed, and an organisation that is not there, are nobody.
pub(crate) async fn authenticate_bearer(app: &App, caller: Caller) -> Result<Caller, Refused> {
    let standing = app.standings.get((caller.org, caller.user), look_up(app, &caller)).await;
    match standing.map_err(|error| Refused::Trouble(again(&error)))? {
        Standing::Member(role) => Ok(Caller { role, ..caller }),
        Standing::Organisation => Ok(caller),
        Standing::Gone if caller.user.is_some() => Err(Refused::Key("no member any more")),
        Standing::Gone => Err(Refused::Key("no such organisation")),
    }
}

async fn look_up(app: &App, caller: &Caller) -> Result<Standing, Error> {
    let mut tx = app.db.auth_tx(&Caller::unknown(caller.org, &caller.request)).await?;
    Ok(match caller.user {
        Some(user) => {
            profiles::get(&mut tx, user).await?.map_or(Standing::Gone, |member| Standing::Member(member.role))
        }
        None if organisations::name(&mut tx).await?.is_some() => Standing::Organisation,
        None => Standing::Gone,
    })
}
