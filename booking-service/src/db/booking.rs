//! The lock recipe: the statements that keep two appointments off one slot, in the order in which a booking runs them.
//!
//! A booking is five round trips: `begin`, [`find`](super::places::find), [`enter`], [`write()`], `commit`. What could be one statement is one: each
//! round trip saved is time that others do not wait for the provider's lock. The order of locks is always the same, so no two bookings
//! wait for each other: first the idempotency key, then the patient, then the providers by ascending id.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use sqlx::Row as _;

use super::{TenantTx, breaks};
use crate::{
    access::Rpc,
    caller::{Caller, Repeatable},
    domain::{
        confirmation_code::ConfirmationCode,
        ids::{AppointmentId, AuditId, ClinicId, PatientId, ProviderId},
        patient::{Email, Patient, PatientDetails, Phone},
        slot::{LONGEST, Slot},
    },
    error::Result,
};

/// What a booking needs to be let in.
#[derive(Clone, Copy, Debug)]
pub struct Entering<'a> {
    /// The RPC, which its keys belong to.
    pub rpc: Rpc,
    /// The key, where there is one.
    pub repeatable: Option<Repeatable<'a>>,
    /// The appointment that is about to be made.
    pub appointment: AppointmentId,
    /// Who comes.
    pub patient: &'a PatientDetails,
    /// Whose time comes into question.
    pub providers: &'a [ProviderId],
    /// When.
    pub slot: Slot,
    /// The present moment.
    pub now: Timestamp,
}

/// What [`enter`] found.
#[derive(Clone, Debug)]
pub enum Entered {
    /// These providers are ours until the transaction ends, and one of them was free before; none: everybody is taken.
    Locked(Patient, Vec<ProviderId>),
    /// The key has been used.
    KeyUsed,
    /// Another transaction has just made this patient; the next attempt will find them.
    PatientJustMade,
}

/// Claims the key, finds or makes the patient, and locks the providers, if one of them looks free. Whoever lost the slot before
/// learns it here, without waiting for a lock.
pub async fn enter(tx: &mut TenantTx, entering: Entering<'_>) -> Result<Entered> {
    let Entering { rpc, repeatable, appointment, patient, providers, slot, now } = entering;
    let row = sqlx::query(
        "
        with claimed as (
            insert into idempotency (org_id, rpc, key, fingerprint, resource_id, created_at)
            select $1, $2, $3, $4, $5, $6
            where $3 is not null
            on conflict do nothing
            returning 1
        ), may_enter as (
            select 1 where $3 is null or exists (select from claimed)
        ), known as (
            (
                select patient_id, name, phone, email
                from patient
                where org_id = $1 and phone = $10 and name_folded = $9
            ) union all (
                select patient_id, name, phone, email
                from patient
                where org_id = $1 and $10 is null and email = $11 and name_folded = $9
                order by patient_id
            )
            limit 1
        ), made as (
            insert into patient (org_id, patient_id, name, name_folded, phone, email, created_at)
            select $1, $7, $8, $9, $10, $11, $6
            where exists (select from may_enter) and not exists (select from known)
            on conflict do nothing
            returning patient_id, name, phone, email
        ), person as (
            select * from known union all select * from made
        ), free as (
            select 1
            from unnest($12) as p (provider_id)
            where not exists (
                select from appointment a
                where a.org_id = $1 and a.provider_id = p.provider_id
                    and a.is_live and (a.hold_expires_at is null or a.hold_expires_at > $6)
                    and a.block_from < $14 and a.block_to > $13 and a.block_from > $15
                -- Keeps the question from becoming a join, for which all appointments would be read: it is asked a provider at a time.
                offset 0
            )
            limit 1
        )
        select
            exists (select from may_enter) as may_enter,
            (select patient_id from person) as patient_id,
            (select name from person) as name,
            (select phone from person) as phone,
            (select email from person) as email,
            array(
                select p.provider_id
                from provider p
                where p.org_id = $1 and p.provider_id = any ($12)
                    -- Not before the key and the patient are ours: the order of locks.
                    and exists (select from may_enter) and exists (select from person)
                    -- All or none: two requests of one call must meet at a lock, whoever looks free to each.
                    and exists (select from free)
                order by p.provider_id
                for no key update of p
            ) as locked
        ",
    )
    .bind(tx.org)
    .bind(rpc.name)
    .bind(repeatable.map(|r| r.key.as_str()))
    .bind(repeatable.map(|r| r.fingerprint.as_bytes().to_vec()))
    .bind(appointment)
    .bind(now.to_sqlx())
    .bind(PatientId::generate())
    .bind(patient.name.as_str())
    .bind(patient.name.folded())
    .bind(patient.phone.as_ref().map(Phone::as_str))
    .bind(patient.email.as_ref().map(Email::as_str))
    .bind(providers)
    .bind(slot.start().to_sqlx())
    .bind(slot.end().to_sqlx())
    .bind(earliest_block(slot).to_sqlx())
    .fetch_one(tx.conn())
    .await?;
    if !row.try_get::<bool, _>("may_enter")? {
        return Ok(Entered::KeyUsed);
    }
    let Some(id) = row.try_get("patient_id")? else { return Ok(Entered::PatientJustMade) };
    let patient = Patient {
        id,
        name: row.try_get("name")?,
        phone: row.try_get("phone")?,
        email: row.try_get("email")?,
    };
    Ok(Entered::Locked(patient, row.try_get("locked")?))
}

/// An appointment that is about to be written, but for its provider.
#[derive(Clone, Copy, Debug)]
pub struct Writing<'a> {
    /// The RPC, for the audit.
    pub rpc: Rpc,
    /// Its id.
    pub appointment: AppointmentId,
    /// Where.
    pub clinic: ClinicId,
    /// Who comes.
    pub patient: PatientId,
    /// Whose time is locked.
    pub locked: &'a [ProviderId],
    /// When.
    pub slot: Slot,
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
    /// The appointment is with this provider.
    With(ProviderId),
    /// Nobody is free any more, or this call has the appointment already.
    Taken,
    /// Another appointment has the code. The transaction is lost; the next attempt takes another.
    CodeInUse,
}

/// Writes the appointment for the first of the locked providers who is free, and its audit row. Holds of that time that ran out are
/// expired on the way.
pub async fn write(tx: &mut TenantTx, caller: &Caller, writing: Writing<'_>) -> Result<Written> {
    let Writing { rpc, appointment, clinic, patient, locked, slot, code, service_text, now } = writing;
    let written = sqlx::query_scalar(
        "
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
                select from appointment a
                join patient t on t.org_id = a.org_id and t.patient_id = a.patient_id
                join patient me on me.org_id = a.org_id and me.patient_id = $9
                where a.org_id = $1 and a.call_id = $13
                    and a.state in ('booked', 'confirmed')
                    and a.starts_at = $4 and a.ends_at = $5 and a.provider_id = any ($2)
                    and t.name_folded = me.name_folded and t.phone is not distinct from me.phone
            )
            order by p.place
            limit 1
        ), booked as (
            insert into appointment (
                org_id, appointment_id, clinic_id, provider_id, patient_id, starts_at, ends_at, block_from, block_to,
                state, confirmation_code, service_text, call_id, created_at, updated_at
            )
            select $1, $7, $8, chosen.provider_id, $9, $4, $5, $4, $5, 'booked', $10, $11, $13, $3, $3
            from chosen
            -- Counted, so that the holds are expired before the constraint looks at them.
            where (select count(*) from lapsed) >= 0
            on conflict on constraint appointment_no_overlap do nothing
            returning provider_id
        ), noted as (
            insert into audit (
                org_id, audit_id, at, actor, actor_role, action, outcome, resource, resource_id, request_id, call_id
            )
            select $1, $12, $3, $14, $15, $16, 'done', 'appointment', $7::text, $17, $13
            from booked
        )
        select provider_id from booked
        ",
    )
    .bind(tx.org)
    .bind(locked)
    .bind(now.to_sqlx())
    .bind(slot.start().to_sqlx())
    .bind(slot.end().to_sqlx())
    .bind(earliest_block(slot).to_sqlx())
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
    .fetch_optional(tx.conn())
    .await;
    match written {
        Err(error) if breaks(&error, "appointment_confirmation_code_unique") => Ok(Written::CodeInUse),
        Err(error) => Err(error.into()),
        Ok(provider) => Ok(provider.map_or(Written::Taken, Written::With)),
    }
}

/// What blocks the slot began after this: nothing blocks for longer than [`LONGEST`].
fn earliest_block(slot: Slot) -> Timestamp {
    slot.start().checked_sub(LONGEST).unwrap_or(Timestamp::MIN)
}
