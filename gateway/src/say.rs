//! Sentences: what the assistant says, or what makes its model correct itself. The booking service gives times already spoken.

use std::collections::HashMap;

use proto::booking::v1 as pb;

use crate::{problem::InvalidParam, tools::status};

/// What is said when something is refused.
pub(crate) fn refusal(
    reason: &str,
    metadata: &HashMap<String, String>,
    invalid: &[InvalidParam],
    alternatives: &[pb::Slot],
) -> String {
    let about = |key: &str| metadata.get(key).map(String::as_str).unwrap_or_default();
    let today = || format!("Today is {} at the clinic.", about("clinic_today"));
    match reason {
        "SLOT_TAKEN" => taken(alternatives),
        "START_IN_THE_PAST" => {
            format!("That time has passed already. {} Please give a time that is still to come.", today())
        }
        "TIME_NOT_UNDERSTOOD" => format!(
            "Please give the start as a date and a time on the clinic's clock, like 2027-01-05T14:00. {}",
            today()
        ),
        "LOCAL_TIME_SKIPPED" => {
            "The clocks are put forward that night, so that time does not exist. Please choose another time."
                .into()
        }
        "LOCAL_TIME_REPEATED" => {
            "The clocks are put back that night, so that time comes twice. Please give it with \
             its offset from UTC, or choose another time."
                .into()
        }
        "CLINIC_REQUIRED" if about("clinics").is_empty() => "There is no clinic to book at yet.".into(),
        "CLINIC_REQUIRED" => format!(
            "Please ask which clinic it should be, and call again with its clinic_id: {}.",
            about("clinics")
        ),
        "NO_PROVIDERS" => "Nobody works at that clinic yet, so nothing can be booked there.".into(),
        "INVALID_ARGUMENT" => self::invalid(invalid),
        "UNAUTHENTICATED" => {
            "This connection is not set up correctly, so I cannot reach the appointment book.".into()
        }
        "CLINIC_FORBIDDEN" => "That clinic cannot be reached over this connection.".into(),
        "ROLE_TOO_SMALL" => "I am not allowed to do that.".into(),
        "TOOL_NOT_ALLOWED" => "I am not set up to do that.".into(),
        "IDENTITY_MISMATCH" => {
            "I can only act for this clinic and for the person who is calling. Please leave the organisation and the caller's number out."
                .into()
        }
        "ORGANIZATION_REQUIRED" => {
            format!("Please sign in again and say which organisation it is: {}.", about("organizations"))
        }
        "EMAIL_IN_USE" => "Somebody has signed up with that e-mail address already.".into(),
        "ALREADY_A_MEMBER" => "They are a member already.".into(),
        "LAST_ADMIN" => "Every organisation needs an administrator, so the last one stays.".into(),
        "TOO_LARGE" => "That is more than can be taken at once.".into(),
        "PROFILE_NOT_FOUND"
        | "MEMBER_NOT_FOUND"
        | "AGENT_KEY_NOT_FOUND"
        | "WEBHOOK_CREDENTIAL_NOT_FOUND"
        | "CALENDAR_NOT_FOUND"
        | "DEAD_LETTER_NOT_FOUND" => {
            "There is no such thing here.".into()
        }
        "CALLER_NOT_IDENTIFIED" => {
            "I do not know the number you are calling from. Please tell me your confirmation code.".into()
        }
        "APPOINTMENT_NOT_FOUND" => {
            "I cannot find that appointment. Please check the confirmation code.".into()
        }
        "PROVIDER_NOT_FOUND" => "There is no such provider at that clinic.".into(),
        "IDEMPOTENCY_KEY_REUSED" => {
            "The same idempotency key was used for another request. Please use a new one.".into()
        }
        "NO_LONGER_BOOKED" => {
            format!("That appointment was made before, but it is {} now.", spaced(about("state")))
        }
        "WRONG_STATE" => {
            format!("That appointment is {} already, so it cannot be changed.", spaced(about("state")))
        }
        "CONSENT_EXPIRED" => "That link was used before, or is too old. Please ask for a new one.".into(),
        "GOOGLE_NOT_CONFIGURED" => {
            "Google is not set up here, so calendars can be connected with a service account alone.".into()
        }
        "GOOGLE_REFUSED" => format!("Google did not allow it: {}.", spaced(about("google_reason"))),
        "GOOGLE_UNAVAILABLE" => "Google is not answering right now. Please try again in a moment.".into(),
        "CALENDAR_DISCONNECTED" => "That calendar is disconnected. Please connect it again first.".into(),
        "BUSY" => {
            "The appointment book is busy right now, so I could not confirm that. Please try again in a moment."
                .into()
        }
        "RATE_LIMITED" => "Those were too many requests at once. Please try again in a moment.".into(),
        _ => {
            "I could not confirm that just now. Please try again in a moment; if it was done, I will find it."
                .into()
        }
    }
}

/// What is wrong with the arguments, all of it.
pub(crate) fn invalid(params: &[InvalidParam]) -> String {
    let problems: Vec<String> = params.iter().map(|p| format!("{} {}", p.name, p.reason)).collect();
    format!("That cannot be done yet: {}.", problems.join("; "))
}

/// There is no such tool; these are there.
pub(crate) fn unknown_tool(known: &[&str]) -> String {
    format!("There is no such tool. The tools are {}.", list(known, "and"))
}

/// What day it is, for a model that has to correct a date.
pub(crate) fn today(caller: &pb::GetCallerResponse) -> String {
    match caller.clinics.as_slice() {
        [] => String::new(),
        [first, ..] => format!(" Today is {} at {}.", first.spoken_date, first.name),
    }
}

/// An appointment was made.
pub(crate) fn booked(appointment: &pb::Appointment) -> String {
    format!(
        "Booked: {} with {} on {}. The confirmation code is {}.",
        appointment.patient.as_ref().map(|patient| patient.name.as_str()).unwrap_or_default(),
        appointment.provider_name,
        appointment.spoken_start_time,
        spelled(&appointment.confirmation_code),
    )
}

/// An appointment was called off.
pub(crate) fn cancelled(appointment: &pb::Appointment) -> String {
    format!(
        "Cancelled: the appointment with {} on {} is called off.",
        appointment.provider_name, appointment.spoken_start_time
    )
}

/// Whether a slot is free.
pub(crate) fn availability(check: &pb::CheckSlotResponse) -> String {
    match &check.slot {
        Some(slot) if check.available => {
            format!("Free: {} with {}. It is not booked yet.", slot.spoken_start_time, slot.provider_name)
        }
        _ => taken(&check.alternatives),
    }
}

/// What is free on a day. All of it: the model has to choose among it, and mostly reads out a part.
pub(crate) fn free_on(found: &pb::SearchSlotsResponse) -> String {
    let day = &found.spoken_date;
    let Some(first) = found.slots.first() else {
        return format!(
            "I find no free time in the usual hours on {day}. Please ask for another day, or for a certain time."
        );
    };
    let times: Vec<&str> = found
        .slots
        .iter()
        .map(|slot| slot.spoken_start_time.split_once(" at ").map_or("", |(_, time)| time))
        .collect();
    let of_one = found.slots.iter().all(|slot| slot.provider_id == first.provider_id);
    let with = if of_one { format!(" with {}", first.provider_name) } else { String::new() };
    format!("Free on {day}{with}: {}. Nothing is booked yet.", list(&times, "and"))
}

/// What somebody has coming.
pub(crate) fn found(appointments: &[pb::Appointment], more: bool) -> String {
    let one = |appointment: &pb::Appointment| {
        let state = match status(appointment.state()) {
            "booked" | "confirmed" => String::new(),
            other => format!(" ({})", spaced(other)),
        };
        format!("{} with {}{state}", appointment.spoken_start_time, appointment.provider_name)
    };
    match appointments {
        [] => "I find no coming appointment.".to_owned(),
        [appointment] => format!("There is one appointment: {}.", one(appointment)),
        several => {
            let spoken: Vec<String> = several.iter().map(one).collect();
            let count = if more { format!("more than {}", several.len()) } else { several.len().to_string() };
            format!("There are {count} appointments: {}.", spoken.join("; "))
        }
    }
}

fn taken(alternatives: &[pb::Slot]) -> String {
    if alternatives.is_empty() {
        return "Not available: that time is taken, and nothing near it is free. Please ask for another day."
            .into();
    }
    format!("Not available: that time is taken. The nearest free times are {}.", times(alternatives))
}

/// "Tuesday, January 5, 2027 at 1 PM or 2 PM with Dr. Reyes; or Wednesday, …": each day is said once, and each name.
fn times(slots: &[pb::Slot]) -> String {
    let mut groups: Vec<(&str, &str, Vec<&str>)> = Vec::new();
    for slot in slots {
        let (day, time) = slot.spoken_start_time.split_once(" at ").unwrap_or((&slot.spoken_start_time, ""));
        match groups.last_mut() {
            Some((d, who, times)) if *d == day && *who == slot.provider_name => times.push(time),
            _ => groups.push((day, &slot.provider_name, vec![time])),
        }
    }
    let spoken: Vec<String> =
        groups.iter().map(|(day, who, times)| format!("{day} at {} with {who}", list(times, "or"))).collect();
    spoken.join("; or ")
}

/// "a", "a or b", "a, b, or c".
fn list(items: &[&str], word: &str) -> String {
    match items {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [one, two] => format!("{one} {word} {two}"),
        [first @ .., last] => format!("{}, {word} {last}", first.join(", ")),
    }
}

/// A code letter by letter, so that a voice does not read it as a word.
fn spelled(code: &str) -> String {
    code.chars().map(String::from).collect::<Vec<_>>().join(" ")
}

fn spaced(state: &str) -> String {
    state.replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(spoken: &str, who: &str) -> pb::Slot {
        pb::Slot { spoken_start_time: spoken.into(), provider_name: who.into(), ..Default::default() }
    }

    #[test]
    fn each_day_is_said_once() {
        let slots = [
            slot("Tuesday, January 5, 2027 at 1 PM", "Dr. Reyes"),
            slot("Tuesday, January 5, 2027 at 2:30 PM", "Dr. Reyes"),
            slot("Wednesday, January 6, 2027 at 9 AM", "Dr. Reyes"),
        ];
        assert_eq!(
            times(&slots),
            "Tuesday, January 5, 2027 at 1 PM or 2:30 PM with Dr. Reyes; or Wednesday, January 6, 2027 at 9 AM with Dr. Reyes"
        );
    }

    #[test]
    fn a_full_book_is_said_to_be_full() {
        assert!(refusal("SLOT_TAKEN", &HashMap::new(), &[], &[]).contains("nothing near it is free"));
    }

    #[test]
    fn what_nobody_foresaw_is_not_said_to_be_done_or_undone() {
        assert!(refusal("SOMETHING_NEW", &HashMap::new(), &[], &[]).starts_with("I could not confirm"));
    }
}
