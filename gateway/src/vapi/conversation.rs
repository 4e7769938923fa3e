//! What was said so far, out of a message that has the conversation in it, twice and in several shapes.

use serde_json::value::RawValue;

use super::raw::{Object, object, string};

/// A question with fewer words leans on the turn before: "and on Sundays?"
const FEWEST_WORDS: usize = 4;

/// What such a question begins with, where the transcript has no question mark.
const LEANING: [&str; 8] = ["and", "or", "also", "what", "how", "but", "on", "for"];

/// What is asked stands at the end of a long turn.
const LONGEST: usize = 900;

/// What the caller asked last: their last turn, with the one before where it is short. `None`: they have said nothing.
pub(crate) fn last_question(message: &Object<'_>) -> Option<String> {
    // The lists of the platform's own guides and of its schema: either may be missing, and so may be either name of the text.
    let lists = ["messagesOpenAIFormatted", "messages"].map(|list| turns(message, list));
    let turns = lists.into_iter().find(|turns| !turns.is_empty())?;
    let (last, before) = turns.split_last()?;
    let mut question = last.clone();
    if leans(last)
        && let Some(before) = before.last()
    {
        question = format!("{before} {last}");
    }
    let too_long = question.chars().count().saturating_sub(LONGEST);
    Some(question.chars().skip(too_long).collect())
}

/// Whether a turn asks something that cannot be understood without the one before. "Thank you, bye" asks nothing.
fn leans(turn: &str) -> bool {
    let words: Vec<String> = turn.split_whitespace().map(str::to_lowercase).collect();
    let is_question =
        turn.contains('?') || words.first().is_some_and(|first| LEANING.contains(&first.as_str()));
    words.len() < FEWEST_WORDS && is_question
}

/// What the caller said, the first first.
fn turns(message: &Object<'_>, list: &str) -> Vec<String> {
    let entries: Vec<&RawValue> =
        message.get(list).and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
    let of_caller = |entry: &&RawValue| {
        let turn = object(entry)?;
        let is_caller = string(&turn, "role").is_some_and(|role| role == "user");
        is_caller.then(|| text(&turn)).flatten().filter(|said| said.chars().any(char::is_alphanumeric))
    };
    entries.iter().filter_map(of_caller).collect()
}

/// Text, or a list of parts with text in them.
fn text(turn: &Object<'_>) -> Option<String> {
    ["content", "message"].into_iter().find_map(|name| {
        string(turn, name).or_else(|| {
            let parts: Vec<&RawValue> = serde_json::from_str(turn.get(name)?.get()).ok()?;
            let said: Vec<String> = parts.iter().filter_map(|part| string(&object(part)?, "text")).collect();
            Some(said.join(" "))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(message: &str) -> Option<String> {
        last_question(&serde_json::from_str(message).unwrap())
    }

    #[test]
    fn the_last_turn_of_the_caller_counts_in_every_shape() {
        for (message, expected) in [
            (
                r#"{"messagesOpenAIFormatted":[{"role":"user","content":"Do you take walk-ins, please?"}]}"#,
                Some("Do you take walk-ins, please?"),
            ),
            (
                r#"{"messages":[{"role":"bot","message":"Hello"},{"role":"user","message":"Where can I park today?"}]}"#,
                Some("Where can I park today?"),
            ),
            (
                r#"{"messages":[{"role":"user","content":[{"type":"text","text":"Where can I park today?"}]}]}"#,
                Some("Where can I park today?"),
            ),
            (
                r#"{"messages":[{"role":"user","content":"When are you open on weekdays?"},{"role":"assistant","content":"Nine to five."},{"role":"user","content":"And Sundays?"}]}"#,
                Some("When are you open on weekdays? And Sundays?"),
            ),
            (
                r#"{"messagesOpenAIFormatted":[],"messages":[{"role":"user","content":"Is there a lift there?"}]}"#,
                Some("Is there a lift there?"),
            ),
            (r#"{"messages":[{"role":"assistant","content":"Hello?"}]}"#, None),
            (r#"{"messages":[7,null,{"role":"user"},{"role":"user","content":"..."}]}"#, None),
            (
                r#"{"messages":[{"role":"user","content":"Where can I park today?"},{"role":"user","content":"Thank you, bye"}]}"#,
                Some("Thank you, bye"),
            ),
            (r#"{"messages":"x"}"#, None),
            ("{}", None),
        ] {
            assert_eq!(asked(message).as_deref(), expected, "{message}");
        }
        let said = "é ".repeat(5_000);
        let long = format!(r#"{{"messages":[{{"role":"user","content":"{said}where?"}}]}}"#);
        let long = asked(&long).unwrap();
        assert!(long.chars().count() == LONGEST && long.ends_with("where?"));
    }
}
