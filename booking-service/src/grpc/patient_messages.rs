//! The messages about patients.

use jiff::civil;
use prost::Message as _;
use proto::booking::v1 as pb;

use super::{
    appointment_messages::patient_details,
    convert::{Check, answers, names, pages, timestamp},
};
use crate::{
    domain::{
        idempotency::Fingerprint,
        ids::PatientId,
        patient::{KnownPatient, PatientRecord, Phone},
        text::Name,
        when,
    },
    error::{Error, Result},
    ops::manage_patients::{CreatePatient, SearchPatients, UpdatePatient},
};

#[expect(clippy::option_option, reason = "whether it is right, and whether it is there at all")]
fn birth_date(check: &mut Check, text: &str) -> Option<Option<civil::Date>> {
    let date = if text.trim().is_empty() { Ok(None) } else { when::date(text).map(Some) };
    check.field("birth_date", date)
}

fn record(check: &mut Check, details: pb::PatientDetails, born: &str) -> Option<PatientRecord> {
    let details = patient_details(check, details);
    let birth_date = birth_date(check, born);
    Some(PatientRecord { details: details?, birth_date: birth_date? })
}

impl TryFrom<pb::CreatePatientRequest> for CreatePatient {
    type Error = Error;

    fn try_from(request: pb::CreatePatientRequest) -> Result<Self> {
        let fingerprint = Fingerprint::of(&request.encode_to_vec());
        let pb::CreatePatientRequest { name, phone, email, birth_date, clinic_id } = request;
        let mut check = Check::default();
        let record = record(&mut check, pb::PatientDetails { name, phone, email }, &birth_date);
        let clinic = check.optional_id("clinic_id", &clinic_id);
        check.finish(record.map(|record| Self { record, clinic, fingerprint }))
    }
}

impl TryFrom<pb::UpdatePatientRequest> for UpdatePatient {
    type Error = Error;

    fn try_from(request: pb::UpdatePatientRequest) -> Result<Self> {
        let pb::UpdatePatientRequest { patient_id, name, phone, email, birth_date, clinic_id, version } =
            request;
        let mut check = Check::default();
        let id = check.id("patient_id", &patient_id);
        let record = record(&mut check, pb::PatientDetails { name, phone, email }, &birth_date);
        let clinic = check.optional_id("clinic_id", &clinic_id);
        let version = check.version(version);
        let command = || Some(Self { id: id?, record: record?, clinic, version: version? });
        check.finish(command())
    }
}

impl TryFrom<pb::SearchPatientsRequest> for SearchPatients {
    type Error = Error;

    fn try_from(request: pb::SearchPatientsRequest) -> Result<Self> {
        let pb::SearchPatientsRequest { phone, name, birth_date: born, page_size, page_token } = request;
        let mut check = Check::default();
        let given = |text: String| Some(text).filter(|text| !text.trim().is_empty());
        let phone = check.field("phone", given(phone).map(|phone| Phone::parse(&phone)).transpose());
        let name = check.field("name", given(name).map(|name| Name::parse(&name)).transpose());
        let birth_date = birth_date(&mut check, &born);
        let page = check.page(page_size, &page_token);
        let command = || {
            let (size, after) = page?;
            Some(Self { phone: phone?, name: name?, birth_date: birth_date?, size, after })
        };
        check.finish(command())
    }
}

names!(GetPatientRequest.patient_id => PatientId, ArchivePatientRequest.patient_id => PatientId);

impl From<KnownPatient> for pb::PatientRecord {
    fn from(known: KnownPatient) -> Self {
        let KnownPatient { patient, birth_date, version, created_at, archived_at } = known;
        Self {
            patient: Some(patient.into()),
            birth_date: birth_date.map(|date| date.to_string()).unwrap_or_default(),
            version,
            create_time: Some(timestamp(created_at)),
            archive_time: archived_at.map(timestamp),
        }
    }
}

answers!(
    KnownPatient => CreatePatientResponse.patient,
    KnownPatient => GetPatientResponse.patient,
    KnownPatient => UpdatePatientResponse.patient,
    KnownPatient => ArchivePatientResponse.patient,
);
pages!(KnownPatient => SearchPatientsResponse.patients);
