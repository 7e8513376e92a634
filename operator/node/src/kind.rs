//! What a kind of task must be able to do, so that operators can attest it.
//!
//! The daemons fetch, evaluate, claim, compare and vote through this trait alone. A new kind is a
//! definition on chain, an `IAvsLogic` contract and one implementation of [`TaskKind`].

use std::sync::Arc;

use futures::future::BoxFuture;
use zarathustra_primitives::{Digest, KindId, Purpose, Seed, SubjectHash, TaskId};

/// Why this operator says nothing about a task or claim. Never an accusation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Abstain {
    /// Stable code for logs and metrics, such as `content_unavailable` or `timed_out`.
    pub code: &'static str,
    /// The reason in words.
    pub detail: String,
    /// Whether trying again soon can help.
    pub retry: bool,
}

/// A task whose seed is known, as the operators of one epoch do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Assignment {
    /// The task.
    pub task: TaskId,
    /// What it is about: after a reorganisation a number can name another task.
    pub subject: SubjectHash,
    /// Its seed.
    pub seed: Seed,
    /// The environment that is scheduled for the task's kind and epoch (2.9); `None` when none is.
    pub environment: Option<Digest>,
}

/// What this operator found for a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The canonical result bytes whose hash a claim signs.
    pub result: Vec<u8>,
    /// What is published beside the claim so that others can check it; empty when there is nothing.
    /// Shared, since it can have megabytes.
    pub evidence: Arc<[u8]>,
    /// One line for logs.
    pub summary: String,
}

/// What this operator thinks of somebody's claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opinion {
    /// It agrees.
    Approve,
    /// The claim is provably wrong.
    Reject {
        /// Stable code.
        code: &'static str,
        /// The reason in words.
        detail: String,
    },
    /// It cannot tell.
    Abstain(Abstain),
}

/// One kind of task. Implementations are cheap to share and cancel safe: a dropped future leaves
/// nothing that a later call could trip over.
pub trait TaskKind: Send + Sync {
    /// The number of its definition on chain.
    fn kind(&self) -> KindId;

    /// Fetches, checks and keeps everything that the task will need, before its seed is known.
    fn prepare(&self, task: TaskId) -> BoxFuture<'_, Result<(), Abstain>>;

    /// What can be said of a task whose content could not be had before the seed was known, when
    /// anything can: a kind may hold the lack itself against whoever promised the content.
    fn unprepared(&self, assignment: &Assignment, abstain: &Abstain) -> Option<Outcome>;

    /// Evaluates, as far as it takes to attest. Called after `prepare` succeeded, once the seed is
    /// fixed and confirmed.
    fn execute(&self, assignment: Assignment) -> BoxFuture<'_, Result<Outcome, Abstain>>;

    /// Finds what to claim, called as `execute` is. A claim can cost its performer stake, so this
    /// makes sure of whatever a vote may leave open.
    fn claim(&self, assignment: Assignment) -> BoxFuture<'_, Result<Outcome, Abstain>>;

    /// Publishes an outcome's evidence and names where it can be had (`proofOfTask`).
    fn publish<'a>(
        &'a self,
        task: TaskId,
        own: &'a Outcome,
    ) -> BoxFuture<'a, Result<String, Abstain>>;

    /// Compares a claim with what this operator found itself, and finds more where the claim calls
    /// for it. An operator that found nothing can still tell what is wrong with the claim alone.
    /// In an appeal the claim is certified, and others have to be convinced: what is found for it
    /// is what every machine finds alike.
    fn judge<'a>(
        &'a self,
        assignment: Assignment,
        purpose: Purpose,
        own: Option<&'a Outcome>,
        claimed_result: &'a [u8],
        proof: &'a str,
    ) -> BoxFuture<'a, Opinion>;

    /// The task is over; what only it needed may go.
    fn finish(&self, task: TaskId) -> BoxFuture<'_, ()>;
}
