//! A model by itself.

use std::path::Path;

use zarathustra_eval::safetensors::{self, Dtype, TensorView};
use zarathustra_eval::{ModelRun, RunError, WorkerSettings, parameters, run_model};
use zarathustra_primitives::Engine;

use crate::common::{LINE, line, settings};

fn write(folder: &Path, name: &str, values: &[f32]) {
    let bytes: Vec<u8> = values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    let tensor = TensorView {
        name: name.to_owned(),
        dtype: Dtype::F32,
        shape: vec![values.len() as u64, 1],
        data: &bytes,
    };
    let file = safetensors::write(&[tensor]).expect("a file");
    std::fs::write(folder.join("inputs"), file).expect("written");
}

/// A run of `3x + 0.5` on the values, under a name.
async fn run(name: &str, values: &[f32], engine: Engine) -> Result<Vec<f32>, RunError> {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("architecture"), LINE).expect("written");
    std::fs::write(folder.path().join("parameters"), line(3.0, 0.5)).expect("written");
    write(folder.path(), name, values);
    let run = ModelRun {
        architecture: folder.path().join("architecture"),
        parameters: folder.path().join("parameters"),
        inputs: folder.path().join("inputs"),
        engine,
    };
    let answers = run_model(&run, &settings()).await?;
    Ok(parameters::floats(&answers).collect())
}

#[tokio::test]
async fn a_model_answers_by_either_engine() {
    for engine in [Engine::Libtorch, Engine::Reference] {
        let answers = run("input", &[1.0, -2.0, 0.0], engine).await;
        assert_eq!(answers.expect("answers"), [3.5, -5.5, 0.5]);
        let none = run("input", &[], engine).await;
        assert!(none.expect("nothing").is_empty());
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_file_has_a_code() {
    let other = run("x", &[1.0], Engine::Libtorch).await;
    let infinite = run("input", &[f32::INFINITY], Engine::Libtorch).await;
    for (found, code) in [(other, "inputs_missing"), (infinite, "inputs_non_finite")] {
        let error = found.expect_err(code);
        assert_eq!(error.code(), code, "{error}");
        assert!(matches!(error, RunError::Refused { .. }));
        // The file is named.
        assert!(error.to_string().contains("inputs"), "{error}");
    }
}

#[tokio::test]
async fn without_a_worker_the_reason_is_local() {
    let settings = WorkerSettings {
        worker: "no-such-program".into(),
        ..settings()
    };
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    std::fs::write(&file, LINE).expect("written");
    let run = ModelRun {
        architecture: file.clone(),
        parameters: file.clone(),
        inputs: file,
        engine: Engine::Libtorch,
    };
    let error = run_model(&run, &settings).await.expect_err("no worker");
    assert_eq!(error.code(), "local_setup");
}
