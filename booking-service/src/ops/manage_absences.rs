//! Enters, shows, changes and takes back closures and time off.

use jiff::{Timestamp, civil, tz::TimeZone};

use crate::{
    access::{ARCHIVE_ABSENCE, CREATE_ABSENCE, UPDATE_ABSENCE},
    app::App,
    caller::Caller,
    db::{
        TenantTx,
        absences::{self, EndsAfter},
        appointment_lists,
        appointment_lists::Filter,
        audit::{self, Entry},
        clinics,
        idempotency::{self, Claim},
        providers,
    },
    domain::{
        absence::{Absence, Absent},
        appointment::Appointment,
        idempotency::Fingerprint,
        ids::AbsenceId,
        page::{Page, PageSize, Position},
        rules::Shut,
        wall_clock::instants,
    },
    error::{Error, Resource, Result},
};

/// So many appointments that lie in an absence are told.
const MOST_AFFECTED: i64 = 50;

/// What to enter.
#[derive(Clone, Debug)]
pub struct CreateAbsence {
    /// Who is not there.
    pub of: Absent,
    /// From when to when, by the wall clock.
    pub between: (civil::DateTime, civil::DateTime),
    /// Whose clock; `None`: the clinic's, or that of the provider's only clinic.
    pub zone: Option<TimeZone>,
    /// What for.
    pub title: Option<String>,
    /// Knows the request again.
    pub fingerprint: Fingerprint,
}

/// What is to be another way.
#[derive(Clone, Debug)]
pub struct UpdateAbsence {
    /// Which.
    pub id: AbsenceId,
    /// From when to when, by the wall clock.
    pub between: (civil::DateTime, civil::DateTime),
    /// What for.
    pub title: Option<String>,
    /// Which state of it was read; `None`: it does not matter.
    pub version: Option<i64>,
}

/// Whose, how many, and after which.
#[derive(Clone, Copy, Debug)]
pub struct ListAbsences {
    /// Whose.
    pub of: Absent,
    /// Those that end later than this, by the wall clock; `None`: those that are not over.
    pub ends_after: Option<civil::DateTime>,
    /// How many.
    pub size: PageSize,
    /// After which.
    pub after: Option<Position>,
}

/// An absence, and the appointments that lie in it: nobody calls them off but people.
#[derive(Clone, Debug)]
pub struct Entered {
    /// The absence.
    pub absence: Absence,
    /// The first of them.
    pub affected: Vec<Appointment>,
}

/// Enters an absence, or answers with the one that the same request entered before.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn create_absence(app: &App, caller: &Caller, command: CreateAbsence) -> Result<Entered> {
    let CreateAbsence { of, between, zone, title, fingerprint } = command;
    let (id, now) = (AbsenceId::generate(), app.clock.now());
    let mut tx = app.db.tenant_tx(caller).await?;
    let zone = owner(&mut tx, of, zone).await?;
    let claim =
        idempotency::claim(&mut tx, CREATE_ABSENCE, caller.repeatable(fingerprint), id.into(), now).await?;
    if let Claim::Done(id) = claim {
        let absence = existing(&mut tx, id.into()).await?;
        return affected(&mut tx, absence, now).await;
    }
    let shut = Shut { from: between.0, to: between.1, zone };
    let absence = Absence { id, of, shut, title, version: 1, created_at: now, archived_at: None };
    bookings_wait(&mut tx, of).await?;
    absences::insert(&mut tx, &absence).await?;
    audit::insert(&mut tx, caller, now, Entry::done(CREATE_ABSENCE, "absence", id)).await?;
    let entered = affected(&mut tx, absence, now).await?;
    tx.commit().await?;
    Ok(entered)
}

/// Changes an absence.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn update_absence(app: &App, caller: &Caller, command: UpdateAbsence) -> Result<Entered> {
    let UpdateAbsence { id, between, title, version } = command;
    let mut tx = app.db.tenant_tx(caller).await?;
    let now = app.clock.now();
    let before = existing(&mut tx, id).await?;
    bookings_wait(&mut tx, before.of).await?;
    if !absences::update(&mut tx, id, between, title.as_deref(), version).await? {
        return Err(Error::StaleVersion(existing(&mut tx, id).await?.version));
    }
    audit::insert(&mut tx, caller, now, Entry::done(UPDATE_ABSENCE, "absence", id)).await?;
    let absence = existing(&mut tx, id).await?;
    let entered = affected(&mut tx, absence, now).await?;
    tx.commit().await?;
    Ok(entered)
}

/// A page of absences.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn list_absences(app: &App, caller: &Caller, command: ListAbsences) -> Result<Page<Absence>> {
    let ListAbsences { of, ends_after, size, after } = command;
    let mut tx = app.db.tenant_tx(caller).await?;
    owner(&mut tx, of, Some(TimeZone::UTC)).await?;
    let ends_after = ends_after.map_or_else(|| EndsAfter::Moment(app.clock.now()), EndsAfter::Shown);
    let after = after.map(|after| after.id);
    let mut items = absences::list(&mut tx, of, ends_after, after, size.and_one_more()).await?;
    let next = size.cut(&mut items).map(|last| Position { at: last.created_at, id: last.id.into() });
    Ok(Page { items, next })
}

/// Takes an absence back. Doing it again changes nothing.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn archive_absence(app: &App, caller: &Caller, id: AbsenceId) -> Result<Absence> {
    let mut tx = app.db.tenant_tx(caller).await?;
    let now = app.clock.now();
    let before = existing(&mut tx, id).await?;
    bookings_wait(&mut tx, before.of).await?;
    absences::archive(&mut tx, id, now).await?;
    audit::insert(&mut tx, caller, now, Entry::done(ARCHIVE_ABSENCE, "absence", id)).await?;
    let absence = existing(&mut tx, id).await?;
    tx.commit().await?;
    Ok(absence)
}

/// Makes sure that they are the caller's, and says by which clock they are away.
async fn owner(tx: &mut TenantTx, of: Absent, zone: Option<TimeZone>) -> Result<TimeZone> {
    match of {
        Absent::Clinic(id) => {
            let found = clinics::get(tx, id).await?.ok_or_else(|| Error::ClinicForbidden(id.to_string()))?;
            Ok(zone.unwrap_or(found.clinic.zone))
        }
        Absent::Provider(id) => {
            let found =
                providers::get(tx, id).await?.ok_or_else(|| Error::not_found(Resource::Provider, id))?;
            if let Some(zone) = zone {
                return Ok(zone);
            }
            let required =
                || Error::invalid("time_zone", "is required, as the provider works in several zones or none");
            let mut zones = Vec::new();
            for clinic in found.clinics {
                zones.extend(clinics::get(tx, clinic).await?.map(|found| found.clinic.zone));
            }
            zones.dedup();
            let [zone] = <[TimeZone; 1]>::try_from(zones).map_err(|_| required())?;
            Ok(zone)
        }
    }
}

/// Whoever is away, or all who work at a clinic that is closed, are booked by other rules from now on.
pub(super) async fn bookings_wait(tx: &mut TenantTx, of: Absent) -> Result<()> {
    match of {
        Absent::Clinic(clinic) => providers::rules_change(tx, &[], Some(clinic)).await,
        Absent::Provider(provider) => providers::rules_change(tx, &[provider], None).await,
    }
}

async fn existing(tx: &mut TenantTx, id: AbsenceId) -> Result<Absence> {
    let found = absences::get(tx, id).await?;
    let reached = match found.as_ref().map(|absence| absence.of) {
        Some(Absent::Clinic(clinic)) => clinics::get(tx, clinic).await?.is_some(),
        Some(Absent::Provider(provider)) => providers::get(tx, provider).await?.is_some(),
        None => false,
    };
    found.filter(|_| reached).ok_or_else(|| Error::not_found(Resource::Absence, id))
}

/// With the appointments that lie in it and are to come.
async fn affected(tx: &mut TenantTx, absence: Absence, now: Timestamp) -> Result<Entered> {
    let Shut { from, to, zone } = &absence.shut;
    let stretches = instants(zone, *from, *to);
    let (Some(first), Some(last)) = (stretches.first(), stretches.last()) else {
        return Ok(Entered { absence, affected: Vec::new() });
    };
    let (clinic, provider) = match absence.of {
        Absent::Clinic(clinic) => (Some(clinic), None),
        Absent::Provider(provider) => (None, Some(provider)),
    };
    // What began before reaches in, too.
    let from = first.0.checked_sub(crate::domain::slot::LONGEST).unwrap_or(Timestamp::MIN).max(now);
    let filter =
        Filter { clinic, provider, from: Some(from), to: Some(last.1), promised: true, ..Filter::default() };
    let mut affected = appointment_lists::list(tx, &filter, None, MOST_AFFECTED, now).await?;
    affected.retain(|appointment| {
        stretches.iter().any(|(from, to)| *from < appointment.slot.end() && appointment.slot.start() < *to)
    });
    Ok(Entered { absence, affected })
}
