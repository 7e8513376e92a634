mod claims;
mod properties;
mod scored;
mod unstable;

use zarathustra_primitives::{B256, Figures, SampleScore, Score, Status};

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

/// Eight samples, of which the challenger's scores are these.
fn challenger(scored: [i64; 8]) -> SampleScores {
    let score = |challenger| SampleScore {
        champion: Score::ZERO,
        challenger: Score::from_micros(challenger),
    };
    SampleScores::new(scored.map(score).to_vec()).expect("eight")
}

/// What an engine finds that scores so.
fn found(engine: Engine, scores: &SampleScores) -> EvaluationResult {
    bounded(engine, scores, rules().bound)
}

fn bounded(engine: Engine, scores: &SampleScores, bound: Bound) -> EvaluationResult {
    let figures = figures(scores, rules().range, rules().alpha, bound).expect("in range");
    scored(engine, figures, scores.root())
}

fn figures_of(scores: &SampleScores) -> Figures {
    *found(Engine::Libtorch, scores).figures().expect("scored")
}

fn scored(engine: Engine, figures: Figures, root: B256) -> EvaluationResult {
    EvaluationResult::scored(ENVIRONMENT, engine, figures, root).expect("holds")
}

fn failed(status: Status) -> EvaluationResult {
    EvaluationResult::failed(ENVIRONMENT, status).expect("a failure")
}

const fn side<'a>(result: &'a EvaluationResult, scores: Option<&'a SampleScores>) -> Side<'a> {
    Side { result, scores }
}

/// The opinion of an attester whose engine found `scores(0, 0)`.
fn opinion(
    own_engine: Engine,
    claimed: &EvaluationResult,
    published: Option<&SampleScores>,
) -> Opinion {
    let own_scores = scores(0, 0);
    let own = found(own_engine, &own_scores);
    compare(
        side(&own, Some(&own_scores)),
        side(claimed, published),
        Some(&rules()),
    )
}

/// A machine: what each of its engines finds.
struct Machine {
    libtorch: (EvaluationResult, Option<SampleScores>),
    reference: (EvaluationResult, Option<SampleScores>),
}

impl Machine {
    /// One where both engines have scores.
    fn new(libtorch: &SampleScores, reference: &SampleScores) -> Self {
        let of = |engine, scores| (found(engine, scores), Some(scores.clone()));
        Self {
            libtorch: of(Engine::Libtorch, libtorch),
            reference: of(Engine::Reference, reference),
        }
    }

    /// One where the reference engine has none.
    fn without_reference(libtorch: &SampleScores, status: Status) -> Self {
        Self {
            reference: (failed(status), None),
            ..Self::new(libtorch, libtorch)
        }
    }

    fn side((result, scores): &(EvaluationResult, Option<SampleScores>)) -> Side<'_> {
        side(result, scores.as_ref())
    }

    /// What an honest performer claims, where the margin does not decide.
    fn claims(&self) -> Side<'_> {
        let [libtorch, reference] = [&self.libtorch, &self.reference].map(Self::side);
        if is_right(libtorch, reference, &rules().terms) {
            libtorch
        } else {
            reference
        }
    }

    /// What an honest attester thinks of a claim whose scores are to be had.
    fn thinks_of(&self, claimed: Side<'_>) -> Opinion {
        match compare(Self::side(&self.libtorch), claimed, Some(&rules())) {
            Opinion::Abstain(Abstention::ReferenceMissing) => {
                compare(Self::side(&self.reference), claimed, Some(&rules()))
            }
            opinion => opinion,
        }
    }
}
