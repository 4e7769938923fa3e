//! `book_appointment`: books a time for a patient.

use proto::booking::v1::{self as pb, book_appointment_request::What};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tonic::Status;

use super::{
    Answer, appointment_json,
    arguments::{Check, Text, read},
    slot_arguments::{self, Named, SlotArguments, named},
};
use crate::{context::Context, problem::Problem, say, upstream::Upstream};

/// Book an appointment for the caller at a time that they have agreed to. It is booked only when the answer begins with "Booked".
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(extend("required" = ["patient_name"]))]
pub(super) struct Arguments {
    /// The patient's full name.
    patient_name: Text,
    #[serde(flatten)]
    slot: SlotArguments,
    /// The patient's telephone number with country code. Leave it out if it is the number they call from.
    patient_phone: Text,
    /// The patient's e-mail address, if they want to give one.
    patient_email: Text,
    /// The id of a time that `hold_slot` keeps for the caller, to book that.
    appointment_id: Text,
}

const ALIASES: &[(&str, &str)] = &[
    ("name", "patient_name"),
    ("customer_name", "patient_name"),
    ("caller_name", "patient_name"),
    ("full_name", "patient_name"),
    ("phone", "patient_phone"),
    ("phone_number", "patient_phone"),
    ("customer_phone", "patient_phone"),
    ("email", "patient_email"),
    ("customer_email", "patient_email"),
    ("hold_id", "appointment_id"),
    ("reason", "service"),
];

pub(super) async fn call(
    upstream: &Upstream,
    context: &Context,
    given: Map<String, Value>,
) -> Result<Answer, Problem> {
    let request = request(given)?;
    let response = upstream.book_appointment(context, request).await?;
    let pb::BookAppointmentResponse { appointment: Some(appointment), calendar_sync } = response else {
        return Err(Status::internal("the booking service answered without an appointment").into());
    };
    let sync = calendar_sync.unwrap_or_default();
    let say = say::booked(&appointment);
    let facts = json!({
        "appointment_id": appointment.id,
        "google_calendar_event_id": appointment_json::event_id(&sync),
        "appointment": appointment_json::appointment(&appointment),
        "calendar_sync": appointment_json::calendar_sync(&sync, &appointment.id),
    });
    Ok(Answer::new(say, facts))
}

pub(super) fn request(given: Map<String, Value>) -> Result<pb::BookAppointmentRequest, Problem> {
    let Arguments { patient_name, slot, patient_phone, patient_email, appointment_id } =
        read(given, &[ALIASES, slot_arguments::ALIASES].concat())?;
    let mut check = Check::default();
    let Named { offer_id, slot, service_text } = named(&mut check, slot);
    let patient = pb::PatientDetails {
        name: check.text("patient_name", patient_name),
        phone: check.text("patient_phone", patient_phone),
        email: check.text("patient_email", patient_email),
    };
    let hold_id = check.text("appointment_id", appointment_id);
    check.finish()?;
    // What is named in several ways must be the same slot.
    let (what, expected) = match (hold_id.is_empty(), offer_id.is_empty()) {
        (true, true) => (What::Slot(slot), None),
        (true, false) => (What::OfferId(offer_id), Some(slot)),
        (false, _) => (What::AppointmentId(hold_id), Some(slot)),
    };
    Ok(pb::BookAppointmentRequest {
        what: Some(what),
        patient: Some(patient),
        service_text,
        expected,
        metadata: [].into(),
        override_reason: String::new(),
    })
}
