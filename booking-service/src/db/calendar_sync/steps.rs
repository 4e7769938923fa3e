//! What the worker notes of each appointment, before it asks Google and after.

use std::time::Duration;

use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use sqlx::Row as _;

use super::super::{TenantTx, row::RowExt as _};
use crate::{
    domain::{
        appointment::State,
        calendar::EventDetails,
        clinic,
        event::{Event, Shown},
        ids::{AppointmentId, CalendarId},
    },
    error::{Error, Result},
};

/// Who failed for so long is put before a person.
const LONGEST_TRYING: Duration = Duration::from_hours(24);

/// An appointment as the calendar is to show it now.
#[derive(Clone, Debug)]
pub struct Task {
    /// Which.
    pub appointment: AppointmentId,
    /// Which version of it.
    pub version: i64,
    /// Where there is to be an event.
    pub belongs: Belongs,
    /// What it shows.
    pub event: Event,
    /// Whether one was asked for here before.
    pub is_known: bool,
    /// Under which id.
    pub event_id: Option<String>,
    /// The how manyth it is.
    pub generation: i32,
    /// As Google last gave it to us.
    pub etag: Option<String>,
    /// What it showed then.
    pub content_hash: Option<Vec<u8>>,
    /// Whether its description was ours.
    pub described: bool,
    /// Whether Google was asked to delete it: if it is gone, that was us.
    pub deletion_asked: bool,
    /// So many attempts have failed since it changed.
    pub attempts: i32,
    /// Since when the calendar lags behind.
    pub pending_since: Option<Timestamp>,
}

impl Task {
    /// Whether Google is going to be asked to delete the event, or to change it; `None`: neither.
    pub fn doubtful(&self) -> Option<bool> {
        let shows = self.content_hash.as_deref() == Some(&self.event.hash());
        match self.belongs {
            Belongs::Here if self.content_hash.is_some() && !shows => Some(false),
            Belongs::Elsewhere | Belongs::Nowhere if self.is_known && !self.deletion_asked => Some(true),
            Belongs::Here | Belongs::Elsewhere | Belongs::Nowhere => None,
        }
    }
}

/// Where there is to be an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Belongs {
    /// In this calendar.
    Here,
    /// In another one.
    Elsewhere,
    /// In none.
    Nowhere,
}

/// An event as it is known now.
#[derive(Clone, Debug)]
pub struct Written {
    /// Its id.
    pub event_id: String,
    /// The how manyth it is.
    pub generation: i32,
    /// As Google gave it to us.
    pub etag: String,
    /// What it shows.
    pub content_hash: [u8; 32],
    /// Whether its description is ours.
    pub described: bool,
}

/// What is due in this calendar: what failed least first, then what a person waits for before what is only looked at again.
pub async fn due(tx: &mut TenantTx, calendar: CalendarId, limit: i64) -> Result<Vec<AppointmentId>> {
    Ok(sqlx::query_scalar(
        "
        select appointment_id from calendar_sync
        where org_id = $1 and at_calendar_id = $2 and due_at <= now()
        order by attempts, synced_version >= version, due_at
        limit $3
        ",
    )
    .bind(tx.org)
    .bind(calendar)
    .bind(limit)
    .fetch_all(tx.conn())
    .await?)
}

/// What is to be done about an appointment, as it is now. `None`: nothing any more.
pub async fn task(
    tx: &mut TenantTx,
    calendar: CalendarId,
    id: AppointmentId,
    details: EventDetails,
) -> Result<Option<Task>> {
    let row = sqlx::query(
        "
        select s.version, s.wanted_calendar_id, s.calendar_id, s.event_id, s.generation, s.etag, s.content_hash, s.described, s.deletion_asked,
            s.attempts, s.pending_since, a.state, a.starts_at, a.ends_at, a.service_text, c.name as clinic_name, c.time_zone,
            t.name as patient_name, t.phone as patient_phone
        from calendar_sync s
        join appointment a on a.org_id = s.org_id and a.appointment_id = s.appointment_id
        join clinic c on c.org_id = a.org_id and c.clinic_id = a.clinic_id
        left join patient t on t.org_id = a.org_id and t.patient_id = a.patient_id
        where s.org_id = $1 and s.appointment_id = $2 and s.at_calendar_id = $3 and s.due_at <= now()
        ",
    )
    .bind(tx.org)
    .bind(id)
    .bind(calendar)
    .fetch_optional(tx.conn())
    .await?;
    let Some(row) = row else { return Ok(None) };
    let state: State = row.parsed("state", State::parse)?;
    let text = |column: &str| row.try_get::<Option<String>, _>(column);
    let (name, phone, service) = (text("patient_name")?, text("patient_phone")?, text("service_text")?);
    let shown =
        Shown { patient_name: name.as_deref(), patient_phone: phone.as_deref(), service: service.as_deref() };
    let wanted: Option<CalendarId> = row.try_get("wanted_calendar_id")?;
    let known: Option<CalendarId> = row.try_get("calendar_id")?;
    let event = Event::of(
        details,
        &shown,
        row.try_get("clinic_name")?,
        (row.time("starts_at")?, row.time("ends_at")?),
        row.parsed("time_zone", |name| clinic::zone(name).ok())?,
    );
    Ok(Some(Task {
        appointment: id,
        version: row.try_get("version")?,
        belongs: match wanted.filter(|_| state.is_in_calendar()) {
            None => Belongs::Nowhere,
            Some(wanted) if wanted == calendar => Belongs::Here,
            Some(_) => Belongs::Elsewhere,
        },
        event,
        is_known: known == Some(calendar),
        event_id: row.try_get("event_id")?,
        generation: row.try_get("generation")?,
        etag: row.try_get("etag")?,
        content_hash: row.try_get("content_hash")?,
        described: row.try_get("described")?,
        deletion_asked: row.try_get("deletion_asked")?,
        attempts: row.try_get("attempts")?,
        pending_since: row.optional_time("pending_since")?,
    }))
}

/// Notes under which id Google is going to be asked for an event, before it is: whatever becomes of the asking, the event is found again.
pub async fn intend(
    tx: &mut TenantTx,
    calendar: CalendarId,
    id: AppointmentId,
    generation: i32,
    event_id: &str,
) -> Result<()> {
    let noted = sqlx::query(
        "
        update calendar_sync
        set calendar_id = $3, generation = $4, event_id = $5, etag = null, content_hash = null, deletion_asked = false
        where org_id = $1 and appointment_id = $2 and at_calendar_id = $3
        ",
    )
    .bind(tx.org)
    .bind(id)
    .bind(calendar)
    .bind(generation)
    .bind(event_id)
    .execute(tx.conn())
    .await?;
    // Between the look at it and now it went to another calendar: the whole transaction has to be made again.
    if noted.rows_affected() == 1 { Ok(()) } else { Err(Error::Busy(sqlx::Error::RowNotFound)) }
}

/// Notes that Google is going to be asked to change or to delete the event: until it is known what came of it, it has to be looked at.
pub async fn doubt(tx: &mut TenantTx, id: AppointmentId, deletion: bool) -> Result<()> {
    sqlx::query(
        "
        update calendar_sync set content_hash = null, deletion_asked = deletion_asked or $3
        where org_id = $1 and appointment_id = $2
        ",
    )
    .bind(tx.org)
    .bind(id)
    .bind(deletion)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The calendar shows this version. If there is another one by now, it stays due. Tells whether it is the last one.
pub async fn written(
    tx: &mut TenantTx,
    id: AppointmentId,
    version: i64,
    written: &Written,
    at: Timestamp,
) -> Result<bool> {
    let Written { event_id, generation, etag, content_hash, described } = written;
    is_last(
        &sqlx::query(
            "
            update calendar_sync
            set event_id = $4, generation = $5, etag = $6, content_hash = $7, described = $8,
                deletion_asked = false, synced_version = $3, synced_at = $9,
                attempts = 0, retry_since = null, trouble = null,
                state = case when version = $3 then 'synced' else 'pending' end,
                due_at = case when version = $3 then null else due_at end,
                pending_since = case when version = $3 then null else pending_since end
            where org_id = $1 and appointment_id = $2
            returning version = $3
            ",
        )
        .bind(tx.org)
        .bind(id)
        .bind(version)
        .bind(event_id)
        .bind(generation)
        .bind(etag)
        .bind(&content_hash[..])
        .bind(described)
        .bind(at.to_sqlx())
        .fetch_one(tx.conn())
        .await?,
    )
}

/// The calendar shows nothing of it, as it should, and the id that it had is used up. Where it goes on to another calendar, it stays due.
pub async fn removed(
    tx: &mut TenantTx,
    id: AppointmentId,
    version: i64,
    belongs: Belongs,
    at: Timestamp,
) -> Result<bool> {
    is_last(
        &sqlx::query(
            "
            update calendar_sync
            set generation = generation + case when calendar_id is null then 0 else 1 end,
                calendar_id = null, event_id = null, etag = null, content_hash = null, described = false,
                deletion_asked = false,
                attempts = 0, retry_since = null, trouble = null,
                synced_version = case when $4 then synced_version else $3 end,
                synced_at = case when $4 then synced_at else $5 end,
                state = case when $4 or version <> $3 then 'pending' else 'synced' end,
                due_at = case when $4 then now() when version <> $3 then due_at end,
                pending_since = case when $4 or version <> $3 then pending_since end
            where org_id = $1 and appointment_id = $2
            returning version = $3 and not $4
            ",
        )
        .bind(tx.org)
        .bind(id)
        .bind(version)
        .bind(belongs == Belongs::Elsewhere)
        .bind(at.to_sqlx())
        .fetch_one(tx.conn())
        .await?,
    )
}

/// It did not work; it is tried again after a pause, unless it was tried for too long. Tells whether it will be.
pub async fn later(tx: &mut TenantTx, id: AppointmentId, pause: Duration, trouble: &str) -> Result<bool> {
    let row = sqlx::query(
        "
        update calendar_sync
        set attempts = attempts + 1, trouble = $4, retry_since = coalesce(retry_since, now()),
            state = case when retry_since < now() - make_interval(secs => $5) then 'failed' else 'pending' end,
            due_at = case when retry_since < now() - make_interval(secs => $5) then null
                else now() + make_interval(secs => $3) end
        where org_id = $1 and appointment_id = $2
        returning state = 'pending'
        ",
    )
    .bind(tx.org)
    .bind(id)
    .bind(pause.as_secs_f64())
    .bind(trouble)
    .bind(LONGEST_TRYING.as_secs_f64())
    .fetch_one(tx.conn())
    .await?;
    Ok(row.try_get(0)?)
}

/// It will not work: somebody has to look. Unless it has changed meanwhile, which gives it another chance.
pub async fn failed(tx: &mut TenantTx, id: AppointmentId, version: i64, trouble: &str) -> Result<()> {
    sqlx::query(
        "
        update calendar_sync set state = 'failed', due_at = null, attempts = attempts + 1, trouble = $4
        where org_id = $1 and appointment_id = $2 and version = $3
        ",
    )
    .bind(tx.org)
    .bind(id)
    .bind(version)
    .bind(trouble)
    .execute(tx.conn())
    .await?;
    Ok(())
}

fn is_last(row: &sqlx::postgres::PgRow) -> Result<bool> {
    Ok(row.try_get::<bool, _>(0)?)
}
