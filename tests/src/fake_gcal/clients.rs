//! Who may come: applications, people, service accounts, and their tokens.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
    sync::LazyLock,
};

use aws_lc_rs::{
    encoding::{AsDer as _, Pkcs8V1Der, PublicKeyX509Der},
    rsa::KeySize,
    signature::{KeyPair as _, RsaKeyPair},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

/// The application that is known from the start: id and secret.
pub const WELL_KNOWN_CLIENT: (&str, &str) = ("frontdesk.apps.example", "a-secret-of-the-application");

/// How long an access token is good: Google's are for an hour, less a second.
pub(super) const TOKEN_LIFE: SignedDuration = SignedDuration::from_secs(3599);

/// What a token opens.
#[derive(Clone, Debug)]
pub(super) struct Access {
    pub(super) who: String,
    pub(super) scopes: String,
    pub(super) until: Timestamp,
}

/// A consent under way.
#[derive(Clone, Debug)]
pub(super) struct Code {
    pub(super) who: String,
    pub(super) client: String,
    pub(super) redirect: String,
    pub(super) challenge: Option<String>,
    pub(super) scopes: String,
}

/// A refresh token.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    pub(super) who: String,
    pub(super) client: String,
    pub(super) scopes: String,
}

/// A service account.
#[derive(Debug)]
pub(super) struct Account {
    /// Its public key (X.509 `SubjectPublicKeyInfo`, PEM).
    pub(super) key: String,
    pub(super) key_id: String,
    /// For whom it may act.
    pub(super) subjects: Vec<String>,
}

#[derive(Debug)]
pub(super) struct Clients {
    pub(super) applications: HashMap<String, String>,
    /// Who consents at the consent page when nobody says who.
    pub(super) person: String,
    pub(super) codes: HashMap<String, Code>,
    pub(super) grants: HashMap<String, Grant>,
    pub(super) access: HashMap<String, Access>,
    pub(super) accounts: HashMap<String, Account>,
    /// Each refresh gives another refresh token, and the old one is void.
    pub(super) rotates: bool,
    /// Hears of each secret that is given out.
    pub(super) confidant: fn(&str),
    pub(super) token_life: SignedDuration,
}

impl Default for Clients {
    fn default() -> Self {
        let (id, secret) = WELL_KNOWN_CLIENT;
        Self {
            applications: HashMap::from([(id.to_owned(), secret.to_owned())]),
            person: "provider@example.com".to_owned(),
            codes: HashMap::new(),
            grants: HashMap::new(),
            access: HashMap::new(),
            accounts: HashMap::new(),
            rotates: false,
            confidant: |_| {},
            token_life: TOKEN_LIFE,
        }
    }
}

/// A service account's key, as Google gives it out.
#[derive(Clone, Debug)]
pub struct Key {
    /// The account.
    pub email: String,
    /// The file.
    pub json: String,
    pub(super) public: String,
    pub(super) id: String,
}

impl Key {
    /// A key for this account. All of a process have the same numbers: making them takes long.
    pub fn new(email: &str, token_url: &str) -> Self {
        static PAIR: LazyLock<(String, String)> = LazyLock::new(|| {
            let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key can be made");
            let private: Pkcs8V1Der<'_> = pair.as_der().expect("a key can be written");
            let public: PublicKeyX509Der<'_> = pair.public_key().as_der().expect("a key can be written");
            (pem("PRIVATE KEY", private.as_ref()), pem("PUBLIC KEY", public.as_ref()))
        });
        let (private, public) = &*PAIR;
        let id = "0123456789abcdef0123456789abcdef01234567".to_owned();
        let json = json!({
            "type": "service_account",
            "project_id": "clinic",
            "private_key_id": id,
            "private_key": private,
            "client_email": email,
            "client_id": "100000000000000000001",
            "token_uri": token_url,
        });
        Self { email: email.to_owned(), json: json.to_string(), public: public.clone(), id }
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap_or_default()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

impl Clients {
    /// A secret that is given out.
    pub(super) fn secret(&self, prefix: &str) -> String {
        let secret = secret(prefix);
        (self.confidant)(&secret);
        secret
    }
}

/// A text that nobody has had before, and that looks like Google's.
pub(super) fn secret(prefix: &str) -> String {
    let half = || RandomState::new().hash_one(prefix);
    format!("{prefix}{:016x}{:016x}", half(), half())
}
