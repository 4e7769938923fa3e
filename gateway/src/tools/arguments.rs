//! Arguments as models write them: names in any style, numbers as text, null for nothing.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::problem::{InvalidParam, Problem};

/// One argument.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Given<T> {
    #[default]
    Nothing,
    Value(T),
    Wrong(&'static str),
}

/// Text; a number will do.
pub(super) type Text = Given<String>;

/// Whole minutes; a number in quotes will do.
pub(super) type Minutes = Given<i64>;

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Value::deserialize(deserializer)? {
            Value::Null => Self::Nothing,
            Value::String(text) if text.trim().is_empty() => Self::Nothing,
            Value::String(text) => Self::Value(text),
            Value::Number(number) if !number.is_f64() => Self::Value(number.to_string()),
            Value::Number(_) | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
                Self::Wrong("must be text")
            }
        })
    }
}

impl<'de> Deserialize<'de> for Minutes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let minutes = match &value {
            Value::Null => return Ok(Self::Nothing),
            Value::String(text) if text.trim().is_empty() => return Ok(Self::Nothing),
            Value::String(text) => text.trim().parse().ok(),
            Value::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?)),
            Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        };
        // What cannot be a duration either way is refused here, before it could overflow on the way to seconds.
        let minutes = minutes.filter(|minutes: &i64| minutes.abs() <= 1_000_000);
        Ok(minutes.map_or(Self::Wrong("must be a whole number of minutes"), Self::Value))
    }
}

impl JsonSchema for Text {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Text".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}

impl JsonSchema for Minutes {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Minutes".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer" })
    }
}

/// 30.0 is 30.
fn whole(number: f64) -> Option<i64> {
    let text = format!("{number:.0}");
    (text.parse() == Ok(number)).then(|| text.parse().ok()).flatten()
}

/// Reads a tool's arguments. `aliases` are other names that models use, each with the argument it stands for; an argument under
/// its own name counts more.
pub(super) fn read<T: DeserializeOwned>(
    given: Map<String, Value>,
    aliases: &[(&str, &str)],
) -> Result<T, Problem> {
    let mut named = Map::new();
    let (mut own, mut other) = (Vec::new(), Vec::new());
    for (name, value) in given {
        let name = snake_case(&name);
        match aliases.iter().find(|(alias, _)| *alias == name) {
            None => own.push((name, value)),
            Some((_, argument)) => other.push(((*argument).to_owned(), value)),
        }
    }
    for (name, value) in own.into_iter().chain(other) {
        let slot = named.entry(name).or_insert(Value::Null);
        if slot.is_null() {
            *slot = value;
        }
    }
    serde_json::from_value(Value::Object(named))
        .map_err(|_| Problem::unreadable("the arguments are not an object of values"))
}

/// `appointmentTime`, `Appointment-Time` and `appointment time` are `appointment_time`.
pub(super) fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    let mut after_lower = false;
    for c in name.trim().chars() {
        if c == '-' || c == '_' || c.is_whitespace() {
            if !snake.ends_with('_') {
                snake.push('_');
            }
        } else {
            if c.is_uppercase() && after_lower {
                snake.push('_');
            }
            snake.extend(c.to_lowercase());
        }
        after_lower = c.is_lowercase() || c.is_ascii_digit();
    }
    snake
}

/// Collects the arguments that are wrong.
#[derive(Debug, Default)]
pub(super) struct Check {
    wrong: Vec<InvalidParam>,
}

impl Check {
    /// The text, empty where there is none: whether it had to be there is the booking service's rule.
    pub(super) fn text(&mut self, name: &'static str, given: Text) -> String {
        self.value(name, given).unwrap_or_default()
    }

    /// The value, if it is there.
    pub(super) fn value<T>(&mut self, name: &'static str, given: Given<T>) -> Option<T> {
        match given {
            Given::Nothing => None,
            Given::Value(value) => Some(value),
            Given::Wrong(reason) => {
                self.wrong(name, reason);
                None
            }
        }
    }

    /// Something is wrong with an argument.
    pub(super) fn wrong(&mut self, name: &'static str, reason: &'static str) {
        self.wrong.push(InvalidParam { name: name.to_owned(), reason: reason.to_owned() });
    }

    /// Refuses when anything was wrong.
    pub(super) fn finish(self) -> Result<(), Problem> {
        if self.wrong.is_empty() { Ok(()) } else { Err(Problem::invalid_params(self.wrong)) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq, Default)]
    #[serde(default)]
    struct Sample {
        patient_name: Text,
        duration_minutes: Minutes,
    }

    fn sample(given: Value) -> Sample {
        let Value::Object(given) = given else { panic!("an object") };
        read(given, &[("name", "patient_name"), ("duration", "duration_minutes")]).unwrap()
    }

    #[test]
    fn names_and_numbers_are_read_as_models_write_them() {
        let expected =
            Sample { patient_name: Given::Value("Dana".into()), duration_minutes: Given::Value(30) };
        for given in [
            json!({"patient_name": "Dana", "duration_minutes": 30}),
            json!({"patientName": "Dana", "durationMinutes": "30"}),
            json!({"Patient-Name": "Dana", "duration": 30.0, "unknown": {"x": []}}),
            json!({"name": "Somebody", "patient_name": "Dana", "duration": " 30 "}),
            json!({"name": "Dana", "patient_name": null, "duration": 30}),
        ] {
            assert_eq!(sample(given.clone()), expected, "{given}");
        }
    }

    #[test]
    fn what_is_of_the_wrong_type_is_told_and_not_guessed() {
        for wrong in [json!("thirty"), json!(30.5), json!([30]), json!(true), json!(1e300), json!(i64::MAX)] {
            let read = sample(json!({"duration_minutes": wrong}));
            assert!(matches!(read.duration_minutes, Given::Wrong(_)), "{wrong}");
        }
        assert!(matches!(sample(json!({"name": {"first": "Dana"}})).patient_name, Given::Wrong(_)));
    }
}
