//! The worked requests as operators evaluate them: with the components that set-up built, the
//! committed parameters, and the terms of their request files.

use std::path::{Path, PathBuf};

use zarathustra_eval::architecture::Architecture;
use zarathustra_eval::manifest::Manifest;
use zarathustra_eval::parameters::{Expected, Parameters};
use zarathustra_eval::{Content, Evaluation, EvaluationJob, evaluate};
use zarathustra_primitives::{Engine, Figures, Seed, Status};

use crate::common::{seed, settings, submitted, tools};

/// Samples where fewer than the request's do.
const FEW: u32 = 128;

/// A folder of `examples`.
struct Example(&'static str);

const DIGITS: Example = Example("digits");
const SEQUENCE: Example = Example("sequence");

impl Example {
    fn read(&self, name: &str) -> Vec<u8> {
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
        let path = examples.join(self.0).join(name);
        std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    fn baseline(&self) -> Vec<u8> {
        self.read("baseline.safetensors")
    }

    fn trained(&self) -> Vec<u8> {
        self.read("trained.safetensors")
    }

    /// The trained parameters, with a last layer that answers zero whatever it is given.
    fn indifferent(&self) -> Vec<u8> {
        let architecture = Architecture::from_json(&self.read("architecture.json")).expect("valid");
        let mut parameters =
            Parameters::from_safetensors(&self.trained(), &architecture).expect("fits");
        let before = parameters
            .iter()
            .filter(|(name, ..)| !name.starts_with("answer."))
            .map(|(.., values)| values.len())
            .sum();
        parameters
            .values_mut()
            .skip(before)
            .for_each(|value| *value = 0.0);
        parameters.to_safetensors().expect("a file")
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
            "bound": request["bound"],
            "limits": request["limits"],
        });
        Manifest::from_json(manifest.to_string().as_bytes()).expect("valid")
    }

    /// An evaluation, which ends well; of the request's number of samples or of fewer.
    async fn evaluated(
        &self,
        champion: Vec<u8>,
        challenger: Vec<u8>,
        seed: Seed,
        samples: Option<u32>,
    ) -> Evaluation {
        let mut manifest = self.manifest();
        manifest.samples = samples.unwrap_or(manifest.samples);
        let job = EvaluationJob {
            manifest,
            architecture: self.read("architecture.json").into(),
            evaluator: Content::File(self.evaluator()),
            champion: submitted(champion),
            challenger: submitted(challenger),
            seed,
            engine: Engine::Libtorch,
        };
        let evaluation = evaluate(&job, &settings()).await.expect("evaluated here");
        let detail = evaluation.detail.clone().unwrap_or_default();
        let status = evaluation.result.status();
        assert_eq!(status, Status::Ok, "{}: {detail}", self.0);
        evaluation
    }

    /// Whether the contract accepts these figures under the terms of the request (5.6).
    fn accepts(&self, figures: &Figures) -> bool {
        let terms = &self.request()["terms"];
        let least = terms["min_samples"].as_integer().expect("a number");
        let margin = figures.lower.micros() - micros(&terms["tolerance"]);
        i64::from(figures.samples) >= least && margin >= micros(&terms["min_improvement"])
    }
}

fn micros(value: &toml::Value) -> i64 {
    (value.as_float().expect("a decimal") * 1e6).round() as i64
}

fn figures(evaluation: &Evaluation) -> Figures {
    *evaluation.result.figures().expect("figures")
}

/// Mean scores of baseline and trained parameters for the seed of these tests, as
/// `examples/figures.py` finds them with PyTorch 2.11.0 and the evaluation program in CPython.
const PYTORCH: [(Example, [f64; 2]); 2] = [
    (DIGITS, [0.733640, 0.926301]),
    (SEQUENCE, [0.417022, 0.627710]),
];

#[tokio::test]
async fn trained_parameters_are_accepted_and_score_what_pytorch_says() {
    for (example, expected) in PYTORCH {
        let evaluation = example
            .evaluated(example.baseline(), example.trained(), seed(7), None)
            .await;
        let figures = figures(&evaluation);
        println!("{}: {figures:?}, {:?}", example.0, evaluation.timings);
        let found = [figures.champion_score, figures.challenger_score];
        for (found, expected) in found.iter().zip(expected) {
            // Two builds of libtorch round the same 32-bit floats differently.
            let found = found.micros() as f64 / 1e6;
            let distance = (found - expected).abs();
            assert!(distance < 1e-5, "{}: {found}, not {expected}", example.0);
        }
        assert!(example.accepts(&figures), "{}: {figures:?}", example.0);
    }
}

#[tokio::test]
async fn nothing_is_better_than_itself_or_than_what_beats_it() {
    for example in [DIGITS, SEQUENCE] {
        let run = |champion| example.evaluated(champion, example.baseline(), seed(7), Some(FEW));
        let same = figures(&run(example.baseline()).await);
        assert_eq!(same.improvement.micros(), 0, "{same:?}");
        assert!(same.lower.micros() < 0, "{same:?}");
        let back = figures(&run(example.trained()).await);
        assert!(back.improvement.micros() < 0, "{back:?}");
    }
}

#[tokio::test]
async fn a_model_to_which_all_is_alike_scores_what_the_rule_says() {
    // Ten probabilities of 1/10: 1 - (9 · 0.01 + 0.81) / 2 for every sample. Twenty logarithms
    // ln(1/20) at every place: 1 - ln(20) / ln(20).
    for (example, expected) in [(DIGITS, 550_000), (SEQUENCE, 0)] {
        let model = example.indifferent();
        let evaluation = example
            .evaluated(model.clone(), model, seed(7), Some(FEW))
            .await;
        for score in evaluation.scores.expect("scores").as_slice() {
            let distance = (score.champion.micros() - expected).abs();
            assert!(distance <= 1, "{}: {score:?}", example.0);
        }
    }
}

#[tokio::test]
async fn the_seed_decides_the_samples() {
    for example in [DIGITS, SEQUENCE] {
        let run =
            |byte| example.evaluated(example.baseline(), example.trained(), seed(byte), Some(FEW));
        let first = run(7).await.scores;
        assert_eq!(first, run(7).await.scores, "{}", example.0);
        assert_ne!(first, run(8).await.scores, "{}", example.0);
    }
}
