use zarathustra_primitives::{Alpha, Bound, Digest, SampleScore, Score, ScoreRange};

use super::*;
use crate::manifest::ContentRef;
use crate::wire::{LocalKind, Protection};

const ENVIRONMENT: Digest = Digest::new([5; 32]);

fn manifest(samples: u32) -> Manifest {
    let content = ContentRef {
        cid: "bafy".to_owned(),
        sha256: Digest::of(b""),
        size: 1,
    };
    let score = Score::from_micros;
    Manifest {
        name: String::new(),
        description: String::new(),
        architecture: content.clone(),
        evaluator: content,
        samples,
        score_range: ScoreRange::new(score(-10), score(10)).expect("a range"),
        alpha: Alpha::from_ppb(1000).expect("in range"),
        bound: Bound::Betting,
        limits: Limits {
            parameter_bytes: 1 << 20,
            parameters: 1,
            macs_per_sample: 1,
            activation_bytes: 1 << 20,
            fuel: 1,
            memory_bytes: 1 << 30,
            wall_seconds: 1,
        },
    }
}

fn scores(pairs: &[(i64, i64)]) -> Vec<u8> {
    let score = Score::from_micros;
    let pairs = pairs.iter().map(|(champion, challenger)| SampleScore {
        champion: score(*champion),
        challenger: score(*challenger),
    });
    SampleScores::new(pairs.collect())
        .expect("enough")
        .to_file()
}

fn check(reply: Reply, scores: Vec<u8>) -> Result<Evaluation, LocalFailure> {
    let answer = Answer {
        reply,
        scores,
        peak_memory_bytes: 7,
    };
    let stated = Stated {
        manifest: &manifest(3),
        environment: ENVIRONMENT,
        engine: Engine::Reference,
    };
    finish(answer, &stated, Timings::default(), Instant::now())
}

#[test]
fn figures_are_derived_here_and_not_taken_from_the_worker() {
    let file = scores(&[(0, 1), (0, 2), (0, 3)]);
    let evaluation = check(Reply::Scored(Spent::default()), file).expect("a result");
    let figures = evaluation.result.figures().expect("figures");
    assert_eq!((figures.samples, figures.improvement.micros()), (3, 2));
    assert_eq!(figures.bound, manifest(3).bound);
    assert_eq!(evaluation.result.environment(), ENVIRONMENT);
    assert_eq!(evaluation.result.engine(), Engine::Reference);
    assert_eq!(evaluation.timings.peak_memory_bytes, 7);
}

#[test]
fn replies_that_cannot_be_true_are_a_lost_worker() {
    let scored = || Reply::Scored(Spent::default());
    let failed = |status| Reply::Failed {
        status,
        detail: String::new(),
    };
    let cases = [
        (scored(), vec![]),
        (scored(), scores(&[(0, 0), (0, 0)])),
        (scored(), scores(&[(0, 0), (0, 0), (0, 11)])),
        (scored(), scores(&[(0, 0), (-11, 0), (0, 0)])),
        (failed(Status::Ok.to_u8()), vec![]),
        (failed(Status::Unavailable.to_u8()), vec![]),
        (failed(200), vec![]),
        (Reply::Compiled, vec![]),
        (
            Reply::Checked(Protection {
                landlock_abi: 0,
                missing: vec![],
            }),
            vec![],
        ),
    ];
    for (reply, scores) in cases {
        let text = format!("{reply:?}");
        assert_eq!(
            check(reply, scores).expect_err(&text).code(),
            "local_worker_lost"
        );
    }
}

#[test]
fn what_every_machine_finds_is_a_result_and_what_is_local_is_not() {
    let reply = Reply::Failed {
        status: Status::NonFinite.to_u8(),
        detail: "a\nb".to_owned(),
    };
    let evaluation = check(reply, vec![]).expect("a result");
    assert_eq!(evaluation.result.status(), Status::NonFinite);
    assert_eq!(evaluation.detail.as_deref(), Some("a b"));
    for (kind, code) in [
        (LocalKind::OutOfMemory, "local_out_of_memory"),
        (LocalKind::Sandbox, "local_no_sandbox"),
        (LocalKind::Unsupported, "local_unsupported"),
        (LocalKind::StackExhausted, "local_stack_exhausted"),
        (LocalKind::Internal, "local_worker_lost"),
    ] {
        let reply = Reply::Local {
            kind,
            detail: String::new(),
        };
        assert_eq!(check(reply, vec![]).expect_err(code).code(), code);
    }
}

/// The specification lists the codes, and no other.
#[test]
fn local_codes_are_those_of_the_specification() {
    let detail = || String::new();
    let failures = [
        LocalFailure::setup("")(std::io::ErrorKind::Other.into()),
        LocalFailure::NoWorker { program: detail() },
        LocalFailure::Environment {
            missing: Digest::of(b""),
            present: detail(),
        },
        LocalFailure::BeyondSettings {
            asked: 0,
            allowed: 0,
        },
        LocalFailure::TimedOut { seconds: 0 },
        LocalFailure::OutOfMemory { detail: detail() },
        LocalFailure::StackExhausted { detail: detail() },
        LocalFailure::WorkerLost { detail: detail() },
        LocalFailure::Sandbox { detail: detail() },
        LocalFailure::Unsupported { detail: detail() },
    ];
    let ours: Vec<_> = failures.iter().map(LocalFailure::code).collect();
    let listed: Vec<_> = include_str!("../../../../docs/spec.md")
        .lines()
        .filter_map(|line| line.strip_prefix("| `local_")?.split_once('`'))
        .map(|(code, _)| format!("local_{code}"))
        .collect();
    assert_eq!(listed, ours);
}

#[test]
fn a_request_for_more_memory_than_allowed_is_refused_before_it_is_tried() {
    let limits = manifest(3).limits;
    // 512 MiB for the worker, 3 MiB of parameters, 1 MiB of activations, and the program's 1 GiB
    // with as much that a call may pass.
    let asked = (512 << 20) + (3 << 20) + (1 << 20) + (2 << 30);
    assert!(check_memory(&limits, asked).is_ok());
    assert!(check_memory(&limits, asked - 1).is_err());
    // A call passes no more than 1 GiB.
    let more = Limits {
        memory_bytes: 3 << 30,
        ..limits
    };
    assert!(check_memory(&more, asked + (2 << 30)).is_ok());
    assert!(check_memory(&more, asked + (2 << 30) - 1).is_err());
    let absurd = Limits {
        parameter_bytes: u64::MAX,
        ..limits
    };
    assert!(check_memory(&absurd, u64::MAX - 1).is_err());
}

#[test]
fn a_request_for_more_time_than_allowed_is_refused_before_it_is_tried() {
    let limits = manifest(3).limits;
    assert!(check_time(&limits, Duration::from_secs(1)).is_ok());
    let failure = check_time(&limits, Duration::ZERO).expect_err("too long");
    assert_eq!(failure.code(), "local_beyond_settings");
    assert!(failure.to_string().contains("1 s"));
}

#[test]
fn a_size_beyond_the_limit_needs_no_content() {
    let limits = manifest(3).limits;
    let size = |size| Expected {
        sha256: Digest::of(b""),
        size,
    };
    assert_eq!(judge_unfetched(&limits, &size(1 << 20)), None);
    let beyond = judge_unfetched(&limits, &size((1 << 20) + 1));
    assert_eq!(beyond, Some(Status::TooLarge));
}

proptest::proptest! {
    #[test]
    fn no_reply_makes_it_panic(
        reply in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200),
        scores in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200),
    ) {
        let reply = serde_json::from_slice(&reply).unwrap_or(Reply::Scored(Spent::default()));
        drop(check(reply, scores));
    }
}
