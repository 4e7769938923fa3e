//! The machines that were here a moment ago.

use std::sync::Arc;

use crate::{caller::Caller, domain::machine::AgentKey, recent::Recent};

/// A key that was found, and whom it stands for.
#[derive(Clone, Debug)]
pub struct KnownAgent {
    /// Looked at each time: it can run out.
    pub key: AgentKey,
    /// Without a request.
    pub caller: Caller,
}

/// By the digest of the key, which a revocation does not know: it forgets all.
pub type AgentKeys = Recent<[u8; 32], Arc<KnownAgent>>;
