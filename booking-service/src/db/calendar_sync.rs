//! `calendar_sync`: what is on its way into a calendar, as people see it and change it. What the worker does is in [`steps`].

pub mod leases;
pub mod steps;

use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use sqlx::{FromRow, Row as _, postgres::PgRow};
use uuid::Uuid;

use super::{TenantTx, row::RowExt as _};
use crate::{
    domain::{
        appointment::{CalendarSync, SyncStatus},
        dead_letter::{DeadLetter, EVENT_DELETED},
        ids::{AppointmentId, CalendarId, ProviderId},
    },
    error::Result,
};

impl FromRow<'_, PgRow> for CalendarSync {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            status: row.parsed("state", SyncStatus::parse)?,
            event_id: row.try_get("event_id")?,
            synced_at: row.optional_time("synced_at")?,
        })
    }
}

/// How far an appointment has come. An event that nobody has seen is none yet.
pub async fn get(tx: &mut TenantTx, id: AppointmentId) -> Result<Option<CalendarSync>> {
    let sql = "
        select state, case when etag is not null then event_id end as event_id, synced_at
        from calendar_sync where org_id = $1 and appointment_id = $2";
    Ok(sqlx::query_as(sql).bind(tx.org).bind(id).fetch_optional(tx.conn()).await?)
}

/// Puts the provider's coming appointments on their way into this calendar, and what is there already to the test. What a calendar that was
/// connected before may still show is put to the test, too.
pub async fn bring(
    tx: &mut TenantTx,
    provider: ProviderId,
    calendar: CalendarId,
    now: Timestamp,
) -> Result<()> {
    // What was left there is there.
    sqlx::query(
        "
        with back as (
            delete from calendar_left where org_id = $1 and calendar_id = $2
            returning appointment_id, event_id, generation
        )
        update calendar_sync s
        set calendar_id = $2, event_id = b.event_id, generation = b.generation, etag = null, content_hash = null, asked = null
        from back b
        where s.org_id = $1 and s.appointment_id = b.appointment_id and s.calendar_id is null
        ",
    )
    .bind(tx.org)
    .bind(calendar)
    .execute(tx.conn())
    .await?;
    sqlx::query(
        "
        update calendar_sync s
        set wanted_calendar_id = $3, state = 'pending', due_at = clock_timestamp(), pending_since = coalesce(s.pending_since, $4),
            content_hash = null, attempts = 0, absences = 0, retry_since = null, trouble = null
        from appointment a
        where a.org_id = $1 and a.provider_id = $2 and a.ends_at > $4
            and (s.calendar_id = $3 or a.state in ('booked', 'confirmed'))
            and s.org_id = $1 and s.appointment_id = a.appointment_id
        ",
    )
    .bind(tx.org)
    .bind(provider)
    .bind(calendar)
    .bind(now.to_sqlx())
    .execute(tx.conn())
    .await?;
    wake(tx, calendar).await
}

/// What waited for the calendar need not wait any more.
async fn wake(tx: &mut TenantTx, calendar: CalendarId) -> Result<()> {
    sqlx::query(
        "
        update calendar_sync set due_at = clock_timestamp(), attempts = 0, absences = 0, retry_since = null
        where org_id = $1 and at_calendar_id = $2 and state = 'pending'
        ",
    )
    .bind(tx.org)
    .bind(calendar)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Leaves what is in the calendar where it is, and keeps apart what that is. What was on its way out of it into another one goes on.
pub async fn let_go(tx: &mut TenantTx, calendar: CalendarId) -> Result<()> {
    sqlx::query(
        "
        insert into calendar_left (org_id, calendar_id, appointment_id, event_id, generation)
        select org_id, calendar_id, appointment_id, event_id, generation
        from calendar_sync
        where org_id = $1 and calendar_id = $2 and event_id is not null
        on conflict do nothing
        ",
    )
    .bind(tx.org)
    .bind(calendar)
    .execute(tx.conn())
    .await?;
    sqlx::query(
        "
        update calendar_sync
        set calendar_id = null, event_id = null, etag = null, content_hash = null, described = false, asked = null,
            wanted_calendar_id = nullif(wanted_calendar_id, $2),
            state = case when nullif(wanted_calendar_id, $2) is null then 'not_connected' else 'pending' end,
            due_at = case when nullif(wanted_calendar_id, $2) is not null then clock_timestamp() end,
            attempts = 0, absences = 0, retry_since = null, trouble = null
        where org_id = $1 and at_calendar_id = $2
        ",
    )
    .bind(tx.org)
    .bind(calendar)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Has every coming appointment of a calendar compared with what is there; tells how many those are.
pub async fn resync(tx: &mut TenantTx, calendar: CalendarId, now: Timestamp) -> Result<u64> {
    let marked = sqlx::query(
        "
        update calendar_sync s
        set content_hash = null, state = 'pending', due_at = clock_timestamp(), pending_since = coalesce(s.pending_since, $3),
            attempts = 0, absences = 0, retry_since = null, trouble = null
        from appointment a
        where s.org_id = $1 and s.at_calendar_id = $2
            and a.org_id = $1 and a.appointment_id = s.appointment_id and a.ends_at > $3
        ",
    )
    .bind(tx.org)
    .bind(calendar)
    .bind(now.to_sqlx())
    .execute(tx.conn())
    .await?;
    Ok(marked.rows_affected())
}

/// The appointments after `after`, by id, that somebody has to look at.
pub async fn dead_letters(
    tx: &mut TenantTx,
    calendar: Option<CalendarId>,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<DeadLetter>> {
    let rows = sqlx::query(
        "
        select s.appointment_id, s.at_calendar_id, s.event_id, s.trouble, s.attempts, s.pending_since
        from calendar_sync s
        where s.org_id = $1 and s.state = 'failed' and ($2::uuid is null or s.at_calendar_id = $2)
            and s.appointment_id > coalesce($3, '00000000-0000-0000-0000-000000000000')
        order by s.appointment_id
        limit $4
        ",
    )
    .bind(tx.org)
    .bind(calendar)
    .bind(after)
    .bind(limit)
    .fetch_all(tx.conn())
    .await?;
    let read = |row: PgRow| {
        sqlx::Result::Ok(DeadLetter {
            appointment: row.try_get("appointment_id")?,
            calendar: row.try_get("at_calendar_id")?,
            event_id: row.try_get("event_id")?,
            trouble: row.try_get::<Option<_>, _>("trouble")?.unwrap_or_default(),
            attempts: row.try_get("attempts")?,
            pending_since: row.optional_time("pending_since")?,
        })
    };
    Ok(rows.into_iter().map(read).collect::<sqlx::Result<_>>()?)
}

/// Gives a dead letter another chance: an event that a person deleted is made again, under another id. `false`: there is none.
pub async fn requeue(tx: &mut TenantTx, id: AppointmentId) -> Result<bool> {
    let done = sqlx::query(
        "
        update calendar_sync
        set state = 'pending', due_at = clock_timestamp(), attempts = 0, absences = 0, retry_since = null, trouble = null,
            generation = generation + case when trouble = $3 then 1 else 0 end,
            event_id = case when trouble = $3 then null else event_id end,
            etag = case when trouble = $3 then null else etag end,
            asked = case when trouble = $3 then null else asked end,
            content_hash = null
        where org_id = $1 and appointment_id = $2 and state = 'failed'
        ",
    )
    .bind(tx.org)
    .bind(id)
    .bind(EVENT_DELETED)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}
