//! What a certified result means for a submission, as AvsLogic judges it (5.6).

use zarathustra_primitives::{
    Engine, EvaluationResult, Fault, Figures, Purpose, Reason, Score, Status, SubmissionState,
};

/// The thresholds of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// What the lower bound must clear.
    pub min_improvement: Score,
    /// What two honest machines' scores may differ by.
    pub tolerance: Score,
    /// How far below zero the upper bound must be for a deposit to be slashed.
    pub slash_margin: Score,
    /// Fewest samples that decide anything.
    pub min_samples: u32,
}

/// The state that settlement will enter, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judgement {
    /// The state.
    pub state: SubmissionState,
    /// The reason.
    pub reason: Reason,
}

impl Judgement {
    /// The stable name of the state.
    pub const fn code(&self) -> &'static str {
        self.state.code()
    }

    /// The judgement when the champion is not the one that stood at commit: nobody is slashed for
    /// a champion that he could not know.
    #[must_use]
    pub const fn against_later_champion(self) -> Self {
        match self.state {
            SubmissionState::Worse => Self {
                state: SubmissionState::NotBetter,
                reason: Reason::WorseThanLaterChampion,
            },
            _ => self,
        }
    }
}

const MALFORMED: Judgement = Judgement {
    state: SubmissionState::NotBetter,
    reason: Reason::MalformedResult,
};

/// What a pair of bounds says when `margin` is taken off it, in millionths.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Shown {
    better: bool,
    worse: bool,
}

impl Terms {
    fn shown(&self, figures: &Figures, margin: i128) -> Shown {
        let [lower, upper, min_improvement, slash_margin] = [
            figures.lower,
            figures.upper,
            self.min_improvement,
            self.slash_margin,
        ]
        .map(|score| i128::from(score.micros()));
        Shown {
            better: lower - margin >= min_improvement,
            worse: upper + margin < -slash_margin,
        }
    }

    /// Whether the verdict on figures depends on what two honest machines' scores may differ by:
    /// a threshold lies within the tolerance of the bound that it is compared with.
    pub fn leave_to_margin(&self, figures: &Figures) -> bool {
        let margin = i128::from(self.tolerance.micros());
        self.shown(figures, margin) != self.shown(figures, -margin)
    }
}

/// The engine that figures have to come from (5.6), given whether figures of libtorch leave the
/// verdict to the margin. An appeal is always about reference figures, so that whoever answers it
/// finds the same bits.
pub const fn engine_for(purpose: Purpose, left_to_margin: bool) -> Engine {
    match purpose {
        Purpose::Claim if !left_to_margin => Engine::Libtorch,
        Purpose::Claim | Purpose::Appeal => Engine::Reference,
    }
}

/// Judges the bytes of a certified result.
pub fn judge_bytes(result: &[u8], terms: &Terms) -> Judgement {
    EvaluationResult::decode(result).map_or(MALFORMED, |result| judge(&result, terms))
}

/// Judges a result against the champion that stood at commit.
pub fn judge(result: &EvaluationResult, terms: &Terms) -> Judgement {
    match result.figures() {
        Some(figures) => judge_figures(result.engine(), figures, terms),
        None => judge_status(result.status()),
    }
}

fn judge_figures(engine: Engine, figures: &Figures, terms: &Terms) -> Judgement {
    if figures.samples < terms.min_samples {
        return MALFORMED;
    }
    let margin = match engine {
        Engine::Reference => 0,
        // Where it decides, no honest result is of this engine.
        _ if terms.leave_to_margin(figures) => return MALFORMED,
        _ => i128::from(terms.tolerance.micros()),
    };
    let shown = terms.shown(figures, margin);
    let (state, reason) = if shown.better {
        (SubmissionState::Accepted, Reason::Better)
    } else if shown.worse {
        (SubmissionState::Worse, Reason::SignificantlyWorse)
    } else {
        (SubmissionState::NotBetter, Reason::NoSignificantImprovement)
    };
    Judgement { state, reason }
}

fn judge_status(status: Status) -> Judgement {
    let Ok(reason) = Reason::from_u8(status.to_u8()) else {
        return MALFORMED;
    };
    let state = match status {
        Status::Unavailable => SubmissionState::Unavailable,
        _ if status.fault() == Fault::Owner => SubmissionState::EvaluatorFault,
        _ => SubmissionState::Invalid,
    };
    Judgement { state, reason }
}

#[cfg(test)]
mod tests {
    use zarathustra_primitives::{B256, Bound, Digest, Engine};

    use super::*;

    fn terms() -> Terms {
        Terms {
            min_improvement: Score::from_micros(1000),
            tolerance: Score::from_micros(100),
            slash_margin: Score::from_micros(5000),
            min_samples: 50,
        }
    }

    fn figures(samples: u32, lower: i64, upper: i64) -> Figures {
        Figures {
            bound: Bound::EmpiricalBernstein,
            samples,
            champion_score: Score::ZERO,
            challenger_score: Score::ZERO,
            improvement: Score::from_micros(lower),
            lower: Score::from_micros(lower),
            upper: Score::from_micros(upper),
        }
    }

    fn judged(engine: Engine, figures: Figures, terms: &Terms) -> Judgement {
        let environment = Digest::new([0; 32]);
        let result = EvaluationResult::scored(environment, engine, figures, B256::ZERO);
        let result = result.expect("holds");
        assert_eq!(judge(&result, terms), judge_bytes(&result.encode(), terms));
        judge(&result, terms)
    }

    #[test]
    fn the_bounds_decide_at_their_edges() {
        use Engine::{Libtorch, Reference};
        let cases = [
            (Libtorch, 50, 1100, 2000, "better"),
            (Libtorch, 50, 1099, 2000, "malformed_result"),
            (Libtorch, 50, 900, 2000, "malformed_result"),
            (Libtorch, 50, 899, 2000, "no_significant_improvement"),
            (Libtorch, 49, 1100, 2000, "malformed_result"),
            (Libtorch, 50, -9000, -5101, "significantly_worse"),
            (Libtorch, 50, -9000, -5100, "malformed_result"),
            (Libtorch, 50, -9000, -4901, "malformed_result"),
            (Libtorch, 50, -9000, -4900, "no_significant_improvement"),
            (Libtorch, 49, -9000, -5101, "malformed_result"),
            (Libtorch, 50, i64::MIN, i64::MIN, "significantly_worse"),
            (Libtorch, 50, i64::MAX, i64::MAX, "better"),
            (
                Libtorch,
                50,
                i64::MIN,
                i64::MAX,
                "no_significant_improvement",
            ),
            (Reference, 50, 1000, 2000, "better"),
            (Reference, 50, 999, 2000, "no_significant_improvement"),
            (Reference, 49, 1000, 2000, "malformed_result"),
            (Reference, 50, -9000, -5001, "significantly_worse"),
            (Reference, 50, -9000, -5000, "no_significant_improvement"),
        ];
        for (engine, samples, lower, upper, expected) in cases {
            assert_eq!(
                judged(engine, figures(samples, lower, upper), &terms())
                    .reason
                    .code(),
                expected,
                "{engine} {samples} {lower} {upper}"
            );
        }
    }

    #[derive(serde::Deserialize)]
    struct Vectors {
        terms: VectorTerms,
        cases: Vec<Case>,
    }

    #[derive(serde::Deserialize)]
    struct VectorTerms {
        min_improvement: i64,
        tolerance: i64,
        slash_margin: i64,
        min_samples: u32,
    }

    #[derive(serde::Deserialize)]
    struct Case {
        engine: u8,
        lower: i64,
        upper: i64,
        reason: u8,
    }

    #[test]
    fn verdicts_are_those_of_the_shared_vectors() {
        let text = include_str!("../../../tests/vectors/verdict.json");
        let vectors: Vectors = serde_json::from_str(text).expect("vectors");
        let terms = Terms {
            min_improvement: Score::from_micros(vectors.terms.min_improvement),
            tolerance: Score::from_micros(vectors.terms.tolerance),
            slash_margin: Score::from_micros(vectors.terms.slash_margin),
            min_samples: vectors.terms.min_samples,
        };
        assert!(!vectors.cases.is_empty());
        for case in vectors.cases {
            let engine = Engine::from_u8(case.engine).expect("an engine");
            let figures = figures(terms.min_samples, case.lower, case.upper);
            let name = format!("{engine} {} {}", case.lower, case.upper);
            let reason = judged(engine, figures, &terms).reason;
            assert_eq!(reason.to_u8(), case.reason, "{name}");
            let left = engine == Engine::Libtorch && case.reason == Reason::MalformedResult.to_u8();
            if engine == Engine::Libtorch {
                assert_eq!(terms.leave_to_margin(&figures), left, "{name}");
            }
        }
    }

    #[test]
    fn the_reference_engine_decides_appeals_and_what_the_margin_would() {
        assert_eq!(engine_for(Purpose::Claim, false), Engine::Libtorch);
        assert_eq!(engine_for(Purpose::Claim, true), Engine::Reference);
        assert_eq!(engine_for(Purpose::Appeal, false), Engine::Reference);
        assert_eq!(engine_for(Purpose::Appeal, true), Engine::Reference);
    }

    #[test]
    fn statuses_blame_those_whose_fault_they_are() {
        use SubmissionState::{EvaluatorFault, Invalid, Unavailable};
        let expected = [
            (Status::BadFormat, Invalid),
            (Status::ShapeMismatch, Invalid),
            (Status::NonFinite, Invalid),
            (Status::TooLarge, Invalid),
            (Status::DigestMismatch, Invalid),
            (Status::Unavailable, Unavailable),
            (Status::FuelExhausted, EvaluatorFault),
            (Status::EvaluatorTrapped, EvaluatorFault),
            (Status::EvaluatorInvalid, EvaluatorFault),
        ];
        assert_eq!(expected.len() + 1, Status::ALL.len());
        for (status, state) in expected {
            let result = EvaluationResult::failed(Digest::new([0; 32]), status).expect("a failure");
            let judgement = judge(&result, &terms());
            assert_eq!(
                (judgement.state, judgement.reason.code()),
                (state, status.code())
            );
        }
    }

    #[test]
    fn malformed_bytes_are_not_better() {
        assert_eq!(judge_bytes(&[], &terms()), MALFORMED);
        assert_eq!(judge_bytes(&[0xff; 416], &terms()), MALFORMED);
    }

    #[test]
    fn only_worse_is_softened_by_a_later_champion() {
        let worse = Judgement {
            state: SubmissionState::Worse,
            reason: Reason::SignificantlyWorse,
        };
        let softened = worse.against_later_champion();
        assert_eq!(softened.state, SubmissionState::NotBetter);
        assert_eq!(softened.reason, Reason::WorseThanLaterChampion);
        let better = Judgement {
            state: SubmissionState::Accepted,
            reason: Reason::Better,
        };
        assert_eq!(better.against_later_champion(), better);
        assert_eq!(MALFORMED.against_later_champion(), MALFORMED);
    }
}
