//! Secrets at rest: encrypted in the service, so that neither a dump nor a superuser of the database has them.
//!
//! AES-256-GCM with a random nonce. The place where a ciphertext belongs is authenticated with it: moved to another row, column or
//! organisation, it cannot be opened. Several keys can be there at once: the first encrypts, all decrypt.

use anyhow::{Context as _, Result, bail};
use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    rand,
};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::domain::ids::OrgId;

const VERSION: u8 = 1;
const KEY_ID_BYTES: usize = 4;
const HEAD_BYTES: usize = 1 + KEY_ID_BYTES + NONCE_LEN;

/// Where a secret is kept.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Whose it is.
    pub org: OrgId,
    /// In which table.
    pub table: &'static str,
    /// In which row.
    pub row: Uuid,
    /// In which column.
    pub column: &'static str,
}

/// The keys.
#[derive(Debug)]
pub struct Vault {
    keys: Vec<VaultKey>,
}

struct VaultKey {
    id: [u8; KEY_ID_BYTES],
    key: LessSafeKey,
}

impl std::fmt::Debug for VaultKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VaultKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Vault {
    /// With these keys, of 32 bytes each; at least one.
    pub fn new(keys: &[Vec<u8>]) -> Result<Self> {
        if keys.is_empty() {
            bail!("there is no key");
        }
        let read = |bytes: &Vec<u8>| {
            let key = UnboundKey::new(&AES_256_GCM, bytes).context("a key is not 32 bytes long")?;
            let mut id = [0; KEY_ID_BYTES];
            id.copy_from_slice(&Sha256::digest(bytes)[..KEY_ID_BYTES]);
            Ok(VaultKey { id, key: LessSafeKey::new(key) })
        };
        Ok(Self { keys: keys.iter().map(read).collect::<Result<_>>()? })
    }

    /// A new key.
    pub fn generate_key() -> Result<Vec<u8>> {
        let mut key = vec![0; AES_256_GCM.key_len()];
        rand::fill(&mut key)?;
        Ok(key)
    }

    /// Encrypts a secret for its place, with the first key.
    pub fn seal(&self, secret: &[u8], place: Place) -> Result<Vec<u8>> {
        let VaultKey { id, key } = self.keys.first().context("there is no key")?;
        let mut nonce = [0; NONCE_LEN];
        rand::fill(&mut nonce)?;
        let mut sealed = Vec::with_capacity(HEAD_BYTES + secret.len() + AES_256_GCM.tag_len());
        sealed.push(VERSION);
        sealed.extend_from_slice(id);
        sealed.extend_from_slice(&nonce);
        let mut body = secret.to_vec();
        let bound = Aad::from(bound_to(*id, place));
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), bound, &mut body)?;
        sealed.extend_from_slice(&body);
        Ok(sealed)
    }

    /// Decrypts what was sealed for this place.
    pub fn open(&self, sealed: &[u8], place: Place) -> Result<Vec<u8>> {
        let (head, body) = sealed.split_at_checked(HEAD_BYTES).context("a ciphertext is too short")?;
        let (id, nonce) =
            head.get(1..).and_then(|rest| rest.split_first_chunk::<KEY_ID_BYTES>()).context("no key id")?;
        if head.first() != Some(&VERSION) {
            bail!("a ciphertext is of another version");
        }
        let key = self
            .keys
            .iter()
            .find(|key| key.id == *id)
            .context("the key of a ciphertext is not among ours")?;
        let nonce = Nonce::try_assume_unique_for_key(nonce)?;
        let mut body = body.to_vec();
        let opened = key.key.open_in_place(nonce, Aad::from(bound_to(*id, place)), &mut body);
        let length = opened.context("a ciphertext was changed, or is of another place")?.len();
        body.truncate(length);
        Ok(body)
    }

    /// Encrypts with the first key what was sealed for this place.
    pub fn seal_anew(&self, sealed: &[u8], place: Place) -> Result<Vec<u8>> {
        self.seal(&self.open(sealed, place)?, place)
    }

    /// Whether it was encrypted with the first key.
    pub fn is_current(&self, sealed: &[u8]) -> bool {
        self.keys.first().is_some_and(|key| sealed.get(1..=KEY_ID_BYTES) == Some(&key.id))
    }
}

/// Each part with its length before it, so that no two places look alike.
fn bound_to(key: [u8; KEY_ID_BYTES], Place { org, table, row, column }: Place) -> Vec<u8> {
    let org = Uuid::from(org);
    let parts = [&[VERSION][..], &key, org.as_bytes(), table.as_bytes(), row.as_bytes(), column.as_bytes()];
    parts.into_iter().flat_map(|part| [&part.len().to_be_bytes(), part].concat()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place { org: OrgId::from(Uuid::from_u128(1)), table: "t", row: Uuid::from_u128(2), column: "c" }
    }

    #[test]
    fn a_secret_is_read_only_where_it_belongs() {
        let vault = Vault::new(&[Vault::generate_key().unwrap()]).unwrap();
        let sealed = vault.seal(b"hunter2", place()).unwrap();
        assert_eq!(vault.open(&sealed, place()).unwrap(), b"hunter2");
        for elsewhere in [
            Place { org: OrgId::from(Uuid::from_u128(3)), ..place() },
            Place { table: "u", ..place() },
            Place { row: Uuid::from_u128(3), ..place() },
            Place { column: "d", ..place() },
        ] {
            assert!(vault.open(&sealed, elsewhere).is_err(), "{elsewhere:?}");
        }
    }

    #[test]
    fn whatever_is_changed_in_a_ciphertext_is_noticed() {
        let vault = Vault::new(&[Vault::generate_key().unwrap()]).unwrap();
        let sealed = vault.seal(b"hunter2", place()).unwrap();
        for bit in 0..sealed.len() * 8 {
            let mut edited = sealed.clone();
            edited[bit / 8] ^= 1 << (bit % 8);
            assert!(vault.open(&edited, place()).is_err(), "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert!(vault.open(&sealed[..length], place()).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn the_first_key_encrypts_and_all_decrypt() {
        let [old, new] = [Vault::generate_key().unwrap(), Vault::generate_key().unwrap()];
        let sealed = Vault::new(std::slice::from_ref(&old)).unwrap().seal(b"hunter2", place()).unwrap();
        let both = Vault::new(&[new.clone(), old]).unwrap();
        assert_eq!(both.open(&sealed, place()).unwrap(), b"hunter2");
        assert!(!both.is_current(&sealed) && both.is_current(&both.seal(b"hunter2", place()).unwrap()));
        assert!(Vault::new(&[new]).unwrap().open(&sealed, place()).is_err());
        assert!(Vault::new(&[]).is_err() && Vault::new(&[vec![0; 31]]).is_err());
    }
}
