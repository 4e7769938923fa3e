//! What requests about appointments ask for.

use prost::Message as _;
use proto::booking::v1::{
    self as pb, book_appointment_request as book, hold_slot_request as hold,
    reschedule_appointment_request as reschedule,
};

use super::{appointment_view::state_filter, convert::Check};
use crate::{
    db::appointment_lists::Filter,
    domain::{
        appointment::Change,
        confirmation_code::{ConfirmationCode, OfferCode},
        idempotency::Fingerprint,
        ids::AppointmentId,
        patient::{Email, PatientDetails, Phone},
        text::Name,
    },
    error::{Error, Result},
    ops::{
        book_appointment::{BookAppointment, What},
        change_state::ChangeState,
        hold_slot::{HoldSlot, ReleaseHold},
        offered::SlotName,
        read_appointments::{AppointmentName, ListAppointments},
        reschedule_appointment::RescheduleAppointment,
    },
};

const LONGEST_SERVICE_TEXT: usize = 200;
const LONGEST_REASON: usize = super::convert::LONGEST_REASON;

impl TryFrom<pb::BookAppointmentRequest> for BookAppointment {
    type Error = Error;

    fn try_from(request: pb::BookAppointmentRequest) -> Result<Self> {
        let fingerprint = Fingerprint::of(&request.encode_to_vec());
        let pb::BookAppointmentRequest { what, patient, service_text, expected, metadata, override_reason } =
            request;
        let mut check = Check::default();
        let is_hold = matches!(what, Some(book::What::AppointmentId(_)));
        let what = match what {
            Some(book::What::AppointmentId(id)) => check.id("appointment_id", &id).map(What::Hold),
            Some(book::What::OfferId(code)) => offer(&mut check, &code).map(What::Slot),
            Some(book::What::Slot(slot)) => {
                time(&mut check, Some(named(slot, &service_text))).map(What::Slot)
            }
            None => time(&mut check, None).map(What::Slot),
        };
        // A missing patient misses everything that a patient must have; of a hold, one may be known.
        let patient = match patient {
            None if is_hold => Some(None),
            patient => patient_details(&mut check, patient.unwrap_or_default()).map(Some),
        };
        let expected = check.expected(expected);
        let service_text = check.text("service_text", &service_text, LONGEST_SERVICE_TEXT);
        let metadata = check.metadata(metadata);
        let override_reason = check.override_reason(&override_reason);
        let command = || {
            Some(Self {
                what: what?,
                expected: expected?,
                patient: patient?,
                service_text,
                metadata: metadata?,
                override_reason,
                fingerprint,
            })
        };
        check.finish(command())
    }
}

impl TryFrom<pb::HoldSlotRequest> for HoldSlot {
    type Error = Error;

    fn try_from(request: pb::HoldSlotRequest) -> Result<Self> {
        let fingerprint = Fingerprint::of(&request.encode_to_vec());
        let pb::HoldSlotRequest { what, patient, service_text, expected, metadata } = request;
        let mut check = Check::default();
        let what = match what {
            Some(hold::What::OfferId(code)) => offer(&mut check, &code),
            Some(hold::What::Slot(slot)) => time(&mut check, Some(named(slot, &service_text))),
            None => time(&mut check, None),
        };
        let patient = match patient {
            None => Some(None),
            Some(patient) => patient_details(&mut check, patient).map(Some),
        };
        let expected = check.expected(expected);
        let service_text = check.text("service_text", &service_text, LONGEST_SERVICE_TEXT);
        let metadata = check.metadata(metadata);
        let command = || {
            Some(Self {
                what: what?,
                expected: expected?,
                patient: patient?,
                service_text,
                metadata: metadata?,
                fingerprint,
            })
        };
        check.finish(command())
    }
}

impl TryFrom<pb::ReleaseHoldRequest> for ReleaseHold {
    type Error = Error;

    fn try_from(request: pb::ReleaseHoldRequest) -> Result<Self> {
        let pb::ReleaseHoldRequest { appointment_id } = request;
        let mut check = Check::default();
        let id = check.id("appointment_id", &appointment_id);
        check.finish(id.map(|id| Self { id }))
    }
}

impl TryFrom<pb::RescheduleAppointmentRequest> for RescheduleAppointment {
    type Error = Error;

    fn try_from(request: pb::RescheduleAppointmentRequest) -> Result<Self> {
        let fingerprint = Fingerprint::of(&request.encode_to_vec());
        let pb::RescheduleAppointmentRequest {
            appointment_id,
            confirmation_code,
            to,
            expected,
            metadata,
            override_reason,
            version,
        } = request;
        let mut check = Check::default();
        let name = appointment_name(&mut check, &appointment_id, &confirmation_code);
        let to = match to {
            Some(reschedule::To::OfferId(code)) => offer(&mut check, &code),
            Some(reschedule::To::Slot(slot)) => time(&mut check, Some(slot)),
            None => time(&mut check, None),
        };
        let expected = check.expected(expected);
        let metadata = check.metadata(metadata);
        let override_reason = check.override_reason(&override_reason);
        let version = check.version(version);
        let command = || {
            Some(Self {
                name: name?,
                to: to?,
                expected: expected?,
                metadata: metadata?,
                override_reason,
                version: version?,
                fingerprint,
            })
        };
        check.finish(command())
    }
}

/// What the caller says they come for is what they call the service, unless that is said.
fn named(mut slot: pb::SlotChoice, service_text: &str) -> pb::SlotChoice {
    if slot.service_id.is_empty() && slot.service_text.is_empty() && service_text.chars().count() <= 120 {
        service_text.clone_into(&mut slot.service_text);
    }
    slot
}

fn offer(check: &mut Check, code: &str) -> Option<SlotName> {
    check.field("offer_id", OfferCode::parse(code)).map(SlotName::Offer)
}

fn time(check: &mut Check, slot: Option<pb::SlotChoice>) -> Option<SlotName> {
    check.slot(slot).map(SlotName::Slot)
}

/// Who comes, as far as it is said.
pub(super) fn patient_details(check: &mut Check, details: pb::PatientDetails) -> Option<PatientDetails> {
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

impl TryFrom<pb::CancelAppointmentRequest> for ChangeState {
    type Error = Error;

    fn try_from(request: pb::CancelAppointmentRequest) -> Result<Self> {
        let fingerprint = Fingerprint::of(&request.encode_to_vec());
        let pb::CancelAppointmentRequest {
            appointment_id,
            confirmation_code,
            reason,
            version,
            override_reason,
        } = request;
        let mut check = Check::default();
        let name = appointment_name(&mut check, &appointment_id, &confirmation_code);
        let reason = check.text("reason", &reason, LONGEST_REASON);
        let override_reason = check.override_reason(&override_reason);
        let version = check.version(version);
        let command = || {
            let (name, version) = (name?, version?);
            Some(Self { name, change: Change::Cancel, reason, override_reason, version, fingerprint })
        };
        check.finish(command())
    }
}

impl TryFrom<pb::ConfirmAppointmentRequest> for ChangeState {
    type Error = Error;

    fn try_from(request: pb::ConfirmAppointmentRequest) -> Result<Self> {
        let fingerprint = Fingerprint::of(&request.encode_to_vec());
        let pb::ConfirmAppointmentRequest { appointment_id, confirmation_code, version } = request;
        let mut check = Check::default();
        let name = appointment_name(&mut check, &appointment_id, &confirmation_code);
        let version = check.version(version);
        check.finish(
            name.zip(version).map(|(name, version)| plain(name, Change::Confirm, version, fingerprint)),
        )
    }
}

impl TryFrom<pb::CompleteAppointmentRequest> for ChangeState {
    type Error = Error;

    fn try_from(request: pb::CompleteAppointmentRequest) -> Result<Self> {
        let fingerprint = Fingerprint::of(&request.encode_to_vec());
        let pb::CompleteAppointmentRequest { appointment_id, version } = request;
        by_id(&appointment_id, version, Change::Complete, fingerprint)
    }
}

impl TryFrom<pb::MarkNoShowRequest> for ChangeState {
    type Error = Error;

    fn try_from(request: pb::MarkNoShowRequest) -> Result<Self> {
        let fingerprint = Fingerprint::of(&request.encode_to_vec());
        let pb::MarkNoShowRequest { appointment_id, version } = request;
        by_id(&appointment_id, version, Change::NoShow, fingerprint)
    }
}

fn by_id(id: &str, version: i64, change: Change, fingerprint: Fingerprint) -> Result<ChangeState> {
    let mut check = Check::default();
    let id: Option<AppointmentId> = check.id("appointment_id", id);
    let version = check.version(version);
    let name = |id| AppointmentName { id: Some(id), code: None };
    check.finish(id.zip(version).map(|(id, version)| plain(name(id), change, version, fingerprint)))
}

fn plain(
    name: AppointmentName,
    change: Change,
    version: Option<i64>,
    fingerprint: Fingerprint,
) -> ChangeState {
    ChangeState { name, change, reason: None, override_reason: None, version, fingerprint }
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
