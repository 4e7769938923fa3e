//! `schedule`: when a provider works at a clinic.

use sqlx::Row as _;

use super::{TenantTx, json};
use crate::{
    domain::{
        hours::Schedule,
        ids::{ClinicId, ProviderId},
    },
    error::Result,
};

/// The hours, where there are any, and their version; `None`: there have never been any.
pub async fn get(
    tx: &mut TenantTx,
    clinic: ClinicId,
    provider: ProviderId,
) -> Result<Option<(Option<Schedule>, i64)>> {
    let row = sqlx::query(
        "
        select hours::text as hours, version from schedule where org_id = $1 and clinic_id = $2 and provider_id = $3
        ",
    )
    .bind(tx.org)
    .bind(clinic)
    .bind(provider)
    .fetch_optional(tx.conn())
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some((json::optional(&row, "hours")?, row.try_get("version")?)))
}

/// Makes these the hours, under this version; `None`: none.
pub async fn set(
    tx: &mut TenantTx,
    clinic: ClinicId,
    provider: ProviderId,
    hours: Option<&Schedule>,
    version: i64,
) -> Result<()> {
    sqlx::query("delete from schedule where org_id = $1 and clinic_id = $2 and provider_id = $3")
        .bind(tx.org)
        .bind(clinic)
        .bind(provider)
        .execute(tx.conn())
        .await?;
    let hours = hours.map(serde_json::to_string).transpose();
    let hours = hours.map_err(|error| sqlx::Error::Encode(error.into()))?;
    sqlx::query(
        "insert into schedule (org_id, clinic_id, provider_id, hours, version) values ($1, $2, $3, $4::jsonb, $5)",
    )
    .bind(tx.org)
    .bind(clinic)
    .bind(provider)
    .bind(hours)
    .bind(version)
    .execute(tx.conn())
    .await?;
    Ok(())
}
