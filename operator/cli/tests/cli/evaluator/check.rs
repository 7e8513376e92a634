//! Each finding with a program, or a machine, that has exactly that defect.

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use super::programs::{HIDDEN, LAST_BITS, MODEL, hidden, line, pool, program, worker, workshop};
use crate::program::{Output, Program};

/// Samples of a check: enough for shares, few enough to be quick.
const SAMPLES: [&str; 2] = ["--samples", "64"];

async fn run(home: &Program, options: &[&str]) -> (Output, Value) {
    let arguments = [
        &["evaluator", "check", "program.wasm", "--json"],
        &MODEL[..],
        &SAMPLES,
        options,
    ]
    .concat();
    let output = home.run(&arguments).await;
    let report =
        serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    (output, report)
}

/// The codes that a check finds, and the detail of the first.
async fn codes(home: &Program, options: &[&str]) -> (Vec<String>, String) {
    let (output, report) = run(home, options).await;
    let findings = report["findings"].as_array().expect("findings");
    let text = |finding: &Value, key: &str| finding[key].as_str().expect("text").to_owned();
    let errors = findings.iter().filter(|f| f["severity"] == "error").count();
    assert_eq!(report["errors"], errors);
    assert_eq!(output.code, Some(i32::from(errors > 0)), "{report:#}");
    let codes = findings.iter().map(|f| text(f, "code")).collect();
    let detail = findings.first().map(|f| text(f, "detail"));
    (codes, detail.unwrap_or_default())
}

/// Checks that a program with these lines has one defect, and where it is said to show.
async fn finds(replacements: &[(&str, &str)], code: &str, detail: &str) {
    let home = workshop();
    home.file("program.wasm", program(replacements));
    let (found, said) = codes(&home, &[]).await;
    assert_eq!(found, [code], "{said}");
    assert!(said.contains(detail), "{said}");
}

/// The same for a program that is refused unseen.
async fn finds_unseen(bytes: impl AsRef<[u8]>, code: &str, detail: &str) {
    let home = workshop();
    home.file("program.wasm", bytes);
    let (found, said) = codes(&home, &[]).await;
    assert_eq!(found, [code], "{said}");
    assert!(said.contains(detail), "{said}");
    let (_, report) = run(&home, &[]).await;
    assert_eq!(report["evaluations"], 0);
}

#[tokio::test]
async fn nothing_is_found_in_a_sound_program() {
    let home = workshop();
    home.file("program.wasm", program(&[]));
    let (found, said) = codes(&home, &[]).await;
    assert!(found.is_empty(), "{found:?}: {said}");
}

#[tokio::test]
async fn what_is_no_component() {
    finds_unseen("print('hello')", "not_a_component", "").await;
    finds_unseen(b"\0asm\x01\0\0\0", "not_a_component", "a core module").await;
    let mut cut = program(&[]);
    cut.truncate(cut.len() / 2);
    finds_unseen(cut, "not_a_component", "").await;
}

#[tokio::test]
async fn ambient_imports_are_listed() {
    let clock = r#"(component
        (import "wasi:clocks/monotonic-clock@0.2.0" (instance))
        (import "wasi:random/random@0.2.0" (instance))"#;
    let home = workshop();
    home.file("program.wasm", program(&[("IMPORTS", clock)]));
    let (output, report) = run(&home, &[]).await;
    assert_eq!(output.code, Some(1));
    let details: Vec<_> = report["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .map(|finding| (finding["code"].as_str(), finding["detail"].as_str()))
        .collect();
    let foreign = Some("import_foreign");
    assert_eq!(
        details,
        [
            (foreign, Some("wasi:clocks/monotonic-clock@0.2.0")),
            (foreign, Some("wasi:random/random@0.2.0")),
        ]
    );
}

#[tokio::test]
async fn exports_that_are_missing_or_other() {
    let component = |text: &str| wat::parse_str(text).expect("valid text");
    finds_unseen(component("(component)"), "export_missing", "evaluate").await;
    let other = component(
        r#"(component
          (core module $M (func (export "evaluate") (param i32) (result i32) (local.get 0)))
          (core instance $m (instantiate $M))
          (func (export "evaluate") (param "samples" u32) (result u32)
            (canon lift (core func $m "evaluate"))))"#,
    );
    finds_unseen(other, "export_type", "list<f64>").await;
}

#[tokio::test]
async fn what_only_the_worker_refuses() {
    // The right name, without the functions that the contract has.
    let import = r#"(component
        (import "wasi:nn/graph@0.2.0-rc-2024-10-28" (instance (export "train" (func))))
        (core module $M
          (memory (export "memory") 1)
          (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
          (func (export "evaluate") (param i32 i32 i32) (result i32) unreachable))
        (core instance $m (instantiate $M))
        (func (export "evaluate") (param "seed" (list u8)) (param "samples" u32)
          (result (result (list f64) (error string)))
          (canon lift (core func $m "evaluate") (memory $m "memory") (realloc (func $m "realloc")))))"#;
    let home = workshop();
    home.file("program.wasm", wat::parse_str(import).expect("valid text"));
    assert_eq!(codes(&home, &[]).await.0, ["refused"]);
}

#[tokio::test]
async fn traps_on_odd_seeds() {
    let zero = "(local.set $rows (local.get $samples))
        (if (i64.eqz (i64.load (local.get $seed))) (then unreachable))";
    finds(&[("ROWS", zero)], "traps", "the seed 0x00000000").await;
    let full = "(local.set $rows (local.get $samples))
        (if (i64.eq (i64.load (local.get $seed)) (i64.const -1)) (then unreachable))";
    finds(&[("ROWS", full)], "traps", "the seed 0xffffffff").await;
}

#[tokio::test]
async fn what_voids_every_evaluation() {
    let error = "(i32.store (i32.const 104) (i32.const 5))
        (i32.store (i32.const 100) (i32.const 0))
        (i32.store8 (i32.const 96) (i32.const 1))";
    finds(
        &[("COUNT", error)],
        "answers_error",
        "the evaluator says: model",
    )
    .await;
    finds(&[("SCORE", "(f64.const nan))")], "score_not_a_number", "").await;
    let fewer = "(i32.store (i32.const 104) (i32.sub (local.get $samples) (i32.const 1)))";
    finds(
        &[("COUNT", fewer)],
        "score_count",
        "63 scores for 64 samples",
    )
    .await;
    let infinite = "(f32.store (local.get $input) (f32.const inf))";
    finds(&[("X", infinite)], "input_invalid", "").await;
    finds(
        &[("ASK", "(loop $forever (br $forever))")],
        "fuel_exhausted",
        "",
    )
    .await;
    let recurse = r#"(data (i32.const 16) "input")
        (func $recurse (param i32) (result i32)
          (i32.add (call $recurse (i32.add (local.get 0) (i32.const 1))) (local.get 0)))"#;
    let deep = "(drop (call $recurse (i32.const 0)))";
    finds(
        &[("NAMES", recurse), ("ASK", deep)],
        "stack_exhausted",
        "stack",
    )
    .await;
}

#[tokio::test]
async fn models_that_the_program_was_not_written_for() {
    // The answer, and a division by it, cut to an integer.
    let answer = "(f32.load (i32.add (local.get $output) (i32.mul (local.get $i) (i32.const 4))))";
    // Not on the first sample, whose x is zero for the seed of zeros.
    let divide = format!(
        "(f64.add (f64.promote_f32 {answer}) (f64.convert_i32_s
          (i32.div_s (i32.const 1) (i32.or (i32.eqz (local.get $i))
            (i32.trunc_sat_f32_s (f32.mul (f32.const 1e9) {answer})))))))"
    );
    finds(
        &[("SCORE", &divide)],
        "fails_on_model",
        "parameters are all zero",
    )
    .await;
}

#[tokio::test]
async fn a_model_that_cannot_be_evaluated() {
    let home = workshop();
    home.file("program.wasm", program(&[]));
    // Finite, and 3e38 · x + 3e38 is not.
    home.file("parameters.safetensors", line(3e38, 3e38));
    assert_eq!(codes(&home, &[]).await.0, ["parameters_unusable"]);
}

#[tokio::test]
async fn data_that_is_not_fresh() {
    let fixed = "(f32.store (i32.add (local.get $input) (i32.mul (local.get $i) (i32.const 4)))
        (f32.mul (f32.convert_i32_u (local.get $i)) (f32.const 0x1p-10)))";
    finds(&[("X", fixed)], "seed_ignored", "gives the scores of").await;
    finds(&[("X", &pool())], "samples_repeat", "score as others do").await;
    finds(
        &[("SCORE", "(f64.const 0.5))")],
        "scores_constant",
        "0.500000",
    )
    .await;
}

#[tokio::test]
async fn a_model_that_is_not_asked_and_rows_that_cannot_be_traced() {
    let own = "(local.set $output (local.get $input))";
    finds(&[("ASK", own)], "model_not_asked", "").await;
    let more = "(local.set $rows (i32.add (local.get $samples) (i32.const 1)))";
    finds(&[("ROWS", more)], "rows_uneven", "65 rows for 64 samples").await;
}

#[tokio::test]
async fn scores_outside_of_their_range() {
    let home = workshop();
    home.file("program.wasm", program(&[]));
    // x - 0.5 is below 0 for half of the samples.
    home.file("parameters.safetensors", line(1.0, -0.5));
    let (found, said) = codes(&home, &["--range", "0,1"]).await;
    assert_eq!(found, ["score_clipped"], "{said}");
    let (found, said) = codes(&home, &["--range", "-1,1"]).await;
    assert!(found.is_empty(), "{found:?}: {said}");
}

/// Limits are compared with what a program uses, which is the same every time.
#[tokio::test]
async fn fuel_and_memory_near_their_limits() {
    let home = workshop();
    home.file("program.wasm", program(&[]));
    let (_, report) = run(&home, &[]).await;
    let most = |key: &str| report["most"][key].as_u64().expect("a number");
    let (fuel, memory) = (most("fuel"), most("memory_bytes"));
    for (option, used, half, scarce, exhausted) in [
        ("--fuel", fuel, "fuel_half", "fuel_scarce", "fuel_exhausted"),
        (
            "--memory-bytes",
            memory,
            "memory_half",
            "memory_scarce",
            "memory_exhausted",
        ),
    ] {
        for (limit, code) in [
            (used * 100 / 60, half),
            (used * 100 / 90, scarce),
            (used / 2, exhausted),
        ] {
            let (found, said) = codes(&home, &[option, &limit.to_string()]).await;
            assert_eq!(found, [code], "{option} {limit}: {said}");
        }
        let (found, said) = codes(&home, &[option, &(used * 2).to_string()]).await;
        assert!(found.is_empty(), "{found:?}: {said}");
    }
    // More than a worker may hold.
    let beyond = codes(&home, &["--memory-bytes", "1099511627776"]).await;
    assert_eq!(beyond.0, ["worker_memory"]);
}

/// A machine in the worker's place: a script that ends in the real worker, unless it hangs.
fn machine(home: &Program, script: &str) -> String {
    let worker = worker();
    let worker = worker.display();
    // What a worker is asked with arguments is no evaluation.
    let script =
        format!("#!/bin/sh\n[ $# = 0 ] || exec {worker} \"$@\"\n{script}\nexec {worker}\n");
    let path = home.file("worker", script);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("executable");
    path.display().to_string()
}

#[tokio::test]
async fn an_evaluation_that_takes_too_long() {
    let home = workshop();
    home.file("program.wasm", program(&[]));
    let slow = machine(&home, "sleep 60");
    // As much fuel as goes into a second.
    let limits = ["--wall-seconds", "1", "--fuel", "125000000"];
    let (found, said) = codes(&home, &[&["--worker", &slow], limits.as_slice()].concat()).await;
    assert_eq!(found, ["time_exceeded"], "{said}");
}

/// A workshop with a program whose scores hang on the last bits of a model's answers.
fn delicate() -> Program {
    let home = workshop();
    home.file("architecture.json", HIDDEN);
    home.file("parameters.safetensors", hidden());
    home.file("program.wasm", program(&[("SCORE", LAST_BITS)]));
    home
}

#[tokio::test]
async fn scores_that_other_machines_do_not_find() {
    let home = delicate();
    let (found, said) = codes(&home, &[]).await;
    assert_eq!(found, ["depends_on_machine"], "{said}");
    assert!(
        said.contains(" scores ") && said.contains("the tolerance is 0.001000"),
        "{said}"
    );
}

/// A machine that errs now and then: the last byte of what the numbered evaluation scores is not
/// what the program said.
async fn with_an_erring_machine(number: usize) -> (Vec<String>, String) {
    let home = workshop();
    home.file("program.wasm", program(&[]));
    // The component is compiled before, so that every worker that counts is an evaluation.
    let run = [&["evaluator", "run", "program.wasm"], &MODEL[..]].concat();
    home.succeeds(&run).await;
    let script = format!(
        "[ $# = 0 ] || exec {worker} \"$@\"
        echo >> {home}/runs
        [ $(wc -l < {home}/runs) = {number} ] || exec {worker}
        {worker} | (head -c -1; printf '\\001')",
        worker = worker().display(),
        home = home.home().display(),
    );
    let erring = machine(&home, &script);
    codes(&home, &["--worker", &erring]).await
}

#[tokio::test]
async fn scores_that_are_not_the_same_twice() {
    let (found, said) = with_an_erring_machine(2).await;
    assert_eq!(found, ["not_repeatable"], "{said}");
    assert!(said.starts_with("sample 63 scores "), "{said}");
}

/// No program can tell champion from challenger, so the machine has to.
#[tokio::test]
async fn scores_that_depend_on_the_order() {
    // The first two evaluations, seven other seeds, other machines, then the models exchanged, then
    // a champion whose answers are not finite.
    let before = 2 + 7 + 3 + usize::from(has_avx512());
    for number in [before + 1, before + 2] {
        let (found, said) = with_an_erring_machine(number).await;
        assert_eq!(found, ["depends_on_order"], "{said}");
        assert!(said.contains("sample 63 scores "), "{said}");
    }
}

#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    std::is_x86_feature_detected!("avx512f")
}

#[cfg(not(target_arch = "x86_64"))]
const fn has_avx512() -> bool {
    false
}
