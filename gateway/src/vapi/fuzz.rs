//! The bodies of the corpus, broken and changed at random: nothing made of them can do harm.

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::Value;

use super::{
    answer::{Results, ToolResult, acceptable},
    corpus::{body, index},
    message::{Message, of},
};

/// Without the largest, which would take the most time and have the least in them that is read.
static SMALL: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    index().iter().map(|entry| body(&entry.file)).filter(|body| body.len() < 50_000).collect()
});

/// Those that are JSON.
static WHOLE: LazyLock<Vec<Value>> =
    LazyLock::new(|| SMALL.iter().filter_map(|body| serde_json::from_slice(body).ok()).collect());

/// The value at one of the places of a body.
fn place(body: &mut Value, number: usize) -> &mut Value {
    fn count(value: &Value) -> usize {
        let inside: usize = match value {
            Value::Array(values) => values.iter().map(count).sum(),
            Value::Object(members) => members.values().map(count).sum(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
        };
        1 + inside
    }
    fn find(value: &mut Value, mut number: usize) -> &mut Value {
        if number == 0 {
            return value;
        }
        number -= 1;
        let inside: Vec<&mut Value> = match value {
            Value::Array(values) => values.iter_mut().collect(),
            Value::Object(members) => members.values_mut().collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
        };
        for one in inside {
            let size = count(one);
            if number < size {
                return find(one, number);
            }
            number -= size;
        }
        unreachable!("a number below the count")
    }
    let number = number % count(body);
    find(body, number)
}

/// What stands somewhere instead; `None`: what stands somewhere else.
fn stand_ins() -> impl Strategy<Value = Option<Value>> {
    prop_oneof![
        Just(None),
        prop::sample::select(vec![
            serde_json::json!(null),
            serde_json::json!(-1),
            serde_json::json!(9_007_199_254_740_993_u64),
            serde_json::json!(""),
            serde_json::json!("{\"a\":\"\\ud83d\"}"),
            serde_json::json!("\"{\\\"time\\\": \\\"9:00\\\"}\""),
            serde_json::json!([]),
            serde_json::json!({}),
            serde_json::json!({"properties": {"a": {"value": {"value": []}}}}),
            serde_json::json!("tool_calls"),
            serde_json::json!("\u{1b}[31m\n\u{2028}"),
        ])
        .prop_map(Some),
    ]
}

/// What a body is broken with.
const JUNK: [&str; 18] = [
    "{",
    "}",
    "[",
    "]",
    "\"",
    ",",
    ":",
    "null",
    "\\ud83d",
    "1e400",
    "-0",
    "\u{0}",
    "\u{2028}",
    "\\u0000",
    "\"toolCallList\":[",
    "\"id\":",
    "\"function\":null",
    "\"arguments\":\"",
];

#[derive(Clone, Debug)]
enum Break {
    Flip(usize, u8),
    Cut(usize, usize),
    Repeat(usize, usize),
    Insert(usize, usize),
    Nest(usize, usize),
    End(usize),
}

fn breaks() -> impl Strategy<Value = Break> {
    let at = any::<usize>;
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, byte)| Break::Flip(at, byte)),
        (at(), 1_usize..200).prop_map(|(at, length)| Break::Cut(at, length)),
        (at(), 1_usize..200).prop_map(|(at, length)| Break::Repeat(at, length)),
        (at(), 0..JUNK.len()).prop_map(|(at, which)| Break::Insert(at, which)),
        (at(), 1_usize..300).prop_map(|(at, depth)| Break::Nest(at, depth)),
        at().prop_map(Break::End),
    ]
}

fn broken(mut body: Vec<u8>, breaks: &[Break]) -> Vec<u8> {
    for one in breaks {
        let place = |at: usize| at % (body.len() + 1);
        match *one {
            Break::Flip(at, byte) => {
                let at = place(at);
                if let Some(there) = body.get_mut(at) {
                    *there ^= byte;
                }
            }
            Break::Cut(at, length) => {
                let from = place(at);
                body.drain(from..(from + length).min(body.len()));
            }
            Break::Repeat(at, length) => {
                let from = place(at);
                let again = body[from..(from + length).min(body.len())].to_vec();
                body.splice(from..from, again);
            }
            Break::Insert(at, which) => {
                let at = place(at);
                body.splice(at..at, JUNK[which].bytes());
            }
            Break::Nest(at, depth) => {
                let at = place(at);
                body.splice(
                    at..at,
                    "[".repeat(depth).into_bytes().into_iter().chain("]".repeat(depth).bytes()),
                );
            }
            Break::End(at) => {
                let at = place(at);
                body.truncate(at);
            }
        }
    }
    body
}

/// Reads a body to the end and answers whatever is in it; the answer must be one that the platform takes.
fn survive(body: &[u8]) {
    match of(body) {
        Ok(Message::ToolCalls(calls, _)) => {
            let ids: Vec<String> = calls.iter().map(|call| call.id.clone()).collect();
            let results = calls.into_iter().map(|call| {
                call.arguments.iter().for_each(crate::tools::read_by_each);
                let say = format!("{:?}", call.arguments);
                ToolResult::new(call.id, &call.name, &say)
            });
            let answer = serde_json::to_value(Results::new(results.collect())).unwrap();
            acceptable(&answer, &ids).unwrap();
        }
        Ok(Message::FunctionCall(call, _)) => {
            let said = ToolResult::new(call.id, &call.name, &format!("{:?}", call.arguments));
            assert!(!said.into_result().is_empty());
        }
        Ok(Message::CallEnded(..) | Message::Knowledge(..) | Message::Other(_)) | Err(_) => {}
    }
}

proptest! {
    /// `PROPTEST_CASES` makes it run for as long as one likes.
    #[test]
    fn a_broken_body_does_no_harm(
        which in any::<prop::sample::Index>(),
        breaks in prop::collection::vec(breaks(), 1..8),
    ) {
        survive(&broken(which.get(&SMALL).clone(), &breaks));
    }

    /// The JSON stays whole, and something else stands in some of its places.
    #[test]
    fn a_changed_body_does_no_harm(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<usize>(), any::<usize>(), stand_ins()), 1..6),
    ) {
        let mut changed: Value = which.get(&WHOLE).clone();
        for (to, from, stand_in) in changes {
            let stand_in = stand_in.unwrap_or_else(|| place(&mut changed, from).clone());
            *place(&mut changed, to) = stand_in;
        }
        survive(changed.to_string().as_bytes());
    }

    #[test]
    fn any_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        survive(&bytes);
    }
}

#[test]
fn deep_nesting_and_a_megabyte_of_junk_do_no_harm() {
    let deep = format!("{}{}", "{\"a\":".repeat(200), "1") + &"}".repeat(200);
    let call = |arguments: &str| {
        format!(
            r#"{{"message":{{"type":"tool-calls","toolCallList":[{{"id":"c","name":"n","arguments":{arguments}}}]}}}}"#
        )
    };
    let junk = format!("\"{}\"", "x".repeat(1 << 20));
    let many = format!("[{}1]", "1,".repeat(1 << 19));
    for arguments in [&deep, &junk, &many, &serde_json::to_string(&deep).unwrap()] {
        survive(call(arguments).as_bytes());
        survive(arguments.as_bytes());
    }
    survive("[".repeat(1 << 20).as_bytes());
    // The platform's own part of the message may be as deep as it likes.
    let deep_artifact = call("{}").replace("\"type\"", &format!("\"artifact\":{deep},\"type\""));
    assert!(matches!(
        of(deep_artifact.as_bytes()),
        Ok(Message::ToolCalls(calls, _)) if calls[0].arguments.is_ok()
    ));
}
