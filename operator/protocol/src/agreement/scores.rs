//! Comparison of two results that have figures.

use zarathustra_primitives::{Engine, Figures, SampleScores};

use super::{Abstention, Opinion, Rejection, Rules, Side};
use crate::figures::figures;

/// How far beyond the tolerance a score must be for a rejection.
pub const REJECT_FACTOR: u64 = 10;

pub(super) fn compare_scored(
    own: Side<'_>,
    own_figures: &Figures,
    claimed: Side<'_>,
    claimed_figures: &Figures,
    rules: Option<&Rules>,
) -> Opinion {
    let (Some(rules), Some(own_scores)) = (rules, own.scores) else {
        return Opinion::Abstain(Abstention::OwnResult);
    };
    if own_scores.count() != rules.samples
        || own_figures.bound != rules.bound
        || own.result.scores_root() != Some(own_scores.root())
    {
        return Opinion::Abstain(Abstention::OwnResult);
    }
    if let Some(rejection) = check_fields(own, own_figures, claimed, claimed_figures, rules) {
        return Opinion::Reject(rejection);
    }
    let root = claimed.result.scores_root();
    if claimed.result.engine() == Engine::Reference && root != own.result.scores_root() {
        // The same bits everywhere: no score may differ, so none needs to be seen.
        return Opinion::Reject(Rejection::Reference);
    }
    if root == own.result.scores_root() {
        // The same scores: nothing needs to be fetched.
        return match follow(claimed_figures, own_scores, rules) {
            Ok(()) => Opinion::Approve,
            Err(rejection) => Opinion::Reject(rejection),
        };
    }
    match claimed.scores.filter(|scores| root == Some(scores.root())) {
        Some(scores) => compare_scores(own_scores, scores, claimed_figures, rules),
        None => Opinion::Abstain(Abstention::ScoresMissing),
    }
}

/// What can be told without the claim's scores.
fn check_fields(
    own: Side<'_>,
    own_figures: &Figures,
    claimed: Side<'_>,
    claimed_figures: &Figures,
    rules: &Rules,
) -> Option<Rejection> {
    if claimed_figures.samples != rules.samples {
        let claimed = claimed_figures.samples;
        return Some(Rejection::Samples {
            claimed,
            expected: rules.samples,
        });
    }
    let (bound, engine) = (claimed_figures.bound, claimed.result.engine());
    if bound != rules.bound || engine != own.result.engine() {
        return Some(Rejection::Method { bound, engine });
    }
    // Means of scores that all differ by at most x differ by at most x, and by one more when both
    // were rounded. Beyond that, some score is too far off or the mean is not theirs.
    let distance = own_figures
        .champion_score
        .distance(claimed_figures.champion_score)
        .max(
            own_figures
                .challenger_score
                .distance(claimed_figures.challenger_score),
        );
    (distance > reject_beyond(rules).saturating_add(1)).then_some(Rejection::Mean { distance })
}

fn compare_scores(
    own: &SampleScores,
    claimed: &SampleScores,
    claimed_figures: &Figures,
    rules: &Rules,
) -> Opinion {
    if claimed.count() != rules.samples {
        let claimed = claimed.count();
        return Opinion::Reject(Rejection::Samples {
            claimed,
            expected: rules.samples,
        });
    }
    // First what needs no own evaluation.
    if let Err(rejection) = follow(claimed_figures, claimed, rules) {
        return Opinion::Reject(rejection);
    }
    let (distance, sample) = farthest(own, claimed);
    if distance > reject_beyond(rules) {
        return Opinion::Reject(Rejection::Score { sample, distance });
    }
    if distance > rules.tolerance() {
        return Opinion::Abstain(Abstention::Borderline { sample, distance });
    }
    Opinion::Approve
}

/// The largest distance of two evaluations' scores on one sample, of the farther of the two models,
/// and the first sample that has it.
pub(super) fn farthest(one: &SampleScores, other: &SampleScores) -> (u64, u32) {
    let pairs = one.as_slice().iter().zip(other.as_slice());
    pairs
        .map(|(one, other)| {
            let champions = one.champion.distance(other.champion);
            champions.max(one.challenger.distance(other.challenger))
        })
        .zip(0u32..)
        .max_by_key(|(distance, sample)| (*distance, std::cmp::Reverse(*sample)))
        .unwrap_or((0, 0))
}

/// Whether figures follow from scores, exactly.
fn follow(claimed: &Figures, scores: &SampleScores, rules: &Rules) -> Result<(), Rejection> {
    match figures(scores, rules.range, rules.alpha, rules.bound) {
        Ok(figures) if figures == *claimed => Ok(()),
        _ => Err(Rejection::Figures),
    }
}

const fn reject_beyond(rules: &Rules) -> u64 {
    rules.tolerance().saturating_mul(REJECT_FACTOR)
}
