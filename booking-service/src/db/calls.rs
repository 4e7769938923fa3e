//! `call`: telephone calls that are over.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;

use super::{TenantTx, one_at_a_time};
use crate::{domain::call::EndedCall, error::Result};

/// Lets nobody else decide about this call until the transaction ends. Taken before any provider's lock.
pub async fn lock(tx: &mut TenantTx, call: &str) -> Result<()> {
    one_at_a_time(tx, "call", call).await
}

/// Whether the call is over.
pub async fn is_over(tx: &mut TenantTx, call: &str) -> Result<bool> {
    Ok(sqlx::query_scalar("select exists (select from call where org_id = $1 and call_id = $2)")
        .bind(tx.org)
        .bind(call)
        .fetch_one(tx.conn())
        .await?)
}

/// Notes that a call is over; what was noted first stays.
pub async fn end(tx: &mut TenantTx, call: &EndedCall, at: Timestamp) -> Result<()> {
    let EndedCall { id, started_at, ended_at, reason } = call;
    sqlx::query(
        "
        insert into call (org_id, call_id, started_at, ended_at, ended_reason, created_at)
        values ($1, $2, $3, $4, $5, $6)
        on conflict do nothing
        ",
    )
    .bind(tx.org)
    .bind(id.as_str())
    .bind(started_at.map(jiff_sqlx::ToSqlx::to_sqlx))
    .bind(ended_at.to_sqlx())
    .bind(reason.as_deref())
    .bind(at.to_sqlx())
    .execute(tx.conn())
    .await?;
    Ok(())
}
