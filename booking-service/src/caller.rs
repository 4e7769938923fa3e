//! Who asks, and in which request.

use std::{net::IpAddr, sync::Arc, time::Instant};

use crate::{
    domain::{
        idempotency::{Fingerprint, IdempotencyKey},
        ids::{OrgId, UserId},
        patient::Phone,
        scope::Scope,
    },
    error::{Error, Result},
    metrics::Outcome,
};

/// A verified credential, and what its request says of itself.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The organisation: nothing of another one is seen or changed.
    pub org: OrgId,
    /// A user or a machine, as the credential names it.
    pub subject: Arc<str>,
    /// The user, where it is one of ours.
    pub user: Option<UserId>,
    /// What they may do.
    pub role: Role,
    /// What the credential is limited to.
    pub scope: Arc<Scope>,
    /// The request.
    pub request: RequestContext,
}

/// What a request says of itself in its metadata.
#[derive(Clone, Debug, Default)]
pub struct RequestContext {
    /// Ties together what is logged and audited.
    pub id: Option<String>,
    /// What the client calls this attempt.
    pub idempotency_key: Option<IdempotencyKey>,
    /// When the client stops waiting.
    pub deadline: Option<Instant>,
    /// What becomes of it.
    pub outcome: Outcome,
    /// The telephone call; only for voice credentials, which are the ones that may say so.
    pub call: Option<Call>,
    /// Where it comes from, as far as that is known: for limits alone.
    pub address: Option<IpAddr>,
    /// The organisation that the request itself names. It is compared with the credential's, and never believed.
    pub named_org: Option<String>,
    /// The caller's number that the request itself names. It is compared with the telephone network's, and never believed.
    pub named_caller: Option<String>,
}

/// A telephone call, as the telephone platform reports it.
#[derive(Clone, Debug)]
pub struct Call {
    /// The platform's id of the call; not known in a chat.
    pub id: Option<String>,
    /// The caller's number; not known on web calls and when it is withheld.
    pub number: Option<Phone>,
}

/// What a member of an organisation may do; `access` has the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything.
    Admin,
    /// The work at the desk.
    Staff,
    /// The work of somebody who sees patients.
    Provider,
    /// A machine that speaks with patients.
    Agent,
}

impl Role {
    /// Reads the audit's text.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Admin, Self::Staff, Self::Provider, Self::Agent].into_iter().find(|role| role.as_str() == text)
    }

    /// The role as the audit's text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Staff => "staff",
            Self::Provider => "provider",
            Self::Agent => "agent",
        }
    }
}

/// A request that can be repeated: its key, and what it asked for.
#[derive(Clone, Copy, Debug)]
pub struct Repeatable<'a> {
    /// What the client calls this attempt.
    pub key: &'a IdempotencyKey,
    /// What it asks for.
    pub fingerprint: Fingerprint,
}

impl Caller {
    /// The service itself, acting for an organisation: when one is made, there is nobody else yet.
    pub fn system(org: OrgId) -> Self {
        Self {
            org,
            subject: "system".into(),
            user: None,
            role: Role::Admin,
            scope: Arc::default(),
            request: RequestContext::default(),
        }
    }

    /// A user who has just been let in.
    pub fn user(org: OrgId, user: UserId, role: Role, request: &RequestContext) -> Self {
        Self {
            org,
            subject: user.to_string().into(),
            user: Some(user),
            role,
            scope: Arc::default(),
            request: request.clone(),
        }
    }

    /// Nobody yet: looks for whom a key of this organisation stands for.
    pub fn unknown(org: OrgId, request: &RequestContext) -> Self {
        Self { request: request.clone(), subject: "unknown".into(), role: Role::Agent, ..Self::system(org) }
    }

    /// Whether the credential speaks for callers on the telephone, who have to prove who they are.
    pub fn is_voice(&self) -> bool {
        self.scope.voice
    }

    /// Refuses a request that itself names another organisation or another caller as its own.
    pub fn is_whom_it_names(&self) -> Result<()> {
        let RequestContext { named_org, named_caller, call, .. } = &self.request;
        if let Some(named) = named_org.as_deref().filter(|named| named.parse() != Ok(self.org)) {
            return Err(Error::IdentityMismatch(Some(named.to_owned())));
        }
        let number = call.as_ref().and_then(|call| call.number.as_ref());
        // A number that is no number names nobody.
        let named = named_caller.as_deref().and_then(|named| Phone::parse(named).ok());
        if named.is_some() && number.is_some() && named.as_ref() != number {
            return Err(Error::IdentityMismatch(None));
        }
        Ok(())
    }

    /// The caller's number as the telephone network reports it.
    pub fn number(&self) -> Option<&Phone> {
        self.request.call.as_ref()?.number.as_ref()
    }

    /// The telephone call's id.
    pub fn call_id(&self) -> Option<&str> {
        self.request.call.as_ref()?.id.as_deref()
    }

    /// Refuses to set rules aside, where a reason says that they should be, to whoever is not at the desk.
    pub fn may_set_aside(&self, reason: Option<&str>) -> Result<()> {
        if reason.is_none() || self.is_at_the_desk() { Ok(()) } else { Err(Error::RoleTooSmall) }
    }

    /// Whether they decide for the clinic, and not for themselves or for somebody on the telephone.
    pub fn is_at_the_desk(&self) -> bool {
        matches!(self.role, Role::Admin | Role::Staff) && !self.is_voice()
    }

    /// Whom an offer is made to: the telephone call, and where there is none, the credential.
    pub fn holder(&self) -> String {
        match self.call_id() {
            Some(call) => format!("call:{call}"),
            None => format!("credential:{}", self.subject),
        }
    }

    /// This request's key, where it has one.
    pub fn repeatable(&self, fingerprint: Fingerprint) -> Option<Repeatable<'_>> {
        self.request.idempotency_key.as_ref().map(|key| Repeatable { key, fingerprint })
    }
}
