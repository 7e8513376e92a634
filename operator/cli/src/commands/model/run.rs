//! `zarathustra model run`: what the engine of operators answers.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use eyre::Result;
use serde_json::json;
use zarathustra_eval::{
    ModelRun, WORKER_VARIABLE, WorkerSettings, run_model,
    safetensors::{self, Dtype, TensorView},
};

use super::{read_architecture, written_file};
use crate::output::Answer;

/// Name of the tensor of answers.
const OUTPUT: &str = "output";

/// Run a model on given inputs, in the worker and under the lock of operators.
#[derive(Debug, Args)]
pub struct Run {
    /// The architecture (JSON).
    #[arg(long, value_name = "FILE")]
    architecture: PathBuf,
    /// The parameters (safetensors).
    #[arg(long, value_name = "FILE")]
    parameters: PathBuf,
    /// What the model is fed (safetensors): one tensor for each input, under its name, rows first;
    /// F32, or I32 or I64 for integers.
    #[arg(long, value_name = "FILE")]
    inputs: PathBuf,
    /// Where the answers are written (safetensors): the F32 tensor `output`, rows first.
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// What computes.
    #[arg(long, value_enum, default_value_t = Engine::Libtorch)]
    engine: Engine,
    /// The worker program; found beside this one when absent.
    #[arg(long, env = WORKER_VARIABLE, value_name = "FILE")]
    worker: Option<PathBuf>,
    /// Most memory that the worker may hold, in bytes.
    #[arg(long, value_name = "BYTES", default_value_t = WorkerSettings::MEMORY_BYTES)]
    memory_bytes: u64,
}

/// What computes a model's answers.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Engine {
    /// libtorch: fast; equal under an equal environment lock.
    Libtorch,
}

impl Run {
    /// Runs the command.
    pub async fn run(self) -> Result<Answer> {
        // Found here as well, for the shape of the answers.
        let architecture = read_architecture(&self.architecture)?;
        let Engine::Libtorch = self.engine;
        let run = ModelRun {
            architecture: self.architecture.clone(),
            parameters: self.parameters.clone(),
            inputs: self.inputs.clone(),
        };
        let answers = run_model(&run, &self.settings()?).await?;
        let row = architecture.output_shape();
        let row_bytes = row.iter().product::<u64>() * size_of::<f32>() as u64;
        let mut shape = vec![answers.len() as u64 / row_bytes];
        shape.extend(row);
        let file = safetensors::write(&[TensorView {
            name: OUTPUT.to_owned(),
            dtype: Dtype::F32,
            shape: shape.clone(),
            data: &answers,
        }])?;
        let mut answer = written_file(&self.output, &file)?;
        answer.json["shape"] = json!(shape);
        Ok(answer)
    }

    fn settings(&self) -> Result<WorkerSettings> {
        // Nothing is compiled.
        let mut settings = match &self.worker {
            None => WorkerSettings::discover(PathBuf::new())?,
            Some(worker) => WorkerSettings {
                worker: worker.clone(),
                cache_dir: PathBuf::new(),
                memory_bytes: WorkerSettings::MEMORY_BYTES,
                wall: WorkerSettings::WALL,
                allow_unsandboxed: false,
            },
        };
        settings.memory_bytes = self.memory_bytes;
        Ok(settings)
    }
}
