//! Compiled evaluators that are not what they should be: compiled anew, and the result is right.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::common::{job, line, probe, program, settings};
use zarathustra_eval::{Evaluation, EvaluationJob, WorkerSettings, evaluate};
use zarathustra_primitives::{Digest, Status};

/// Bytes of an entry before its code.
const HEADER_BYTES: usize = 80;

struct Place {
    _folder: tempfile::TempDir,
    settings: WorkerSettings,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = WorkerSettings {
            cache_dir: folder.path().join("cache"),
            ..settings()
        };
        Self {
            _folder: folder,
            settings,
        }
    }

    async fn run(&self, job: &EvaluationJob) -> Evaluation {
        evaluate(job, &self.settings).await.expect("evaluated here")
    }

    /// The entry of an evaluator.
    fn entry(&self, evaluator: &[u8]) -> PathBuf {
        let name = format!("{}.code", Digest::of(evaluator));
        let folders = fs::read_dir(&self.settings.cache_dir).expect("the cache");
        let mut entries = folders.map(|folder| folder.expect("a folder").path().join(&name));
        entries.find(|path| path.exists()).expect("it is compiled")
    }
}

fn compiled(evaluation: &Evaluation) -> bool {
    !evaluation.timings.compile.is_zero()
}

fn lines(evaluator: &[u8]) -> EvaluationJob {
    job(evaluator.to_vec(), line(1.0, 0.0), line(2.0, 0.0))
}

#[tokio::test]
async fn a_poisoned_entry_is_compiled_anew_and_the_result_is_right() {
    let place = Place::new();
    let (good, other) = (probe(&[]), program("unreachable"));
    let first = place.run(&lines(&good)).await;
    assert_eq!(first.result.status(), Status::Ok);
    assert!(compiled(&first));
    assert!(!compiled(&place.run(&lines(&good)).await), "it is kept");
    let trapped = place.run(&lines(&other)).await;
    assert_eq!(trapped.result.status(), Status::EvaluatorTrapped);

    let (path, others) = (place.entry(&good), place.entry(&other));
    let (entry, others) = (fs::read(&path).expect("it"), fs::read(others).expect("it"));
    let flipped = |index: usize| {
        let mut bytes = entry.clone();
        bytes[index] ^= 1;
        bytes
    };
    // Machine code of another evaluator under our header, as long as ours.
    let mut spliced = entry[..HEADER_BYTES].to_vec();
    spliced.extend(&others[HEADER_BYTES..]);
    spliced.resize(entry.len(), 0);
    let cases = [
        ("another evaluator's entry", others.clone()),
        ("another evaluator's code", spliced),
        ("a byte of the header", flipped(HEADER_BYTES - 1)),
        ("a byte of the code", flipped(entry.len() / 2)),
        ("the last byte", flipped(entry.len() - 1)),
        ("cut off", entry[..entry.len() / 2].to_vec()),
        ("empty", vec![]),
    ];
    for (what, poisoned) in cases {
        replace(&path, &poisoned);
        let evaluation = place.run(&lines(&good)).await;
        assert!(compiled(&evaluation), "{what}");
        assert_eq!(evaluation.result, first.result, "{what}");
        assert!(!compiled(&place.run(&lines(&good)).await), "{what}");
    }

    // An entry that another secret vouches for.
    let key = place.settings.cache_dir.with_file_name("cache.key");
    fs::remove_file(key).expect("the secret");
    let evaluation = place.run(&lines(&good)).await;
    assert!(compiled(&evaluation));
    assert_eq!(evaluation.result, first.result);
}

/// Another program tidied the cache between the look and the worker's start: compiled once more.
#[tokio::test]
async fn an_entry_that_vanishes_is_compiled_anew() {
    let place = Place::new();
    let good = probe(&[]);
    let first = place.run(&lines(&good)).await;
    let entry = place.entry(&good);
    // In the worker's place: a script that takes the entry away once, then is the worker.
    let script = place.settings.cache_dir.with_file_name("worker");
    let mark = place.settings.cache_dir.with_file_name("taken");
    let text = format!(
        "#!/bin/sh\n[ -e {mark} ] || {{ : > {mark}; rm {entry}; }}\nexec {worker}\n",
        mark = mark.display(),
        entry = entry.display(),
        worker = place.settings.worker.display(),
    );
    fs::write(&script, text).expect("a script");
    fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).expect("executable");
    let settings = WorkerSettings {
        worker: script,
        ..place.settings.clone()
    };
    let evaluation = evaluate(&lines(&good), &settings).await.expect("evaluated");
    assert!(mark.exists());
    assert!(compiled(&evaluation));
    assert_eq!(evaluation.result, first.result);
}

fn replace(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).expect("the cache's folder is ours");
}

/// The status does not depend on what happens to be compiled.
#[tokio::test]
async fn another_file_is_no_evaluator_even_where_the_right_one_is_compiled() {
    let place = Place::new();
    let good = probe(&[]);
    assert_eq!(place.run(&lines(&good)).await.result.status(), Status::Ok);
    let mut job = lines(&good);
    job.evaluator = program("unreachable").into();
    let evaluation = place.run(&job).await;
    assert_eq!(evaluation.result.status(), Status::EvaluatorInvalid);
}
