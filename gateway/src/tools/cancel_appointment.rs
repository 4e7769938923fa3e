//! `cancel_appointment`: calls an appointment off.

use proto::booking::v1 as pb;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tonic::Status;

use super::{
    Answer, appointment_json,
    arguments::{Check, Text, read},
};
use crate::{context::Context, problem::Problem, say, upstream::Upstream};

/// Cancel an appointment that the caller has, once they have said which one and that they mean it. One of code and id is needed.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct Arguments {
    /// The six-character confirmation code that the caller was given.
    confirmation_code: Text,
    /// The appointment's id, if it is known and the caller calls from the number it was booked with.
    appointment_id: Text,
    /// Why the caller cancels, if they say so.
    reason: Text,
}

const ALIASES: &[(&str, &str)] = &[
    ("code", "confirmation_code"),
    ("confirmation", "confirmation_code"),
    ("id", "appointment_id"),
    ("booking_id", "appointment_id"),
    ("cancellation_reason", "reason"),
];

pub(super) async fn call(
    upstream: &Upstream,
    context: &Context,
    given: Map<String, Value>,
) -> Result<Answer, Problem> {
    let response = upstream.cancel_appointment(context, request(given)?).await?;
    let Some(appointment) = response.appointment else {
        return Err(Status::internal("the booking service answered without an appointment").into());
    };
    let facts = json!({ "appointment": appointment_json::appointment(&appointment) });
    Ok(Answer::new(say::cancelled(&appointment), facts))
}

pub(super) fn request(given: Map<String, Value>) -> Result<pb::CancelAppointmentRequest, Problem> {
    let Arguments { confirmation_code, appointment_id, reason } = read(given, ALIASES)?;
    let mut check = Check::default();
    let request = pb::CancelAppointmentRequest {
        appointment_id: check.text("appointment_id", appointment_id),
        confirmation_code: check.text("confirmation_code", confirmation_code),
        reason: check.text("reason", reason),
        version: 0,
        override_reason: String::new(),
    };
    check.finish()?;
    Ok(request)
}
