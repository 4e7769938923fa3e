//! From a signature to a token for the one request that it signs.

use jiff::SignedDuration;
use secrecy::SecretString;

use crate::{
    app::App,
    caller::{Caller, RequestContext, Role},
    db::webhook_credentials::{self, Sealed, place},
    domain::{machine::WebhookCredential, opaque_key::WebhookCredentialId, signature_plan::SignedRequest},
    error::{Error, Result},
    token::issuer::Grant,
};

/// How long the token is good: for one request.
pub const LIFETIME: SignedDuration = SignedDuration::from_secs(60);

/// A request that is said to be signed.
#[derive(Clone, Debug)]
pub struct ExchangeWebhookSignature {
    /// By whom; `None`: by nobody we could know.
    pub id: Option<WebhookCredentialId>,
    /// As it arrived.
    pub request: SignedRequest,
}

/// What a signature is worth.
#[derive(Clone, Debug)]
pub struct Exchanged {
    /// Good for one request.
    pub access_token: SecretString,
}

/// A token for the sender, if the signature is theirs, fresh, and here for the first time. All that can be wrong with it is one refusal; what it
/// was is logged, without any of it.
#[tracing::instrument(skip_all, fields(request.id = request.id))]
pub async fn exchange_webhook_signature(
    app: &App,
    request: &RequestContext,
    command: ExchangeWebhookSignature,
) -> Result<Exchanged> {
    let ExchangeWebhookSignature { id, request: signed } = command;
    let id = id.ok_or(Error::Unauthenticated)?;
    let now = app.clock.now();
    let stranger = Caller::unknown(id.org, request);
    let mut tx = app.db.auth_tx(&stranger).await?;
    let Sealed { credential, secret, previous_secret } =
        webhook_credentials::get(&mut tx, id.id).await?.ok_or(Error::Unauthenticated)?;
    let WebhookCredential { plan, scope, previous_until, revoked_at, .. } = credential;
    if revoked_at.is_some() {
        return Err(Error::Unauthenticated);
    }
    let keys = app.keys.get();
    let open = |sealed: &[u8], column| {
        let secret = keys.vault.open(sealed, place(id.org, id.id, column)).map_err(Error::Internal)?;
        String::from_utf8(secret).map_err(|error| Error::Internal(error.into()))
    };
    let mut secrets = vec![open(&secret, "secret")?];
    if let Some(previous) = previous_secret.filter(|_| previous_until.is_some_and(|until| until > now)) {
        secrets.push(open(&previous, "previous_secret")?);
    }
    // A large body takes milliseconds, and nothing is held meanwhile.
    drop(tx);
    let verifying = app.webhooks.take(move || Ok(plan.verify(&secrets, &signed, now)));
    let delivery = verifying.await?.map_err(|why| {
        tracing::debug!(why, webhook.credential = %id, "a signature is not good");
        Error::Unauthenticated
    })?;
    let mut tx = app.db.auth_tx(&stranger).await?;
    if !webhook_credentials::first_delivery(&mut tx, id.id, delivery, request.id.as_deref(), now).await? {
        return Err(Error::Unauthenticated);
    }
    tx.commit().await?;
    let subject = format!("webhook-credential:{}", id.id);
    let grant = Grant { org: id.org, subject, role: Role::Agent, scope, lifetime: LIFETIME };
    let access_token = keys.issuer.issue(&grant, now).map_err(Error::Internal)?;
    Ok(Exchanged { access_token: access_token.into() })
}
