//! Work that keeps a core busy: never on a thread that serves requests, a few at a time, and with an end to the queue.

use std::{sync::Arc, time::Duration};

use tokio::sync::Semaphore;

use crate::error::{Error, Result};

/// As many as keep two cores busy, of which others are left something.
const AT_ONCE: usize = 2;

/// More are told to come again: whoever waits longer than a second or two has gone.
const WAITING: usize = 40;
const COME_AGAIN: Duration = Duration::from_secs(2);

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Turns {
    turns: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

impl Default for Turns {
    fn default() -> Self {
        Self { turns: Arc::new(Semaphore::new(AT_ONCE)), places: Arc::new(Semaphore::new(AT_ONCE + WAITING)) }
    }
}

impl Turns {
    /// Does the work when its turn comes.
    pub async fn take<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let _place = self.places.try_acquire().map_err(|_| Error::RateLimited(COME_AGAIN))?;
        let turn =
            self.turns.clone().acquire_owned().await.map_err(|closed| Error::Internal(closed.into()))?;
        let done = tokio::task::spawn_blocking(move || {
            // Held by the work and not by the request, which may be gone before the work is done.
            let _turn = turn;
            work()
        });
        done.await.map_err(|stopped| Error::Internal(stopped.into()))?
    }
}
