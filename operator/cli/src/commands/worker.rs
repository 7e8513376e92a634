//! Which worker evaluates, for the commands that run one.

use std::path::PathBuf;

use clap::Args;
use eyre::Result;
use zarathustra_eval::{WORKER_VARIABLE, WorkerSettings};

use crate::context::Globals;

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
    /// How the worker is run.
    pub fn settings(&self, globals: &Globals) -> Result<WorkerSettings> {
        let cache_dir = match &self.cache {
            Some(folder) => folder.clone(),
            None => globals.home()?.join("cache"),
        };
        Ok(match &self.worker {
            None => WorkerSettings::discover(cache_dir)?,
            Some(worker) => WorkerSettings {
                worker: worker.clone(),
                cache_dir,
                memory_bytes: WorkerSettings::MEMORY_BYTES,
                wall: WorkerSettings::WALL,
                allow_unsandboxed: false,
            },
        })
    }
}
