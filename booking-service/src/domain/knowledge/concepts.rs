//! What callers of clinics speak of, whatever they call it: "car park", "parking lot" and "garage" are one thing.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    ops::Range,
    sync::LazyLock,
};

use super::words::Words;

/// The concepts, in English.
const LEXICON: &str = include_str!("concepts.txt");

/// The version of the lexicon, and of how texts are read and cut: a document that was prepared by another one is prepared again when it is put
/// again.
pub const ANALYSIS: u8 = 3;

/// What a concept's name among the terms begins with: no word does.
const MARK: char = '~';

/// What a line begins with whose concept is mostly said beside what is asked for.
const BACKGROUND: char = '?';

struct Lexicon {
    /// From a phrase's stems to the concepts that it may mean.
    phrases: HashMap<Vec<String>, Vec<String>>,
    backgrounds: HashSet<String>,
    longest: usize,
}

static KNOWN: LazyLock<Lexicon> = LazyLock::new(|| {
    let english = Words::of("en");
    let mut phrases: HashMap<Vec<String>, Vec<String>> = HashMap::new();
    let mut backgrounds = HashSet::new();
    for line in LEXICON.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        let (line, is_background) = line.strip_prefix(BACKGROUND).map_or((line, false), |rest| (rest, true));
        let name = format!("{MARK}{}", line.split(',').next().unwrap_or_default().trim());
        if is_background {
            backgrounds.insert(name.clone());
        }
        for phrase in line.split(',') {
            let concepts = phrases.entry(english.stems(phrase)).or_default();
            if !concepts.contains(&name) {
                concepts.push(name.clone());
            }
        }
    }
    let longest = phrases.keys().map(Vec::len).max().unwrap_or_default();
    Lexicon { phrases, backgrounds, longest }
});

/// All the concepts that a text, by its English stems, may speak of.
pub fn spoken_of(stems: &[String]) -> BTreeSet<String> {
    let lengths = 1..=KNOWN.longest;
    let found =
        lengths.flat_map(|length| stems.windows(length)).filter_map(|phrase| KNOWN.phrases.get(phrase));
    found.flatten().cloned().collect()
}

/// The longest phrases of a question that mean a concept: the concepts that each may mean, and where it stands.
pub fn phrases(stems: &[String]) -> Vec<(&'static [String], Range<usize>)> {
    let mut is_read = vec![false; stems.len()];
    let mut found = Vec::new();
    for length in (1..=KNOWN.longest).rev() {
        for start in 0..(stems.len() + 1).saturating_sub(length) {
            let span = start..start + length;
            if is_read[span.clone()].contains(&true) {
                continue;
            }
            if let Some(concepts) = KNOWN.phrases.get(&stems[span.clone()]) {
                is_read[span.clone()].fill(true);
                found.push((concepts.as_slice(), span));
            }
        }
    }
    found
}

/// Whether these concepts are mostly said beside what is asked for: "my wife", "this morning".
pub fn are_background(concepts: &[String]) -> bool {
    concepts.iter().all(|concept| KNOWN.backgrounds.contains(concept))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stems(text: &str) -> Vec<String> {
        Words::of("en").stems(text)
    }

    #[test]
    fn the_same_thing_has_one_name_whatever_it_is_called() {
        let parking = spoken_of(&stems("There is a small garage."));
        let asked = stems("Where is the car park?");
        assert!(phrases(&asked).iter().any(|(may_mean, _)| may_mean.iter().any(|c| parking.contains(c))));
    }

    #[test]
    fn what_is_said_beside_a_question_is_no_subject_of_it() {
        let asked = stems("my wife wants to know whether you take medicare");
        let mut found = phrases(&asked);
        found.sort_by_key(|(_, span)| span.start);
        let background: Vec<bool> = found.iter().map(|(concepts, _)| are_background(concepts)).collect();
        assert_eq!(background, [true, false], "{found:?}");
    }

    #[test]
    fn the_longest_phrase_counts() {
        assert_eq!(phrases(&stems("do you take blue cross")), [(&["~insurance".to_owned()][..], 3..5)]);
        assert!(phrases(&[]).is_empty());
    }
}
