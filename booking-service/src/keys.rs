//! The keys of the service, from its settings: what it signs with, whom it believes, what it encrypts with. They can be read again while
//! requests are served.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use arc_swap::ArcSwap;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use secrecy::{ExposeSecret as _, SecretString};

use crate::{
    config::{Development, KeyPurpose, KeySettings, WrongSetting},
    development_issuer,
    key_file::{self, value_of},
    token::{
        Verifier,
        foreign::ForeignIssuer,
        issuer::{Issuer, SigningKey},
    },
    vault::Vault,
};

/// What the keys are at one moment.
#[derive(Debug)]
pub struct Keys {
    /// Signs our tokens.
    pub issuer: Issuer,
    /// Whose tokens are believed.
    pub verifier: Verifier,
    /// Encrypts secrets at rest.
    pub vault: Vault,
}

/// The keys as they are now. Cheap to clone.
#[derive(Clone, Debug)]
pub struct CurrentKeys(Arc<ArcSwap<Keys>>);

impl CurrentKeys {
    /// These, until others take their place.
    pub fn new(keys: Keys) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(keys)))
    }

    /// As they are now.
    pub fn get(&self) -> Arc<Keys> {
        self.0.load_full()
    }

    /// These take the place of those before.
    pub fn replace(&self, mut keys: Keys) {
        keys.verifier.take_over(&self.get().verifier);
        self.0.store(Arc::new(keys));
    }
}

impl Keys {
    /// New keys, which nobody else has and which are gone with the process.
    pub fn generate() -> Result<Self> {
        let issuer = Issuer::new("frontdesk", vec![SigningKey::from_pkcs8(&SigningKey::generate_pkcs8()?)?]);
        let mut verifier = Verifier::default();
        verifier.trust(&issuer);
        Ok(Self { issuer, verifier, vault: Vault::new(&[Vault::generate_key()?])? })
    }

    /// The keys that the settings name. Where the development issuer is believed, those that are missing are made.
    pub fn load(settings: &KeySettings) -> Result<Self> {
        let KeySettings { issuer, signing_keys, secret_keys, trusted_issuers, development } = settings;
        let setting = "BOOKING_SIGNING_KEYS";
        let ders = key_list(signing_keys.as_ref(), KeyPurpose::Signing, development)
            .context(WrongSetting(setting))?;
        let signing: Result<Vec<_>> = ders.iter().map(|der| SigningKey::from_pkcs8(der)).collect();
        if issuer.trim().is_empty() || issuer == development_issuer::NAME {
            return Err(anyhow::anyhow!("it is empty, or the development issuer's")
                .context(WrongSetting("BOOKING_ISSUER")));
        }
        let issuer = Issuer::new(issuer, signing.context(WrongSetting(setting))?);
        let mut verifier = Verifier::default();
        verifier.trust(&issuer);
        if development.dev_issuer {
            let key = development_issuer::from_file(&development.dev_key);
            verifier.trust(&key.context(WrongSetting("BOOKING_DEV_KEY"))?);
        }
        let foreign = trusted_issuers.as_ref().map_or(Ok(Vec::new()), foreign_issuers);
        for issuer in foreign.context(WrongSetting("BOOKING_TRUSTED_ISSUERS"))? {
            verifier.trust_foreign(&issuer).context(WrongSetting("BOOKING_TRUSTED_ISSUERS"))?;
        }
        let secret = key_list(secret_keys.as_ref(), KeyPurpose::Secret, development);
        let vault = secret.and_then(|keys| Vault::new(&keys)).context(WrongSetting("BOOKING_SECRET_KEYS"))?;
        Ok(Self { issuer, verifier, vault })
    }
}

/// A new key, as a line of the settings.
pub fn new_key(purpose: KeyPurpose) -> Result<String> {
    let key = match purpose {
        KeyPurpose::Signing => SigningKey::generate_pkcs8()?,
        KeyPurpose::Secret => Vault::generate_key()?,
    };
    Ok(BASE64_STANDARD.encode(key))
}

/// The keys that encrypt secrets, from their setting alone.
pub fn vault(setting: &SecretString) -> Result<Vault> {
    Vault::new(&read_list(&value_of(setting)?)?)
}

fn key_list(
    setting: Option<&SecretString>,
    purpose: KeyPurpose,
    development: &Development,
) -> Result<Vec<Vec<u8>>> {
    if let Some(setting) = setting.filter(|setting| !setting.expose_secret().is_empty()) {
        return read_list(&value_of(setting)?);
    }
    let name = match purpose {
        KeyPurpose::Signing => "signing",
        KeyPurpose::Secret => "secret",
    };
    if !development.dev_issuer {
        anyhow::bail!("it is not set; `booking-service new-key {name}` makes a key");
    }
    let path = development.dev_key.with_file_name(format!("{name}.keys"));
    let (text, made) = key_file::read_or_make(&path, || Ok(new_key(purpose)?.into_bytes()))?;
    if made {
        tracing::warn!(path = %path.display(), "no key was set, so one was made, for development alone");
    }
    read_list(&String::from_utf8(text).context("a key file is not text")?)
}

/// Keys in base64, one a line or separated by commas; what follows a # is for people.
fn read_list(text: &str) -> Result<Vec<Vec<u8>>> {
    let bare = text.lines().map(|line| line.split('#').next().unwrap_or_default());
    let words = bare.flat_map(|line| line.split([',', ' ', '\t', '\r'])).filter(|word| !word.is_empty());
    let keys: Vec<_> = words
        .map(|word| BASE64_STANDARD.decode(word))
        .collect::<Result<_, _>>()
        .context("a key is not base64")?;
    if keys.is_empty() {
        anyhow::bail!("there is no key in it");
    }
    Ok(keys)
}

fn foreign_issuers(setting: &SecretString) -> Result<Vec<ForeignIssuer>> {
    let text = value_of(setting)?;
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    // What is wrong is told without its text, which holds secrets.
    serde_json::from_str(&text).map_err(|wrong| {
        anyhow::anyhow!("not a JSON list of issuers: line {}, column {}", wrong.line(), wrong.column())
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_list_of_keys_is_read_however_it_is_separated() {
        let [a, b] = [KeyPurpose::Secret; 2].map(|purpose| new_key(purpose).unwrap());
        for text in [format!("{a},{b}"), format!("# new\n{a}\n\n{b} # old\n"), format!(" {a} {b} ")] {
            assert_eq!(read_list(&text).unwrap().len(), 2, "{text}");
        }
        for wrong in ["", "# nothing\n", "not base64!"] {
            assert!(read_list(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_key_file_that_changed_is_read_again_and_a_broken_one_is_told() {
        let path = std::env::temp_dir().join(format!("frontdesk-keys-{}", std::process::id()));
        let [old, new] = [KeyPurpose::Signing; 2].map(|purpose| new_key(purpose).unwrap());
        let settings = KeySettings {
            issuer: "frontdesk".to_owned(),
            signing_keys: Some(format!("@{}", path.display()).into()),
            secret_keys: Some(new_key(KeyPurpose::Secret).unwrap().into()),
            trusted_issuers: None,
            development: Development { dev_issuer: false, dev_key: "unused".into() },
        };
        let load = |text: &str| {
            fs::write(&path, text).unwrap();
            Keys::load(&settings)
                .map(|keys| keys.issuer.keys.iter().map(|key| key.id.clone()).collect::<Vec<_>>())
        };
        let before = load(&old).unwrap();
        let after = load(&format!("{new}\n{old}\n")).unwrap();
        assert_eq!((before.len(), after.len(), &after[1]), (1, 2, &before[0]));
        let told = load("broken").unwrap_err().to_string();
        assert!(told.contains("BOOKING_SIGNING_KEYS"), "{told}");
        fs::remove_file(&path).unwrap();
        assert!(Keys::load(&settings).is_err());
    }

    #[test]
    fn an_operators_own_tools_make_keys_too() {
        // openssl genpkey -algorithm ed25519 -outform DER | base64, which has no public half in it.
        let theirs = "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g";
        assert!(SigningKey::from_pkcs8(&BASE64_STANDARD.decode(theirs).unwrap()).is_ok());
    }
}
