//! What a certified result means for a submission, as AvsLogic judges it (5.6).

use zarathustra_primitives::{
    EvaluationResult, Fault, Figures, Reason, Score, Status, SubmissionState,
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

/// Judges the bytes of a certified result.
pub fn judge_bytes(result: &[u8], terms: &Terms) -> Judgement {
    EvaluationResult::decode(result).map_or(MALFORMED, |result| judge(&result, terms))
}

/// Judges a result against the champion that stood at commit.
pub fn judge(result: &EvaluationResult, terms: &Terms) -> Judgement {
    match result.figures() {
        Some(figures) => judge_figures(figures, terms),
        None => judge_status(result.status()),
    }
}

fn judge_figures(figures: &Figures, terms: &Terms) -> Judgement {
    if figures.samples < terms.min_samples {
        return MALFORMED;
    }
    let [lower, upper, min_improvement, tolerance, slash_margin] = [
        figures.lower,
        figures.upper,
        terms.min_improvement,
        terms.tolerance,
        terms.slash_margin,
    ]
    .map(|score| i128::from(score.micros()));
    let (state, reason) = if lower - tolerance >= min_improvement {
        (SubmissionState::Accepted, Reason::Better)
    } else if upper + tolerance < -slash_margin {
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

    fn judged(samples: u32, lower: i64, upper: i64) -> &'static str {
        let figures = Figures {
            bound: Bound::EmpiricalBernstein,
            samples,
            champion_score: Score::ZERO,
            challenger_score: Score::ZERO,
            improvement: Score::from_micros(lower),
            lower: Score::from_micros(lower),
            upper: Score::from_micros(upper),
        };
        let environment = Digest::new([0; 32]);
        let result = EvaluationResult::scored(environment, Engine::Libtorch, figures, B256::ZERO);
        let result = result.expect("holds");
        assert_eq!(
            judge(&result, &terms()),
            judge_bytes(&result.encode(), &terms())
        );
        judge(&result, &terms()).reason.code()
    }

    #[test]
    fn the_bounds_decide_at_their_edges() {
        let cases = [
            (50, 1100, 2000, "better"),
            (50, 1099, 2000, "no_significant_improvement"),
            (49, 1100, 2000, "malformed_result"),
            (50, -9000, -5101, "significantly_worse"),
            (50, -9000, -5100, "no_significant_improvement"),
            (49, -9000, -5101, "malformed_result"),
            (50, i64::MIN, i64::MIN, "significantly_worse"),
            (50, i64::MAX, i64::MAX, "better"),
            (50, i64::MIN, i64::MAX, "no_significant_improvement"),
        ];
        for (samples, lower, upper, expected) in cases {
            assert_eq!(
                judged(samples, lower, upper),
                expected,
                "{samples} {lower} {upper}"
            );
        }
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
