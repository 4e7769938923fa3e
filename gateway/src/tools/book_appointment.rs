//! `book_appointment`: books a time for a patient.

use proto::booking::v1::{self as pb, book_appointment_request::What};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tonic::Status;

use super::{
    Answer, appointment_json,
    arguments::{Check, Minutes, Text, read},
    times::{ANOTHER_DAY, contradict, duration, joined, when},
};
use crate::{context::Context, problem::Problem, say, upstream::Upstream};

/// Book an appointment for the caller at a time that they have agreed to. It is booked only when the answer begins with "Booked".
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(extend("required" = ["patient_name", "appointment_time"]))]
pub(super) struct Arguments {
    /// The clinic's id. Leave it out where there is only one clinic.
    clinic_id: Text,
    /// The provider's id. Leave it out if anybody will do.
    provider_id: Text,
    /// The patient's full name.
    patient_name: Text,
    /// The patient's telephone number with country code. Leave it out if it is the number they call from.
    patient_phone: Text,
    /// The patient's e-mail address, if they want to give one.
    patient_email: Text,
    /// When the appointment begins: a date and time on the clinic's clock like 2027-01-05T14:00, or with an offset.
    appointment_time: Text,
    /// The day alone, from models that part it from the time.
    #[schemars(skip)]
    date: Text,
    /// How long it takes, in minutes. Leave it out for the usual 30.
    duration_minutes: Minutes,
    /// What the patient comes for, in their words.
    service: Text,
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
    ("start_time", "appointment_time"),
    ("start", "appointment_time"),
    ("time", "appointment_time"),
    ("datetime", "appointment_time"),
    ("date_time", "appointment_time"),
    ("scheduled_at", "appointment_time"),
    ("appointment_date", "date"),
    ("day", "date"),
    ("duration", "duration_minutes"),
    ("service_text", "service"),
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
    let Arguments {
        clinic_id,
        provider_id,
        patient_name,
        patient_phone,
        patient_email,
        appointment_time,
        date,
        duration_minutes,
        service,
    } = read(given, ALIASES)?;
    let mut check = Check::default();
    let (date, time) = (check.text("date", date), check.text("appointment_time", appointment_time));
    if contradict(&date, &time) {
        check.wrong("date", ANOTHER_DAY);
    }
    let slot = pb::SlotChoice {
        clinic_id: check.text("clinic_id", clinic_id),
        provider_id: check.text("provider_id", provider_id),
        when: when(&joined(&date, &time)),
        duration: duration(check.value("duration_minutes", duration_minutes)),
    };
    let patient = pb::PatientDetails {
        name: check.text("patient_name", patient_name),
        phone: check.text("patient_phone", patient_phone),
        email: check.text("patient_email", patient_email),
    };
    let service_text = check.text("service", service);
    check.finish()?;
    Ok(pb::BookAppointmentRequest { what: Some(What::Slot(slot)), patient: Some(patient), service_text })
}
