//! The first half of a booking: key, patient, lock.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx as _;
use sqlx::Row as _;

use super::earliest_block;
use crate::{
    access::Rpc,
    caller::Repeatable,
    db::TenantTx,
    domain::{
        ids::{AppointmentId, PatientId, ProviderId},
        patient::{Email, Patient, PatientDetails, Phone},
        slot::Slot,
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

/// What [`enter()`] found.
#[derive(Clone, Debug)]
pub enum Entered {
    /// These providers are ours until the transaction ends, and one of them was free before; none: everybody is taken.
    Locked(Patient, Vec<ProviderId>),
    /// The key has been used.
    KeyUsed,
    /// Another transaction has just made this patient; the next attempt will find them.
    PatientJustMade,
}

/// The statement of [`enter()`]: organisation, RPC, key, fingerprint, the new appointment, now, the new patient, name, folded name, number, e-mail, providers,
/// start, end, and the earliest moment at which something could begin that reaches in.
pub const ENTER: &str = "
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
";

/// Claims the key, finds or makes the patient, and locks the providers, if one of them looks free. Whoever lost the slot before
/// learns it here, without waiting for a lock.
pub async fn enter(tx: &mut TenantTx, entering: Entering<'_>) -> Result<Entered> {
    let Entering { rpc, repeatable, appointment, patient, providers, slot, now } = entering;
    let row = sqlx::query(ENTER)
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
