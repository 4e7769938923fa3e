//! `calendar`: what the worker writes to, and how that goes.

use jiff_sqlx::ToSqlx as _;
use sqlx::{FromRow, Row as _, postgres::PgRow};
use uuid::Uuid;

use super::{TenantTx, breaks, row::RowExt as _};
use crate::{
    domain::{
        calendar::{
            Calendar, CalendarChoices, CalendarKind, CalendarState, DeletedEvents, EventDetails,
            GoogleCalendarId, SyncHealth,
        },
        ids::{CalendarId, OrgId, ProviderId},
    },
    error::{Error, Result},
    vault::Place,
};

/// What every reading statement asks for.
macro_rules! select {
    ($more:literal, $rest:literal) => {
        concat!(
            "
            select c.calendar_id, c.provider_id, c.google_calendar_id, c.name, c.kind, c.state, c.trouble,
                c.shows_patient_name, c.shows_patient_phone, c.shows_service, c.deleted_events,
                c.connected_by, c.connected_at, c.last_success_at, c.created_at",
            $more,
            "
            from calendar c
            ",
            $rest
        )
    };
}

impl FromRow<'_, PgRow> for CalendarChoices {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        let details = EventDetails {
            patient_name: row.try_get("shows_patient_name")?,
            patient_phone: row.try_get("shows_patient_phone")?,
            service: row.try_get("shows_service")?,
        };
        Ok(Self { details, deleted_events: row.parsed("deleted_events", DeletedEvents::parse)? })
    }
}

impl FromRow<'_, PgRow> for Calendar {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("calendar_id")?,
            provider: row.try_get("provider_id")?,
            google_id: row.parsed("google_calendar_id", |id| GoogleCalendarId::parse(id).ok())?,
            name: row.try_get("name")?,
            kind: row.parsed("kind", CalendarKind::parse)?,
            state: row.parsed("state", CalendarState::parse)?,
            trouble: row.try_get("trouble")?,
            choices: CalendarChoices::from_row(row)?,
            connected_by: row.try_get("connected_by")?,
            connected_at: row.time("connected_at")?,
            last_success_at: row.optional_time("last_success_at")?,
        })
    }
}

/// Where a calendar's secret is kept.
pub fn place(org: OrgId, id: CalendarId) -> Place {
    Place { org, table: "calendar", row: id.into(), column: "secret" }
}

/// The calendar of this provider and this name at Google, if it was ever connected. Keeps others from connecting one for the provider.
pub async fn lock_for(
    tx: &mut TenantTx,
    provider: ProviderId,
    google_id: &GoogleCalendarId,
) -> Result<Option<CalendarId>> {
    // The provider's calendars in one order, so that two who connect meet here.
    let known: Vec<(CalendarId, String)> = sqlx::query_as(
        "
        select calendar_id, google_calendar_id from calendar
        where org_id = $1 and provider_id = $2
        order by calendar_id
        for no key update
        ",
    )
    .bind(tx.org)
    .bind(provider)
    .fetch_all(tx.conn())
    .await?;
    Ok(known.into_iter().find(|(_, known)| known == google_id.as_str()).map(|(id, _)| id))
}

/// Keeps a calendar that is connected from now on. Whoever was writing to it notices.
pub async fn connect(
    tx: &mut TenantTx,
    calendar: &Calendar,
    is_known: bool,
    secret: &[u8],
    installation: &str,
) -> Result<()> {
    let sql = if is_known {
        "
        update calendar
        set name = $5, kind = $6, secret = $7, state = 'connected', trouble = null, installation = $8, shows_patient_name = $9,
            shows_patient_phone = $10, shows_service = $11, deleted_events = $12, connected_by = $13, connected_at = $14,
            lease_token = null, lease_until = null, paused_until = null, failures = 0
        where org_id = $1 and calendar_id = $2 and provider_id = $3 and google_calendar_id = $4
        "
    } else {
        "
        insert into calendar (
            org_id, calendar_id, provider_id, google_calendar_id, name, kind, secret, state, installation, shows_patient_name,
            shows_patient_phone, shows_service, deleted_events, connected_by, connected_at, created_at
        )
        values ($1, $2, $3, $4, $5, $6, $7, 'connected', $8, $9, $10, $11, $12, $13, $14, $14)
        "
    };
    let CalendarChoices { details, deleted_events } = calendar.choices;
    sqlx::query(sql)
        .bind(tx.org)
        .bind(calendar.id)
        .bind(calendar.provider)
        .bind(calendar.google_id.as_str())
        .bind(&calendar.name)
        .bind(calendar.kind.as_str())
        .bind(secret)
        .bind(installation)
        .bind(details.patient_name)
        .bind(details.patient_phone)
        .bind(details.service)
        .bind(deleted_events.as_str())
        .bind(&calendar.connected_by)
        .bind(calendar.connected_at.to_sqlx())
        .execute(tx.conn())
        .await
        // Two who connect a provider's first calendar at the same moment: the second finds the first's next time.
        .map_err(|error| {
            if breaks(&error, "calendar_of_provider") { Error::Busy(error.into()) } else { error.into() }
        })?;
    Ok(())
}

/// Takes the provider's calendar away from the worker, but not this one; gives its id. Its secret is gone.
pub async fn disconnect(
    tx: &mut TenantTx,
    provider: ProviderId,
    but: Option<CalendarId>,
) -> Result<Option<CalendarId>> {
    Ok(sqlx::query_scalar(
        "
        update calendar
        set state = 'disconnected', secret = null, trouble = null, lease_token = null, lease_until = null, failures = 0
        where org_id = $1 and provider_id = $2 and state <> 'disconnected' and calendar_id is distinct from $3
        returning calendar_id
        ",
    )
    .bind(tx.org)
    .bind(provider)
    .bind(but)
    .fetch_optional(tx.conn())
    .await?)
}

/// Other choices for a calendar.
pub async fn choose(tx: &mut TenantTx, id: CalendarId, choices: CalendarChoices) -> Result<()> {
    let CalendarChoices { details, deleted_events } = choices;
    sqlx::query(
        "
        update calendar
        set shows_patient_name = $3, shows_patient_phone = $4, shows_service = $5, deleted_events = $6
        where org_id = $1 and calendar_id = $2
        ",
    )
    .bind(tx.org)
    .bind(id)
    .bind(details.patient_name)
    .bind(details.patient_phone)
    .bind(details.service)
    .bind(deleted_events.as_str())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// One calendar.
pub async fn get(tx: &mut TenantTx, id: CalendarId) -> Result<Option<Calendar>> {
    Ok(sqlx::query_as(select!("", "where c.org_id = $1 and c.calendar_id = $2"))
        .bind(tx.org)
        .bind(id)
        .fetch_optional(tx.conn())
        .await?)
}

/// One calendar, kept from others who would change it until this transaction ends.
pub async fn lock(tx: &mut TenantTx, id: CalendarId) -> Result<Option<Calendar>> {
    Ok(sqlx::query_as(select!("", "where c.org_id = $1 and c.calendar_id = $2 for no key update"))
        .bind(tx.org)
        .bind(id)
        .fetch_optional(tx.conn())
        .await?)
}

/// The secret of a calendar, as it is encrypted.
pub async fn secret(tx: &mut TenantTx, id: CalendarId) -> Result<Option<Vec<u8>>> {
    Ok(sqlx::query_scalar("select secret from calendar where org_id = $1 and calendar_id = $2")
        .bind(tx.org)
        .bind(id)
        .fetch_optional(tx.conn())
        .await?
        .flatten())
}

/// The calendars after `after`, by id.
pub async fn list(tx: &mut TenantTx, after: Option<Uuid>, limit: i64) -> Result<Vec<Calendar>> {
    Ok(sqlx::query_as(select!(
        "",
        "
        where c.org_id = $1 and c.calendar_id > coalesce($2, '00000000-0000-0000-0000-000000000000')
        order by c.calendar_id
        limit $3
        "
    ))
    .bind(tx.org)
    .bind(after)
    .bind(limit)
    .fetch_all(tx.conn())
    .await?)
}

/// How a calendar is doing.
pub async fn health(tx: &mut TenantTx, id: CalendarId) -> Result<Option<SyncHealth>> {
    let row = sqlx::query(select!(
        ",
                c.failures, s.backlog, s.oldest, s.failed",
        "
        cross join lateral (
            select count(*) filter (where state = 'pending') as backlog,
                min(pending_since) filter (where state = 'pending') as oldest,
                count(*) filter (where state = 'failed') as failed
            from calendar_sync
            where org_id = $1 and at_calendar_id = $2 and (state = 'pending' or state = 'failed')
        ) s
        where c.org_id = $1 and c.calendar_id = $2
        "
    ))
    .bind(tx.org)
    .bind(id)
    .fetch_optional(tx.conn())
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(SyncHealth {
        calendar: Calendar::from_row(&row)?,
        backlog: row.try_get("backlog")?,
        oldest_pending_at: row.optional_time("oldest")?,
        failed: row.try_get("failed")?,
        failures: row.try_get("failures")?,
    }))
}

/// A calendar's id and its secret, as it is encrypted.
pub type Secret = (CalendarId, Vec<u8>);

/// The secrets of a page of calendars, kept from others until this transaction ends: for the operator, who sees nothing else of them.
pub async fn lock_secrets(tx: &mut TenantTx, after: Uuid, limit: i64) -> Result<Vec<Secret>> {
    Ok(sqlx::query_as(
        "
        select calendar_id, secret
        from calendar
        where org_id = $1 and calendar_id > $2 and secret is not null
        order by calendar_id
        limit $3
        for no key update
        ",
    )
    .bind(tx.org)
    .bind(after)
    .bind(limit)
    .fetch_all(tx.conn())
    .await?)
}

/// Keeps another secret of a calendar, or the same one as it is encrypted anew.
pub async fn set_secret(tx: &mut TenantTx, id: CalendarId, secret: &[u8]) -> Result<()> {
    sqlx::query(
        "update calendar set secret = $3 where org_id = $1 and calendar_id = $2 and secret is not null",
    )
    .bind(tx.org)
    .bind(id)
    .bind(secret)
    .execute(tx.conn())
    .await?;
    Ok(())
}
