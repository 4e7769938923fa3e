//! `clinic`.

use jiff_sqlx::ToSqlx as _;
use sqlx::{FromRow, Row as _, postgres::PgRow};
use uuid::Uuid;

use super::{TenantTx, row::RowExt as _};
use crate::{
    domain::{clinic, clinic::Clinic, ids::ClinicId},
    error::Result,
};

/// From the columns that every statement about a clinic gives these names.
impl FromRow<'_, PgRow> for Clinic {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("clinic_id")?,
            name: row.try_get("clinic_name")?,
            zone: row.parsed("time_zone", |name| clinic::zone(name).ok())?,
            created_at: row.time("clinic_created_at")?,
        })
    }
}

/// Adds a clinic.
pub async fn insert(tx: &mut TenantTx, clinic: &Clinic) -> Result<()> {
    sqlx::query(
        "insert into clinic (org_id, clinic_id, name, time_zone, created_at) values ($1, $2, $3, $4, $5)",
    )
    .bind(tx.org)
    .bind(clinic.id)
    .bind(&clinic.name)
    .bind(clinic.zone.iana_name())
    .bind(clinic.created_at.to_sqlx())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// One clinic.
pub async fn get(tx: &mut TenantTx, id: ClinicId) -> Result<Option<Clinic>> {
    if !tx.scope.reaches(id) {
        return Ok(None);
    }
    Ok(sqlx::query_as(
        "
        select clinic_id, name as clinic_name, time_zone, created_at as clinic_created_at
        from clinic
        where org_id = $1 and clinic_id = $2
        ",
    )
    .bind(tx.org)
    .bind(id)
    .fetch_optional(tx.conn())
    .await?)
}

/// The clinics after `after`, by id.
pub async fn list(tx: &mut TenantTx, after: Option<Uuid>, limit: i64) -> Result<Vec<Clinic>> {
    let scope = tx.clinics().map(<[_]>::to_vec);
    Ok(sqlx::query_as(
        "
        select clinic_id, name as clinic_name, time_zone, created_at as clinic_created_at
        from clinic
        where org_id = $1 and clinic_id > coalesce($2, '00000000-0000-0000-0000-000000000000')
            and ($4::uuid[] is null or clinic_id = any ($4))
        order by clinic_id
        limit $3
        ",
    )
    .bind(tx.org)
    .bind(after)
    .bind(limit)
    .bind(scope)
    .fetch_all(tx.conn())
    .await?)
}

/// Which of these clinics are not the organisation's, or not the credential's.
pub async fn missing(tx: &mut TenantTx, ids: &[ClinicId]) -> Result<Vec<ClinicId>> {
    if let Some(beyond) = ids.iter().find(|id| !tx.scope.reaches(**id)) {
        return Ok(vec![*beyond]);
    }
    Ok(sqlx::query_scalar(
        "
        select wanted.clinic_id
        from unnest($2::uuid[]) as wanted (clinic_id)
        where not exists (select from clinic c where c.org_id = $1 and c.clinic_id = wanted.clinic_id)
        ",
    )
    .bind(tx.org)
    .bind(ids)
    .fetch_all(tx.conn())
    .await?)
}
