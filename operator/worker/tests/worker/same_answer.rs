//! The same answer everywhere (5.8): equal bits under one lock, and within a request's tolerance
//! where the lock is overridden. An overridden lock is another lock, with a digest of its own.

use zarathustra_eval::architecture::Architecture;
use zarathustra_eval::environment::EnvironmentLock;
use zarathustra_eval::parameters::Parameters;
use zarathustra_eval::{Evaluation, EvaluationJob, WorkerSettings, evaluate};
use zarathustra_primitives::{Engine, SampleScores, Status};

use crate::common::settings;
use crate::x_squared;

/// What the example's request allows, in millionths (`examples/x-squared/request.toml`).
const TOLERANCE: u64 = 1000;

/// A convolution, a transformer block and linear layers, wide enough for kernels to differ by
/// instruction set, batch and number of threads.
const MODEL: &str = r#"{"version":2,"inputs":[{"name":"input","shape":[1],"dtype":"f32"}],
    "nodes":[{"name":"a","op":"linear","inputs":["input"],"units":64,"bias":true},
             {"name":"b","op":"tanh","inputs":["a"]},
             {"name":"c","op":"reshape","inputs":["b"],"shape":[1,8,8]},
             {"name":"d","op":"conv2d","inputs":["c"],"channels":16,"kernel":[3,3],"stride":[1,1],
              "padding":[[1,1],[1,1]],"dilation":[1,1],"groups":1,"bias":true},
             {"name":"e","op":"relu","inputs":["d"]},
             {"name":"f","op":"reshape","inputs":["e"],"shape":[16,64]},
             {"name":"g","op":"transformer_encoder","inputs":["f"],"heads":4,"feed_forward":128,
              "activation":"gelu","norm_first":true,"epsilon":1e-5,"causal":true,"rotary":null},
             {"name":"h","op":"reshape","inputs":["g"],"shape":[1024]},
             {"name":"i","op":"linear","inputs":["h"],"units":1,"bias":true}],
    "output":"i"}"#;
const SAMPLES: u32 = 512;

/// Parameters that follow from a number, as large as those that training begins with.
fn parameters(mut state: u64) -> Parameters {
    let architecture = Architecture::from_json(MODEL.as_bytes()).expect("valid");
    let values = architecture
        .parameters()
        .iter()
        .map(|spec| {
            // Outputs near the example's, so that no score is clipped to the end of its range.
            let inputs: u64 = match spec.shape.get(1..) {
                Some(inputs @ [_, ..]) => inputs.iter().product(),
                _ => 400,
            };
            let scale = 1.0 / (inputs as f32).sqrt();
            (0..spec.elements())
                .map(|_| {
                    state = state
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1_442_695_040_888_963_407);
                    ((state >> 40) as f32 / (1 << 23) as f32 - 1.0) * scale
                })
                .collect()
        })
        .collect();
    Parameters::new(&architecture, values).expect("fits")
}

fn job() -> EvaluationJob {
    // A few samples: the reference engine takes its time.
    let mut job = x_squared::job_on(MODEL.as_bytes(), &parameters(1), &parameters(2));
    job.manifest.samples = SAMPLES;
    let limits = &mut job.manifest.limits;
    (limits.parameters, limits.parameter_bytes) = (1 << 20, 4 << 20);
    (limits.macs_per_sample, limits.fuel) = (1 << 20, 1 << 34);
    (limits.activation_bytes, limits.wall_seconds) = (1 << 20, 240);
    job
}

async fn run(job: &EvaluationJob, lock: &EnvironmentLock) -> Evaluation {
    let settings = WorkerSettings {
        environment: lock.clone(),
        ..settings()
    };
    let evaluation = evaluate(job, &settings).await.expect("evaluated here");
    let detail = evaluation.detail.clone().unwrap_or_default();
    assert_eq!(evaluation.result.status(), Status::Ok, "{detail}");
    assert_eq!(evaluation.result.environment(), lock.digest());
    evaluation
}

#[tokio::test]
async fn twenty_processes_under_one_lock_find_the_same_bits() {
    let (job, lock) = (job(), EnvironmentLock::of_this_build());
    let first = run(&job, &lock).await;
    for process in 2..=20 {
        let again = run(&job, &lock).await;
        assert_eq!(again.scores, first.scores, "process {process}");
        assert_eq!(again.result.encode(), first.result.encode());
    }
}

/// Scores of one model on one sample that differ, and by how much at most.
fn differences(one: &SampleScores, other: &SampleScores) -> (usize, u64) {
    let pairs = one.as_slice().iter().zip(other.as_slice());
    let distances = pairs.flat_map(|(one, other)| {
        [
            one.champion.distance(other.champion),
            one.challenger.distance(other.challenger),
        ]
    });
    let differing: Vec<_> = distances.filter(|distance| *distance != 0).collect();
    let most = differing.iter().max().copied().unwrap_or(0);
    (differing.len(), most)
}

/// Instruction sets by name, where this processor has them.
fn capabilities() -> Vec<(&'static str, [(&'static str, &'static str); 3])> {
    let of = |aten, mkl, onednn| {
        [
            ("ATEN_CPU_CAPABILITY", aten),
            ("MKL_CBWR", mkl),
            ("ONEDNN_MAX_CPU_ISA", onednn),
        ]
    };
    let mut all = vec![
        ("default", of("default", "COMPATIBLE", "SSE41")),
        ("avx2", of("avx2", "AVX2", "AVX2")),
    ];
    #[cfg(target_arch = "x86_64")]
    if std::is_x86_feature_detected!("avx512f") && std::is_x86_feature_detected!("avx512vl") {
        all.push(("avx512", of("avx512", "AVX512", "AVX512_CORE")));
    } else {
        println!("skipped: this processor has no AVX-512");
    }
    all
}

#[tokio::test]
async fn overridden_locks_stay_within_the_tolerance() {
    let (job, lock) = (job(), EnvironmentLock::of_this_build());
    let mut cases = Vec::new();
    for threads in [1, 2, 4] {
        cases.push((
            format!("threads {threads}"),
            lock.clone().with_threads(threads),
        ));
    }
    for (name, variables) in capabilities() {
        let other = lock.clone().with_capabilities(variables);
        cases.push((format!("capability {name}"), other.clone()));
        cases.push((
            format!("capability {name}, threads 4"),
            other.with_threads(4),
        ));
    }
    for rows in [1, 7, 64, 256] {
        cases.push((
            format!("batch rows {rows}"),
            lock.clone().with_batch_rows(rows),
        ));
    }

    let base = run(&job, &lock).await.scores.expect("scores");
    let scores = base.count() * 2;
    println!(
        "{:32} {:>24} {:>20}",
        "lock", "scores that differ", "largest, 1e-6"
    );
    for (name, other) in cases {
        let found = run(&job, &other).await.scores.expect("scores");
        let (differing, most) = differences(&base, &found);
        println!(
            "{name:32} {:>24} {most:>20}",
            format!("{differing} of {scores}")
        );
        assert!(most <= TOLERANCE, "{name}: off by {most}");
        assert_eq!(other == lock, other.digest() == lock.digest());
        if other == lock {
            assert_eq!(differing, 0, "{name}");
        }
    }
}

#[tokio::test]
async fn a_lock_that_the_worker_cannot_keep_is_local() {
    let text = EnvironmentLock::of_this_build().to_json();
    let other = text.replace("\"fuel_schedule\":1", "\"fuel_schedule\":2");
    assert_ne!(other, text);
    let settings = WorkerSettings {
        environment: EnvironmentLock::from_json(&other).expect("a lock"),
        ..settings()
    };
    let failure = evaluate(&job(), &settings)
        .await
        .expect_err("another build's");
    assert_eq!(failure.code(), "local_unsupported");
    assert!(failure.to_string().contains("fuel_schedule"), "{failure}");
}

#[tokio::test]
async fn reference_figures_are_the_same_bits_under_every_lock() {
    let lock = EnvironmentLock::of_this_build();
    let plain = run(&job(), &lock).await.scores.expect("scores");
    let job = EvaluationJob {
        engine: Engine::Reference,
        ..job()
    };
    let first = run(&job, &lock).await;
    assert_eq!(first.result.engine(), Engine::Reference);
    let [(_, least), ..] = capabilities()[..] else {
        unreachable!("there is always a least one");
    };
    let other = lock
        .with_threads(4)
        .with_batch_rows(7)
        .with_capabilities(least);
    let again = run(&job, &other).await;
    assert_eq!(again.scores, first.scores);
    assert_eq!(again.result.figures(), first.result.figures());

    let (differing, most) = differences(&plain, &first.scores.expect("scores"));
    let scores = SAMPLES * 2;
    println!(
        "libtorch and reference engine: {differing} of {scores} scores differ, by {most}e-6 at most"
    );
    assert!(most <= TOLERANCE, "off by {most}");
}

#[test]
fn the_worker_states_its_lock_when_asked() {
    let output = std::process::Command::new(settings().worker)
        .arg(zarathustra_eval::ENVIRONMENT_FLAG)
        .output()
        .expect("the worker runs");
    assert!(output.status.success());
    let expected = format!("{}\n", EnvironmentLock::of_this_build().to_json());
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
}
