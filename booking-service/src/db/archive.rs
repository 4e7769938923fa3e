//! What is archived keeps its row, because appointments speak of it, and is offered no more.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use uuid::Uuid;

use super::TenantTx;
use crate::error::Result;

/// The statement of [`row()`] for a table whose key is named after it. What is archived already keeps its time.
macro_rules! archived {
    ($table:literal) => {
        concat!(
            "update ",
            $table,
            " set archived_at = coalesce(archived_at, $3), version = version + 1 where org_id = $1 and ",
            $table,
            "_id = $2"
        )
    };
}
pub(super) use archived;

/// Archives one row of a table.
pub(super) async fn row(tx: &mut TenantTx, statement: &'static str, id: Uuid, at: Timestamp) -> Result<()> {
    sqlx::query(statement).bind(tx.org).bind(id).bind(at.to_sqlx()).execute(tx.conn()).await?;
    Ok(())
}
