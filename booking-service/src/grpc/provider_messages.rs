//! The messages about providers.

use prost::Message as _;
use proto::booking::v1 as pb;

use super::convert::{Check, timestamp};
use crate::{
    domain::{
        clinic::ProviderRecord,
        idempotency::Fingerprint,
        ids::{ClinicId, ProviderId},
        page::{Page, Position},
        text::Name,
    },
    error::{Error, Result},
    ops::manage_providers::{AssignProvider, CreateProvider, ListProviders},
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

impl TryFrom<pb::GetProviderRequest> for ProviderId {
    type Error = Error;

    fn try_from(request: pb::GetProviderRequest) -> Result<Self> {
        let pb::GetProviderRequest { provider_id } = request;
        let mut check = Check::default();
        let id = check.id("provider_id", &provider_id);
        check.finish(id)
    }
}

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

impl TryFrom<pb::AssignProviderRequest> for AssignProvider {
    type Error = Error;

    fn try_from(request: pb::AssignProviderRequest) -> Result<Self> {
        let pb::AssignProviderRequest { provider_id, clinic_id } = request;
        let mut check = Check::default();
        let provider = check.id("provider_id", &provider_id);
        let clinic = check.id("clinic_id", &clinic_id);
        check.finish(provider.zip(clinic).map(|(provider, clinic)| Self { provider, clinic }))
    }
}

impl From<ProviderRecord> for pb::Provider {
    fn from(provider: ProviderRecord) -> Self {
        let ProviderRecord { id, name, clinics, created_at } = provider;
        Self {
            id: id.to_string(),
            name,
            clinic_ids: clinics.iter().map(ToString::to_string).collect(),
            create_time: Some(timestamp(created_at)),
        }
    }
}

impl From<ProviderRecord> for pb::CreateProviderResponse {
    fn from(provider: ProviderRecord) -> Self {
        Self { provider: Some(provider.into()) }
    }
}

impl From<ProviderRecord> for pb::GetProviderResponse {
    fn from(provider: ProviderRecord) -> Self {
        Self { provider: Some(provider.into()) }
    }
}

impl From<ProviderRecord> for pb::AssignProviderResponse {
    fn from(provider: ProviderRecord) -> Self {
        Self { provider: Some(provider.into()) }
    }
}

impl From<Page<ProviderRecord>> for pb::ListProvidersResponse {
    fn from(page: Page<ProviderRecord>) -> Self {
        Self {
            providers: page.items.into_iter().map(Into::into).collect(),
            next_page_token: page.next.map(Position::token).unwrap_or_default(),
        }
    }
}
