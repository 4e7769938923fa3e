//! `profile`, and the link of `membership` that goes with it: what people are in an organisation.

use jiff_sqlx::ToSqlx as _;
use sqlx::{FromRow, Row as _, postgres::PgRow};
use uuid::Uuid;

use super::{TenantTx, row::RowExt as _};
use crate::{
    caller::Role,
    domain::{ids::UserId, member::Member},
    error::Result,
};

impl FromRow<'_, PgRow> for Member {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            user: row.try_get("user_id")?,
            full_name: row.try_get("full_name")?,
            email: row.try_get("email")?,
            role: row.parsed("role", Role::parse)?,
            created_at: row.time("created_at")?,
        })
    }
}

/// Makes somebody a member; `false`: they are one already.
pub async fn insert(tx: &mut TenantTx, member: &Member) -> Result<bool> {
    let Member { user, full_name, email, role, created_at } = member;
    let linked = sqlx::query(
        "insert into membership (org_id, user_id, created_at) values ($1, $2, $3) on conflict do nothing",
    )
    .bind(tx.org)
    .bind(user)
    .bind(created_at.to_sqlx())
    .execute(tx.conn())
    .await?;
    if linked.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query("insert into profile (org_id, user_id, full_name, email, role, created_at) values ($1, $2, $3, $4, $5, $6)")
        .bind(tx.org)
        .bind(user)
        .bind(full_name)
        .bind(email)
        .bind(role.as_str())
        .bind(created_at.to_sqlx())
        .execute(tx.conn())
        .await?;
    Ok(true)
}

/// One member.
pub async fn get(tx: &mut TenantTx, user: UserId) -> Result<Option<Member>> {
    Ok(sqlx::query_as(
        "select user_id, full_name, email, role, created_at from profile where org_id = $1 and user_id = $2",
    )
    .bind(tx.org)
    .bind(user)
    .fetch_optional(tx.conn())
    .await?)
}

/// The members after `after`, by id.
pub async fn list(tx: &mut TenantTx, after: Option<Uuid>, limit: i64) -> Result<Vec<Member>> {
    Ok(sqlx::query_as(
        "
        select user_id, full_name, email, role, created_at
        from profile
        where org_id = $1 and user_id > coalesce($2, '00000000-0000-0000-0000-000000000000')
        order by user_id
        limit $3
        ",
    )
    .bind(tx.org)
    .bind(after)
    .bind(limit)
    .fetch_all(tx.conn())
    .await?)
}

/// Keeps the set of administrators as it is until this transaction ends; tells how many there are. Two who would each remove the
/// other meet here.
pub async fn lock_admins(tx: &mut TenantTx) -> Result<i64> {
    sqlx::query("update organisation set members_version = members_version + 1 where org_id = $1")
        .bind(tx.org)
        .execute(tx.conn())
        .await?;
    Ok(sqlx::query_scalar("select count(*) from profile where org_id = $1 and role = 'admin'")
        .bind(tx.org)
        .fetch_one(tx.conn())
        .await?)
}

/// Changes what a member may do.
pub async fn set_role(tx: &mut TenantTx, user: UserId, role: Role) -> Result<()> {
    sqlx::query("update profile set role = $3, version = version + 1 where org_id = $1 and user_id = $2")
        .bind(tx.org)
        .bind(user)
        .bind(role.as_str())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Removes a member; their sessions go with them.
pub async fn delete(tx: &mut TenantTx, user: UserId) -> Result<()> {
    for statement in [
        "delete from profile where org_id = $1 and user_id = $2",
        "delete from membership where org_id = $1 and user_id = $2",
    ] {
        sqlx::query(statement).bind(tx.org).bind(user).execute(tx.conn()).await?;
    }
    Ok(())
}
