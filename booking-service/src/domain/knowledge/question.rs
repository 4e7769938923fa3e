//! What a question speaks of, and which of it is asked for.

use std::collections::BTreeSet;

use super::{
    asking::asking,
    concepts::{ENGLISH, Meaning, are_ambiguous, are_background, phrases},
    words::Words,
};

/// What is asked for by one of these is what was told: "Do you accept that?"
const REFERS: [&str; 8] = ["it", "one", "ones", "that", "them", "these", "this", "those"];

/// What kind of thing a question speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Something that clinics are known to be asked for: a passage without it is about something else.
    Subject,
    /// The same, by words that are said of other things as well ("late", "my records"): a passage without it may still be meant.
    Ambiguous,
    /// Something that is known, and mostly said beside what is asked for.
    Background,
    /// Any other word.
    Word,
}

impl Kind {
    fn of(meaning: &Meaning) -> Self {
        if are_background(&meaning.concepts) {
            Self::Background
        } else if are_ambiguous(&meaning.concepts) {
            Self::Ambiguous
        } else {
            Self::Subject
        }
    }
}

/// One thing that a question speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The terms that mean it: one of them is enough.
    pub terms: Vec<String>,
    /// What kind of thing it is.
    pub kind: Kind,
    /// Whether it is asked for; else it is told beside that: "My mother is ninety. Is there …?"
    pub asks: bool,
}

/// What a question speaks of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// Each thing once.
    pub asked: Vec<Asked>,
}

impl Question {
    /// Reads a question about documents in these languages.
    pub fn read(text: &str, languages: &[String]) -> Self {
        let english = Words::of(ENGLISH);
        let heard = asking(text);
        let stems: Vec<String> = heard.iter().map(|(word, _)| english.stem(word)).collect();
        let mut question = Self::default();
        let mut is_read = vec![false; stems.len()];
        // Passages in other languages have no concepts: they say it in their words.
        let is_english = languages.iter().any(|of| of == ENGLISH);
        let known = if is_english { phrases(&stems) } else { Vec::new() };
        let others: Vec<Words> =
            languages.iter().filter(|of| *of != ENGLISH).map(|of| Words::of(of)).collect();
        for (meaning, span) in known {
            is_read[span.clone()].fill(true);
            let heard = &heard[span];
            let asks = heard.iter().any(|(_, asks)| *asks);
            let words = || heard.iter().filter(|(word, _)| !english.says_nothing(word));
            let or_in_words = |terms: &[String]| {
                let stems = others.iter().flat_map(|other| words().map(|(word, _)| other.stem(word)));
                terms.iter().cloned().chain(stems).collect()
            };
            question.speaks_of(or_in_words(&meaning.concepts), Kind::of(meaning), asks);
            if !meaning.one.is_empty() && meaning.concepts.len() == 1 {
                question.speaks_of(or_in_words(&meaning.one), Kind::Subject, asks);
            }
        }
        for (((word, asks), stem), is_read) in heard.iter().zip(&stems).zip(is_read) {
            if is_read || english.says_nothing(stem) || word.chars().count() < 2 {
                continue;
            }
            let in_others = others.iter().map(|other| other.stem(word));
            let mut terms: Vec<String> =
                is_english.then(|| stem.clone()).into_iter().chain(in_others).collect();
            terms.sort_unstable();
            terms.dedup();
            question.speaks_of(terms, Kind::Word, *asks);
        }
        question.asks_for_what_was_told(
            heard.iter().any(|(word, asks)| *asks && REFERS.contains(&word.as_str())),
        );
        question
    }

    /// Where the part that asks names no thing and refers to one ("Do you accept that?"), it is what was told; where it names nothing, all that was told.
    fn asks_for_what_was_told(&mut self, refers: bool) {
        let asks = |kinds: &[Kind]| self.asked.iter().any(|asked| asked.asks && kinds.contains(&asked.kind));
        let names_a_thing = asks(&[Kind::Subject, Kind::Ambiguous]);
        let names_nothing = !names_a_thing && !asks(&[Kind::Word, Kind::Background]);
        for asked in &mut self.asked {
            asked.asks |= names_nothing || (refers && !names_a_thing && asked.kind == Kind::Subject);
        }
    }

    /// What is said twice is one thing, and asked for if it is once.
    fn speaks_of(&mut self, terms: Vec<String>, kind: Kind, asks: bool) {
        match self.asked.iter_mut().find(|asked| asked.kind == kind && asked.terms == terms) {
            Some(asked) => asked.asks |= asks,
            None => self.asked.push(Asked { terms, kind, asks }),
        }
    }

    /// All of its terms.
    pub fn terms(&self) -> Vec<String> {
        let terms: BTreeSet<&String> = self.asked.iter().flat_map(|asked| &asked.terms).collect();
        terms.into_iter().cloned().collect()
    }

    /// The terms of words that are no concepts: they may be mistyped.
    pub fn words(&self) -> impl Iterator<Item = &String> {
        self.asked.iter().filter(|asked| asked.kind == Kind::Word).flat_map(|asked| &asked.terms)
    }

    /// A word that nobody has, and what it may have been meant to be.
    pub fn also(&mut self, word: &str, meant: &str) {
        for asked in self.asked.iter_mut().filter(|asked| asked.terms.iter().any(|term| term == word)) {
            asked.terms.push(meant.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_beside_a_question_is_not_asked_for() {
        let languages = ["en".to_owned()];
        let kinds = |text: &str| -> Vec<(String, bool)> {
            let asked = Question::read(text, &languages).asked.into_iter();
            asked
                .filter(|asked| asked.kind == Kind::Subject)
                .map(|asked| (asked.terms.concat(), asked.asks))
                .collect()
        };
        assert_eq!(
            kinds("I had whitening last year. Where can I park?"),
            [("~whitening".to_owned(), false), ("~parking".to_owned(), true)]
        );
        // "That" is what was told.
        assert_eq!(kinds("I need whitening. Do you do that?"), [("~whitening".to_owned(), true)]);
        assert_eq!(kinds("I need whitening. Does your office do that?"), [("~whitening".to_owned(), true)]);
        assert_eq!(
            kinds("I am having whitening. Can my husband sit with me?"),
            [("~whitening".to_owned(), false)]
        );
    }

    #[test]
    fn what_documents_in_other_languages_say_is_looked_for_in_their_words() {
        let terms = |languages: &[&str]| {
            let languages: Vec<String> = languages.iter().map(|of| (*of).to_owned()).collect();
            Question::read("y a-t-il un parking", &languages).terms()
        };
        assert!(terms(&["fr"]).contains(&"parking".to_owned()));
        assert!(!terms(&["fr"]).contains(&"~parking".to_owned()));
        let both = Question::read("parking", &["en".to_owned(), "fr".to_owned()]).asked;
        assert_eq!(both[0].terms, ["~parking", "parking"]);
    }

    #[test]
    fn things_are_told_apart_by_what_their_words_are_said_of() {
        let kind = |text: &str| {
            let asked = Question::read(text, &["en".to_owned()]).asked;
            asked.first().map(|asked| (asked.terms.concat(), asked.kind))
        };
        for (text, term, as_what) in [
            ("whitening", "~whitening", Kind::Subject),
            ("records", "~records", Kind::Ambiguous),
            ("wife", "~somebody along", Kind::Background),
            ("quokka", "quokka", Kind::Word),
        ] {
            assert_eq!(kind(text), Some((term.to_owned(), as_what)), "{text}");
        }
    }

    #[test]
    fn whoever_names_one_of_a_kind_asks_for_that_one() {
        let asked = Question::read("do you take humana", &["en".to_owned()]).asked;
        let terms: Vec<_> = asked.iter().map(|asked| asked.terms.join(" or ")).collect();
        assert_eq!(terms, ["~insurance", "~=humana or ~=*~insurance"]);
    }
}
