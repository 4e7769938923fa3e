//! What is known of the machines that come with credentials of their own.

use jiff::Timestamp;

use super::{ids::AgentKeyId, opaque_key::WebhookCredentialId, scope::Scope, signature_plan::SignaturePlan};

/// A machine's key, without its secret.
#[derive(Clone, Debug)]
pub struct AgentKey {
    /// Its id.
    pub id: AgentKeyId,
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub scope: Scope,
    /// Who made it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// To the minute.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

impl AgentKey {
    /// Whether it opens anything at `now`.
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| end > now)
    }
}

/// A sender of signed webhooks, without its secret.
#[derive(Clone, Debug)]
pub struct WebhookCredential {
    /// What its address says.
    pub id: WebhookCredentialId,
    /// What people call it.
    pub name: String,
    /// How it signs.
    pub plan: SignaturePlan,
    /// What it may do.
    pub scope: Scope,
    /// Who made it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
    /// Until when the secret before is believed, too.
    pub previous_until: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}
