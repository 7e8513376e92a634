//! Jobs for tests: a model that multiplies, the probe program, and real workers.

use std::path::{Path, PathBuf};
use std::time::Duration;

use zarathustra_eval::architecture::Architecture;
use zarathustra_eval::environment::EnvironmentLock;
use zarathustra_eval::manifest::{ContentRef, Limits, Manifest};
use zarathustra_eval::parameters::{Expected, Parameters};
use zarathustra_eval::{EvaluationJob, Submitted, WorkerSettings};
use zarathustra_primitives::{Alpha, B256, Bound, Engine, Score, ScoreRange, Seed};

const PROBE: &str = include_str!("evaluators/probe.wat");

/// One input, one output: `weight · x + bias`.
pub const LINE: &str = r#"{"version":2,"inputs":[{"name":"input","shape":[1],"dtype":"f32"}],
    "nodes":[{"name":"line","op":"linear","inputs":["input"],"units":1,"bias":true}],
    "output":"line"}"#;

/// Settings with the worker of this build. Compiled evaluators are kept from run to run.
pub fn settings() -> WorkerSettings {
    WorkerSettings {
        worker: env!("CARGO_BIN_EXE_zarathustra-worker").into(),
        cache_key: None,
        environment: EnvironmentLock::of_this_build(),
        cache_dir: Path::new(env!("CARGO_TARGET_TMPDIR")).join("evaluators"),
        memory_bytes: WorkerSettings::MEMORY_BYTES,
        wall: Duration::from_secs(240),
        device: zarathustra_eval::Device::Cpu,
        allow_unsandboxed: false,
        cgroups: true,
    }
}

/// The probe, with each marked line replaced.
pub fn probe(replacements: &[(&str, &str)]) -> Vec<u8> {
    let mut text = PROBE.to_owned();
    for (mark, instructions) in replacements {
        let mark = format!(";; {mark}");
        let line = text
            .lines()
            .find(|line| line.ends_with(&mark))
            .expect(&mark)
            .to_owned();
        text = text.replace(&line, instructions);
    }
    wat::parse_str(&text).expect("valid text")
}

/// A program without imports whose `evaluate` is these instructions; its result lies at 96.
pub fn program(instructions: &str) -> Vec<u8> {
    let text = format!(
        r#"(component
          (core module $M
            (memory (export "memory") 1)
            (global $next (mut i32) (i32.const 4096))
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
            (func $recurse (param i32) (result i32)
              (i32.add (call $recurse (i32.add (local.get 0) (i32.const 1))) (local.get 0)))
            (func (export "evaluate") (param $seed i32) (param $length i32) (param $samples i32) (result i32)
              (local $i i32)
              {instructions}
              (i32.const 96)))
          (core instance $m (instantiate $M))
          (func (export "evaluate") (param "seed" (list u8)) (param "samples" u32)
            (result (result (list f64) (error string)))
            (canon lift (core func $m "evaluate") (memory $m "memory") (realloc (func $m "realloc")))))"#
    );
    wat::parse_str(&text).expect("valid text")
}

/// Parameters of [`LINE`].
pub fn line(weight: f32, bias: f32) -> Vec<u8> {
    let architecture = Architecture::from_json(LINE.as_bytes()).expect("valid");
    Parameters::new(&architecture, vec![vec![weight], vec![bias]])
        .and_then(|parameters| Ok(parameters.to_safetensors()?))
        .expect("a file")
}

pub fn submitted(bytes: Vec<u8>) -> Submitted {
    Submitted {
        expected: Expected::of(&bytes),
        content: bytes.into(),
    }
}

pub fn seed(byte: u8) -> Seed {
    Seed::new(B256::repeat_byte(byte))
}

/// An evaluation of two lines on four samples, with scores from -100 to 100.
pub fn job(evaluator: Vec<u8>, champion: Vec<u8>, challenger: Vec<u8>) -> EvaluationJob {
    let range = |micros| Score::from_micros(micros);
    EvaluationJob {
        manifest: Manifest {
            name: "test".to_owned(),
            description: String::new(),
            architecture: ContentRef::unpublished(LINE.as_bytes()),
            evaluator: ContentRef::unpublished(&evaluator),
            samples: 4,
            score_range: ScoreRange::new(range(-100_000_000), range(100_000_000)).expect("a range"),
            alpha: Alpha::from_ppb(1_000_000).expect("in range"),
            bound: Bound::EmpiricalBernstein,
            limits: Limits {
                parameter_bytes: 4096,
                parameters: 100,
                macs_per_sample: 100,
                activation_bytes: 1 << 20,
                fuel: 10_000_000,
                memory_bytes: 16 << 20,
                wall_seconds: 60,
            },
        },
        architecture: LINE.as_bytes().to_vec().into(),
        evaluator: evaluator.into(),
        champion: submitted(champion),
        challenger: submitted(challenger),
        seed: seed(7),
        engine: Engine::Libtorch,
    }
}

/// What set-up put into the checkout.
pub fn tools(path: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../.tools")
        .join(path);
    assert!(
        path.exists(),
        "{} is missing; run `cargo xtask setup`",
        path.display()
    );
    path
}
