//! Writes the answer to tool calls: one result a call, in order, each a single line of text.

use serde::Serialize;

/// The longest name that is echoed.
const LONGEST_NAME: usize = 128;

/// The whole answer.
#[derive(Debug, Serialize)]
pub(crate) struct Results {
    results: Vec<ToolResult>,
}

/// The answer to one call. Refusals are results, too: an `error` would make the platform speak a fixed sentence of its own instead
/// of ours.
#[derive(Debug, Serialize)]
pub(crate) struct ToolResult {
    name: String,
    #[serde(rename = "toolCallId")]
    id: String,
    result: String,
}

impl Results {
    pub(crate) fn new(results: Vec<ToolResult>) -> Self {
        Self { results }
    }
}

impl ToolResult {
    /// The id goes back to the byte: the platform finds the call by it.
    pub(crate) fn new(id: String, name: &str, say: &str) -> Self {
        let name: String = one_line(name).chars().take(LONGEST_NAME).collect();
        let or = |text: String, else_: &str| if text.is_empty() { else_.to_owned() } else { text };
        Self { name: or(name, "unknown"), id, result: or(one_line(say), "Done.") }
    }

    /// The sentence alone, for a call that is answered without its id.
    pub(crate) fn into_result(self) -> String {
        self.result
    }
}

/// A line break anywhere makes the platform read nothing; U+2028 and its like count as breaks.
pub(crate) fn one_line(text: &str) -> String {
    let spaced: String = text.chars().map(|c| if is_break(c) { ' ' } else { c }).collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn is_break(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Whether the platform takes the answer to calls with these ids; the error says why not.
#[cfg(test)]
pub(crate) fn acceptable(answer: &serde_json::Value, ids: &[String]) -> Result<(), String> {
    use serde_json::Value;

    let line = |of: &Value, name: &str| {
        let text = of[name].as_str().ok_or_else(|| format!("{name} is {}", of[name]))?;
        let is_line = !text.is_empty() && !text.contains(is_break);
        if is_line { Ok(()) } else { Err(format!("{name} is not one line: {text:?}")) }
    };
    let results = answer["results"].as_array().ok_or("there are no results")?;
    if answer.as_object().is_none_or(|answer| answer.len() != 1) {
        return Err("there is more than results".to_owned());
    }
    if results.len() != ids.len() {
        return Err(format!("{} results for {} calls", results.len(), ids.len()));
    }
    for (result, id) in results.iter().zip(ids) {
        line(result, "name")?;
        line(result, "result")?;
        if result["toolCallId"].as_str() != Some(id) {
            return Err(format!("the id is {} instead of {id:?}", result["toolCallId"]));
        }
        if result.as_object().is_none_or(|result| result.len() != 3) {
            return Err("a result has more than name, id and text".to_owned());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_result_is_one_line_and_never_empty() {
        let line = |say: &str| ToolResult::new("c".into(), "book", say).result;
        assert_eq!(line("a\nb\r\nc\u{2028}d\te\u{0}f"), "a b c d e f");
        assert_eq!(line(" \n "), "Done.");
        assert_eq!(ToolResult::new("c".into(), "\n", "x").name, "unknown");
    }

    #[test]
    fn answers_that_the_platform_does_not_take_are_known_as_such() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/corpus/answers");
        let (mut bad, mut good) = (0, 0);
        for entry in std::fs::read_dir(folder).unwrap() {
            let (path, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
            let (answer, name) = (std::fs::read(path).unwrap(), name.into_string().unwrap());
            let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
            let verdict = acceptable(&answer, &["call_1".to_owned()]);
            if name.starts_with("bad-") {
                assert!(verdict.is_err(), "{name}");
                bad += 1;
            } else if name == "good-single-with-name.json" {
                let ids = [answer["results"][0]["toolCallId"].as_str().unwrap().to_owned()];
                assert_eq!(acceptable(&answer, &ids), Ok(()), "{name}");
                good += 1;
            }
        }
        assert_eq!((bad, good), (17, 1));
    }

    /// Of any characters, control characters and line breaks included.
    fn text() -> impl Strategy<Value = String> {
        prop::collection::vec(any::<char>(), 0..20).prop_map(|chars| chars.into_iter().collect())
    }

    proptest! {
        #[test]
        fn whatever_is_said_the_answer_is_one_that_the_platform_takes(
            outcomes in prop::collection::vec((text(), text(), text()), 0..6),
        ) {
            let ids: Vec<String> = outcomes.iter().map(|(id, _, _)| id.clone()).collect();
            let results = outcomes.into_iter().map(|(id, name, say)| ToolResult::new(id, &name, &say)).collect();
            let written = serde_json::to_string(&Results::new(results)).unwrap();
            let read = serde_json::from_str(&written).unwrap();
            prop_assert_eq!(acceptable(&read, &ids), Ok(()));
        }
    }
}
