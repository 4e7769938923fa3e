//! Who writes to which calendar. One at a time: that is what Google asks for, and what keeps changes in order. Leases are by the database's
//! clock, so that copies of the service with other clocks agree.

use std::time::Duration;

use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use sqlx::Row as _;
use uuid::Uuid;

use super::super::{Db, TenantTx, row::RowExt as _};
use crate::{
    domain::{
        calendar::GoogleCalendarId,
        ids::{CalendarId, OrgId},
    },
    error::Result,
};

/// What nobody can bring anywhere now is looked at again after this. Nothing is lost by it: who connects a calendar looks at once.
const PUT_OFF: Duration = Duration::from_mins(10);

/// A calendar that is ours to write to.
#[derive(Clone, Debug)]
pub struct Lease {
    /// Which.
    pub calendar: CalendarId,
    /// As Google knows it.
    pub google_id: GoogleCalendarId,
    /// What lets us in, as it is encrypted.
    pub secret: Vec<u8>,
    /// Google did not answer well the last so many times.
    pub failures: u32,
    /// What was wrong the last time.
    pub trouble: Option<String>,
    /// What may be asked of Google at once.
    pub allowance: f32,
    token: Uuid,
}

/// How leases are given.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// Which calendars are ours.
    pub installation: &'a str,
    /// For how long.
    pub length: Duration,
    /// What may be asked of Google a second.
    pub rate: f32,
    /// And at once.
    pub burst: f32,
}

/// The organisations in which something is due: what the router sees. A step to the next organisation each time, however much is due in one.
pub async fn organisations_with_work(db: &Db) -> Result<Vec<OrgId>> {
    Ok(sqlx::query_scalar(
        "
        with recursive found as (
            (select org_id, due_at from calendar_sync where due_at is not null order by org_id, due_at limit 1)
            union all
            select next.org_id, next.due_at
            from found
            cross join lateral (
                select org_id, due_at from calendar_sync
                where due_at is not null and org_id > found.org_id
                order by org_id, due_at
                limit 1
            ) next
        )
        select org_id from found where due_at <= now() order by due_at
        ",
    )
    .fetch_all(db.router())
    .await?)
}

/// How many appointments are on their way, and since when the first of them is.
pub async fn backlog(db: &Db) -> Result<(i64, Option<Timestamp>)> {
    let row = sqlx::query(
        "select count(*), min(pending_since) as oldest from calendar_sync where due_at is not null",
    )
    .fetch_one(db.router())
    .await?;
    Ok((row.try_get(0)?, row.optional_time("oldest")?))
}

/// Takes a calendar of this organisation that has something due and nobody writing to it.
pub async fn take(tx: &mut TenantTx, terms: Terms<'_>) -> Result<Option<Lease>> {
    let token = Uuid::from(crate::domain::ids::AuditId::generate());
    let row = sqlx::query(
        "
        update calendar c
        set lease_token = $2, lease_until = now() + make_interval(secs => $3), allowance_at = now(),
            allowance = least($5::real, c.allowance + $6::real * extract(epoch from now() - c.allowance_at)::real)
        where c.org_id = $1 and c.calendar_id = (
            select k.calendar_id from calendar k
            where k.org_id = $1 and k.state = 'connected' and k.installation = $4
                and (k.lease_until is null or k.lease_until < now())
                and (k.paused_until is null or k.paused_until <= now())
                and exists (
                    select from calendar_sync s
                    where s.org_id = $1 and s.at_calendar_id = k.calendar_id and s.due_at <= now()
                )
            order by k.lease_until nulls first
            limit 1
            for no key update skip locked
        )
        returning c.calendar_id, c.google_calendar_id, c.secret, c.failures, c.trouble, c.allowance
        ",
    )
    .bind(tx.org)
    .bind(token)
    .bind(terms.length.as_secs_f64())
    .bind(terms.installation)
    .bind(terms.burst)
    .bind(terms.rate)
    .fetch_optional(tx.conn())
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Lease {
        calendar: row.try_get("calendar_id")?,
        google_id: row.parsed("google_calendar_id", |id| GoogleCalendarId::parse(id).ok())?,
        secret: row.try_get("secret")?,
        failures: u32::try_from(row.try_get::<i32, _>("failures")?).unwrap_or_default(),
        trouble: row.try_get("trouble")?,
        allowance: row.try_get("allowance")?,
        token,
    }))
}

/// Puts off what is due in this organisation and has no calendar that is connected.
pub async fn put_off(tx: &mut TenantTx) -> Result<()> {
    sqlx::query(
        "
        update calendar_sync s set due_at = now() + make_interval(secs => $2)
        where s.org_id = $1 and s.due_at <= now() and not exists (
            select from calendar c
            where c.org_id = $1 and c.calendar_id = s.at_calendar_id and c.state = 'connected'
        )
        ",
    )
    .bind(tx.org)
    .bind(PUT_OFF.as_secs_f64())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Keeps the calendar for as long again, and everybody else from it until this transaction ends. `false`: it is not ours any more.
pub async fn keep(tx: &mut TenantTx, lease: &Lease, terms: Terms<'_>) -> Result<bool> {
    let kept = sqlx::query(
        "
        update calendar set lease_until = now() + make_interval(secs => $4)
        where org_id = $1 and calendar_id = $2 and lease_token = $3
        ",
    )
    .bind(tx.org)
    .bind(lease.calendar)
    .bind(lease.token)
    .bind(terms.length.as_secs_f64())
    .execute(tx.conn())
    .await?;
    Ok(kept.rows_affected() == 1)
}

/// Google did what was asked.
pub async fn succeeded(tx: &mut TenantTx, lease: &Lease, at: Timestamp) -> Result<()> {
    sqlx::query(
        "
        update calendar set last_success_at = $4, failures = 0, paused_until = null, trouble = null
        where org_id = $1 and calendar_id = $2 and lease_token = $3
        ",
    )
    .bind(tx.org)
    .bind(lease.calendar)
    .bind(lease.token)
    .bind(at.to_sqlx())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Leaves Google alone for a while, after one more failure.
pub async fn pause(tx: &mut TenantTx, lease: &Lease, pause: Duration, trouble: &str) -> Result<()> {
    sqlx::query(
        "
        update calendar
        set failures = failures + 1, paused_until = now() + make_interval(secs => $4), trouble = $5
        where org_id = $1 and calendar_id = $2 and lease_token = $3
        ",
    )
    .bind(tx.org)
    .bind(lease.calendar)
    .bind(lease.token)
    .bind(pause.as_secs_f64())
    .bind(trouble)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The credential is dead. Everything waits for somebody to connect the calendar again.
pub async fn park(tx: &mut TenantTx, lease: &Lease, trouble: &str) -> Result<()> {
    sqlx::query(
        "
        update calendar set state = 'reauthorise', failures = failures + 1, trouble = $4
        where org_id = $1 and calendar_id = $2 and lease_token = $3
        ",
    )
    .bind(tx.org)
    .bind(lease.calendar)
    .bind(lease.token)
    .bind(trouble)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Lets others write to it.
pub async fn give_back(tx: &mut TenantTx, lease: &Lease, allowance: f32) -> Result<()> {
    sqlx::query(
        "
        update calendar set lease_token = null, lease_until = null, allowance = $4, allowance_at = now()
        where org_id = $1 and calendar_id = $2 and lease_token = $3
        ",
    )
    .bind(tx.org)
    .bind(lease.calendar)
    .bind(lease.token)
    .bind(allowance)
    .execute(tx.conn())
    .await?;
    Ok(())
}
