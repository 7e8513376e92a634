use std::{path::Path, process::Command};

use serde_json::Value;

use super::programs::{MODEL, line, program, tools, workshop};

const SEED: &str = "0x0707070707070707070707070707070707070707070707070707070707070707";

#[tokio::test]
async fn a_model_is_scored_and_what_it_took_is_told() {
    let home = workshop();
    // Scores 0, 1/4, 1/2 and 3/4: samples in order, the model answers x.
    let x = "(f32.store (i32.add (local.get $input) (i32.mul (local.get $i) (i32.const 4)))
        (f32.mul (f32.convert_i32_u (local.get $i)) (f32.const 0.25)))";
    home.file("quarters.wasm", program(&[("X", x)]));
    let arguments = [
        &["evaluator", "run", "quarters.wasm"],
        &MODEL[..],
        &["--samples", "4", "--seed", SEED, "--scores", "scores.txt"],
    ]
    .concat();
    let found = home.json(&arguments).await;
    assert_eq!(found["mean"], 0.375);
    assert_eq!(found["samples"], 4);
    assert_eq!(found["rows"], 4);
    assert_eq!(found["clipped"], 0);
    // Two pages of memory at least, and a call costs at least 1000.
    assert!(found["fuel"].as_u64() > Some(3_000), "{found}");
    assert!(found["memory_bytes"].as_u64() >= Some(65_536), "{found}");
    let scores = std::fs::read_to_string(home.home().join("scores.txt")).expect("written");
    assert_eq!(scores, "0.000000\n0.250000\n0.500000\n0.750000\n");

    let text = home.succeeds(&arguments).await;
    assert!(text.contains("mean score    0.375000\n"), "{text}");
    let again = home.json(&arguments).await;
    for key in ["mean", "fuel", "memory_bytes"] {
        assert_eq!(found[key], again[key], "{key}");
    }
}

#[tokio::test]
async fn scores_beyond_the_range_are_counted() {
    let home = workshop();
    home.file("parameters.safetensors", line(0.0, 3.0));
    home.file("threes.wasm", program(&[]));
    let run = [&["evaluator", "run", "threes.wasm"], &MODEL[..]].concat();
    let found = home.json(&[&run[..], &["--samples", "8"]].concat()).await;
    assert_eq!(
        (&found["mean"], &found["clipped"]),
        (&1.0.into(), &8.into())
    );
    let wide = [&run[..], &["--samples", "8", "--range", "-4,4"]].concat();
    let found = home.json(&wide).await;
    assert_eq!(
        (&found["mean"], &found["clipped"]),
        (&3.0.into(), &0.into())
    );
}

#[tokio::test]
async fn what_voids_an_evaluation_is_told() {
    let home = workshop();
    home.file("traps.wasm", program(&[("ASK", "unreachable")]));
    let run = [&["evaluator", "run", "traps.wasm"], &MODEL[..], &["--json"]].concat();
    let output = home.run(&run).await;
    assert_eq!((output.code, output.stdout.as_str()), (Some(1), ""));
    let error: Value = serde_json::from_str(&output.stderr.lines().skip(1).collect::<String>())
        .expect("JSON after the progress");
    assert_eq!(error["error"]["code"], "not_scored");
    let message = error["error"]["message"].as_str().expect("text");
    assert!(message.contains("by the fault of the owner"), "{message}");
}

#[tokio::test]
async fn a_model_has_to_be_named_and_to_fit() {
    let home = workshop();
    home.file("program.wasm", program(&[]));
    home.refuses(
        &["evaluator", "run", "program.wasm"],
        "no_model",
        "no model was named to try the program on",
        "name one with --architecture and --parameters",
    )
    .await;
    home.file("parameters.safetensors", [1, 0, 0]);
    home.refuses(
        &[&["evaluator", "run", "program.wasm"], &MODEL[..]].concat(),
        "safetensors_truncated",
        "parameters.safetensors does not fit the architecture: file of 3 bytes ends before its header",
        "`zarathustra model inspect` shows what the architecture expects",
    )
    .await;
}

/// The example's scores are those of its formula on the numbers that Python draws from the seed.
#[tokio::test]
async fn the_example_scores_what_its_formula_says() {
    let home = workshop();
    let evaluator = tools("evaluators/x-squared.wasm");
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/x-squared");
    let architecture = example.join("architecture.json");
    let baseline = std::fs::read(example.join("baseline.safetensors")).expect("committed");
    // A model of zeros answers zero, whatever it is asked.
    let header = 8 + u64::from_le_bytes(baseline[..8].try_into().expect("a length")) as usize;
    let mut zeros = baseline[..header].to_vec();
    zeros.resize(baseline.len(), 0);
    let zeros = home.file("zeros.safetensors", zeros);
    let text = |path: &Path| path.to_str().expect("text").to_owned();
    let (evaluator, architecture, zeros) = (text(&evaluator), text(&architecture), text(&zeros));
    home.json(&[
        "evaluator",
        "run",
        &evaluator,
        "--architecture",
        &architecture,
        "--parameters",
        &zeros,
        "--seed",
        SEED,
        "--samples",
        "2000",
        "--range",
        "-2,1",
        "--scores",
        "scores.txt",
    ])
    .await;
    let formula = "
import random, struct
points = random.Random(int.from_bytes(bytes([7] * 32), 'big'))
for _ in range(2000):
    (x,) = struct.unpack('<f', struct.pack('<f', points.uniform(-1.0, 1.0)))
    error = x * x - 0.0
    print('%.6f' % max(-2.0, 1.0 - error * error / (4.0 / 45.0)))";
    let output = Command::new("python3").args(["-c", formula]).output();
    let expected = output.expect("python3 runs").stdout;
    let found = std::fs::read_to_string(home.home().join("scores.txt")).expect("written");
    assert_eq!(found, String::from_utf8(expected).expect("text"));
}
