//! Logistic regression: how much each thing that is known of a passage says of whether it answers.

use booking_service::domain::knowledge::ranking::{Ranking, Weights};

use super::{Case, Figures};

/// Of the questions that no document answers, so many may be answered all the same: twice as many as of those that callers ask, because four in
/// five of these were written to mislead.
const FALSE_ANSWERS: f64 = 0.10;

/// Keeps weights small where the questions say little.
const RIDGE: f64 = 1.0;

const STEPS: usize = 8_000;
const RATE: f64 = 0.5;

/// Weights under which the passages that answer are most likely to be those that do, with such a base that few questions are answered that no document answers.
pub(super) fn weights(cases: &[Case], ranking: Ranking) -> Weights {
    let uses = match ranking {
        Ranking::Both => [1.0, 1.0, 1.0],
        Ranking::Words => [0.0, 1.0, 1.0],
        Ranking::Vectors => [1.0, 0.0, 0.0],
    };
    let rows: Vec<([f64; 3], f64)> = cases
        .iter()
        .flat_map(|case| &case.passages)
        .map(|(right, features)| {
            (
                [features.similarity * uses[0], features.covered * uses[1], features.missing * uses[2]],
                f64::from(u8::from(*right)),
            )
        })
        .collect();
    #[expect(clippy::cast_precision_loss, reason = "there are not so many passages")]
    let all = rows.len() as f64;
    let (mut base, mut weights) = (0.0, [0.0; 3]);
    for _ in 0..STEPS {
        let (mut base_slope, mut slopes) = (0.0, [0.0; 3]);
        for (features, right) in &rows {
            let sum: f64 =
                base + weights.iter().zip(features).map(|(weight, feature)| weight * feature).sum::<f64>();
            let error = 1.0 / (1.0 + (-sum).exp()) - right;
            base_slope += error;
            slopes.iter_mut().zip(features).for_each(|(slope, feature)| *slope += error * feature);
        }
        base -= RATE * 20.0 * base_slope / all;
        weights
            .iter_mut()
            .zip(slopes)
            .for_each(|(weight, slope)| *weight -= RATE * 20.0 * (slope + RIDGE * 0.01 * *weight) / all);
    }
    let [similarity, covered, missing] = weights;
    // The threshold stays; the base moves.
    let shifted = |by: f64| Weights { base: base + by, similarity, covered, missing };
    let shifts = (-1000..1000).rev().map(|step| f64::from(step) / 100.0);
    let highest =
        shifts.map(shifted).find(|weights| Figures::of(cases, weights).false_answers <= FALSE_ANSWERS);
    highest.unwrap_or_else(|| shifted(f64::MIN))
}
