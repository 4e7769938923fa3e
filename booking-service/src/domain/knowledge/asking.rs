//! Callers tell something and ask something: "My mother is ninety and cannot get up. Is there a doctor who would come to her?"

use super::{cutting::sentences, words::words};

/// Wherever these stand, something is asked for.
const ASK: [&str; 8] = ["how", "what", "which", "whose", "why", "whether", "wonder", "wondering"];

/// These ask where a verb follows: "where do I", but not "where I was".
const ASK_BEFORE_VERB: [&str; 3] = ["when", "where", "who"];

/// Before a subject, these ask: "can I", "does my".
const VERBS: [&str; 20] = [
    "am", "are", "can", "could", "did", "do", "does", "had", "has", "have", "is", "may", "might", "must",
    "shall", "should", "was", "were", "will", "would",
];

/// Of the verbs, those that ask before any subject; the others do it before a pronoun alone: "does the nurse", but "they do the work".
const ASK_BEFORE_ALL: [&str; 9] = ["can", "could", "did", "does", "may", "shall", "should", "will", "would"];

const PRONOUNS: [&str; 15] = [
    "i", "we", "you", "he", "she", "they", "it", "there", "this", "that", "these", "anybody", "anyone",
    "somebody", "someone",
];

const OTHER_SUBJECTS: [&str; 13] =
    ["a", "an", "any", "her", "his", "my", "one", "our", "people", "some", "the", "their", "your"];

/// A sentence may begin so and ask all the same.
const BEFORE_ASKING: [&str; 14] =
    ["ah", "also", "and", "but", "hello", "hey", "hi", "oh", "ok", "okay", "or", "please", "so", "well"];

/// After these, something is told again.
const TELL: [&str; 4] = ["because", "cause", "cos", "coz"];

/// For each of a text's [`words()`], in their order, whether it is of a part that asks. Where nothing asks, all of it does: "parking".
pub fn asking(text: &str) -> Vec<(String, bool)> {
    let mut all: Vec<(String, bool)> =
        sentences(text).iter().flat_map(|sentence| of_sentence(words(sentence))).collect();
    if !all.iter().any(|(_, asks)| *asks) {
        for (_, asks) in &mut all {
            *asks = true;
        }
    }
    all
}

fn of_sentence(words: Vec<String>) -> Vec<(String, bool)> {
    let begin = words.iter().position(|word| !BEFORE_ASKING.contains(&word.as_str())).unwrap_or_default();
    let is = |place: usize, of: &[&str]| words.get(place).is_some_and(|word| of.contains(&word.as_str()));
    let asks = |place: usize| {
        let begins = place == begin || place > 0 && is(place - 1, &BEFORE_ASKING);
        is(place, &ASK)
            || is(place, &ASK_BEFORE_VERB) && is(place + 1, &VERBS)
            || is(place, &VERBS) && is(place + 1, &PRONOUNS)
            || is(place, &ASK_BEFORE_ALL) && is(place + 1, &OTHER_SUBJECTS)
            || begins && is(place, &VERBS) && !is(place + 1, &["t"])
    };
    let mut is_asking = false;
    let asking: Vec<bool> = (0..words.len())
        .map(|place| {
            is_asking = (is_asking || asks(place)) && !is(place, &TELL);
            is_asking
        })
        .collect();
    words.into_iter().zip(asking).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str) -> String {
        let asking = asking(text).into_iter().filter(|(_, asks)| *asks).map(|(word, _)| word);
        asking.collect::<Vec<String>>().join(" ")
    }

    #[test]
    fn what_is_told_before_and_after_a_question_is_not_asked() {
        for (said, part) in [
            (
                "My mother is ninety and can't get up. Is there a doctor who would come to her?",
                "is there a doctor who would come to her",
            ),
            ("my wife booked the block of six can my son have some of them", "can my son have some of them"),
            ("Could somebody see me today? I woke up with a toothache.", "could somebody see me today"),
            ("how late are you open because I work till six", "how late are you open"),
            ("hi so do you take cards", "do you take cards"),
            ("we moved here from Ohio and where do I park", "where do i park"),
            ("I was wondering whether you see children", "wondering whether you see children"),
        ] {
            assert_eq!(asked(said), part, "{said}");
        }
    }

    #[test]
    fn where_nothing_asks_all_of_it_does() {
        for said in ["parking", "I need a new crown", "the place where I was last year", ""] {
            assert_eq!(asked(said), words(said).join(" "));
        }
    }
}
