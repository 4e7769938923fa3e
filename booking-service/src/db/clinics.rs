//! `clinic`.

use jiff::{SignedDuration, Timestamp};
use jiff_sqlx::ToSqlx as _;
use sqlx::{FromRow, Row as _, postgres::PgRow};
use uuid::Uuid;

use super::{
    TenantTx,
    archive::{self, archived},
    one_at_a_time,
    row::RowExt as _,
    services::{minutes, policy},
};
use crate::{
    domain::{
        clinic,
        clinic::{Clinic, ClinicDetails, ClinicRecord},
        ids::ClinicId,
        text::Name,
    },
    error::Result,
};

/// From the columns that every statement about a clinic gives these names.
impl FromRow<'_, PgRow> for Clinic {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        let cutoff: Option<i32> = row.try_get("cutoff_minutes")?;
        Ok(Self {
            id: row.try_get("clinic_id")?,
            name: row.try_get("clinic_name")?,
            zone: row.parsed("time_zone", |name| clinic::zone(name).ok())?,
            country: row.try_get("country")?,
            cutoff: cutoff.map(|minutes| SignedDuration::from_mins(minutes.into())),
            created_at: row.time("clinic_created_at")?,
        })
    }
}

impl FromRow<'_, PgRow> for ClinicRecord {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        let clinic = Clinic::from_row(row)?;
        Ok(Self {
            details: ClinicDetails {
                name: row.parsed("clinic_name", |name| Name::parse(name).ok())?,
                country: clinic.country.clone(),
                address: row.try_get("address")?,
                phone: row.try_get("phone")?,
                about: row.try_get("about")?,
                policy: policy(row, ["grid_minutes", "notice_minutes", "horizon_days"])?,
                cutoff: clinic.cutoff,
                emergency_sentence: row.try_get("emergency_sentence")?,
                advice_sentence: row.try_get("advice_sentence")?,
            },
            clinic,
            version: row.try_get("version")?,
            archived_at: row.optional_time("archived_at")?,
        })
    }
}

/// What every reading statement begins with.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "
            select clinic_id, name as clinic_name, time_zone, created_at as clinic_created_at, country, cutoff_minutes,
                address, phone, about, grid_minutes, notice_minutes, horizon_days, emergency_sentence, advice_sentence, version, archived_at
            from clinic
            ",
            $rest
        )
    };
}

/// Lets nobody else import into the organisation until the transaction ends. Taken before any provider's lock.
pub async fn lock_imports(tx: &mut TenantTx) -> Result<()> {
    one_at_a_time(tx, "import", "").await
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

/// Makes a clinic what is said, and moves its version on; `false`: it has another version by now.
pub async fn update(
    tx: &mut TenantTx,
    id: ClinicId,
    details: &ClinicDetails,
    version: Option<i64>,
) -> Result<bool> {
    let ClinicDetails {
        name,
        country,
        address,
        phone,
        about,
        policy,
        cutoff,
        emergency_sentence,
        advice_sentence,
    } = details;
    let updated = sqlx::query(
        "
        update clinic
        set name = $3, country = $4, address = $5, phone = $6, about = $7, grid_minutes = $8, notice_minutes = $9, horizon_days = $10,
            cutoff_minutes = $11, emergency_sentence = $13, advice_sentence = $14, version = version + 1
        where org_id = $1 and clinic_id = $2 and version = coalesce($12, version)
        ",
    )
    .bind(tx.org)
    .bind(id)
    .bind(name.as_str())
    .bind(country.as_deref())
    .bind(address.as_deref())
    .bind(phone.as_deref())
    .bind(about.as_deref())
    .bind(policy.grid.map(|grid| i32::from(grid.minutes())))
    .bind(policy.notice.map(minutes))
    .bind(policy.horizon_days.map(i32::from))
    .bind(cutoff.map(minutes))
    .bind(version)
    .bind(emergency_sentence.as_deref())
    .bind(advice_sentence.as_deref())
    .execute(tx.conn())
    .await?;
    Ok(updated.rows_affected() == 1)
}

/// From now on nothing can be booked there.
pub async fn archive(tx: &mut TenantTx, id: ClinicId, at: Timestamp) -> Result<()> {
    archive::row(tx, archived!("clinic"), id.into(), at).await
}

/// One clinic.
pub async fn get(tx: &mut TenantTx, id: ClinicId) -> Result<Option<ClinicRecord>> {
    if !tx.scope.reaches(id) {
        return Ok(None);
    }
    Ok(sqlx::query_as(select!("where org_id = $1 and clinic_id = $2"))
        .bind(tx.org)
        .bind(id)
        .fetch_optional(tx.conn())
        .await?)
}

/// The clinics after `after`, by id, without those that were archived.
pub async fn list(tx: &mut TenantTx, after: Option<Uuid>, limit: i64) -> Result<Vec<ClinicRecord>> {
    let scope = tx.clinics().map(<[_]>::to_vec);
    Ok(sqlx::query_as(select!(
        "
        where org_id = $1 and clinic_id > coalesce($2, '00000000-0000-0000-0000-000000000000')
            and ($4::uuid[] is null or clinic_id = any ($4)) and archived_at is null
        order by clinic_id
        limit $3
        "
    ))
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
