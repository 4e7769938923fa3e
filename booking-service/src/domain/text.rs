//! Words that people say: checked once, then carried as they are.

use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

/// The longest name, in characters. The database has the same limit.
pub const LONGEST_NAME: usize = 120;

/// A name of a person or a place: 1 to 120 characters on one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// Trims it and makes white space single spaces. Says what is wrong with it otherwise.
    pub fn parse(text: &str) -> Result<Self, String> {
        let name = one_line(text);
        match name.chars().count() {
            _ if !name.chars().any(char::is_alphanumeric) => Err("is required".to_owned()),
            1..=LONGEST_NAME => Ok(Self(name)),
            _ => Err(format!("is longer than {LONGEST_NAME} characters")),
        }
    }

    /// The name as it is compared: lower case, without accents. Transcripts of speech keep neither.
    pub fn folded(&self) -> String {
        folded(&self.0)
    }

    /// The name as it was said.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Text of at most `longest` characters on one line; `None` when there is none.
pub fn optional(text: &str, longest: usize) -> Result<Option<String>, String> {
    let text = one_line(text);
    match text.chars().count() {
        0 => Ok(None),
        n if n <= longest => Ok(Some(text)),
        _ => Err(format!("is longer than {longest} characters")),
    }
}

/// Text as it is compared: lower case, without accents.
pub(super) fn folded(text: &str) -> String {
    text.nfkd().filter(|c| !is_combining_mark(*c)).collect::<String>().to_lowercase()
}

/// White space of any kind becomes single spaces; what nobody sees goes.
pub(super) fn one_line(text: &str) -> String {
    let visible: String =
        text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(|c| !is_invisible(*c)).collect();
    visible.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What nobody sees: control characters, on which Postgres or a terminal could choke, and marks without width or that turn the direction of
/// writing, which make one name look like another.
pub(super) fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_compared_without_case_accents_and_extra_spaces() {
        let said = Name::parse("  José\tDa  Silva\n").unwrap();
        assert_eq!(said.as_str(), "José Da Silva");
        assert_eq!(said.folded(), Name::parse("jose da SILVA").unwrap().folded());
    }

    #[test]
    fn control_characters_do_not_get_in() {
        assert_eq!(Name::parse("Da\u{0}na\u{1b}[31m").unwrap().as_str(), "Dana[31m");
        for nothing in ["\u{0}\u{7}", "\u{200b}", "\u{301}", "--", "\u{202e}"] {
            assert!(Name::parse(nothing).is_err(), "{nothing:?}");
        }
    }

    #[test]
    fn the_limit_counts_characters_not_bytes() {
        assert!(Name::parse(&"é".repeat(120)).is_ok());
        assert!(Name::parse(&"é".repeat(121)).is_err());
    }
}
