//! `organisation`.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;

use super::{Db, TenantTx};
use crate::{
    domain::{clinic::Clinic, ids::OrgId, text::Name},
    error::Result,
};

/// Makes the organisation of this transaction, with its first clinic.
pub async fn create(tx: &mut TenantTx, name: &Name, clinic: &Clinic, at: Timestamp) -> Result<()> {
    sqlx::query("select create_organization($1, $2, $3, $4, $5, $6)")
        .bind(tx.org)
        .bind(name.as_str())
        .bind(clinic.id)
        .bind(&clinic.name)
        .bind(clinic.zone.iana_name())
        .bind(at.to_sqlx())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// The organisation's name.
pub async fn name(tx: &mut TenantTx) -> Result<Option<String>> {
    Ok(sqlx::query_scalar("select name from organisation where org_id = $1")
        .bind(tx.org)
        .fetch_optional(tx.conn())
        .await?)
}

/// All organisations, for the operator: ids alone.
pub async fn all(db: &Db) -> Result<Vec<OrgId>> {
    Ok(sqlx::query_scalar("select org_id from organisation order by org_id")
        .fetch_all(db.untenanted())
        .await?)
}
