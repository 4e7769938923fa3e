//! How well passages answer a question: by what it speaks of, and by what it means. One score, from 0 to 1.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{
    Passage,
    concepts::{phrases, spoken_of},
    cutting::Cut,
    words::{Words, words},
};

/// A word that a passage does not have, but others do, says less against it than one that nobody has.
const KNOWN_ELSEWHERE: f64 = 0.5;

/// Of so many things that a question speaks of, the part that a passage has counts fully.
const ENOUGH: u8 = 3;

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
}

impl Ranking {
    /// What counts for it.
    pub fn weights(self) -> Weights {
        match self {
            Self::Both => Weights { base: -4.05, similarity: 13.28, covered: 5.99, missing: -9.39 },
            Self::Words => Weights { base: -2.52, similarity: 0.0, covered: 9.33, missing: -7.95 },
            Self::Vectors => Weights { base: -7.70, similarity: 16.14, covered: 0.0, missing: 0.0 },
        }
    }
}

/// One thing that a question speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The terms that mean it: one of them is enough.
    pub terms: Vec<String>,
    /// Whether it is something that clinics are known to be asked for. A passage without it is about something else.
    pub is_concept: bool,
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
        let mut asked: Vec<Asked> =
            concepts.into_iter().map(|terms| Asked { terms, is_concept: true }).collect();
        for (word, stem) in spoken.iter().zip(&stems) {
            if !rest.contains(stem) || english.says_nothing(stem) || word.chars().count() < 2 {
                continue;
            }
            let mut terms: Vec<String> = languages.iter().map(|words| words.stem(word)).collect();
            terms.sort_unstable();
            terms.dedup();
            let asked_once = Asked { terms, is_concept: false };
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
        self.asked.iter().filter(|asked| !asked.is_concept).flat_map(|asked| &asked.terms)
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
    let concepts = if language == "en" { spoken_of(&stems) } else { BTreeSet::new() };
    let kept: Vec<String> = stems.into_iter().filter(|stem| !words.says_nothing(stem)).collect();
    let length = i32::try_from(kept.len()).unwrap_or(i32::MAX);
    for term in kept.into_iter().chain(concepts) {
        *terms.entry(term).or_default() += 1;
    }
    (terms, length)
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
    /// From nearly 0, for what all passages have, to 1, for what none has.
    fn of(&self, term: &str) -> f64 {
        let idf = |with: i64| {
            #[expect(clippy::cast_precision_loss, reason = "nobody has so many passages")]
            let (all, with) = (self.passages as f64, with as f64);
            (1.0 + (all - with + 0.5) / (with + 0.5)).ln()
        };
        idf(self.with.get(term).copied().unwrap_or_default()) / idf(0)
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
}

impl Features {
    /// Looks at a candidate.
    pub fn of(question: &Question, rarity: &Rarity, candidate: &Candidate) -> Self {
        let (mut covered, mut missing, mut all) = (0.0, 0.0, 0.0);
        for Asked { terms, is_concept } in &question.asked {
            let rarest = terms.iter().map(|term| rarity.of(term)).fold(0.0, f64::max);
            let is_there = terms.iter().any(|term| candidate.terms.contains(term));
            if is_there {
                // What it was meant to be counts, not what it was mistyped as.
                let there = terms.iter().filter(|term| candidate.terms.contains(*term));
                let weight =
                    if *is_concept { rarest } else { there.map(|term| rarity.of(term)).fold(0.0, f64::max) };
                covered += weight;
                all += weight;
            } else if *is_concept {
                missing += rarest;
                all += rarest;
            } else {
                all += if terms.iter().any(|term| rarity.is_known(term)) {
                    KNOWN_ELSEWHERE * rarest
                } else {
                    rarest
                };
            }
        }
        // One word that fits says less than three.
        let things = u8::try_from(question.asked.len()).unwrap_or(u8::MAX).min(ENOUGH);
        let part = |of: f64| if all > 0.0 { of / all * f64::from(things) / f64::from(ENOUGH) } else { 0.0 };
        Self {
            similarity: candidate.similarity.unwrap_or_default(),
            covered: part(covered),
            missing: part(missing),
        }
    }

    /// From 0 to 1.
    pub fn score(self, weights: &Weights) -> f64 {
        let Weights { base, similarity, covered, missing, .. } = weights;
        let sum = base + similarity * self.similarity + covered * self.covered + missing * self.missing;
        1.0 / (1.0 + (-sum).exp())
    }
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
