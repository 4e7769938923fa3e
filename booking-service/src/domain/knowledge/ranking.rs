//! How well passages answer a question: by what it speaks of, and by what it means. One score, from 0 to 1.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{
    Passage,
    concepts::{are_background, phrases, spoken_of},
    cutting::Cut,
    words::{Words, words},
};

/// A word that a passage does not have, but others do, says less than one that it has.
const KNOWN_ELSEWHERE: f64 = 0.5;

/// And a word that nobody has still less: it may be another one for what is there.
const KNOWN_NOWHERE: f64 = 0.4;

/// What is said beside what is asked for says less, too.
const BACKGROUND: f64 = 0.3;

/// As if there were so much more to every question: one rare word that fits says less than three.
const UNSAID: f64 = 0.5;

/// What stands under no heading is about nothing in particular.
const NO_HEADING: f64 = 0.5;

/// A passage with a lower score answers nothing. The weights are such that few questions get a higher one that no document answers.
pub const THRESHOLD: f64 = 0.5;

/// By what passages are ranked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ranking {
    /// By words and by vectors.
    Both,
    /// By words alone: nobody could embed the question.
    Words,
    /// By vectors alone: for comparison.
    Vectors,
}

/// What is weighed: docs/KNOWLEDGE.md says where the numbers come from, and `./x eval-knowledge --fit` finds them again.
#[derive(Clone, Copy, Debug)]
pub struct Weights {
    /// What a passage has before anything is known of it, and how much more it needs.
    pub base: f64,
    /// For the cosine between question and passage.
    pub similarity: f64,
    /// For the part of the question that the passage speaks of.
    pub covered: f64,
    /// For the part that is of something else.
    pub missing: f64,
    /// For the part of its heading that is asked for.
    pub about: f64,
}

impl Ranking {
    /// What counts for it.
    pub fn weights(self) -> Weights {
        match self {
            Self::Both => {
                Weights { base: -6.47, similarity: 8.27, covered: 7.05, missing: -7.18, about: 3.40 }
            }
            Self::Words => {
                Weights { base: -5.06, similarity: 0.0, covered: 9.04, missing: -5.86, about: 3.83 }
            }
            Self::Vectors => {
                Weights { base: -6.90, similarity: 14.83, covered: 0.0, missing: 0.0, about: 0.0 }
            }
        }
    }
}

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
        let spoken = words(text);
        let stems: Vec<String> = spoken.iter().map(|word| english.stem(word)).collect();
        let (concepts, rest) = phrases(&stems);
        let mut asked: Vec<Asked> = concepts
            .into_iter()
            .map(|terms| Asked {
                kind: if are_background(&terms) { Kind::Background } else { Kind::Subject },
                terms,
            })
            .collect();
        for (word, stem) in spoken.iter().zip(&stems) {
            if !rest.contains(stem) || english.says_nothing(stem) || word.chars().count() < 2 {
                continue;
            }
            let mut terms: Vec<String> = languages.iter().map(|words| words.stem(word)).collect();
            terms.sort_unstable();
            terms.dedup();
            let asked_once = Asked { terms, kind: Kind::Word };
            if !asked.contains(&asked_once) {
                asked.push(asked_once);
            }
        }
        Self { asked }
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

/// The terms of a passage, each as often as it is in it, and how many words that are.
pub fn terms(title: &str, cut: &Cut, language: &str) -> (BTreeMap<String, i32>, i32) {
    let words = Words::of(language);
    let stems = words.stems(&format!("{title}. {}. {}", cut.heading, cut.body));
    let mut terms = BTreeMap::new();
    let concepts = known(&stems, language);
    let kept: Vec<String> = stems.into_iter().filter(|stem| !words.says_nothing(stem)).collect();
    let length = i32::try_from(kept.len()).unwrap_or(i32::MAX);
    for term in kept.into_iter().chain(concepts) {
        *terms.entry(term).or_default() += 1;
    }
    (terms, length)
}

/// The concepts that a text speaks of: English ones alone are known.
fn known(stems: &[String], language: &str) -> BTreeSet<String> {
    if language == "en" { spoken_of(stems) } else { BTreeSet::new() }
}

/// How rare terms are among the passages.
#[derive(Clone, Debug, Default)]
pub struct Rarity {
    /// How many passages there are.
    pub passages: i64,
    /// How many have a term.
    pub with: HashMap<String, i64>,
}

impl Rarity {
    /// From nearly 0, for what all passages have, to 1, for what one has, or none.
    fn of(&self, term: &str) -> f64 {
        let idf = |with: i64| {
            #[expect(clippy::cast_precision_loss, reason = "nobody has so many passages")]
            let (all, with) = (self.passages as f64, with as f64);
            (1.0 + (all - with + 0.5) / (with + 0.5)).ln()
        };
        idf(self.with.get(term).copied().unwrap_or_default().max(1)) / idf(1)
    }

    fn is_known(&self, term: &str) -> bool {
        self.with.get(term).is_some_and(|with| *with > 0)
    }
}

/// A passage that may answer, and what is known of it.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The passage.
    pub passage: Passage,
    /// The cosine between its vector and the question's; `None`: one of them has none.
    pub similarity: Option<f64>,
    /// The question's terms that it has.
    pub terms: BTreeSet<String>,
}

/// What speaks for a passage and against it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Features {
    /// The cosine.
    pub similarity: f64,
    /// The part of the question that the passage speaks of.
    pub covered: f64,
    /// The part that is of something else.
    pub missing: f64,
    /// The part of what its heading speaks of that is asked for.
    pub about: f64,
}

impl Features {
    /// Looks at a candidate.
    pub fn of(question: &Question, rarity: &Rarity, candidate: &Candidate) -> Self {
        let (mut covered, mut missing, mut all) = (0.0, 0.0, 0.0);
        for Asked { terms, kind } in &question.asked {
            let rarest = terms.iter().map(|term| rarity.of(term)).fold(0.0, f64::max);
            let there = terms.iter().filter(|term| candidate.terms.contains(*term));
            if let Some(rarest_there) = there.map(|term| rarity.of(term)).reduce(f64::max) {
                // Of a mistyped word, what it was meant to be counts.
                let weight = if *kind == Kind::Word { rarest_there } else { rarest };
                covered += weight;
                all += weight;
                continue;
            }
            all += match kind {
                Kind::Subject => rarest,
                Kind::Background => BACKGROUND * rarest,
                Kind::Word if terms.iter().any(|term| rarity.is_known(term)) => KNOWN_ELSEWHERE * rarest,
                Kind::Word => KNOWN_NOWHERE * rarest,
            };
            if *kind == Kind::Subject {
                missing += rarest;
            }
        }
        let part = |of: f64| of / (all + UNSAID);
        Self {
            similarity: candidate.similarity.unwrap_or_default(),
            covered: part(covered),
            missing: part(missing),
            about: about(question, &candidate.passage),
        }
    }

    /// From 0 to 1.
    pub fn score(self, weights: &Weights) -> f64 {
        let Weights { base, similarity, covered, missing, about } = weights;
        let spoken = covered * self.covered + missing * self.missing + about * self.about;
        let sum = base + similarity * self.similarity + spoken;
        1.0 / (1.0 + (-sum).exp())
    }
}

/// The part of what a passage's heading speaks of that is asked for; where that is nothing that clinics are known to be asked for, one of its words is enough.
fn about(question: &Question, passage: &Passage) -> f64 {
    let asked: BTreeSet<&String> = question.asked.iter().flat_map(|asked| &asked.terms).collect();
    let words = Words::of(&passage.language);
    let stems = words.stems(&passage.heading);
    let things = known(&stems, &passage.language);
    if things.is_empty() {
        let mut telling = stems.iter().filter(|stem| !words.says_nothing(stem)).peekable();
        return match telling.peek() {
            None => NO_HEADING,
            Some(_) => f64::from(u8::from(telling.any(|stem| asked.contains(stem)))),
        };
    }
    let count = |things: usize| f64::from(u32::try_from(things).unwrap_or(u32::MAX));
    count(things.iter().filter(|thing| asked.contains(thing)).count()) / count(things.len())
}

/// The candidates with their scores, the best first; of equal ones, the older first.
pub fn rank(
    ranking: Ranking,
    question: &Question,
    rarity: &Rarity,
    candidates: Vec<Candidate>,
) -> Vec<(Candidate, f64)> {
    let weights = ranking.weights();
    let mut ranked: Vec<(Candidate, f64)> = candidates
        .into_iter()
        .map(|candidate| {
            let score = Features::of(question, rarity, &candidate).score(&weights);
            (candidate, score)
        })
        .collect();
    ranked.sort_by(|(one, first), (two, second)| {
        second.total_cmp(first).then(one.passage.id.cmp(&two.passage.id))
    });
    ranked
}
