//! A tool call's arguments, which come as an object, as text that holds one, or in an envelope of their own.

use serde_json::{Map, Value, value::RawValue};

/// Why arguments cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// They end in the middle: the model ran out of tokens.
    CutOff,
    /// They are no JSON object.
    NotAnObject,
    /// Some of them are encrypted.
    Encrypted,
    /// The call has no id: an answer would be lost, so nothing may be done for it.
    NoId,
}

/// Text inside text is unwrapped this often.
const MOST_WRAPPINGS: usize = 2;

/// What a hook may repeat of a tool's schema, beside the properties.
const OF_A_SCHEMA: [&str; 5] = ["properties", "type", "required", "description", "additionalProperties"];

/// Reads arguments; none are empty ones. `encrypted` are the paths that the tool says are encrypted.
pub(crate) fn read(raw: Option<&RawValue>, encrypted: &[String]) -> Result<Map<String, Value>, Unusable> {
    let Some(raw) = raw else { return Ok(Map::new()) };
    let mut value: Value = serde_json::from_str(raw.get()).map_err(|_| Unusable::NotAnObject)?;
    for _ in 0..MOST_WRAPPINGS {
        let Value::String(text) = value else { break };
        if text.trim().is_empty() {
            return Ok(Map::new());
        }
        value = serde_json::from_str(&text)
            .map_err(|error| if error.is_eof() { Unusable::CutOff } else { Unusable::NotAnObject })?;
    }
    let given = match value {
        Value::Object(given) => given,
        Value::Null => Map::new(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            return Err(Unusable::NotAnObject);
        }
    };
    readable(out_of_schema(given), encrypted)
}

/// Arguments of which none is encrypted.
pub(crate) fn readable(
    given: Map<String, Value>,
    encrypted: &[String],
) -> Result<Map<String, Value>, Unusable> {
    let named = encrypted.iter().any(|path| at(&given, path).is_some_and(Value::is_string));
    if named || given.values().any(is_ciphertext) { Err(Unusable::Encrypted) } else { Ok(given) }
}

/// `payment.cardNumber` is a member of a member.
fn at<'a>(given: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    let mut names = path.split('.');
    let first = given.get(names.next()?)?;
    names.try_fold(first, |value, name| value.get(name))
}

/// What RSA leaves of a value, as Vapi sends it: as many bytes as the key has, in base64. No argument of ours is that long
/// without a space.
fn is_ciphertext(value: &Value) -> bool {
    match value {
        Value::String(text) => {
            // Keys of 2048, 3072 and 4096 bits.
            matches!(text.len(), 344 | 512 | 684)
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='))
        }
        Value::Array(values) => values.iter().any(is_ciphertext),
        Value::Object(members) => members.values().any(is_ciphertext),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// A hook may send the tool's schema back, each property with its fixed `value`.
fn out_of_schema(given: Map<String, Value>) -> Map<String, Value> {
    let is_schema = given.keys().all(|name| OF_A_SCHEMA.contains(&name.as_str()));
    let Some(Value::Object(properties)) = given.get("properties").filter(|_| is_schema) else { return given };
    let fixed: Option<Map<String, Value>> = properties
        .iter()
        .map(|(name, property)| property.get("value").map(|value| (name.clone(), value.clone())))
        .collect();
    fixed.unwrap_or(given)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read_text(raw: &str) -> Result<Value, Unusable> {
        let raw: &RawValue = serde_json::from_str(raw).unwrap();
        read(Some(raw), &["card.number".to_owned()]).map(Value::Object)
    }

    #[test]
    fn no_arguments_are_empty_arguments() {
        for raw in ["null", "{}", r#""""#, r#"" ""#, r#""{}""#, r#""null""#] {
            assert_eq!(read_text(raw), Ok(json!({})), "{raw}");
        }
        assert_eq!(read(None, &[]), Ok(Map::new()));
    }

    #[test]
    fn text_is_unwrapped_twice_at_most() {
        assert_eq!(read_text(r#""{\"a\":1}""#), Ok(json!({"a": 1})));
        assert_eq!(read_text(r#""\"{\\\"a\\\":1}\"""#), Ok(json!({"a": 1})));
        let thrice = serde_json::to_string(r#""\"{\\\"a\\\":1}\"""#).unwrap();
        assert_eq!(read_text(&thrice), Err(Unusable::NotAnObject));
    }

    #[test]
    fn what_is_cut_off_is_told_from_what_is_no_object() {
        assert_eq!(read_text(r#""{\"a\": \"b""#), Err(Unusable::CutOff));
        for raw in ["[1]", "7", "true", r#""seven""#, r#""[]""#, "1e400", r#"{"a":"\ud83d"}"#] {
            assert_eq!(read_text(raw), Err(Unusable::NotAnObject), "{raw}");
        }
    }

    #[test]
    fn a_schema_with_values_is_its_values() {
        let raw =
            r#"{"type":"object","properties":{"name":{"type":"string","value":"Dana"},"n":{"value":3}}}"#;
        assert_eq!(read_text(raw), Ok(json!({"name": "Dana", "n": 3})));
        for other in
            [r#"{"properties":{"name":{"type":"string"}}}"#, r#"{"properties":{"a":{"value":1}},"b":2}"#]
        {
            assert_eq!(read_text(other), Ok(serde_json::from_str(other).unwrap()), "{other}");
        }
    }

    #[test]
    fn what_is_encrypted_is_not_taken_for_text() {
        let cipher = format!("{}==", "Ab+/".repeat(85) + "Ab");
        assert_eq!(cipher.len(), 344);
        for given in
            [json!({"ssn": cipher}), json!({"a": {"b": [cipher]}}), json!({"card": {"number": "short"}})]
        {
            assert_eq!(read_text(&given.to_string()), Err(Unusable::Encrypted), "{given}");
        }
        for given in [json!({"card": {"number": 7}}), json!({"notes": "x ".repeat(172)})] {
            assert!(read_text(&given.to_string()).is_ok(), "{given}");
        }
    }
}
