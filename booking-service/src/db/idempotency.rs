//! `idempotency`: what was done under which key.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use sqlx::Row as _;
use uuid::Uuid;

use super::{TenantTx, row::RowExt as _};
use crate::{
    access::Rpc,
    caller::Repeatable,
    domain::idempotency::KEY_LIFETIME,
    error::{Error, Result},
};

/// What a key stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It is ours: do the work.
    New,
    /// The work was done before: this came of it.
    Done(Uuid),
}

/// Claims the key for this transaction, which is about to make `resource`. Waits while another transaction holds it.
pub async fn claim(
    tx: &mut TenantTx,
    rpc: Rpc,
    repeatable: Option<Repeatable<'_>>,
    resource: Uuid,
    now: Timestamp,
) -> Result<Claim> {
    let Some(repeatable) = repeatable else { return Ok(Claim::New) };
    if insert(tx, rpc, repeatable, resource, now).await? {
        return Ok(Claim::New);
    }
    match done(tx, rpc, repeatable, now).await? {
        Some(resource) => Ok(Claim::Done(resource)),
        // It was too old, and is gone now.
        None if insert(tx, rpc, repeatable, resource, now).await? => Ok(Claim::New),
        None => Err(Error::Internal(anyhow::anyhow!("an idempotency key can neither be claimed nor read"))),
    }
}

async fn insert(
    tx: &mut TenantTx,
    rpc: Rpc,
    Repeatable { key, fingerprint }: Repeatable<'_>,
    resource: Uuid,
    now: Timestamp,
) -> Result<bool> {
    let inserted = sqlx::query(
        "
        insert into idempotency (org_id, rpc, key, fingerprint, resource_id, created_at)
        values ($1, $2, $3, $4, $5, $6)
        on conflict do nothing
        ",
    )
    .bind(tx.org)
    .bind(rpc.name)
    .bind(key.as_str())
    .bind(fingerprint.as_bytes())
    .bind(resource)
    .bind(now.to_sqlx())
    .execute(tx.conn())
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// What came of the request that used the key before. A key past its lifetime is deleted, and counts as unused.
pub async fn done(
    tx: &mut TenantTx,
    rpc: Rpc,
    Repeatable { key, fingerprint }: Repeatable<'_>,
    now: Timestamp,
) -> Result<Option<Uuid>> {
    let row = sqlx::query(
        "
        select fingerprint, resource_id, created_at
        from idempotency
        where org_id = $1 and rpc = $2 and key = $3
        ",
    )
    .bind(tx.org)
    .bind(rpc.name)
    .bind(key.as_str())
    .fetch_optional(tx.conn())
    .await?;
    let Some(row) = row else { return Ok(None) };
    if row.time("created_at")? <= now - KEY_LIFETIME {
        sqlx::query("delete from idempotency where org_id = $1 and rpc = $2 and key = $3")
            .bind(tx.org)
            .bind(rpc.name)
            .bind(key.as_str())
            .execute(tx.conn())
            .await?;
        return Ok(None);
    }
    if row.try_get::<&[u8], _>("fingerprint")? != fingerprint.as_bytes() {
        return Err(Error::IdempotencyKeyReused);
    }
    Ok(Some(row.try_get("resource_id")?))
}
