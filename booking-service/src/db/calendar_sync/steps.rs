//! What the worker notes of each appointment, before it asks Google and after.

use std::time::Duration;

use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use sqlx::{FromRow as _, Row as _};

use super::super::{TenantTx, row::RowExt as _};
use crate::{
    domain::{
        appointment::State,
        calendar::{CalendarChoices, DeletedEvents},
        clinic,
        dead_letter::EVENT_MISSING,
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
    /// What Google was asked for, and nobody has heard the end of.
    pub asked: Option<Asked>,
    /// What becomes of it when a person deleted it.
    pub deleted_events: DeletedEvents,
    /// So many times in a row it was not there.
    pub absences: i32,
    /// When it was made due: if that has changed, it was made due again.
    pub due_at: Timestamp,
    /// So many attempts have failed since it changed.
    pub attempts: i32,
    /// Since when the calendar lags behind.
    pub pending_since: Option<Timestamp>,
}

impl Task {
    /// What Google is going to be asked for, where that is not noted yet.
    pub fn to_be_asked(&self) -> Option<Asked> {
        let shows = self.content_hash.as_deref() == Some(&self.event.hash());
        match self.belongs {
            Belongs::Here if self.content_hash.is_some() && !shows => Some(Asked::Change),
            Belongs::Elsewhere | Belongs::Nowhere if self.is_known && self.asked != Some(Asked::Deletion) => {
                Some(Asked::Deletion)
            }
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

/// What Google was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Another content.
    Change,
    /// No event.
    Deletion,
}

impl Asked {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "change" => Some(Self::Change),
            "deletion" => Some(Self::Deletion),
            _ => None,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Change => "change",
            Self::Deletion => "deletion",
        }
    }
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
pub async fn task(tx: &mut TenantTx, calendar: CalendarId, id: AppointmentId) -> Result<Option<Task>> {
    let row = sqlx::query(
        "
        select s.version, s.wanted_calendar_id, s.calendar_id, s.event_id, s.generation, s.etag, s.content_hash, s.described, s.asked, s.absences, s.due_at,
            s.attempts, s.pending_since, a.state, a.starts_at, a.ends_at, a.service_text, c.name as clinic_name, c.time_zone,
            t.name as patient_name, t.phone as patient_phone,
            k.shows_patient_name, k.shows_patient_phone, k.shows_service, k.deleted_events
        from calendar_sync s
        -- As it is chosen now.
        join calendar k on k.org_id = s.org_id and k.calendar_id = $3
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
    let CalendarChoices { details, deleted_events } = CalendarChoices::from_row(&row)?;
    let asked: Option<&str> = row.try_get("asked")?;
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
        asked: asked.and_then(Asked::parse),
        deleted_events,
        absences: row.try_get("absences")?,
        due_at: row.time("due_at")?,
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
        set calendar_id = $3, generation = $4, event_id = $5, etag = null, content_hash = null, asked = null
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
    if noted.rows_affected() == 1 { Ok(()) } else { Err(Error::Busy(sqlx::Error::RowNotFound.into())) }
}

/// Notes what Google is going to be asked for: until it is known what came of it, the event has to be looked at.
pub async fn ask(tx: &mut TenantTx, id: AppointmentId, asked: Asked) -> Result<()> {
    sqlx::query(
        "update calendar_sync set content_hash = null, asked = $3 where org_id = $1 and appointment_id = $2",
    )
    .bind(tx.org)
    .bind(id)
    .bind(asked.as_str())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The calendar shows this version. If there is another one by now, or somebody wants it looked at again, it stays due. Tells whether it
/// does not.
pub async fn written(tx: &mut TenantTx, task: &Task, written: &Written, at: Timestamp) -> Result<bool> {
    let Written { event_id, generation, etag, content_hash, described } = written;
    Ok(sqlx::query_scalar(
        "
            update calendar_sync
            set event_id = $4, generation = $5, etag = $6, described = $8,
                content_hash = case when due_at = $10 then $7 end,
                asked = null, absences = 0, synced_version = $3, synced_at = $9,
                attempts = 0, retry_since = null, trouble = null,
                state = case when version = $3 and due_at = $10 then 'synced' else 'pending' end,
                due_at = case when version = $3 and due_at = $10 then null else coalesce(due_at, now()) end,
                pending_since = case when version = $3 and due_at = $10 then null else pending_since end
            where org_id = $1 and appointment_id = $2
            returning due_at is null
            ",
    )
    .bind(tx.org)
    .bind(task.appointment)
    .bind(task.version)
    .bind(event_id)
    .bind(generation)
    .bind(etag)
    .bind(&content_hash[..])
    .bind(described)
    .bind(at.to_sqlx())
    .bind(task.due_at.to_sqlx())
    .fetch_one(tx.conn())
    .await?)
}

/// The calendar shows nothing of it, as it should, and the id that it had is used up. Where it goes on to another calendar, it stays due.
pub async fn removed(tx: &mut TenantTx, task: &Task, at: Timestamp) -> Result<bool> {
    Ok(sqlx::query_scalar(
            "
            update calendar_sync
            set generation = generation + case when calendar_id is null then 0 else 1 end,
                calendar_id = null, event_id = null, etag = null, content_hash = null, described = false,
                asked = null, absences = 0,
                attempts = 0, retry_since = null, trouble = null,
                synced_version = case when $4 then synced_version else $3 end,
                synced_at = case when $4 then synced_at else $5 end,
                state = case when $4 or version <> $3 or due_at <> $6 then 'pending' else 'synced' end,
                due_at = case when $4 then now() when version <> $3 or due_at <> $6 then coalesce(due_at, now()) end,
                pending_since = case when $4 or version <> $3 or due_at <> $6 then pending_since end
            where org_id = $1 and appointment_id = $2
            returning due_at is null
            ",
        )
        .bind(tx.org)
        .bind(task.appointment)
        .bind(task.version)
        .bind(task.belongs == Belongs::Elsewhere)
        .bind(at.to_sqlx())
        .bind(task.due_at.to_sqlx())
        .fetch_one(tx.conn())
        .await?)
}

/// It did not work; it is tried again after a pause, unless it was tried for too long. Tells whether it will be.
pub async fn later(tx: &mut TenantTx, id: AppointmentId, pause: Duration, trouble: &str) -> Result<bool> {
    Ok(sqlx::query_scalar(
        "
        update calendar_sync
        set attempts = attempts + 1, trouble = $4, absences = case when $4 = $6 then absences + 1 else 0 end, retry_since = coalesce(retry_since, now()),
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
    .bind(EVENT_MISSING)
    .fetch_one(tx.conn())
    .await?)
}

/// It will not work: somebody has to look. Unless it has changed meanwhile, which gives it another chance.
pub async fn failed(tx: &mut TenantTx, task: &Task, trouble: &str) -> Result<()> {
    sqlx::query(
        "
        update calendar_sync set state = 'failed', due_at = null, attempts = attempts + 1, trouble = $4
        where org_id = $1 and appointment_id = $2 and version = $3 and due_at = $5
        ",
    )
    .bind(tx.org)
    .bind(task.appointment)
    .bind(task.version)
    .bind(trouble)
    .bind(task.due_at.to_sqlx())
    .execute(tx.conn())
    .await?;
    Ok(())
}
