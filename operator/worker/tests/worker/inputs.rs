//! A model of several inputs, one of them of integers, as an evaluation program reaches it.

use zarathustra_eval::architecture::Architecture;
use zarathustra_eval::parameters::{Expected, Parameters};
use zarathustra_eval::{Evaluation, evaluate};
use zarathustra_primitives::{Engine, Status};

use crate::common::{job, probe, settings, submitted};

/// `input` plus the row of a table that `word` names.
const WORDS: &str = r#"{"version":2,"inputs":[
        {"name":"input","shape":[1],"dtype":"f32"},{"name":"word","shape":[1],"dtype":"i32"}],
    "nodes":[{"name":"table","op":"embedding","inputs":["word"],"entries":2,"size":1},
        {"name":"flat","op":"reshape","inputs":["table"],"shape":[1]},
        {"name":"sum","op":"add","inputs":["input","flat"]}],"output":"sum"}"#;

/// Presents `word` in front of `input`: 0 for each row but the second, which has the given one.
fn compute(word: i32) -> String {
    format!(
        r#"(i32.store (i32.const 24) (i32.const 0x64726f77))
        (i32.store (i32.const 128) (i32.const 24))
        (i32.store (i32.const 132) (i32.const 4))
        (i32.store (i32.const 156) (call $realloc (i32.const 0) (i32.const 0) (i32.const 4)
          (i32.mul (local.get $rows) (i32.const 4))))
        (i32.store offset=4 (i32.load (i32.const 156)) (i32.const {word}))
        (i32.store (i32.const 136) (call $tensor (i32.const 32) (i32.const 2) (i32.const 5)
          (i32.load (i32.const 156)) (i32.mul (local.get $rows) (i32.const 4))))
        (i32.store (i32.const 140) (i32.const 16))
        (i32.store (i32.const 144) (i32.const 5))
        (i32.store (i32.const 148) (i32.load (i32.const 56)))
        (call $compute (local.get $context) (i32.const 128) (i32.const 2) (i32.const 64))"#
    )
}

async fn run(compute: &str, engine: Engine) -> Evaluation {
    let architecture = Architecture::from_json(WORDS.as_bytes()).expect("valid");
    let table = |values: [f32; 2]| {
        Parameters::new(&architecture, vec![values.to_vec()])
            .and_then(|parameters| Ok(parameters.to_safetensors()?))
            .expect("a file")
    };
    let program = probe(&[("COMPUTE", compute)]);
    let mut job = job(program, table([0.0, 0.0]), table([10.0, 20.0]));
    let Expected { sha256, size } = Expected::of(WORDS.as_bytes());
    (
        job.manifest.architecture.sha256,
        job.manifest.architecture.size,
    ) = (sha256, size);
    job.architecture = WORDS.as_bytes().to_vec().into();
    job.champion = submitted(table([0.0, 0.0]));
    job.engine = engine;
    evaluate(&job, &settings()).await.expect("evaluated here")
}

#[tokio::test]
async fn inputs_are_told_by_name_and_integers_choose() {
    for engine in [Engine::Libtorch, Engine::Reference] {
        let evaluation = run(&compute(1), engine).await;
        let detail = evaluation.detail.clone().unwrap_or_default();
        assert_eq!(evaluation.result.status(), Status::Ok, "{detail}");
        assert_eq!(evaluation.result.engine(), engine);
        let scores = evaluation.scores.expect("scores");
        let found: Vec<_> = scores
            .as_slice()
            .iter()
            .map(|score| (score.champion.micros(), score.challenger.micros()))
            .collect();
        let expected = [(0, 10), (1, 21), (2, 12), (3, 13)];
        assert_eq!(found, expected.map(|(a, b)| (a * 1_000_000, b * 1_000_000)));
    }
}

#[tokio::test]
async fn an_integer_out_of_range_is_the_evaluators_fault() {
    for word in [2, -1, i32::MAX, i32::MIN] {
        let evaluation = run(&compute(word), Engine::Libtorch).await;
        assert_eq!(evaluation.result.status(), Status::EvaluatorInvalid);
        let detail = evaluation.detail.unwrap_or_default();
        assert!(detail.contains("range"), "{detail}");
    }
}

/// The call answers an error, on which the probe traps.
#[tokio::test]
async fn inputs_that_do_not_fit_are_refused() {
    let one_missing =
        "(call $compute (local.get $context) (i32.const 48) (i32.const 1) (i32.const 64))";
    let good = compute(1);
    let floats_for_integers = good.replace(
        "(i32.const 5)\n          (i32.load",
        "(i32.const 1)\n          (i32.load",
    );
    let other_name = good.replace("0x64726f77", "0x64726f78");
    let twice = good
        .replace(
            "(i32.store (i32.const 140) (i32.const 16))",
            "(i32.store (i32.const 140) (i32.const 24))",
        )
        .replace(
            "(i32.store (i32.const 144) (i32.const 5))",
            "(i32.store (i32.const 144) (i32.const 4))",
        );
    for compute in [one_missing, &floats_for_integers, &other_name, &twice] {
        assert_ne!(compute, good);
        let evaluation = run(compute, Engine::Libtorch).await;
        assert_eq!(
            evaluation.result.status(),
            Status::EvaluatorTrapped,
            "{compute}"
        );
    }
}
