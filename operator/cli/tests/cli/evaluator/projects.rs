//! Every template is built and holds, so that none can rot.

use std::process::Command;

use serde_json::Value;

use super::programs::{tools, workshop};
use crate::program::Program;

const SEED: &str = "0x00000000000000010000000000000002000000000000000300000000000000ff";

/// A workshop in which compilers can be found.
fn with_compilers() -> Program {
    let keep = |variable: &'static str| std::env::var(variable).ok().map(|value| (variable, value));
    let mut home = workshop()
        .with("PYTHONPATH", tools("python").display())
        .with(
            "ZIG_GLOBAL_CACHE_DIR",
            tools("").join("cache/zig").display(),
        );
    for (variable, value) in [
        "PATH",
        "RUSTUP_HOME",
        "CARGO_HOME",
        "CARGO_UNSTABLE_BUILD_STD",
        "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER",
        "RUSTC",
        "RUSTC_BOOTSTRAP",
        "__CARGO_TEST_CHANNEL_OVERRIDE_DO_NOT_USE_THIS",
    ]
    .into_iter()
    .filter_map(keep)
    {
        home = home.with(variable, value);
    }
    // Where rustup and cargo look when nothing is said.
    if let Ok(user) = std::env::var("HOME") {
        for (variable, folder) in [("RUSTUP_HOME", ".rustup"), ("CARGO_HOME", ".cargo")] {
            if std::env::var_os(variable).is_none() {
                home = home.with(variable, format!("{user}/{folder}"));
            }
        }
    }
    home
}

/// Makes a project, builds it, and scores the model of its README on a seed; the component's scores.
async fn holds(home: &Program, language: &str) -> Vec<String> {
    home.succeeds(&["evaluator", "new", "project", "--language", language])
        .await;
    let build = [
        "evaluator",
        "build",
        "project",
        "-o",
        "project/evaluator.wasm",
    ];
    home.succeeds(&build).await;
    let init = [
        &[
            "model",
            "init",
            "--architecture",
            "project/architecture.json",
        ],
        &["--seed", "1", "--output", "project/parameters.safetensors"][..],
    ]
    .concat();
    home.succeeds(&init).await;
    let model = [
        "--architecture",
        "project/architecture.json",
        "--parameters",
        "project/parameters.safetensors",
        "--samples",
        "1500",
    ];
    let checked = home
        .json(
            &[
                &["evaluator", "check", "project/evaluator.wasm"],
                &model[..],
            ]
            .concat(),
        )
        .await;
    assert_eq!(checked["errors"], 0, "{checked:#}");
    let scores = ["--seed", SEED, "--scores", "scores.txt"];
    home.json(
        &[
            &["evaluator", "run", "project/evaluator.wasm"],
            &model[..],
            &scores,
        ]
        .concat(),
    )
    .await;
    let text = std::fs::read_to_string(home.home().join("scores.txt")).expect("written");
    text.lines().map(str::to_owned).collect()
}

/// The scores that Python computes from the same formula, given a source of x.
fn by_hand(source: &str, weight: f64) -> Vec<String> {
    let script = format!(
        "import random, struct
seed = bytes.fromhex('{}')
{source}
f32 = lambda x: struct.unpack('<f', struct.pack('<f', x))[0]
for _ in range(1500):
    x = f32(uniform())
    error = 2.0 * x + 1.0 - f32({weight:?} * x)
    score = max(-1.0, min(1.0, 1.0 - error * error))
    print('%.6f' % score)",
        &SEED[2..],
        weight = weight,
    );
    let output = Command::new("python3")
        .args(["-c", &script])
        .output()
        .expect("python3 runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout)
        .expect("text")
        .lines()
        .map(str::to_owned)
        .collect()
}

/// Compares decimals that may differ in their last digit: a half may be rounded either way.
fn agree(found: &[String], expected: &[String]) {
    assert_eq!(found.len(), expected.len());
    for (index, (one, other)) in found.iter().zip(expected).enumerate() {
        let number = |text: &str| text.parse::<f64>().expect("a number");
        let apart = (number(one) - number(other)).abs();
        assert!(apart < 1.5e-6, "sample {index}: {one}, expected {other}");
    }
}

/// Weight of the model that `model init` makes from seed 1; its bias is zero.
async fn weight(home: &Program) -> f64 {
    let bytes = std::fs::read(home.home().join("project/parameters.safetensors")).expect("made");
    let header = u64::from_le_bytes(bytes[..8].try_into().expect("a length")) as usize;
    let names: Value = serde_json::from_slice(&bytes[8..8 + header]).expect("a header");
    let from = names["line.weight"]["data_offsets"][0]
        .as_u64()
        .expect("an offset") as usize;
    let at = 8 + header + from;
    f64::from(f32::from_le_bytes(
        bytes[at..at + 4].try_into().expect("a float"),
    ))
}

const SPLITMIX: &str = "
M = 2**64 - 1
state = 0
def draw():
    global state
    state = (state + 0x9e3779b97f4a7c15) & M
    z = state
    z = ((z ^ z >> 30) * 0xbf58476d1ce4e5b9) & M
    z = ((z ^ z >> 27) * 0x94d049bb133111eb) & M
    return z ^ z >> 31
for at in range(0, 32, 8):
    state = draw() ^ int.from_bytes(seed[at:at + 8], 'big')
uniform = lambda: (draw() >> 11) * 2.0**-52 - 1.0";

#[tokio::test]
async fn a_project_in_python() {
    let home = with_compilers();
    let found = holds(&home, "python").await;
    let twister = "points = random.Random(int.from_bytes(seed, 'big'))\nuniform = lambda: points.uniform(-1.0, 1.0)";
    agree(&found, &by_hand(twister, weight(&home).await));
}

#[tokio::test]
async fn a_project_in_c() {
    let home = with_compilers().with("PYTHONPATH", tools("zig").display());
    let found = holds(&home, "c").await;
    agree(&found, &by_hand(SPLITMIX, weight(&home).await));
}

#[tokio::test]
async fn a_project_in_rust() {
    let home = with_compilers();
    if !has_wasm_target() {
        println!("skipped: the Rust toolchain has no target wasm32-unknown-unknown");
        home.succeeds(&["evaluator", "new", "project", "--language", "rust"])
            .await;
        let output = home
            .run(&["evaluator", "build", "project", "-o", "e.wasm"])
            .await;
        assert_eq!(output.code, Some(1));
        let said = "error: the Rust toolchain has no target wasm32-unknown-unknown\n\
            hint: run `rustup target add wasm32-unknown-unknown`\n";
        assert!(output.stderr.ends_with(said), "{}", output.stderr);
        return;
    }
    let found = holds(&home, "rust").await;
    agree(&found, &by_hand(SPLITMIX, weight(&home).await));
}

fn has_wasm_target() -> bool {
    let target = [
        "--print",
        "target-libdir",
        "--target",
        "wasm32-unknown-unknown",
    ];
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let folder = Command::new(rustc)
        .args(target)
        .output()
        .expect("rustc runs");
    let folder = String::from_utf8_lossy(&folder.stdout).trim().to_owned();
    std::path::Path::new(&folder).is_dir() || std::env::var_os("CARGO_UNSTABLE_BUILD_STD").is_some()
}

#[test]
fn the_package_for_python_passes_its_own_tests() {
    let package = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../python/evaluator");
    let output = Command::new("python3")
        .args(["-m", "unittest", "discover", "-t", ".", "-s", "tests"])
        .current_dir(package)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("python3 runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(!said.contains("Ran 0 tests"), "{said}");
}

#[tokio::test]
async fn a_project_needs_an_empty_folder() {
    let home = Program::new();
    home.file("taken", "something else");
    home.refuses(
        &["evaluator", "new", "taken", "--language", "c"],
        "folder_taken",
        "taken is there already and not empty",
        "name another folder",
    )
    .await;
    let empty = std::fs::create_dir(home.home().join("empty"));
    empty.expect("a folder");
    home.succeeds(&["evaluator", "new", "empty", "--language", "rust"])
        .await;
}

#[tokio::test]
async fn what_is_missing_is_told() {
    let home = Program::new();
    home.file("evaluator.py", "");
    let build = |source| ["evaluator", "build", source, "--output", "e.wasm"];
    home.refuses(
        &build("nothing"),
        "no_program",
        "there is no evaluation program at nothing",
        "name a file ending in .py or .c, or a folder with evaluator.py, evaluator.c or Cargo.toml; `zarathustra evaluator new` makes one",
    )
    .await;
    let output = home
        .run(&[&build("evaluator.py")[..], &["--python", "no-such-python"]].concat())
        .await;
    assert_eq!(
        output.stderr,
        "building evaluator.py\n\
         error: no-such-python has no componentize-py 0.25\n\
         hint: run `python3 -m pip install componentize-py==0.25.1`, or name a Python that has it with --python\n"
    );
    home.file("evaluator.c", "");
    let output = home
        .run(&[&build("evaluator.c")[..], &["--python", "no-such-python"]].concat())
        .await;
    assert!(
        output
            .stderr
            .contains("there is no C compiler for wasm32-wasi\n"),
        "{}",
        output.stderr
    );
}

#[tokio::test]
async fn mistakes_in_a_program_are_shown() {
    let home = with_compilers();
    home.file(
        "evaluator.py",
        "from zarathustra_evaluator import Evaluator\nclass WitWorld(Evaluator:\n",
    );
    let build = [
        "evaluator",
        "build",
        "evaluator.py",
        "--output",
        "e.wasm",
        "--json",
    ];
    let output = home.run(&build).await;
    assert_eq!(output.code, Some(1));
    let error: String = output.stderr.lines().skip(1).collect();
    let error: Value = serde_json::from_str(&error).expect("JSON");
    assert_eq!(error["error"]["code"], "compiler_failed");
    let message = error["error"]["message"].as_str().expect("text");
    assert!(message.contains("SyntaxError"), "{message}");

    // Standard output is a file of the system, which a component does not have.
    let home = with_compilers().with("PYTHONPATH", tools("zig").display());
    home.succeeds(&["evaluator", "new", "project", "--language", "c"])
        .await;
    let path = home.home().join("project/evaluator.c");
    let text = std::fs::read_to_string(&path).expect("made");
    let text = text
        .replace(
            "#include <stdlib.h>",
            "#include <stdio.h>\n#include <stdlib.h>",
        )
        .replace("  start(seed);", "  puts(\"hello\");\n  start(seed);");
    std::fs::write(&path, text).expect("written");
    let output = home
        .run(&["evaluator", "build", "project", "--output", "e.wasm"])
        .await;
    assert!(
        output.stderr.contains("does not make a component")
            && output.stderr.contains("wasi_snapshot_preview1"),
        "{}",
        output.stderr
    );
    assert!(!home.home().join("e.wasm").exists());
}
