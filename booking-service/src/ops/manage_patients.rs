//! Adds, shows, changes, archives and finds patients. Every look at them is audited.

use jiff::civil;

use crate::{
    access::{ARCHIVE_PATIENT, CREATE_PATIENT, GET_PATIENT, SEARCH_PATIENTS, UPDATE_PATIENT},
    app::App,
    caller::Caller,
    db::{
        TenantTx,
        audit::{self, Entry},
        clinics,
        idempotency::{self, Claim},
        patients::{self, Sought, Updated},
    },
    domain::{
        idempotency::Fingerprint,
        ids::{ClinicId, PatientId},
        page::{Page, PageSize, Position},
        patient::{KnownPatient, PatientRecord, Phone},
        text::Name,
    },
    error::{Error, Resource, Result},
};

/// More clinics than this have no countries of their own.
const MOST_CLINICS: i64 = 50;

/// The patient to add.
#[derive(Clone, Debug)]
pub struct CreatePatient {
    /// Who.
    pub record: PatientRecord,
    /// Whose country's numbers are written without a code; `None`: numbers stay as they are written, but for those with a code.
    pub clinic: Option<ClinicId>,
    /// Knows the request again.
    pub fingerprint: Fingerprint,
}

/// A patient, and what is known of them from now on.
#[derive(Clone, Debug)]
pub struct UpdatePatient {
    /// Which.
    pub id: PatientId,
    /// Who.
    pub record: PatientRecord,
    /// As for [`CreatePatient`].
    pub clinic: Option<ClinicId>,
    /// Which state was read; `None`: it does not matter.
    pub version: Option<i64>,
}

/// Whom to look for, how many, and after which.
#[derive(Clone, Debug)]
pub struct SearchPatients {
    /// Whose number it is, however it is written.
    pub phone: Option<Phone>,
    /// How the name begins, or one of its words.
    pub name: Option<Name>,
    /// When they were born.
    pub birth_date: Option<civil::Date>,
    /// How many.
    pub size: PageSize,
    /// After which.
    pub after: Option<Position>,
}

/// Adds a patient, or answers with the one that the same request added before.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn create_patient(app: &App, caller: &Caller, command: CreatePatient) -> Result<KnownPatient> {
    let CreatePatient { record, clinic, fingerprint } = command;
    let (id, now) = (PatientId::generate(), app.clock.now());
    let mut tx = app.db.tenant_tx(caller).await?;
    let record = in_country(&mut tx, clinic, record).await?;
    let claim =
        idempotency::claim(&mut tx, CREATE_PATIENT, caller.repeatable(fingerprint), id.into(), now).await?;
    if let Claim::Done(id) = claim {
        return existing(&mut tx, id.into()).await;
    }
    if !patients::insert(&mut tx, id, &record, now).await? {
        return Err(Error::NameInUse);
    }
    audit::insert(&mut tx, caller, now, Entry::done(CREATE_PATIENT, "patient", id)).await?;
    let patient = existing(&mut tx, id).await?;
    tx.commit().await?;
    Ok(patient)
}

/// One patient.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn get_patient(app: &App, caller: &Caller, id: PatientId) -> Result<KnownPatient> {
    let mut tx = app.db.tenant_tx(caller).await?;
    let patient = existing(&mut tx, id).await?;
    audit::insert(&mut tx, caller, app.clock.now(), Entry::done(GET_PATIENT, "patient", id)).await?;
    tx.commit().await?;
    Ok(patient)
}

/// Changes what is known of a patient.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn update_patient(app: &App, caller: &Caller, command: UpdatePatient) -> Result<KnownPatient> {
    let UpdatePatient { id, record, clinic, version } = command;
    let mut tx = app.db.tenant_tx(caller).await?;
    let record = in_country(&mut tx, clinic, record).await?;
    let before = existing(&mut tx, id).await?;
    match patients::update(&mut tx, id, &record, version).await? {
        Updated::Done => {}
        Updated::Stale => return Err(Error::StaleVersion(before.version)),
        Updated::Known => return Err(Error::NameInUse),
    }
    audit::insert(&mut tx, caller, app.clock.now(), Entry::done(UPDATE_PATIENT, "patient", id)).await?;
    let patient = existing(&mut tx, id).await?;
    tx.commit().await?;
    Ok(patient)
}

/// From now on the patient is found no more; what was booked stays. Doing it again changes nothing.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn archive_patient(app: &App, caller: &Caller, id: PatientId) -> Result<KnownPatient> {
    let mut tx = app.db.tenant_tx(caller).await?;
    let now = app.clock.now();
    existing(&mut tx, id).await?;
    patients::archive(&mut tx, id, now).await?;
    audit::insert(&mut tx, caller, now, Entry::done(ARCHIVE_PATIENT, "patient", id)).await?;
    let patient = existing(&mut tx, id).await?;
    tx.commit().await?;
    Ok(patient)
}

/// A page of patients. Whoever speaks for somebody on the telephone finds those with the number that they call from, and no others.
#[tracing::instrument(skip_all, fields(org.id = %caller.org, request.id = caller.request.id))]
pub async fn search_patients(
    app: &App,
    caller: &Caller,
    command: SearchPatients,
) -> Result<Page<KnownPatient>> {
    let SearchPatients { phone, name, birth_date, size, after } = command;
    let phone = if caller.is_voice() {
        Some(caller.number().ok_or(Error::CallerNotIdentified)?.clone())
    } else {
        phone
    };
    let mut tx = app.db.tenant_tx(caller).await?;
    let phones = match phone {
        None => None,
        Some(phone) => Some(as_it_may_be_kept(&mut tx, &phone).await?),
    };
    let sought = Sought { phones, name, birth_date };
    let after = after.map(|after| after.id);
    let mut items = patients::search(&mut tx, &sought, after, size.and_one_more()).await?;
    let next = size.cut(&mut items).map(|last| Position { at: last.created_at, id: last.patient.id.into() });
    audit::insert(&mut tx, caller, app.clock.now(), Entry::listed(SEARCH_PATIENTS, "patient")).await?;
    tx.commit().await?;
    Ok(Page { items, next })
}

/// A number as it is written, and as it is meant in each of the organisation's countries.
async fn as_it_may_be_kept(tx: &mut TenantTx, phone: &Phone) -> Result<Vec<String>> {
    let clinics = clinics::list(tx, None, MOST_CLINICS).await?;
    let countries = clinics.iter().map(|record| record.clinic.country.as_deref());
    let mut phones: Vec<String> = countries
        .map(|country| phone.in_country(country))
        .chain([phone.clone()])
        .map(|p| p.as_str().to_owned())
        .collect();
    phones.sort();
    phones.dedup();
    Ok(phones)
}

async fn in_country(
    tx: &mut TenantTx,
    clinic: Option<ClinicId>,
    record: PatientRecord,
) -> Result<PatientRecord> {
    let country = match clinic {
        None => None,
        Some(id) => {
            let found = clinics::get(tx, id).await?.ok_or_else(|| Error::ClinicForbidden(id.to_string()))?;
            found.clinic.country
        }
    };
    Ok(PatientRecord { details: record.details.in_country(country.as_deref()), ..record })
}

async fn existing(tx: &mut TenantTx, id: PatientId) -> Result<KnownPatient> {
    patients::get(tx, id).await?.ok_or_else(|| Error::not_found(Resource::Patient, id))
}
