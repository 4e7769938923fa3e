//! The keys of a foreign issuer, fetched where it publishes them and kept for a while.
//!
//! A key that is known costs nothing. One that is not known, as after a rotation, is worth one look at the issuer, but not more often than
//! every half minute, however many ask: whoever invents key ids cannot make us hammer the issuer. While the issuer is away, what was known is
//! believed for a day.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, Result, bail};
use arc_swap::ArcSwap;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse},
};

use super::verifier::TrustedKey;
use crate::web;

/// So long, what is known is not asked for again.
const FRESH: SignedDuration = SignedDuration::from_mins(5);
/// So long, it is used while somebody asks; later it is asked for first. A key that an issuer takes back is refused then.
const AGING: SignedDuration = SignedDuration::from_mins(10);
/// So long, it is believed while the issuer does not answer.
const STALE: SignedDuration = SignedDuration::from_hours(24);
/// No more than one look in so long.
const PAUSE: SignedDuration = SignedDuration::from_secs(30);

const PATIENCE: Duration = Duration::from_secs(3);
const LARGEST: usize = 256 << 10;
const MOST_KEYS: usize = 100;
/// Keys below are within reach of those who would forge a token.
const SHORTEST_RSA_BYTES: usize = 256;

#[derive(Clone, Debug)]
pub(super) struct Jwks(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    url: String,
    client: reqwest::Client,
    known: ArcSwap<Known>,
    /// When somebody last looked; whoever looks holds it.
    looked: tokio::sync::Mutex<Option<Timestamp>>,
}

#[derive(Debug, Default)]
struct Known {
    keys: Vec<TrustedKey>,
    since: Option<Timestamp>,
}

impl Known {
    fn is_younger(&self, than: SignedDuration, now: Timestamp) -> bool {
        self.since.is_some_and(|since| now.duration_since(since) < than)
    }

    fn find(&self, id: &str) -> Option<TrustedKey> {
        self.keys.iter().find(|key| key.id.as_deref() == Some(id)).cloned()
    }
}

impl Jwks {
    pub(super) fn new(url: &str) -> Result<Self> {
        let parsed: reqwest::Url = url.parse().with_context(|| format!("{url} is not a URL"))?;
        if !web::is_safe(&parsed) {
            bail!("{url} does not begin with https://");
        }
        // What is fetched is where the operator says, and nowhere else.
        let client = reqwest::Client::builder()
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        let (known, looked) = (ArcSwap::default(), tokio::sync::Mutex::default());
        Ok(Self(Arc::new(Inner { url: url.to_owned(), client, known, looked })))
    }

    /// Where the keys are published.
    pub(super) fn url(&self) -> &str {
        &self.0.url
    }

    /// The key of this id, as far as it can be known at `now`.
    pub(super) async fn key(&self, id: &str, now: Timestamp) -> Option<TrustedKey> {
        let known = self.0.known.load_full();
        let found = known.find(id);
        if found.is_some() && known.is_younger(FRESH, now) {
            return found;
        }
        if found.is_some() && known.is_younger(AGING, now) {
            let jwks = self.0.clone();
            tokio::spawn(async move { jwks.look(now).await });
            return found;
        }
        if found.is_none() || self.0.looked.try_lock().is_ok() {
            self.0.look(now).await;
        }
        let known = self.0.known.load();
        known.find(id).filter(|_| known.is_younger(STALE, now))
    }
}

impl Inner {
    /// Asks the issuer, unless somebody did so a moment ago. Who comes while somebody is looking waits for what they find.
    async fn look(&self, now: Timestamp) {
        let mut looked = self.looked.lock().await;
        if looked.is_some_and(|at| now.duration_since(at) < PAUSE) {
            return;
        }
        *looked = Some(now);
        match self.fetch().await {
            Ok(keys) => self.known.store(Arc::new(Known { keys, since: Some(now) })),
            Err(error) => {
                let cause: &dyn std::error::Error = error.as_ref();
                tracing::warn!(cause, url = self.url, "the issuer's keys cannot be had");
            }
        }
    }

    async fn fetch(&self) -> Result<Vec<TrustedKey>> {
        let response = self.client.get(&self.url).send().await?.error_for_status()?;
        if !response.status().is_success() {
            bail!("it answered {}", response.status());
        }
        let body = web::body(response, LARGEST).await?;
        let set: JwkSet = serde_json::from_slice(&body).context("it is no JWK set")?;
        Ok(set.keys.iter().take(MOST_KEYS).filter_map(trusted).collect())
    }
}

/// The key with the one algorithm that it is for; `None`: it signs nothing that we would believe.
fn trusted(jwk: &Jwk) -> Option<TrustedKey> {
    let common = &jwk.common;
    if common.public_key_use.as_ref().is_some_and(|usage| *usage != PublicKeyUse::Signature) {
        return None;
    }
    let algorithm = algorithm(&jwk.algorithm, common.key_algorithm)?;
    // Where the key says what it is for, it is for nothing else.
    if common.key_algorithm.is_some_and(|stated| stated.to_string() != format!("{algorithm:?}")) {
        return None;
    }
    Some(TrustedKey { id: Some(common.key_id.clone()?), algorithm, key: DecodingKey::from_jwk(jwk).ok()? })
}

fn algorithm(key: &AlgorithmParameters, stated: Option<KeyAlgorithm>) -> Option<Algorithm> {
    if let AlgorithmParameters::RSA(rsa) = key {
        let is_long = rsa.n.len() * 3 / 4 >= SHORTEST_RSA_BYTES;
        return is_long.then(|| rsa_algorithm(stated)).flatten();
    }
    let (curve, is_edwards) = match key {
        AlgorithmParameters::OctetKeyPair(pair) => (&pair.curve, true),
        AlgorithmParameters::EllipticCurve(point) => (&point.curve, false),
        // Whoever can read a shared secret where keys are published can sign with it.
        AlgorithmParameters::RSA(_)
        | AlgorithmParameters::OctetKey(_)
        | AlgorithmParameters::Other(_)
        | _ => return None,
    };
    let known = [
        (EllipticCurve::Ed25519, true, Algorithm::EdDSA),
        (EllipticCurve::P256, false, Algorithm::ES256),
        (EllipticCurve::P384, false, Algorithm::ES384),
    ];
    known
        .into_iter()
        .find(|(known, edwards, _)| known == curve && *edwards == is_edwards)
        .map(|(.., algorithm)| algorithm)
}

fn rsa_algorithm(stated: Option<KeyAlgorithm>) -> Option<Algorithm> {
    let known = [
        (KeyAlgorithm::RS256, Algorithm::RS256),
        (KeyAlgorithm::RS384, Algorithm::RS384),
        (KeyAlgorithm::RS512, Algorithm::RS512),
        (KeyAlgorithm::PS256, Algorithm::PS256),
    ];
    let stated = stated.unwrap_or(KeyAlgorithm::RS256);
    known.into_iter().find(|(known, _)| *known == stated).map(|(_, algorithm)| algorithm)
}
