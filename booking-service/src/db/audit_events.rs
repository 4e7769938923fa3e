//! Reads `audit`.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use sqlx::{FromRow, Row as _, postgres::PgRow};
use uuid::Uuid;

use super::{TenantTx, row::RowExt as _};
use crate::{
    domain::{audit_event::AuditEvent, page::Position},
    error::Result,
};

/// The columns of an event.
macro_rules! columns {
    () => {
        "a.audit_id, a.at, a.actor, a.actor_role, a.action, a.outcome, a.reason, a.resource, a.resource_id, a.named_org_id, a.request_id,
            a.call_id, a.note"
    };
}

pub(super) use columns;

impl FromRow<'_, PgRow> for AuditEvent {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("audit_id")?,
            at: row.time("at")?,
            actor: row.try_get("actor")?,
            actor_role: row.try_get("actor_role")?,
            action: row.try_get("action")?,
            outcome: row.try_get("outcome")?,
            reason: row.try_get("reason")?,
            resource: row.try_get("resource")?,
            resource_id: row.try_get("resource_id")?,
            named_org_id: row.try_get("named_org_id")?,
            request_id: row.try_get("request_id")?,
            call_id: row.try_get("call_id")?,
            note: row.try_get("note")?,
        })
    }
}

/// Which events a list shows; `None` anywhere means all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Then or later.
    pub from: Option<Timestamp>,
    /// Before.
    pub to: Option<Timestamp>,
    /// By this subject.
    pub actor: Option<String>,
    /// Of this RPC.
    pub action: Option<String>,
    /// `done` or `refused`.
    pub outcome: Option<&'static str>,
    /// About this thing.
    pub resource_id: Option<String>,
    /// During this telephone call.
    pub call_id: Option<String>,
}

/// The year 1, before which nothing was written: Postgres knows no time as early as the earliest of ours.
const BEGINNING: Timestamp = Timestamp::constant(-62_135_596_800, 0);

/// The events before `before`, the latest first.
pub async fn list(
    tx: &mut TenantTx,
    filter: &Filter,
    before: Option<Position>,
    limit: i64,
) -> Result<Vec<AuditEvent>> {
    let Filter { from, to, actor, action, outcome, resource_id, call_id } = filter;
    let before = before.unwrap_or(Position { at: Timestamp::MAX, id: Uuid::max() });
    Ok(sqlx::query_as(concat!(
        "select ",
        columns!(),
        "
        from audit a
        where a.org_id = $1
            and a.at >= $2 and a.at < $3
            and ($4::text is null or a.actor = $4)
            and ($5::text is null or a.action = $5)
            and ($6::text is null or a.outcome = $6)
            and ($7::text is null or a.resource_id = $7)
            and ($8::text is null or a.call_id = $8)
            and a.at <= $9 and (a.at, a.audit_id) < ($9, $10)
        order by a.at desc, a.audit_id desc
        limit $11
        "
    ))
    .bind(tx.org)
    .bind(from.unwrap_or(BEGINNING).to_sqlx())
    .bind(to.unwrap_or(Timestamp::MAX).to_sqlx())
    .bind(actor.as_deref())
    .bind(action.as_deref())
    .bind(*outcome)
    .bind(resource_id.as_deref())
    .bind(call_id.as_deref())
    .bind(before.at.to_sqlx())
    .bind(before.id)
    .bind(limit)
    .fetch_all(tx.conn())
    .await?)
}
