mod claims;
mod properties;
mod scored;
mod unstable;

use zarathustra_primitives::{B256, Figures, SampleScore, Score};

use super::*;
use crate::figures::figures;

const TOLERANCE: u64 = 100;
const ENVIRONMENT: Digest = Digest::new([1; 32]);

fn rules() -> Rules {
    let range = ScoreRange::new(
        Score::from_micros(-1_000_000),
        Score::from_micros(1_000_000),
    );
    Rules {
        range: range.expect("a range"),
        alpha: Alpha::from_ppb(1_000_000).expect("in range"),
        bound: Bound::Betting,
        samples: 8,
        terms: Terms {
            min_improvement: Score::from_micros(1000),
            tolerance: Score::from_micros(TOLERANCE as i64),
            slash_margin: Score::from_micros(5000),
            min_samples: 2,
        },
    }
}

/// An evaluation with one of the challenger's scores moved.
fn scores(sample: usize, moved: i64) -> SampleScores {
    let score = |i: i64| SampleScore {
        champion: Score::from_micros(1000 * i),
        challenger: Score::from_micros(500_000 - i),
    };
    let mut scores: Vec<_> = (0..8).map(score).collect();
    let micros = scores[sample].challenger.micros() + moved;
    scores[sample].challenger = Score::from_micros(micros);
    SampleScores::new(scores).expect("eight")
}

fn result(scores: &SampleScores) -> EvaluationResult {
    bounded(scores, rules().bound)
}

fn bounded(scores: &SampleScores, bound: Bound) -> EvaluationResult {
    let figures = figures(scores, rules().range, rules().alpha, bound).expect("in range");
    scored(figures, scores.root())
}

fn scored(figures: Figures, root: B256) -> EvaluationResult {
    scored_by(Engine::Libtorch, figures, root)
}

fn scored_by(engine: Engine, figures: Figures, root: B256) -> EvaluationResult {
    EvaluationResult::scored(ENVIRONMENT, engine, figures, root).expect("holds")
}

/// The opinion of an honest attester about a claim of reference figures.
fn of_reference(claimed: &EvaluationResult, published: Option<&SampleScores>) -> Opinion {
    let own_scores = scores(0, 0);
    let honest = *result(&own_scores).figures().expect("scored");
    let own = scored_by(Engine::Reference, honest, own_scores.root());
    let own = Side {
        result: &own,
        scores: Some(&own_scores),
    };
    let claimed = Side {
        result: claimed,
        scores: published,
    };
    compare(own, claimed, Some(&rules()))
}

fn failed(status: Status) -> EvaluationResult {
    EvaluationResult::failed(ENVIRONMENT, status).expect("a failure")
}

/// The opinion of an honest attester about a claim.
fn opinion(claimed: &EvaluationResult, published: Option<&SampleScores>) -> Opinion {
    let own_scores = scores(0, 0);
    let own = result(&own_scores);
    compare(
        Side {
            result: &own,
            scores: Some(&own_scores),
        },
        Side {
            result: claimed,
            scores: published,
        },
        Some(&rules()),
    )
}

/// The opinion of an attester whose engines find these scores about figures of libtorch.
fn settled(libtorch: &SampleScores, reference: &SampleScores, published: &SampleScores) -> Opinion {
    let claimed = result(published);
    let own = result(libtorch);
    let figures = *result(reference).figures().expect("scored");
    let exact = scored_by(Engine::Reference, figures, reference.root());
    let own = Side {
        result: &own,
        scores: Some(libtorch),
    };
    let theirs = Side {
        result: &claimed,
        scores: Some(published),
    };
    let opinion = compare(own, theirs, Some(&rules()));
    if !rests_on_libtorch(&opinion, &claimed) {
        return opinion;
    }
    let reference = Side {
        result: &exact,
        scores: Some(reference),
    };
    confirm(opinion, own, reference, &rules())
}

/// Eight samples, of which the challenger's scores are these.
fn challenger(scored: [i64; 8]) -> SampleScores {
    let score = |challenger| SampleScore {
        champion: Score::ZERO,
        challenger: Score::from_micros(challenger),
    };
    SampleScores::new(scored.map(score).to_vec()).expect("eight")
}
