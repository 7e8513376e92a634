//! Which tasks are alive, as every role needs to know it.
//!
//! Events only say which tasks there are; how a task stands is read from the chain at every tick.
//! So a reorganisation needs no undoing: what it took back is simply read differently.

use std::collections::BTreeSet;

use alloy::{rpc::types::Log, sol_types::SolEventInterface};
use zarathustra_abi::attestation_center::IAttestationCenter::IAttestationCenterEvents;
use zarathustra_primitives::TaskId;

use crate::{Chain, ChainError, Cursor, Head, Store, Task};

/// What a tick saw.
#[derive(Clone, Debug)]
pub struct Tick {
    /// The newest block.
    pub head: Head,
    /// Every task that is alive, or was at the last tick, as it stands now.
    pub tasks: Vec<Task>,
    /// The first block that was replaced since the last tick, if any was.
    pub reorged_from: Option<u64>,
    /// Logs of the deployment's contracts since the last tick.
    pub logs: Vec<Log>,
}

/// Follows the tasks of one deployment from a stored place.
#[derive(Debug)]
pub struct Follower {
    chain: Chain,
    cursor: Cursor,
    store: Store,
    key: String,
    live: BTreeSet<TaskId>,
    /// What is on disk of `live`.
    stored: BTreeSet<TaskId>,
}

impl Follower {
    /// Opens the follower called `name`, from its stored place or from the deployment's first
    /// block.
    ///
    /// # Errors
    /// [`ChainError::Store`] or [`ChainError::Corrupt`].
    pub fn open(chain: Chain, store: Store, name: &str) -> Result<Self, ChainError> {
        let addresses = chain.addresses();
        let contracts = vec![addresses.attestation_center, addresses.model_submission];
        let start = addresses.deployed_block;
        let cursor = Cursor::open(
            chain.provider().clone(),
            store.clone(),
            name,
            contracts,
            start,
        )?;
        let key = format!("live/{name}");
        let live: BTreeSet<TaskId> = store.get("the live tasks", &key)?.unwrap_or_default();
        Ok(Self {
            chain,
            cursor,
            store,
            key,
            stored: live.clone(),
            live,
        })
    }

    /// Reads what is new and how each live task stands. Nothing is lost when the caller crashes
    /// before [`Follower::acknowledge`].
    ///
    /// # Errors
    /// As for [`Cursor::poll`] and [`Chain::task`].
    pub async fn tick(&mut self) -> Result<Tick, ChainError> {
        let batch = self.cursor.poll().await?;
        for log in &batch.logs {
            if let Some(id) = task_of(log) {
                self.live.insert(id);
            }
        }
        let head = self.chain.head().await?;
        let mut tasks = Vec::with_capacity(self.live.len());
        for id in &self.live {
            tasks.push(self.chain.task(*id).await?);
        }
        Ok(Tick {
            head,
            tasks,
            reorged_from: batch.reorged_from,
            logs: batch.logs,
        })
    }

    /// The caller has dealt with the last tick, and with the tasks in `done` for good.
    ///
    /// # Errors
    /// [`ChainError::Store`].
    pub fn acknowledge(&mut self, done: &[TaskId]) -> Result<(), ChainError> {
        for id in done {
            self.live.remove(id);
        }
        // Most ticks see nothing new, and a write waits for the disk.
        if self.live != self.stored {
            self.store.put("the live tasks", &self.key, &self.live)?;
            self.stored.clone_from(&self.live);
        }
        self.cursor.acknowledge()
    }

    /// Next block the cursor will read.
    pub fn next_block(&self) -> u64 {
        self.cursor.next_block()
    }

    /// How many tasks are alive.
    pub fn live(&self) -> usize {
        self.live.len()
    }
}

/// The task that an event brings to life.
fn task_of(log: &Log) -> Option<TaskId> {
    match IAttestationCenterEvents::decode_log(&log.inner).ok()?.data {
        IAttestationCenterEvents::TaskOpened(e) => Some(TaskId::new(e.taskId)),
        IAttestationCenterEvents::TaskReopened(e) => Some(TaskId::new(e.taskId)),
        _ => None,
    }
}
