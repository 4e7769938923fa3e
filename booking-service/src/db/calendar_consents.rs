//! `calendar_consent`: consents that were asked for at Google and have not come back yet.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use sqlx::{FromRow as _, Row as _};

use super::{TenantTx, row::RowExt as _};
use crate::{
    domain::{
        calendar::{CalendarChoices, GoogleCalendarId},
        ids::{OrgId, ProviderId},
        opaque_key::OpaqueKey,
    },
    error::Result,
    vault::Place,
};

/// What somebody was asked to consent to.
#[derive(Clone, Debug)]
pub struct AskedConsent {
    /// Whose calendar it is to be.
    pub provider: ProviderId,
    /// Which.
    pub google_id: GoogleCalendarId,
    /// What is to be written.
    pub choices: CalendarChoices,
    /// Who asked.
    pub asked_by: String,
    /// The PKCE verifier, as it is encrypted.
    pub verifier: Vec<u8>,
    /// Until when they may come back.
    pub expires_at: Timestamp,
    /// They have been back.
    pub is_used: bool,
}

/// Where a verifier is kept.
pub fn place(org: OrgId, key: &OpaqueKey) -> Place {
    Place { org, table: "calendar_consent", row: key.id, column: "verifier" }
}

/// Keeps what was asked. What was asked for long ago is swept away by the way.
pub async fn insert(tx: &mut TenantTx, key: &OpaqueKey, asked: &AskedConsent, at: Timestamp) -> Result<()> {
    sqlx::query("delete from calendar_consent where org_id = $1 and expires_at < $2")
        .bind(tx.org)
        .bind((at - jiff::SignedDuration::from_hours(24)).to_sqlx())
        .execute(tx.conn())
        .await?;
    let CalendarChoices { details, deleted_events } = asked.choices;
    sqlx::query(
        "
        insert into calendar_consent (
            org_id, calendar_consent_id, provider_id, google_calendar_id, shows_patient_name, shows_patient_phone, shows_service,
            deleted_events, secret_digest, verifier, asked_by, created_at, expires_at
        )
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
        ",
    )
    .bind(tx.org)
    .bind(key.id)
    .bind(asked.provider)
    .bind(asked.google_id.as_str())
    .bind(details.patient_name)
    .bind(details.patient_phone)
    .bind(details.service)
    .bind(deleted_events.as_str())
    .bind(&key.digest()[..])
    .bind(&asked.verifier)
    .bind(&asked.asked_by)
    .bind(at.to_sqlx())
    .bind(asked.expires_at.to_sqlx())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Finds what was asked under this key, and notes that somebody came back with it: from now on it is used.
pub async fn take(tx: &mut TenantTx, key: &OpaqueKey, at: Timestamp) -> Result<Option<AskedConsent>> {
    let row = sqlx::query(
        "
        update calendar_consent c set used_at = coalesce(c.used_at, $4)
        from (
            select calendar_consent_id, used_at is not null as is_used from calendar_consent
            where org_id = $1 and calendar_consent_id = $2 and secret_digest = $3
            for update
        ) before
        where c.org_id = $1 and c.calendar_consent_id = before.calendar_consent_id
        returning c.provider_id, c.google_calendar_id, c.shows_patient_name, c.shows_patient_phone, c.shows_service,
            c.deleted_events, c.asked_by, c.verifier, c.expires_at, before.is_used
        ",
    )
    .bind(tx.org)
    .bind(key.id)
    .bind(&key.digest()[..])
    .bind(at.to_sqlx())
    .fetch_optional(tx.conn())
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(AskedConsent {
        provider: row.try_get("provider_id")?,
        google_id: row.parsed("google_calendar_id", |id| GoogleCalendarId::parse(id).ok())?,
        choices: CalendarChoices::from_row(&row)?,
        asked_by: row.try_get("asked_by")?,
        verifier: row.try_get("verifier")?,
        expires_at: row.time("expires_at")?,
        is_used: row.try_get("is_used")?,
    }))
}
