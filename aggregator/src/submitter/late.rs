//! Certified tasks while late votes count, and their supplementary certificates.

use alloy::primitives::U256;
use tracing::{debug, error, info};
use zarathustra_chain::{ChainError, Task, commitment};
use zarathustra_protocol::Supplements;

use super::Submitter;
use crate::desk::{CertifiedTask, Supplement};

impl Submitter {
    /// Blocks after a task's certificate in which it is kept: somebody may add to it.
    pub(super) async fn late_window(&mut self, task: &Task) -> Result<u64, ChainError> {
        if self.supplements == Supplements::Never && !self.misses.record {
            return Ok(0);
        }
        Ok(self.definition(task.kind).await?.supplement_window.into())
    }

    /// What is needed to add to a task's certificate; `None` when the node does not have it.
    pub(super) async fn certified_task(
        &mut self,
        task: Task,
    ) -> Result<Option<CertifiedTask>, ChainError> {
        let known = self.committed.get(&task.id);
        let known = known.filter(|known| task.commitment == Some(commitment(task.id, known)));
        let committed = match known {
            Some(known) => known.clone(),
            None => match self.chain.certified(&task).await? {
                Some(event) => event.committed,
                None => return Ok(None),
            },
        };
        if task.commitment != Some(commitment(task.id, &committed)) {
            // It changed between two reads, or the node lacks an event.
            return Ok(None);
        }
        self.committed.insert(task.id, committed.clone());
        let Some(open) = self.open_task(task).await? else {
            return Ok(None);
        };
        Ok(Some(CertifiedTask {
            task: open.task,
            hash: open.hash,
            electorate: open.electorate,
            definition: open.definition,
            committed,
        }))
    }

    /// Submits a supplementary certificate. What is refused is considered anew at the next tick:
    /// another aggregator may have been first.
    pub(super) async fn supplement(&self, supplement: &Supplement) -> Result<(), ChainError> {
        let (task, votes) = (supplement.task, supplement.len());
        let Some(call) = supplement.call() else {
            error!(task_id = %task, code = "signatures_cancel_out", "late votes that hold one by one do not add up");
            return Ok(());
        };
        let center = self.chain.addresses().attestation_center;
        match self.chain.transact(center, call, U256::ZERO).await {
            Ok(receipt) => {
                self.sent("submit_supplement", "mined");
                info!(task_id = %task, votes, gas = receipt.gas_used, tx = %receipt.transaction_hash, "supplementary certificate submitted");
                Ok(())
            }
            Err(ChainError::Reverted { action, revert }) => {
                self.sent("submit_supplement", "refused");
                debug!(task_id = %task, votes, %action, %revert, "supplementary certificate refused");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests;
