//! How well passages answer a question: by what it speaks of, and by what it means. One score, from 0 to 1.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{
    Passage,
    concepts::{ENGLISH, is_one_of_a_kind, spoken_of},
    cutting::Cut,
    question::{Asked, Kind, Question},
    words::Words,
};

/// What clinics are known to be asked for, and a passage has nothing of, says more against it than the rarest thing says for it.
const DECISIVE: f64 = 5.0;

/// A word that a passage does not have, but others do, says less than one that it has.
const KNOWN_ELSEWHERE: f64 = 0.5;

/// And a word that nobody has still less: it may be another one for what is there.
const KNOWN_NOWHERE: f64 = 0.4;

/// What is told beside what is asked for says less, too.
const BESIDE: f64 = 0.3;

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
                Weights { base: -6.86, similarity: 9.04, covered: 8.26, missing: -6.01, about: 4.07 }
            }
            Self::Words => {
                Weights { base: -5.44, similarity: 0.0, covered: 10.32, missing: -5.04, about: 4.55 }
            }
            Self::Vectors => {
                Weights { base: -8.45, similarity: 16.87, covered: 0.0, missing: 0.0, about: 0.0 }
            }
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
    if language == ENGLISH { spoken_of(stems) } else { BTreeSet::new() }
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
        for Asked { terms, kind, asks } in &question.asked {
            let rarest = terms.iter().map(|term| rarity.of(term)).fold(0.0, f64::max);
            let there = terms.iter().filter(|term| candidate.terms.contains(*term));
            if let Some(rarest_there) = there.map(|term| rarity.of(term)).reduce(f64::max) {
                // Of a mistyped word, what it was meant to be counts.
                let weight = if *kind == Kind::Word { rarest_there } else { rarest };
                covered += weight;
                all += weight;
                continue;
            }
            let weight = match kind {
                _ if !asks => rarest * BESIDE,
                Kind::Subject => DECISIVE,
                Kind::Ambiguous => rarest,
                Kind::Background => rarest * BESIDE,
                Kind::Word if terms.iter().any(|term| rarity.is_known(term)) => rarest * KNOWN_ELSEWHERE,
                Kind::Word => rarest * KNOWN_NOWHERE,
            };
            all += weight;
            if matches!(kind, Kind::Subject | Kind::Ambiguous) {
                missing += weight;
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
    let counts = |asked: &Asked| asked.asks || asked.kind != Kind::Background;
    let is_asked =
        |thing: &String| question.asked.iter().any(|asked| counts(asked) && asked.terms.contains(thing));
    let words = Words::of(&passage.language);
    let stems = words.stems(&passage.heading);
    let mut things = known(&stems, &passage.language);
    // "Spanish and Polish" is about languages, once.
    things.retain(|thing| !is_one_of_a_kind(thing));
    if things.is_empty() {
        let mut telling = stems.iter().filter(|stem| !words.says_nothing(stem)).peekable();
        return match telling.peek() {
            None => NO_HEADING,
            Some(_) => f64::from(u8::from(telling.any(is_asked))),
        };
    }
    let count = |things: usize| f64::from(u32::try_from(things).unwrap_or(u32::MAX));
    count(things.iter().filter(|thing| is_asked(thing)).count()) / count(things.len())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{DocumentId, PassageId};

    #[test]
    fn each_thing_that_is_weighed_counts() {
        let some = Features { similarity: 0.4, covered: 0.4, missing: 0.2, about: 0.5 };
        let score = |features: Features| features.score(&Ranking::Both.weights());
        for better in [
            Features { similarity: 0.5, ..some },
            Features { covered: 0.5, ..some },
            Features { missing: 0.1, ..some },
            Features { about: 1.0, ..some },
        ] {
            assert!(score(better) > score(some) + 0.05, "{better:?}");
        }
    }

    #[test]
    fn what_a_passage_has_nothing_of_speaks_against_it_by_what_it_is() {
        let score = |kind: Kind, asks: bool| {
            let asked = |term: &str, kind, asks| Asked { terms: vec![term.to_owned()], kind, asks };
            let question =
                Question { asked: vec![asked("parking", Kind::Subject, true), asked("other", kind, asks)] };
            let with = HashMap::from([("parking".to_owned(), 1), ("other".to_owned(), 1)]);
            let candidate = Candidate {
                passage: passage(),
                similarity: Some(0.5),
                terms: BTreeSet::from(["parking".to_owned()]),
            };
            Features::of(&question, &Rarity { passages: 50, with }, &candidate)
                .score(&Ranking::Both.weights())
        };
        let scores = [
            score(Kind::Subject, true),
            score(Kind::Ambiguous, true),
            score(Kind::Word, true),
            score(Kind::Background, true),
        ];
        assert!(scores.is_sorted() && scores[0] < scores[1] - 0.1, "{scores:?}");
        assert!(score(Kind::Subject, false) > scores[1]);
    }

    fn passage() -> Passage {
        Passage {
            id: PassageId::generate(),
            document: DocumentId::generate(),
            source: "parking.md".to_owned(),
            title: "Visiting".to_owned(),
            category: None,
            language: "en".to_owned(),
            heading: "Parking".to_owned(),
            body: "Behind the house.".to_owned(),
            service: None,
            provider: None,
        }
    }
}
