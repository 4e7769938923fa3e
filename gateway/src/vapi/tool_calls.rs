//! The calls of a message. The platform sends them in up to three lists, each of which may lack what another one has.

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

/// The lists, the most trusted one first, and whether a call stands inside its tool's configuration there. Each holds the same calls:
/// together they would be executed twice.
const LISTS: [(&str, bool); 3] =
    [("toolCallList", false), ("toolCalls", false), ("toolWithToolCallList", true)];

/// More than anybody asks for at once, and few enough to be compared with each other.
const MOST_ITEMS: usize = 500;

/// Hooks give all their calls this one id: there it takes the arguments, too, to know a call again.
pub(crate) const HOOK_ID: &str = "hook-function-call";

/// A tool's name without its style: `bookAppointment` and `Book-Appointment` are `bookappointment`.
pub(crate) fn bare(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect()
}

/// Whether a message has any of the lists.
pub(crate) fn are_in(message: &Object<'_>) -> bool {
    LISTS.iter().any(|(list, _)| message.contains_key(*list))
}

/// The calls of the first list that has any, completed from the others, each once.
///
/// `None`: there are more than can be meant.
pub(crate) fn read(message: &Object<'_>) -> Option<Vec<ToolCall>> {
    let lists = LISTS.map(|(list, wrapped)| (entries(message, list), wrapped));
    if lists.iter().any(|(entries, _)| entries.len() > MOST_ITEMS) {
        return None;
    }
    let lists = lists.map(|(entries, wrapped)| items(&entries, wrapped));
    let Some(first) = lists.iter().position(|items| !items.is_empty()) else { return Some(Vec::new()) };
    let known: Vec<&String> = lists[first].iter().filter_map(|item| item.id.as_ref()).collect();
    let mut calls: Vec<Item<'_>> = Vec::new();
    for item in &lists[first] {
        let others = lists[first + 1..].iter().flatten();
        let whole = others.fold(item.clone(), |item, other| {
            // An id that names another call of the first list is not this one's.
            let is_anothers = item.id.is_none() && other.id.as_ref().is_some_and(|id| known.contains(&id));
            if !is_anothers && item.is(other) { item.completed(other) } else { item }
        });
        if !calls.iter().any(|call| call.is_repeated_by(&whole)) {
            calls.push(whole);
        }
    }
    let calls = calls.into_iter().map(Item::call).collect();
    Some(calls)
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

fn entries<'a>(message: &Object<'a>, list: &str) -> Vec<&'a RawValue> {
    message.get(list).and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
}

fn items<'a>(entries: &[&'a RawValue], wrapped: bool) -> Vec<Item<'a>> {
    let entries = entries.iter().enumerate();
    entries.filter_map(|(place, entry)| item(place, &object(entry)?, wrapped)).collect()
}

/// Arguments are never taken from the outside of a wrapped call: what is called `parameters` there is the tool's schema.
fn item<'a>(place: usize, entry: &Object<'a>, wrapped: bool) -> Option<Item<'a>> {
    let nothing = Object::default();
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
        self.agrees(other)
            && match (&self.id, &other.id) {
                (Some(mine), Some(theirs)) => mine == theirs,
                _ => self.place == other.place,
            }
    }

    /// Whether the other one, of the same list, is this call again.
    fn is_repeated_by(&self, other: &Item<'_>) -> bool {
        let is_hook = self.id.as_deref() == Some(HOOK_ID);
        let same_arguments = || self.arguments.map(RawValue::get) == other.arguments.map(RawValue::get);
        self.id.is_some() && self.id == other.id && self.agrees(other) && (!is_hook || same_arguments())
    }

    /// Whether both can be calls of one tool, whose name may be written in any style.
    fn agrees(&self, other: &Item<'_>) -> bool {
        let names = self.name.as_ref().zip(other.name.as_ref());
        names.is_none_or(|(mine, theirs)| bare(mine) == bare(theirs))
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
        read(&message).unwrap().into_iter().map(|call| (call.id, call.name, text(call.arguments))).collect()
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
    fn an_id_names_one_call_of_a_tool_in_whatever_style() {
        let message = r#"{"toolCallList":[{"id":"c1","name":"book_it","arguments":{"a":1}},
            {"id":"c1","name":"bookIt","arguments":"{}"},{"id":"c1"},{"name":"book_it"},{"name":"book_it"}],
            "toolCalls":[{"id":"c2"},{},{},{"id":"c1","name":"book_it"}]}"#;
        let nameless = call("", "book_it", "{}");
        assert_eq!(calls(message), [call("c1", "book_it", r#"{"a":1}"#), nameless.clone(), nameless]);
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
        // What was found in one list is looked for in the next.
        let message = r#"{"toolCallList":[{"name":"book"}],"toolCalls":[{"id":"c1","name":"book"}],"toolWithToolCallList":[
            {"toolCall":{"id":"c9","name":"book","arguments":{"b":2}}},
            {"toolCall":{"id":"c1","name":"book","arguments":{"a":1}}}]}"#;
        assert_eq!(calls(message), [call("c1", "book", r#"{"a":1}"#)]);
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
    fn more_calls_than_anybody_makes_are_not_even_looked_at() {
        let many = |count: usize| {
            let list = vec!["{}"; count].join(",");
            format!(r#"{{"toolCallList":[{list}],"toolCalls":[{list}]}}"#)
        };
        let read_all = |text: &str| read(&serde_json::from_str(text).unwrap()).map(|calls| calls.len());
        assert_eq!(read_all(&many(500)), Some(500));
        assert_eq!(read_all(&many(300_000)), None);
    }

    #[test]
    fn lists_without_calls_are_no_calls() {
        assert_eq!(calls(r#"{"toolCallList":null}"#), []);
        assert_eq!(calls("{}"), []);
    }
}
