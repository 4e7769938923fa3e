//! `agent_key`.

use jiff::{SignedDuration, Timestamp};
use jiff_sqlx::ToSqlx as _;
use sqlx::{FromRow, Row as _, postgres::PgRow};
use uuid::Uuid;

use super::{TenantTx, row::RowExt as _};
use crate::{
    domain::{ids::AgentKeyId, machine::AgentKey, opaque_key::OpaqueKey, scope::Scope},
    error::Result,
};

/// The last use is noted no more often.
const NOTED_EVERY: SignedDuration = SignedDuration::from_mins(1);

/// What every reading statement asks for.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "
            select agent_key_id, name, clinic_ids, tools, voice, created_by, created_at, expires_at, last_used_at, revoked_at
            from agent_key
            ",
            $rest
        )
    };
}

impl FromRow<'_, PgRow> for Scope {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            clinics: row.try_get("clinic_ids")?,
            tools: row.try_get("tools")?,
            voice: row.try_get("voice")?,
        })
    }
}

impl FromRow<'_, PgRow> for AgentKey {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("agent_key_id")?,
            name: row.try_get("name")?,
            scope: Scope::from_row(row)?,
            created_by: row.try_get("created_by")?,
            created_at: row.time("created_at")?,
            expires_at: row.optional_time("expires_at")?,
            last_used_at: row.optional_time("last_used_at")?,
            revoked_at: row.optional_time("revoked_at")?,
        })
    }
}

/// Keeps a new key.
pub async fn insert(tx: &mut TenantTx, secret: &OpaqueKey, key: &AgentKey) -> Result<()> {
    sqlx::query(
        "
        insert into agent_key (
            org_id, agent_key_id, name, secret_digest, clinic_ids, tools, voice, created_by, created_at, expires_at
        )
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        ",
    )
    .bind(tx.org)
    .bind(key.id)
    .bind(&key.name)
    .bind(&secret.digest()[..])
    .bind(key.scope.clinics.as_deref())
    .bind(key.scope.tools.as_deref())
    .bind(key.scope.voice)
    .bind(&key.created_by)
    .bind(key.created_at.to_sqlx())
    .bind(key.expires_at.map(jiff_sqlx::ToSqlx::to_sqlx))
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The key with this secret. That it was used is noted, unless it was noted a moment ago.
pub async fn by_secret(tx: &mut TenantTx, secret: &OpaqueKey, now: Timestamp) -> Result<Option<AgentKey>> {
    let found: Option<AgentKey> =
        sqlx::query_as(select!("where org_id = $1 and agent_key_id = $2 and secret_digest = $3"))
            .bind(tx.org)
            .bind(secret.id)
            .bind(&secret.digest()[..])
            .fetch_optional(tx.conn())
            .await?;
    let noted = |key: &AgentKey| key.last_used_at.is_some_and(|at| now.duration_since(at) < NOTED_EVERY);
    if let Some(key) = found.as_ref().filter(|key| key.is_good(now) && !noted(key)) {
        // Whoever comes at the same moment need not wait to note the same.
        sqlx::query(
            "
            update agent_key set last_used_at = $3
            where org_id = $1 and agent_key_id = (
                select agent_key_id from agent_key where org_id = $1 and agent_key_id = $2 for no key update skip locked
            )
            ",
        )
        .bind(tx.org)
        .bind(key.id)
        .bind(now.to_sqlx())
        .execute(tx.conn())
        .await?;
    }
    Ok(found)
}

/// The keys after `after`, by id.
pub async fn list(tx: &mut TenantTx, after: Option<Uuid>, limit: i64) -> Result<Vec<AgentKey>> {
    Ok(sqlx::query_as(select!(
        "
        where org_id = $1 and agent_key_id > coalesce($2, '00000000-0000-0000-0000-000000000000')
        order by agent_key_id
        limit $3
        "
    ))
    .bind(tx.org)
    .bind(after)
    .bind(limit)
    .fetch_all(tx.conn())
    .await?)
}

/// Ends a key. What was ended before keeps its time. `None`: there is no such key.
pub async fn revoke(tx: &mut TenantTx, id: AgentKeyId, at: Timestamp) -> Result<Option<AgentKey>> {
    sqlx::query(
        "update agent_key set revoked_at = coalesce(revoked_at, $3) where org_id = $1 and agent_key_id = $2",
    )
    .bind(tx.org)
    .bind(id)
    .bind(at.to_sqlx())
    .execute(tx.conn())
    .await?;
    Ok(sqlx::query_as(select!("where org_id = $1 and agent_key_id = $2"))
        .bind(tx.org)
        .bind(id)
        .fetch_optional(tx.conn())
        .await?)
}
