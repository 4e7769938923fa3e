//! The second half of a booking: the appointment, and its row of the audit.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;

use super::earliest_block;
use crate::{
    access::Rpc,
    caller::Caller,
    db::{TenantTx, breaks},
    domain::{
        confirmation_code::ConfirmationCode,
        ids::{AppointmentId, AuditId, ClinicId, PatientId, ProviderId, ServiceId},
        metadata::Metadata,
        slot::Slot,
    },
    error::Result,
};

/// An appointment or a hold that is about to be written, but for its provider.
#[derive(Clone, Copy, Debug)]
pub struct Writing<'a> {
    /// The RPC, for the audit.
    pub rpc: Rpc,
    /// Its id.
    pub appointment: AppointmentId,
    /// Where.
    pub clinic: ClinicId,
    /// Who comes; a hold may not know yet.
    pub patient: Option<PatientId>,
    /// Whose time is locked, in the order in which they are tried.
    pub locked: &'a [ProviderId],
    /// When.
    pub slot: Slot,
    /// What it takes of the provider's time.
    pub block: (Timestamp, Timestamp),
    /// Until when it is a hold; `None`: it is booked.
    pub held_until: Option<Timestamp>,
    /// The service.
    pub service: Option<ServiceId>,
    /// What the client keeps with it.
    pub metadata: &'a Metadata,
    /// Why a rule was set aside.
    pub note: Option<&'a str>,
    /// Its code.
    pub code: &'a ConfirmationCode,
    /// What the caller said they come for.
    pub service_text: Option<&'a str>,
    /// The present moment.
    pub now: Timestamp,
}

/// What came of [`write()`].
#[derive(Clone, Copy, Debug)]
pub enum Written {
    /// The appointment is with this provider, and on its way into a calendar, or not.
    With(ProviderId, OnTheWay),
    /// Nobody is free any more, or this call has the appointment already.
    Taken,
    /// Another appointment has the code. The transaction is lost; the next attempt takes another.
    CodeInUse,
}

/// Whether an appointment is on its way into a calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnTheWay {
    /// The provider has none.
    No,
    /// It may take a while: the calendar is not doing well.
    Slowly,
    /// It will be there soon.
    Yes,
}

impl OnTheWay {
    /// Whether the provider's calendar does well; `None`: there is none.
    pub(super) fn of(is_well: Option<bool>) -> Self {
        match is_well {
            None => Self::No,
            Some(false) => Self::Slowly,
            Some(true) => Self::Yes,
        }
    }
}

/// The statement of [`write()`]: organisation, providers, now, from, to, the earliest moment at which something could begin that reaches in, appointment,
/// clinic, patient, code, what the service was called, audit id, call, actor, role, action, request, start, end, end of the hold, service, metadata, note.
pub const WRITE: &str = "
    with lapsed as (
        update appointment
        set state = 'expired', hold_expires_at = null, version = version + 1, updated_at = $3
        where org_id = $1 and provider_id = any ($2)
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
            offset 0
        ) and not exists (
            select
            from (
                -- By the call and nothing else: every further condition would let the planner think of an index that finds the whole
                -- organisation.
                select patient_id, provider_id, state, starts_at, ends_at
                from appointment
                where org_id = $1 and call_id = $13
                offset 0
            ) a
            cross join lateral (
                select patient_id, name_folded, phone, email
                from patient
                where org_id = $1 and patient_id = a.patient_id
                offset 0
            ) t
            cross join lateral (
                select patient_id, name_folded, phone, email
                from patient
                where org_id = $1 and patient_id = $9
                offset 0
            ) me
            where a.state in ('booked', 'confirmed')
                and a.starts_at = $18 and a.ends_at = $19 and a.provider_id = any ($2)
                -- The same person; who gave neither number nor e-mail is a new patient each time.
                and (t.patient_id = me.patient_id or (
                    t.name_folded = me.name_folded
                    and coalesce(t.phone, t.email) is null and coalesce(me.phone, me.email) is null
                ))
        )
        order by p.place
        limit 1
    ), booked as (
        insert into appointment (
            org_id, appointment_id, clinic_id, provider_id, patient_id, starts_at, ends_at, block_from, block_to,
            state, hold_expires_at, confirmation_code, service_id, service_text, metadata, call_id, created_at, updated_at
        )
        select $1, $7, $8, chosen.provider_id, $9, $18, $19, $4, $5,
            case when $20 is null then 'booked' else 'held' end, $20, $10, $21, $11, $22::jsonb, $13, $3, $3
        from chosen
        -- Counted, so that the holds are expired before the constraint looks at them.
        where (select count(*) from lapsed) >= 0
        on conflict on constraint appointment_no_overlap do nothing
        returning provider_id
    ), noted as (
        insert into audit (
            org_id, audit_id, at, actor, actor_role, action, outcome, resource, resource_id, request_id, call_id, note
        )
        select $1, $12, $3, $14, $15, $16, 'done', 'appointment', $7::text, $17, $13, $23
        from booked
    )
    -- One at a time, by its key.
    select b.provider_id, c.is_well
    from booked b
    left join lateral (
        select state = 'connected' and (paused_until is null or paused_until <= now()) as is_well
        from calendar
        where org_id = $1 and provider_id = b.provider_id and state <> 'disconnected'
        offset 0
    ) c on true
";

/// Writes the appointment for the first of the locked providers who is free, and its audit row. Holds of that time that ran out are
/// expired on the way.
pub async fn write(tx: &mut TenantTx, caller: &Caller, writing: Writing<'_>) -> Result<Written> {
    let Writing {
        rpc,
        appointment,
        clinic,
        patient,
        locked,
        slot,
        block,
        held_until,
        service,
        metadata,
        note,
        code,
        service_text,
        now,
    } = writing;
    let written: sqlx::Result<Option<(ProviderId, Option<bool>)>> = sqlx::query_as(WRITE)
        .bind(tx.org)
        .bind(locked)
        .bind(now.to_sqlx())
        .bind(block.0.to_sqlx())
        .bind(block.1.to_sqlx())
        .bind(earliest_block(block.0).to_sqlx())
        .bind(appointment)
        .bind(clinic)
        .bind(patient)
        .bind(code)
        .bind(service_text)
        .bind(AuditId::generate())
        .bind(caller.call_id())
        .bind(&*caller.subject)
        .bind(caller.role.as_str())
        .bind(rpc.name)
        .bind(caller.request.id.as_deref())
        .bind(slot.start().to_sqlx())
        .bind(slot.end().to_sqlx())
        .bind(held_until.map(jiff_sqlx::ToSqlx::to_sqlx))
        .bind(service)
        .bind(metadata.json())
        .bind(note)
        .fetch_optional(tx.conn())
        .await;
    match written {
        Err(error) if breaks(&error, "appointment_confirmation_code_unique") => Ok(Written::CodeInUse),
        Err(error) if breaks(&error, "appointment_no_overlap") => Ok(Written::Taken),
        Err(error) => Err(error.into()),
        Ok(None) => Ok(Written::Taken),
        Ok(Some((provider, is_well))) => Ok(Written::With(provider, OnTheWay::of(is_well))),
    }
}
