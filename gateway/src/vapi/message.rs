//! Reads a message of the voice platform, in any of the shapes it is known to come in.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::error::Category;

use super::{
    arguments, conversation,
    raw::{Object, member, object, present, string},
    tool_calls::{self, ToolCall},
};

/// A message.
#[derive(Debug)]
pub(crate) enum Message {
    /// Tools to call, and the telephone call they belong to.
    ToolCalls(Vec<ToolCall>, Origin),
    /// One tool to call, as older assistants ask for it: without an id, and answered in a form of its own.
    FunctionCall(ToolCall, Origin),
    /// A telephone call is over.
    CallEnded(EndedCall, Origin),
    /// What do the clinic's documents say to this? `None`: the caller has asked nothing yet.
    Knowledge(Option<String>, Origin),
    /// A message of this type, which needs no answer.
    Other(String),
}

/// Where a message comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The telephone call, or the chat.
    pub(crate) call_id: Option<String>,
    /// The caller's number, as the telephone network reports it.
    pub(crate) caller_number: Option<String>,
}

/// What is told of a call that is over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct EndedCall {
    /// Why, in the platform's word.
    pub(crate) reason: Option<String>,
    /// When it began, as it was written.
    pub(crate) started_at: Option<String>,
    /// When it ended, as it was written.
    pub(crate) ended_at: Option<String>,
}

/// Why nothing can be made out of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// No JSON.
    NotJson,
    /// JSON, but no object.
    NotAnObject,
    /// An object that is no message.
    NoMessage,
    /// A message with more tool calls than can be meant.
    TooManyCalls,
}

/// The members of a body, looked into as far as `M` does. Some senders begin with a byte order mark.
pub(crate) fn members<'a, M: Deserialize<'a>>(body: &'a [u8]) -> Result<M, Unreadable> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    serde_json::from_slice(body).map_err(|error| match error.classify() {
        Category::Data => Unreadable::NotAnObject,
        Category::Io | Category::Syntax | Category::Eof => Unreadable::NotJson,
    })
}

/// Reads the message that a body is.
pub(crate) fn of(body: &[u8]) -> Result<Message, Unreadable> {
    read(&members::<Object<'_>>(body)?)
}

/// Reads a message out of a body's members.
pub(crate) fn read(top: &Object<'_>) -> Result<Message, Unreadable> {
    let message = envelope(top).ok_or(Unreadable::NoMessage)?;
    let kind: Option<String> = match present(&message, "type") {
        Some(kind) => serde_json::from_str(kind.get()).map_err(|_| Unreadable::NoMessage)?,
        None => None,
    };
    let kind = kind.filter(|kind| !kind.is_empty());
    let calls = || tool_calls::read(&message).ok_or(Unreadable::TooManyCalls);
    let has_calls = tool_calls::are_in(&message);
    let has_function = present(&message, "functionCall").is_some();
    // The platform's own schema lets the type of tool calls be missing.
    match kind.as_deref() {
        Some("tool-calls") => Ok(Message::ToolCalls(calls()?, origin(&message))),
        Some("tool_calls") | None if has_calls => Ok(Message::ToolCalls(calls()?, origin(&message))),
        Some("function-call") => Ok(Message::FunctionCall(function_call(&message), origin(&message))),
        None if has_function => Ok(Message::FunctionCall(function_call(&message), origin(&message))),
        Some("knowledge-base-request") => {
            Ok(Message::Knowledge(conversation::last_question(&message), origin(&message)))
        }
        Some("end-of-call-report") => Ok(Message::CallEnded(ended(&message), origin(&message))),
        Some(other) => Ok(Message::Other(other.to_owned())),
        None => Err(Unreadable::NoMessage),
    }
}

/// The message in its envelope; or the body itself, as some guides show it.
fn envelope<'t, 'a>(top: &'t Object<'a>) -> Option<Cow<'t, Object<'a>>> {
    match top.get("message") {
        Some(message) => object(message).map(Cow::Owned),
        None => Some(Cow::Borrowed(top)),
    }
}

fn function_call(message: &Object<'_>) -> ToolCall {
    let call = member(message, "functionCall");
    let given = ["parameters", "arguments"].into_iter().find_map(|name| present(&call, name));
    ToolCall {
        id: String::new(),
        name: string(&call, "name").or_else(|| string(&call, "functionName")).unwrap_or_default(),
        arguments: arguments::read(given, &[]),
    }
}

/// The report says it itself, or its call does.
fn ended(message: &Object<'_>) -> EndedCall {
    let call = member(message, "call");
    let told = |name: &str| string(message, name).or_else(|| string(&call, name));
    EndedCall { reason: told("endedReason"), started_at: told("startedAt"), ended_at: told("endedAt") }
}

fn origin(message: &Object<'_>) -> Origin {
    let (call, chat) = (member(message, "call"), member(message, "chat"));
    let number = |of: &Object<'_>| string(&member(of, "customer"), "number");
    Origin {
        call_id: string(&call, "id").or_else(|| string(&chat, "id")),
        caller_number: number(message).or_else(|| number(&call)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(body: &str) -> Result<Message, Unreadable> {
        of(body.as_bytes())
    }

    #[test]
    fn the_call_and_the_callers_number_come_from_the_envelope() {
        for (body, call, number) in [
            (
                r#"{"message":{"type":"tool-calls","call":{"id":"k","customer":{"number":"+1"}}}}"#,
                "k",
                Some("+1"),
            ),
            (
                r#"{"message":{"type":"tool-calls","call":{"id":"k"},"customer":{"number":"+1"}}}"#,
                "k",
                Some("+1"),
            ),
            (r#"{"message":{"type":"tool-calls","chat":{"id":"h"}}}"#, "h", None),
        ] {
            let Ok(Message::ToolCalls(_, origin)) = message(body) else { panic!("{body}") };
            assert_eq!((origin.call_id.as_deref(), origin.caller_number.as_deref()), (Some(call), number));
        }
    }

    #[test]
    fn what_is_no_message_is_none() {
        for (body, why) in [
            ("", Unreadable::NotJson),
            ("{", Unreadable::NotJson),
            ("NaN", Unreadable::NotJson),
            ("\"x\"", Unreadable::NotAnObject),
            ("{}", Unreadable::NoMessage),
            (r#"{"message":null}"#, Unreadable::NoMessage),
            (r#"{"message":"x"}"#, Unreadable::NoMessage),
            (r#"{"message":{"type":7}}"#, Unreadable::NoMessage),
            (r#"{"message":{"type":""}}"#, Unreadable::NoMessage),
            (r#"{"message":{"type":null}}"#, Unreadable::NoMessage),
            (r#"{"message":{"type":7,"toolCallList":[]}}"#, Unreadable::NoMessage),
            (r#"{"message":{}}"#, Unreadable::NoMessage),
        ] {
            assert_eq!(message(body).err(), Some(why), "{body}");
        }
        assert!(
            matches!(message(r#"{"message":{"type":"hang"}}"#), Ok(Message::Other(kind)) if kind == "hang")
        );
    }

    #[test]
    fn a_type_that_says_nothing_is_none() {
        for kind in ["null", r#""""#, r#""tool_calls""#, r#""tool-calls""#] {
            let body = format!(r#"{{"message":{{"type":{kind},"toolCallList":[{{"id":"c"}}]}}}}"#);
            assert!(matches!(message(&body), Ok(Message::ToolCalls(calls, _)) if calls.len() == 1), "{body}");
        }
    }

    #[test]
    fn a_function_call_of_another_message_is_not_run() {
        let body = r#"{"message":{"type":"transfer-destination-request","functionCall":{"name":"book"}}}"#;
        assert!(matches!(message(body), Ok(Message::Other(_))));
    }
}
