//! The second half of a booking that was held, and of a move: the appointment as it is from now on, and its row of the audit.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;

use super::{OnTheWay, earliest_block};
use crate::{
    access::Rpc,
    caller::Caller,
    db::{TenantTx, breaks},
    domain::{
        ids::{AppointmentId, AuditId, ClinicId, PatientId, ProviderId, ServiceId},
        metadata::Metadata,
        slot::Slot,
    },
    error::Result,
};

/// What an appointment, whose row is locked, is from now on, but for its provider.
#[derive(Clone, Copy, Debug)]
pub struct Amending<'a> {
    /// The RPC, for the audit.
    pub rpc: Rpc,
    /// Which.
    pub appointment: AppointmentId,
    /// Where.
    pub clinic: ClinicId,
    /// Who comes; `None`: as before.
    pub patient: Option<PatientId>,
    /// Whose time is locked, in the order in which they are tried.
    pub locked: &'a [ProviderId],
    /// When.
    pub slot: Slot,
    /// What it takes of the provider's time.
    pub block: (Timestamp, Timestamp),
    /// The service.
    pub service: Option<ServiceId>,
    /// What the caller said they come for; `None`: as before.
    pub service_text: Option<&'a str>,
    /// What the client keeps with it, in addition to what is there.
    pub metadata: &'a Metadata,
    /// Why a rule was set aside.
    pub note: Option<&'a str>,
    /// The present moment.
    pub now: Timestamp,
}

/// What came of [`amend()`].
#[derive(Clone, Copy, Debug)]
pub enum Amended {
    /// The appointment is booked, and on its way into a calendar, or not.
    Booked(OnTheWay),
    /// Nobody is free any more. The transaction may be lost.
    Taken,
}

/// The statement of [`amend()`]: organisation, providers, now, from, to, the earliest moment at which something could begin that reaches in, appointment,
/// clinic, patient, start, end, service, what it was called, metadata, audit id, call, actor, role, action, request, note.
pub const AMEND: &str = "
    with lapsed as (
        update appointment
        set state = 'expired', hold_expires_at = null, version = version + 1, updated_at = $3
        where org_id = $1 and provider_id = any ($2) and appointment_id <> $7
            and hold_expires_at <= $3
            and block_from < $5 and block_to > $4 and block_from > $6
        returning 1
    ), chosen as (
        select p.provider_id
        from unnest($2) with ordinality as p (provider_id, place)
        where not exists (
            select from appointment a
            where a.org_id = $1 and a.provider_id = p.provider_id
                and a.is_live and (a.hold_expires_at is null or a.hold_expires_at > $3)
                and a.block_from < $5 and a.block_to > $4 and a.block_from > $6
                and a.appointment_id <> $7
            offset 0
        )
        order by p.place
        limit 1
    ), amended as (
        update appointment a
        set state = 'booked', hold_expires_at = null, clinic_id = $8, provider_id = chosen.provider_id,
            patient_id = coalesce($9, a.patient_id), starts_at = $10, ends_at = $11, block_from = $4, block_to = $5,
            service_id = $12, service_text = coalesce($13, a.service_text), metadata = a.metadata || $14::jsonb,
            version = a.version + 1, updated_at = $3
        from chosen
        -- Counted, so that the holds are expired before the constraint looks at them.
        where a.org_id = $1 and a.appointment_id = $7 and (select count(*) from lapsed) >= 0
        returning a.provider_id
    ), noted as (
        insert into audit (
            org_id, audit_id, at, actor, actor_role, action, outcome, resource, resource_id, request_id, call_id, note
        )
        select $1, $15, $3, $17, $18, $19, 'done', 'appointment', $7::text, $20, $16, $21
        from amended
    )
    -- One at a time, by its key.
    select c.is_well
    from amended b
    left join lateral (
        select state = 'connected' and (paused_until is null or paused_until <= now()) as is_well
        from calendar
        where org_id = $1 and provider_id = b.provider_id and state <> 'disconnected'
        offset 0
    ) c on true
";

/// Makes a hold or an appointment, whose row this transaction has locked, the appointment that is told, with the first of the locked providers
/// who is free, and writes its audit row.
pub async fn amend(tx: &mut TenantTx, caller: &Caller, amending: Amending<'_>) -> Result<Amended> {
    let Amending {
        rpc,
        appointment,
        clinic,
        patient,
        locked,
        slot,
        block,
        service,
        service_text,
        metadata,
        note,
        now,
    } = amending;
    let amended: sqlx::Result<Option<Option<bool>>> = sqlx::query_scalar(AMEND)
        .bind(tx.org)
        .bind(locked)
        .bind(now.to_sqlx())
        .bind(block.0.to_sqlx())
        .bind(block.1.to_sqlx())
        .bind(earliest_block(block.0).to_sqlx())
        .bind(appointment)
        .bind(clinic)
        .bind(patient)
        .bind(slot.start().to_sqlx())
        .bind(slot.end().to_sqlx())
        .bind(service)
        .bind(service_text)
        .bind(metadata.json())
        .bind(AuditId::generate())
        .bind(caller.call_id())
        .bind(&*caller.subject)
        .bind(caller.role.as_str())
        .bind(rpc.name)
        .bind(caller.request.id.as_deref())
        .bind(note)
        .fetch_optional(tx.conn())
        .await;
    match amended {
        Err(error) if breaks(&error, "appointment_no_overlap") => Ok(Amended::Taken),
        Err(error) => Err(error.into()),
        Ok(None) => Ok(Amended::Taken),
        Ok(Some(is_well)) => Ok(Amended::Booked(OnTheWay::of(is_well))),
    }
}
