//! The messages about clinics.

use prost::Message as _;
use proto::booking::v1 as pb;

use super::convert::{Check, timestamp};
use crate::{
    domain::{
        clinic::{self, Clinic},
        idempotency::Fingerprint,
        ids::ClinicId,
        page::{Page, Position},
        text::Name,
    },
    error::{Error, Result},
    ops::manage_clinics::CreateClinic,
};

impl TryFrom<pb::CreateClinicRequest> for CreateClinic {
    type Error = Error;

    fn try_from(request: pb::CreateClinicRequest) -> Result<Self> {
        let fingerprint = Fingerprint::of(&request.encode_to_vec());
        let pb::CreateClinicRequest { name, time_zone } = request;
        let mut check = Check::default();
        let name = check.field("name", Name::parse(&name));
        let zone = check.field("time_zone", clinic::zone(&time_zone));
        let command = || Some(Self { name: name?, zone: zone?, fingerprint });
        check.finish(command())
    }
}

impl TryFrom<pb::GetClinicRequest> for ClinicId {
    type Error = Error;

    fn try_from(request: pb::GetClinicRequest) -> Result<Self> {
        let pb::GetClinicRequest { clinic_id } = request;
        let mut check = Check::default();
        let id = check.id("clinic_id", &clinic_id);
        check.finish(id)
    }
}

impl From<Clinic> for pb::Clinic {
    fn from(clinic: Clinic) -> Self {
        let Clinic { id, name, zone, created_at } = clinic;
        Self {
            id: id.to_string(),
            name,
            time_zone: zone.iana_name().unwrap_or_default().to_owned(),
            create_time: Some(timestamp(created_at)),
        }
    }
}

impl From<Clinic> for pb::CreateClinicResponse {
    fn from(clinic: Clinic) -> Self {
        Self { clinic: Some(clinic.into()) }
    }
}

impl From<Clinic> for pb::GetClinicResponse {
    fn from(clinic: Clinic) -> Self {
        Self { clinic: Some(clinic.into()) }
    }
}

impl From<Page<Clinic>> for pb::ListClinicsResponse {
    fn from(page: Page<Clinic>) -> Self {
        Self {
            clinics: page.items.into_iter().map(Into::into).collect(),
            next_page_token: page.next.map(Position::token).unwrap_or_default(),
        }
    }
}
