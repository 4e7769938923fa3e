//! `reschedule_appointment`: moves an appointment to another time.

use proto::booking::v1::{self as pb, reschedule_appointment_request::To};
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

/// Move an appointment that the caller has to another time that they have agreed to. It keeps its confirmation code. If the new time cannot be had, the
/// appointment stays where it is. One of code and id is needed, and one of offer id and time.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct Arguments {
    /// The six-character confirmation code that the caller was given.
    confirmation_code: Text,
    /// The appointment's id, if it is known and the caller calls from the number it was booked with.
    appointment_id: Text,
    #[serde(flatten)]
    to: SlotArguments,
}

const ALIASES: &[(&str, &str)] = &[
    ("code", "confirmation_code"),
    ("confirmation", "confirmation_code"),
    ("id", "appointment_id"),
    ("booking_id", "appointment_id"),
];

pub(super) async fn call(
    upstream: &Upstream,
    context: &Context,
    given: Map<String, Value>,
) -> Result<Answer, Problem> {
    let response = upstream.reschedule_appointment(context, request(given)?).await?;
    let pb::RescheduleAppointmentResponse { appointment: Some(appointment), calendar_sync } = response else {
        return Err(Status::internal("the booking service answered without an appointment").into());
    };
    let sync = calendar_sync.unwrap_or_default();
    let facts = json!({
        "appointment_id": appointment.id,
        "google_calendar_event_id": appointment_json::event_id(&sync),
        "appointment": appointment_json::appointment(&appointment),
        "calendar_sync": appointment_json::calendar_sync(&sync, &appointment.id),
    });
    Ok(Answer::new(say::moved(&appointment), facts))
}

pub(super) fn request(given: Map<String, Value>) -> Result<pb::RescheduleAppointmentRequest, Problem> {
    let Arguments { confirmation_code, appointment_id, to } =
        read(given, &[ALIASES, slot_arguments::ALIASES].concat())?;
    let mut check = Check::default();
    let Named { offer_id, slot, service_text } = named(&mut check, to);
    let (confirmation_code, appointment_id) =
        (check.text("confirmation_code", confirmation_code), check.text("appointment_id", appointment_id));
    check.finish()?;
    let slot = pb::SlotChoice { service_text, ..slot };
    let (to, expected) =
        if offer_id.is_empty() { (To::Slot(slot), None) } else { (To::OfferId(offer_id), Some(slot)) };
    let to = Some(to);
    Ok(pb::RescheduleAppointmentRequest {
        appointment_id,
        confirmation_code,
        to,
        expected,
        ..Default::default()
    })
}
