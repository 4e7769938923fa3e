//! `service`, and `service_offer`: who offers it where.

use jiff::{SignedDuration, Timestamp};
use jiff_sqlx::ToSqlx as _;
use sqlx::{FromRow, Row as _, postgres::PgRow};
use uuid::Uuid;

use super::{
    TenantTx,
    archive::{self, archived},
    breaks, json,
    row::RowExt as _,
};
use crate::{
    domain::{
        ids::{ClinicId, ProviderId, ServiceId},
        rules::{Grid, Policy, Treatment},
        service::{Offered, Service, ServiceDetails},
        slot::Buffers,
        text::Name,
    },
    error::{Error, Result},
};

/// What limits a start, out of three columns: grid, notice, horizon.
pub(super) fn policy(row: &PgRow, [grid, notice, horizon]: [&str; 3]) -> sqlx::Result<Policy> {
    let minutes = |column| row.try_get::<Option<i32>, _>(column);
    let read = |minutes: i32| Grid::parse(minutes.into()).map_err(|problem| json::problem(grid, problem));
    Ok(Policy {
        grid: minutes(grid)?.map(read).transpose()?,
        notice: minutes(notice)?.map(|minutes| SignedDuration::from_mins(minutes.into())),
        horizon_days: minutes(horizon)?.map(|days| days.try_into().unwrap_or(u16::MAX)),
    })
}

/// What a service asks of a slot, out of a row of [`places::FIND`](super::places::FIND).
pub(super) fn treatment(row: &PgRow) -> sqlx::Result<Option<Treatment>> {
    let Some(id) = row.try_get("service_id")? else { return Ok(None) };
    let policy = policy(row, ["service_grid_minutes", "service_notice_minutes", "service_horizon_days"])?;
    let (durations, buffers) = (durations(row)?, buffers(row)?);
    Ok(Some(Treatment { id, name: row.try_get("service_name")?, durations, buffers, policy }))
}

fn durations(row: &PgRow) -> sqlx::Result<Vec<SignedDuration>> {
    let minutes: Vec<i32> = row.try_get("durations_minutes")?;
    Ok(minutes.into_iter().map(|minutes| SignedDuration::from_mins(minutes.into())).collect())
}

fn buffers(row: &PgRow) -> sqlx::Result<Buffers> {
    let minutes = |column| row.try_get(column).map(|minutes: i32| SignedDuration::from_mins(minutes.into()));
    Ok(Buffers { before: minutes("buffer_before_minutes")?, after: minutes("buffer_after_minutes")? })
}

/// Whole minutes, as a column keeps them.
pub(super) fn minutes(duration: SignedDuration) -> i32 {
    duration.as_mins().try_into().unwrap_or(i32::MAX)
}

impl FromRow<'_, PgRow> for Service {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        let (clinics, providers): (Vec<ClinicId>, Vec<ProviderId>) =
            (row.try_get("offer_clinics")?, row.try_get("offer_providers")?);
        let offered = |(clinic, provider)| Offered { clinic, provider };
        Ok(Self {
            id: row.try_get("service_id")?,
            details: ServiceDetails {
                name: row.parsed("name", |name| Name::parse(name).ok())?,
                description: row.try_get("description")?,
                price: row.try_get("price")?,
                durations: durations(row)?,
                buffers: buffers(row)?,
                policy: policy(row, ["grid_minutes", "notice_minutes", "horizon_days"])?,
                offers: clinics.into_iter().zip(providers).map(offered).collect(),
            },
            version: row.try_get("version")?,
            created_at: row.time("created_at")?,
            archived_at: row.optional_time("archived_at")?,
        })
    }
}

/// What every reading statement begins with.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "
            select s.service_id, s.name, s.description, s.price, s.durations_minutes, s.buffer_before_minutes, s.buffer_after_minutes,
                s.grid_minutes, s.notice_minutes, s.horizon_days, s.version, s.created_at, s.archived_at,
                array(
                    select o.clinic_id from service_offer o where o.org_id = s.org_id and o.service_id = s.service_id
                    order by o.clinic_id, o.provider_id
                ) as offer_clinics,
                array(
                    select o.provider_id from service_offer o where o.org_id = s.org_id and o.service_id = s.service_id
                    order by o.clinic_id, o.provider_id
                ) as offer_providers
            from service s
            ",
            $rest
        )
    };
}

/// Adds a service; `false`: another one has its name.
pub async fn insert(
    tx: &mut TenantTx,
    id: ServiceId,
    details: &ServiceDetails,
    at: Timestamp,
) -> Result<bool> {
    let inserted = sqlx::query(
        "
        insert into service (
            org_id, service_id, name, name_folded, durations_minutes, buffer_before_minutes, buffer_after_minutes, created_at
        )
        values ($1, $2, $3, $4, $5, $6, $7, $8)
        on conflict do nothing
        ",
    )
    .bind(tx.org)
    .bind(id)
    .bind(details.name.as_str())
    .bind(details.name.folded())
    .bind(details.durations.iter().copied().map(minutes).collect::<Vec<_>>())
    .bind(minutes(details.buffers.before))
    .bind(minutes(details.buffers.after))
    .bind(at.to_sqlx())
    .execute(tx.conn())
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// Whether another service that can be booked has the name.
pub async fn is_name_taken(tx: &mut TenantTx, name: &Name, but: ServiceId) -> Result<bool> {
    Ok(sqlx::query_scalar(
        "
        select exists (
            select from service where org_id = $1 and name_folded = $2 and archived_at is null and service_id <> $3
        )
        ",
    )
    .bind(tx.org)
    .bind(name.folded())
    .bind(but)
    .fetch_one(tx.conn())
    .await?)
}

/// Makes a service what is said, and moves its version on; `false`: it has another version by now.
pub async fn update(
    tx: &mut TenantTx,
    id: ServiceId,
    details: &ServiceDetails,
    version: Option<i64>,
) -> Result<bool> {
    let ServiceDetails { name, description, price, durations, buffers, policy, offers } = details;
    let updated = sqlx::query(
        "
        update service
        set name = $3, name_folded = $4, description = $5, price = $6, durations_minutes = $7, buffer_before_minutes = $8,
            buffer_after_minutes = $9, grid_minutes = $10, notice_minutes = $11, horizon_days = $12, version = version + 1
        where org_id = $1 and service_id = $2 and version = coalesce($13, version)
        ",
    )
    .bind(tx.org)
    .bind(id)
    .bind(name.as_str())
    .bind(name.folded())
    .bind(description.as_deref())
    .bind(price.as_deref())
    .bind(durations.iter().copied().map(minutes).collect::<Vec<_>>())
    .bind(minutes(buffers.before))
    .bind(minutes(buffers.after))
    .bind(policy.grid.map(|grid| i32::from(grid.minutes())))
    .bind(policy.notice.map(minutes))
    .bind(policy.horizon_days.map(i32::from))
    .bind(version)
    .execute(tx.conn())
    .await;
    let updated = match updated {
        Err(error) if breaks(&error, "service_name_unique") => return Err(Error::NameInUse),
        updated => updated?,
    };
    offer(tx, id, offers).await?;
    Ok(updated.rows_affected() == 1)
}

/// Makes these the places where it is offered.
pub async fn offer(tx: &mut TenantTx, id: ServiceId, offers: &[Offered]) -> Result<()> {
    let (clinics, providers): (Vec<ClinicId>, Vec<ProviderId>) =
        offers.iter().map(|offered| (offered.clinic, offered.provider)).unzip();
    sqlx::query(
        "
        delete from service_offer
        where org_id = $1 and service_id = $2
            and (clinic_id, provider_id) not in (select * from unnest($3::uuid[], $4::uuid[]))
        ",
    )
    .bind(tx.org)
    .bind(id)
    .bind(&clinics)
    .bind(&providers)
    .execute(tx.conn())
    .await?;
    sqlx::query(
        "
        insert into service_offer (org_id, service_id, clinic_id, provider_id)
        select $1, $2, clinic_id, provider_id from unnest($3::uuid[], $4::uuid[]) as wanted (clinic_id, provider_id)
        on conflict do nothing
        ",
    )
    .bind(tx.org)
    .bind(id)
    .bind(&clinics)
    .bind(&providers)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// From now on it cannot be booked.
pub async fn archive(tx: &mut TenantTx, id: ServiceId, at: Timestamp) -> Result<()> {
    archive::row(tx, archived!("service"), id.into(), at).await
}

/// One service.
pub async fn get(tx: &mut TenantTx, id: ServiceId) -> Result<Option<Service>> {
    Ok(sqlx::query_as(select!("where s.org_id = $1 and s.service_id = $2"))
        .bind(tx.org)
        .bind(id)
        .fetch_optional(tx.conn())
        .await?
        .and_then(|found| as_far_as_reached(tx, found)))
}

/// With the places that the credential reaches; `None`: it is offered at none of them.
fn as_far_as_reached(tx: &TenantTx, mut found: Service) -> Option<Service> {
    found.details.offers.retain(|offered| tx.scope.reaches(offered.clinic));
    (tx.clinics().is_none() || !found.details.offers.is_empty()).then_some(found)
}

/// The services after `after`, by id: of one clinic, or all; those that can be booked, or all.
pub async fn list(
    tx: &mut TenantTx,
    clinic: Option<ClinicId>,
    archived: bool,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Service>> {
    Ok(sqlx::query_as(select!(
        "
        where s.org_id = $1 and s.service_id > coalesce($3, '00000000-0000-0000-0000-000000000000')
            and ($2::uuid is null or exists (
                select from service_offer o
                where o.org_id = $1 and o.service_id = s.service_id and o.clinic_id = $2
            ))
            and ($5 or s.archived_at is null)
            and ($6::uuid[] is null or exists (
                select from service_offer o
                where o.org_id = $1 and o.service_id = s.service_id and o.clinic_id = any ($6)
            ))
        order by s.service_id
        limit $4
        "
    ))
    .bind(tx.org)
    .bind(clinic)
    .bind(after)
    .bind(limit)
    .bind(archived)
    .bind(tx.clinics().map(<[_]>::to_vec))
    .fetch_all(tx.conn())
    .await?
    .into_iter()
    .filter_map(|found| as_far_as_reached(tx, found))
    .collect())
}
