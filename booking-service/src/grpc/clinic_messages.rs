//! The messages about clinics.

use jiff::SignedDuration;
use prost::Message as _;
use proto::booking::v1 as pb;

use super::{
    convert::{Check, answers, duration, names, pages, timestamp},
    hours_messages::days,
};
use crate::{
    domain::{
        clinic::{
            self, ClinicDetails, ClinicRecord, LONGEST_ABOUT, LONGEST_ADDRESS, LONGEST_PHONE,
            LONGEST_SENTENCE,
        },
        clinic_file::ClinicFile,
        idempotency::Fingerprint,
        ids::ClinicId,
        rules::{Diary, LONGEST_NOTICE, Policy},
        text::Name,
    },
    error::{Error, Result, Violation},
    ops::{
        describe_clinic::{ClinicDescription, DescribeClinic},
        import_clinic::{ImportClinic, Imported},
        manage_clinics::{CreateClinic, UpdateClinic},
    },
};

/// What two messages say of a clinic, each in its own fields.
macro_rules! details {
    (
        $check:ident, $name:ident, $country:ident, $address:ident, $phone:ident, $about:ident, $policy:ident, $change_cutoff:ident, $emergency:ident,
        $advice:ident
    ) => {{
        let name = $check.field("name", Name::parse(&$name));
        let country = $check.field("country", clinic::country(&$country));
        let address = $check.text("address", &$address, LONGEST_ADDRESS);
        let phone = $check.text("phone", &$phone, LONGEST_PHONE);
        let about = $check.text("about", &$about, LONGEST_ABOUT);
        let policy = $check.policy($policy);
        let cutoff = $check.minutes("change_cutoff", $change_cutoff, LONGEST_NOTICE);
        let cutoff = Some(cutoff).filter(|cutoff| !cutoff.is_zero());
        let emergency_sentence = $check.text("emergency_sentence", &$emergency, LONGEST_SENTENCE);
        let advice_sentence = $check.text("advice_sentence", &$advice, LONGEST_SENTENCE);
        let details = || {
            let (name, country) = (name?, country?);
            Some(ClinicDetails {
                name,
                country,
                address,
                phone,
                about,
                policy,
                cutoff,
                emergency_sentence,
                advice_sentence,
            })
        };
        details()
    }};
}

impl TryFrom<pb::CreateClinicRequest> for CreateClinic {
    type Error = Error;

    fn try_from(request: pb::CreateClinicRequest) -> Result<Self> {
        let fingerprint = Fingerprint::of(&request.encode_to_vec());
        let pb::CreateClinicRequest {
            name,
            time_zone,
            country,
            address,
            phone,
            about,
            policy,
            change_cutoff,
            emergency_sentence,
            advice_sentence,
        } = request;
        let mut check = Check::default();
        let zone = check.field("time_zone", clinic::zone(&time_zone));
        let details = details!(
            check,
            name,
            country,
            address,
            phone,
            about,
            policy,
            change_cutoff,
            emergency_sentence,
            advice_sentence
        );
        let command = || Some(Self { zone: zone?, details: details?, fingerprint });
        check.finish(command())
    }
}

impl TryFrom<pb::UpdateClinicRequest> for UpdateClinic {
    type Error = Error;

    fn try_from(request: pb::UpdateClinicRequest) -> Result<Self> {
        let pb::UpdateClinicRequest {
            clinic_id,
            name,
            country,
            address,
            phone,
            about,
            policy,
            change_cutoff,
            version,
            emergency_sentence,
            advice_sentence,
        } = request;
        let mut check = Check::default();
        let id = check.id("clinic_id", &clinic_id);
        let details = details!(
            check,
            name,
            country,
            address,
            phone,
            about,
            policy,
            change_cutoff,
            emergency_sentence,
            advice_sentence
        );
        let version = check.version(version);
        let command = || Some(Self { id: id?, details: details?, version: version? });
        check.finish(command())
    }
}

names!(GetClinicRequest.clinic_id => ClinicId, ArchiveClinicRequest.clinic_id => ClinicId);

impl TryFrom<pb::DescribeClinicRequest> for DescribeClinic {
    type Error = Error;

    fn try_from(request: pb::DescribeClinicRequest) -> Result<Self> {
        let pb::DescribeClinicRequest { clinic_id } = request;
        let mut check = Check::default();
        let id = check.optional_id("clinic_id", &clinic_id);
        check.finish(Some(Self(id)))
    }
}

/// What limits a start, as proto shows it.
pub(super) fn policy(policy: Policy) -> Option<pb::StartPolicy> {
    let Policy { grid, notice, horizon_days } = policy;
    (policy != Policy::default()).then(|| pb::StartPolicy {
        grid_minutes: grid.map(|grid| grid.minutes().into()).unwrap_or_default(),
        notice: notice.map(duration),
        horizon_days: horizon_days.unwrap_or_default().into(),
    })
}

impl From<ClinicRecord> for pb::Clinic {
    fn from(record: ClinicRecord) -> Self {
        let ClinicRecord { clinic, details, version, archived_at } = record;
        let ClinicDetails {
            name: _,
            country,
            address,
            phone,
            about,
            policy: limits,
            cutoff,
            emergency_sentence,
            advice_sentence,
        } = details;
        let text = Option::unwrap_or_default;
        Self {
            id: clinic.id.to_string(),
            name: clinic.name,
            time_zone: clinic.zone.iana_name().unwrap_or_default().to_owned(),
            create_time: Some(timestamp(clinic.created_at)),
            country: text(country),
            address: text(address),
            phone: text(phone),
            about: text(about),
            policy: policy(limits),
            change_cutoff: cutoff.map(|cutoff: SignedDuration| duration(cutoff)),
            version,
            archive_time: archived_at.map(timestamp),
            emergency_sentence: text(emergency_sentence),
            advice_sentence: text(advice_sentence),
        }
    }
}

answers!(
    ClinicRecord => CreateClinicResponse.clinic,
    ClinicRecord => GetClinicResponse.clinic,
    ClinicRecord => UpdateClinicResponse.clinic,
    ClinicRecord => ArchiveClinicResponse.clinic,
);
pages!(ClinicRecord => ListClinicsResponse.clinics);

impl From<ClinicDescription> for pb::DescribeClinicResponse {
    fn from(description: ClinicDescription) -> Self {
        let ClinicDescription { record, today, services, diaries, closures } = description;
        let id = record.clinic.id.to_string();
        let provider = |diary: &Diary| pb::Provider {
            id: diary.id().to_string(),
            name: diary.provider.name.clone(),
            clinic_ids: vec![id.clone()],
            ..Default::default()
        };
        let hours = |diary: &Diary| {
            Some(pb::WorkingHours {
                clinic_id: id.clone(),
                provider_id: diary.id().to_string(),
                days: days(diary.schedule.as_ref()?),
                version: 0,
            })
        };
        Self {
            spoken_today: today.spoken(),
            services: services.into_iter().map(Into::into).collect(),
            providers: diaries.iter().map(provider).collect(),
            working_hours: diaries.iter().filter_map(hours).collect(),
            closures: closures.into_iter().map(Into::into).collect(),
            clinic: Some(record.into()),
        }
    }
}

impl TryFrom<pb::ImportClinicRequest> for ImportClinic {
    type Error = Error;

    fn try_from(request: pb::ImportClinicRequest) -> Result<Self> {
        let pb::ImportClinicRequest { document, apply } = request;
        let violation = |problem| Violation { field: "document", problem };
        let file = ClinicFile::parse(&document)
            .map_err(|problems| Error::Invalid(problems.into_iter().map(violation).collect()))?;
        Ok(Self { file, apply })
    }
}

impl From<Imported> for pb::ImportClinicResponse {
    fn from(imported: Imported) -> Self {
        let Imported { clinic, changes } = imported;
        Self { clinic_id: clinic.map(|id| id.to_string()).unwrap_or_default(), changes }
    }
}
