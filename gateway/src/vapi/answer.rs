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
        let result = Some(one_line(say)).filter(|line| !line.is_empty());
        Self { name, id, result: result.unwrap_or_else(|| "Done.".to_owned()) }
    }
}

/// A line break anywhere makes the platform read nothing; U+2028 and its like count as breaks.
fn one_line(text: &str) -> String {
    let is_break = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    let spaced: String = text.chars().map(|c| if is_break(c) { ' ' } else { c }).collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_one_line_and_never_empty() {
        let line = |say: &str| ToolResult::new("c".into(), "book", say).result;
        assert_eq!(line("a\nb\r\nc\u{2028}d\te\u{0}f"), "a b c d e f");
        assert_eq!(line(" \n "), "Done.");
    }

    #[test]
    fn the_id_is_echoed_to_the_byte() {
        let id = " call\u{2028}\n\"☎ ";
        let json = serde_json::to_string(&ToolResult::new(id.into(), "book", "x")).unwrap();
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(read["toolCallId"], id);
    }
}
