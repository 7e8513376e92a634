//! Whether a claim is one at all: checked against the chain before anything is thought about it.

use zarathustra_chain::{Chain, ChainError, EpochTable, Task};
use zarathustra_primitives::{Claim, ClaimId, ClaimOutcome, TaskHash, TaskState};

use crate::{ClaimMessage, WireError};

/// A claim that the task's contract would look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedClaim {
    /// Its name.
    pub id: ClaimId,
    /// What was signed.
    pub claim: Claim,
    /// The message that carried it.
    pub message: ClaimMessage,
}

/// Why a claim is ignored. It is not voted on: anybody can send nonsense in a performer's name.
#[derive(Debug, thiserror::Error)]
pub enum ClaimFault {
    /// The message is malformed.
    #[error(transparent)]
    Malformed(#[from] WireError),
    /// The task takes no claims now.
    #[error("the task is {0}")]
    NotEvaluating(TaskState),
    /// The message's kind is not the task's.
    #[error("the message names another kind than the task's")]
    WrongKind,
    /// The turn has not come.
    #[error("turn {turn} has not come; it is turn {current}")]
    Early {
        /// The claim's turn.
        turn: u32,
        /// The turn on chain.
        current: u32,
    },
    /// The turn is somebody else's.
    #[error("turn {0} is not the performer's")]
    NotTurnHolder(u32),
    /// The signature is not by the performer's claim signer.
    #[error("the signature is not by the performer's claim signer")]
    Forged,
    /// A certificate decided the claim already.
    #[error("the claim was decided: {0}")]
    Decided(ClaimOutcome),
    /// The name that came with the claim is not the claim's.
    #[error("the claim is not the one it is called")]
    Misnamed,
    /// The chain could not be asked.
    #[error(transparent)]
    Chain(#[from] ChainError),
}

impl ClaimFault {
    /// Stable reason code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(e) => e.code(),
            Self::NotEvaluating(_) => "task_not_evaluating",
            Self::WrongKind => "wrong_kind",
            Self::Early { .. } => "claim_early",
            Self::NotTurnHolder(_) => "not_turn_holder",
            Self::Forged => "claim_forged",
            Self::Decided(_) => "claim_decided",
            Self::Misnamed => "claim_misnamed",
            Self::Chain(e) => e.code(),
        }
    }

    /// Whether the same claim may be one later.
    pub const fn may_pass(&self) -> bool {
        matches!(self, Self::Early { .. } | Self::Chain(_))
    }
}

/// Checks a claim against the chain: task, kind, turn, holder, signature, and that no certificate
/// decided it.
///
/// # Errors
/// [`ClaimFault`] when the claim is to be ignored.
pub async fn check_claim(
    chain: &Chain,
    task: &Task,
    task_hash: TaskHash,
    table: &EpochTable,
    message: ClaimMessage,
) -> Result<CheckedClaim, ClaimFault> {
    if task.state != TaskState::Evaluating {
        return Err(ClaimFault::NotEvaluating(task.state));
    }
    if message.kind != task.kind {
        return Err(ClaimFault::WrongKind);
    }
    // Whoever signed it is told without asking the node, so that forgeries cost little.
    let turn = message.body.turn;
    let row = table
        .row_of(message.performer)
        .ok_or(ClaimFault::NotTurnHolder(turn.get()))?;
    let claim = message.claim(task_hash);
    if message.signature.recover(claim.digest(&chain.domain())) != Some(row.signer) {
        return Err(ClaimFault::Forged);
    }
    let (current, _) = chain.current_turn(task.id).await?;
    if turn > current {
        return Err(ClaimFault::Early {
            turn: turn.get(),
            current: current.get(),
        });
    }
    if chain.turn_holder(task.id, turn).await? != row.position {
        return Err(ClaimFault::NotTurnHolder(turn.get()));
    }
    let id = claim.id();
    match chain.claim_outcome(task.id, id).await? {
        ClaimOutcome::None => Ok(CheckedClaim { id, claim, message }),
        decided => Err(ClaimFault::Decided(decided)),
    }
}
