//! Senders of signed webhooks.

use aws_lc_rs::rand;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use data_encoding::HEXLOWER;
use jiff::SignedDuration;
use secrecy::{ExposeSecret as _, SecretString};

use super::manage_providers::own_clinics;
use crate::{
    access::{
        CREATE_WEBHOOK_CREDENTIAL, LIST_WEBHOOK_CREDENTIALS, REVOKE_WEBHOOK_CREDENTIAL, ROTATE_WEBHOOK_SECRET,
    },
    app::App,
    caller::Caller,
    db::{
        TenantTx,
        audit::{self, Entry},
        webhook_credentials::{self, Sealed, place},
    },
    domain::{
        ids::AuditId,
        machine::WebhookCredential,
        opaque_key::WebhookCredentialId,
        page::{Page, PageRequest, Position},
        scope::Scope,
        signature_plan::SignaturePlan,
        text::Name,
    },
    error::{Error, Resource, Result},
};

/// How long the old secret is believed after a rotation.
const OVERLAP: SignedDuration = SignedDuration::from_hours(24);

const SECRET_BYTES: usize = 32;

/// The credential to make.
#[derive(Clone, Debug)]
pub struct CreateWebhookCredential {
    /// What people call it.
    pub name: Name,
    /// How it signs.
    pub plan: SignaturePlan,
    /// What it may do.
    pub scope: Scope,
    /// What the sender has already; `None`: a new one.
    pub secret: Option<SecretString>,
}

/// A credential with a secret that was made or given just now.
#[derive(Clone, Debug)]
pub struct NewSecret {
    /// What is known of it from now on.
    pub credential: WebhookCredential,
    /// What the sender signs with: shown this once.
    pub secret: SecretString,
}

/// Which gets a new secret.
#[derive(Clone, Debug)]
pub struct RotateWebhookSecret {
    /// Which.
    pub id: WebhookCredentialId,
    /// What the sender has already; `None`: a new one.
    pub secret: Option<SecretString>,
}

/// Makes a credential; its secret is shown this once.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn create_webhook_credential(
    app: &App,
    caller: &Caller,
    command: CreateWebhookCredential,
) -> Result<NewSecret> {
    let CreateWebhookCredential { name, plan, scope, secret } = command;
    let secret = usable(secret, &plan)?;
    let now = app.clock.now();
    let credential = WebhookCredential {
        id: WebhookCredentialId { org: caller.org, id: AuditId::generate().into() },
        name: name.as_str().to_owned(),
        plan,
        scope,
        created_by: caller.subject.to_string(),
        created_at: now,
        previous_until: None,
        revoked_at: None,
    };
    let sealed = seal(app, credential.id, "secret", &secret)?;
    let mut tx = app.db.auth_tx(caller).await?;
    own_clinics(&mut tx, credential.scope.clinics.as_deref().unwrap_or_default()).await?;
    webhook_credentials::insert(&mut tx, &credential, &sealed).await?;
    let entry = Entry::done(CREATE_WEBHOOK_CREDENTIAL, "webhook credential", credential.id.id);
    audit::insert(&mut tx, caller, now, entry).await?;
    tx.commit().await?;
    Ok(NewSecret { credential, secret })
}

/// A page of credentials.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn list_webhook_credentials(
    app: &App,
    caller: &Caller,
    command: PageRequest,
) -> Result<Page<WebhookCredential>> {
    let PageRequest { size, after } = command;
    let mut tx = app.db.auth_tx(caller).await?;
    let found = webhook_credentials::list(&mut tx, after.map(|after| after.id), size.and_one_more()).await?;
    let mut items: Vec<_> = found.into_iter().map(|sealed| sealed.credential).collect();
    let next = size.cut(&mut items).map(|last| Position { at: last.created_at, id: last.id.id });
    let entry = Entry::listed(LIST_WEBHOOK_CREDENTIALS, "webhook credential");
    audit::insert(&mut tx, caller, app.clock.now(), entry).await?;
    tx.commit().await?;
    Ok(Page { items, next })
}

/// Gives a credential a new secret, which is shown this once; the one before is believed for a day more.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn rotate_webhook_secret(
    app: &App,
    caller: &Caller,
    command: RotateWebhookSecret,
) -> Result<NewSecret> {
    let RotateWebhookSecret { id, secret } = command;
    let now = app.clock.now();
    let mut tx = app.db.auth_tx(caller).await?;
    let Sealed { credential, secret: current, .. } = lock(&mut tx, caller, id).await?;
    let secret = usable(secret, &credential.plan)?;
    // Each column has its own seal: the old secret has to be opened to be put into the other one.
    let vault = &app.keys.get().vault;
    let current = vault.open(&current, place(id.org, id.id, "secret")).map_err(Error::Internal)?;
    let previous = vault.seal(&current, place(id.org, id.id, "previous_secret")).map_err(Error::Internal)?;
    let sealed = seal(app, id, "secret", &secret)?;
    webhook_credentials::rotate(&mut tx, id.id, &sealed, &previous, now + OVERLAP).await?;
    audit::insert(&mut tx, caller, now, Entry::done(ROTATE_WEBHOOK_SECRET, "webhook credential", id.id))
        .await?;
    tx.commit().await?;
    Ok(NewSecret {
        credential: WebhookCredential { previous_until: Some(now + OVERLAP), ..credential },
        secret,
    })
}

/// Ends a credential, at once.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn revoke_webhook_credential(
    app: &App,
    caller: &Caller,
    id: WebhookCredentialId,
) -> Result<WebhookCredential> {
    let now = app.clock.now();
    let mut tx = app.db.auth_tx(caller).await?;
    let Sealed { credential, .. } = lock(&mut tx, caller, id).await?;
    webhook_credentials::revoke(&mut tx, id.id, now).await?;
    audit::insert(&mut tx, caller, now, Entry::done(REVOKE_WEBHOOK_CREDENTIAL, "webhook credential", id.id))
        .await?;
    tx.commit().await?;
    Ok(WebhookCredential { revoked_at: credential.revoked_at.or(Some(now)), ..credential })
}

async fn lock(tx: &mut TenantTx, caller: &Caller, id: WebhookCredentialId) -> Result<Sealed> {
    let found = if id.org == caller.org { webhook_credentials::lock(tx, id.id).await? } else { None };
    found.ok_or_else(|| Error::not_found(Resource::WebhookCredential, id))
}

/// The secret that was given, if it is one for this plan; else a new one.
fn usable(given: Option<SecretString>, plan: &SignaturePlan) -> Result<SecretString> {
    let Some(given) = given else {
        let mut bytes = [0; SECRET_BYTES];
        rand::fill(&mut bytes).map_err(|error| Error::Internal(error.into()))?;
        let text =
            if plan.secret_is_base64 { BASE64_STANDARD.encode(bytes) } else { HEXLOWER.encode(&bytes) };
        return Ok(text.into());
    };
    match plan.key(given.expose_secret()) {
        Some(_) => Ok(given),
        None => Err(Error::invalid("secret", "is not base64, as the plan says")),
    }
}

fn seal(app: &App, id: WebhookCredentialId, column: &'static str, secret: &SecretString) -> Result<Vec<u8>> {
    let secret = secret.expose_secret().as_bytes();
    app.keys.get().vault.seal(secret, place(id.org, id.id, column)).map_err(Error::Internal)
}
