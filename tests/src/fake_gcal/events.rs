//! Events, one at a time.

use serde_json::{Map, Value, json};

use super::{
    faults::Op,
    list,
    state::{Calendar, State, instant},
};

/// Status and body.
pub(super) type Answer = (u16, Value);

/// What the server sets itself.
const READ_ONLY: [&str; 6] = ["id", "etag", "kind", "iCalUID", "created", "updated"];

/// What is asked for.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) op: Op,
    pub(super) calendar: String,
    pub(super) event: String,
    pub(super) who: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) body: Value,
    pub(super) if_match: Option<String>,
}

pub(super) fn refusal(status: u16, reason: &str, message: &str) -> Answer {
    let domain = if reason.contains("xceeded") { "usageLimits" } else { "calendar" };
    let errors = json!([{ "domain": domain, "reason": reason, "message": message }]);
    (status, json!({ "error": { "errors": errors, "code": status, "message": message } }))
}

/// Does what is asked for.
pub(super) fn perform(state: &mut State, question: &Question) -> Answer {
    let Question { op, calendar, event, who, query, body, if_match } = question;
    if *op == Op::FreeBusy {
        return list::free_busy(state, who, body);
    }
    let Some((_, calendar)) = state.calendar_of(calendar, who) else {
        return refusal(404, "notFound", "Not Found");
    };
    let Some(role) = calendar.roles.get(who).copied() else { return refusal(404, "notFound", "Not Found") };
    if *op == Op::List {
        return list::list(calendar, role, query);
    }
    if *op == Op::Get {
        return match calendar.events.get(event) {
            Some(event) => (200, event.json()),
            None => refusal(404, "notFound", "Not Found"),
        };
    }
    if role != "owner" && role != "writer" {
        return refusal(403, "requiredAccessLevel", "You need to have writer access to this calendar.");
    }
    match op {
        Op::Insert => insert(calendar, body),
        Op::Patch | Op::Update => change(calendar, *op, event, if_match.as_deref(), body),
        Op::Delete => delete(calendar, event, if_match.as_deref()),
        Op::Token | Op::Get | Op::List | Op::FreeBusy => refusal(400, "invalid", "not to be done here"),
    }
}

fn insert(calendar: &mut Calendar, body: &Value) -> Answer {
    let Some(given) = body.as_object() else { return refusal(400, "parseError", "Parse Error") };
    if body.get("id").is_some() && body.get("iCalUID").is_some() {
        return refusal(400, "invalid", "Use id or iCalUID, not both.");
    }
    let id = match body.get("id").and_then(Value::as_str) {
        Some(id) => id.to_owned(),
        None => super::clients::secret("e").replace(['w', 'x', 'y', 'z'], "0"),
    };
    let is_base32hex = id.bytes().all(|byte| matches!(byte, b'a'..=b'v' | b'0'..=b'9'));
    if !is_base32hex || !(5..=1024).contains(&id.len()) {
        return refusal(400, "invalid", "Invalid resource id value.");
    }
    if let Some(wrong) = wrong_in(given) {
        return wrong;
    }
    // Also when it was deleted: ids are never free again.
    if calendar.events.contains_key(&id) {
        return refusal(409, "duplicate", "The requested identifier already exists.");
    }
    (200, calendar.put(&id, false, own(given)).json())
}

fn change(calendar: &mut Calendar, op: Op, id: &str, if_match: Option<&str>, body: &Value) -> Answer {
    let Some(event) = calendar.events.get(id) else { return refusal(404, "notFound", "Not Found") };
    if if_match.is_some_and(|etag| etag != event.etag()) {
        return refusal(412, "conditionNotMet", "Precondition Failed");
    }
    if event.is_cancelled {
        return refusal(403, "forbidden", "Forbidden");
    }
    let Some(given) = body.as_object() else { return refusal(400, "parseError", "Parse Error") };
    let mut fields = if op == Op::Patch { event.fields.clone() } else { Map::new() };
    merge(&mut fields, &own(given));
    if let Some(wrong) = wrong_in(&fields) {
        return wrong;
    }
    let is_cancelled = fields.get("status") == Some(&json!("cancelled"));
    (200, calendar.put(id, is_cancelled, fields).json())
}

fn delete(calendar: &mut Calendar, id: &str, if_match: Option<&str>) -> Answer {
    let Some(event) = calendar.events.get(id) else { return refusal(404, "notFound", "Not Found") };
    if event.is_cancelled {
        return refusal(410, "deleted", "Resource has been deleted");
    }
    if if_match.is_some_and(|etag| etag != event.etag()) {
        return refusal(412, "conditionNotMet", "Precondition Failed");
    }
    let fields = event.fields.clone();
    calendar.put(id, true, fields);
    (204, Value::Null)
}

fn own(given: &Map<String, Value>) -> Map<String, Value> {
    given
        .iter()
        .filter(|(name, _)| !READ_ONLY.contains(&name.as_str()))
        .map(|(n, v)| (n.clone(), v.clone()))
        .collect()
}

/// Objects are merged, arrays and everything else take the place of what was there, and null takes it away (RFC 7396).
fn merge(fields: &mut Map<String, Value>, given: &Map<String, Value>) {
    for (name, value) in given {
        match (fields.get_mut(name), value) {
            (_, Value::Null) => {
                fields.remove(name);
            }
            (Some(Value::Object(there)), Value::Object(given)) => merge(there, given),
            (_, value) => {
                fields.insert(name.clone(), value.clone());
            }
        }
    }
}

/// What the discovery document does not say.
fn wrong_in(fields: &Map<String, Value>) -> Option<Answer> {
    let (Some(start), Some(end)) = (fields.get("start"), fields.get("end")) else {
        return Some(refusal(400, "required", "Missing end time."));
    };
    for time in [start, end] {
        let zone = time.get("timeZone").and_then(Value::as_str);
        if zone.is_some_and(|zone| jiff::tz::TimeZone::get(zone).is_err()) {
            return Some(refusal(400, "invalid", "Invalid time zone definition."));
        }
    }
    let is_all_day = start.get("date").is_some() && end.get("date").is_some();
    let times = instant(start).zip(instant(end));
    match times {
        None if is_all_day => {}
        None => return Some(refusal(400, "invalid", "Invalid start time.")),
        Some((start, end)) if end < start => {
            return Some(refusal(400, "timeRangeEmpty", "The specified time range is empty."));
        }
        Some(_) => {}
    }
    let private = fields.get("extendedProperties").and_then(|properties| properties.get("private"));
    let private = private.and_then(Value::as_object).into_iter().flatten();
    let too_long = private
        .into_iter()
        .any(|(name, value)| name.len() > 44 || value.as_str().is_none_or(|v| v.len() > 1024));
    too_long.then(|| refusal(400, "invalid", "Invalid extended property."))
}
