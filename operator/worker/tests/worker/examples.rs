//! The worked requests as operators evaluate them: with the components that set-up built, the
//! committed parameters, and the terms of their request files.

use std::path::{Path, PathBuf};

use zarathustra_eval::architecture::Architecture;
use zarathustra_eval::manifest::Manifest;
use zarathustra_eval::parameters::{Expected, Parameters};
use zarathustra_eval::{Content, Evaluation, EvaluationJob, evaluate};
use zarathustra_primitives::{Engine, Figures, Seed, Status};

use crate::common::{seed, settings, submitted, tools};

/// A folder of `examples`.
pub struct Example(pub &'static str);

impl Example {
    pub fn file(&self, name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../examples")
            .join(self.0)
            .join(name)
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        let path = self.file(name);
        std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    fn request(&self) -> toml::Table {
        let text = String::from_utf8(self.read("request.toml")).expect("text");
        text.parse().expect("TOML")
    }

    fn evaluator(&self) -> PathBuf {
        let component = tools(&format!("evaluators/{}.wasm", self.0));
        component.canonicalize().expect("a path")
    }

    /// The manifest that `zarathustra request create` makes of the request file.
    fn manifest(&self) -> Manifest {
        let request = self.request();
        let evaluator = std::fs::read(self.evaluator()).expect("the evaluator");
        let content = |bytes: &[u8]| {
            let Expected { sha256, size } = Expected::of(bytes);
            serde_json::json!({"cid": "bafkqaaa", "sha256": sha256, "size": size})
        };
        let range = request["score_range"].as_array().expect("two numbers");
        let manifest = serde_json::json!({
            "version": 1,
            "kind": "improve",
            "name": request["name"],
            "description": request["description"],
            "architecture": content(&self.read("architecture.json")),
            "evaluator": content(&evaluator),
            "samples": request["samples"],
            "score_range": range.iter().map(micros).collect::<Vec<_>>(),
            "alpha_ppb": request["terms"]["alpha_ppb"],
            "bound": "empirical-bernstein",
            "limits": request["limits"],
        });
        Manifest::from_json(manifest.to_string().as_bytes()).expect("valid")
    }

    /// An evaluation that ended well.
    pub async fn evaluated(&self, champion: Vec<u8>, challenger: Vec<u8>, seed: Seed) -> Evaluation {
        let job = EvaluationJob {
            manifest: self.manifest(),
            architecture: self.read("architecture.json").into(),
            evaluator: Content::File(self.evaluator()),
            champion: submitted(champion),
            challenger: submitted(challenger),
            seed,
            engine: Engine::Libtorch,
        };
        let evaluation = evaluate(&job, &settings()).await.expect("evaluated here");
        let detail = evaluation.detail.clone().unwrap_or_default();
        assert_eq!(evaluation.result.status(), Status::Ok, "{}: {detail}", self.0);
        println!("{}: {:?}", self.0, evaluation.timings);
        evaluation
    }

    /// Whether the contract accepts these figures under the terms of the request (5.6).
    pub fn accepts(&self, figures: &Figures) -> bool {
        let request = self.request();
        let term = |name: &str| micros(&request["terms"][name]);
        i64::from(figures.samples) >= request["terms"]["min_samples"].as_integer().expect("a number")
            && figures.lower.micros() - term("tolerance") >= term("min_improvement")
    }

    /// The trained parameters, with a last layer that answers zero whatever it is given.
    fn silent(&self) -> Vec<u8> {
        let architecture = Architecture::from_json(&self.read("architecture.json")).expect("valid");
        let mut parameters =
            Parameters::from_safetensors(&self.read("trained.safetensors"), &architecture).expect("fits");
        let before = parameters
            .iter()
            .filter(|(name, ..)| !name.starts_with("answer."))
            .map(|(.., values)| values.len())
            .sum();
        parameters.values_mut().skip(before).for_each(|value| *value = 0.0);
        parameters.to_safetensors().expect("a file")
    }
}

fn micros(value: &toml::Value) -> i64 {
    (value.as_float().expect("a decimal") * 1e6).round() as i64
}

fn figures(evaluation: &Evaluation) -> Figures {
    *evaluation.result.figures().expect("figures")
}

const DIGITS: Example = Example("digits");
const SEQUENCE: Example = Example("sequence");

/// Mean scores of baseline and trained parameters for the seed of these tests, as
/// `examples/figures.py` computes them with PyTorch 2.11.0 and the evaluation program in CPython.
const PYTORCH: [(Example, [f64; 2]); 2] = [
    (DIGITS, [0.733640, 0.926301]),
    (SEQUENCE, [0.417022, 0.627710]),
];

#[tokio::test]
async fn trained_parameters_are_accepted_and_score_what_pytorch_says() {
    for (example, expected) in PYTORCH {
        let (baseline, trained) = (example.read("baseline.safetensors"), example.read("trained.safetensors"));
        let figures = figures(&example.evaluated(baseline, trained, seed(7)).await);
        println!("{}: {figures:?}", example.0);
        let found = [figures.champion_score, figures.challenger_score];
        for (found, expected) in found.iter().zip(expected) {
            let found = found.micros() as f64 / 1e6;
            // Means of float32 probabilities, each of which two libraries round differently.
            assert!((found - expected).abs() < 1e-5, "{}: {found}, expected {expected}", example.0);
        }
        assert!(example.accepts(&figures), "{figures:?}");
    }
}

#[tokio::test]
async fn a_baseline_does_not_beat_itself_or_better_parameters() {
    for (example, _) in PYTORCH {
        let (baseline, trained) = (example.read("baseline.safetensors"), example.read("trained.safetensors"));
        let same = figures(&example.evaluated(baseline.clone(), baseline.clone(), seed(7)).await);
        assert_eq!(same.improvement.micros(), 0);
        assert!(!example.accepts(&same), "{same:?}");
        let back = figures(&example.evaluated(trained, baseline, seed(7)).await);
        assert!(!example.accepts(&back), "{back:?}");
    }
}

#[tokio::test]
async fn models_that_answer_the_same_always_score_what_the_rule_says() {
    // Ten probabilities of 1/10: 1 - (9 · 0.01 + 0.81) / 2 for every sample. Twenty logarithms
    // ln(1/20) at every place: 1 - ln(20) / ln(20).
    for (example, expected) in [(DIGITS, 550_000), (SEQUENCE, 0)] {
        let silent = example.silent();
        let evaluation = example.evaluated(silent.clone(), silent, seed(7)).await;
        let scores = evaluation.scores.expect("scores");
        for score in scores.as_slice() {
            assert!((score.champion.micros() - expected).abs() <= 1, "{}: {score:?}", example.0);
        }
    }
}

#[tokio::test]
async fn seeds_decide_the_samples() {
    for (example, _) in PYTORCH {
        let (baseline, trained) = (example.read("baseline.safetensors"), example.read("trained.safetensors"));
        let run = |byte| example.evaluated(baseline.clone(), trained.clone(), seed(byte));
        let first = run(7).await;
        assert_eq!(first.scores, run(7).await.scores);
        assert_ne!(first.scores, run(8).await.scores);
    }
}

#[tokio::test]
async fn hack() {
    let e = DIGITS;
    let arch = r#"{"version":2,"inputs":[{"name":"input","shape":[1,8,8],"dtype":"f32"}],
    "nodes":[{"name":"line","op":"linear","inputs":["input"],"units":10,"bias":true}],
    "output":"line"}"#;
    let architecture = Architecture::from_json(arch.as_bytes()).expect("valid");
    let p = Parameters::new(&architecture, vec![vec![0.1; 80], vec![0.0; 10]]).unwrap().to_safetensors().unwrap();
    let mut manifest = e.manifest();
    let Expected { sha256, size } = Expected::of(arch.as_bytes());
    manifest.architecture.sha256 = sha256;
    manifest.architecture.size = size;
    let hacked = std::fs::read("/tmp/z/h4ex-ev/digits-hack.wasm").unwrap();
    let Expected { sha256, size } = Expected::of(&hacked);
    manifest.evaluator.sha256 = sha256;
    manifest.evaluator.size = size;
    let job = EvaluationJob {
        manifest,
        architecture: arch.as_bytes().to_vec().into(),
        evaluator: hacked.into(),
        champion: submitted(p.clone()),
        challenger: submitted(p),
        seed: seed(7),
        engine: Engine::Libtorch,
    };
    let evaluation = evaluate(&job, &settings()).await.expect("evaluated here");
    println!("{:?} {:?} {:?}", evaluation.result, evaluation.detail, evaluation.timings);
}
