//! `hold_slot`: keeps a time for the caller while they make up their mind.

use proto::booking::v1::{self as pb, hold_slot_request::What};
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

/// Keep a time for the caller for a few minutes, while they give their name or make up their mind. It is not booked by that: book it with
/// `book_appointment`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct Arguments {
    #[serde(flatten)]
    slot: SlotArguments,
    /// The patient's full name, if they have said it.
    patient_name: Text,
    /// The patient's telephone number with country code. Leave it out if it is the number they call from.
    patient_phone: Text,
}

const ALIASES: &[(&str, &str)] = &[
    ("name", "patient_name"),
    ("customer_name", "patient_name"),
    ("phone", "patient_phone"),
    ("phone_number", "patient_phone"),
];

pub(super) async fn call(
    upstream: &Upstream,
    context: &Context,
    given: Map<String, Value>,
) -> Result<Answer, Problem> {
    let response = upstream.hold_slot(context, request(given)?).await?;
    let Some(held) = response.appointment else {
        return Err(Status::internal("the booking service answered without a hold").into());
    };
    let facts = json!({ "appointment_id": held.id, "appointment": appointment_json::appointment(&held) });
    Ok(Answer::new(say::held(&held), facts))
}

pub(super) fn request(given: Map<String, Value>) -> Result<pb::HoldSlotRequest, Problem> {
    let Arguments { slot, patient_name, patient_phone } =
        read(given, &[ALIASES, slot_arguments::ALIASES].concat())?;
    let mut check = Check::default();
    let Named { offer_id, slot, service_text } = named(&mut check, slot);
    let (name, phone) =
        (check.text("patient_name", patient_name), check.text("patient_phone", patient_phone));
    check.finish()?;
    let (what, expected) =
        if offer_id.is_empty() { (What::Slot(slot), None) } else { (What::OfferId(offer_id), Some(slot)) };
    // A hold needs no patient, and a number alone is none.
    let patient = (!name.is_empty()).then(|| pb::PatientDetails { name, phone, email: String::new() });
    Ok(pb::HoldSlotRequest { what: Some(what), patient, service_text, expected, metadata: [].into() })
}
