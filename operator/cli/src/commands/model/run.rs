//! `zarathustra model run`: what the engine of operators answers.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use eyre::Result;
use serde_json::json;
use zarathustra_eval::{
    ModelRun, WORKER_VARIABLE, WorkerProgram, WorkerSettings, Workers, run_model,
    safetensors::{self, Dtype, TensorView},
};
use zarathustra_primitives as primitives;

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
    /// libtorch: fast; equal within a tolerance on different machines.
    Libtorch,
    /// The reference engine: slow; the same bits on every machine.
    Reference,
}

impl Run {
    /// Runs the command.
    pub async fn run(self) -> Result<Answer> {
        // Found here as well, for the shape of the answers.
        let architecture = read_architecture(&self.architecture)?;
        let engine = match self.engine {
            Engine::Libtorch => primitives::Engine::Libtorch,
            Engine::Reference => primitives::Engine::Reference,
        };
        let run = ModelRun {
            architecture: self.architecture.clone(),
            parameters: self.parameters.clone(),
            inputs: self.inputs.clone(),
            engine,
        };
        let answers = run_model(&run, &self.settings().await?).await?;
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

    async fn settings(&self) -> Result<WorkerSettings> {
        let program = WorkerProgram {
            path: self.worker.clone(),
            ..WorkerProgram::default()
        };
        // Nothing is compiled, so there is nothing to keep.
        let nowhere = Path::new("");
        let wall = WorkerSettings::WALL;
        let workers = Workers::ask(&[program], nowhere, self.memory_bytes, wall).await?;
        let environment = workers.digests().next().expect("one was asked");
        Ok(workers.of(environment)?.clone())
    }
}
