//! Comparison of two results that have figures.

use zarathustra_primitives::{Engine, Figures, SampleScores};

use super::{Abstention, Opinion, Rejection, Rules, Side, tolerance};
use crate::figures::figures;

/// How many tolerances from the reference engine's a score must be for a rejection. Whoever approves
/// by its own libtorch is within one of the claim, so honest votes are opposite only where some
/// machine's libtorch is more than nine from the reference engine.
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
    if let Some(rejection) = check_method(claimed_figures, rules) {
        return Opinion::Reject(rejection);
    }
    let root = claimed.result.scores_root();
    if root == own.result.scores_root() {
        // The same scores: nothing needs to be fetched.
        return match follow(claimed_figures, own_scores, rules) {
            Ok(()) => Opinion::Approve,
            Err(rejection) => Opinion::Reject(rejection),
        };
    }
    if claimed.result.engine() == Engine::Reference {
        // The same bits everywhere: no score may differ, so none needs to be seen.
        return Opinion::Reject(Rejection::Reference);
    }
    let by_reference = own.result.engine() == Engine::Reference;
    if let Some(opinion) = compare_means(own_figures, claimed_figures, rules, by_reference) {
        return opinion;
    }
    match claimed.scores.filter(|scores| root == Some(scores.root())) {
        Some(scores) => compare_scores(own_scores, scores, claimed_figures, rules, by_reference),
        None => Opinion::Abstain(Abstention::ScoresMissing),
    }
}

/// What the request alone settles.
fn check_method(claimed: &Figures, rules: &Rules) -> Option<Rejection> {
    if claimed.samples != rules.samples {
        return Some(Rejection::Samples {
            claimed: claimed.samples,
            expected: rules.samples,
        });
    }
    let bound = claimed.bound;
    (bound != rules.bound).then_some(Rejection::Bound { bound })
}

/// What can be told without the claim's scores.
///
/// Means of scores that all differ by at most x differ by at most x, and by one more when both were
/// rounded. Beyond that, some score is farther off than x or the mean is not theirs.
fn compare_means(
    own: &Figures,
    claimed: &Figures,
    rules: &Rules,
    by_reference: bool,
) -> Option<Opinion> {
    let champions = own.champion_score.distance(claimed.champion_score);
    let challengers = own.challenger_score.distance(claimed.challenger_score);
    let distance = champions.max(challengers);
    let beyond = |limit: u64| distance > limit.saturating_add(1);
    if !by_reference {
        let differ = beyond(tolerance(&rules.terms));
        return differ.then_some(Opinion::Abstain(Abstention::ReferenceMissing));
    }
    beyond(reject_beyond(rules)).then_some(Opinion::Reject(Rejection::Mean { distance }))
}

fn compare_scores(
    own: &SampleScores,
    claimed: &SampleScores,
    claimed_figures: &Figures,
    rules: &Rules,
    by_reference: bool,
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
    if distance <= tolerance(&rules.terms) {
        return Opinion::Approve;
    }
    if !by_reference {
        return Opinion::Abstain(Abstention::ReferenceMissing);
    }
    if distance > reject_beyond(rules) {
        return Opinion::Reject(Rejection::Score { sample, distance });
    }
    Opinion::Abstain(Abstention::Borderline { sample, distance })
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
    tolerance(&rules.terms).saturating_mul(REJECT_FACTOR)
}
