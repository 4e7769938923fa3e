//! The calls of a message. The platform sends them in up to three lists, each of which may lack what another one has.

use std::collections::HashSet;

use serde_json::{Map, Value, value::RawValue};

use super::{
    arguments::{self, Unusable},
    raw::{Object, member, object, present, string},
};

/// One tool to call.
#[derive(Debug)]
pub(crate) struct ToolCall {
    /// Echoed to the byte; empty when it is missing.
    pub(crate) id: String,
    /// The tool's name, as the model wrote it.
    pub(crate) name: String,
    /// The arguments, or what is wrong with them. They are read apart from the message, so that one that cannot be read costs the others
    /// nothing.
    pub(crate) arguments: Result<Map<String, Value>, Unusable>,
}

/// The lists, the most trusted one first. Each holds the same calls: together they would be executed twice.
const LISTS: [&str; 3] = ["toolCallList", "toolCalls", "toolWithToolCallList"];

/// Whether a message has any of the lists.
pub(crate) fn are_in(message: &Object<'_>) -> bool {
    LISTS.iter().any(|list| message.contains_key(*list))
}

/// The calls of the first list that has any, completed from the others, each once.
pub(crate) fn read(message: &Object<'_>) -> Vec<ToolCall> {
    let lists = LISTS.map(|list| items(message, list));
    let Some(first) = lists.iter().position(|items| !items.is_empty()) else { return Vec::new() };
    let mut seen = HashSet::new();
    lists[first]
        .iter()
        .map(|item| {
            lists[first + 1..]
                .iter()
                .flatten()
                .filter(|other| item.is(other))
                .fold(item.clone(), Item::completed)
        })
        // The same call again. A constant id, as hooks have it, may name calls of several tools.
        .filter(|item| item.id.is_none() || seen.insert((item.id.clone(), item.name.clone())))
        .map(Item::call)
        .collect()
}

/// A call, as one list has it.
#[derive(Clone, Debug)]
struct Item<'a> {
    place: usize,
    id: Option<String>,
    name: Option<String>,
    arguments: Option<&'a RawValue>,
    encrypted: Vec<String>,
}

fn items<'a>(message: &Object<'a>, list: &str) -> Vec<Item<'a>> {
    let entries: Vec<&'a RawValue> =
        message.get(list).and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
    let entries = entries.into_iter().enumerate();
    entries
        .filter_map(|(place, entry)| item(place, &object(entry)?, list == "toolWithToolCallList"))
        .collect()
}

/// Arguments are never taken from the outside of a wrapped call: what is called `parameters` there is the tool's schema.
fn item<'a>(place: usize, entry: &Object<'a>, wrapped: bool) -> Option<Item<'a>> {
    let nothing = Object::new();
    let inner = if wrapped { Some(object(entry.get("toolCall")?)?) } else { None };
    let (call, outside) = inner.as_ref().map_or((entry, &nothing), |call| (call, entry));
    let function = member(call, "function");
    let arguments =
        [(&function, "arguments"), (&function, "parameters"), (call, "arguments"), (call, "parameters")];
    let named_outside = || {
        string(outside, "name")
            .or_else(|| string(&member(outside, "function"), "name"))
            .or_else(|| string(&member(outside, "tool"), "name"))
    };
    Some(Item {
        place,
        id: id(call),
        name: string(&function, "name").or_else(|| string(call, "name")).or_else(named_outside),
        arguments: arguments.into_iter().find_map(|(of, name)| present(of, name)),
        encrypted: encrypted_paths(outside),
    })
}

/// A number is an id, too, as it was written.
fn id(call: &Object<'_>) -> Option<String> {
    let is_number = |raw: &&str| raw.starts_with(|c: char| c == '-' || c.is_ascii_digit());
    let number = || call.get("id").map(|raw| raw.get()).filter(is_number).map(str::to_owned);
    string(call, "id").or_else(number)
}

fn encrypted_paths(tool: &Object<'_>) -> Vec<String> {
    let named =
        |of: &Object<'_>| of.get("encryptedPaths").and_then(|raw| serde_json::from_str(raw.get()).ok());
    named(&member(tool, "server")).or_else(|| named(tool)).unwrap_or_default()
}

impl<'a> Item<'a> {
    /// Whether the other one is the same call in another list.
    fn is(&self, other: &Item<'_>) -> bool {
        if let (Some(mine), Some(theirs)) = (&self.id, &other.id) {
            return mine == theirs;
        }
        let agree = self.name.is_none() || other.name.is_none() || self.name == other.name;
        self.place == other.place && agree
    }

    /// With what the other one has and this one lacks.
    fn completed(self, other: &Item<'a>) -> Self {
        Self {
            place: self.place,
            id: self.id.or_else(|| other.id.clone()),
            name: self.name.or_else(|| other.name.clone()),
            arguments: self.arguments.or(other.arguments),
            encrypted: if self.encrypted.is_empty() { other.encrypted.clone() } else { self.encrypted },
        }
    }

    fn call(self) -> ToolCall {
        ToolCall {
            arguments: arguments::read(self.arguments, &self.encrypted),
            id: self.id.unwrap_or_default(),
            name: self.name.unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Id, name and arguments of each call; what is wrong instead of the arguments.
    fn calls(message: &str) -> Vec<(String, String, String)> {
        let message: Object<'_> = serde_json::from_str(message).unwrap();
        let text = |given: Result<Map<String, Value>, Unusable>| match given {
            Ok(given) => Value::Object(given).to_string(),
            Err(why) => format!("{why:?}"),
        };
        read(&message).into_iter().map(|call| (call.id, call.name, text(call.arguments))).collect()
    }

    fn call(id: &str, name: &str, arguments: &str) -> (String, String, String) {
        (id.to_owned(), name.to_owned(), arguments.to_owned())
    }

    #[test]
    fn a_call_is_read_in_each_of_its_shapes() {
        for message in [
            r#"{"toolCallList":[{"id":"c1","type":"function","function":{"name":"book","arguments":{"a":1}}}]}"#,
            r#"{"toolCallList":[{"id":"c1","function":{"name":"book","arguments":"{\"a\":1}"}}]}"#,
            r#"{"toolCallList":[{"id":"c1","function":{"name":"book","parameters":{"a":1}}}]}"#,
            r#"{"toolCallList":[{"id":"c1","name":"book","arguments":{"a":1}}]}"#,
            r#"{"toolCallList":[{"id":"c1","name":"book","parameters":{"a":1}}]}"#,
            r#"{"toolCallList":[],"toolCalls":[{"id":"c1","function":{"name":"book","arguments":{"a":1}}}]}"#,
            r#"{"toolCallList":["x"],"toolWithToolCallList":[{"name":"book","toolCall":{"id":"c1","parameters":{"a":1}}}]}"#,
            r#"{"toolWithToolCallList":[{"function":{"name":"book","parameters":{"a":{"type":"string"}}},"toolCall":{"id":"c1","arguments":{"a":1}}}]}"#,
        ] {
            assert_eq!(calls(message), [call("c1", "book", r#"{"a":1}"#)], "{message}");
        }
    }

    #[test]
    fn calls_that_stand_in_several_lists_are_read_once() {
        let one = r#"{"id":"c1","function":{"name":"book","arguments":{}}}"#;
        let message = format!(
            r#"{{"toolCallList":[{one},{one}],"toolCalls":[{one}],"toolWithToolCallList":[{{"toolCall":{one}}}]}}"#
        );
        assert_eq!(calls(&message), [call("c1", "book", "{}")]);
    }

    #[test]
    fn the_constant_id_of_hooks_names_a_call_of_each_tool() {
        let message = r#"{"toolCalls":[{"id":"hook-function-call","name":"a"},{"id":"hook-function-call","name":"b"}]}"#;
        let expected = [call("hook-function-call", "a", "{}"), call("hook-function-call", "b", "{}")];
        assert_eq!(calls(message), expected);
    }

    #[test]
    fn what_one_list_lacks_is_taken_from_another() {
        for message in [
            r#"{"toolCallList":[{"name":"book","arguments":{"a":1}}],"toolCalls":[{"id":"c1","name":"book"}]}"#,
            r#"{"toolCallList":[{"id":"c1","arguments":{"a":1}}],"toolWithToolCallList":[{"name":"book","toolCall":{"id":"c1"}}]}"#,
            r#"{"toolCallList":[{"id":"c1","name":"book"}],"toolCalls":[{"id":"c0","name":"x","arguments":{"b":2}},{"id":"c1","arguments":{"a":1}}]}"#,
        ] {
            assert_eq!(calls(message), [call("c1", "book", r#"{"a":1}"#)], "{message}");
        }
        let of_another = r#"{"toolCallList":[{"name":"book"}],"toolCalls":[{"id":"c1","name":"cancel"}]}"#;
        assert_eq!(calls(of_another), [call("", "book", "{}")]);
    }

    #[test]
    fn arguments_that_cannot_be_read_cost_the_others_nothing() {
        let message = r#"{"toolCallList":[
            {"id":"c1","function":{"name":"book","arguments":"{\"a\":"}},
            {"id":"c2","function":{"name":"book","arguments":1e400}},
            {"id":"c3","function":{"name":"book","arguments":{"a":"\ud83d"}}},
            {"id":"c4","function":{"name":"book","arguments":{}}},
            "junk",
            {"id":55,"function":{"name":"book","arguments":[1]}}]}"#;
        let expected = [
            call("c1", "book", "CutOff"),
            call("c2", "book", "NotAnObject"),
            call("c3", "book", "NotAnObject"),
            call("c4", "book", "{}"),
            call("55", "book", "NotAnObject"),
        ];
        assert_eq!(calls(message), expected);
    }

    #[test]
    fn paths_that_a_tool_encrypts_are_known() {
        let message = r#"{"toolCallList":[{"id":"c1","name":"find","arguments":{"ssn":"x"}}],
            "toolWithToolCallList":[{"name":"find","server":{"encryptedPaths":["ssn"]},"toolCall":{"id":"c1"}}]}"#;
        assert_eq!(calls(message), [call("c1", "find", "Encrypted")]);
    }

    #[test]
    fn lists_without_calls_are_no_calls() {
        assert_eq!(calls(r#"{"toolCallList":null}"#), []);
        assert_eq!(calls("{}"), []);
    }
}
