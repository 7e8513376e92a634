//! Which worker evaluates, for the commands that run one.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use eyre::Result;
use zarathustra_eval::{WORKER_VARIABLE, WorkerProgram, WorkerSettings, Workers};
use zarathustra_primitives as primitives;

use crate::context::Globals;

/// What computes a model's answers.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Engine {
    /// libtorch: fast; equal within a tolerance on different machines.
    Libtorch,
    /// The reference engine: slow; the same bits on every machine.
    Reference,
}

impl From<Engine> for primitives::Engine {
    fn from(engine: Engine) -> Self {
        match engine {
            Engine::Libtorch => Self::Libtorch,
            Engine::Reference => Self::Reference,
        }
    }
}

/// The worker program and its cache.
#[derive(Debug, Args)]
pub struct Worker {
    /// The worker program; found beside this one when absent.
    #[arg(long, env = WORKER_VARIABLE, value_name = "FILE")]
    worker: Option<PathBuf>,
    /// Folder of compiled evaluators, which programs on one machine may share; `cache` in the home
    /// folder when absent.
    #[arg(long, env = "ZARATHUSTRA_CACHE", value_name = "FOLDER")]
    cache: Option<PathBuf>,
}

impl Worker {
    /// How the worker is run, under the environment lock of its build.
    pub async fn settings(&self, globals: &Globals) -> Result<WorkerSettings> {
        let cache_dir = match &self.cache {
            Some(folder) => folder.clone(),
            None => globals.home()?.join("cache"),
        };
        let program = WorkerProgram {
            path: self.worker.clone(),
            ..WorkerProgram::default()
        };
        let (memory_bytes, wall) = (WorkerSettings::MEMORY_BYTES, WorkerSettings::WALL);
        let workers = Workers::ask(&[program], &cache_dir, memory_bytes, wall).await?;
        let environment = workers.digests().next().expect("one was asked");
        Ok(workers.of(environment)?.clone())
    }
}
