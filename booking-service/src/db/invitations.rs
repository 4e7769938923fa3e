//! `invitation`: who may become a member.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use sqlx::Row as _;

use super::{TenantTx, row::RowExt as _};
use crate::{
    caller::Role,
    domain::{ids::UserId, opaque_key::OpaqueKey, patient::Email},
    error::Result,
};

/// What an invitation is for.
#[derive(Clone, Debug)]
pub struct Invitation {
    /// Who was invited.
    pub email: Email,
    /// As what.
    pub role: Role,
    /// Until when.
    pub expires_at: Timestamp,
    /// Somebody came with it.
    pub is_accepted: bool,
}

/// Keeps a new invitation.
pub async fn insert(
    tx: &mut TenantTx,
    key: &OpaqueKey,
    invitation: &Invitation,
    by: &str,
    at: Timestamp,
) -> Result<()> {
    let Invitation { email, role, expires_at, is_accepted: _ } = invitation;
    sqlx::query(
        "
        insert into invitation (org_id, invitation_id, email, role, secret_digest, invited_by, created_at, expires_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8)
        ",
    )
    .bind(tx.org)
    .bind(key.id)
    .bind(email.as_str())
    .bind(role.as_str())
    .bind(&key.digest()[..])
    .bind(by)
    .bind(at.to_sqlx())
    .bind(expires_at.to_sqlx())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Finds the invitation of this key, and keeps others from accepting it until this transaction ends.
pub async fn lock(tx: &mut TenantTx, key: &OpaqueKey) -> Result<Option<Invitation>> {
    let row = sqlx::query(
        "
        select email, role, expires_at, accepted_at is not null as is_accepted
        from invitation
        where org_id = $1 and invitation_id = $2 and secret_digest = $3
        for update
        ",
    )
    .bind(tx.org)
    .bind(key.id)
    .bind(&key.digest()[..])
    .fetch_optional(tx.conn())
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Invitation {
        email: row.parsed("email", |email| Email::parse(email).ok())?,
        role: row.parsed("role", Role::parse)?,
        expires_at: row.time("expires_at")?,
        is_accepted: row.try_get("is_accepted")?,
    }))
}

/// Takes back the open invitations of a member who goes.
pub async fn delete_of(tx: &mut TenantTx, user: UserId) -> Result<()> {
    sqlx::query("delete from invitation where org_id = $1 and invited_by = $2 and accepted_at is null")
        .bind(tx.org)
        .bind(user.to_string())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Somebody came with it.
pub async fn accept(tx: &mut TenantTx, key: &OpaqueKey, at: Timestamp) -> Result<()> {
    sqlx::query("update invitation set accepted_at = $3 where org_id = $1 and invitation_id = $2")
        .bind(tx.org)
        .bind(key.id)
        .bind(at.to_sqlx())
        .execute(tx.conn())
        .await?;
    Ok(())
}
