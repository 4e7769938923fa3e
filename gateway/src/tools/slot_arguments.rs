//! The slot that a tool is about, in whichever way it is named: by its offer, or by where, when and with whom it is.

use proto::booking::v1 as pb;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    arguments::{Check, Minutes, Text},
    times::{ANOTHER_DAY, contradict, duration, joined, when},
};

/// The arguments that name a slot.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct SlotArguments {
    /// The offer id of a time that `check_availability` named in this call: four characters. It says all about the time; leave the rest out.
    offer_id: Text,
    /// When the appointment begins: a date and time on the clinic's clock like 2027-01-05T14:00, or with an offset. Needed without an offer id.
    appointment_time: Text,
    /// The day alone, from models that part it from the time.
    #[schemars(skip)]
    date: Text,
    /// The clinic's id. Leave it out where there is only one clinic.
    clinic_id: Text,
    /// The provider's id. Leave it out if anybody will do.
    provider_id: Text,
    /// What the patient comes for: the service's name or id, or their own words.
    service: Text,
    /// How long it takes, in minutes. Leave it out for the service's usual time, or the usual 30.
    duration_minutes: Minutes,
}

/// Other names that models use for them.
pub(super) const ALIASES: &[(&str, &str)] = &[
    ("offer", "offer_id"),
    ("slot_id", "offer_id"),
    ("start_time", "appointment_time"),
    ("start", "appointment_time"),
    ("time", "appointment_time"),
    ("datetime", "appointment_time"),
    ("date_time", "appointment_time"),
    ("scheduled_at", "appointment_time"),
    ("new_time", "appointment_time"),
    ("new_appointment_time", "appointment_time"),
    ("appointment_date", "date"),
    ("new_date", "date"),
    ("day", "date"),
    ("duration", "duration_minutes"),
    ("service_id", "service"),
    ("service_text", "service"),
    ("service_name", "service"),
    ("treatment", "service"),
];

/// A slot, as it was named.
#[derive(Debug, PartialEq)]
pub(super) struct Named {
    /// Its offer; empty if there is none.
    pub(super) offer_id: String,
    /// What is said of it beside that.
    pub(super) slot: pb::SlotChoice,
    /// What the patient comes for.
    pub(super) service_text: String,
}

/// Reads them.
pub(super) fn named(check: &mut Check, given: SlotArguments) -> Named {
    let SlotArguments { offer_id, appointment_time, date, clinic_id, provider_id, service, duration_minutes } =
        given;
    let (date, time) = (check.text("date", date), check.text("appointment_time", appointment_time));
    if contradict(&date, &time) {
        check.wrong("date", ANOTHER_DAY);
    }
    let (service_id, service_text) = service_named(check.text("service", service));
    let slot = pb::SlotChoice {
        clinic_id: check.text("clinic_id", clinic_id),
        provider_id: check.text("provider_id", provider_id),
        when: when(&joined(&date, &time)),
        duration: duration(check.value("duration_minutes", duration_minutes)),
        service_id,
        service_text: String::new(),
    };
    Named { offer_id: check.text("offer_id", offer_id), slot, service_text }
}

/// An id and a name: one of the two.
pub(super) fn service_named(text: String) -> (String, String) {
    let is_id = text.len() == 36 && text.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit());
    if is_id { (text, String::new()) } else { (String::new(), text) }
}
