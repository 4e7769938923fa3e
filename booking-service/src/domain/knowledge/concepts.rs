//! What callers of clinics speak of, whatever they call it: "car park", "parking lot" and "garage" are one thing.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    ops::Range,
    sync::LazyLock,
};

use super::words::Words;

/// The language of the concepts.
pub const ENGLISH: &str = "en";

/// The concepts.
const LEXICON: &str = include_str!("concepts.txt");

/// The version of the lexicon, and of how texts are read and cut: a document that was prepared by another one is prepared again when it is put
/// again.
pub const ANALYSIS: u8 = 4;

/// What a concept's name among the terms begins with: no word does.
const MARK: char = '~';

/// What the name of one of a kind begins with.
const ONE: &str = "~=";

/// What a line of the lexicon is of, by what it begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// Something that is asked for.
    Decisive,
    /// Something that is mostly said beside what is asked for.
    Background,
    /// Something whose words are said of other things as well.
    Ambiguous,
    /// One of the kind that the last line of another sort speaks of: one insurer, one language.
    One,
    /// All of that kind: "any other plan".
    All,
}

impl Line {
    /// The lexicon's, each with its phrases.
    fn all() -> impl Iterator<Item = (Self, &'static str)> {
        let lines = LEXICON.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
        lines.map(Self::read)
    }

    fn read(line: &str) -> (Self, &str) {
        let marks = [("=*", Self::All), ("=", Self::One), ("-", Self::Ambiguous), ("?", Self::Background)];
        let marked = marks.iter().find_map(|(mark, of)| Some((*of, line.strip_prefix(mark)?)));
        marked.unwrap_or((Self::Decisive, line))
    }
}

/// What a phrase means.
#[derive(Debug, Default)]
pub struct Meaning {
    /// The concepts that it may mean.
    pub concepts: Vec<String>,
    /// Where it names one of a kind: what a passage has that speaks of that one, or of all of the kind. "Do you take Cigna?" is not answered by a
    /// list of other insurers.
    pub one: Vec<String>,
    /// What else a passage has that says it.
    says: Vec<String>,
}

struct Lexicon {
    /// From a phrase's stems to its meaning.
    phrases: HashMap<Vec<String>, Meaning>,
    backgrounds: HashSet<String>,
    ambiguous: HashSet<String>,
    longest: usize,
}

static KNOWN: LazyLock<Lexicon> = LazyLock::new(|| {
    let english = Words::of(ENGLISH);
    let mut phrases: HashMap<Vec<String>, Meaning> = HashMap::new();
    let (mut backgrounds, mut ambiguous) = (HashSet::new(), HashSet::new());
    let mut kind = String::new();
    for (of, said) in Line::all() {
        let name = said.split(',').next().unwrap_or_default().trim();
        let is_of_a_kind = matches!(of, Line::One | Line::All);
        if !is_of_a_kind {
            kind = format!("{MARK}{name}");
        }
        match of {
            Line::Background => drop(backgrounds.insert(kind.clone())),
            Line::Ambiguous => drop(ambiguous.insert(kind.clone())),
            Line::Decisive | Line::One | Line::All => {}
        }
        let (one, all) = (format!("{ONE}{name}"), format!("{ONE}*{kind}"));
        for phrase in said.split(',') {
            let meaning = phrases.entry(english.stems(phrase)).or_default();
            if !meaning.concepts.contains(&kind) {
                meaning.concepts.push(kind.clone());
            }
            match of {
                Line::One => {
                    meaning.says.push(one.clone());
                    meaning.one = vec![one.clone(), all.clone()];
                }
                Line::All => meaning.says.push(all.clone()),
                Line::Decisive | Line::Background | Line::Ambiguous => {}
            }
        }
    }
    let longest = phrases.keys().map(Vec::len).max().unwrap_or_default();
    Lexicon { phrases, backgrounds, ambiguous, longest }
});

/// All the concepts that a text, by its English stems, may speak of.
pub fn spoken_of(stems: &[String]) -> BTreeSet<String> {
    let lengths = 1..=KNOWN.longest;
    let found =
        lengths.flat_map(|length| stems.windows(length)).filter_map(|phrase| KNOWN.phrases.get(phrase));
    found.flat_map(|meaning| meaning.concepts.iter().chain(&meaning.says)).cloned().collect()
}

/// Whether it is the name of one of a kind.
pub fn is_one_of_a_kind(term: &str) -> bool {
    term.starts_with(ONE)
}

/// The longest phrases of a question that mean a concept: what each means, and where it stands.
pub fn phrases(stems: &[String]) -> Vec<(&'static Meaning, Range<usize>)> {
    let mut is_read = vec![false; stems.len()];
    let mut found = Vec::new();
    for length in (1..=KNOWN.longest).rev() {
        for start in 0..(stems.len() + 1).saturating_sub(length) {
            let span = start..start + length;
            if is_read[span.clone()].contains(&true) {
                continue;
            }
            if let Some(meaning) = KNOWN.phrases.get(&stems[span.clone()]) {
                is_read[span.clone()].fill(true);
                found.push((meaning, span));
            }
        }
    }
    found
}

/// Whether these concepts are mostly said beside what is asked for: "my wife", "this morning".
pub fn are_background(concepts: &[String]) -> bool {
    concepts.iter().all(|concept| KNOWN.backgrounds.contains(concept))
}

/// Whether one of these concepts has words that are said of other things as well: "late", "my records".
pub fn are_ambiguous(concepts: &[String]) -> bool {
    concepts.iter().any(|concept| KNOWN.ambiguous.contains(concept))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stems(text: &str) -> Vec<String> {
        Words::of(ENGLISH).stems(text)
    }

    #[test]
    fn the_same_thing_has_one_name_whatever_it_is_called() {
        let parking = spoken_of(&stems("There is a small garage."));
        let asked = stems("Where is the car park?");
        assert!(
            phrases(&asked).iter().any(|(meaning, _)| meaning.concepts.iter().any(|c| parking.contains(c)))
        );
    }

    #[test]
    fn what_is_said_beside_a_question_is_no_subject_of_it() {
        let asked = stems("my wife wants to know whether you take medicare");
        let mut found = phrases(&asked);
        found.sort_by_key(|(_, span)| span.start);
        let background: Vec<bool> =
            found.iter().map(|(meaning, _)| are_background(&meaning.concepts)).collect();
        assert_eq!(background, [true, false], "{found:?}");
    }

    #[test]
    fn the_longest_phrase_counts() {
        let asked = stems("do you take blue cross");
        let found: Vec<_> =
            phrases(&asked).into_iter().map(|(meaning, span)| (&meaning.concepts[..], span)).collect();
        assert_eq!(found, [(&["~insurance".to_owned()][..], 3..5)]);
        assert!(phrases(&[]).is_empty());
    }

    #[test]
    fn one_of_a_kind_is_spoken_of_where_it_is_named_or_all_are() {
        let asked = stems("do you take blue cross");
        let one = &phrases(&asked)[0].0.one;
        let speaks = |text: &str| spoken_of(&stems(text)).iter().any(|term| one.contains(term));
        assert!(speaks("We accept Blue Cross Blue Shield and Humana."));
        assert!(speaks("We accept Humana. With any other plan you pay yourself."));
        assert!(!speaks("We accept Humana and Aetna."));
        assert!(phrases(&stems("which insurance do you take"))[0].0.one.is_empty());
    }

    #[test]
    fn every_phrase_says_something_and_names_one_of_a_kind_at_most() {
        let english = Words::of(ENGLISH);
        let mut named: HashMap<Vec<String>, &str> = HashMap::new();
        for (of, said) in Line::all() {
            for phrase in said.split(',') {
                let stems = english.stems(phrase);
                assert!(!stems.is_empty(), "an empty phrase: {said}");
                if of == Line::One {
                    let other = named.insert(stems, said).filter(|other| *other != said);
                    assert!(other.is_none(), "{phrase} names one in {said} and in {other:?}");
                }
            }
        }
    }
}
