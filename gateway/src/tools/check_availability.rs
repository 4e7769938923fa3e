//! `check_availability`: says what is free on a day, or whether a time is free and what is near it.

use proto::booking::v1 as pb;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    Answer, SlotJson,
    arguments::{Check, Minutes, Text, read},
    slot_arguments::service_named,
    times::{ANOTHER_DAY, contradict, duration, is_day, joined, when},
};
use crate::{context::Context, problem::Problem, say, upstream::Upstream};

/// Find out what is free on a day, or whether a time is free, before booking it. Nothing is booked by asking.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct Arguments {
    /// The clinic's id. Leave it out where there is only one clinic.
    clinic_id: Text,
    /// The provider's id. Leave it out if anybody will do.
    provider_id: Text,
    /// The day in question on the clinic's calendar, like 2027-01-05, to hear all of its free times.
    date: Text,
    /// The time in question, to hear whether it is free: a date and time on the clinic's clock like 2027-01-05T14:00, or with an
    /// offset. Give either this or the date.
    appointment_time: Text,
    /// The last day of several, like 2027-01-09, at most 30 days after the date. Leave it out to ask of one day.
    end_date: Text,
    /// Only in this part of the day: morning, afternoon or evening.
    part_of_day: Text,
    /// What the patient comes for: the service's name or id.
    service: Text,
    /// How long the visit takes, in minutes. Leave it out for the service's usual time, or the usual 30.
    duration_minutes: Minutes,
}

/// More times than this nobody keeps in mind, and no answer should hold.
const MOST: i32 = 24;

pub(super) const ALIASES: &[(&str, &str)] = &[
    ("start_time", "appointment_time"),
    ("start", "appointment_time"),
    ("time", "appointment_time"),
    ("datetime", "appointment_time"),
    ("date_time", "appointment_time"),
    ("scheduled_at", "appointment_time"),
    ("appointment_date", "date"),
    ("day", "date"),
    ("start_date", "date"),
    ("preferred_date", "date"),
    ("last_date", "end_date"),
    ("date_to", "end_date"),
    ("time_of_day", "part_of_day"),
    ("preference", "part_of_day"),
    ("duration", "duration_minutes"),
    ("service_id", "service"),
    ("service_name", "service"),
    ("service_text", "service"),
    ("treatment", "service"),
];

/// What the arguments ask for.
#[derive(Debug, PartialEq)]
pub(super) enum Request {
    /// The free times of a day.
    Day(pb::SearchSlotsRequest),
    /// One time.
    Time(pb::CheckSlotRequest),
}

pub(super) async fn call(
    upstream: &Upstream,
    context: &Context,
    given: Map<String, Value>,
) -> Result<Answer, Problem> {
    match request(given)? {
        Request::Day(request) => {
            let found = upstream.search_slots(context, request).await?;
            let say = say::free_on(&found);
            let slots: Vec<SlotJson> = found.slots.into_iter().map(SlotJson::from).collect();
            let facts = json!({ "available": !slots.is_empty(), "date": found.date, "slots": slots });
            Ok(Answer::new(say, facts))
        }
        Request::Time(request) => {
            let found = upstream.check_slot(context, request).await?;
            let say = say::availability(&found);
            let pb::CheckSlotResponse { available, slot, alternatives, problem: _ } = found;
            let free = if available { slot.into_iter().collect() } else { alternatives };
            let slots: Vec<SlotJson> = free.into_iter().map(SlotJson::from).collect();
            Ok(Answer::new(say, json!({ "available": available, "slots": slots })))
        }
    }
}

pub(super) fn request(given: Map<String, Value>) -> Result<Request, Problem> {
    let Arguments {
        clinic_id,
        provider_id,
        date,
        appointment_time,
        end_date,
        part_of_day,
        service,
        duration_minutes,
    } = read(given, ALIASES)?;
    let mut check = Check::default();
    let clinic_id = check.text("clinic_id", clinic_id);
    let provider_id = check.text("provider_id", provider_id);
    let (date, time) = (check.text("date", date), check.text("appointment_time", appointment_time));
    let (service_id, service_text) = service_named(check.text("service", service));
    let duration = duration(check.value("duration_minutes", duration_minutes));
    let end_date = check.text("end_date", end_date);
    let part = part_of_day_named(&check.text("part_of_day", part_of_day));
    if date.is_empty() && time.is_empty() {
        check.wrong("date", "or appointment_time is required");
    }
    if part.is_none() {
        check.wrong("part_of_day", "must be morning, afternoon or evening");
    }
    if contradict(&date, &time) {
        check.wrong("date", ANOTHER_DAY);
    }
    check.finish()?;
    let both = joined(&date, &time);
    // A day without a time, under either name; what is neither is for the service to say.
    let is_of_a_day = is_day(&both) || (time.is_empty() && !date.is_empty() && !date.contains(':'));
    Ok(if is_of_a_day {
        Request::Day(pb::SearchSlotsRequest {
            clinic_id,
            provider_id,
            date: both,
            duration,
            service_id,
            service_text,
            end_date,
            part_of_day: part.unwrap_or_default().into(),
            limit: MOST,
            offered: true,
            ..Default::default()
        })
    } else {
        let when = when(&both);
        let slot = pb::SlotChoice { clinic_id, provider_id, when, duration, service_id, service_text };
        Request::Time(pb::CheckSlotRequest { slot: Some(slot) })
    })
}

/// As models write it; nothing is at any time, and `None` is none that there is.
fn part_of_day_named(text: &str) -> Option<pb::PartOfDay> {
    let text = text.trim().to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    match text.as_str() {
        "" | "any" | "anytime" | "all" => Some(pb::PartOfDay::Unspecified),
        _ if has(&["afternoon"]) => Some(pb::PartOfDay::Afternoon),
        _ if has(&["morning"]) => Some(pb::PartOfDay::Morning),
        _ if has(&["evening", "night"]) => Some(pb::PartOfDay::Evening),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(given: Value) -> Request {
        let Value::Object(given) = given else { panic!("an object") };
        request(given).unwrap()
    }

    #[test]
    fn a_day_is_told_from_a_time() {
        for given in [
            json!({"date": "2027-01-05", "service": "cleaning"}),
            json!({"appointment_time": "2027-01-05"}),
            json!({"preferredDate": " 2027-01-05 "}),
        ] {
            assert!(matches!(asks(given.clone()), Request::Day(day) if day.date == "2027-01-05"), "{given}");
        }
        for date in ["Tuesday", "tomorrow", "01/05/2027"] {
            assert!(matches!(asks(json!({"date": date})), Request::Day(day) if day.date == date), "{date}");
        }
        for given in [
            json!({"date": "2027-01-05T14:00"}),
            json!({"date": "2027-01-05 14:00"}),
            json!({"date": "2027-01-05", "time": "14:00"}),
            json!({"start_time": "2027-01-05T14:00:00-05:00"}),
            json!({"time": "two o'clock"}),
        ] {
            assert!(matches!(asks(given.clone()), Request::Time(_)), "{given}");
        }
    }
}
