//! Hashes passwords and compares them: slow by intent, so never on a thread that serves requests, and few at a time.

use std::{sync::Arc, time::Duration};

use argon2::{Algorithm, Argon2, Params, PasswordHash, PasswordHasher as _, PasswordVerifier as _, Version};
use tokio::sync::Semaphore;

use crate::{
    domain::password::Password,
    error::{Error, Result},
};

/// Each takes a core for some tens of milliseconds, and 19 MiB.
const AT_ONCE: usize = 2;

/// More are told to come again: whoever waits longer than a second or two has gone.
const WAITING: usize = 40;
const COME_AGAIN: Duration = Duration::from_secs(2);

/// OWASP's first choice for Argon2id: 19 MiB, two passes, one lane.
fn argon2() -> Argon2<'static> {
    let params = Params::new(19 * 1024, 2, 1, None).unwrap_or_default();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Passwords {
    turns: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self { turns: Arc::new(Semaphore::new(AT_ONCE)), places: Arc::new(Semaphore::new(AT_ONCE + WAITING)) }
    }
}

impl Passwords {
    /// A hash to keep, with a salt and its parameters.
    pub async fn hash(&self, password: Password) -> Result<String> {
        self.take_turn(move || {
            let hash: PasswordHash = argon2().hash_password(password.expose()).map_err(unexpected)?;
            Ok(hash.to_string())
        })
        .await
    }

    /// Whether this is the password behind the hash. Without a hash it is not, and finding that out takes as long: nobody can tell by the
    /// time whether an address is known.
    pub async fn verify(&self, password: Password, hash: Option<String>) -> Result<bool> {
        self.take_turn(move || {
            let Some(hash) = hash else {
                let _: PasswordHash = argon2().hash_password(password.expose()).map_err(unexpected)?;
                return Ok(false);
            };
            let hash = PasswordHash::new(&hash).map_err(unexpected)?;
            Ok(argon2().verify_password(password.expose(), &hash).is_ok())
        })
        .await
    }

    async fn take_turn<T: Send + 'static>(
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

fn unexpected(error: impl std::fmt::Display) -> Error {
    Error::Internal(anyhow::anyhow!("a password cannot be hashed: {error}"))
}
