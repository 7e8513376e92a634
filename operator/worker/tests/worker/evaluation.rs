//! Evaluations in real workers: what is scored, and what a champion's failures cost it.

use crate::common::{job, line, probe, settings};
use zarathustra_eval::{Evaluation, EvaluationJob, WorkerSettings, evaluate};
use zarathustra_primitives::Status;

async fn run(job: &EvaluationJob) -> Evaluation {
    evaluate(job, &settings()).await.expect("evaluated here")
}

/// The scores of champion and challenger in whole units.
fn units(evaluation: &Evaluation) -> Vec<(i64, i64)> {
    let detail = evaluation.detail.as_deref().unwrap_or_default();
    let scores = evaluation
        .scores
        .as_ref()
        .unwrap_or_else(|| panic!("scores; {detail}"));
    let unit = |micros: i64| {
        assert_eq!(micros % 1_000_000, 0);
        micros / 1_000_000
    };
    let scores = scores.as_slice().iter();
    scores
        .map(|s| (unit(s.champion.micros()), unit(s.challenger.micros())))
        .collect()
}

#[tokio::test]
async fn both_models_are_scored_on_the_same_samples() {
    let evaluation = run(&job(probe(&[]), line(2.0, 1.0), line(-3.0, 0.0))).await;
    assert_eq!(units(&evaluation), [(1, 0), (3, -3), (5, -6), (7, -9)]);
    assert_eq!(evaluation.result.status(), Status::Ok);
    let figures = evaluation.result.figures().expect("figures");
    assert_eq!(figures.champion_score.micros(), 4_000_000);
    assert_eq!(figures.challenger_score.micros(), -4_500_000);
    assert_eq!(figures.improvement.micros(), -8_500_000);
    assert!(evaluation.timings.spent.champion_fuel > 0);
    assert_eq!(
        evaluation.timings.spent.champion_fuel, evaluation.timings.spent.challenger_fuel,
        "the program does the same for both"
    );
}

#[tokio::test]
async fn scores_are_clipped_to_the_range_of_the_request() {
    let evaluation = run(&job(probe(&[]), line(90.0, 0.0), line(-90.0, 0.0))).await;
    assert_eq!(
        units(&evaluation),
        [(0, 0), (90, -90), (100, -100), (100, -100)]
    );
}

#[tokio::test]
async fn a_champion_that_fails_on_a_sample_loses_that_sample() {
    // 3e38 · 2 is beyond 32-bit floats.
    let evaluation = run(&job(probe(&[]), line(3e38, -1.0), line(1.0, 0.0))).await;
    assert_eq!(
        units(&evaluation),
        [(-1, 0), (100, 1), (-100, 2), (-100, 3)]
    );
}

#[tokio::test]
async fn a_failed_row_is_traced_to_its_sample_when_samples_have_several() {
    // Eight rows for four samples; the rows 0 to 7 belong to the samples 0 0 1 1 2 2 3 3.
    let rows = "(local.set $rows (i32.mul (local.get $samples) (i32.const 2)))";
    let x = "(select (f32.const 2) (f32.const 0) (i32.eq (local.get $i) (i32.const 5))))";
    let evaluator = probe(&[("ROWS", rows), ("X", x)]);
    let evaluation = run(&job(evaluator, line(3e38, 5.0), line(1.0, 0.0))).await;
    assert_eq!(units(&evaluation), [(5, 0), (5, 0), (-100, 0), (5, 0)]);
}

#[tokio::test]
async fn failed_rows_that_cannot_be_traced_cost_every_sample() {
    let rows = "(local.set $rows (i32.add (local.get $samples) (i32.const 1)))";
    let evaluator = probe(&[("ROWS", rows)]);
    let evaluation = run(&job(evaluator, line(3e38, 0.0), line(1.0, 0.0))).await;
    assert_eq!(
        units(&evaluation),
        [(-100, 0), (-100, 1), (-100, 2), (-100, 3)]
    );
}

#[tokio::test]
async fn a_champion_without_usable_parameters_scores_the_least_and_voids_nothing() {
    let mut wrong_digest = job(probe(&[]), line(1.0, 0.0), line(1.0, 0.0));
    wrong_digest.champion.expected.size += 1;
    let jobs = [
        job(probe(&[]), line(f32::NAN, 0.0), line(1.0, 0.0)),
        job(probe(&[]), b"no safetensors".to_vec(), line(1.0, 0.0)),
        job(probe(&[]), vec![], line(1.0, 0.0)),
        wrong_digest,
    ];
    for job in jobs {
        let evaluation = run(&job).await;
        assert_eq!(
            units(&evaluation),
            [(-100, 0), (-100, 1), (-100, 2), (-100, 3)]
        );
    }
}

#[tokio::test]
async fn a_program_that_fails_on_the_champion_alone_costs_the_champion() {
    // Traps when the second answer is 77.
    let ask =
        "(local.set $output (call $ask (local.get $context) (local.get $rows) (local.get $input)))
        (if (f32.eq (f32.load offset=4 (local.get $output)) (f32.const 77)) (then unreachable))";
    let evaluator = probe(&[("ASK", ask)]);
    let evaluation = run(&job(evaluator.clone(), line(77.0, 0.0), line(1.0, 0.0))).await;
    assert_eq!(
        units(&evaluation),
        [(-100, 0), (-100, 1), (-100, 2), (-100, 3)]
    );

    let evaluation = run(&job(evaluator, line(1.0, 0.0), line(77.0, 0.0))).await;
    assert_eq!(evaluation.result.status(), Status::EvaluatorTrapped);
}

#[tokio::test]
async fn challengers_are_judged_in_the_order_of_the_specification() {
    let good = || line(1.0, 0.0);
    let check = async |challenger: Vec<u8>, status| {
        let evaluation = run(&job(probe(&[]), good(), challenger)).await;
        let detail = evaluation.detail.expect("a reason");
        assert_eq!(evaluation.result.status(), status, "{detail}");
        assert!(evaluation.scores.is_none());
    };
    check(b"PK\x03\x04".to_vec(), Status::BadFormat).await;
    check(vec![0xff; 64], Status::BadFormat).await;
    check(line(f32::NAN, 0.0), Status::NonFinite).await;
    check(line(f32::INFINITY, 0.0), Status::NonFinite).await;
    // Finite parameters, but 3e38 · 2 is not.
    check(line(3e38, 0.0), Status::NonFinite).await;
    check(vec![0; 5000], Status::TooLarge).await;
    let mut renamed = good();
    let name = renamed
        .windows(9)
        .position(|name| name == b"line.bias")
        .expect("the name");
    renamed[name] = b'L';
    check(renamed, Status::ShapeMismatch).await;

    let mut other = job(probe(&[]), good(), good());
    other.challenger.content = line(1.0, 1.0).into();
    assert_eq!(run(&other).await.result.status(), Status::DigestMismatch);
}

#[tokio::test]
async fn what_is_wrong_with_the_request_is_its_owners_fault() {
    let make = || job(probe(&[]), line(1.0, 0.0), b"not even parameters".to_vec());
    let mut other_architecture = make();
    other_architecture.architecture = b"{}".to_vec().into();
    let mut too_costly = make();
    too_costly.manifest.limits.parameters = 1;
    let mut other_evaluator = make();
    other_evaluator.evaluator = probe(&[("COUNT", "")]).into();
    let no_component = job(b"\0asm\x01\0\0\0".to_vec(), line(1.0, 0.0), line(1.0, 0.0));
    let no_wasm = job(b"print('hello')".to_vec(), line(1.0, 0.0), line(1.0, 0.0));
    let text = job(b"(component)".to_vec(), line(1.0, 0.0), line(1.0, 0.0));
    let empty = wat::parse_str("(component)").expect("valid");
    let no_export = job(empty, line(1.0, 0.0), line(1.0, 0.0));
    for job in [
        other_architecture,
        too_costly,
        other_evaluator,
        no_component,
        no_wasm,
        text,
        no_export,
    ] {
        let evaluation = run(&job).await;
        let detail = evaluation.detail.expect("a reason");
        assert_eq!(
            evaluation.result.status(),
            Status::EvaluatorInvalid,
            "{detail}"
        );
    }
}

/// Programs that need the same evaluator at once compile it once.
#[tokio::test]
async fn eight_programs_share_one_compilation() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = WorkerSettings {
        cache_dir: folder.path().to_owned(),
        ..settings()
    };
    let job = job(probe(&[]), line(1.0, 0.0), line(2.0, 0.0));
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (job, settings) = (job.clone(), settings.clone());
        running.spawn(async move { evaluate(&job, &settings).await });
    }
    let mut results = Vec::new();
    let mut compiled = 0;
    while let Some(finished) = running.join_next().await {
        let evaluation = finished.expect("no panic").expect("evaluated here");
        compiled += usize::from(!evaluation.timings.compile.is_zero());
        results.push(evaluation.result);
    }
    assert_eq!(compiled, 1);
    assert!(results.iter().all(|result| *result == results[0]));
}
