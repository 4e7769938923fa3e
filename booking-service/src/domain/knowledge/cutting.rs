//! Cuts what a document says into passages: along its headings, and where what stands under one is long, between sentences, with the last
//! sentence said again.

use unicode_segmentation::UnicodeSegmentation as _;

use super::reading::Block;

/// A passage is about so many words at the most: what a local model takes in, and more than one says on the telephone.
const LONGEST_PASSAGE: usize = 110;

/// What has more letters is cut, though it is one word.
const LONGEST_WORD: usize = 60;

/// Headings are cut at so many characters.
const LONGEST_HEADING: usize = 160;

/// A last sentence that is no longer than this is said again.
const LONGEST_OVERLAP: usize = 25;

/// What a full stop after does not end a sentence.
const ABBREVIATIONS: [&str; 14] = [
    "Dr.", "Mr.", "Mrs.", "Ms.", "Prof.", "St.", "No.", "Ave.", "e.g.", "i.e.", "approx.", "incl.", "min.",
    "tel.",
];

/// A passage to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Under which headings it stands, the highest first; a document's only highest heading is its title.
    pub heading: String,
    /// What it says.
    pub body: String,
}

/// Cuts a document.
pub fn cut(blocks: &[Block]) -> Vec<Cut> {
    let highest = |block: &&Block| matches!(block, Block::Heading(1, _));
    let has_title = blocks.iter().filter(highest).count() == 1;
    let mut cuts = Vec::new();
    let mut headings: Vec<(u8, &str)> = Vec::new();
    let mut under: Vec<String> = Vec::new();
    for block in blocks {
        match block {
            Block::Heading(level, text) => {
                finish(&headings, &mut under, &mut cuts);
                headings.retain(|(above, _)| above < level);
                if !(has_title && *level == 1) {
                    headings.push((*level, text));
                }
            }
            Block::Text(text) => under.extend(sentences(text)),
        }
    }
    finish(&headings, &mut under, &mut cuts);
    cuts
}

/// The sentences of a text.
pub fn sentences(text: &str) -> Vec<String> {
    let mut sentences: Vec<String> = Vec::new();
    for piece in text.split_sentence_bounds() {
        match sentences.last_mut() {
            Some(last) if is_unfinished(last) => last.push_str(piece),
            _ => sentences.push(piece.to_owned()),
        }
    }
    sentences
        .into_iter()
        .map(|sentence| sentence.trim().to_owned())
        .filter(|sentence| !sentence.is_empty())
        .collect()
}

fn is_unfinished(sentence: &str) -> bool {
    let last = sentence.split_whitespace().next_back().unwrap_or_default();
    ABBREVIATIONS.iter().any(|abbreviation| last.trim_start_matches('(').eq_ignore_ascii_case(abbreviation))
}

fn length(text: &str) -> usize {
    text.split_whitespace().count()
}

fn finish(headings: &[(u8, &str)], under: &mut Vec<String>, cuts: &mut Vec<Cut>) {
    let heading = headings.iter().map(|(_, text)| *text).collect::<Vec<_>>().join(": ");
    let heading: String = heading.chars().take(LONGEST_HEADING).collect();
    let mut body: Vec<String> = Vec::new();
    let mut keep = |body: &[String]| cuts.push(Cut { heading: heading.clone(), body: body.join(" ") });
    for sentence in under.drain(..).flat_map(|sentence| pieces(&sentence)) {
        let so_far: usize = body.iter().map(|said| length(said)).sum();
        if !body.is_empty() && so_far + length(&sentence) > LONGEST_PASSAGE {
            keep(&body);
            let again = body.pop().filter(|last| !body.is_empty() && length(last) <= LONGEST_OVERLAP);
            body = again.into_iter().collect();
        }
        body.push(sentence);
    }
    if !body.is_empty() {
        keep(&body);
    }
}

/// What is too long for a passage though it is one sentence is cut between words, and what is too long for a word between letters.
fn pieces(sentence: &str) -> Vec<String> {
    let words: Vec<String> = sentence.split_whitespace().flat_map(parts).collect();
    words.chunks(LONGEST_PASSAGE).map(|words| words.join(" ")).collect()
}

fn parts(word: &str) -> Vec<String> {
    let letters: Vec<char> = word.chars().collect();
    letters.chunks(LONGEST_WORD).map(|letters| letters.iter().collect()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_passage_stands_under_its_headings() {
        let blocks = [
            Block::Heading(1, "Guide".into()),
            Block::Text("Welcome.".into()),
            Block::Heading(2, "Paying".into()),
            Block::Heading(3, "Cards".into()),
            Block::Text("Visa. Ask Dr. Lee.".into()),
            Block::Heading(2, "Parking".into()),
            Block::Text("Behind the house.".into()),
        ];
        let cut = |heading: &str, body: &str| Cut { heading: heading.into(), body: body.into() };
        assert_eq!(
            super::cut(&blocks),
            [
                cut("", "Welcome."),
                cut("Paying: Cards", "Visa. Ask Dr. Lee."),
                cut("Parking", "Behind the house.")
            ]
        );
        assert_eq!(sentences("Visa. Ask Dr. Lee. Now!"), ["Visa.", "Ask Dr. Lee.", "Now!"]);
    }

    proptest! {
        /// Nothing is lost, nothing is long, and a passage begins with what the one before ended with.
        #[test]
        fn whatever_is_cut_is_all_there(lengths in prop::collection::vec(1usize..300, 1..20)) {
            let sentence = |(place, words): (usize, &usize)| {
                let words: Vec<String> = (0..*words).map(|word| format!("w{place}x{word}")).collect();
                format!("{}.", words.join(" "))
            };
            let text: Vec<String> = lengths.iter().enumerate().map(sentence).collect();
            let cuts = cut(&text.iter().cloned().map(Block::Text).collect::<Vec<_>>());
            let said: Vec<&str> = cuts.iter().flat_map(|cut| cut.body.split_whitespace()).collect();
            for word in text.iter().flat_map(|sentence| sentence.split_whitespace()) {
                prop_assert!(said.contains(&word), "{word} is lost");
            }
            for pair in cuts.windows(2) {
                let again: Vec<&str> = pair[1].body.split_whitespace().collect();
                prop_assert!(again.len() <= LONGEST_PASSAGE + LONGEST_OVERLAP);
            }
        }
    }
}
