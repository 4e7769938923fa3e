//! `booking.v1.ClinicService`.

use prost::Message as _;
use proto::booking::v1::{self as pb, clinic_service_server::ClinicService};
use tonic::{Request, Response, Status};

use super::{
    admit, answer,
    convert::{Check, timestamp},
};
use crate::{
    access::{
        ASSIGN_PROVIDER, CREATE_CLINIC, CREATE_PROVIDER, GET_CLINIC, GET_PROVIDER, LIST_CLINICS,
        LIST_PROVIDERS,
    },
    app::App,
    domain::{
        clinic::{self, Clinic, ProviderRecord},
        idempotency::Fingerprint,
        ids::{ClinicId, ProviderId},
        page::Position,
        text::Name,
    },
    error::{Error, Result},
    ops::{
        manage_clinics::{CreateClinic, ListClinics, create_clinic, get_clinic, list_clinics},
        manage_providers::{
            AssignProvider, CreateProvider, ListProviders, assign_provider, create_provider, get_provider,
            list_providers,
        },
        read_appointments::Page,
    },
};

/// A provider who works at more clinics than this is a mistake.
const MOST_CLINICS: usize = 50;

#[derive(Debug)]
pub(super) struct Clinics(pub(super) App);

#[tonic::async_trait]
impl ClinicService for Clinics {
    async fn create_clinic(
        &self,
        request: Request<pb::CreateClinicRequest>,
    ) -> Result<Response<pb::CreateClinicResponse>, Status> {
        let (caller, message) = admit(&self.0, CREATE_CLINIC, request).await?;
        let outcome = async { create_clinic(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, CREATE_CLINIC, outcome).await
    }

    async fn get_clinic(
        &self,
        request: Request<pb::GetClinicRequest>,
    ) -> Result<Response<pb::GetClinicResponse>, Status> {
        let (caller, message) = admit(&self.0, GET_CLINIC, request).await?;
        let outcome = async { get_clinic(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, GET_CLINIC, outcome).await
    }

    async fn list_clinics(
        &self,
        request: Request<pb::ListClinicsRequest>,
    ) -> Result<Response<pb::ListClinicsResponse>, Status> {
        let (caller, message) = admit(&self.0, LIST_CLINICS, request).await?;
        let outcome = async { list_clinics(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, LIST_CLINICS, outcome).await
    }

    async fn create_provider(
        &self,
        request: Request<pb::CreateProviderRequest>,
    ) -> Result<Response<pb::CreateProviderResponse>, Status> {
        let (caller, message) = admit(&self.0, CREATE_PROVIDER, request).await?;
        let outcome = async { create_provider(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, CREATE_PROVIDER, outcome).await
    }

    async fn get_provider(
        &self,
        request: Request<pb::GetProviderRequest>,
    ) -> Result<Response<pb::GetProviderResponse>, Status> {
        let (caller, message) = admit(&self.0, GET_PROVIDER, request).await?;
        let outcome = async { get_provider(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, GET_PROVIDER, outcome).await
    }

    async fn list_providers(
        &self,
        request: Request<pb::ListProvidersRequest>,
    ) -> Result<Response<pb::ListProvidersResponse>, Status> {
        let (caller, message) = admit(&self.0, LIST_PROVIDERS, request).await?;
        let outcome = async { list_providers(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, LIST_PROVIDERS, outcome).await
    }

    async fn assign_provider(
        &self,
        request: Request<pb::AssignProviderRequest>,
    ) -> Result<Response<pb::AssignProviderResponse>, Status> {
        let (caller, message) = admit(&self.0, ASSIGN_PROVIDER, request).await?;
        let outcome = async { assign_provider(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, ASSIGN_PROVIDER, outcome).await
    }
}

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

impl TryFrom<pb::ListClinicsRequest> for ListClinics {
    type Error = Error;

    fn try_from(request: pb::ListClinicsRequest) -> Result<Self> {
        let pb::ListClinicsRequest { page_size, page_token } = request;
        let mut check = Check::default();
        let page = check.page(page_size, &page_token);
        check.finish(page.map(|(size, after)| Self { size, after }))
    }
}

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
