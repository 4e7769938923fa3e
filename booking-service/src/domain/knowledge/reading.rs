//! What a document says, whatever it is written in: headings, and what stands under them.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::Format;
use crate::domain::text::one_line;

/// A line that stands alone is a heading of plain text, if it is no longer than this, in characters.
const LONGEST_PLAIN_HEADING: usize = 60;

/// A page with deeper nesting is none that anybody wrote, and would be read until the stack is used up.
const DEEPEST: usize = 200;

/// What HTML closes by itself, and what has nothing inside.
const NOT_COUNTED: [&str; 26] = [
    "p", "li", "td", "th", "tr", "dt", "dd", "option", "thead", "tbody", "tfoot", "colgroup", "area", "base",
    "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr", "html",
];

/// A piece of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// A heading, and its level: 1 is the highest.
    Heading(u8, String),
    /// A paragraph, an item of a list, a row of a table.
    Text(String),
}

/// Reads a document; the error is for whoever put it. A damaged PDF can make the library that reads it panic: callers see to that.
pub fn read(format: Format, content: &[u8]) -> Result<Vec<Block>, String> {
    let text = || std::str::from_utf8(content).map_err(|_| "it is not UTF-8".to_owned());
    let blocks = match format {
        Format::PlainText => plain(text()?),
        Format::Markdown => markdown(text()?),
        Format::Html => {
            let page = text()?;
            if depth(page) > DEEPEST {
                return Err("it is nested too deeply".to_owned());
            }
            let skipped = vec!["script", "style", "nav", "noscript", "svg"];
            let converter = htmd::HtmlToMarkdown::builder().skip_tags(skipped).build();
            markdown(&converter.convert(page).map_err(|_| "it is no HTML that can be read".to_owned())?)
        }
        Format::Pdf => plain(&pdf_extract::extract_text_from_mem(content).map_err(|error| {
            let has_password = error.to_string().contains("password");
            if has_password { "it has a password" } else { "it is damaged, or no PDF" }.to_owned()
        })?),
    };
    if blocks.iter().any(|block| matches!(block, Block::Text(_))) {
        Ok(blocks)
    } else {
        Err("there is no text in it".to_owned())
    }
}

/// How deeply elements are nested in each other, at least as deep as a browser would have it.
fn depth(page: &str) -> usize {
    let (mut open, mut deepest): (usize, usize) = (0, 0);
    for tag in page.split('<').skip(1) {
        let is_end = tag.starts_with('/');
        let name: String = tag
            .trim_start_matches('/')
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect::<String>()
            .to_ascii_lowercase();
        if name.is_empty() || NOT_COUNTED.contains(&name.as_str()) {
            continue;
        }
        open = if is_end { open.saturating_sub(1) } else { open + 1 };
        deepest = deepest.max(open);
    }
    deepest
}

fn markdown(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut current = String::new();
    let mut push = |text: &mut String, level: Option<u8>| {
        let text = tidy(&std::mem::take(text));
        if !text.is_empty() {
            blocks.push(
                level.map_or_else(|| Block::Text(text.clone()), |level| Block::Heading(level, text.clone())),
            );
        }
    };
    for event in Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH) {
        match event {
            Event::Start(
                Tag::Heading { .. }
                | Tag::Paragraph
                | Tag::Item
                | Tag::CodeBlock(_)
                | Tag::TableRow
                | Tag::TableHead,
            )
            | Event::End(
                TagEnd::Paragraph | TagEnd::Item | TagEnd::CodeBlock | TagEnd::TableRow | TagEnd::TableHead,
            ) => push(&mut current, None),
            Event::End(TagEnd::Heading(level)) => push(&mut current, Some(level as u8)),
            Event::End(TagEnd::TableCell) => current.push_str(", "),
            Event::Text(text) | Event::Code(text) => current.push_str(&text),
            Event::SoftBreak | Event::HardBreak => current.push(' '),
            Event::Start(_)
            | Event::End(_)
            | Event::InlineMath(_)
            | Event::DisplayMath(_)
            | Event::Html(_)
            | Event::InlineHtml(_)
            | Event::FootnoteReference(_)
            | Event::Rule
            | Event::TaskListMarker(_) => {}
        }
    }
    push(&mut current, None);
    blocks
}

fn plain(text: &str) -> Vec<Block> {
    let text = text.replace("\r\n", "\n").replace('\u{c}', "\n\n");
    let paragraphs: Vec<Vec<&str>> = text
        .split("\n\n")
        .map(|paragraph| paragraph.lines().map(str::trim).filter(|line| !line.is_empty()).collect())
        .filter(|lines: &Vec<&str>| !lines.is_empty())
        .collect();
    let mut blocks = Vec::new();
    for (place, lines) in paragraphs.iter().enumerate() {
        let is_last = place + 1 == paragraphs.len();
        // A heading has its text below it, at once or after an empty line.
        let heading = lines[0];
        let rest = if is_plain_heading(heading) && (lines.len() > 1 || !is_last) {
            blocks.push(Block::Heading(2, tidy(heading)));
            &lines[1..]
        } else {
            &lines[..]
        };
        // A word that was parted at the end of a line is one.
        let joined = rest.iter().fold(String::new(), |joined: String, line| match joined.strip_suffix('-') {
            Some(first) if line.starts_with(char::is_lowercase) => format!("{first}{line}"),
            _ => format!("{joined} {line}"),
        });
        let text = tidy(&joined);
        if !text.is_empty() {
            blocks.push(Block::Text(text));
        }
    }
    blocks
}

fn is_plain_heading(line: &str) -> bool {
    let ends_like_a_sentence = line.ends_with(['.', ',', ';', ':', '!', '?', '-']);
    let begins_like_one = line.chars().next().is_some_and(char::is_uppercase);
    line.chars().count() <= LONGEST_PLAIN_HEADING && begins_like_one && !ends_like_a_sentence
}

/// On one line, without what nobody sees and Postgres may choke on.
fn tidy(text: &str) -> String {
    one_line(text).trim_matches(',').trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heading(level: u8, text: &str) -> Block {
        Block::Heading(level, text.to_owned())
    }

    fn text(text: &str) -> Block {
        Block::Text(text.to_owned())
    }

    #[test]
    fn markdown_is_headings_and_what_stands_under_them() {
        let document = "# Paying\n\nWe take *cash*\nand cards.\n\n- Visa\n- Amex: **no**\n\n| a | b |\n|---|---|\n| 1 | 2 |\n";
        assert_eq!(
            read(Format::Markdown, document.as_bytes()).unwrap(),
            [
                heading(1, "Paying"),
                text("We take cash and cards."),
                text("Visa"),
                text("Amex: no"),
                text("a, b"),
                text("1, 2")
            ]
        );
    }

    #[test]
    fn html_says_what_its_reader_sees() {
        let page = "<html><head><style>p{}</style><script>alert(1)</script></head><body><h2>Parking</h2><p>Behind the <b>house</b>.</p>\
            <ul><li>Six spaces</li></ul></body></html>";
        assert_eq!(
            read(Format::Html, page.as_bytes()).unwrap(),
            [heading(2, "Parking"), text("Behind the house."), text("Six spaces")]
        );
    }

    #[test]
    fn plain_text_has_headings_where_lines_stand_alone_and_whole_words() {
        let letter = "Parking\n\nThere are six spaces be-\nhind the house. Ring the bell.\r\n\r\nPaying\nCash only.\n\nThank you\n";
        assert_eq!(
            read(Format::PlainText, letter.as_bytes()).unwrap(),
            [
                heading(2, "Parking"),
                text("There are six spaces behind the house. Ring the bell."),
                heading(2, "Paying"),
                text("Cash only."),
                text("Thank you"),
            ]
        );
    }

    #[test]
    fn what_has_no_text_is_said_to_have_none() {
        for (format, content) in [
            (Format::PlainText, &b" \n"[..]),
            (Format::Markdown, b"# Title"),
            (Format::Html, b"<p></p>"),
            (Format::PlainText, b"\xff\xfe"),
        ] {
            assert!(read(format, content).is_err(), "{format:?}");
        }
        assert!(read(Format::Pdf, b"%PDF-1.4 nonsense").is_err());
        for deep in [1_000, 100_000] {
            let page = format!("{}hello{}", "<div>".repeat(deep), "</div>".repeat(deep));
            assert_eq!(read(Format::Html, page.as_bytes()), Err("it is nested too deeply".to_owned()));
        }
        assert!(read(Format::Markdown, format!("{}hello", "> ".repeat(1_000)).as_bytes()).is_ok());
    }
}
