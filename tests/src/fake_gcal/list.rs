//! Events in their order, what changed since, and when somebody is busy.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    events::{Answer, refusal},
    state::{Calendar, Event, State},
};

/// With a sync token, these are refused (<https://developers.google.com/workspace/calendar/api/guides/sync>).
const NOT_WITH_SYNC: [&str; 8] = [
    "iCalUID",
    "orderBy",
    "privateExtendedProperty",
    "q",
    "sharedExtendedProperty",
    "timeMin",
    "timeMax",
    "updatedMin",
];

/// What is asked for at once; seen, not documented.
const LONGEST_RANGE: SignedDuration = SignedDuration::from_hours(90 * 24);

pub(super) fn list(calendar: &Calendar, role: &str, query: &[(String, String)]) -> Answer {
    let value = |name: &str| query.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
    let since = match value("syncToken").map(str::parse::<u64>) {
        None => None,
        Some(Ok(since)) if since >= calendar.forgotten && since <= calendar.changes => Some(since),
        Some(_) => {
            return refusal(
                410,
                "fullSyncRequired",
                "Sync token is no longer valid, a full sync is required.",
            );
        }
    };
    if since.is_some() && query.iter().any(|(name, _)| NOT_WITH_SYNC.contains(&name.as_str())) {
        return refusal(400, "invalid", "Sync token cannot be used with this parameter.");
    }
    let time = |name| value(name).map(str::parse::<Timestamp>).transpose();
    let (Ok(min), Ok(max)) = (time("timeMin"), time("timeMax")) else {
        return refusal(400, "invalid", "Bad Request");
    };
    let properties: Vec<(&str, &str)> = query
        .iter()
        .filter(|(name, _)| name == "privateExtendedProperty")
        .filter_map(|(_, pair)| pair.split_once('='))
        .collect();
    let shows_deleted = since.is_some() || value("showDeleted") == Some("true");
    let is_meant = |event: &&Event| {
        (shows_deleted || !event.is_cancelled)
            && since.is_none_or(|since| event.changed > since)
            && min.is_none_or(|min| event.end().is_none_or(|end| end > min))
            && max.is_none_or(|max| event.start().is_none_or(|start| start < max))
            && properties.iter().all(|(name, value)| event.property(name) == *value)
    };
    let mut found: Vec<&Event> = calendar.events.values().filter(is_meant).collect();
    found.sort_by_key(|event| event.changed);
    let page = value("maxResults").and_then(|most| most.parse().ok()).unwrap_or(250).clamp(1, 2500);
    let from: usize = value("pageToken").and_then(|token| token.parse().ok()).unwrap_or(0);
    let items: Vec<Value> = found.iter().skip(from).take(page).map(|event| event.json()).collect();
    let mut body = json!({
        "kind": "calendar#events",
        "etag": format!("\"p{}\"", calendar.changes),
        "summary": calendar.roles.iter().find(|(_, role)| **role == "owner").map(|(who, _)| who),
        "timeZone": "America/New_York",
        "accessRole": role,
        "items": items,
    });
    if from + page < found.len() {
        body["nextPageToken"] = json!((from + page).to_string());
    } else {
        body["nextSyncToken"] = json!(calendar.changes.to_string());
    }
    if let (Some(fields), Some(all)) = (value("fields"), body.as_object_mut()) {
        let wanted: Vec<&str> = fields.split(',').collect();
        all.retain(|name, _| wanted.contains(&name.as_str()));
    }
    (200, body)
}

pub(super) fn free_busy(state: &mut State, who: &str, body: &Value) -> Answer {
    let time = |name: &str| body[name].as_str().and_then(|text| text.parse::<Timestamp>().ok());
    let (Some(min), Some(max)) = (time("timeMin"), time("timeMax")) else {
        return refusal(400, "required", "Required");
    };
    if max.duration_since(min) > LONGEST_RANGE {
        return refusal(400, "timeRangeTooLong", "The requested time range is too long.");
    }
    let mut calendars = serde_json::Map::new();
    for item in body["items"].as_array().into_iter().flatten() {
        let id = item["id"].as_str().unwrap_or_default();
        let known = state.calendar_of(id, who).filter(|(_, calendar)| calendar.roles.contains_key(who));
        let shown = match known {
            None => json!({ "errors": [{ "domain": "global", "reason": "notFound" }], "busy": [] }),
            Some((_, calendar)) => json!({ "busy": busy(calendar, min, max) }),
        };
        calendars.insert(id.to_owned(), shown);
    }
    (200, json!({ "kind": "calendar#freeBusy", "timeMin": min, "timeMax": max, "calendars": calendars }))
}

/// Stretches that overlap or touch are one.
fn busy(calendar: &Calendar, min: Timestamp, max: Timestamp) -> Vec<Value> {
    let is_busy = |event: &&Event| !event.is_cancelled && event.text("transparency") != "transparent";
    let times = calendar.events.values().filter(is_busy).filter_map(|event| event.start().zip(event.end()));
    let mut times: Vec<_> =
        times.map(|(start, end)| (start.max(min), end.min(max))).filter(|(start, end)| start < end).collect();
    times.sort();
    let mut merged: Vec<(Timestamp, Timestamp)> = Vec::new();
    for (start, end) in times {
        match merged.last_mut() {
            Some((_, last)) if *last >= start => *last = end.max(*last),
            _ => merged.push((start, end)),
        }
    }
    merged.into_iter().map(|(start, end)| json!({ "start": start, "end": end })).collect()
}
