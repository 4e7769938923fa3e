//! Secrets that people copy and machines send: agent keys, refresh tokens, invitations, consents under way.
//!
//! `fdk_<organisation>_<id>_<secret>_<checksum>`. It names its organisation, so that it is looked up behind that organisation's wall. The
//! checksum tells a slip of the hand from an attempt, and lets scanners of source code know a key when they see one; it proves nothing.

use aws_lc_rs::rand;
use data_encoding::BASE32_NOPAD;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::ids::OrgId;

/// 160 bits: nobody guesses them.
const SECRET_BYTES: usize = 20;
const CHECKSUM_BYTES: usize = 4;

/// What a key opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// The API, for a machine.
    AgentKey,
    /// A session, once.
    RefreshToken,
    /// A membership, once.
    Invitation,
    /// The way back from Google to the calendar that is being connected, once.
    CalendarConsent,
}

impl KeyKind {
    fn prefix(self) -> &'static str {
        match self {
            Self::AgentKey => "fdk",
            Self::RefreshToken => "fdr",
            Self::Invitation => "fdi",
            Self::CalendarConsent => "fdc",
        }
    }
}

/// A key. Its text is a secret: it has no `Display`, and `Debug` leaves it out.
#[derive(Clone, PartialEq, Eq)]
pub struct OpaqueKey {
    /// Whose it is.
    pub org: OrgId,
    /// What it is known by.
    pub id: Uuid,
    text: String,
}

impl std::fmt::Debug for OpaqueKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpaqueKey").field("org", &self.org).field("id", &self.id).finish_non_exhaustive()
    }
}

impl OpaqueKey {
    /// A new one. Fails only where the system has no randomness.
    pub fn generate(kind: KeyKind, org: OrgId, id: Uuid) -> Result<Self, aws_lc_rs::error::Unspecified> {
        let mut secret = [0; SECRET_BYTES];
        rand::fill(&mut secret)?;
        let parts = [bytes_of(org), *id.as_bytes()].map(|part| base32(&part));
        Ok(Self {
            org,
            id,
            text: checked(&format!("{}_{}_{}", kind.prefix(), parts.join("_"), base32(&secret))),
        })
    }

    /// Reads a key of this kind. `None`: it is none, and need not be looked up.
    pub fn parse(kind: KeyKind, text: &str) -> Option<Self> {
        let rest = text.strip_prefix(kind.prefix())?.strip_prefix('_')?;
        let [org, id, secret] = parts(text, rest)?;
        from_base32::<SECRET_BYTES>(secret)?;
        let [org, id] = [from_base32(org)?, from_base32(id)?].map(Uuid::from_bytes);
        Some(Self { org: org.into(), id, text: text.to_owned() })
    }

    /// Whether the text claims to be of this kind.
    pub fn looks_like(kind: KeyKind, text: &str) -> bool {
        text.strip_prefix(kind.prefix()).is_some_and(|rest| rest.starts_with('_'))
    }

    /// The text to hand out.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// What is kept of it, and what it is known again by.
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(&self.text).into()
    }
}

/// What a webhook's address says: whose request it is said to be. No secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WebhookCredentialId {
    /// Whose it is.
    pub org: OrgId,
    /// What it is known by there.
    pub id: Uuid,
}

impl WebhookCredentialId {
    /// Reads `fdw_<organisation>_<id>_<checksum>`.
    pub fn parse(text: &str) -> Option<Self> {
        let [org, id] = parts(text, text.strip_prefix("fdw_")?)?;
        let [org, id] = [from_base32(org)?, from_base32(id)?].map(Uuid::from_bytes);
        Some(Self { org: org.into(), id })
    }
}

impl std::fmt::Display for WebhookCredentialId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&checked(&format!("fdw_{}_{}", base32(&bytes_of(self.org)), base32(self.id.as_bytes()))))
    }
}

fn bytes_of(org: OrgId) -> [u8; 16] {
    Uuid::from(org).into_bytes()
}

fn checksum(text: &str) -> String {
    base32(&Sha256::digest(text)[..CHECKSUM_BYTES])
}

fn checked(text: &str) -> String {
    format!("{text}_{}", checksum(text))
}

/// The parts of a text behind its prefix, if there are so many and the checksum is right.
fn parts<'a, const N: usize>(text: &str, rest: &'a str) -> Option<[&'a str; N]> {
    let (body, sum) = text.rsplit_once('_')?;
    if checksum(body) != sum {
        return None;
    }
    let (rest, _) = rest.rsplit_once('_')?;
    rest.split('_').collect::<Vec<_>>().try_into().ok()
}

fn base32(bytes: &[u8]) -> String {
    BASE32_NOPAD.encode(bytes).to_ascii_lowercase()
}

fn from_base32<const N: usize>(text: &str) -> Option<[u8; N]> {
    // One spelling each: what is kept is the digest of the text.
    let upper = Some(text.to_ascii_uppercase()).filter(|upper| upper.to_ascii_lowercase() == text)?;
    BASE32_NOPAD.decode(upper.as_bytes()).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key() -> OpaqueKey {
        OpaqueKey::generate(KeyKind::AgentKey, OrgId::generate(), OrgId::generate().into()).unwrap()
    }

    #[test]
    fn a_key_is_read_back_and_says_whose_it_is() {
        let key = key();
        assert!(key.expose().starts_with("fdk_") && key.expose().len() < 110);
        assert_eq!(OpaqueKey::parse(KeyKind::AgentKey, key.expose()), Some(key.clone()));
        assert_eq!(OpaqueKey::parse(KeyKind::Invitation, key.expose()), None);
        assert!(!format!("{key:?}").contains(key.expose()));
        let webhook = WebhookCredentialId { org: key.org, id: key.id };
        assert_eq!(WebhookCredentialId::parse(&webhook.to_string()), Some(webhook));
    }

    proptest! {
        #[test]
        fn one_wrong_character_is_noticed(place in 0usize..98, other in "[a-z2-7_A-Z ]") {
            let key = key();
            let mut text: Vec<char> = key.expose().chars().collect();
            let place = place % text.len();
            prop_assume!(text[place].to_string() != other);
            text[place] = other.chars().next().unwrap();
            let text: String = text.into_iter().collect();
            prop_assert_eq!(OpaqueKey::parse(KeyKind::AgentKey, &text), None);
        }

        #[test]
        fn any_text_is_survived(text in "(fdk_|fdw_)?.{0,120}") {
            let _ = (OpaqueKey::parse(KeyKind::AgentKey, &text), WebhookCredentialId::parse(&text));
        }
    }
}
