//! Arguments as models write them: names in any style, numbers as text, null for nothing.

use proto::booking::v1::slot_choice;
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
                self.wrong.push(InvalidParam { name: name.to_owned(), reason: reason.to_owned() });
                None
            }
        }
    }

    /// Refuses when anything was wrong.
    pub(super) fn finish(self) -> Result<(), Problem> {
        if self.wrong.is_empty() { Ok(()) } else { Err(Problem::invalid_params(self.wrong)) }
    }
}

/// A start time in whichever of three ways it is written. What it means is decided by the booking service, which knows the clinic's
/// clock.
pub(super) fn when(text: &str) -> Option<slot_choice::When> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        let time = prost_types::Timestamp { seconds: at.as_second(), nanos: at.subsec_nanosecond() };
        return Some(slot_choice::When::Timestamp(time));
    }
    let looks_like_a_date = text.len() >= 8 && text.bytes().take(4).all(|byte| byte.is_ascii_digit());
    Some(if looks_like_a_date {
        slot_choice::When::LocalTime(text.to_owned())
    } else {
        slot_choice::When::Spoken(text.to_owned())
    })
}

/// A day and a time of it as one, where they come apart: `2027-01-05` and `14:00` are `2027-01-05T14:00`.
pub(super) fn joined(date: &str, time: &str) -> String {
    let (date, time) = (date.trim(), time.trim());
    let is_clock = time.len() <= 8
        && time.split(':').count() > 1
        && time.bytes().all(|b| b == b':' || b.is_ascii_digit());
    match (date.is_empty(), time.is_empty()) {
        (true, _) => time.to_owned(),
        (_, true) => date.to_owned(),
        _ if is_day(date) && is_clock => {
            format!("{date}T{}{time}", if time.find(':') == Some(1) { "0" } else { "" })
        }
        // Both are whole, or in words; a whole time says its day itself.
        _ if time.bytes().take(4).filter(u8::is_ascii_digit).count() == 4 => time.to_owned(),
        _ => format!("{date} {time}"),
    }
}

/// Whether it is a day alone, as `YYYY-MM-DD`.
pub(super) fn is_day(text: &str) -> bool {
    let digit = |(place, byte): (usize, u8)| {
        if matches!(place, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() }
    };
    text.len() == 10 && text.bytes().enumerate().all(digit)
}

/// Minutes as a duration.
pub(super) fn duration(minutes: Option<i64>) -> Option<prost_types::Duration> {
    minutes.map(|minutes| prost_types::Duration { seconds: minutes * 60, nanos: 0 })
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

    #[test]
    fn a_time_is_told_by_its_form() {
        use slot_choice::When;
        assert!(
            matches!(when("2027-01-05T14:00:00Z"), Some(When::Timestamp(t)) if t.seconds == 1_799_157_600)
        );
        assert!(matches!(when("2027-01-05T14:00:00-05:00"), Some(When::Timestamp(_))));
        assert!(matches!(when("2027-01-05T14:00"), Some(When::LocalTime(_))));
        assert!(matches!(when("2027-02-30T14:00:00Z"), Some(When::LocalTime(_))));
        assert!(matches!(when("next Tuesday at two"), Some(When::Spoken(_))));
        assert_eq!(when("  "), None);
    }

    #[test]
    fn a_day_and_a_time_are_put_together() {
        for (date, time, both) in [
            ("2027-01-05", "14:00", "2027-01-05T14:00"),
            ("2027-01-05", "9:30", "2027-01-05T09:30"),
            (" 2027-01-05 ", "14:00:00", "2027-01-05T14:00:00"),
            ("", "2027-01-05T14:00", "2027-01-05T14:00"),
            ("2027-01-05", "2027-01-05T14:00:00Z", "2027-01-05T14:00:00Z"),
            ("2027-01-05", "", "2027-01-05"),
            ("2027-01-05", "two in the afternoon", "2027-01-05 two in the afternoon"),
            ("next Tuesday", "14:00", "next Tuesday 14:00"),
        ] {
            assert_eq!(joined(date, time), both);
        }
    }
}
