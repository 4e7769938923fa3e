//! Reads a message of the voice platform, in any of the shapes it is known to come in.
//!
//! Only what is needed is looked at: late in a long call the body holds the whole conversation twice. A call's arguments stay raw
//! until the envelope is read, so that one that cannot be read costs nobody else anything.

use std::{borrow::Cow, collections::BTreeMap};

use serde_json::{Map, Value, value::RawValue};

/// A message.
#[derive(Debug)]
pub(crate) enum Message {
    /// Tools to call, and the telephone call they belong to.
    ToolCalls(Vec<ToolCall>, Origin),
    /// A message that needs no answer.
    Other,
}

/// One tool to call.
#[derive(Debug)]
pub(crate) struct ToolCall {
    /// Echoed to the byte; empty when it is missing, and then nothing may be done.
    pub(crate) id: String,
    /// The tool's name, as the model wrote it.
    pub(crate) name: String,
    /// The arguments, or what is wrong with them.
    pub(crate) arguments: Result<Map<String, Value>, &'static str>,
}

/// Where a message comes from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origin {
    /// The telephone call.
    pub(crate) call_id: Option<String>,
    /// The caller's number, as the telephone network reports it.
    pub(crate) caller_number: Option<String>,
}

type Object<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

/// Reads a message; `None`: it is none.
pub(crate) fn read(top: &Object<'_>) -> Option<Message> {
    let message = match top.get("message") {
        Some(message) => object(message)?,
        None if top.contains_key("type") => top.clone(),
        None => return None,
    };
    let items = items(&message);
    match string(&message, "type").as_deref() {
        Some("tool-calls" | "tool_calls") => {}
        // The platform's own schema lets the type be missing.
        None if !message.contains_key("type") && items.is_some() => {}
        None => return None,
        Some(_) => return Some(Message::Other),
    }
    Some(Message::ToolCalls(calls(&items.unwrap_or_default()), origin(&message)))
}

/// The members of an object, not looked into.
pub(crate) fn object(raw: &RawValue) -> Option<Object<'_>> {
    serde_json::from_str(raw.get()).ok()
}

/// The first of the lists that has something in it. Each list holds the same calls: together they would be executed twice.
fn items<'a>(message: &Object<'a>) -> Option<Vec<Object<'a>>> {
    let mut known = None;
    for (list, wrapped) in [("toolCallList", false), ("toolCalls", false), ("toolWithToolCallList", true)] {
        let Some(raw) = message.get(list) else { continue };
        let entries: Vec<&'a RawValue> = serde_json::from_str(raw.get()).unwrap_or_default();
        let items: Vec<Object<'a>> = entries
            .into_iter()
            .filter_map(object)
            .filter_map(|entry| if wrapped { unwrapped(&entry) } else { Some(entry) })
            .collect();
        if !items.is_empty() {
            return Some(items);
        }
        known = Some(items);
    }
    known
}

/// The call inside a tool's configuration; the name may stand on the outside only.
fn unwrapped<'a>(entry: &Object<'a>) -> Option<Object<'a>> {
    let mut call = object(entry.get("toolCall")?)?;
    if let Some(name) = entry.get("name").filter(|_| !call.contains_key("function")) {
        call.entry("name".into()).or_insert(name);
    }
    Some(call)
}

fn calls(items: &[Object<'_>]) -> Vec<ToolCall> {
    let call = |item: &Object<'_>| {
        let function = member(item, "function");
        let arguments = ["arguments", "parameters"];
        let raw = arguments
            .iter()
            .find_map(|n| function.get(*n))
            .or_else(|| arguments.iter().find_map(|n| item.get(*n)));
        ToolCall {
            id: id(item),
            name: string(&function, "name").or_else(|| string(item, "name")).unwrap_or_default(),
            arguments: raw.map_or_else(|| Ok(Map::new()), |raw| read_arguments(raw)),
        }
    };
    items.iter().map(call).collect()
}

/// A number is an id, too, as it was written.
fn id(item: &Object<'_>) -> String {
    let number = || {
        item.get("id")
            .map(|raw| raw.get())
            .filter(|raw| raw.starts_with(|c: char| c == '-' || c.is_ascii_digit()))
    };
    string(item, "id").or_else(|| number().map(str::to_owned)).unwrap_or_default()
}

/// An object; or text that holds one, as the platform's schema says; or nothing at all.
fn read_arguments(raw: &RawValue) -> Result<Map<String, Value>, &'static str> {
    const UNREADABLE: &str = "the arguments are not a JSON object";
    let mut value: Value = serde_json::from_str(raw.get()).map_err(|_| UNREADABLE)?;
    for _ in 0..2 {
        let Value::String(text) = value else { break };
        if text.trim().is_empty() {
            return Ok(Map::new());
        }
        value = serde_json::from_str(&text).map_err(|_| UNREADABLE)?;
    }
    match value {
        Value::Object(arguments) => Ok(arguments),
        Value::Null => Ok(Map::new()),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Err(UNREADABLE),
    }
}

fn origin(message: &Object<'_>) -> Origin {
    let call = member(message, "call");
    let number = |of: &Object<'_>| string(&member(of, "customer"), "number");
    Origin { call_id: string(&call, "id"), caller_number: number(message).or_else(|| number(&call)) }
}

/// A member that is an object; else an empty one.
fn member<'a>(of: &Object<'a>, name: &str) -> Object<'a> {
    of.get(name).and_then(|raw| object(raw)).unwrap_or_default()
}

fn string(object: &Object<'_>, name: &str) -> Option<String> {
    object.get(name).and_then(|raw| serde_json::from_str(raw.get()).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls_of(body: &str) -> Vec<(String, String, Result<String, &'static str>)> {
        let top: Object<'_> = serde_json::from_str(body).unwrap();
        let Some(Message::ToolCalls(calls, _)) = read(&top) else { panic!("not tool calls: {body}") };
        let text = |a: Result<Map<String, Value>, _>| a.map(|a| Value::Object(a).to_string());
        calls.into_iter().map(|call| (call.id, call.name, text(call.arguments))).collect()
    }

    #[test]
    fn a_call_is_read_in_each_of_its_shapes() {
        let expected = vec![("c1".to_owned(), "book".to_owned(), Ok(r#"{"a":1}"#.to_owned()))];
        for body in [
            r#"{"message":{"type":"tool-calls","toolCallList":[{"id":"c1","type":"function","function":{"name":"book","arguments":{"a":1}}}]}}"#,
            r#"{"message":{"type":"tool-calls","toolCallList":[{"id":"c1","function":{"name":"book","arguments":"{\"a\":1}"}}]}}"#,
            r#"{"message":{"type":"tool-calls","toolCallList":[{"id":"c1","name":"book","arguments":{"a":1}}]}}"#,
            r#"{"message":{"type":"tool-calls","toolCallList":[{"id":"c1","name":"book","parameters":{"a":1}}]}}"#,
            r#"{"message":{"type":"tool-calls","toolCalls":[{"id":"c1","function":{"name":"book","parameters":{"a":1}}}]}}"#,
            r#"{"message":{"type":"tool-calls","toolWithToolCallList":[{"name":"book","toolCall":{"id":"c1","parameters":{"a":1}}}]}}"#,
            r#"{"message":{"toolCallList":[{"id":"c1","function":{"name":"book","arguments":{"a":1}}}]}}"#,
        ] {
            assert_eq!(calls_of(body), expected, "{body}");
        }
    }

    #[test]
    fn calls_that_stand_in_several_lists_are_read_once() {
        let call = r#"{"id":"c1","function":{"name":"book","arguments":{}}}"#;
        let body = format!(
            r#"{{"message":{{"type":"tool-calls","toolCallList":[{call}],"toolCalls":[{call}],"toolWithToolCallList":[{{"toolCall":{call}}}]}}}}"#
        );
        assert_eq!(calls_of(&body).len(), 1);
    }

    #[test]
    fn arguments_that_cannot_be_read_cost_the_others_nothing() {
        let body = r#"{"message":{"type":"tool-calls","toolCallList":[
            {"id":"c1","function":{"name":"book","arguments":"{\"a\":"}},
            {"id":"c2","function":{"name":"book","arguments":1e400}},
            {"id":"c3","function":{"name":"book","arguments":{"a":"\ud83d"}}},
            {"id":"c4","function":{"name":"book","arguments":{}}},
            "junk",
            {"id":"c5","function":{"name":"book","arguments":[1]}}]}}"#;
        let readable: Vec<(String, bool)> =
            calls_of(body).into_iter().map(|(id, _, a)| (id, a.is_ok())).collect();
        let expected = [("c1", false), ("c2", false), ("c3", false), ("c4", true), ("c5", false)];
        assert_eq!(readable, expected.map(|(id, ok)| (id.to_owned(), ok)));
    }

    #[test]
    fn no_arguments_are_empty_arguments() {
        for arguments in [r#""arguments":"""#, r#""arguments":null"#, r#""arguments":{}"#, r#""x":1"#] {
            let body = format!(
                r#"{{"message":{{"type":"tool-calls","toolCallList":[{{"id":"c","name":"book",{arguments}}}]}}}}"#
            );
            assert_eq!(calls_of(&body)[0].2.as_deref(), Ok("{}"), "{arguments}");
        }
    }

    #[test]
    fn lists_without_calls_are_no_calls() {
        assert_eq!(calls_of(r#"{"message":{"type":"tool-calls","toolCallList":null}}"#), []);
        assert_eq!(calls_of(r#"{"message":{"type":"tool-calls"}}"#), []);
    }

    #[test]
    fn the_call_and_the_callers_number_come_from_the_envelope() {
        for body in [
            r#"{"message":{"type":"tool-calls","call":{"id":"k","customer":{"number":"+1"}}}}"#,
            r#"{"message":{"type":"tool-calls","call":{"id":"k"},"customer":{"number":"+1"}}}"#,
        ] {
            let top: Object<'_> = serde_json::from_str(body).unwrap();
            let Some(Message::ToolCalls(_, origin)) = read(&top) else { panic!("{body}") };
            assert_eq!((origin.call_id.as_deref(), origin.caller_number.as_deref()), (Some("k"), Some("+1")));
        }
    }

    #[test]
    fn what_is_no_message_is_none() {
        for body in [
            "{}",
            r#"{"message":null}"#,
            r#"{"message":"x"}"#,
            r#"{"message":{"type":7}}"#,
            r#"{"message":{}}"#,
        ] {
            assert!(read(&serde_json::from_str(body).unwrap()).is_none(), "{body}");
        }
        let other: Object<'_> = serde_json::from_str(r#"{"message":{"type":"hang"}}"#).unwrap();
        assert!(matches!(read(&other), Some(Message::Other)));
    }
}
