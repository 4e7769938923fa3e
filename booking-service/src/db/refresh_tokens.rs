//! `refresh_token`: the sessions of people.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use sqlx::Row as _;
use uuid::Uuid;

use super::{TenantTx, row::RowExt as _};
use crate::{
    domain::{ids::UserId, opaque_key::OpaqueKey},
    error::Result,
};

/// What is known of a token.
#[derive(Clone, Copy, Debug)]
pub struct Issued {
    /// Whose it is.
    pub user: UserId,
    /// The session that it continues.
    pub session: Uuid,
    /// When it runs out.
    pub expires_at: Timestamp,
    /// It continued the session already.
    pub is_used: bool,
    /// The session was ended.
    pub is_revoked: bool,
}

/// Keeps a new token. What of this user's has run out is swept away by the way.
pub async fn insert(
    tx: &mut TenantTx,
    token: &OpaqueKey,
    user: UserId,
    at: Timestamp,
    until: Timestamp,
) -> Result<()> {
    sqlx::query("delete from refresh_token where org_id = $1 and user_id = $2 and expires_at < $3")
        .bind(tx.org)
        .bind(user)
        .bind(at.to_sqlx())
        .execute(tx.conn())
        .await?;
    sqlx::query(
        "
        insert into refresh_token (org_id, secret_digest, session_id, user_id, created_at, expires_at)
        values ($1, $2, $3, $4, $5, $6)
        ",
    )
    .bind(tx.org)
    .bind(&token.digest()[..])
    .bind(token.id)
    .bind(user)
    .bind(at.to_sqlx())
    .bind(until.to_sqlx())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Finds a token, and keeps others from using it until this transaction ends.
pub async fn lock(tx: &mut TenantTx, token: &OpaqueKey) -> Result<Option<Issued>> {
    let row = sqlx::query(
        "
        select user_id, session_id, expires_at, used_at is not null as is_used, revoked_at is not null as is_revoked
        from refresh_token
        where org_id = $1 and secret_digest = $2
        for update
        ",
    )
    .bind(tx.org)
    .bind(&token.digest()[..])
    .fetch_optional(tx.conn())
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Issued {
        user: row.try_get("user_id")?,
        session: row.try_get("session_id")?,
        expires_at: row.time("expires_at")?,
        is_used: row.try_get("is_used")?,
        is_revoked: row.try_get("is_revoked")?,
    }))
}

/// The token has continued its session.
pub async fn mark_used(tx: &mut TenantTx, token: &OpaqueKey, at: Timestamp) -> Result<()> {
    sqlx::query("update refresh_token set used_at = $3 where org_id = $1 and secret_digest = $2")
        .bind(tx.org)
        .bind(&token.digest()[..])
        .bind(at.to_sqlx())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Ends a session: no token of it continues it any more.
pub async fn revoke_session(tx: &mut TenantTx, session: Uuid, at: Timestamp) -> Result<()> {
    sqlx::query("update refresh_token set revoked_at = coalesce(revoked_at, $3) where org_id = $1 and session_id = $2")
        .bind(tx.org)
        .bind(session)
        .bind(at.to_sqlx())
        .execute(tx.conn())
        .await?;
    Ok(())
}
