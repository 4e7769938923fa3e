//! `check_availability`: says whether a time is free, and what is free near it.

use proto::booking::v1 as pb;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    Answer, SlotJson,
    arguments::{Check, Minutes, Text, duration, read, when},
};
use crate::{
    problem::Problem,
    say,
    upstream::{Context, Upstream},
};

/// Find out whether a time is free before booking it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Arguments {
    /// The clinic's id. Leave it out where there is only one clinic.
    clinic_id: Text,
    /// The provider's id. Leave it out if anybody will do.
    provider_id: Text,
    /// The time in question: a date and time on the clinic's clock like 2027-01-05T14:00, or with an offset.
    appointment_time: Text,
    /// How long the visit takes, in minutes. Leave it out for the usual 30.
    duration_minutes: Minutes,
}

const ALIASES: &[(&str, &str)] = &[
    ("start_time", "appointment_time"),
    ("start", "appointment_time"),
    ("time", "appointment_time"),
    ("datetime", "appointment_time"),
    ("date_time", "appointment_time"),
    ("date", "appointment_time"),
    ("duration", "duration_minutes"),
];

pub(super) async fn call(
    upstream: &Upstream,
    context: &Context,
    given: Map<String, Value>,
) -> Result<Answer, Problem> {
    let Arguments { clinic_id, provider_id, appointment_time, duration_minutes } = read(given, ALIASES)?;
    let mut check = Check::default();
    let slot = pb::SlotChoice {
        clinic_id: check.text("clinic_id", clinic_id),
        provider_id: check.text("provider_id", provider_id),
        when: when(&check.text("appointment_time", appointment_time)),
        duration: duration(check.value("duration_minutes", duration_minutes)),
    };
    check.finish()?;
    let found = upstream.check_slot(context, pb::CheckSlotRequest { slot: Some(slot) }).await?;
    let say = say::availability(&found);
    let pb::CheckSlotResponse { available, slot, alternatives } = found;
    let free = if available { slot.into_iter().collect() } else { alternatives };
    let slots: Vec<SlotJson> = free.into_iter().map(SlotJson::from).collect();
    Ok(Answer::new(say, json!({ "available": available, "slots": slots })))
}
