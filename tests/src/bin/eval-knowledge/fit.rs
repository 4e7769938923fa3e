//! Logistic regression: how much each thing that is known of a passage says of whether it answers.

use booking_service::domain::knowledge::ranking::{Features, Ranking, Weights};

use super::Case;

/// Of a hundred questions that no document answers, so many may be answered all the same. The aim is five; of new questions, whose words nobody has
/// added to the lexicon yet, it is about twice as many.
const FALSE_ANSWERS: usize = 3;

/// Keeps weights small where the questions say little.
const RIDGE: f64 = 0.01;

/// The base, and a weight for each thing that is known of a passage.
const N: usize = 5;

/// It has converged long before.
const STEPS: usize = 30;

/// Weights under which the passages that answer are most likely to be those that do, with such a base that few questions are answered that no document answers.
pub(super) fn weights(cases: &[Case], ranking: Ranking) -> Weights {
    let uses = match ranking {
        Ranking::Both => [1.0, 1.0, 1.0, 1.0],
        Ranking::Words => [0.0, 1.0, 1.0, 1.0],
        Ranking::Vectors => [1.0, 0.0, 0.0, 0.0],
    };
    let rows: Vec<([f64; N], f64)> = cases
        .iter()
        .flat_map(|case| &case.passages)
        .map(|(right, features)| {
            let Features { similarity, covered, missing, about } = features;
            let [of_similarity, of_covered, of_missing, of_about] = uses;
            let row = [
                1.0,
                similarity * of_similarity,
                covered * of_covered,
                missing * of_missing,
                about * of_about,
            ];
            (row, f64::from(u8::from(*right)))
        })
        .collect();
    let [base, similarity, covered, missing, about] =
        (0..STEPS).fold([0.0; N], |weights, _| step(&rows, weights));
    let fitted = Weights { base, similarity, covered, missing, about };
    // The threshold stays; the base moves.
    Weights { base: base - allowed(cases, &fitted), ..fitted }
}

/// The lowest sum, in hundredths, that no more than the allowed part of the questions without an answer get above.
fn allowed(cases: &[Case], weights: &Weights) -> f64 {
    let unanswerable = cases.iter().filter(|case| case.asked.answer.is_none());
    let best = |case: &Case| {
        case.ranked(weights).first().map_or(f64::MIN, |(score, _)| (score / (1.0 - score)).ln())
    };
    let mut sums: Vec<f64> = unanswerable.map(best).collect();
    sums.sort_unstable_by(|one, other| other.total_cmp(one));
    let first_refused = sums.get(sums.len() * FALSE_ANSWERS / 100);
    first_refused.map_or(0.0, |sum| (sum * 100.0).floor() / 100.0 + 0.01)
}

/// A step of Newton's method.
fn step(rows: &[([f64; N], f64)], weights: [f64; N]) -> [f64; N] {
    // The slopes, and beside them what they change by: solved below as a system of linear equations.
    let mut system = [[0.0; N + 1]; N];
    for place in 0..N {
        system[place][place] = RIDGE;
        system[place][N] = RIDGE * weights[place];
    }
    for (features, right) in rows {
        let sum: f64 = weights.iter().zip(features).map(|(weight, feature)| weight * feature).sum();
        let likely = 1.0 / (1.0 + (-sum).exp());
        for (equation, feature) in system.iter_mut().zip(features) {
            for (value, other) in equation.iter_mut().zip(features) {
                *value += likely * (1.0 - likely) * feature * other;
            }
            equation[N] += (likely - right) * feature;
        }
    }
    let steps = solved(system);
    std::array::from_fn(|place| weights[place] - steps[place])
}

/// Gauss' elimination; the system is positive definite.
fn solved(mut system: [[f64; N + 1]; N]) -> [f64; N] {
    for pivot in 0..N {
        let leading = system[pivot];
        for (place, equation) in system.iter_mut().enumerate() {
            let factor = equation[pivot] / leading[pivot];
            if place != pivot {
                equation.iter_mut().zip(leading).for_each(|(value, above)| *value -= factor * above);
            }
        }
    }
    std::array::from_fn(|place| system[place][N] / system[place][place])
}
