//! `appointment`, with the names that belong to it.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use sqlx::{FromRow, Row as _, postgres::PgRow};

use super::{TenantTx, providers, row::RowExt as _};
use crate::{
    domain::{
        appointment::{Appointment, CalendarSync, HOLD, LONGEST_HOLD, State, SyncStatus},
        clinic::Clinic,
        confirmation_code::ConfirmationCode,
        ids::{AppointmentId, ProviderId, ServiceId},
        metadata::Metadata,
        patient::{Email, Patient, PatientDetails, Phone},
        slot::{Provider, Slot},
    },
    error::Result,
};

/// What every reading statement begins with: appointments `a` out of the source, with the names that belong to them.
macro_rules! select {
    (from $($source:literal)*; $($rest:literal)*) => {
        concat!(
            "
            select a.org_id, a.appointment_id, a.starts_at, a.ends_at, a.block_from, a.block_to, a.state, a.hold_expires_at, a.confirmation_code,
                a.service_id, v.name as service_name, a.service_text, a.metadata::text as metadata, a.call_id, a.cancel_reason,
                a.created_at, a.updated_at, a.version,
                c.clinic_id, c.name as clinic_name, c.time_zone, c.created_at as clinic_created_at, c.country, c.cutoff_minutes,
                p.provider_id, p.name as provider_name,
                a.patient_id, t.name as patient_name, t.phone as patient_phone, t.email as patient_email,
                coalesce(s.state, 'not_connected') as sync_state, s.event_id, s.synced_at
            from ",
            $($source,)*
            "
            join clinic c on c.org_id = a.org_id and c.clinic_id = a.clinic_id
            join provider p on p.org_id = a.org_id and p.provider_id = a.provider_id
            -- One at a time, by their keys: `offset 0` keeps a plan that was made for small tables from going through large ones.
            left join lateral (
                select name, phone, email from patient
                where org_id = a.org_id and patient_id = a.patient_id
                offset 0
            ) t on true
            left join lateral (
                select name from service where org_id = a.org_id and service_id = a.service_id
                offset 0
            ) v on true
            left join lateral (
                -- An event that nobody has seen is none yet.
                select state, case when etag is not null then event_id end as event_id, synced_at from calendar_sync
                where org_id = a.org_id and appointment_id = a.appointment_id
                offset 0
            ) s on true
            ",
            $($rest),*
        )
    };
}

pub(super) use select;

impl FromRow<'_, PgRow> for Appointment {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        let patient = match row.try_get("patient_id")? {
            None => None,
            Some(id) => Some(Patient {
                id,
                name: row.try_get("patient_name")?,
                phone: row.try_get("patient_phone")?,
                email: row.try_get("patient_email")?,
            }),
        };
        Ok(Self {
            id: row.try_get("appointment_id")?,
            org: row.try_get("org_id")?,
            clinic: Clinic::from_row(row)?,
            provider: Provider { id: row.try_get("provider_id")?, name: row.try_get("provider_name")? },
            patient,
            slot: Slot::stored(row.time("starts_at")?, row.time("ends_at")?),
            block: (row.time("block_from")?, row.time("block_to")?),
            state: row.parsed("state", State::parse)?,
            hold_expires_at: row.optional_time("hold_expires_at")?,
            confirmation_code: row.try_get("confirmation_code")?,
            service: row.try_get::<Option<ServiceId>, _>("service_id")?.zip(row.try_get("service_name")?),
            service_text: row.try_get("service_text")?,
            metadata: row.parsed("metadata", Metadata::stored)?,
            call: row.try_get("call_id")?,
            cancel_reason: row.try_get("cancel_reason")?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
            version: row.try_get("version")?,
            calendar: CalendarSync {
                status: row.parsed("sync_state", SyncStatus::parse)?,
                event_id: row.try_get("event_id")?,
                synced_at: row.optional_time("synced_at")?,
            },
        })
    }
}

/// The statement of [`get()`]: organisation and appointment.
pub const GET: &str = select!(from "appointment a"; "where a.org_id = $1 and a.appointment_id = $2");

/// The statement of [`get_by_code()`]: organisation and code.
pub const GET_BY_CODE: &str =
    select!(from "appointment a"; "where a.org_id = $1 and a.confirmation_code = $2");

/// One appointment.
pub async fn get(tx: &mut TenantTx, id: AppointmentId) -> Result<Option<Appointment>> {
    let found = sqlx::query_as(GET).bind(tx.org).bind(id).fetch_optional(tx.conn()).await?;
    Ok(found.filter(|found: &Appointment| tx.scope.reaches(found.clinic.id)))
}

/// The appointment with this code.
pub async fn get_by_code(tx: &mut TenantTx, code: &ConfirmationCode) -> Result<Option<Appointment>> {
    let found = sqlx::query_as(GET_BY_CODE).bind(tx.org).bind(code).fetch_optional(tx.conn()).await?;
    Ok(found.filter(|found: &Appointment| tx.scope.reaches(found.clinic.id)))
}

/// Keeps others from changing the appointment until this transaction ends; gives its state by then.
pub async fn lock(tx: &mut TenantTx, id: AppointmentId) -> Result<Option<State>> {
    let row = sqlx::query(
        "select state from appointment where org_id = $1 and appointment_id = $2 for no key update",
    )
    .bind(tx.org)
    .bind(id)
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| row.parsed("state", State::parse)).transpose()?)
}

/// What keeps others from changing an appointment, and from booking with its provider.
pub async fn lock_with_provider(
    tx: &mut TenantTx,
    id: AppointmentId,
    provider: ProviderId,
) -> Result<Option<Appointment>> {
    // In the order in which bookings lock. Who moved it away meanwhile has let go of it by then.
    providers::lock(tx, provider).await?;
    lock(tx, id).await?;
    get(tx, id).await
}

/// Makes the holds of a call last, as far as a hold may; those that ran out stay so.
pub async fn extend_holds(tx: &mut TenantTx, call: &str, now: Timestamp) -> Result<()> {
    sqlx::query(
        "
        update appointment
        set hold_expires_at = least(created_at + make_interval(secs => $5), $4)
        where org_id = $1 and call_id = $2 and state = 'held' and hold_expires_at > $3
            and hold_expires_at < least(created_at + make_interval(secs => $5), $4)
        ",
    )
    .bind(tx.org)
    .bind(call)
    .bind(now.to_sqlx())
    .bind((now + HOLD).to_sqlx())
    .bind(LONGEST_HOLD.as_secs_f64())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Gives up the holds of a call, but for those that ran out: whoever needs their slots expires them, and waits for nobody.
pub async fn release_holds(tx: &mut TenantTx, call: &str, now: Timestamp) -> Result<u64> {
    let released = sqlx::query(
        "
        update appointment
        set state = 'released', hold_expires_at = null, version = version + 1, updated_at = $3
        where org_id = $1 and call_id = $2 and hold_expires_at > $3
        ",
    )
    .bind(tx.org)
    .bind(call)
    .bind(now.to_sqlx())
    .execute(tx.conn())
    .await?;
    Ok(released.rows_affected())
}

/// How many slots the call keeps.
pub async fn count_holds(tx: &mut TenantTx, call: &str, now: Timestamp) -> Result<i64> {
    Ok(sqlx::query_scalar(
        "
        select count(*) from appointment
        where org_id = $1 and call_id = $2 and state = 'held' and hold_expires_at > $3
        ",
    )
    .bind(tx.org)
    .bind(call)
    .bind(now.to_sqlx())
    .fetch_one(tx.conn())
    .await?)
}

/// The live hold of the call that is this slot, with one of these providers.
pub async fn held_in_call(
    tx: &mut TenantTx,
    call: &str,
    slot: Slot,
    providers: &[ProviderId],
    now: Timestamp,
) -> Result<Option<AppointmentId>> {
    Ok(sqlx::query_scalar(
        "
        select a.appointment_id
        from (
            select appointment_id, provider_id, state, hold_expires_at, starts_at, ends_at
            from appointment
            where org_id = $1 and call_id = $2
            offset 0
        ) a
        where a.state = 'held' and a.hold_expires_at > $6
            and a.starts_at = $3 and a.ends_at = $4 and a.provider_id = any ($5)
        order by a.appointment_id
        limit 1
        ",
    )
    .bind(tx.org)
    .bind(call)
    .bind(slot.start().to_sqlx())
    .bind(slot.end().to_sqlx())
    .bind(providers)
    .bind(now.to_sqlx())
    .fetch_optional(tx.conn())
    .await?)
}

/// Changes the state of an appointment that this transaction has locked, to one in which it is no hold.
pub async fn set_state(
    tx: &mut TenantTx,
    id: AppointmentId,
    state: State,
    cancel_reason: Option<&str>,
    at: Timestamp,
) -> Result<()> {
    sqlx::query(
        "
        update appointment
        set state = $3, hold_expires_at = null, cancel_reason = coalesce($4, cancel_reason), version = version + 1, updated_at = $5
        where org_id = $1 and appointment_id = $2
        ",
    )
    .bind(tx.org)
    .bind(id)
    .bind(state.as_str())
    .bind(cancel_reason)
    .bind(at.to_sqlx())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The statement of [`made_in_call()`]: organisation, call, start, end, providers, folded name, number and e-mail.
pub const MADE_IN_CALL: &str = "
    select a.appointment_id
    from (
        -- By the call and nothing else: every further condition would let the planner think of an index that finds the whole organisation.
        select appointment_id, patient_id, provider_id, state, starts_at, ends_at
        from appointment
        where org_id = $1 and call_id = $2
        offset 0
    ) a
    cross join lateral (
        select name_folded, phone, email from patient where org_id = $1 and patient_id = a.patient_id offset 0
    ) t
    where a.state in ('booked', 'confirmed')
        and a.starts_at = $3 and a.ends_at = $4 and a.provider_id = any ($5)
        -- As a booking finds its patient: by number, else by e-mail; without either, nobody else has either.
        and t.name_folded = $6
        and case
            when $7 is not null then t.phone = $7
            when $8 is not null then t.email = $8
            else coalesce(t.phone, t.email) is null
        end
    order by a.appointment_id
    limit 1
";

/// The live appointment that this telephone call made before for the same patient and time, with one of these providers.
pub async fn made_in_call(
    tx: &mut TenantTx,
    call_id: &str,
    patient: &PatientDetails,
    slot: Slot,
    providers: &[ProviderId],
) -> Result<Option<AppointmentId>> {
    Ok(sqlx::query_scalar(MADE_IN_CALL)
        .bind(tx.org)
        .bind(call_id)
        .bind(slot.start().to_sqlx())
        .bind(slot.end().to_sqlx())
        .bind(providers)
        .bind(patient.name.folded())
        .bind(patient.phone.as_ref().map(Phone::as_str))
        .bind(patient.email.as_ref().map(Email::as_str))
        .fetch_optional(tx.conn())
        .await?)
}
