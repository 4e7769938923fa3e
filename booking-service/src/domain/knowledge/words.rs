//! Words as they are compared: folded, without what says nothing, and by their stems.

use std::{collections::HashSet, sync::LazyLock};

use rust_stemmers::{Algorithm, Stemmer};

use crate::domain::text::folded;

/// Words of fewer letters are not looked for with a letter left out: too many others are like them.
const SHORTEST_MISTYPED: usize = 5;

/// Words of a question or a text that say nothing of what it is about, by their stems.
const STOP_WORDS: &str = include_str!("stop_words.txt");

/// Those words, and their stems: each word of each passage is looked for among them.
static SAYS_NOTHING: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let english = Words::of("en");
    STOP_WORDS.split_ascii_whitespace().flat_map(|word| [word.to_owned(), english.stem(word)]).collect()
});

/// What has more letters is no word, and too long for an index.
const LONGEST_WORD: usize = 40;

/// The words of a text, folded: lower case, without accents, in the order in which they stand.
pub fn words(text: &str) -> Vec<String> {
    let apart = folded(text).replace("'s ", " ").replace("\u{2019}s ", " ");
    let words = apart
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| (1..=LONGEST_WORD).contains(&word.chars().count()));
    words.map(str::to_owned).collect()
}

/// Compares words of one language.
pub struct Words {
    stemmer: Option<Stemmer>,
    is_english: bool,
}

impl std::fmt::Debug for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Words").finish_non_exhaustive()
    }
}

impl Words {
    /// For a language by its two letters. In one that is not known, words are compared as they are.
    pub fn of(language: &str) -> Self {
        let algorithm = match language {
            "ar" => Some(Algorithm::Arabic),
            "da" => Some(Algorithm::Danish),
            "de" => Some(Algorithm::German),
            "el" => Some(Algorithm::Greek),
            "en" => Some(Algorithm::English),
            "es" => Some(Algorithm::Spanish),
            "fi" => Some(Algorithm::Finnish),
            "fr" => Some(Algorithm::French),
            "hu" => Some(Algorithm::Hungarian),
            "it" => Some(Algorithm::Italian),
            "nl" => Some(Algorithm::Dutch),
            "no" | "nb" | "nn" => Some(Algorithm::Norwegian),
            "pt" => Some(Algorithm::Portuguese),
            "ro" => Some(Algorithm::Romanian),
            "ru" => Some(Algorithm::Russian),
            "sv" => Some(Algorithm::Swedish),
            "tr" => Some(Algorithm::Turkish),
            _ => None,
        };
        Self { stemmer: algorithm.map(Stemmer::create), is_english: language == "en" }
    }

    /// What words of it are compared by.
    pub fn stem(&self, word: &str) -> String {
        self.stemmer.as_ref().map_or_else(|| word.to_owned(), |stemmer| stemmer.stem(word).into_owned())
    }

    /// The stems of a text, in the order in which they stand.
    pub fn stems(&self, text: &str) -> Vec<String> {
        words(text).iter().map(|word| self.stem(word)).collect()
    }

    /// Whether a word, by its stem, says nothing of what a text is about.
    pub fn says_nothing(&self, stem: &str) -> bool {
        self.is_english && SAYS_NOTHING.contains(stem)
    }
}

/// A word, and the word with each of its letters left out: two words that differ by one letter (one more, one less, another one, or
/// two that changed places) have one of these in common. Short words have none.
pub fn variants(word: &str) -> Vec<String> {
    let letters: Vec<char> = word.chars().collect();
    if letters.len() < SHORTEST_MISTYPED || letters.iter().any(|letter| letter.is_numeric()) {
        return Vec::new();
    }
    let without = |place: usize| {
        letters.iter().enumerate().filter(|(at, _)| *at != place).map(|(_, letter)| *letter).collect()
    };
    let mut variants: Vec<String> = (0..letters.len()).map(without).collect();
    variants.push(word.to_owned());
    variants.sort_unstable();
    variants.dedup();
    variants
}

/// Whether two words differ by one letter.
pub fn is_nearly(one: &str, other: &str) -> bool {
    strsim::osa_distance(one, other) <= 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn inflected_words_are_one_and_accents_do_not_count() {
        let english = Words::of("en");
        assert_eq!(english.stems("Fillings, filling"), ["fill", "fill"]);
        assert_eq!(words("Café, l'été; the patient's"), ["cafe", "l", "ete", "the", "patient", "s"]);
        assert_eq!(Words::of("es").stem("limpiezas"), Words::of("es").stem("limpieza"));
        assert!(english.says_nothing("the") && english.says_nothing(&english.stem("anything")));
        assert!(!english.says_nothing("park"));
    }

    proptest! {
        /// Damerau's distance as its definition has it is what the variants find.
        #[test]
        fn words_that_differ_by_a_letter_share_a_variant(word in "[a-z]{5,9}", place in 0usize..9, letter in "[a-z]", kind in 0..4) {
            let mut letters: Vec<char> = word.chars().collect();
            let place = place % letters.len();
            match kind {
                0 => { letters.remove(place); }
                1 => letters.insert(place, letter.chars().next().unwrap()),
                2 => letters[place] = letter.chars().next().unwrap(),
                _ => { let next = (place + 1) % letters.len(); if next > place { letters.swap(place, next); } }
            }
            let other: String = letters.into_iter().collect();
            prop_assume!(other.len() >= SHORTEST_MISTYPED);
            prop_assert!(is_nearly(&word, &other));
            let (one, two) = (variants(&word), variants(&other));
            prop_assert!(one.iter().any(|variant| two.contains(variant)), "{word} {other}");
        }
    }
}
