//! `booking.v1.AppointmentService`. Its messages are converted in `appointment_messages` and `appointment_view`.

use proto::booking::v1::{self as pb, appointment_service_server::AppointmentService};
use tonic::{Request, Response, Status};

use super::{admit, answer};
use crate::{
    access::{
        BOOK_APPOINTMENT, CANCEL_APPOINTMENT, COMPLETE_APPOINTMENT, CONFIRM_APPOINTMENT, GET_APPOINTMENT,
        HOLD_SLOT, LIST_APPOINTMENTS, MARK_NO_SHOW, RELEASE_HOLD, RESCHEDULE_APPOINTMENT,
    },
    app::App,
    ops::{
        book_appointment::book_appointment,
        change_state::change_state,
        hold_slot::{hold_slot, release_hold},
        read_appointments::{get_appointment, list_appointments},
        reschedule_appointment::reschedule_appointment,
    },
};

#[derive(Debug)]
pub(super) struct Appointments(pub(super) App);

#[tonic::async_trait]
impl AppointmentService for Appointments {
    async fn book_appointment(
        &self,
        request: Request<pb::BookAppointmentRequest>,
    ) -> Result<Response<pb::BookAppointmentResponse>, Status> {
        let (caller, message) = admit(&self.0, BOOK_APPOINTMENT, request).await?;
        let outcome = async { book_appointment(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, BOOK_APPOINTMENT, outcome).await
    }

    async fn get_appointment(
        &self,
        request: Request<pb::GetAppointmentRequest>,
    ) -> Result<Response<pb::GetAppointmentResponse>, Status> {
        let (caller, message) = admit(&self.0, GET_APPOINTMENT, request).await?;
        let outcome = async { get_appointment(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, GET_APPOINTMENT, outcome).await
    }

    async fn list_appointments(
        &self,
        request: Request<pb::ListAppointmentsRequest>,
    ) -> Result<Response<pb::ListAppointmentsResponse>, Status> {
        let (caller, message) = admit(&self.0, LIST_APPOINTMENTS, request).await?;
        let outcome = async { list_appointments(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, LIST_APPOINTMENTS, outcome).await
    }

    async fn cancel_appointment(
        &self,
        request: Request<pb::CancelAppointmentRequest>,
    ) -> Result<Response<pb::CancelAppointmentResponse>, Status> {
        let (caller, message) = admit(&self.0, CANCEL_APPOINTMENT, request).await?;
        let outcome = async { change_state(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, CANCEL_APPOINTMENT, outcome).await
    }

    async fn hold_slot(
        &self,
        request: Request<pb::HoldSlotRequest>,
    ) -> Result<Response<pb::HoldSlotResponse>, Status> {
        let (caller, message) = admit(&self.0, HOLD_SLOT, request).await?;
        let outcome = async { hold_slot(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, HOLD_SLOT, outcome).await
    }

    async fn release_hold(
        &self,
        request: Request<pb::ReleaseHoldRequest>,
    ) -> Result<Response<pb::ReleaseHoldResponse>, Status> {
        let (caller, message) = admit(&self.0, RELEASE_HOLD, request).await?;
        let outcome = async { release_hold(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, RELEASE_HOLD, outcome).await
    }

    async fn reschedule_appointment(
        &self,
        request: Request<pb::RescheduleAppointmentRequest>,
    ) -> Result<Response<pb::RescheduleAppointmentResponse>, Status> {
        let (caller, message) = admit(&self.0, RESCHEDULE_APPOINTMENT, request).await?;
        let outcome = async { reschedule_appointment(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, RESCHEDULE_APPOINTMENT, outcome).await
    }

    async fn confirm_appointment(
        &self,
        request: Request<pb::ConfirmAppointmentRequest>,
    ) -> Result<Response<pb::ConfirmAppointmentResponse>, Status> {
        let (caller, message) = admit(&self.0, CONFIRM_APPOINTMENT, request).await?;
        let outcome = async { change_state(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, CONFIRM_APPOINTMENT, outcome).await
    }

    async fn complete_appointment(
        &self,
        request: Request<pb::CompleteAppointmentRequest>,
    ) -> Result<Response<pb::CompleteAppointmentResponse>, Status> {
        let (caller, message) = admit(&self.0, COMPLETE_APPOINTMENT, request).await?;
        let outcome = async { change_state(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, COMPLETE_APPOINTMENT, outcome).await
    }

    async fn mark_no_show(
        &self,
        request: Request<pb::MarkNoShowRequest>,
    ) -> Result<Response<pb::MarkNoShowResponse>, Status> {
        let (caller, message) = admit(&self.0, MARK_NO_SHOW, request).await?;
        let outcome = async { change_state(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, MARK_NO_SHOW, outcome).await
    }
}
