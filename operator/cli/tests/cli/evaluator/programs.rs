//! Programs with one defect each, made from the worker's probe, and the model they are tried on.

use std::path::{Path, PathBuf};

use zarathustra_eval::{WORKER_PROGRAM, architecture::Architecture, parameters::Parameters};

use crate::program::Program;

const PROBE: &str = include_str!("../../../../worker/tests/worker/evaluators/probe.wat");

/// One input, one output: `weight · x + bias`.
const LINE: &str = r#"{"version":2,"inputs":[{"name":"input","shape":[1],"dtype":"f32"}],
    "nodes":[{"name":"line","op":"linear","inputs":["input"],"units":1,"bias":true}],
    "output":"line"}"#;

/// Asks the model about numbers in [0, 1) that follow from all of the seed and the sample's number
/// (multiplicative hashing; odd constants, so that every bit counts).
const FRESH: &str = "
    (local.set $z (i32.mul (local.get $i) (i32.const 0x9e3779b1)))
    (local.set $z (i32.add (local.get $z) (i32.mul (i32.load (local.get $seed)) (i32.const 0x85ebca6b))))
    (local.set $z (i32.add (local.get $z) (i32.mul (i32.load offset=4 (local.get $seed)) (i32.const 0xc2b2ae35))))
    (local.set $z (i32.add (local.get $z) (i32.mul (i32.load offset=8 (local.get $seed)) (i32.const 0x27d4eb2f))))
    (local.set $z (i32.add (local.get $z) (i32.mul (i32.load offset=12 (local.get $seed)) (i32.const 0x165667b1))))
    (local.set $z (i32.add (local.get $z) (i32.mul (i32.load offset=16 (local.get $seed)) (i32.const 0xd3a2646d))))
    (local.set $z (i32.add (local.get $z) (i32.mul (i32.load offset=20 (local.get $seed)) (i32.const 0xfd7046c5))))
    (local.set $z (i32.add (local.get $z) (i32.mul (i32.load offset=24 (local.get $seed)) (i32.const 0xb55a4f09))))
    (local.set $z (i32.add (local.get $z) (i32.mul (i32.load offset=28 (local.get $seed)) (i32.const 0x2c1b3c6d))))
    (local.set $z (i32.mul (i32.xor (local.get $z) (i32.shr_u (local.get $z) (i32.const 15))) (i32.const 0x85ebca77)))
    (local.set $z (i32.mul (i32.xor (local.get $z) (i32.shr_u (local.get $z) (i32.const 13))) (i32.const 0xc2b2ae3d)))
    (f32.store (i32.add (local.get $input) (i32.mul (local.get $i) (i32.const 4)))
      (f32.mul (f32.convert_i32_u (i32.shr_u (local.get $z) (i32.const 8))) (f32.const 0x1p-24)))";

/// Eight hidden units and a softmax: sums and a function whose last bits depend on the instructions.
pub const HIDDEN: &str = r#"{"version":2,"inputs":[{"name":"input","shape":[1],"dtype":"f32"}],"nodes":[
    {"name":"hidden","op":"linear","inputs":["input"],"units":8,"bias":true},
    {"name":"bend","op":"softmax","dim":0,"inputs":["hidden"]},
    {"name":"answer","op":"linear","inputs":["bend"],"units":1,"bias":true}],"output":"answer"}"#;

/// Parameters of [`HIDDEN`], of no round numbers.
pub fn hidden() -> Vec<u8> {
    let architecture = Architecture::from_json(HIDDEN.as_bytes()).expect("valid");
    let thirds = |from: i16| (from..from + 8).map(|i| f32::from(i) / 3.0).collect();
    Parameters::new(
        &architecture,
        vec![thirds(-4), thirds(1), thirds(2), vec![0.1]],
    )
    .and_then(|parameters| Ok(parameters.to_safetensors()?))
    .expect("a file")
}

/// A score that hangs on the last three bits of the model's answer, and a little on the rest.
pub const LAST_BITS: &str = "(f64.add
    (f64.mul (f64.const 0.1) (f64.convert_i32_u (i32.and (i32.const 7)
      (i32.load (i32.add (local.get $output) (i32.mul (local.get $i) (i32.const 4)))))))
    (f64.mul (f64.const 0.001) (f64.promote_f32
      (f32.load (i32.add (local.get $output) (i32.mul (local.get $i) (i32.const 4))))))))";

/// The same with only 16 different samples for a seed.
pub fn pool() -> String {
    FRESH.replacen(
        "(local.get $i)",
        "(i32.and (local.get $i) (i32.const 15))",
        1,
    )
}

/// A program that scores a sample by the model's answer, with each marked line of the probe
/// replaced.
pub fn program(replacements: &[(&str, &str)]) -> Vec<u8> {
    let mut text = PROBE.to_owned();
    // The probe stores x on two lines; the first is part of what is replaced.
    let first = "(f32.store (i32.add (local.get $input) (i32.mul (local.get $i) (i32.const 4)))\n";
    assert!(text.contains(first));
    text = text.replace(first, "");
    text = text.replace(
        "(local $context i32)",
        "(local $context i32) (local $z i32)",
    );
    let mut all = vec![];
    if !replacements.iter().any(|(mark, _)| *mark == "X") {
        all.push(("X", FRESH));
    }
    all.extend(replacements);
    for (mark, instructions) in all {
        let mark = format!(";; {mark}");
        let line = text.lines().find(|line| line.ends_with(&mark));
        let line = line.expect(&mark).to_owned();
        text = text.replace(&line, instructions);
    }
    wat::parse_str(&text).expect("valid text")
}

/// The parameters of a line.
pub fn line(weight: f32, bias: f32) -> Vec<u8> {
    let architecture = Architecture::from_json(LINE.as_bytes()).expect("valid");
    Parameters::new(&architecture, vec![vec![weight], vec![bias]])
        .and_then(|parameters| Ok(parameters.to_safetensors()?))
        .expect("a file")
}

/// A home folder with a model to try programs on.
pub fn workshop() -> Program {
    let program = Program::new().with("ZARATHUSTRA_WORKER", worker().display());
    program.file("architecture.json", LINE);
    program.file("parameters.safetensors", line(1.0, 0.0));
    program
}

/// The arguments that name the model.
pub const MODEL: [&str; 4] = [
    "--architecture",
    "architecture.json",
    "--parameters",
    "parameters.safetensors",
];

/// The worker of this build.
pub fn worker() -> PathBuf {
    let worker = Path::new(env!("CARGO_BIN_EXE_zarathustra")).with_file_name(WORKER_PROGRAM);
    assert!(
        worker.is_file(),
        "{} is missing; run `cargo build -p zarathustra-worker`",
        worker.display()
    );
    worker
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
    path.canonicalize().expect("a path")
}
