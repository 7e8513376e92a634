//! What a result comes to, as the contract judges it (specification 5.6), and why.

use zarathustra_chain::abi::model_submission::{
    IModelSubmission::thresholdsReturn, IModelSubmissionTypes::Terms,
};
use zarathustra_primitives::{
    Engine, EvaluationResult, Fault, Reason, Score, Status, SubmissionState,
};
use zarathustra_protocol::verdict;

use crate::output::{micros, micros_wide};

/// What is asked of a result, in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// Least improvement that is accepted.
    pub min_improvement: i64,
    /// How far two machines' figures may lie apart.
    pub tolerance: i64,
    /// Least loss that is punished.
    pub slash_margin: i64,
    /// Least number of samples.
    pub min_samples: u32,
}

impl From<&thresholdsReturn> for Thresholds {
    fn from(fixed: &thresholdsReturn) -> Self {
        Self {
            min_improvement: fixed.minImprovement,
            tolerance: fixed.tolerance,
            slash_margin: fixed.slashMargin,
            min_samples: fixed.minSamples,
        }
    }
}

impl Thresholds {
    /// Those of a request whose champion asks for `min_improvement` now.
    pub const fn now(terms: &Terms, min_improvement: i64) -> Self {
        Self {
            min_improvement,
            tolerance: terms.tolerance,
            slash_margin: terms.slashMargin,
            min_samples: terms.minSamples,
        }
    }

    /// The same as the rules take them.
    pub const fn terms(&self) -> verdict::Terms {
        verdict::Terms {
            min_improvement: Score::from_micros(self.min_improvement),
            tolerance: Score::from_micros(self.tolerance),
            slash_margin: Score::from_micros(self.slash_margin),
            min_samples: self.min_samples,
        }
    }
}

/// The part of a result that decides, in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// How the evaluation ended.
    pub status: Status,
    /// What computed the models' outputs.
    pub engine: Engine,
    /// Number of samples.
    pub samples: u32,
    /// Lower bound of the improvement.
    pub lower: i64,
    /// Upper bound of the improvement.
    pub upper: i64,
}

impl Evidence {
    /// The deciding part of a certified result.
    pub fn of(result: &EvaluationResult) -> Self {
        let figures = result.figures();
        Self {
            status: result.status(),
            engine: result.engine(),
            samples: figures.map_or(0, |f| f.samples),
            lower: figures.map_or(0, |f| f.lower.micros()),
            upper: figures.map_or(0, |f| f.upper.micros()),
        }
    }
}

/// A verdict and how it follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The state that settlement enters.
    pub state: SubmissionState,
    /// The reason that it records.
    pub reason: Reason,
    /// The steps that lead there, a name and a sentence each.
    pub steps: Vec<(&'static str, String)>,
}

/// Judges a result.
pub fn judge(evidence: &Evidence, thresholds: &Thresholds) -> Judgement {
    if evidence.status != Status::Ok {
        return of_status(evidence.status);
    }
    let Thresholds {
        min_improvement,
        tolerance,
        slash_margin,
        min_samples,
    } = *thresholds;
    let yes = |holds: bool| if holds { "yes" } else { "no" };
    let enough = evidence.samples >= min_samples;
    let margin = (evidence.engine != Engine::Reference).then_some(tolerance);
    // Sums of 64-bit numbers do not overflow in 128 bits.
    let [lower, upper] = [evidence.lower, evidence.upper].map(i128::from);
    let is_better = |lower: i128| lower >= i128::from(min_improvement);
    let is_worse = |upper: i128| upper < -i128::from(slash_margin);
    let by = margin.map_or(0, i128::from);
    let (better, worse) = (is_better(lower - by), is_worse(upper + by));
    let left_to_margin = (better, worse) != (is_better(lower + by), is_worse(upper - by));
    let sure = |name: &str, bound: i64, sign: char, sum: i128| match margin {
        Some(margin) => format!(
            "{name} bound {} {sign} tolerance {} = {}",
            micros(bound),
            micros(margin),
            micros_wide(sum)
        ),
        None => format!("{name} bound {}", micros(bound)),
    };
    let mut steps = vec![
        (
            "enough samples?",
            format!("{} >= {min_samples}: {}", evidence.samples, yes(enough)),
        ),
        (
            "better?",
            format!(
                "{} >= minimum improvement {}: {}",
                sure("lower", evidence.lower, '-', lower - by),
                micros(min_improvement),
                yes(better),
            ),
        ),
        (
            "worse?",
            format!(
                "{} < minus slash margin -{}: {}",
                sure("upper", evidence.upper, '+', upper + by),
                micros(slash_margin),
                yes(worse),
            ),
        ),
    ];
    if left_to_margin {
        let text = "yes: only figures of the reference engine decide this";
        steps.push(("within the tolerance?", text.to_owned()));
    }
    let (state, reason) = match (enough && !left_to_margin, better, worse) {
        (false, ..) => (SubmissionState::NotBetter, Reason::MalformedResult),
        (true, true, _) => (SubmissionState::Accepted, Reason::Better),
        (true, false, true) => (SubmissionState::Worse, Reason::SignificantlyWorse),
        (true, false, false) => (SubmissionState::NotBetter, Reason::NoSignificantImprovement),
    };
    Judgement {
        state,
        reason,
        steps,
    }
}

fn of_status(status: Status) -> Judgement {
    let reason = Reason::from_u8(status.to_u8()).expect("a reason for each status");
    let fault = status.fault();
    let state = match (status, fault) {
        (Status::Unavailable, _) => SubmissionState::Unavailable,
        (_, Fault::Owner) => SubmissionState::EvaluatorFault,
        _ => SubmissionState::Invalid,
    };
    let steps = vec![(
        "evaluated?",
        format!("no: {status}, by the fault of the {fault}"),
    )];
    Judgement {
        state,
        reason,
        steps,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: Thresholds = Thresholds {
        min_improvement: 10_000,
        tolerance: 1_000,
        slash_margin: 50_000,
        min_samples: 100,
    };

    fn verdict(engine: Engine, samples: u32, lower: i64, upper: i64) -> (SubmissionState, Reason) {
        let judged = judge(
            &Evidence {
                status: Status::Ok,
                engine,
                samples,
                lower,
                upper,
            },
            &ASKED,
        );
        (judged.state, judged.reason)
    }

    #[test]
    fn the_edges_of_the_rule() {
        use Engine::{Libtorch, Reference};
        let better = (SubmissionState::Accepted, Reason::Better);
        let neither = (SubmissionState::NotBetter, Reason::NoSignificantImprovement);
        let worse = (SubmissionState::Worse, Reason::SignificantlyWorse);
        let malformed = (SubmissionState::NotBetter, Reason::MalformedResult);
        assert_eq!(verdict(Libtorch, 100, 11_000, 20_000), better);
        assert_eq!(verdict(Libtorch, 100, 10_999, 20_000), malformed);
        assert_eq!(verdict(Libtorch, 100, 9_000, 20_000), malformed);
        assert_eq!(verdict(Libtorch, 100, 8_999, 20_000), neither);
        assert_eq!(verdict(Libtorch, 100, -60_000, -49_000), neither);
        assert_eq!(verdict(Libtorch, 100, -60_000, -49_001), malformed);
        assert_eq!(verdict(Libtorch, 100, -60_000, -51_000), malformed);
        assert_eq!(verdict(Libtorch, 100, -60_000, -51_001), worse);
        assert_eq!(verdict(Libtorch, 99, 11_000, 20_000), malformed);
        assert_eq!(verdict(Reference, 100, 10_000, 20_000), better);
        assert_eq!(verdict(Reference, 100, 9_999, 20_000), neither);
        assert_eq!(verdict(Reference, 100, -60_000, -50_000), neither);
        assert_eq!(verdict(Reference, 100, -60_000, -50_001), worse);
    }

    #[test]
    fn extreme_figures_do_not_overflow() {
        let extreme = Thresholds {
            tolerance: i64::MAX,
            slash_margin: i64::MAX,
            ..ASKED
        };
        let evidence = Evidence {
            status: Status::Ok,
            engine: Engine::Libtorch,
            samples: 100,
            lower: i64::MIN,
            upper: i64::MAX,
        };
        assert_eq!(judge(&evidence, &extreme).state, SubmissionState::NotBetter);
    }

    #[test]
    fn a_status_decides_alone() {
        let of = |status| {
            let judged = judge(
                &Evidence {
                    status,
                    engine: Engine::None,
                    samples: 0,
                    lower: 0,
                    upper: 0,
                },
                &ASKED,
            );
            (judged.state, judged.reason)
        };
        assert_eq!(
            of(Status::NonFinite),
            (SubmissionState::Invalid, Reason::NonFinite)
        );
        assert_eq!(
            of(Status::Unavailable),
            (SubmissionState::Unavailable, Reason::Unavailable)
        );
        assert_eq!(
            of(Status::EvaluatorTrapped),
            (SubmissionState::EvaluatorFault, Reason::EvaluatorTrapped)
        );
    }

    #[test]
    fn the_steps_can_be_checked_by_hand() {
        let evidence = Evidence {
            status: Status::Ok,
            engine: Engine::Libtorch,
            samples: 4096,
            lower: 512_345,
            upper: 600_000,
        };
        let steps = judge(&evidence, &ASKED).steps;
        assert_eq!(
            steps,
            [
                ("enough samples?", "4096 >= 100: yes".to_owned()),
                (
                    "better?",
                    "lower bound 0.512345 - tolerance 0.001000 = 0.511345 >= minimum improvement 0.010000: yes"
                        .to_owned()
                ),
                (
                    "worse?",
                    "upper bound 0.600000 + tolerance 0.001000 = 0.601000 < minus slash margin -0.050000: no"
                        .to_owned()
                ),
            ]
        );
    }
}
