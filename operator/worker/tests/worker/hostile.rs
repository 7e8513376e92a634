//! Hostile evaluation programs and lost workers: a reason within the limits, and the host lives.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use crate::common::{job, line, probe, program, settings};
use zarathustra_eval::{EvaluationJob, LocalFailure, WorkerSettings, check_sandbox, evaluate};
use zarathustra_primitives::Status;

/// Long enough for a busy machine, and never waited for when all is well.
const WAIT: Duration = Duration::from_secs(120);

pub fn lines(evaluator: Vec<u8>) -> EvaluationJob {
    job(evaluator, line(1.0, 0.0), line(2.0, 0.0))
}

async fn check(evaluator: Vec<u8>, status: Status) {
    check_with_fuel(evaluator, 10_000_000, status).await;
}

async fn check_with_fuel(evaluator: Vec<u8>, fuel: u64, status: Status) {
    let mut job = lines(evaluator);
    job.manifest.limits.fuel = fuel;
    let evaluation = evaluate(&job, &settings()).await.expect("evaluated here");
    let detail = evaluation.detail.expect("a reason");
    assert_eq!(evaluation.result.status(), status, "{detail}");
}

#[tokio::test]
async fn a_program_that_traps() {
    check(program("unreachable"), Status::EvaluatorTrapped).await;
    check(
        program("(drop (i32.load (i32.const -4)))"),
        Status::EvaluatorTrapped,
    )
    .await;
    check(
        program("(drop (i32.div_u (i32.const 1) (i32.const 0)))"),
        Status::EvaluatorTrapped,
    )
    .await;
}

#[tokio::test]
async fn a_program_that_never_ends() {
    check(program("(loop $l (br $l))"), Status::FuelExhausted).await;
}

#[tokio::test]
async fn a_program_that_keeps_the_host_busy() {
    let ask = "(loop $forever
        (local.set $output (call $ask (local.get $context) (local.get $rows) (local.get $input)))
        (br $forever))";
    check(probe(&[("ASK", ask)]), Status::FuelExhausted).await;
    let ask = "(loop $forever
        (call $load (i32.const 0) (i32.const 3) (i32.const 64))
        (br_if $forever (i32.load8_u (i32.const 64))))";
    let started = Instant::now();
    check(probe(&[("ASK", ask)]), Status::FuelExhausted).await;
    assert!(started.elapsed() < WAIT);
}

#[tokio::test]
async fn a_program_that_allocates_without_end() {
    let own = "(loop $l (drop (memory.grow (i32.const 16))) (br $l))";
    check(program(own), Status::EvaluatorTrapped).await;
    let of_the_host = "(loop $l
        (drop (call $tensor (i32.const 32) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 60000)))
        (br $l))";
    check_with_fuel(
        probe(&[("ASK", of_the_host)]),
        1 << 32,
        Status::EvaluatorTrapped,
    )
    .await;
}

#[tokio::test]
async fn more_memory_than_the_request_allows_from_the_start() {
    let large = wat::parse_str(
        r#"(component
          (core module $M (memory (export "memory") 400)
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) unreachable)
            (func (export "evaluate") (param i32 i32 i32) (result i32) unreachable))
          (core instance $m (instantiate $M))
          (func (export "evaluate") (param "seed" (list u8)) (param "samples" u32)
            (result (result (list f64) (error string)))
            (canon lift (core func $m "evaluate") (memory $m "memory") (realloc (func $m "realloc")))))"#,
    );
    check(large.expect("valid"), Status::EvaluatorTrapped).await;
}

#[tokio::test]
async fn answers_that_are_no_scores() {
    let fewer = "(i32.store (i32.const 104) (i32.const 3))";
    check(probe(&[("COUNT", fewer)]), Status::EvaluatorInvalid).await;
    let more = "(i32.store (i32.const 104) (i32.const 5))";
    check(probe(&[("COUNT", more)]), Status::EvaluatorInvalid).await;
    // Beyond the program's memory.
    let most = "(i32.store (i32.const 104) (i32.const 268435455))";
    check(probe(&[("COUNT", most)]), Status::EvaluatorTrapped).await;
    let nan = "(i32.store (i32.const 104) (local.get $samples))
        (f64.store offset=8 (local.get $scores) (f64.const nan))";
    check(probe(&[("COUNT", nan)]), Status::EvaluatorInvalid).await;
    let says_no = "(i32.store (i32.const 96) (i32.const 1))
        (i32.store (i32.const 100) (i32.const 16)) (i32.store (i32.const 104) (i32.const 5))";
    check(program(says_no), Status::EvaluatorInvalid).await;
    let no_variant = "(i32.store (i32.const 96) (i32.const 2))";
    check(program(no_variant), Status::EvaluatorTrapped).await;
}

#[tokio::test]
async fn questions_that_no_model_can_answer() {
    let nan = probe(&[("X", "(f32.const nan))")]);
    check(nan, Status::EvaluatorInvalid).await;
    let infinite = probe(&[("X", "(f32.const inf))")]);
    check(infinite, Status::EvaluatorInvalid).await;
    // The program takes the error for a reason to trap.
    let other_shape = "(i32.store (i32.const 32) (i32.const 2))
        (local.set $output (call $ask (local.get $context) (i32.const 0) (local.get $input)))
        unreachable";
    check(probe(&[("ASK", other_shape)]), Status::EvaluatorTrapped).await;
}

#[tokio::test]
async fn programs_that_want_more_than_they_get() {
    for import in [
        r#"(import "wasi:clocks/monotonic-clock@0.2.0" (instance (export "now" (func (result u64)))))"#,
        r#"(import "wasi:random/random@0.2.0" (instance (export "get-random-u64" (func (result u64)))))"#,
        r#"(import "wasi:sockets/network@0.2.0" (instance (export "network" (type (sub resource)))))"#,
        r#"(import "wasi:cli/environment@0.2.0" (instance (export "get-arguments" (func (result (list string))))))"#,
        r#"(import "zarathustra:secret/keys" (func))"#,
        // No name makes the fault the machine's.
        r#"(import "wasi:io/out-of-memory" (func))"#,
        r#"(import "failed-to-allocate" (instance (export "os-error" (func))))"#,
    ] {
        let component = format!(
            r#"(component {import}
              (core module $M (memory (export "memory") 1)
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) unreachable)
                (func (export "evaluate") (param i32 i32 i32) (result i32) unreachable))
              (core instance $m (instantiate $M))
              (func (export "evaluate") (param "seed" (list u8)) (param "samples" u32)
                (result (result (list f64) (error string)))
                (canon lift (core func $m "evaluate") (memory $m "memory") (realloc (func $m "realloc")))))"#
        );
        check(
            wat::parse_str(&component).expect("valid"),
            Status::EvaluatorInvalid,
        )
        .await;
    }
}

#[tokio::test]
async fn files_that_are_no_component() {
    check(b"no WebAssembly".to_vec(), Status::EvaluatorInvalid).await;
    let module = wat::parse_str("(module)").expect("valid");
    check(module, Status::EvaluatorInvalid).await;
    let mut cut_off = program("");
    cut_off.truncate(cut_off.len() - 1);
    check(cut_off, Status::EvaluatorInvalid).await;
}

/// What is passed is copied before it is refused, so it is paid for: 20 calls are 20,000 fuel, and
/// 1,200,480 for what they pass.
#[tokio::test]
async fn a_model_of_the_programs_own_is_refused_and_paid_for() {
    let calls = "(local.set $output (local.get $input))
        (i32.store (i32.const 32) (i32.const 0))
        (i32.store (i32.const 36) (i32.const 60000))
        (local.set $i (i32.const 20))
        (loop $again
          (call $load-bytes (i32.const 32) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 64))
          (if (i32.eqz (i32.load8_u (i32.const 64))) (then unreachable))
          (local.set $i (i32.sub (local.get $i) (i32.const 1)))
          (br_if $again (local.get $i)))";
    let mut job = lines(probe(&[("ASK", calls)]));
    let evaluation = evaluate(&job, &settings()).await.expect("evaluated here");
    assert_eq!(evaluation.result.status(), Status::Ok);
    let fuel = evaluation.timings.spent.challenger_fuel;
    assert!((1_220_480..1_230_000).contains(&fuel), "{fuel}");
    job.manifest.limits.fuel = 1_220_480;
    let evaluation = evaluate(&job, &settings()).await.expect("evaluated here");
    assert_eq!(evaluation.result.status(), Status::FuelExhausted);
}

#[tokio::test]
async fn a_stack_overflow_is_local() {
    let deep = program("(drop (call $recurse (i32.const 0)))");
    let mut job = lines(deep);
    job.manifest.limits.fuel = 1 << 32;
    let failure = evaluate(&job, &settings()).await.expect_err("no claim");
    assert!(
        matches!(failure, LocalFailure::StackExhausted { .. }),
        "{failure}"
    );
    assert_eq!(failure.code(), "local_stack_exhausted");
}

/// The most fuel that a manifest may allow is gone before its time is, or a program that never ends
/// would cost the operators and not the owner.
#[tokio::test]
async fn the_most_fuel_ends_before_the_time_does() {
    let mut job = lines(program("(loop $l (br $l))"));
    job.manifest.limits.wall_seconds = 20;
    job.manifest.limits.fuel = 20 * 125_000_000;
    assert!(job.manifest.limits.fuel_fits_wall());
    let evaluation = evaluate(&job, &settings()).await.expect("evaluated here");
    assert_eq!(evaluation.result.status(), Status::FuelExhausted);
}

#[tokio::test]
async fn running_out_of_time_is_local() {
    // A worker that hangs uses no fuel.
    let (_folder, settings) = impostor("exec sleep 600");
    let mut job = lines(probe(&[]));
    job.manifest.limits.wall_seconds = 1;
    let started = Instant::now();
    let failure = evaluate(&job, &settings).await.expect_err("no claim");
    assert!(
        matches!(failure, LocalFailure::TimedOut { seconds: 1 }),
        "{failure}"
    );
    assert!(started.elapsed() < WAIT);
}

#[tokio::test]
async fn an_evaluation_that_never_ends_delays_no_other() {
    let (_folder, hanging) = impostor("exec sleep 600");
    let running = tokio::spawn(async move { evaluate(&lines(probe(&[])), &hanging).await });
    for _ in 0..2 {
        let evaluation = evaluate(&lines(probe(&[])), &settings()).await;
        assert_eq!(evaluation.expect("evaluated").result.status(), Status::Ok);
    }
    assert!(!running.is_finished());
    running.abort();
}

#[tokio::test]
async fn a_sandbox_is_asked_for_before_anything_is_evaluated() {
    let isolation = check_sandbox(&settings()).await.expect("a sandbox");
    assert!(isolation.protection.missing.is_empty());
    println!("{isolation}");
    let (_folder, settings) = impostor(
        r#"printf '\000\000\000\063{"Local":{"kind":"Sandbox","detail":"no Landlock"}}'; exec cat > /dev/null"#,
    );
    let failure = check_sandbox(&settings).await.expect_err("refused");
    assert_eq!(failure.code(), "local_no_sandbox", "{failure}");
    assert!(failure.to_string().contains("no Landlock"));
}

#[tokio::test]
async fn a_request_beyond_the_settings_is_not_tried() {
    let mut job = lines(program(""));
    job.manifest.limits.memory_bytes = 1 << 40;
    let failure = evaluate(&job, &settings()).await.expect_err("refused");
    assert_eq!(failure.code(), "local_beyond_settings");
    let mut job = lines(program(""));
    job.manifest.limits.wall_seconds = settings().wall.as_secs() + 1;
    let failure = evaluate(&job, &settings()).await.expect_err("refused");
    assert!(
        matches!(failure, LocalFailure::BeyondTime { .. }),
        "{failure}"
    );
    assert_eq!(failure.code(), "local_beyond_settings");
}

/// A program in the worker's place.
pub fn impostor(script: &str) -> (tempfile::TempDir, WorkerSettings) {
    let folder = tempfile::tempdir().expect("a folder");
    let worker = folder.path().join("worker");
    std::fs::write(&worker, format!("#!/bin/sh\n{script}\n")).expect("a script");
    std::fs::set_permissions(&worker, std::fs::Permissions::from_mode(0o755)).expect("executable");
    let settings = WorkerSettings {
        worker,
        cache_dir: folder.path().join("cache"),
        ..settings()
    };
    (folder, settings)
}

#[tokio::test]
async fn a_worker_that_dies_or_talks_nonsense_is_lost_and_the_host_lives() {
    for script in [
        "exit 0",
        "exit 3",
        "kill -9 $$",
        "kill -SEGV $$",
        "printf '\\377\\377\\377\\377'; exec sleep 60",
        "printf '\\000\\000\\000\\005hello'; exec sleep 60",
        "printf '\\000\\000\\000\\012\"Compiled\"'; printf '\\000\\000\\000\\012\"Compiled\"'",
        "exec yes error >&2",
    ] {
        let (_folder, settings) = impostor(script);
        let failure = evaluate(&lines(probe(&[])), &settings)
            .await
            .expect_err(script);
        assert_eq!(failure.code(), "local_worker_lost", "{script}: {failure}");
    }
    // And the next evaluation is as good as ever.
    let evaluation = evaluate(&lines(probe(&[])), &settings())
        .await
        .expect("evaluated");
    assert_eq!(evaluation.result.status(), Status::Ok);
}

#[tokio::test]
async fn a_dropped_evaluation_leaves_no_worker_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let mark = folder.path().join("pid");
    let (_script, settings) = impostor(&format!("echo $$ > {}; exec sleep 600", mark.display()));
    let job = lines(probe(&[]));
    let pid = tokio::select! {
        result = evaluate(&job, &settings) => panic!("{result:?}"),
        pid = async {
            loop {
                match std::fs::read_to_string(&mark) {
                    Ok(pid) if pid.ends_with('\n') => break pid.trim().to_owned(),
                    _ => tokio::task::yield_now().await,
                }
            }
        } => pid,
    };
    let status = format!("/proc/{pid}/status");
    let gone = || std::fs::read_to_string(&status).map_or(true, |text| text.contains("Z (zombie)"));
    let deadline = Instant::now() + WAIT;
    while !gone() {
        assert!(Instant::now() < deadline, "the worker still runs");
        tokio::task::yield_now().await;
    }
}
