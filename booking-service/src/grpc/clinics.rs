//! `booking.v1.ClinicService`. Its messages are converted in `clinic_messages`, `provider_messages`, `service_messages`, `hours_messages`,
//! `absence_messages` and `patient_messages`.

use proto::booking::v1::{self as pb, clinic_service_server::ClinicService};
use tonic::{Request, Response, Status};

use super::{admit, answer};
use crate::{
    access::{
        ARCHIVE_ABSENCE, ARCHIVE_CLINIC, ARCHIVE_PATIENT, ARCHIVE_PROVIDER, ARCHIVE_SERVICE, ASSIGN_PROVIDER,
        CREATE_ABSENCE, CREATE_CLINIC, CREATE_PATIENT, CREATE_PROVIDER, CREATE_SERVICE, DESCRIBE_CLINIC,
        GET_CLINIC, GET_PATIENT, GET_PROVIDER, GET_SERVICE, GET_WORKING_HOURS, IMPORT_CLINIC, LIST_ABSENCES,
        LIST_CLINICS, LIST_PROVIDERS, LIST_SERVICES, SEARCH_PATIENTS, SET_WORKING_HOURS, UNASSIGN_PROVIDER,
        UPDATE_ABSENCE, UPDATE_CLINIC, UPDATE_PATIENT, UPDATE_PROVIDER, UPDATE_SERVICE,
    },
    app::App,
    ops::{
        describe_clinic::describe_clinic,
        import_clinic::import_clinic,
        manage_absences::{archive_absence, create_absence, list_absences, update_absence},
        manage_clinics::{archive_clinic, create_clinic, get_clinic, list_clinics, update_clinic},
        manage_patients::{archive_patient, create_patient, get_patient, search_patients, update_patient},
        manage_providers::{
            archive_provider, assign_provider, create_provider, get_provider, list_providers,
            unassign_provider, update_provider,
        },
        manage_schedules::{get_working_hours, set_working_hours},
        manage_services::{archive_service, create_service, get_service, list_services, update_service},
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

    async fn update_clinic(
        &self,
        request: Request<pb::UpdateClinicRequest>,
    ) -> Result<Response<pb::UpdateClinicResponse>, Status> {
        let (caller, message) = admit(&self.0, UPDATE_CLINIC, request).await?;
        let outcome = async { update_clinic(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, UPDATE_CLINIC, outcome).await
    }

    async fn archive_clinic(
        &self,
        request: Request<pb::ArchiveClinicRequest>,
    ) -> Result<Response<pb::ArchiveClinicResponse>, Status> {
        let (caller, message) = admit(&self.0, ARCHIVE_CLINIC, request).await?;
        let outcome = async { archive_clinic(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, ARCHIVE_CLINIC, outcome).await
    }

    async fn import_clinic(
        &self,
        request: Request<pb::ImportClinicRequest>,
    ) -> Result<Response<pb::ImportClinicResponse>, Status> {
        let (caller, message) = admit(&self.0, IMPORT_CLINIC, request).await?;
        let outcome = async { import_clinic(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, IMPORT_CLINIC, outcome).await
    }

    async fn describe_clinic(
        &self,
        request: Request<pb::DescribeClinicRequest>,
    ) -> Result<Response<pb::DescribeClinicResponse>, Status> {
        let (caller, message) = admit(&self.0, DESCRIBE_CLINIC, request).await?;
        let outcome = async { describe_clinic(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, DESCRIBE_CLINIC, outcome).await
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

    async fn unassign_provider(
        &self,
        request: Request<pb::UnassignProviderRequest>,
    ) -> Result<Response<pb::UnassignProviderResponse>, Status> {
        let (caller, message) = admit(&self.0, UNASSIGN_PROVIDER, request).await?;
        let outcome = async { unassign_provider(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, UNASSIGN_PROVIDER, outcome).await
    }

    async fn update_provider(
        &self,
        request: Request<pb::UpdateProviderRequest>,
    ) -> Result<Response<pb::UpdateProviderResponse>, Status> {
        let (caller, message) = admit(&self.0, UPDATE_PROVIDER, request).await?;
        let outcome = async { update_provider(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, UPDATE_PROVIDER, outcome).await
    }

    async fn archive_provider(
        &self,
        request: Request<pb::ArchiveProviderRequest>,
    ) -> Result<Response<pb::ArchiveProviderResponse>, Status> {
        let (caller, message) = admit(&self.0, ARCHIVE_PROVIDER, request).await?;
        let outcome = async { archive_provider(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, ARCHIVE_PROVIDER, outcome).await
    }

    async fn create_service(
        &self,
        request: Request<pb::CreateServiceRequest>,
    ) -> Result<Response<pb::CreateServiceResponse>, Status> {
        let (caller, message) = admit(&self.0, CREATE_SERVICE, request).await?;
        let outcome = async { create_service(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, CREATE_SERVICE, outcome).await
    }

    async fn get_service(
        &self,
        request: Request<pb::GetServiceRequest>,
    ) -> Result<Response<pb::GetServiceResponse>, Status> {
        let (caller, message) = admit(&self.0, GET_SERVICE, request).await?;
        let outcome = async { get_service(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, GET_SERVICE, outcome).await
    }

    async fn list_services(
        &self,
        request: Request<pb::ListServicesRequest>,
    ) -> Result<Response<pb::ListServicesResponse>, Status> {
        let (caller, message) = admit(&self.0, LIST_SERVICES, request).await?;
        let outcome = async { list_services(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, LIST_SERVICES, outcome).await
    }

    async fn update_service(
        &self,
        request: Request<pb::UpdateServiceRequest>,
    ) -> Result<Response<pb::UpdateServiceResponse>, Status> {
        let (caller, message) = admit(&self.0, UPDATE_SERVICE, request).await?;
        let outcome = async { update_service(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, UPDATE_SERVICE, outcome).await
    }

    async fn archive_service(
        &self,
        request: Request<pb::ArchiveServiceRequest>,
    ) -> Result<Response<pb::ArchiveServiceResponse>, Status> {
        let (caller, message) = admit(&self.0, ARCHIVE_SERVICE, request).await?;
        let outcome = async { archive_service(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, ARCHIVE_SERVICE, outcome).await
    }

    async fn get_working_hours(
        &self,
        request: Request<pb::GetWorkingHoursRequest>,
    ) -> Result<Response<pb::GetWorkingHoursResponse>, Status> {
        let (caller, message) = admit(&self.0, GET_WORKING_HOURS, request).await?;
        let outcome = async { get_working_hours(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, GET_WORKING_HOURS, outcome).await
    }

    async fn set_working_hours(
        &self,
        request: Request<pb::SetWorkingHoursRequest>,
    ) -> Result<Response<pb::SetWorkingHoursResponse>, Status> {
        let (caller, message) = admit(&self.0, SET_WORKING_HOURS, request).await?;
        let outcome = async { set_working_hours(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, SET_WORKING_HOURS, outcome).await
    }

    async fn create_absence(
        &self,
        request: Request<pb::CreateAbsenceRequest>,
    ) -> Result<Response<pb::CreateAbsenceResponse>, Status> {
        let (caller, message) = admit(&self.0, CREATE_ABSENCE, request).await?;
        let outcome = async { create_absence(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, CREATE_ABSENCE, outcome).await
    }

    async fn list_absences(
        &self,
        request: Request<pb::ListAbsencesRequest>,
    ) -> Result<Response<pb::ListAbsencesResponse>, Status> {
        let (caller, message) = admit(&self.0, LIST_ABSENCES, request).await?;
        let outcome = async { list_absences(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, LIST_ABSENCES, outcome).await
    }

    async fn update_absence(
        &self,
        request: Request<pb::UpdateAbsenceRequest>,
    ) -> Result<Response<pb::UpdateAbsenceResponse>, Status> {
        let (caller, message) = admit(&self.0, UPDATE_ABSENCE, request).await?;
        let outcome = async { update_absence(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, UPDATE_ABSENCE, outcome).await
    }

    async fn archive_absence(
        &self,
        request: Request<pb::ArchiveAbsenceRequest>,
    ) -> Result<Response<pb::ArchiveAbsenceResponse>, Status> {
        let (caller, message) = admit(&self.0, ARCHIVE_ABSENCE, request).await?;
        let outcome = async { archive_absence(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, ARCHIVE_ABSENCE, outcome).await
    }

    async fn create_patient(
        &self,
        request: Request<pb::CreatePatientRequest>,
    ) -> Result<Response<pb::CreatePatientResponse>, Status> {
        let (caller, message) = admit(&self.0, CREATE_PATIENT, request).await?;
        let outcome = async { create_patient(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, CREATE_PATIENT, outcome).await
    }

    async fn get_patient(
        &self,
        request: Request<pb::GetPatientRequest>,
    ) -> Result<Response<pb::GetPatientResponse>, Status> {
        let (caller, message) = admit(&self.0, GET_PATIENT, request).await?;
        let outcome = async { get_patient(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, GET_PATIENT, outcome).await
    }

    async fn update_patient(
        &self,
        request: Request<pb::UpdatePatientRequest>,
    ) -> Result<Response<pb::UpdatePatientResponse>, Status> {
        let (caller, message) = admit(&self.0, UPDATE_PATIENT, request).await?;
        let outcome = async { update_patient(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, UPDATE_PATIENT, outcome).await
    }

    async fn archive_patient(
        &self,
        request: Request<pb::ArchivePatientRequest>,
    ) -> Result<Response<pb::ArchivePatientResponse>, Status> {
        let (caller, message) = admit(&self.0, ARCHIVE_PATIENT, request).await?;
        let outcome = async { archive_patient(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, ARCHIVE_PATIENT, outcome).await
    }

    async fn search_patients(
        &self,
        request: Request<pb::SearchPatientsRequest>,
    ) -> Result<Response<pb::SearchPatientsResponse>, Status> {
        let (caller, message) = admit(&self.0, SEARCH_PATIENTS, request).await?;
        let outcome = async { search_patients(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, SEARCH_PATIENTS, outcome).await
    }
}
