//! The x² request with the component that set-up built from Python.

use zarathustra_eval::architecture::Architecture;
use zarathustra_eval::manifest::Manifest;
use zarathustra_eval::parameters::{Expected, Parameters};
use zarathustra_eval::{Content, Evaluation, EvaluationJob, evaluate};
use zarathustra_primitives::{Engine, Status};

use crate::common::{seed, settings, submitted, tools};

const ARCHITECTURE: &[u8] = include_bytes!("../../../../examples/x-squared/architecture.json");
const TEMPLATE: &str = include_str!("../../../../examples/x-squared/manifest.template.json");

/// Weights such that hidden_1 computes tanh(s·x) and tanh(s·x ± d), from whose second difference
/// the rest makes x²: close to right without any training.
fn parabola() -> Parameters {
    let architecture = Architecture::from_json(ARCHITECTURE).expect("valid");
    let (scale, shift) = (0.2_f32, 0.6_f32);
    // tanh(u + d) − tanh(u − d) is even in u and, near 0, a − b·u².
    let curve = |u: f32| (u + shift).tanh() - (u - shift).tanh();
    let (top, side) = (curve(0.0), curve(scale));
    let mut hidden_1 = vec![scale, scale, 0.0, 0.0, 0.0];
    let bias_1 = vec![shift, -shift, 0.0, 0.0, 0.0];
    hidden_1.resize(5, 0.0);
    // One unit of hidden_2 takes the difference, small enough for tanh to be nearly linear.
    let small = 0.01_f32;
    let mut hidden_2 = vec![0.0; 50];
    (hidden_2[0], hidden_2[1]) = (small, -small);
    let mut answer = vec![0.0; 10];
    let slope = -1.0 / (small * (top - side));
    answer[0] = slope;
    Parameters::new(
        &architecture,
        vec![
            hidden_1,
            bias_1,
            hidden_2,
            vec![0.0; 10],
            answer,
            vec![-slope * small * top],
        ],
    )
    .expect("fits")
}

fn zeros() -> Parameters {
    let mut parameters = parabola();
    parameters.values_mut().for_each(|value| *value = 0.0);
    parameters
}

fn job(champion: &Parameters, challenger: &Parameters) -> EvaluationJob {
    job_on(ARCHITECTURE, champion, challenger)
}

/// The example's evaluation of models of another architecture with one input and one output.
pub fn job_on(
    architecture: &[u8],
    champion: &Parameters,
    challenger: &Parameters,
) -> EvaluationJob {
    let evaluator = tools("evaluators/x-squared.wasm");
    let mut manifest: serde_json::Value = serde_json::from_str(TEMPLATE).expect("JSON");
    let bytes = std::fs::read(&evaluator).expect("the evaluator");
    for (name, bytes) in [("architecture", architecture), ("evaluator", &bytes)] {
        let Expected { sha256, size } = Expected::of(bytes);
        manifest[name] = serde_json::json!({"cid": "bafkqaaa", "sha256": sha256, "size": size});
    }
    let file = |parameters: &Parameters| submitted(parameters.to_safetensors().expect("a file"));
    EvaluationJob {
        manifest: Manifest::from_json(manifest.to_string().as_bytes()).expect("valid"),
        architecture: architecture.to_vec().into(),
        evaluator: Content::File(evaluator.canonicalize().expect("a path")),
        champion: file(champion),
        challenger: file(challenger),
        seed: seed(7),
        engine: Engine::Libtorch,
    }
}

async fn run(job: &EvaluationJob) -> Evaluation {
    evaluate(job, &settings()).await.expect("evaluated here")
}

#[tokio::test]
async fn a_parabola_beats_a_constant() {
    let evaluation = run(&job(&zeros(), &parabola())).await;
    let detail = evaluation.detail.clone().unwrap_or_default();
    assert_eq!(evaluation.result.status(), Status::Ok, "{detail}");
    let figures = evaluation.result.figures().expect("figures");
    // Always answering 0 scores the mean of 1 − x⁴/V = 1 − (1/5)/(4/45) = −1.25, and less
    // is lost where scores are clipped at −1. The clipped mean is known by hand: with
    // k = (2V)^(1/4), it is k − k⁵/(5V) − (1 − k) = 2k − 1 − k⁵/(5V).
    let v: f64 = 4.0 / 45.0;
    let k = (2.0 * v).powf(0.25);
    let expected = 2.0 * k - 1.0 - k.powi(5) / (5.0 * v);
    let champion = figures.champion_score.micros() as f64 / 1e6;
    assert!(
        (champion - expected).abs() < 0.05,
        "{champion}, expected {expected}"
    );
    assert!(figures.challenger_score.micros() > 950_000, "{figures:?}");
    assert!(figures.lower.micros() > 500_000, "{figures:?}");
    println!("{:?}", evaluation.timings);
}

#[tokio::test]
async fn equal_models_score_equal_and_equal_seeds_give_equal_leaves() {
    let mut noisy = parabola();
    for (index, value) in noisy.values_mut().enumerate() {
        *value += (index as f32).sin() * 1e-4;
    }
    let first = run(&job(&parabola(), &noisy)).await;
    let again = run(&job(&parabola(), &noisy)).await;
    assert_eq!(first.scores, again.scores);
    assert_eq!(first.result, again.result);
    assert_eq!(
        first.timings.spent.champion_fuel,
        again.timings.spent.champion_fuel
    );

    let turned = run(&job(&noisy, &parabola())).await;
    let pairs = |evaluation: &Evaluation| evaluation.scores.clone().expect("scores");
    for (one, other) in pairs(&first)
        .as_slice()
        .iter()
        .zip(pairs(&turned).as_slice())
    {
        assert_eq!(
            (one.champion, one.challenger),
            (other.challenger, other.champion)
        );
    }

    let mut other_seed = job(&parabola(), &noisy);
    other_seed.seed = seed(8);
    assert_ne!(run(&other_seed).await.scores, first.scores);
}

#[tokio::test]
async fn one_altered_weight_changes_the_figures() {
    let mut altered = parabola();
    *altered.values_mut().next().expect("a weight") += 0.01;
    let before = run(&job(&zeros(), &parabola())).await.result;
    let after = run(&job(&zeros(), &altered)).await.result;
    assert_ne!(before.figures(), after.figures());
    assert_ne!(before.scores_root(), after.scores_root());
}
