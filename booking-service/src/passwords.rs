//! Hashes passwords and compares them: slow by intent, some tens of milliseconds and 19 MiB each.

use argon2::{Algorithm, Argon2, Params, PasswordHash, PasswordHasher as _, PasswordVerifier as _, Version};

use crate::{
    domain::password::Password,
    error::{Error, Result},
    turns::Turns,
};

/// OWASP's first choice for Argon2id: 19 MiB, two passes, one lane.
fn argon2() -> Argon2<'static> {
    let params = Params::new(19 * 1024, 2, 1, None).unwrap_or_default();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Passwords(Turns);

impl Passwords {
    /// A hash to keep, with a salt and its parameters.
    pub async fn hash(&self, password: Password) -> Result<String> {
        self.0
            .take(move || {
                let hash: PasswordHash = argon2().hash_password(password.expose()).map_err(unexpected)?;
                Ok(hash.to_string())
            })
            .await
    }

    /// Whether this is the password behind the hash. Without a hash it is not, and finding that out takes as long: nobody can tell by the
    /// time whether an address is known.
    pub async fn verify(&self, password: Password, hash: Option<String>) -> Result<bool> {
        self.0
            .take(move || {
                let Some(hash) = hash else {
                    let _: PasswordHash = argon2().hash_password(password.expose()).map_err(unexpected)?;
                    return Ok(false);
                };
                let hash = PasswordHash::new(&hash).map_err(unexpected)?;
                Ok(argon2().verify_password(password.expose(), &hash).is_ok())
            })
            .await
    }
}

fn unexpected(error: impl std::fmt::Display) -> Error {
    Error::Internal(anyhow::anyhow!("a password cannot be hashed: {error}"))
}
