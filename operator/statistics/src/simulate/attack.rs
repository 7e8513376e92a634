//! Whether it pays to submit for luck.

use zarathustra_primitives::{
    B256, Digest, Engine, EvaluationResult, Reason, SampleScores, SubmissionState,
};
use zarathustra_protocol::{
    figures,
    settlement::{Amounts, settle},
    verdict::{Terms, judge},
};

use super::{Copier, Model, Network, points, sample_score};
use crate::{Random, Test};

/// A request and how often somebody submits to it.
#[derive(Debug, Clone, Copy)]
pub struct Attack {
    /// Range, error probability and bound.
    pub test: Test,
    /// Thresholds.
    pub terms: Terms,
    /// Money.
    pub amounts: Amounts,
    /// Samples of an evaluation.
    pub samples: u32,
    /// Submissions.
    pub submissions: u64,
}

/// Who submits.
#[derive(Debug, Clone, Copy)]
pub enum Attacker<'a> {
    /// Submits the champion with noise of some scale, another one each time.
    Noise(&'a Network, f64),
    /// Is accepted as often as the error probability allows, by a drawn number.
    AsLuckyAsAllowed,
}

/// What came of it, in the smallest unit of the native token, in which the reward is paid too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Submissions that were accepted.
    pub accepted: u64,
    /// What the attacker has more than before.
    pub profit: i128,
}

/// Submits again and again, each time judged and settled as the market does.
pub fn attack(attack: &Attack, attacker: Attacker<'_>, seed: u64) -> Outcome {
    let mut random = Random::new(seed, 0);
    let mut outcome = Outcome::default();
    for _ in 0..attack.submissions {
        let state = match attacker {
            Attacker::Noise(champion, scale) => {
                let variant = champion.copied(Copier::Noised(scale), &mut random);
                let models: (&dyn Model, &dyn Model) = (champion, &variant);
                evaluate(
                    &attack.test,
                    &attack.terms,
                    attack.samples,
                    models,
                    &mut random,
                )
            }
            Attacker::AsLuckyAsAllowed => {
                let lucky = random.unit() < f64::from(attack.test.alpha.ppb()) * 1e-9;
                if lucky {
                    SubmissionState::Accepted
                } else {
                    SubmissionState::NotBetter
                }
            }
        };
        outcome.accepted += u64::from(state == SubmissionState::Accepted);
        let settled = settle(&attack.amounts, state, Reason::None).expect("a final state");
        let gets = settled.reward + settled.returned + settled.compensation;
        let signed = |amount: u128| i128::try_from(amount).expect("an amount of a request");
        outcome.profit += signed(gets) - signed(attack.amounts.deposit);
    }
    outcome
}

/// The state that an evaluation on fresh points ends in.
pub fn evaluate(
    test: &Test,
    terms: &Terms,
    samples: u32,
    (champion, challenger): (&dyn Model, &dyn Model),
    random: &mut Random,
) -> SubmissionState {
    let score = |x: &f32| sample_score(champion, challenger, *x);
    let scores = points(random, samples).iter().map(score).collect();
    let scores = SampleScores::new(scores).expect("a number of samples in range");
    let figures = figures(&scores, test.range, test.alpha, test.bound).expect("scores in range");
    let environment = Digest::new([0; 32]);
    // With reference figures, whose lower bound need not clear the tolerance.
    let result = EvaluationResult::scored(environment, Engine::Reference, figures, B256::ZERO);
    judge(&result.expect("figures hold together"), terms).state
}
