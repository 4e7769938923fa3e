//! `auth_failure`: attempts that belong to no organisation.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;

use super::Db;
use crate::{domain::ids::AuditId, error::Result};

/// Writes down that a credential was refused.
pub async fn insert(
    db: &Db,
    at: Timestamp,
    action: &str,
    reason: &str,
    request_id: Option<&str>,
) -> Result<()> {
    sqlx::query(
        "
        insert into auth_failure (auth_failure_id, at, action, reason, request_id)
        values ($1, $2, left($3, 200), $4, left($5, 200))
        ",
    )
    .bind(AuditId::generate())
    .bind(at.to_sqlx())
    .bind(action)
    .bind(reason)
    .bind(request_id)
    .execute(db.untenanted())
    .await?;
    Ok(())
}
