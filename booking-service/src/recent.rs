//! What was looked up a moment ago, so that not every request is a question to the database.

use std::{fmt, hash::Hash, sync::Arc, time::Duration};

use crate::error::Error;

/// What changes through another copy of the service counts here so much later.
const MEMORY: Duration = Duration::from_secs(5);
const MOST: u64 = 10_000;

/// Answers that are remembered for seconds. Cheap to clone.
#[derive(Clone)]
pub struct Recent<K, V>(moka::future::Cache<K, V>);

impl<K, V> fmt::Debug for Recent<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recent").finish_non_exhaustive()
    }
}

impl<K, V> Default for Recent<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn default() -> Self {
        Self(moka::future::Cache::builder().max_capacity(MOST).time_to_live(MEMORY).build())
    }
}

impl<K, V> Recent<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// What is remembered; else what is looked up, once for all who ask at the same time. An error is not remembered.
    pub async fn get(
        &self,
        key: K,
        look_up: impl Future<Output = Result<V, Error>>,
    ) -> Result<V, Arc<Error>> {
        self.0.try_get_with(key, look_up).await
    }

    /// Forgets one answer, which is another one now.
    pub async fn forget(&self, key: &K) {
        self.0.invalidate(key).await;
    }

    /// Forgets all answers.
    pub fn forget_all(&self) {
        self.0.invalidate_all();
    }
}
