//! `webhook_credential` and `webhook_delivery`.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use sqlx::{FromRow, Row as _, postgres::PgRow};
use uuid::Uuid;

use super::{TenantTx, row::RowExt as _};
use crate::{
    domain::{
        ids::OrgId,
        machine::WebhookCredential,
        opaque_key::WebhookCredentialId,
        scope::Scope,
        signature_plan::{Delivery, SignaturePlan},
    },
    error::{Error, Result},
    vault::Place,
};

/// What every reading statement asks for.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "
            select org_id, webhook_credential_id, name, plan, secret, previous_secret, previous_until, clinic_ids, tools, voice, created_by,
                created_at, revoked_at
            from webhook_credential
            ",
            $rest
        )
    };
}

/// A credential with its secrets, as they are encrypted.
#[derive(Clone, Debug)]
pub struct Sealed {
    /// What is known of it.
    pub credential: WebhookCredential,
    /// The secret.
    pub secret: Vec<u8>,
    /// The one before it.
    pub previous_secret: Option<Vec<u8>>,
}

/// Where a credential's secret is kept.
pub fn place(org: OrgId, id: Uuid, column: &'static str) -> Place {
    Place { org, table: "webhook_credential", row: id, column }
}

impl FromRow<'_, PgRow> for Sealed {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        let plan: serde_json::Value = row.try_get("plan")?;
        let plan: SignaturePlan = serde_json::from_value(plan)
            .map_err(|error| sqlx::Error::ColumnDecode { index: "plan".to_owned(), source: error.into() })?;
        Ok(Self {
            credential: WebhookCredential {
                id: WebhookCredentialId {
                    org: row.try_get("org_id")?,
                    id: row.try_get("webhook_credential_id")?,
                },
                name: row.try_get("name")?,
                plan,
                scope: Scope::from_row(row)?,
                created_by: row.try_get("created_by")?,
                created_at: row.time("created_at")?,
                previous_until: row.optional_time("previous_until")?,
                revoked_at: row.optional_time("revoked_at")?,
            },
            secret: row.try_get("secret")?,
            previous_secret: row.try_get("previous_secret")?,
        })
    }
}

/// Keeps a new credential.
pub async fn insert(tx: &mut TenantTx, credential: &WebhookCredential, secret: &[u8]) -> Result<()> {
    let plan = serde_json::to_value(&credential.plan).map_err(|error| Error::Internal(error.into()))?;
    sqlx::query(
        "
        insert into webhook_credential (
            org_id, webhook_credential_id, name, plan, secret, clinic_ids, tools, voice, created_by, created_at
        )
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        ",
    )
    .bind(tx.org)
    .bind(credential.id.id)
    .bind(&credential.name)
    .bind(plan)
    .bind(secret)
    .bind(credential.scope.clinics.as_deref())
    .bind(credential.scope.tools.as_deref())
    .bind(credential.scope.voice)
    .bind(&credential.created_by)
    .bind(credential.created_at.to_sqlx())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// One credential.
pub async fn get(tx: &mut TenantTx, id: Uuid) -> Result<Option<Sealed>> {
    Ok(sqlx::query_as(select!("where org_id = $1 and webhook_credential_id = $2"))
        .bind(tx.org)
        .bind(id)
        .fetch_optional(tx.conn())
        .await?)
}

/// One credential, kept from others who would change it until this transaction ends.
pub async fn lock(tx: &mut TenantTx, id: Uuid) -> Result<Option<Sealed>> {
    Ok(sqlx::query_as(select!("where org_id = $1 and webhook_credential_id = $2 for no key update"))
        .bind(tx.org)
        .bind(id)
        .fetch_optional(tx.conn())
        .await?)
}

/// The credentials after `after`, by id.
pub async fn list(tx: &mut TenantTx, after: Option<Uuid>, limit: i64) -> Result<Vec<Sealed>> {
    Ok(sqlx::query_as(select!(
        "
        where org_id = $1 and webhook_credential_id > coalesce($2, '00000000-0000-0000-0000-000000000000')
        order by webhook_credential_id
        limit $3
        "
    ))
    .bind(tx.org)
    .bind(after)
    .bind(limit)
    .fetch_all(tx.conn())
    .await?)
}

/// Gives it a new secret; the one before is believed until then.
pub async fn rotate(
    tx: &mut TenantTx,
    id: Uuid,
    secret: &[u8],
    previous: &[u8],
    until: Timestamp,
) -> Result<()> {
    sqlx::query(
        "
        update webhook_credential set secret = $3, previous_secret = $4, previous_until = $5
        where org_id = $1 and webhook_credential_id = $2
        ",
    )
    .bind(tx.org)
    .bind(id)
    .bind(secret)
    .bind(previous)
    .bind(until.to_sqlx())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Ends it. What was ended before keeps its time.
pub async fn revoke(tx: &mut TenantTx, id: Uuid, at: Timestamp) -> Result<()> {
    sqlx::query(
        "
        update webhook_credential set revoked_at = coalesce(revoked_at, $3)
        where org_id = $1 and webhook_credential_id = $2
        ",
    )
    .bind(tx.org)
    .bind(id)
    .bind(at.to_sqlx())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Notes that a signature was here; `false`: it was here before, with another request. What need not be remembered any more is swept away by
/// the way.
pub async fn first_delivery(
    tx: &mut TenantTx,
    id: Uuid,
    Delivery { digest, forget_at }: Delivery,
    request_id: Option<&str>,
    now: Timestamp,
) -> Result<bool> {
    sqlx::query(
        "
        delete from webhook_delivery
        where org_id = $1 and (webhook_credential_id, digest) in (
            select webhook_credential_id, digest from webhook_delivery
            where org_id = $1 and forget_at < $2
            limit 10
            for update skip locked
        )
        ",
    )
    .bind(tx.org)
    .bind(now.to_sqlx())
    .execute(tx.conn())
    .await?;
    let inserted = sqlx::query(
        "
        insert into webhook_delivery (org_id, webhook_credential_id, digest, request_id, forget_at)
        values ($1, $2, $3, $4, $5)
        on conflict do nothing
        ",
    )
    .bind(tx.org)
    .bind(id)
    .bind(&digest[..])
    .bind(request_id)
    .bind(forget_at.to_sqlx())
    .execute(tx.conn())
    .await?;
    if inserted.rows_affected() == 1 {
        return Ok(true);
    }
    let of: Option<String> = sqlx::query_scalar(
        "select request_id from webhook_delivery where org_id = $1 and webhook_credential_id = $2 and digest = $3",
    )
    .bind(tx.org)
    .bind(id)
    .bind(&digest[..])
    .fetch_optional(tx.conn())
    .await?
    .flatten();
    Ok(of.is_some() && of.as_deref() == request_id)
}

/// A credential's id and its secrets, as they are encrypted.
pub type Secrets = (Uuid, Vec<u8>, Option<Vec<u8>>);

/// The secrets of a page of credentials, kept from others until this transaction ends: for the operator, who sees nothing else of them.
pub async fn lock_secrets(tx: &mut TenantTx, after: Uuid, limit: i64) -> Result<Vec<Secrets>> {
    Ok(sqlx::query_as(
        "
        select webhook_credential_id, secret, previous_secret
        from webhook_credential
        where org_id = $1 and webhook_credential_id > $2
        order by webhook_credential_id
        limit $3
        for no key update
        ",
    )
    .bind(tx.org)
    .bind(after)
    .bind(limit)
    .fetch_all(tx.conn())
    .await?)
}

/// Keeps the secrets of one credential as they are encrypted anew.
pub async fn set_secrets(tx: &mut TenantTx, (id, secret, previous): &Secrets) -> Result<()> {
    sqlx::query(
        "update webhook_credential set secret = $3, previous_secret = $4 where org_id = $1 and webhook_credential_id = $2",
    )
    .bind(tx.org)
    .bind(id)
    .bind(secret)
    .bind(previous.as_deref())
    .execute(tx.conn())
    .await?;
    Ok(())
}
