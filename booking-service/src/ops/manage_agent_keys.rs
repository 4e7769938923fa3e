//! Keys for machines.

use jiff::Timestamp;

use super::manage_providers::own_clinics;
use crate::{
    access::{CREATE_AGENT_KEY, LIST_AGENT_KEYS, REVOKE_AGENT_KEY},
    app::App,
    caller::Caller,
    db::{
        agent_keys,
        audit::{self, Entry},
    },
    domain::{
        ids::AgentKeyId,
        machine::AgentKey,
        opaque_key::{KeyKind, OpaqueKey},
        page::{Page, PageRequest, Position},
        scope::Scope,
        text::Name,
    },
    error::{Error, Resource, Result},
};

/// The key to make.
#[derive(Clone, Debug)]
pub struct CreateAgentKey {
    /// What people call it.
    pub name: Name,
    /// What it may do.
    pub scope: Scope,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
}

/// A key that was made.
#[derive(Clone, Debug)]
pub struct NewAgentKey {
    /// What is known of it from now on.
    pub key: AgentKey,
    /// The key itself: shown this once.
    pub secret: OpaqueKey,
}

/// Makes a key; its secret is shown this once.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn create_agent_key(app: &App, caller: &Caller, command: CreateAgentKey) -> Result<NewAgentKey> {
    let CreateAgentKey { name, scope, expires_at } = command;
    let (id, now) = (AgentKeyId::generate(), app.clock.now());
    if expires_at.is_some_and(|end| end <= now) {
        return Err(Error::invalid("expire_time", "has passed already"));
    }
    let secret = OpaqueKey::generate(KeyKind::AgentKey, caller.org, id.into())
        .map_err(|error| Error::Internal(error.into()))?;
    let key = AgentKey {
        id,
        name: name.as_str().to_owned(),
        scope,
        created_by: caller.subject.to_string(),
        created_at: now,
        expires_at,
        last_used_at: None,
        revoked_at: None,
    };
    let mut tx = app.db.auth_tx(caller).await?;
    own_clinics(&mut tx, key.scope.clinics.as_deref().unwrap_or_default()).await?;
    agent_keys::insert(&mut tx, &secret, &key).await?;
    audit::insert(&mut tx, caller, now, Entry::done(CREATE_AGENT_KEY, "agent key", id)).await?;
    tx.commit().await?;
    Ok(NewAgentKey { key, secret })
}

/// A page of keys.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn list_agent_keys(app: &App, caller: &Caller, command: PageRequest) -> Result<Page<AgentKey>> {
    let PageRequest { size, after } = command;
    let mut tx = app.db.auth_tx(caller).await?;
    let mut items = agent_keys::list(&mut tx, after.map(|after| after.id), size.and_one_more()).await?;
    let next = size.cut(&mut items).map(|last| Position { at: last.created_at, id: last.id.into() });
    audit::insert(&mut tx, caller, app.clock.now(), Entry::listed(LIST_AGENT_KEYS, "agent key")).await?;
    tx.commit().await?;
    Ok(Page { items, next })
}

/// Ends a key: here at once, in other copies of the service within the seconds for which they remember it.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn revoke_agent_key(app: &App, caller: &Caller, id: AgentKeyId) -> Result<AgentKey> {
    let now = app.clock.now();
    let mut tx = app.db.auth_tx(caller).await?;
    let key = agent_keys::revoke(&mut tx, id, now)
        .await?
        .ok_or_else(|| Error::not_found(Resource::AgentKey, id))?;
    audit::insert(&mut tx, caller, now, Entry::done(REVOKE_AGENT_KEY, "agent key", id)).await?;
    tx.commit().await?;
    app.agents.forget_all();
    Ok(key)
}
