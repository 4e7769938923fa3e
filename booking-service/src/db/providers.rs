//! `provider` and `clinic_provider`.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use sqlx::{FromRow, Row as _, postgres::PgRow};
use uuid::Uuid;

use super::{
    TenantTx,
    archive::{self, archived},
    row::RowExt as _,
};
use crate::{
    domain::{
        clinic::ProviderRecord,
        ids::{ClinicId, ProviderId},
        service::Offered,
    },
    error::Result,
};

/// What every reading statement begins with.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "
            select p.provider_id, p.name, p.created_at, p.version, p.archived_at,
                array(
                    select cp.clinic_id from clinic_provider cp
                    where cp.org_id = p.org_id and cp.provider_id = p.provider_id
                    order by cp.clinic_id
                ) as clinics
            from provider p
            ",
            $rest
        )
    };
}

impl FromRow<'_, PgRow> for ProviderRecord {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("provider_id")?,
            name: row.try_get("name")?,
            clinics: row.try_get("clinics")?,
            version: row.try_get("version")?,
            created_at: row.time("created_at")?,
            archived_at: row.optional_time("archived_at")?,
        })
    }
}

/// Adds a provider, who works nowhere yet.
pub async fn insert(tx: &mut TenantTx, id: ProviderId, name: &str, at: Timestamp) -> Result<()> {
    sqlx::query("insert into provider (org_id, provider_id, name, created_at) values ($1, $2, $3, $4)")
        .bind(tx.org)
        .bind(id)
        .bind(name)
        .bind(at.to_sqlx())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Lets the provider work at these clinics too.
pub async fn assign(tx: &mut TenantTx, id: ProviderId, clinics: &[ClinicId]) -> Result<()> {
    sqlx::query(
        "
        insert into clinic_provider (org_id, clinic_id, provider_id)
        select $1, clinic_id, $2
        from unnest($3::uuid[]) as wanted (clinic_id)
        on conflict do nothing
        ",
    )
    .bind(tx.org)
    .bind(id)
    .bind(clinics)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// One provider.
pub async fn get(tx: &mut TenantTx, id: ProviderId) -> Result<Option<ProviderRecord>> {
    Ok(sqlx::query_as(select!(
        "
        where p.org_id = $1 and p.provider_id = $2
        "
    ))
    .bind(tx.org)
    .bind(id)
    .fetch_optional(tx.conn())
    .await?
    .and_then(|found| as_far_as_reached(tx, found)))
}

/// Keeps bookings with the provider, and whatever else changes their calendar, from coming in between until this transaction ends.
pub async fn lock(tx: &mut TenantTx, id: ProviderId) -> Result<()> {
    sqlx::query("select from provider where org_id = $1 and provider_id = $2 for no key update")
        .bind(tx.org)
        .bind(id)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Renames a provider, and moves the version on; `false`: it is another one by now.
pub async fn rename(tx: &mut TenantTx, id: ProviderId, name: &str, version: Option<i64>) -> Result<bool> {
    let renamed = sqlx::query(
        "
        update provider set name = $3, version = version + 1
        where org_id = $1 and provider_id = $2 and version = coalesce($4, version)
        ",
    )
    .bind(tx.org)
    .bind(id)
    .bind(name)
    .bind(version)
    .execute(tx.conn())
    .await?;
    Ok(renamed.rows_affected() == 1)
}

/// From now on nobody can be booked with the provider.
pub async fn archive(tx: &mut TenantTx, id: ProviderId, at: Timestamp) -> Result<()> {
    archive::row(tx, archived!("provider"), id.into(), at).await
}

/// Which of these providers do not work where it is said.
pub async fn not_there(tx: &mut TenantTx, offers: &[Offered]) -> Result<Vec<ProviderId>> {
    let (clinics, providers): (Vec<ClinicId>, Vec<ProviderId>) =
        offers.iter().map(|offered| (offered.clinic, offered.provider)).unzip();
    Ok(sqlx::query_scalar(
        "
        select wanted.provider_id
        from unnest($2::uuid[], $3::uuid[]) as wanted (clinic_id, provider_id)
        where not exists (
            select from clinic_provider cp
            where cp.org_id = $1 and cp.clinic_id = wanted.clinic_id and cp.provider_id = wanted.provider_id
        )
        ",
    )
    .bind(tx.org)
    .bind(clinics)
    .bind(providers)
    .fetch_all(tx.conn())
    .await?)
}

/// The provider works at the clinic no more, and offers nothing there.
pub async fn unassign(tx: &mut TenantTx, id: ProviderId, clinic: ClinicId) -> Result<()> {
    sqlx::query("delete from clinic_provider where org_id = $1 and provider_id = $2 and clinic_id = $3")
        .bind(tx.org)
        .bind(id)
        .bind(clinic)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// What counts for these providers, or for all who work at the clinic, is about to change: waits until nobody is booking with them, and makes whoever
/// has read the rules before read them again. In the order in which bookings lock.
pub async fn rules_change(
    tx: &mut TenantTx,
    providers: &[ProviderId],
    clinic: Option<ClinicId>,
) -> Result<()> {
    sqlx::query(
        "
        with locked as materialized (
            select p.provider_id
            from provider p
            where p.org_id = $1 and (p.provider_id = any ($2) or p.provider_id in (
                select cp.provider_id from clinic_provider cp where cp.org_id = $1 and cp.clinic_id = $3
            ))
            order by p.provider_id
            for no key update of p
        )
        update provider set rules_version = rules_version + 1
        where org_id = $1 and provider_id in (select provider_id from locked)
        ",
    )
    .bind(tx.org)
    .bind(providers)
    .bind(clinic)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// With the clinics that the credential reaches; `None`: they work at none of them.
fn as_far_as_reached(tx: &TenantTx, mut found: ProviderRecord) -> Option<ProviderRecord> {
    found.clinics.retain(|clinic| tx.scope.reaches(*clinic));
    (tx.clinics().is_none() || !found.clinics.is_empty()).then_some(found)
}

/// The providers after `after`, by id: of one clinic, or all.
pub async fn list(
    tx: &mut TenantTx,
    clinic: Option<ClinicId>,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<ProviderRecord>> {
    Ok(sqlx::query_as(select!(
        "
        where p.org_id = $1 and p.provider_id > coalesce($3, '00000000-0000-0000-0000-000000000000') and p.archived_at is null
            and ($2::uuid is null or exists (
                select from clinic_provider cp
                where cp.org_id = $1 and cp.clinic_id = $2 and cp.provider_id = p.provider_id
            ))
            and ($5::uuid[] is null or exists (
                select from clinic_provider cp
                where cp.org_id = $1 and cp.clinic_id = any ($5) and cp.provider_id = p.provider_id
            ))
        order by p.provider_id
        limit $4
        "
    ))
    .bind(tx.org)
    .bind(clinic)
    .bind(after)
    .bind(limit)
    .bind(tx.clinics().map(<[_]>::to_vec))
    .fetch_all(tx.conn())
    .await?
    .into_iter()
    .filter_map(|found| as_far_as_reached(tx, found))
    .collect())
}
