//! The lock recipe, for whoever wants a slot: to book it, to hold it, to move to it.

use jiff::Timestamp;

use crate::{
    access::Rpc,
    app::App,
    caller::Caller,
    db::{
        TenantTx,
        booking::{self, Amended, Amending, Entered, Entering, OnTheWay, Writing, Written},
        idempotency,
    },
    domain::{
        confirmation_code::ConfirmationCode,
        idempotency::Fingerprint,
        ids::{AppointmentId, ClinicId, ProviderId, ServiceId},
        metadata::Metadata,
        patient::{Patient, PatientDetails},
        slot::Slot,
        timetable::SlotProblem,
    },
    error::Result,
    ops::slots::Wanted,
};

/// Attempts that end for a reason of ours, not the client's, are made again: a confirmation code that is in use, a patient
/// whom another transaction has just made, a key past its lifetime, rules that have just changed. Each is rare, and rarer the second time.
pub(super) const ATTEMPTS: usize = 5;

/// What came of one attempt at a slot.
pub(super) enum Attempt<T> {
    /// It came about.
    Done(T),
    /// The request was carried out before, and this came of it; or this call has the slot itself.
    Repeated(AppointmentId),
    /// It cannot be, whoever is asked for.
    Refused(Box<Wanted>, SlotProblem),
    /// The attempt has to be made again.
    Again,
}

/// What the request's key stands for: what was done stays done, though it could not be done again. Else what came of it otherwise.
pub(super) async fn unless_done_before<T>(
    app: &App,
    caller: &Caller,
    (rpc, fingerprint): (Rpc, Fingerprint),
    mut tx: TenantTx,
    otherwise: Result<Attempt<T>>,
) -> Result<Attempt<T>> {
    let Some(repeatable) = caller.repeatable(fingerprint) else { return otherwise };
    let done = idempotency::done(&mut tx, rpc, repeatable, app.clock.now()).await?;
    tx.commit().await?;
    done.map_or(otherwise, |id| Ok(Attempt::Repeated(id.into())))
}

/// A caller who gives no number has the one they call from.
pub(super) fn with_number(caller: &Caller, patient: Option<PatientDetails>) -> Option<PatientDetails> {
    let mut patient = patient?;
    patient.phone = patient.phone.or_else(|| caller.number().cloned());
    Some(patient)
}

/// Where an appointment is to be.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) clinic: ClinicId,
    pub(super) slot: Slot,
    /// What it takes of a provider's time.
    pub(super) block: (Timestamp, Timestamp),
    pub(super) service: Option<ServiceId>,
    /// With whom, in the order in which they are tried, each with the state of the rules that allowed it; `None`: it was promised.
    pub(super) allowed: Vec<(ProviderId, Option<i64>)>,
}

/// What goes with a slot that is wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taking<'a> {
    pub(super) rpc: Rpc,
    /// Who comes; nobody yet, or as before.
    pub(super) patient: Option<&'a PatientDetails>,
    pub(super) service_text: Option<&'a str>,
    pub(super) metadata: &'a Metadata,
    /// Why a rule was set aside.
    pub(super) note: Option<&'a str>,
    pub(super) fingerprint: Fingerprint,
    pub(super) now: Timestamp,
}

/// What came of the recipe.
pub(super) enum Took<T> {
    /// The slot is ours, once the transaction is committed.
    It(T),
    /// The request was carried out before.
    KeyUsed,
    /// The attempt has to be made again.
    Again,
    /// Nobody is free.
    Taken,
}

/// A new appointment, or a new hold.
pub(super) struct New {
    pub(super) id: AppointmentId,
    pub(super) provider: ProviderId,
    pub(super) patient: Option<Patient>,
    pub(super) code: ConfirmationCode,
    pub(super) on_the_way: OnTheWay,
}

/// Books the slot, or holds it until then.
pub(super) async fn take(
    app: &App,
    caller: &Caller,
    tx: &mut TenantTx,
    target: &Target,
    taking: Taking<'_>,
    held_until: Option<Timestamp>,
) -> Result<Took<New>> {
    let id = AppointmentId::generate();
    let (patient, locked) = match enter(caller, tx, target, taking, id, None).await? {
        Took::It(entered) => entered,
        Took::KeyUsed => return Ok(Took::KeyUsed),
        Took::Again => return Ok(Took::Again),
        Took::Taken => return Ok(Took::Taken),
    };
    let Taking { rpc, service_text, metadata, note, now, .. } = taking;
    let code = app.codes.generate();
    let writing = Writing {
        rpc,
        appointment: id,
        clinic: target.clinic,
        patient: patient.as_ref().map(|patient| patient.id),
        locked: &locked,
        slot: target.slot,
        block: target.block,
        held_until,
        service: target.service,
        metadata,
        note,
        code: &code,
        service_text,
        now,
    };
    Ok(match booking::write(tx, caller, writing).await? {
        Written::With(provider, on_the_way) => Took::It(New { id, provider, patient, code, on_the_way }),
        Written::Taken => Took::Taken,
        Written::CodeInUse => Took::Again,
    })
}

/// Locks what [`amend()`] needs: the providers, and nobody is told a slot is theirs that was decided by rules which have changed.
pub(super) async fn enter(
    caller: &Caller,
    tx: &mut TenantTx,
    target: &Target,
    taking: Taking<'_>,
    appointment: AppointmentId,
    until_now: Option<ProviderId>,
) -> Result<Took<(Option<Patient>, Vec<ProviderId>)>> {
    let providers: Vec<ProviderId> = target.allowed.iter().map(|(provider, _)| *provider).collect();
    let entering = Entering {
        rpc: taking.rpc,
        repeatable: caller.repeatable(taking.fingerprint),
        appointment,
        patient: taking.patient,
        providers: &providers,
        until_now,
        block: target.block,
        now: taking.now,
    };
    let (patient, locked) = match booking::enter(tx, entering).await? {
        Entered::Locked(_, locked) if locked.is_empty() => return Ok(Took::Taken),
        Entered::Locked(patient, locked) => (patient, locked),
        Entered::KeyUsed => return Ok(Took::KeyUsed),
        Entered::PatientJustMade => return Ok(Took::Again),
    };
    let mut ours = Vec::with_capacity(locked.len());
    for (provider, version) in &target.allowed {
        // Who is not there any more cannot be locked.
        let Some(found) = locked.iter().find(|locked| locked.provider == *provider) else { continue };
        if version.is_some_and(|version| version != found.rules_version) {
            return Ok(Took::Again);
        }
        ours.push(*provider);
    }
    Ok(Took::It((patient, ours)))
}

/// Makes an appointment, whose row is locked, be at the slot with one of the providers who are locked.
pub(super) async fn amend(
    caller: &Caller,
    tx: &mut TenantTx,
    target: &Target,
    taking: Taking<'_>,
    appointment: AppointmentId,
    (patient, locked): (Option<Patient>, Vec<ProviderId>),
) -> Result<Took<OnTheWay>> {
    let Taking { rpc, service_text, metadata, note, now, .. } = taking;
    let amending = Amending {
        rpc,
        appointment,
        clinic: target.clinic,
        patient: patient.map(|patient| patient.id),
        locked: &locked,
        slot: target.slot,
        block: target.block,
        service: target.service,
        service_text,
        metadata,
        note,
        now,
    };
    Ok(match booking::amend(tx, caller, amending).await? {
        Amended::Booked(on_the_way) => Took::It(on_the_way),
        Amended::Taken => Took::Taken,
    })
}
