//! From settings to a kind that is ready.

use std::{num::NonZeroUsize, path::PathBuf, sync::Arc, time::Duration};

use zarathustra_chain::{Chain, Store};
use zarathustra_content::ContentError;
use zarathustra_eval::{LocalFailure, Slots, WorkerProgram, Workers};

use super::Improve;
use crate::{ContentHandle, ContentSettings, champions::Champions};

/// What [`Improve`] is made of.
#[derive(Clone, Debug)]
pub struct ImproveParts {
    /// The chain.
    pub chain: Chain,
    /// Records that survive a crash.
    pub store: Store,
    /// Where content is kept.
    pub content: ContentSettings,
    /// Folder of the role; content goes below it.
    pub data_dir: PathBuf,
    /// The worker programs; the one beside the running program when there are none.
    pub workers: Vec<WorkerProgram>,
    /// Compile cache of evaluators.
    pub cache_dir: PathBuf,
    /// File of the secret that vouches for the cache; beside it when absent.
    pub cache_key: Option<PathBuf>,
    /// Most memory of a worker, bytes.
    pub memory_bytes: u64,
    /// Longest evaluation.
    pub wall: Duration,
    /// Most evaluations at once; as many as the machine has cores and memory for when absent.
    pub concurrent: Option<NonZeroUsize>,
    /// Evaluate even where a part of the sandbox cannot be had.
    pub allow_unsandboxed: bool,
}

/// The workers, each of which has entered the sandbox once.
async fn find_workers(parts: &ImproveParts) -> Result<Workers, LocalFailure> {
    let (cache, memory) = (&parts.cache_dir, parts.memory_bytes);
    let mut workers = Workers::ask(&parts.workers, cache, memory, parts.wall)
        .await?
        .allow_unsandboxed(parts.allow_unsandboxed);
    if let Some(key) = &parts.cache_key {
        workers = workers.with_cache_key(key);
    }
    for isolation in workers.check_sandboxes().await? {
        if isolation.protection.missing.is_empty() {
            tracing::info!(sandbox = %isolation, "evaluations are isolated");
        } else {
            tracing::warn!(sandbox = %isolation, "evaluations are not isolated, as told");
        }
    }
    Ok(workers)
}

impl Improve {
    /// Starts the content store, asks the worker programs for their environments and has each
    /// enter the sandbox once.
    ///
    /// # Errors
    /// [`ContentError`], or [`LocalFailure`] for a worker program that cannot be used or lacks a
    /// part of the sandbox.
    pub async fn start(parts: ImproveParts) -> Result<Self, StartError> {
        let content_dir = parts.data_dir.join("ipfs");
        let (content, workers) = tokio::join!(
            ContentHandle::start(&parts.content, &content_dir),
            find_workers(&parts)
        );
        let (content, workers) = (content?.with_room(parts.memory_bytes), workers?);
        let addresses = content.store().identity().await?.addresses.join(",");
        let concurrent = parts
            .concurrent
            .unwrap_or_else(|| Slots::of_this_machine(workers.threads(), parts.memory_bytes));
        tracing::info!(concurrent, "evaluations at once");
        Ok(Self {
            champions: Champions::new(parts.chain.clone(), content.clone(), parts.store),
            chain: parts.chain,
            content,
            workers: Arc::new(workers),
            memory_bytes: parts.memory_bytes,
            wall: parts.wall,
            slots: Slots::new(concurrent),
            found: Arc::default(),
            addresses,
        })
    }
}

/// Why the kind cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The content store cannot start.
    #[error("start the content store")]
    Content(#[from] ContentError),
    /// There is no worker program, or no sandbox for it.
    #[error("prepare evaluations")]
    Worker(#[from] LocalFailure),
}

impl StartError {
    /// The stable name of the reason.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Content(e) => e.code(),
            Self::Worker(e) => e.code(),
        }
    }
}
