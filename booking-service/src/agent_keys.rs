//! The machines that were here a moment ago, so that not every request of theirs is a question to the database.

use std::{sync::Arc, time::Duration};

use crate::{caller::Caller, domain::machine::AgentKey, error::Error};

/// A key that is revoked through another copy of the service opens this one for so long.
const MEMORY: Duration = Duration::from_secs(5);
const MOST: u64 = 10_000;

/// A key that was found, and whom it stands for.
#[derive(Clone, Debug)]
pub struct KnownAgent {
    /// Looked at each time: it can run out.
    pub key: AgentKey,
    /// Without a request.
    pub caller: Caller,
}

/// By the digest of the key. Cheap to clone.
#[derive(Clone, Debug)]
pub struct AgentKeys(moka::future::Cache<[u8; 32], Arc<KnownAgent>>);

impl Default for AgentKeys {
    fn default() -> Self {
        Self(moka::future::Cache::builder().max_capacity(MOST).time_to_live(MEMORY).build())
    }
}

impl AgentKeys {
    /// The agent with this key; else the one that is looked up, once for all who ask at the same time.
    pub async fn get(
        &self,
        digest: [u8; 32],
        look_up: impl Future<Output = Result<KnownAgent, Error>>,
    ) -> Result<Arc<KnownAgent>, Arc<Error>> {
        self.0.try_get_with(digest, async { look_up.await.map(Arc::new) }).await
    }

    /// Forgets all: a key was revoked, and which one is not known by its digest.
    pub fn forget(&self) {
        self.0.invalidate_all();
    }
}
