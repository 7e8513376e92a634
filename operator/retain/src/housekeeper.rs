//! The transactions that end what is held back when its time is over. Opening a task costs a fee and
//! is left to whom it pays; fixing seeds and delivering results is done for tasks of every kind
//! elsewhere.

use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};
use zarathustra_chain::{
    Chain, ChainError, Head,
    abi::retention_desk::IRetentionDesk::{expireCall, lapseCall},
    read,
};
use zarathustra_primitives::{SubmissionState, U256};

use crate::{Held, Step};

/// Sends what is due, with the chain's sender. What to do is read from the chain at every tick.
#[derive(Debug)]
pub struct Housekeeper {
    chain: Chain,
    /// Nothing is held back, or ever will be, of submissions up to this one.
    done: u64,
}

impl Housekeeper {
    /// A housekeeper that pays with the chain's sender.
    pub const fn new(chain: Chain) -> Self {
        Self { chain, done: 0 }
    }

    /// Does what is due every so often until told to stop.
    ///
    /// # Errors
    /// A [`ChainError`] that trying again cannot mend.
    pub async fn run(mut self, every: Duration, stop: CancellationToken) -> Result<(), ChainError> {
        loop {
            match self.tick().await {
                Ok(()) => {}
                // A read that reverts met a state that another read did not.
                Err(error) if error.is_transient() || error.revert_name().is_some() => {
                    warn!(code = error.code(), %error, "housekeeping of retentions waits for the chain");
                }
                Err(error @ ChainError::Stuck { .. }) => {
                    warn!(code = error.code(), %error, "housekeeping of retentions waits for its transaction");
                }
                Err(error) => return Err(error),
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = sleep(every) => {}
            }
        }
    }

    /// Does what is due now.
    ///
    /// # Errors
    /// [`ChainError`], except that a call which the contract refuses is only logged: somebody else
    /// was faster.
    pub async fn tick(&mut self) -> Result<(), ChainError> {
        let head = self.chain.head().await?;
        let count = read("submissionCount", self.chain.market().submissionCount()).await?;
        let mut all_over = true;
        for id in self.done + 1..=count {
            all_over &= self.submission(id, &head).await?;
            if all_over {
                self.done = id;
            }
        }
        Ok(())
    }

    /// Does what is due for a submission, and answers whether nothing ever will be again.
    async fn submission(&self, id: u64, head: &Head) -> Result<bool, ChainError> {
        // Read first: what ends now may hold something back then.
        let submission = read("submission", self.chain.market().submission(id)).await?;
        let Some(held) = Held::read(&self.chain, id).await? else {
            let state = SubmissionState::from_u8(submission.state);
            return Ok(state.is_ok_and(SubmissionState::is_final));
        };
        let sent = match held.due(head) {
            Some(Step::Expire) => {
                let call = expireCall { submissionId: id };
                self.chain.transact(held.desk, call, U256::ZERO).await
            }
            Some(Step::Lapse) => {
                let call = lapseCall { submissionId: id };
                self.chain.transact(held.desk, call, U256::ZERO).await
            }
            Some(Step::Open | Step::FixSeed | Step::Deliver) | None => return Ok(false),
        };
        match sent {
            Ok(_) => info!(id, "a retention or its task ended"),
            Err(ChainError::Reverted { action, revert }) => {
                debug!(id, %action, %revert, "not needed, or not possible yet");
            }
            Err(error) => return Err(error),
        }
        Ok(false)
    }
}
