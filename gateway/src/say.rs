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
    if let Some(said) = not_bookable(reason, &about, alternatives) {
        return said;
    }
    match reason {
        "SLOT_TAKEN" => instead("that time is taken", alternatives),
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
        | "PATIENT_NOT_FOUND"
        | "ABSENCE_NOT_FOUND"
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

/// What is said of a slot that the clinic's rules, an offer or a hold refuse, and of a visit that they keep as it is.
fn not_bookable<'a>(
    reason: &str,
    about: &impl Fn(&str) -> &'a str,
    alternatives: &[pb::Slot],
) -> Option<String> {
    Some(match reason {
        "CLOSED" => instead("the clinic is closed then", alternatives),
        "OUTSIDE_HOURS" => instead("nobody works then", alternatives),
        "PROVIDER_AWAY" => instead("the provider is away then", alternatives),
        "TOO_SOON" => instead("that is too soon from now", alternatives),
        "TOO_FAR" => instead("that is farther ahead than can be planned", alternatives),
        "MISALIGNED" => {
            instead(&format!("visits begin every {} minutes", about("grid_minutes")), alternatives)
        }
        "INVALID_DURATION" => {
            let durations = about("durations_minutes").replace(", ", " or ");
            instead(&format!("that service takes {durations} minutes"), alternatives)
        }
        "SERVICE_NOT_OFFERED" => {
            format!("{} is not offered there, or not by that provider. Please ask what it should be instead.", about("service"))
        }
        "SERVICE_NOT_FOUND" => "There is no such service. Please ask what they come for, or have the clinic described.".into(),
        "OFFER_EXPIRED" => "That offer has expired. Please look again for what is free.".into(),
        "AMBIGUOUS_SLOT" => {
            "The offer or the hold is another time than the one that was said with it. Please ask which one is meant, and give only that.".into()
        }
        "HOLD_EXPIRED" => "That time was kept for too long, and is not kept any more. Please look again for what is free.".into(),
        "TOO_MANY_HOLDS" => "Several times are kept for this caller already. Please book one of them, or let them choose again later.".into(),
        "CUTOFF_PASSED" => {
            format!("It is too late to change that visit: it can be done until {} before it begins. Please let the caller speak with the clinic.", spoken_minutes(about("cutoff_minutes")))
        }
        "NOT_BEGUN" => "That visit has not begun yet.".into(),
        "STALE_VERSION" => "Somebody else has just changed that. Please look at it again.".into(),
        "NAME_IN_USE" => "That name is in use already.".into(),
        _ => return None,
    })
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

/// A slot is kept.
pub(crate) fn held(hold: &pb::Appointment) -> String {
    format!(
        "I am keeping {} with {} for some minutes. It is not booked yet. The hold's appointment_id, not to be read out: {}.",
        hold.spoken_start_time, hold.provider_name, hold.id,
    )
}

/// An appointment was moved.
pub(crate) fn moved(appointment: &pb::Appointment) -> String {
    format!(
        "Moved: the appointment is now on {} with {}. The confirmation code is still {}.",
        appointment.spoken_start_time,
        appointment.provider_name,
        spelled(&appointment.confirmation_code),
    )
}

/// Who is known.
pub(crate) fn patients(found: &[pb::PatientRecord]) -> String {
    let names: Vec<&str> = found
        .iter()
        .filter_map(|record| record.patient.as_ref())
        .map(|patient| patient.name.as_str())
        .collect();
    match names.as_slice() {
        [] => "I find no patient with that number and name.".to_owned(),
        [one] => format!("One patient is known: {one}."),
        several => format!("{} patients are known: {}.", several.len(), list(several, "and")),
    }
}

/// What callers ask of a clinic: all of it, for the model to choose from.
pub(crate) fn clinic(found: &pb::DescribeClinicResponse) -> String {
    let clinic = found.clinic.clone().unwrap_or_default();
    let mut said = vec![format!("{}. Today is {} there.", clinic.name, found.spoken_today)];
    let about = [("Address", &clinic.address), ("Telephone", &clinic.phone), ("Good to know", &clinic.about)];
    let about = about.into_iter().filter(|(_, text)| !text.is_empty());
    said.extend(about.map(|(what, text)| format!("{what}: {}.", text.trim_end_matches('.'))));
    if !found.services.is_empty() {
        let services: Vec<String> = found.services.iter().map(service).collect();
        said.push(format!("Services: {}.", services.join("; ")));
    }
    let hours = |id: &str| found.working_hours.iter().find(|hours| hours.provider_id == id);
    let provider = |provider: &pb::Provider| match hours(&provider.id) {
        Some(hours) => format!("{} ({})", provider.name, week(hours)),
        None => provider.name.clone(),
    };
    let providers: Vec<String> = found.providers.iter().map(provider).collect();
    if !providers.is_empty() {
        said.push(format!("Providers: {}.", providers.join("; ")));
    }
    let closure = |closure: &pb::Absence| {
        let title = if closure.title.is_empty() { String::new() } else { format!(" ({})", closure.title) };
        format!("from {} until {}{title}", closure.start.replace('T', " "), closure.end.replace('T', " "))
    };
    if !found.closures.is_empty() {
        let closures: Vec<String> = found.closures.iter().map(closure).collect();
        said.push(format!("Closed: {}.", closures.join("; ")));
    }
    said.join(" ")
}

/// What the documents say: one passage, and where it stands. What they do not say is said by nobody.
pub(crate) fn knowledge(found: &pb::SearchKnowledgeResponse) -> String {
    match (found.sentence.as_str(), found.passages.first()) {
        ("", Some(best)) => passage(best),
        ("", None) => {
            "The clinic's information does not say. Please do not guess; offer to have the clinic call back."
                .into()
        }
        (sentence, _) => sentence.to_owned(),
    }
}

/// A passage as it is said: what stands there, where it stands, and whether what it is about can be booked.
pub(crate) fn passage(passage: &pb::KnowledgePassage) -> String {
    let text = passage.spoken_text.trim_end();
    let stop = if text.ends_with(['.', '!', '?', '…']) { "" } else { "." };
    let place = if passage.heading.is_empty() { String::new() } else { format!(", {}", passage.heading) };
    let said = format!("{text}{stop} (From: {}{place}.)", passage.title);
    if passage.service_id.is_empty() {
        return said;
    }
    let (name, id) = (&passage.service_name, &passage.service_id);
    format!("{said} {name} can be booked; its service_id, not to be read out: {id}.")
}

/// "Cleaning: 30 or 45 minutes, 120 dollars".
fn service(service: &pb::Service) -> String {
    let minutes: Vec<String> = service.durations.iter().map(|d| (d.seconds / 60).to_string()).collect();
    let minutes: Vec<&str> = minutes.iter().map(String::as_str).collect();
    let price = if service.price.is_empty() { String::new() } else { format!(", {}", service.price) };
    format!("{}: {} minutes{price}", service.name, list(&minutes, "or"))
}

/// "Monday to Thursday 09:00 to 12:00 and 13:00 to 17:00, Friday 09:00 to 12:00": days that are alike are said together.
fn week(hours: &pb::WorkingHours) -> String {
    let usual = hours.days.iter().filter(|day| day.day.ends_with("day"));
    let mut runs: Vec<(&str, &str, String)> = Vec::new();
    for day in usual {
        let span = |span: &pb::DaySpan| format!("{} to {}", span.start, span.end);
        let open: Vec<String> = day.open.iter().map(span).collect();
        let open = open.join(" and ");
        match runs.last_mut() {
            Some((_, last, times)) if *times == open && follows(last, &day.day) => *last = &day.day,
            _ => runs.push((&day.day, &day.day, open)),
        }
    }
    let said = runs.iter().map(|(first, last, times)| {
        let days =
            if first == last { capital(first) } else { format!("{} to {}", capital(first), capital(last)) };
        format!("{days} {times}")
    });
    said.collect::<Vec<_>>().join(", ")
}

fn follows(day: &str, next: &str) -> bool {
    const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let place = |day: &str| DAYS.iter().position(|known| *known == day);
    place(day).zip(place(next)).is_some_and(|(day, next)| day + 1 == next)
}

fn capital(word: &str) -> String {
    let (first, rest) = word.split_at_checked(1).unwrap_or_default();
    first.to_uppercase() + rest
}

/// Whether a slot is free.
pub(crate) fn availability(check: &pb::CheckSlotResponse) -> String {
    match &check.slot {
        Some(slot) if check.available => {
            let who = &slot.provider_name;
            format!(
                "Free: {} with {who}. It is not booked yet.{}",
                slot.spoken_start_time,
                offers(std::slice::from_ref(slot))
            )
        }
        _ => instead(why(check.problem()), &check.alternatives),
    }
}

/// Why a slot cannot be booked, as the end of a sentence.
fn why(problem: pb::SlotProblem) -> &'static str {
    match problem {
        pb::SlotProblem::InvalidDuration => "that service does not take so long",
        pb::SlotProblem::TooSoon => "that is too soon from now",
        pb::SlotProblem::TooFar => "that is farther ahead than can be planned",
        pb::SlotProblem::Closed => "the clinic is closed then",
        pb::SlotProblem::OutsideHours => "nobody works then",
        pb::SlotProblem::ProviderAway => "the provider is away then",
        pb::SlotProblem::Misaligned => "visits do not begin at that minute",
        pb::SlotProblem::Taken | pb::SlotProblem::Unspecified => "that time is taken",
    }
}

/// What is free. All of it: the model has to choose among it, and mostly reads out a part.
pub(crate) fn free_on(found: &pb::SearchSlotsResponse) -> String {
    let day = &found.spoken_date;
    let Some(first) = found.slots.first() else {
        let why = match found.problem() {
            pb::SlotProblem::Taken | pb::SlotProblem::Unspecified => "everything is taken",
            pb::SlotProblem::OutsideHours => "nobody works then, or not for so long",
            other @ (pb::SlotProblem::InvalidDuration
            | pb::SlotProblem::TooSoon
            | pb::SlotProblem::TooFar
            | pb::SlotProblem::Closed
            | pb::SlotProblem::ProviderAway
            | pb::SlotProblem::Misaligned) => why(other),
        };
        return format!(
            "I find no free time on {day}: {why}. Please ask for another day, or for a certain time."
        );
    };
    let of_one = found.slots.iter().all(|slot| slot.provider_id == first.provider_id);
    let of_a_day = found.slots.iter().all(|slot| day_of(slot) == day_of(first));
    let more = if found.more { " There is more." } else { "" };
    let said = if of_a_day {
        let times: Vec<&str> = found.slots.iter().map(time_of).collect();
        let with = if of_one { format!(" with {}", first.provider_name) } else { String::new() };
        format!("Free on {}{with}: {}.", day_of(first), list(&times, "and"))
    } else {
        format!("Free: {}.", times(&found.slots, "and", "; "))
    };
    format!("{said}{more} Nothing is booked yet.{}", offers(&found.slots))
}

fn day_of(slot: &pb::Slot) -> &str {
    slot.spoken_start_time.split_once(" at ").map_or(&*slot.spoken_start_time, |(day, _)| day)
}

fn time_of(slot: &pb::Slot) -> &str {
    slot.spoken_start_time.split_once(" at ").map_or("", |(_, time)| time)
}

/// What the slots are called, for the model to ask for one of them.
fn offers(slots: &[pb::Slot]) -> String {
    let codes: Vec<&str> = slots.iter().map(|slot| slot.offer_id.as_str()).collect();
    match codes.as_slice() {
        [] => String::new(),
        codes if codes.iter().any(|code| code.is_empty()) => String::new(),
        [one] => format!(" Its offer_id, not to be read out: {one}."),
        several => format!(" Their offer_ids in this order, not to be read out: {}.", several.join(", ")),
    }
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

/// Why a time cannot be had, and what can be.
fn instead(why: &str, alternatives: &[pb::Slot]) -> String {
    if alternatives.is_empty() {
        return format!("Not available: {why}, and nothing near it is free. Please ask for another day.");
    }
    let times = times(alternatives, "or", "; or ");
    format!("Not available: {why}. The nearest free times are {times}.{}", offers(alternatives))
}

/// "Tuesday, January 5, 2027 at 1 PM or 2 PM with Dr. Reyes; or Wednesday, …": each day is said once, and each name.
fn times(slots: &[pb::Slot], word: &str, between: &str) -> String {
    let mut groups: Vec<(&str, &str, Vec<&str>)> = Vec::new();
    for slot in slots {
        let (day, time) = (day_of(slot), time_of(slot));
        match groups.last_mut() {
            Some((d, who, times)) if *d == day && *who == slot.provider_name => times.push(time),
            _ => groups.push((day, &slot.provider_name, vec![time])),
        }
    }
    let spoken: Vec<String> =
        groups.iter().map(|(day, who, times)| format!("{day} at {} with {who}", list(times, word))).collect();
    spoken.join(between)
}

/// "2 hours", "90 minutes".
fn spoken_minutes(minutes: &str) -> String {
    match minutes.parse::<u32>() {
        Ok(60) => "an hour".to_owned(),
        Ok(minutes) if minutes > 0 && minutes % 60 == 0 => format!("{} hours", minutes / 60),
        _ => format!("{minutes} minutes"),
    }
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
            times(&slots, "or", "; or "),
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
