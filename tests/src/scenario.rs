//! A network, and how its tasks and submissions stand.

use eyre::{ContextCompat, Result, ensure};
use zarathustra_chain::{Chain, Task, read};
use zarathustra_devnet::{Devnet, DevnetOptions};
use zarathustra_primitives::{EvaluationResult, SubmissionState, TaskId, TaskState};
use zarathustra_wire::{AggregatorClient, ClaimView};

use crate::{
    clock::{BLOCK_TIME, mine_until, wait_for},
    logs::entries,
};

/// A network in a folder of its own.
pub struct Scenario {
    /// The network.
    pub network: Devnet,
}

impl Scenario {
    /// Starts a small network. Its logs stay in `scenarios/<name>` beside the tests' programs until
    /// the scenario is played again.
    ///
    /// # Errors
    /// When something does not start; with the end of its log.
    pub async fn start(name: &str) -> Result<Self> {
        Self::start_with(name, |_| {}).await
    }

    /// As [`Scenario::start`], with some options changed.
    ///
    /// # Errors
    /// As for [`Scenario::start`].
    pub async fn start_with(name: &str, change: impl FnOnce(&mut DevnetOptions)) -> Result<Self> {
        let program = std::env::current_exe()?;
        let folder = program
            .parent()
            .wrap_err("the tests' program is in no folder")?
            .join("scenarios")
            .join(name);
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        println!("logs: {}", folder.display());
        let mut options = DevnetOptions::small(&folder, BLOCK_TIME);
        // A machine that does other things beside must be able to fetch in time.
        options.market.improve.fetch_window = 6;
        change(&mut options);
        let network = Devnet::start(options, &mut |_| {}).await?;
        Ok(Self { network })
    }
}

/// The task of a submission, once there is one.
///
/// # Errors
/// The chain's.
pub async fn task_of(chain: &Chain, submission: u64) -> Result<Option<Task>> {
    let found = read("submission", chain.market().submission(submission)).await?;
    if found.taskId == 0 {
        return Ok(None);
    }
    Ok(Some(chain.task(TaskId::new(found.taskId)).await?))
}

/// The task of a submission once it is in `state`.
///
/// # Errors
/// The chain's, and when it is past that state.
pub async fn reached(chain: &Chain, submission: u64, state: TaskState) -> Result<Option<Task>> {
    let Some(task) = task_of(chain, submission).await? else {
        return Ok(None);
    };
    ensure!(
        task.state <= state,
        "task {} is {} already",
        task.id,
        task.state
    );
    Ok((task.state == state).then_some(task))
}

/// Makes blocks on a chain that is held until a submission's task is open and every operator that
/// runs has fetched what it needs.
///
/// # Errors
/// The chain's, and when that takes too long.
pub async fn everybody_fetches(network: &Devnet, submission: u64) -> Result<Task> {
    let chain = network.chain();
    let task = mine_until(network.anvil(), "the task opens", async || {
        reached(chain, submission, TaskState::Fetching).await
    })
    .await?;
    let number = task.id.to_string();
    wait_for("everybody fetches", async || {
        for operator in network.operators() {
            let fetched = entries(network, &operator.name, "content fetched and pinned")?;
            if network.process(&operator.name).is_ok()
                && !fetched.iter().any(|entry| entry["task_id"] == number)
            {
                return Ok(None);
            }
        }
        Ok(Some(()))
    })
    .await?;
    Ok(task)
}

/// The final state of a submission, once it has one.
///
/// # Errors
/// The chain's.
pub async fn settled(chain: &Chain, submission: u64) -> Result<Option<SubmissionState>> {
    let found = read("submission", chain.market().submission(submission)).await?;
    let state = SubmissionState::from_u8(found.state)?;
    Ok(state.is_final().then_some(state))
}

/// The result that was certified for a submission.
///
/// # Errors
/// The chain's, and when there is none.
pub async fn certified(chain: &Chain, submission: u64) -> Result<EvaluationResult> {
    let task = task_of(chain, submission).await?;
    let task = task.wrap_err("the submission has no task")?;
    let certified = chain.certified(&task).await?;
    let certified = certified.wrap_err("the task has no certificate")?;
    Ok(EvaluationResult::decode(&certified.result)?)
}

/// The claims that the aggregator shows for a task.
///
/// # Errors
/// The aggregator's.
pub async fn claims(network: &Devnet, task: TaskId) -> Result<Vec<ClaimView>> {
    let aggregator = AggregatorClient::new(network.aggregator_url())?;
    Ok(aggregator.claims(task).await?)
}

/// How many faults were recorded.
///
/// # Errors
/// The chain's.
pub async fn faults(chain: &Chain) -> Result<u64> {
    let count = read("faultCount", chain.governance().faultCount()).await?;
    Ok(count.saturating_to())
}
