//! `booking.v1.ClinicService`. Its messages are converted in `clinic_messages` and `provider_messages`.

use proto::booking::v1::{self as pb, clinic_service_server::ClinicService};
use tonic::{Request, Response, Status};

use super::{admit, answer};
use crate::{
    access::{
        ASSIGN_PROVIDER, CREATE_CLINIC, CREATE_PROVIDER, GET_CLINIC, GET_PROVIDER, LIST_CLINICS,
        LIST_PROVIDERS,
    },
    app::App,
    ops::{
        manage_clinics::{create_clinic, get_clinic, list_clinics},
        manage_providers::{assign_provider, create_provider, get_provider, list_providers},
    },
};

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
