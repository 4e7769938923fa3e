//! What the stand-in knows.

use std::collections::{BTreeMap, HashMap};

use booking_service::clock::Clock;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    clients::Clients,
    faults::{Faults, Op},
};

/// An event, as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its id.
    pub id: String,
    /// Deleted.
    pub is_cancelled: bool,
    /// What was sent of it.
    pub fields: Map<String, Value>,
    /// When it changed last, in the order of all changes of its calendar.
    pub(super) changed: u64,
}

/// A calendar.
#[derive(Debug, Default)]
pub(super) struct Calendar {
    pub(super) events: BTreeMap<String, Event>,
    pub(super) changes: u64,
    /// Sync tokens before this are not good any more.
    pub(super) forgotten: u64,
    /// Who may do what: address to role.
    pub(super) roles: HashMap<String, &'static str>,
}

/// A request, as it came and went.
#[derive(Clone, Debug)]
pub struct Asked {
    /// What for.
    pub op: Op,
    /// In which calendar; empty where there is none.
    pub calendar: String,
    /// About which event; empty where there is none.
    pub event: String,
    /// Who.
    pub who: String,
    /// What was sent.
    pub body: Value,
    /// `If-Match`.
    pub if_match: Option<String>,
    /// What was answered; 0: nothing.
    pub status: u16,
    /// Whether it had an effect.
    pub done: bool,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) clock: Clock,
    pub(super) clients: Clients,
    pub(super) calendars: HashMap<String, Calendar>,
    pub(super) faults: Faults,
    pub(super) journal: Vec<Asked>,
    /// Requests that Google's discovery document does not know.
    pub(super) violations: Vec<String>,
    /// Requests a minute of one user; 0: as many as they like.
    pub(super) quota: usize,
    pub(super) recent: HashMap<String, Vec<Timestamp>>,
    /// Requests under way in each calendar, and the most that there were at once.
    pub(super) under_way: HashMap<String, (usize, usize)>,
}

impl State {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            clock,
            clients: Clients::default(),
            calendars: HashMap::new(),
            faults: Faults::default(),
            journal: Vec::new(),
            violations: Vec::new(),
            quota: 600,
            recent: HashMap::new(),
            under_way: HashMap::new(),
        }
    }

    /// The calendar of this id, as somebody names it.
    pub(super) fn calendar_of(&mut self, id: &str, who: &str) -> Option<(String, &mut Calendar)> {
        let id = if id == "primary" { who } else { id };
        let calendar = self.calendars.get_mut(id)?;
        Some((id.to_owned(), calendar))
    }

    /// Whether somebody asks for more than 600 times a minute, the window sliding.
    pub(super) fn is_throttled(&mut self, who: &str) -> bool {
        let now = self.clock.now();
        let recent = self.recent.entry(who.to_owned()).or_default();
        recent.retain(|at| now.duration_since(*at).as_secs() < 60);
        recent.push(now);
        self.quota > 0 && recent.len() > self.quota
    }
}

impl Calendar {
    /// Keeps an event as it is now.
    pub(super) fn put(&mut self, id: &str, is_cancelled: bool, fields: Map<String, Value>) -> &Event {
        self.changes += 1;
        let event = Event { id: id.to_owned(), is_cancelled, fields, changed: self.changes };
        self.events.insert(id.to_owned(), event);
        &self.events[id]
    }
}

impl Event {
    /// As it is now.
    pub(super) fn etag(&self) -> String {
        format!("\"{}\"", 3_500_000_000_000_u64 + self.changed)
    }

    /// One of its fields, as text.
    pub fn text(&self, field: &str) -> &str {
        self.fields.get(field).and_then(Value::as_str).unwrap_or_default()
    }

    /// When it begins.
    pub fn start(&self) -> Option<Timestamp> {
        instant(self.fields.get("start")?)
    }

    /// When it ends.
    pub fn end(&self) -> Option<Timestamp> {
        instant(self.fields.get("end")?)
    }

    /// A private property.
    pub fn property(&self, name: &str) -> &str {
        let private = self.fields.get("extendedProperties").and_then(|properties| properties.get("private"));
        private.and_then(|private| private.get(name)).and_then(Value::as_str).unwrap_or_default()
    }

    /// As it is shown. Of a deleted one, nothing is promised but its id.
    pub(super) fn json(&self) -> Value {
        let mut shown = json!({ "kind": "calendar#event", "id": self.id, "etag": self.etag() });
        if self.is_cancelled {
            shown["status"] = json!("cancelled");
            return shown;
        }
        if let Some(shown) = shown.as_object_mut() {
            shown.extend(self.fields.clone());
            shown.entry("status").or_insert_with(|| json!("confirmed"));
            shown.insert("iCalUID".to_owned(), json!(format!("{}@google.com", self.id)));
            // The usual value is left out.
            if shown.get("transparency") == Some(&json!("opaque")) {
                shown.remove("transparency");
            }
        }
        shown
    }
}

/// An instant as Google writes it: with an offset, or on a zone's wall clock.
pub(super) fn instant(time: &Value) -> Option<Timestamp> {
    let text = time.get("dateTime")?.as_str()?;
    if let Ok(at) = text.parse() {
        return Some(at);
    }
    let local: jiff::civil::DateTime = text.parse().ok()?;
    Some(local.in_tz(time.get("timeZone")?.as_str()?).ok()?.timestamp())
}
