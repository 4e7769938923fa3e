//! What of a passage is said on the telephone.

use std::collections::BTreeSet;

use super::{cutting::sentences, question::Question, words::Words};

/// A passage that is no longer than this, in characters, is said as it is.
const LONGEST_SAID: usize = 320;

/// How many tokens of a language model a text comes to, a little more rather than less: four of them are about three English words.
pub fn tokens(text: &str) -> usize {
    text.split_whitespace().count() * 4 / 3 + 1
}

/// What of a passage answers the question: all of it where it is short, else the sentences from where most of the question is spoken of.
pub fn said(body: &str, question: &Question, language: &str) -> String {
    if body.chars().count() <= LONGEST_SAID {
        return body.to_owned();
    }
    let sentences = sentences(body);
    let words = Words::of(language);
    let speaks_of = |sentence: &str| {
        let stems = words.stems(sentence);
        let mut there: BTreeSet<String> = super::concepts::spoken_of(&stems);
        there.extend(stems);
        question.asked.iter().filter(|asked| asked.terms.iter().any(|term| there.contains(term))).count()
    };
    // The first of those that speak of most.
    let best = sentences
        .iter()
        .enumerate()
        .max_by_key(|(place, sentence)| (speaks_of(sentence), std::cmp::Reverse(*place)));
    let mut first = best.map_or(0, |(place, _)| place);
    let length =
        |from: usize, to: usize| sentences[from..to].iter().map(|s| s.chars().count() + 1).sum::<usize>();
    let mut last = first + 1;
    while last < sentences.len() && length(first, last + 1) <= LONGEST_SAID {
        last += 1;
    }
    while first > 0 && length(first - 1, last) <= LONGEST_SAID {
        first -= 1;
    }
    let said = sentences[first..last].join(" ");
    match said.char_indices().nth(LONGEST_SAID) {
        None => said,
        // One endless sentence.
        Some((end, _)) => {
            format!("{}…", said[..end].rsplit_once(' ').map_or(&said[..end], |(whole, _)| whole))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_passage_the_part_that_answers_is_said() {
        let question = Question::read("Where can I park?", &["en".to_owned()]);
        let filler = "We are open on weekdays and glad to see you whenever you come by. ".repeat(8);
        let body = format!("{filler}There is a garage on Third Avenue. {filler}");
        let said = said(&body, &question, "en");
        assert!(
            said.contains("There is a garage on Third Avenue.") && said.chars().count() <= LONGEST_SAID + 1,
            "{said}"
        );
        assert_eq!(super::said("Short.", &question, "en"), "Short.");
        let endless = super::said(&"word ".repeat(200), &question, "en");
        assert!(endless.ends_with("word…") && endless.chars().count() <= LONGEST_SAID + 1);
    }
}
