//! The messages about providers.

use prost::Message as _;
use proto::booking::v1 as pb;

use super::convert::{Check, answers, names, pages, timestamp};
use crate::{
    domain::{
        clinic::ProviderRecord,
        idempotency::Fingerprint,
        ids::{ClinicId, ProviderId},
        text::Name,
    },
    error::{Error, Result},
    ops::manage_providers::{AssignProvider, CreateProvider, ListProviders, UpdateProvider},
};

/// A provider who works at more clinics than this is a mistake.
const MOST_CLINICS: usize = 50;

impl TryFrom<pb::CreateProviderRequest> for CreateProvider {
    type Error = Error;

    fn try_from(request: pb::CreateProviderRequest) -> Result<Self> {
        let fingerprint = Fingerprint::of(&request.encode_to_vec());
        let pb::CreateProviderRequest { name, clinic_ids } = request;
        let mut check = Check::default();
        let name = check.field("name", Name::parse(&name));
        let few = if clinic_ids.len() <= MOST_CLINICS { Ok(()) } else { Err("are too many".to_owned()) };
        let few = check.field("clinic_ids", few);
        let clinics: Option<Vec<ClinicId>> = clinic_ids.iter().map(|id| check.id("clinic_ids", id)).collect();
        let command = || few.and(Some(Self { name: name?, clinics: clinics?, fingerprint }));
        check.finish(command())
    }
}

names!(GetProviderRequest.provider_id => ProviderId, ArchiveProviderRequest.provider_id => ProviderId);

impl TryFrom<pb::ListProvidersRequest> for ListProviders {
    type Error = Error;

    fn try_from(request: pb::ListProvidersRequest) -> Result<Self> {
        let pb::ListProvidersRequest { clinic_id, page_size, page_token } = request;
        let mut check = Check::default();
        let clinic = check.optional_id("clinic_id", &clinic_id);
        let page = check.page(page_size, &page_token);
        check.finish(page.map(|(size, after)| Self { clinic, size, after }))
    }
}

/// Requests that name a provider at a clinic.
macro_rules! at_a_clinic {
    ($($message:ident),*) => {
        $(impl TryFrom<pb::$message> for AssignProvider {
            type Error = Error;

            fn try_from(request: pb::$message) -> Result<Self> {
                let pb::$message { provider_id, clinic_id } = request;
                let mut check = Check::default();
                let provider = check.id("provider_id", &provider_id);
                let clinic = check.id("clinic_id", &clinic_id);
                check.finish(provider.zip(clinic).map(|(provider, clinic)| Self { provider, clinic }))
            }
        })*
    };
}

at_a_clinic!(AssignProviderRequest, UnassignProviderRequest);

impl TryFrom<pb::UpdateProviderRequest> for UpdateProvider {
    type Error = Error;

    fn try_from(request: pb::UpdateProviderRequest) -> Result<Self> {
        let pb::UpdateProviderRequest { provider_id, name, version } = request;
        let mut check = Check::default();
        let id = check.id("provider_id", &provider_id);
        let name = check.field("name", Name::parse(&name));
        let version = check.version(version);
        let command = || Some(Self { id: id?, name: name?, version: version? });
        check.finish(command())
    }
}

impl From<ProviderRecord> for pb::Provider {
    fn from(provider: ProviderRecord) -> Self {
        let ProviderRecord { id, name, clinics, version, created_at, archived_at } = provider;
        Self {
            id: id.to_string(),
            name,
            clinic_ids: clinics.iter().map(ToString::to_string).collect(),
            create_time: Some(timestamp(created_at)),
            version,
            archive_time: archived_at.map(timestamp),
        }
    }
}

answers!(
    ProviderRecord => CreateProviderResponse.provider,
    ProviderRecord => GetProviderResponse.provider,
    ProviderRecord => AssignProviderResponse.provider,
    ProviderRecord => UnassignProviderResponse.provider,
    ProviderRecord => UpdateProviderResponse.provider,
    ProviderRecord => ArchiveProviderResponse.provider,
);
pages!(ProviderRecord => ListProvidersResponse.providers);
