//! The vectors of an organisation's passages, kept in memory for as long as they are what the database has: ten thousand of them are compared with a
//! question's in a millisecond here, and in ten there.

use std::{collections::HashSet, fmt, sync::Arc, time::Duration};

use moka::future::Cache;

use crate::domain::ids::{DocumentId, OrgId, PassageId};

/// Of an organisation that nobody asks for so long, nothing is kept.
const IDLE: Duration = Duration::from_mins(10);

/// So many partial sums at once are what a processor has room for.
const LANES: usize = 16;

/// The vectors of one model and one organisation, at one time.
pub struct Vectors {
    /// By their ids.
    passages: Vec<(PassageId, DocumentId)>,
    /// One vector after the other, in the same order.
    numbers: Vec<f32>,
}

impl fmt::Debug for Vectors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vectors").field("passages", &self.passages.len()).finish_non_exhaustive()
    }
}

impl Vectors {
    /// From passages and their vectors, which are of one model.
    pub fn new(mut vectors: Vec<(PassageId, DocumentId, Vec<f32>)>) -> Self {
        vectors.sort_unstable_by_key(|(passage, ..)| *passage);
        let mut these = Self { passages: Vec::new(), numbers: Vec::new() };
        for (passage, document, vector) in vectors {
            these.passages.push((passage, document));
            these.numbers.extend(vector);
        }
        these
    }

    /// The passages of these documents (`None`: of all) whose vectors are nearest to this one, the nearest first; of equally near ones, the older first.
    pub fn nearest(&self, to: &[f32], documents: Option<&[DocumentId]>, most: usize) -> Vec<PassageId> {
        let counting: Option<HashSet<&DocumentId>> = documents.map(|documents| documents.iter().collect());
        let counts =
            |document: &DocumentId| counting.as_ref().is_none_or(|counting| counting.contains(document));
        let vectors = self.numbers.chunks_exact(to.len().max(1));
        let mut near: Vec<(f32, PassageId)> = self
            .passages
            .iter()
            .zip(vectors)
            .filter(|((_, document), _)| counts(document))
            .map(|((passage, _), vector)| (product(vector, to), *passage))
            .collect();
        let nearer = |one: &(f32, PassageId), other: &(f32, PassageId)| {
            other.0.total_cmp(&one.0).then(one.1.cmp(&other.1))
        };
        if most < near.len() {
            near.select_nth_unstable_by(most, nearer);
            near.truncate(most);
        }
        near.sort_unstable_by(nearer);
        near.into_iter().map(|(_, passage)| passage).collect()
    }

    /// The cosine between this vector and a passage's; `None`: that has none.
    pub fn similarity(&self, to: &[f32], passage: PassageId) -> Option<f64> {
        let place = self.passages.binary_search_by_key(&passage, |(passage, _)| *passage).ok()?;
        self.numbers.chunks_exact(to.len().max(1)).nth(place).map(|vector| product(vector, to).into())
    }

    /// About how much memory they take.
    fn bytes(&self) -> u32 {
        let bytes = self.numbers.len() * size_of::<f32>()
            + self.passages.len() * size_of::<(PassageId, DocumentId)>();
        u32::try_from(bytes).unwrap_or(u32::MAX)
    }
}

/// The cosine of vectors of length 1, summed in a way that a compiler may do many of at once.
fn product(one: &[f32], other: &[f32]) -> f32 {
    let mut sums = [0.0_f32; LANES];
    let (ones, others) = (one.chunks_exact(LANES), other.chunks_exact(LANES));
    let rest: f32 = ones.remainder().iter().zip(others.remainder()).map(|(a, b)| a * b).sum();
    for (ones, others) in ones.zip(others) {
        for ((sum, a), b) in sums.iter_mut().zip(ones).zip(others) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f32>() + rest
}

/// Whose vectors, of which model, and of which state of the documents: what was put or deleted since makes it another one.
pub type Which = (OrgId, String, i64);

/// What is kept. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Kept(Cache<Which, Arc<Vectors>>);

impl Kept {
    /// No more than so many bytes.
    pub fn at_most(bytes: u64) -> Self {
        let weigh = |_: &Which, vectors: &Arc<Vectors>| vectors.bytes();
        Self(Cache::builder().max_capacity(bytes).weigher(weigh).time_to_idle(IDLE).build())
    }

    /// Those that are kept, or else those that can be had so.
    pub async fn get<E>(
        &self,
        which: Which,
        had: impl Future<Output = Result<Vectors, E>>,
    ) -> Result<Arc<Vectors>, E> {
        if let Some(vectors) = self.0.get(&which).await {
            return Ok(vectors);
        }
        let vectors = Arc::new(had.await?);
        self.0.insert(which, vectors.clone()).await;
        Ok(vectors)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_nearest_are_those_that_sorting_all_of_them_finds(
            vectors in prop::collection::vec((prop::collection::vec(-1.0_f32..1.0, 20), 0_usize..3), 0..40),
            to in prop::collection::vec(-1.0_f32..1.0, 20),
            most in 0_usize..10,
            restricted in any::<bool>(),
        ) {
            let documents = [DocumentId::generate(), DocumentId::generate(), DocumentId::generate()];
            let all: Vec<(PassageId, DocumentId, Vec<f32>)> = vectors
                .into_iter()
                .map(|(vector, document)| (PassageId::generate(), documents[document], vector))
                .collect();
            let counting = restricted.then(|| &documents[..2]);
            let mut expected: Vec<(f32, PassageId)> = all
                .iter()
                .filter(|(_, document, _)| counting.is_none_or(|counting| counting.contains(document)))
                .map(|(passage, _, vector)| (vector.iter().zip(&to).map(|(a, b)| a * b).sum(), *passage))
                .collect();
            expected.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.cmp(&other.1)));
            let vectors = Vectors::new(all.clone());
            let found = vectors.nearest(&to, counting, most);
            prop_assert_eq!(found.len(), expected.len().min(most));
            // Sums in another order differ by a rounding: by their values they are the same.
            for (found, (expected, _)) in found.iter().zip(&expected) {
                let vector = &all.iter().find(|(passage, ..)| passage == found).unwrap().2;
                let product: f32 = vector.iter().zip(&to).map(|(a, b)| a * b).sum();
                prop_assert!((product - expected).abs() < 1e-4);
                prop_assert!((vectors.similarity(&to, *found).unwrap() - f64::from(product)).abs() < 1e-4);
            }
        }
    }
}
