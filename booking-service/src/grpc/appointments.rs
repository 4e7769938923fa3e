//! `booking.v1.AppointmentService`.

use prost::Message as _;
use proto::booking::v1::{
    self as pb, appointment_service_server::AppointmentService, book_appointment_request::What,
};
use tonic::{Request, Response, Status};

use super::{admit, answer, appointment_view::state_filter, convert::Check};
use crate::{
    access::{BOOK_APPOINTMENT, CANCEL_APPOINTMENT, GET_APPOINTMENT, LIST_APPOINTMENTS},
    app::App,
    db::appointment_lists::Filter,
    domain::{
        confirmation_code::ConfirmationCode,
        idempotency::Fingerprint,
        patient::{Email, PatientDetails, Phone},
        text::{self, Name},
    },
    error::{Error, Result},
    ops::{
        book_appointment::{BookAppointment, book_appointment},
        cancel_appointment::{CancelAppointment, cancel_appointment},
        read_appointments::{AppointmentName, ListAppointments, get_appointment, list_appointments},
    },
};

const LONGEST_SERVICE_TEXT: usize = 200;
const LONGEST_REASON: usize = 500;

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
        let outcome = async { cancel_appointment(&self.0, &caller, message.try_into()?).await }.await;
        answer(&self.0, &caller, CANCEL_APPOINTMENT, outcome).await
    }
}

impl TryFrom<pb::BookAppointmentRequest> for BookAppointment {
    type Error = Error;

    fn try_from(request: pb::BookAppointmentRequest) -> Result<Self> {
        let fingerprint = Fingerprint::of(&request.encode_to_vec());
        let pb::BookAppointmentRequest { what, patient, service_text } = request;
        let mut check = Check::default();
        let slot = check.slot(what.map(|What::Slot(slot)| slot));
        // A missing patient misses everything that a patient must have.
        let patient = patient_details(&mut check, patient.unwrap_or_default());
        let service_text = check.field("service_text", text::optional(&service_text, LONGEST_SERVICE_TEXT));
        let command =
            || Some(Self { slot: slot?, patient: patient?, service_text: service_text?, fingerprint });
        check.finish(command())
    }
}

fn patient_details(check: &mut Check, details: pb::PatientDetails) -> Option<PatientDetails> {
    let pb::PatientDetails { name, phone, email } = details;
    let given = |text: &str| !text.trim().is_empty();
    let name = check.field("patient.name", Name::parse(&name));
    let phone =
        check.field("patient.phone", Some(phone).filter(|p| given(p)).map(|p| Phone::parse(&p)).transpose());
    let email =
        check.field("patient.email", Some(email).filter(|e| given(e)).map(|e| Email::parse(&e)).transpose());
    Some(PatientDetails { name: name?, phone: phone?, email: email? })
}

fn appointment_name(check: &mut Check, id: &str, code: &str) -> Option<AppointmentName> {
    if id.is_empty() && code.trim().is_empty() {
        let missing = "is required, or the confirmation code".to_owned();
        return check.field("appointment_id", Err(missing));
    }
    let given_id = check.optional_id("appointment_id", id);
    let given_code =
        Some(code).filter(|code| !code.trim().is_empty()).map(ConfirmationCode::parse).transpose();
    let code = check.field("confirmation_code", given_code)?;
    Some(AppointmentName { id: given_id, code })
}

impl TryFrom<pb::GetAppointmentRequest> for AppointmentName {
    type Error = Error;

    fn try_from(request: pb::GetAppointmentRequest) -> Result<Self> {
        let pb::GetAppointmentRequest { appointment_id, confirmation_code } = request;
        let mut check = Check::default();
        let name = appointment_name(&mut check, &appointment_id, &confirmation_code);
        check.finish(name)
    }
}

impl TryFrom<pb::CancelAppointmentRequest> for CancelAppointment {
    type Error = Error;

    fn try_from(request: pb::CancelAppointmentRequest) -> Result<Self> {
        let fingerprint = Fingerprint::of(&request.encode_to_vec());
        let pb::CancelAppointmentRequest { appointment_id, confirmation_code, reason } = request;
        let mut check = Check::default();
        let name = appointment_name(&mut check, &appointment_id, &confirmation_code);
        let reason = check.field("reason", text::optional(&reason, LONGEST_REASON));
        let command = || Some(Self { name: name?, reason: reason?, fingerprint });
        check.finish(command())
    }
}

impl TryFrom<pb::ListAppointmentsRequest> for ListAppointments {
    type Error = Error;

    fn try_from(request: pb::ListAppointmentsRequest) -> Result<Self> {
        let state = request.state();
        let pb::ListAppointmentsRequest {
            clinic_id,
            provider_id,
            start_time,
            end_time,
            state: number,
            page_size,
            page_token,
            upcoming,
        } = request;
        let mut check = Check::default();
        let known = pb::AppointmentState::try_from(number).map_err(|_| "is not a state".to_owned());
        check.field("state", known);
        let filter = Filter {
            clinic: check.optional_id("clinic_id", &clinic_id),
            provider: check.optional_id("provider_id", &provider_id),
            from: check.optional_time("start_time", start_time),
            to: check.optional_time("end_time", end_time),
            state: state_filter(state),
            promised: false,
            patient_phone: None,
        };
        let page = check.page(page_size, &page_token);
        check.finish(page.map(|(size, after)| Self { filter, upcoming, size, after }))
    }
}
