//! The bodies in `tests/corpus`, read without a server: what each call becomes.

use std::{fs, path::Path};

use serde::Deserialize;
use serde_json::Value;

use super::{
    message::{Message, of},
    tool_calls::ToolCall,
};

#[derive(Debug, Deserialize)]
pub(super) struct Entry {
    pub(super) file: String,
    class: String,
    route: String,
    calls: Vec<Expected>,
}

#[derive(Debug, Deserialize)]
struct Expected {
    id: Option<String>,
    tool: Option<String>,
    outcome: String,
    #[serde(default)]
    arguments: Option<Value>,
    /// What it waits for.
    #[serde(default)]
    later: Option<String>,
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/corpus"))
}

pub(super) fn body(file: &str) -> Vec<u8> {
    fs::read(folder().join(file)).unwrap()
}

pub(super) fn index() -> Vec<Entry> {
    serde_json::from_slice(&body("index.json")).unwrap()
}

fn check(file: &str, expected: &Expected, call: &ToolCall) {
    assert_eq!(call.id, expected.id.clone().unwrap_or_default(), "{file}");
    // What stands for a name that no index could hold begins like this.
    if let Some(tool) = expected.tool.as_ref().filter(|tool| !tool.starts_with('<')) {
        assert_eq!(&call.name, tool, "{file}");
    }
    // A tool that is to come is read all the same.
    let is_read = expected.later.as_deref().is_none_or(|later| later == "tool");
    if expected.outcome == "dispatch" && is_read {
        let given = call.arguments.clone().map(Value::Object);
        assert_eq!(given.as_ref().ok(), expected.arguments.as_ref(), "{file}: {given:?}");
    }
}

#[test]
fn every_body_of_the_corpus_is_read_as_its_index_says() {
    for Entry { file, class, calls: expected, .. } in index().iter().filter(|entry| entry.route == "vapi") {
        let bytes = body(file);
        let message = of(&bytes);
        match (class.as_str(), message) {
            ("reject", message) => assert!(message.is_err(), "{file}"),
            ("respond", Ok(Message::Knowledge(question, _))) => {
                assert_eq!(question.as_deref(), Some("Do you take walk-ins?"), "{file}");
            }
            ("ack" | "respond", Ok(Message::CallEnded(..) | Message::Other(_))) => {
                assert!(expected.is_empty(), "{file}");
            }
            (_, Ok(Message::ToolCalls(calls, _))) => {
                assert_eq!(calls.len(), expected.len(), "{file}");
                expected.iter().zip(&calls).for_each(|(expected, call)| check(file, expected, call));
            }
            (_, Ok(Message::FunctionCall(call, _))) => {
                assert_eq!(expected.len(), 1, "{file}");
                check(file, &expected[0], &call);
            }
            (_, other) => panic!("{file}: {other:?}"),
        }
    }
}
