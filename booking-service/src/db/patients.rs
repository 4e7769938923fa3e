//! `patient`. A booking finds or makes its patient itself (`booking`).

use jiff::{Timestamp, civil};
use jiff_sqlx::ToSqlx as _;
use sqlx::{FromRow, Row as _, postgres::PgRow};
use uuid::Uuid;

use super::{
    TenantTx,
    archive::{self, archived},
    breaks,
    row::RowExt as _,
};
use crate::{
    domain::{
        ids::PatientId,
        patient::{Email, KnownPatient, Patient, PatientRecord, Phone},
        text::Name,
    },
    error::Result,
};

impl FromRow<'_, PgRow> for KnownPatient {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        let born: Option<jiff_sqlx::Date> = row.try_get("birth_date")?;
        Ok(Self {
            patient: Patient {
                id: row.try_get("patient_id")?,
                name: row.try_get("name")?,
                phone: row.try_get("phone")?,
                email: row.try_get("email")?,
            },
            birth_date: born.map(jiff_sqlx::Date::to_jiff),
            version: row.try_get("version")?,
            created_at: row.time("created_at")?,
            archived_at: row.optional_time("archived_at")?,
        })
    }
}

/// Adds a patient; `false`: there is one with this name and number (else address).
pub async fn insert(tx: &mut TenantTx, id: PatientId, record: &PatientRecord, at: Timestamp) -> Result<bool> {
    let PatientRecord { details, birth_date } = record;
    let inserted = sqlx::query(
        "
        insert into patient (org_id, patient_id, name, name_folded, phone, email, birth_date, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8)
        on conflict do nothing
        ",
    )
    .bind(tx.org)
    .bind(id)
    .bind(details.name.as_str())
    .bind(details.name.folded())
    .bind(details.phone.as_ref().map(Phone::as_str))
    .bind(details.email.as_ref().map(Email::as_str))
    .bind(birth_date.map(jiff_sqlx::ToSqlx::to_sqlx))
    .bind(at.to_sqlx())
    .execute(tx.conn())
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// What came of an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Updated {
    /// It is so now.
    Done,
    /// The patient has another version by now.
    Stale,
    /// Another one has this name and number (else address). The transaction is lost.
    Known,
}

/// Makes a patient what is said, and moves the version on.
pub async fn update(
    tx: &mut TenantTx,
    id: PatientId,
    record: &PatientRecord,
    version: Option<i64>,
) -> Result<Updated> {
    let PatientRecord { details, birth_date } = record;
    let updated = sqlx::query(
        "
        update patient
        set name = $3, name_folded = $4, phone = $5, email = $6, birth_date = $7, version = version + 1
        where org_id = $1 and patient_id = $2 and version = coalesce($8, version)
        ",
    )
    .bind(tx.org)
    .bind(id)
    .bind(details.name.as_str())
    .bind(details.name.folded())
    .bind(details.phone.as_ref().map(Phone::as_str))
    .bind(details.email.as_ref().map(Email::as_str))
    .bind(birth_date.map(jiff_sqlx::ToSqlx::to_sqlx))
    .bind(version)
    .execute(tx.conn())
    .await;
    let is_known = |error: &sqlx::Error| {
        breaks(error, "patient_phone_name_unique") || breaks(error, "patient_email_name_unique")
    };
    match updated {
        Err(error) if is_known(&error) => Ok(Updated::Known),
        Err(error) => Err(error.into()),
        Ok(updated) if updated.rows_affected() == 1 => Ok(Updated::Done),
        Ok(_) => Ok(Updated::Stale),
    }
}

/// From now on the patient is found no more.
pub async fn archive(tx: &mut TenantTx, id: PatientId, at: Timestamp) -> Result<()> {
    archive::row(tx, archived!("patient"), id.into(), at).await
}

/// One patient.
pub async fn get(tx: &mut TenantTx, id: PatientId) -> Result<Option<KnownPatient>> {
    Ok(sqlx::query_as(
        "
        select patient_id, name, phone, email, birth_date, version, created_at, archived_at
        from patient
        where org_id = $1 and patient_id = $2
        ",
    )
    .bind(tx.org)
    .bind(id)
    .fetch_optional(tx.conn())
    .await?)
}

/// Whom to look for; all that is there must fit.
#[derive(Clone, Debug, Default)]
pub struct Sought {
    /// One of these numbers: the same one, as it may have been written.
    pub phones: Option<Vec<String>>,
    /// How the name begins, or one of its words.
    pub name: Option<Name>,
    /// When they were born.
    pub birth_date: Option<civil::Date>,
}

/// Those who fit, after `after`, by id.
pub async fn search(
    tx: &mut TenantTx,
    sought: &Sought,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<KnownPatient>> {
    let Sought { phones, name, birth_date } = sought;
    Ok(sqlx::query_as(
        "
        select patient_id, name, phone, email, birth_date, version, created_at, archived_at
        from patient
        where org_id = $1 and archived_at is null
            and ($2::text[] is null or phone = any ($2))
            and ($3::text is null or starts_with(name_folded, $3) or position(' ' || $3 in name_folded) > 0)
            and ($4::date is null or birth_date = $4)
            -- Of other clinics than the credential's, nobody.
            and ($7::uuid[] is null or exists (
                select from appointment a
                where a.org_id = $1 and a.patient_id = patient.patient_id and a.clinic_id = any ($7)
            ))
            and patient_id > coalesce($5, '00000000-0000-0000-0000-000000000000')
        order by patient_id
        limit $6
        ",
    )
    .bind(tx.org)
    .bind(phones)
    .bind(name.as_ref().map(Name::folded))
    .bind(birth_date.map(jiff_sqlx::ToSqlx::to_sqlx))
    .bind(after)
    .bind(limit)
    .bind(tx.clinics().map(<[_]>::to_vec))
    .fetch_all(tx.conn())
    .await?)
}
