//! The body of a plain JSON route: its fields by name, and all that is wrong with them at once. What a field must be is the booking service's
//! rule; here it is only told whether it is text.

use serde_json::{Map, Value};

use super::incoming::Incoming;
use crate::{
    problem::{InvalidParam, Problem},
    vapi::message,
};

/// The fields of a body.
#[derive(Debug)]
pub(super) struct Fields {
    members: Map<String, Value>,
    wrong: Vec<InvalidParam>,
}

impl Fields {
    /// No body is a body without fields.
    pub(super) fn of(incoming: &Incoming) -> Result<Self, Problem> {
        let body = incoming.body()?;
        let members = if body.is_empty() { Map::new() } else { message::members(body)? };
        Ok(Self { members, wrong: Vec::new() })
    }

    /// Text; empty where it is missing.
    pub(super) fn text(&mut self, name: &str) -> String {
        match self.members.remove(name) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text,
            Some(_) => self.wrong(name, "must be text"),
        }
    }

    /// A list of texts; empty where it is missing.
    pub(super) fn texts(&mut self, name: &str) -> Vec<String> {
        let Some(value) = self.members.remove(name).filter(|value| !value.is_null()) else {
            return Vec::new();
        };
        match serde_json::from_value::<Vec<String>>(value) {
            // An empty list means everything where it is missing, and nothing to whoever has deselected all.
            Ok(texts) if texts.is_empty() => {
                self.wrong(name, "must not be empty; leave it out where there is no limit")
            }
            Ok(texts) => texts,
            Err(_) => self.wrong(name, "must be a list of texts"),
        }
    }

    /// True or false; false where it is missing.
    pub(super) fn flag(&mut self, name: &str) -> bool {
        match self.members.remove(name) {
            None | Some(Value::Null) => false,
            Some(Value::Bool(flag)) => flag,
            Some(_) => self.wrong(name, "must be true or false"),
        }
    }

    /// An instant in RFC 3339, if it is there.
    pub(super) fn instant(&mut self, name: &str) -> Option<prost_types::Timestamp> {
        let text = Some(self.text(name)).filter(|text| !text.is_empty())?;
        match text.parse::<jiff::Timestamp>() {
            Ok(at) => Some(prost_types::Timestamp { seconds: at.as_second(), nanos: at.subsec_nanosecond() }),
            Err(_) => self.wrong(name, "must be a time like 2027-01-05T14:00:00Z, or left out"),
        }
    }

    /// An object of fields, if it is there.
    pub(super) fn object(&mut self, name: &str) -> Option<Self> {
        match self.members.remove(name) {
            None | Some(Value::Null) => None,
            Some(Value::Object(members)) => Some(Self { members, wrong: Vec::new() }),
            Some(_) => self.wrong(name, "must be an object"),
        }
    }

    /// What was wrong with the fields of a part is wrong with the whole, and so is what nobody asked for: a misspelled limit is no limit.
    pub(super) fn and(&mut self, name: &str, part: Self) {
        let unknown = part.members.keys().map(|unknown| (unknown.clone(), "is not known".to_owned()));
        let wrong = part.wrong.into_iter().map(|param| (param.name, param.reason));
        for (field, reason) in wrong.chain(unknown) {
            self.wrong.push(InvalidParam { name: format!("{name}.{field}"), reason });
        }
    }

    /// Refuses when anything was wrong, or is not known.
    pub(super) fn finish(mut self) -> Result<(), Problem> {
        for name in self.members.keys() {
            self.wrong.push(InvalidParam { name: name.clone(), reason: "is not known".to_owned() });
        }
        if self.wrong.is_empty() { Ok(()) } else { Err(Problem::invalid_params(self.wrong)) }
    }

    fn wrong<T: Default>(&mut self, name: &str, reason: &str) -> T {
        self.wrong.push(InvalidParam { name: name.to_owned(), reason: reason.to_owned() });
        T::default()
    }
}
