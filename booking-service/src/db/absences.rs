//! `absence`: closures and time off.

use jiff::{Timestamp, civil};
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
        absence::{Absence, Absent},
        clinic,
        ids::{AbsenceId, ClinicId, ProviderId},
        rules::Shut,
    },
    error::Result,
};

impl FromRow<'_, PgRow> for Absence {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        let of = match row.try_get::<Option<ClinicId>, _>("clinic_id")? {
            Some(clinic) => Absent::Clinic(clinic),
            None => Absent::Provider(row.try_get("provider_id")?),
        };
        let shown = |column| row.try_get::<jiff_sqlx::DateTime, _>(column).map(jiff_sqlx::DateTime::to_jiff);
        Ok(Self {
            id: row.try_get("absence_id")?,
            of,
            shut: Shut {
                from: shown("starts_at")?,
                to: shown("ends_at")?,
                zone: row.parsed("time_zone", |name| clinic::zone(name).ok())?,
            },
            title: row.try_get("title")?,
            version: row.try_get("version")?,
            created_at: row.time("created_at")?,
            archived_at: row.optional_time("archived_at")?,
        })
    }
}

const SELECT: &str = "
    select absence_id, clinic_id, provider_id, starts_at, ends_at, time_zone, title, version, created_at, archived_at
    from absence
    where org_id = $1 and absence_id = $2
";

/// Enters it.
pub async fn insert(tx: &mut TenantTx, absence: &Absence) -> Result<()> {
    let (clinic, provider) = parts(absence.of);
    sqlx::query(
        "
        insert into absence (org_id, absence_id, clinic_id, provider_id, starts_at, ends_at, time_zone, title, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        ",
    )
    .bind(tx.org)
    .bind(absence.id)
    .bind(clinic)
    .bind(provider)
    .bind(absence.shut.from.to_sqlx())
    .bind(absence.shut.to.to_sqlx())
    .bind(absence.shut.zone.iana_name())
    .bind(absence.title.as_deref())
    .bind(absence.created_at.to_sqlx())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Makes it last from then to then, and moves its version on; `false`: it has another version by now.
pub async fn update(
    tx: &mut TenantTx,
    id: AbsenceId,
    (from, to): (civil::DateTime, civil::DateTime),
    title: Option<&str>,
    version: Option<i64>,
) -> Result<bool> {
    let updated = sqlx::query(
        "
        update absence set starts_at = $3, ends_at = $4, title = $5, version = version + 1
        where org_id = $1 and absence_id = $2 and version = coalesce($6, version)
        ",
    )
    .bind(tx.org)
    .bind(id)
    .bind(from.to_sqlx())
    .bind(to.to_sqlx())
    .bind(title)
    .bind(version)
    .execute(tx.conn())
    .await?;
    Ok(updated.rows_affected() == 1)
}

/// From now on it counts no more.
pub async fn archive(tx: &mut TenantTx, id: AbsenceId, at: Timestamp) -> Result<()> {
    archive::row(tx, archived!("absence"), id.into(), at).await
}

/// One of them.
pub async fn get(tx: &mut TenantTx, id: AbsenceId) -> Result<Option<Absence>> {
    Ok(sqlx::query_as(SELECT).bind(tx.org).bind(id).fetch_optional(tx.conn()).await?)
}

/// Since when an absence must not be over.
#[derive(Clone, Copy, Debug)]
pub enum EndsAfter {
    /// A time of its own wall clock.
    Shown(civil::DateTime),
    /// A moment.
    Moment(Timestamp),
}

/// Those of a clinic or a provider that are not over since then and that count, after `after`, by id.
pub async fn list(
    tx: &mut TenantTx,
    of: Absent,
    ends_after: EndsAfter,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Absence>> {
    let (clinic, provider) = parts(of);
    let (shown, moment) = match ends_after {
        EndsAfter::Shown(shown) => (Some(shown), None),
        EndsAfter::Moment(moment) => (None, Some(moment)),
    };
    Ok(sqlx::query_as(
        "
        select absence_id, clinic_id, provider_id, starts_at, ends_at, time_zone, title, version, created_at, archived_at
        from absence
        where org_id = $1 and (clinic_id = $2 or provider_id = $3) and archived_at is null
            and ($4::timestamp is null or ends_at > $4)
            and ($7::timestamptz is null or ends_at at time zone time_zone > $7)
            and absence_id > coalesce($5, '00000000-0000-0000-0000-000000000000')
        order by absence_id
        limit $6
        ",
    )
    .bind(tx.org)
    .bind(clinic)
    .bind(provider)
    .bind(shown.map(jiff_sqlx::ToSqlx::to_sqlx))
    .bind(after)
    .bind(limit)
    .bind(moment.map(jiff_sqlx::ToSqlx::to_sqlx))
    .fetch_all(tx.conn())
    .await?)
}

fn parts(of: Absent) -> (Option<ClinicId>, Option<ProviderId>) {
    match of {
        Absent::Clinic(clinic) => (Some(clinic), None),
        Absent::Provider(provider) => (None, Some(provider)),
    }
}
