//! From an agent key to the machine that it stands for.

use std::sync::Arc;

use crate::{
    agent_keys::KnownAgent,
    app::App,
    caller::{Caller, RequestContext, Role},
    db::agent_keys,
    domain::opaque_key::{KeyKind, OpaqueKey},
    error::{Error, Result},
};

/// Why a key opens nothing: for our own eyes, or an error of ours.
#[derive(Debug)]
pub(crate) enum Refused {
    /// It is not good.
    Key(&'static str),
    /// It could not be looked at.
    Trouble(Error),
}

/// The machine with this key.
pub(crate) async fn authenticate_agent(app: &App, text: &str) -> Result<Caller, Refused> {
    let key = OpaqueKey::parse(KeyKind::AgentKey, text).ok_or(Refused::Key("malformed key"))?;
    let known = app.agents.get(key.digest(), look_up(app, &key)).await;
    let known = known.map_err(|error| {
        let is_unknown = matches!(*error, Error::Unauthenticated);
        if is_unknown { Refused::Key("unknown key") } else { Refused::Trouble(again(&error)) }
    })?;
    if known.key.is_good(app.clock.now()) {
        Ok(known.caller.clone())
    } else {
        Err(Refused::Key("revoked or expired key"))
    }
}

async fn look_up(app: &App, secret: &OpaqueKey) -> Result<Arc<KnownAgent>> {
    let stranger = Caller::unknown(secret.org, &RequestContext::default());
    let mut tx = app.db.auth_tx(&stranger).await?;
    let key = agent_keys::by_secret(&mut tx, secret, app.clock.now()).await?.ok_or(Error::Unauthenticated)?;
    tx.commit().await?;
    let caller = Caller {
        subject: format!("agent-key:{}", key.id).into(),
        role: Role::Agent,
        scope: Arc::new(key.scope.clone()),
        ..stranger
    };
    Ok(Arc::new(KnownAgent { key, caller }))
}

/// The same trouble for each of those who waited for one look.
pub(super) fn again(error: &Error) -> Error {
    if matches!(error, Error::Internal(_)) {
        return Error::Internal(anyhow::anyhow!("a credential could not be looked up: {error:?}"));
    }
    Error::DatabaseUnavailable(sqlx::Error::PoolTimedOut)
}
