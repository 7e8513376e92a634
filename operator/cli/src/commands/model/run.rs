//! `zarathustra model run`: what the engine of operators answers.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use eyre::Result;
use serde_json::json;
use zarathustra_eval as eval;
use zarathustra_eval::{
    ModelRun, WORKER_VARIABLE, WorkerProgram, WorkerSettings, Workers, run_model,
    safetensors::{self, Dtype, TensorView},
};

use super::{read_architecture, written_file};
use crate::{commands::worker::Engine, output::Answer};

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
    /// Where libtorch computes; on `cuda`, the worker's sandbox is wider.
    #[arg(long, value_enum, default_value_t = Device::Cpu)]
    device: Device,
    /// The worker program; found beside this one when absent.
    #[arg(long, env = WORKER_VARIABLE, value_name = "FILE")]
    worker: Option<PathBuf>,
    /// Most memory that the worker may hold, in bytes.
    #[arg(long, value_name = "BYTES", default_value_t = WorkerSettings::MEMORY_BYTES)]
    memory_bytes: u64,
}

/// Where libtorch computes.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Device {
    /// The processor.
    Cpu,
    /// The first CUDA device.
    Cuda,
}

impl Run {
    /// Runs the command.
    pub async fn run(self) -> Result<Answer> {
        // Found here as well, for the shape of the answers.
        let architecture = read_architecture(&self.architecture)?;
        let run = ModelRun {
            architecture: self.architecture.clone(),
            parameters: self.parameters.clone(),
            inputs: self.inputs.clone(),
            engine: self.engine.into(),
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
            device: match self.device {
                Device::Cpu => eval::Device::Cpu,
                Device::Cuda => eval::Device::Cuda,
            },
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
