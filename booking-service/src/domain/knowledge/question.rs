//! What a question speaks of, and which of it is asked for.

use std::collections::BTreeSet;

use super::{
    asking::asking,
    concepts::{are_background, phrases},
    words::Words,
};

/// What kind of thing a question speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Something that clinics are known to be asked for: a passage without it is about something else.
    Subject,
    /// Something that is known, and mostly said beside what is asked for.
    Background,
    /// Any other word.
    Word,
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
        let languages: Vec<Words> = languages.iter().map(|language| Words::of(language)).collect();
        let english = Words::of("en");
        let heard = asking(text);
        let stems: Vec<String> = heard.iter().map(|(word, _)| english.stem(word)).collect();
        let mut question = Self::default();
        let mut is_read = vec![false; stems.len()];
        for (concepts, span) in phrases(&stems) {
            is_read[span.clone()].fill(true);
            let kind = if are_background(concepts) { Kind::Background } else { Kind::Subject };
            question.speaks_of(concepts.to_vec(), kind, heard[span].iter().any(|(_, asks)| *asks));
        }
        for (((word, asks), stem), is_read) in heard.iter().zip(&stems).zip(is_read) {
            if is_read || english.says_nothing(stem) || word.chars().count() < 2 {
                continue;
            }
            let mut terms: Vec<String> = languages.iter().map(|words| words.stem(word)).collect();
            terms.sort_unstable();
            terms.dedup();
            question.speaks_of(terms, Kind::Word, *asks);
        }
        // Where the part that asks is empty ("Do you do that?"), what was told is asked for.
        if !question.asked.iter().any(|asked| asked.asks && asked.kind != Kind::Background) {
            for asked in &mut question.asked {
                asked.asks = true;
            }
        }
        question
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
            kinds("I had a root canal last year. Where can I park?"),
            [("~root canal".to_owned(), false), ("~parking".to_owned(), true)]
        );
        // "That" is what was told.
        assert_eq!(kinds("I need a root canal. Do you do that?"), [("~root canal".to_owned(), true)]);
    }
}
