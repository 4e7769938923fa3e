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
    /// The appointment that is about to be made, or to be changed: its own time does not stand in its way.
    pub appointment: AppointmentId,
    /// Who comes; nobody yet, or whom the appointment knows already.
    pub patient: Option<&'a PatientDetails>,
    /// Whose time comes into question.
    pub providers: &'a [ProviderId],
    /// Whose time it has been until now.
    pub until_now: Option<ProviderId>,
    /// What it takes of a provider's time.
    pub block: (Timestamp, Timestamp),
    /// The present moment.
    pub now: Timestamp,
}

/// What [`enter()`] found.
#[derive(Clone, Debug)]
pub enum Entered {
    /// These providers are ours until the transaction ends, each with the state of what counts for them, and one of those in question was free before; none:
    /// everybody is taken.
    Locked(Option<Patient>, Vec<Locked>),
    /// The key has been used.
    KeyUsed,
    /// Another transaction has just made this patient; the next attempt will find them.
    PatientJustMade,
}

/// A provider whose time is ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Locked {
    /// Whose.
    pub provider: ProviderId,
    /// Which state of the rules counts.
    pub rules_version: i64,
}

/// The statement of [`enter()`]: organisation, RPC, key, fingerprint, the appointment, now, the new patient, name, folded name, number, e-mail,
/// providers, from, to, the earliest moment at which something could begin that reaches in, and the provider until now.
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
        where exists (select from may_enter) and not exists (select from known) and $9 is not null
        on conflict do nothing
        returning patient_id, name, phone, email
    ), back as (
        -- Who comes again is found again.
        update patient set archived_at = null
        where org_id = $1 and patient_id in (select patient_id from known) and archived_at is not null
            and exists (select from may_enter)
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
                and a.appointment_id <> $5
            -- Keeps the question from becoming a join, for which all appointments would be read: it is asked a provider at a time.
            offset 0
        )
        limit 1
    )
    select who.may_enter, who.patient_id, who.name, who.phone, who.email, locked.provider_id, locked.rules_version
    from (
        select
            exists (select from may_enter) as may_enter,
            (select patient_id from person) as patient_id,
            (select name from person) as name,
            (select phone from person) as phone,
            (select email from person) as email
    ) who
    left join lateral (
        select p.provider_id, p.rules_version
        from provider p
        where p.org_id = $1 and (p.provider_id = any ($12) or p.provider_id = $16)
            -- Not before the key and the patient are ours: the order of locks.
            and exists (select from may_enter) and ($9 is null or exists (select from person))
            -- All or none: two requests of one call must meet at a lock, whoever looks free to each.
            and exists (select from free)
        order by p.provider_id
        for no key update of p
    ) locked on true
";

/// Claims the key, finds or makes the patient, and locks the providers, if one of them looks free. Whoever lost the slot before
/// learns it here, without waiting for a lock.
pub async fn enter(tx: &mut TenantTx, entering: Entering<'_>) -> Result<Entered> {
    let Entering { rpc, repeatable, appointment, patient, providers, until_now, block, now } = entering;
    let rows = sqlx::query(ENTER)
        .bind(tx.org)
        .bind(rpc.name)
        .bind(repeatable.map(|r| r.key.as_str()))
        .bind(repeatable.map(|r| r.fingerprint.as_bytes().to_vec()))
        .bind(appointment)
        .bind(now.to_sqlx())
        .bind(PatientId::generate())
        .bind(patient.map(|patient| patient.name.as_str()))
        .bind(patient.map(|patient| patient.name.folded()))
        .bind(patient.and_then(|patient| patient.phone.as_ref()).map(Phone::as_str))
        .bind(patient.and_then(|patient| patient.email.as_ref()).map(Email::as_str))
        .bind(providers)
        .bind(block.0.to_sqlx())
        .bind(block.1.to_sqlx())
        .bind(earliest_block(block.0).to_sqlx())
        .bind(until_now)
        .fetch_all(tx.conn())
        .await?;
    let row = rows.first().ok_or(sqlx::Error::RowNotFound)?;
    if !row.try_get::<bool, _>("may_enter")? {
        return Ok(Entered::KeyUsed);
    }
    let known = match row.try_get("patient_id")? {
        Some(id) => Some(Patient {
            id,
            name: row.try_get("name")?,
            phone: row.try_get("phone")?,
            email: row.try_get("email")?,
        }),
        None if patient.is_some() => return Ok(Entered::PatientJustMade),
        None => None,
    };
    let mut locked = Vec::with_capacity(rows.len());
    for row in &rows {
        if let Some(provider) = row.try_get("provider_id")? {
            locked.push(Locked { provider, rules_version: row.try_get("rules_version")? });
        }
    }
    Ok(Entered::Locked(known, locked))
}
