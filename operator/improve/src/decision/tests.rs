use std::{future::ready, sync::Mutex};

use zarathustra_primitives::{Alpha, Bound, Digest, SampleScore, Score, ScoreRange, Status};
use zarathustra_protocol::figures;

use super::*;

const ENVIRONMENT: Digest = Digest::new([1; 32]);
const SAMPLES: u32 = 400;

fn rules() -> Rules {
    let range = ScoreRange::new(Score::ZERO, Score::from_micros(1_000_000));
    Rules {
        range: range.expect("a range"),
        alpha: Alpha::from_ppb(1_000_000).expect("in range"),
        bound: Bound::EmpiricalBernstein,
        samples: SAMPLES,
        terms: Terms {
            min_improvement: Score::from_micros(1000),
            tolerance: Score::from_micros(100),
            slash_margin: Score::from_micros(5000),
            min_samples: 2,
        },
    }
}

/// Scores of a champion that scores a quarter on every sample and a challenger that scores this.
fn scored(engine: Engine, challenger: impl Fn(u32) -> i64) -> Found {
    let score = |sample| SampleScore {
        champion: Score::from_micros(250_000),
        challenger: Score::from_micros(challenger(sample)),
    };
    let scores = SampleScores::new((0..SAMPLES).map(score).collect()).expect("not too many");
    let Rules {
        range,
        alpha,
        bound,
        ..
    } = rules();
    let figures = figures(&scores, range, alpha, bound).expect("in range");
    Found {
        result: EvaluationResult::scored(ENVIRONMENT, engine, figures, scores.root())
            .expect("figures hold"),
        scores: Some(Arc::new(scores)),
    }
}

fn failed(status: Status) -> Found {
    Found {
        result: EvaluationResult::failed(ENVIRONMENT, status).expect("a failure"),
        scores: None,
    }
}

/// A machine: what each of its engines finds, and which of them were asked.
struct Machine {
    libtorch: Found,
    reference: Found,
    asked: Mutex<Vec<Engine>>,
}

impl Machine {
    fn new(libtorch: Found, reference: Found) -> Self {
        Self {
            libtorch,
            reference,
            asked: Mutex::default(),
        }
    }

    fn find(&self, engine: Engine) -> Result<Found, Abstain> {
        self.asked.lock().expect("not poisoned").push(engine);
        match engine {
            Engine::Libtorch => Ok(self.libtorch.clone()),
            Engine::Reference => Ok(self.reference.clone()),
            Engine::None => panic!("no engine"),
        }
    }

    async fn claims(&self, terms: &Terms, contested: bool) -> Found {
        to_claim(|engine| ready(self.find(engine)), terms, contested)
            .await
            .expect("nothing is amiss here")
    }

    async fn thinks_of(&self, claim: &Found, rules: &Rules) -> Opinion {
        let own = self.claims(&rules.terms, false).await;
        self.asked.lock().expect("not poisoned").clear();
        let published = |root| {
            let scores = claim.scores.as_deref().expect("scores were asked for");
            assert_eq!(scores.root(), root);
            ready(Ok(scores.clone()))
        };
        let find = |engine| ready(self.find(engine));
        judge(find, published, &own, &claim.result, Some(rules))
            .await
            .expect("nothing is amiss here")
    }

    fn asked(&self) -> Vec<Engine> {
        std::mem::take(&mut self.asked.lock().expect("not poisoned"))
    }
}

#[tokio::test]
async fn figures_of_libtorch_are_claimed_and_approved_where_they_decide() {
    let mut rules = rules();
    let one = Machine::new(
        scored(Engine::Libtorch, |_| 900_000),
        scored(Engine::Reference, |_| 900_002),
    );
    let other = Machine::new(
        scored(Engine::Libtorch, |sample| 900_000 + i64::from(sample % 90)),
        scored(Engine::Reference, |_| 900_002),
    );
    let claim = one.claims(&rules.terms, false).await;
    assert_eq!(claim.result.engine(), Engine::Libtorch);
    assert_eq!(one.asked(), [Engine::Libtorch]);
    assert_eq!(other.thinks_of(&claim, &rules).await, Opinion::Approve);
    assert_eq!(other.asked(), []);

    // The lower bound lies within the tolerance of the threshold.
    rules.terms.min_improvement = claim.result.figures().expect("scored").lower;
    let claim = one.claims(&rules.terms, false).await;
    assert_eq!(claim.result.engine(), Engine::Reference);
    assert_eq!(one.asked(), [Engine::Libtorch, Engine::Reference]);
    assert_eq!(other.thinks_of(&claim, &rules).await, Opinion::Approve);
    let lie = scored(Engine::Reference, |_| 900_003);
    let code = other.thinks_of(&lie, &rules).await;
    assert_eq!(code.code(), "reference_differs");
}

#[tokio::test]
async fn a_status_is_what_the_reference_engine_finds() {
    let rules = rules();
    let fine = || scored(Engine::Libtorch, |_| 900_000);
    let exact = || scored(Engine::Reference, |_| 900_000);
    let overflown = || failed(Status::NonFinite);

    // A sum overflows in one order only: libtorch's on the one machine, not the reference engine's.
    let unlucky = Machine::new(overflown(), exact());
    let claim = unlucky.claims(&rules.terms, false).await;
    assert_eq!(claim.result, exact().result);
    let lucky = Machine::new(fine(), exact());
    assert_eq!(lucky.thinks_of(&claim, &rules).await, Opinion::Approve);
    // And what the lucky one claims is nothing that the unlucky one could reject.
    let claim = lucky.claims(&rules.terms, false).await;
    assert_eq!(claim.result.engine(), Engine::Libtorch);
    let opinion = unlucky.thinks_of(&claim, &rules).await;
    assert_eq!(opinion, Opinion::Abstain(Abstention::IllConditioned));

    // It overflows in the reference engine's order, and in libtorch's on one machine of two.
    let fails = Machine::new(overflown(), overflown());
    let claim = fails.claims(&rules.terms, false).await;
    assert_eq!(claim.result.status(), Status::NonFinite);
    assert_eq!(fails.asked(), [Engine::Libtorch, Engine::Reference]);
    let passes = Machine::new(fine(), overflown());
    assert_eq!(passes.thinks_of(&claim, &rules).await, Opinion::Approve);
    assert_eq!(passes.asked(), [Engine::Reference]);

    // A status that the reference engine does not find is a lie.
    let opinion = lucky.thinks_of(&failed(Status::NonFinite), &rules).await;
    assert_eq!(opinion.code(), "status_differs");
    assert_eq!(lucky.asked(), [Engine::Reference]);
}

#[tokio::test]
async fn figures_of_libtorch_are_rejected_only_where_the_reference_engine_agrees_with_the_own() {
    let rules = rules();
    let lie = scored(Engine::Libtorch, |_| 990_000);
    let stable = Machine::new(
        scored(Engine::Libtorch, |_| 900_050),
        scored(Engine::Reference, |_| 900_000),
    );
    assert_eq!(stable.thinks_of(&lie, &rules).await.code(), "mean_differs");
    assert_eq!(stable.asked(), [Engine::Reference]);
    let unstable = Machine::new(
        scored(Engine::Libtorch, |sample| {
            900_000 + i64::from(sample == 3) * 101
        }),
        scored(Engine::Reference, |_| 900_000),
    );
    let opinion = unstable.thinks_of(&lie, &rules).await;
    assert_eq!(opinion, Opinion::Abstain(Abstention::IllConditioned));
    let fails = Machine::new(
        scored(Engine::Libtorch, |_| 900_000),
        failed(Status::NonFinite),
    );
    let opinion = fails.thinks_of(&lie, &rules).await;
    assert_eq!(opinion, Opinion::Abstain(Abstention::IllConditioned));
}

#[tokio::test]
async fn a_contested_task_is_claimed_from_the_reference_engine_alone() {
    let machine = Machine::new(
        scored(Engine::Libtorch, |_| 900_000),
        scored(Engine::Reference, |_| 400_000),
    );
    let claim = machine.claims(&rules().terms, true).await;
    assert_eq!(machine.asked(), [Engine::Reference]);
    // So whoever attests it agrees, however far its libtorch is from that.
    assert_eq!(machine.thinks_of(&claim, &rules()).await, Opinion::Approve);
}
