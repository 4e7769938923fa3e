//! Tokens: from a person's consent (RFC 6749 with PKCE, RFC 7636), or from a service account's key (RFC 7523).

use aws_lc_rs::rand;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, Header};
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{
    Google, SCOPE,
    credential::{Credential, ServiceAccount},
    failure::Failure,
    read,
};

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// Google takes no assertion that is good for longer.
const ASSERTION_LIFE: SignedDuration = SignedDuration::from_hours(1);
/// Clocks differ.
const ASSERTION_AGE: SignedDuration = SignedDuration::from_secs(30);

/// What an access token is good for when Google does not say.
const USUAL_LIFE_SECONDS: u32 = 600;

/// A token is replaced after so much of its life: nobody waits for a new one while the old one ends.
const USED_PERCENT: i64 = 80;

/// Opens Google's API for a while. It is in memory alone.
#[derive(Clone, Debug)]
pub struct AccessToken {
    pub(super) text: SecretString,
    /// When to ask for another one.
    pub renew_at: Timestamp,
    /// A new refresh token that came with it: the old one may be void.
    pub refresh_token: Option<SecretString>,
}

/// What a person's consent comes to.
#[derive(Clone, Debug)]
pub struct Consent {
    /// For as long as they do not take it back.
    pub refresh_token: SecretString,
    /// For now.
    pub access_token: AccessToken,
}

/// Proves that whoever comes with the code is who asked for it.
#[derive(Clone, Debug)]
pub struct Pkce {
    /// Kept until the code comes.
    pub verifier: SecretString,
    challenge: String,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    expires_in: Option<u32>,
    refresh_token: Option<String>,
}

impl Pkce {
    /// A new one. Fails only where the system has no randomness.
    pub fn generate() -> Result<Self, aws_lc_rs::error::Unspecified> {
        let mut random = [0; 32];
        rand::fill(&mut random)?;
        let verifier = BASE64_URL_SAFE_NO_PAD.encode(random);
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier));
        Ok(Self { verifier: verifier.into(), challenge })
    }
}

impl TokenAnswer {
    fn into_token(self, now: Timestamp) -> AccessToken {
        let life = i64::from(self.expires_in.unwrap_or(USUAL_LIFE_SECONDS));
        AccessToken {
            text: self.access_token.into(),
            renew_at: now + SignedDuration::from_secs(life * USED_PERCENT / 100),
            refresh_token: self.refresh_token.map(Into::into),
        }
    }
}

impl Google {
    /// Where a person consents; `None`: we are no application of Google's. `state` comes back with them.
    pub fn consent_url(&self, state: &str, pkce: &Pkce) -> Option<Url> {
        let client = self.settings.google_client_id.as_deref().filter(|id| !id.is_empty())?;
        self.client_secret.as_ref()?;
        let mut url = self.settings.google_auth_url.clone();
        url.query_pairs_mut()
            .append_pair("client_id", client)
            .append_pair("redirect_uri", self.settings.google_redirect_url.as_str())
            .append_pair("response_type", "code")
            .append_pair("scope", SCOPE)
            // A refresh token comes with `offline`, and again for those who consented before only with `consent`.
            .append_pair("access_type", "offline")
            .append_pair("prompt", "consent")
            .append_pair("code_challenge", &pkce.challenge)
            .append_pair("code_challenge_method", "S256")
            .append_pair("state", state);
        Some(url)
    }

    /// Turns the code that a person came back with into their consent.
    pub async fn redeem(
        &self,
        code: &SecretString,
        verifier: &str,
        now: Timestamp,
    ) -> Result<Consent, Failure> {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.expose_secret()),
            ("redirect_uri", self.settings.google_redirect_url.as_str()),
            ("code_verifier", verifier),
        ];
        let mut access_token = self.token(&self.as_client(&form), now).await?;
        let refresh_token = access_token.refresh_token.take();
        let refresh_token = refresh_token.ok_or_else(|| Failure::ours("no_refresh_token"))?;
        Ok(Consent { refresh_token, access_token })
    }

    /// A new access token.
    pub async fn access_token(
        &self,
        credential: &Credential,
        now: Timestamp,
    ) -> Result<AccessToken, Failure> {
        match credential {
            Credential::RefreshToken(token) => {
                let form = [("grant_type", "refresh_token"), ("refresh_token", token.expose_secret())];
                self.token(&self.as_client(&form), now).await
            }
            Credential::ServiceAccount(account) => {
                let assertion = self.assertion(account, now)?;
                self.token(&[("grant_type", JWT_BEARER), ("assertion", &assertion)], now).await
            }
        }
    }

    /// Gives a consent back.
    pub async fn revoke(&self, token: &SecretString) -> Result<(), Failure> {
        let request = self.http.post(self.settings.google_revoke_url.clone());
        self.ask(request.form(&[("token", token.expose_secret())])).await.map(drop)
    }

    async fn token(&self, form: &[(&str, &str)], now: Timestamp) -> Result<AccessToken, Failure> {
        let request = self.http.post(self.settings.google_token_url.clone()).form(form);
        Ok(read::<TokenAnswer>(&self.ask(request).await?)?.into_token(now))
    }

    /// The form of an application that says who it is.
    fn as_client<'a>(&'a self, form: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let id = self.settings.google_client_id.as_deref().unwrap_or_default();
        let secret = self.client_secret.as_ref().map(ExposeSecret::expose_secret).unwrap_or_default();
        form.iter().copied().chain([("client_id", id), ("client_secret", secret)]).collect()
    }

    fn assertion(&self, account: &ServiceAccount, now: Timestamp) -> Result<String, Failure> {
        let header = Header { kid: Some(account.key_id.clone()), ..Header::new(Algorithm::RS256) };
        let issued = now - ASSERTION_AGE;
        let mut claims = json!({
            "iss": account.email,
            "scope": SCOPE,
            "aud": self.settings.google_token_audience,
            "iat": issued.as_second(),
            "exp": (issued + ASSERTION_LIFE).as_second(),
        });
        if let (Some(subject), Some(claims)) = (&account.subject, claims.as_object_mut()) {
            claims.insert("sub".to_owned(), json!(subject));
        }
        jsonwebtoken::encode(&header, &claims, &account.key).map_err(|_| Failure::ours("bad_key"))
    }
}
