use std::{future::ready, sync::Mutex};

use zarathustra_primitives::{Alpha, Bound, Digest, SampleScore, Score, ScoreRange, Status};
use zarathustra_protocol::{agreement::Rejection, figures};

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
    libtorch: Result<Found, Abstain>,
    reference: Found,
    asked: Mutex<Vec<Engine>>,
}

impl Machine {
    fn new(libtorch: Found, reference: Found) -> Self {
        Self {
            libtorch: Ok(libtorch),
            reference,
            asked: Mutex::default(),
        }
    }

    fn find(&self, engine: Engine) -> Result<Found, Abstain> {
        self.asked.lock().expect("not poisoned").push(engine);
        match engine {
            Engine::Libtorch => self.libtorch.clone(),
            Engine::Reference => Ok(self.reference.clone()),
            Engine::None => panic!("no engine"),
        }
    }

    async fn attests_with(&self, terms: &Terms) -> Found {
        to_attest(|engine| ready(self.find(engine)), terms)
            .await
            .expect("nothing is amiss here")
    }

    async fn claims(&self, terms: &Terms) -> Found {
        to_claim(|engine| ready(self.find(engine)), terms)
            .await
            .expect("nothing is amiss here")
    }

    async fn thinks_of(&self, claim: &Found, rules: &Rules) -> Opinion {
        let own = self.attests_with(&rules.terms).await;
        self.asked();
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

    /// The engines that were asked since this was called last.
    fn asked(&self) -> Vec<Engine> {
        std::mem::take(&mut self.asked.lock().expect("not poisoned"))
    }
}

/// Every sample alike.
fn flat(engine: Engine, challenger: i64) -> Found {
    scored(engine, |_| challenger)
}

/// One sample off by so much.
fn one_off(engine: Engine, by: i64) -> Found {
    scored(engine, |sample| 900_000 + i64::from(sample == 3) * by)
}

fn exact() -> Found {
    flat(Engine::Reference, 900_000)
}

#[tokio::test]
async fn figures_of_libtorch_are_claimed_and_approved_where_they_decide() {
    let mut rules = rules();
    let one = Machine::new(flat(Engine::Libtorch, 900_000), exact());
    let other = Machine::new(
        scored(Engine::Libtorch, |sample| 900_000 + i64::from(sample % 90)),
        exact(),
    );
    let claim = one.claims(&rules.terms).await;
    assert_eq!(claim.result.engine(), Engine::Libtorch);
    assert_eq!(one.asked(), [Engine::Libtorch, Engine::Reference]);
    assert_eq!(other.thinks_of(&claim, &rules).await, Opinion::Approve);
    assert_eq!(other.asked(), []);
    // Only a claim takes both engines.
    other.attests_with(&rules.terms).await;
    assert_eq!(other.asked(), [Engine::Libtorch]);

    // The lower bound lies within the tolerance of the threshold.
    rules.terms.min_improvement = claim.result.figures().expect("scored").lower;
    let claim = one.claims(&rules.terms).await;
    assert_eq!(claim.result, exact().result);
    assert_eq!(other.thinks_of(&claim, &rules).await, Opinion::Approve);
    for lie in [
        one_off(Engine::Reference, 1),
        one_off(Engine::Reference, -1),
    ] {
        let opinion = other.thinks_of(&lie, &rules).await;
        assert_eq!(opinion, Opinion::Reject(Rejection::Reference));
    }
}

#[tokio::test]
async fn reference_figures_are_compared_exactly_also_where_libtorch_would_do() {
    let rules = rules();
    let machine = Machine::new(flat(Engine::Libtorch, 900_001), exact());
    assert_eq!(machine.thinks_of(&exact(), &rules).await, Opinion::Approve);
    assert_eq!(machine.asked(), [Engine::Reference]);
    // Equal to what libtorch finds here, to the bit.
    let lie = flat(Engine::Reference, 900_001);
    let opinion = machine.thinks_of(&lie, &rules).await;
    assert_eq!(opinion, Opinion::Reject(Rejection::Reference));
}

#[tokio::test]
async fn a_performer_that_alone_is_unstable_claims_the_reference_engines_figures() {
    let rules = rules();
    let stable = Machine::new(flat(Engine::Libtorch, 900_000), exact());
    for (by, engine) in [
        (100, Engine::Libtorch),
        (-100, Engine::Libtorch),
        (101, Engine::Reference),
        (-101, Engine::Reference),
        (-900_000, Engine::Reference),
    ] {
        let performer = Machine::new(one_off(Engine::Libtorch, by), exact());
        let claim = performer.claims(&rules.terms).await;
        assert_eq!(claim.result.engine(), engine, "{by}");
        for attester in [&stable, &performer] {
            let opinion = attester.thinks_of(&claim, &rules).await;
            assert_eq!(opinion, Opinion::Approve, "{by}");
        }
    }
}

#[tokio::test]
async fn an_attester_that_alone_is_unstable_approves_by_the_reference_engine() {
    let rules = rules();
    let performer = Machine::new(one_off(Engine::Libtorch, 100), exact());
    let claim = performer.claims(&rules.terms).await;
    assert_eq!(claim.result.engine(), Engine::Libtorch);
    // Of the second the mean alone tells that it is elsewhere.
    for libtorch in [
        one_off(Engine::Libtorch, -5),
        flat(Engine::Libtorch, 300_000),
    ] {
        let attester = Machine::new(libtorch, exact());
        assert_eq!(attester.thinks_of(&claim, &rules).await, Opinion::Approve);
        assert_eq!(attester.asked(), [Engine::Reference]);
    }
}

#[tokio::test]
async fn a_lie_is_rejected_by_its_distance_from_the_reference_engine() {
    let rules = rules();
    let stable = Machine::new(one_off(Engine::Libtorch, 100), exact());
    let unstable = Machine::new(flat(Engine::Libtorch, 300_000), exact());
    for (by, code) in [
        (-101, "score_borderline"),
        (1000, "score_borderline"),
        (-1001, "score_differs"),
        (1100, "score_differs"),
    ] {
        let lie = one_off(Engine::Libtorch, by);
        for attester in [&stable, &unstable] {
            let opinion = attester.thinks_of(&lie, &rules).await;
            assert_eq!(opinion.code(), code, "{by}");
            assert_eq!(attester.asked(), [Engine::Reference]);
        }
    }
    // One that withholds its scores.
    for by in [1100, -1100] {
        let lie = Found {
            scores: None,
            ..flat(Engine::Libtorch, 900_000 + by)
        };
        for attester in [&stable, &unstable] {
            let opinion = attester.thinks_of(&lie, &rules).await;
            let expected = Opinion::Reject(Rejection::Mean { distance: 1100 });
            assert_eq!(opinion, expected);
        }
    }
}

#[tokio::test]
async fn a_status_is_what_the_reference_engine_finds() {
    let rules = rules();
    let fine = || flat(Engine::Libtorch, 900_000);
    let overflown = || failed(Status::NonFinite);

    // A sum overflows in one order only: libtorch's on the one machine, not the reference engine's.
    let unlucky = Machine::new(overflown(), exact());
    let claim = unlucky.claims(&rules.terms).await;
    assert_eq!(claim.result, exact().result);
    assert_eq!(unlucky.asked(), [Engine::Libtorch, Engine::Reference]);
    let lucky = Machine::new(fine(), exact());
    assert_eq!(lucky.thinks_of(&claim, &rules).await, Opinion::Approve);
    // And the unlucky one approves what the lucky one claims.
    let claim = lucky.claims(&rules.terms).await;
    assert_eq!(claim.result.engine(), Engine::Libtorch);
    assert_eq!(unlucky.thinks_of(&claim, &rules).await, Opinion::Approve);

    // It overflows in the reference engine's order, and in libtorch's on one machine of two.
    let fails = Machine::new(overflown(), overflown());
    let passes = Machine::new(fine(), overflown());
    for performer in [&fails, &passes] {
        let claim = performer.claims(&rules.terms).await;
        assert_eq!(claim.result, overflown().result);
        for attester in [&fails, &passes] {
            assert_eq!(attester.thinks_of(&claim, &rules).await, Opinion::Approve);
        }
    }
    // A performer that claims figures did not look.
    let elsewhere = Machine::new(one_off(Engine::Libtorch, 101), overflown());
    for attester in [&fails, &elsewhere] {
        let opinion = attester.thinks_of(&fine(), &rules).await;
        assert_eq!(opinion.code(), "status_differs");
    }

    // A status that the reference engine does not find is a lie.
    lucky.asked();
    let opinion = lucky.thinks_of(&overflown(), &rules).await;
    assert_eq!(opinion.code(), "status_differs");
    assert_eq!(lucky.asked(), [Engine::Reference]);
}

#[tokio::test]
async fn where_libtorch_comes_to_nothing_the_reference_engine_serves() {
    let rules = rules();
    let broken = |retry| Machine {
        libtorch: Err(Abstain {
            code: "local_out_of_memory",
            detail: String::new(),
            retry,
        }),
        ..Machine::new(exact(), exact())
    };
    let machine = broken(false);
    let claim = machine.claims(&rules.terms).await;
    assert_eq!(claim.result, exact().result);
    let theirs = one_off(Engine::Libtorch, 100);
    assert_eq!(machine.thinks_of(&theirs, &rules).await, Opinion::Approve);
    assert_eq!(machine.asked(), []);

    // What may pass is waited for.
    let machine = broken(true);
    let found = to_attest(|engine| ready(machine.find(engine)), &rules.terms).await;
    let code = found.err().map(|abstain| abstain.code);
    assert_eq!(code, Some("local_out_of_memory"));
    assert_eq!(machine.asked(), [Engine::Libtorch]);
}
