//! The messages about agent keys, and what machines may do.

use proto::booking::v1 as pb;

use super::convert::{Check, timestamp};
use crate::{
    access,
    domain::{
        ids::{AgentKeyId, ClinicId},
        machine::AgentKey,
        page::{Page, Position},
        scope::Scope,
        text::Name,
    },
    error::{Error, Result},
    ops::manage_agent_keys::{CreateAgentKey, NewAgentKey},
};

/// A key for more clinics than this is one for all of them.
const MOST_CLINICS: usize = 50;

impl Check {
    /// What a machine may do. A list with nothing in it means everything.
    pub(super) fn scope(&mut self, scope: Option<pb::MachineScope>) -> Option<Scope> {
        let pb::MachineScope { clinic_ids, tools, voice } = scope.unwrap_or_default();
        if clinic_ids.len() > MOST_CLINICS {
            return self.field("scope.clinic_ids", Err("are too many".to_owned()));
        }
        let clinics: Option<Vec<ClinicId>> =
            clinic_ids.iter().map(|id| self.id("scope.clinic_ids", id)).collect();
        let known: Vec<&str> = access::tools().collect();
        if tools.len() > known.len() || !tools.iter().all(|tool| known.contains(&tool.as_str())) {
            return self.field("scope.tools", Err(format!("must be some of {}", known.join(", "))));
        }
        let clinics = clinics.map(|clinics| Some(clinics).filter(|clinics| !clinics.is_empty()))?;
        Some(Scope { clinics, tools: Some(tools).filter(|tools| !tools.is_empty()), voice })
    }
}

impl From<Scope> for pb::MachineScope {
    fn from(scope: Scope) -> Self {
        let Scope { clinics, tools, voice } = scope;
        Self {
            clinic_ids: clinics.unwrap_or_default().iter().map(ToString::to_string).collect(),
            tools: tools.unwrap_or_default(),
            voice,
        }
    }
}

impl TryFrom<pb::CreateAgentKeyRequest> for CreateAgentKey {
    type Error = Error;

    fn try_from(request: pb::CreateAgentKeyRequest) -> Result<Self> {
        let pb::CreateAgentKeyRequest { name, scope, expire_time } = request;
        let mut check = Check::default();
        let name = check.field("name", Name::parse(&name));
        let scope = check.scope(scope);
        let expires_at = check.optional_time("expire_time", expire_time);
        check.finish(name.zip(scope).map(|(name, scope)| Self { name, scope, expires_at }))
    }
}

impl TryFrom<pb::RevokeAgentKeyRequest> for AgentKeyId {
    type Error = Error;

    fn try_from(request: pb::RevokeAgentKeyRequest) -> Result<Self> {
        let pb::RevokeAgentKeyRequest { agent_key_id } = request;
        let mut check = Check::default();
        let id = check.id("agent_key_id", &agent_key_id);
        check.finish(id)
    }
}

impl From<AgentKey> for pb::AgentKey {
    fn from(key: AgentKey) -> Self {
        let AgentKey { id, name, scope, created_by, created_at, expires_at, last_used_at, revoked_at } = key;
        Self {
            id: id.to_string(),
            name,
            scope: Some(scope.into()),
            created_by,
            create_time: Some(timestamp(created_at)),
            expire_time: expires_at.map(timestamp),
            last_use_time: last_used_at.map(timestamp),
            revoke_time: revoked_at.map(timestamp),
        }
    }
}

impl From<NewAgentKey> for pb::CreateAgentKeyResponse {
    fn from(made: NewAgentKey) -> Self {
        let NewAgentKey { key, secret } = made;
        Self { agent_key: Some(key.into()), key: secret.expose().to_owned() }
    }
}

impl From<AgentKey> for pb::RevokeAgentKeyResponse {
    fn from(key: AgentKey) -> Self {
        Self { agent_key: Some(key.into()) }
    }
}

impl From<Page<AgentKey>> for pb::ListAgentKeysResponse {
    fn from(page: Page<AgentKey>) -> Self {
        Self {
            agent_keys: page.items.into_iter().map(Into::into).collect(),
            next_page_token: page.next.map(Position::token).unwrap_or_default(),
        }
    }
}
