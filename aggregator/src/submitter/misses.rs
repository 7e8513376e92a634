//! Votes that are missing in certificates, recorded on chain (3.4), and operators that are taken
//! out of the set for too many of them (1.6).

use std::collections::BTreeMap;

use alloy::primitives::{U256, aliases::U96};
use serde::{Deserialize, Serialize};
use tracing::{debug, info, warn};
use zarathustra_chain::{
    ChainError,
    abi::{
        attestation_center::{
            IAttestationCenter::recordMissesCall, IAttestationCenterTypes::FeeCommitment,
        },
        avs_governance::IAvsGovernance::ejectInactiveCall,
    },
    read,
};
use zarathustra_primitives::{Address, B256};

use super::Submitter;
use crate::desk::CertifiedTask;

/// Tasks in one transaction.
const TASKS_PER_CALL: usize = 32;
/// Blocks after which a record that was refused is tried again.
const AGAIN_AFTER: u64 = 100;
/// Times that a record is tried.
const MAX_TRIES: u8 = 5;

/// When misses are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MissPolicy {
    /// Whether at all.
    pub(crate) record: bool,
    /// Most blocks that one waits for others of its operator, to share a transaction.
    pub(crate) wait_blocks: u64,
}

/// An operator's vote that is missing in a certificate; its key in the store names both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Miss {
    task: u64,
    operator: Address,
    /// The operator's position.
    index: u32,
    /// Clock from which it can be recorded.
    due: u64,
    /// Times that it was refused.
    tries: u8,
    epoch: u32,
    claim: B256,
    performer_index: u32,
    fee: u128,
    non_signers: Vec<U256>,
}

impl Miss {
    fn key(&self) -> String {
        format!("miss/{}/{}", self.operator, self.task)
    }

    fn committed(&self) -> FeeCommitment {
        FeeCommitment {
            epoch: self.epoch,
            claimId: self.claim,
            performerIndex: self.performer_index,
            fee: U96::from(self.fee),
            nonSigners: self.non_signers.clone(),
        }
    }
}

/// Whose votes are missing in a certificate to which nobody can add any more.
fn misses_of(certified: &CertifiedTask) -> Vec<Miss> {
    let (task, committed) = (&certified.task, &certified.committed);
    let window = u64::from(certified.definition.supplement_window);
    let missing = certified.electorate.table.voters().filter(|row| {
        let position = row.position.index();
        let word = committed.nonSigners.get(position / 256);
        row.position.get() != committed.performerIndex
            && word.is_some_and(|word| word.bit(position % 256))
    });
    missing
        .map(|row| Miss {
            task: task.id.get(),
            operator: row.operator,
            index: row.position.get(),
            due: task.deadline.max(task.certified_at + window + 1),
            tries: 0,
            epoch: committed.epoch,
            claim: committed.claimId,
            performer_index: committed.performerIndex,
            fee: task.fee,
            non_signers: committed.nonSigners.clone(),
        })
        .collect()
}

/// What is to be recorded now, by operator: full batches at once, others when their oldest has
/// waited long enough.
fn batches(misses: Vec<Miss>, clock: u64, wait_blocks: u64) -> Vec<Vec<Miss>> {
    let mut due: BTreeMap<Address, Vec<Miss>> = BTreeMap::new();
    for miss in misses.into_iter().filter(|miss| miss.due <= clock) {
        due.entry(miss.operator).or_default().push(miss);
    }
    let mut batches = Vec::new();
    for mut of_operator in due.into_values() {
        of_operator.sort_by_key(|miss| (miss.due, miss.task));
        batches.extend(
            of_operator
                .chunks(TASKS_PER_CALL)
                .filter(|batch| {
                    batch.len() == TASKS_PER_CALL
                        || batch[0].due.saturating_add(wait_blocks) <= clock
                })
                .map(<[Miss]>::to_vec),
        );
    }
    batches
}

impl Submitter {
    /// Writes down whose votes a certified task lacks for good.
    pub(super) fn note_misses(&self, certified: &CertifiedTask) -> Result<(), ChainError> {
        for miss in misses_of(certified) {
            self.store.put("a missed vote", &miss.key(), &miss)?;
        }
        Ok(())
    }

    /// Records the misses that are due.
    pub(super) async fn record_misses(&self, clock: u64) -> Result<(), ChainError> {
        if !self.misses.record {
            return Ok(());
        }
        let noted = self.store.list::<Miss>("a missed vote", "miss/")?;
        let noted = noted.into_iter().map(|(_, miss)| miss).collect();
        for batch in batches(noted, clock, self.misses.wait_blocks) {
            self.record(batch, clock).await?;
        }
        Ok(())
    }

    /// Records misses of one operator.
    async fn record(&self, batch: Vec<Miss>, clock: u64) -> Result<(), ChainError> {
        let center = self.chain.attestation();
        let mut wanted = Vec::with_capacity(batch.len());
        for miss in batch {
            let done = center.isFeeClaimed(miss.task, miss.operator);
            // Somebody else was first.
            if read("isFeeClaimed", done).await? {
                self.store.remove(&miss.key())?;
            } else {
                wanted.push(miss);
            }
        }
        let Some(operator) = wanted.first().map(|miss| miss.operator) else {
            return Ok(());
        };
        let call = recordMissesCall {
            operator,
            taskIds: wanted.iter().map(|miss| miss.task).collect(),
            indices: wanted.iter().map(|miss| miss.index).collect(),
            committed: wanted.iter().map(Miss::committed).collect(),
        };
        let center = self.chain.addresses().attestation_center;
        match self.chain.transact(center, call, U256::ZERO).await {
            Ok(receipt) => {
                self.sent("record_misses", "mined");
                info!(%operator, tasks = wanted.len(), gas = receipt.gas_used, "missing votes recorded");
                for miss in &wanted {
                    self.store.remove(&miss.key())?;
                }
                self.eject(operator).await
            }
            Err(ChainError::Reverted { action, revert }) => {
                self.sent("record_misses", "refused");
                warn!(%operator, tasks = wanted.len(), %action, %revert, "missing votes were not recorded");
                for mut miss in wanted {
                    miss.tries += 1;
                    miss.due = clock.saturating_add(AGAIN_AFTER);
                    if miss.tries < MAX_TRIES {
                        self.store.put("a missed vote", &miss.key(), &miss)?;
                    } else {
                        self.store.remove(&miss.key())?;
                    }
                }
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Takes an operator out of the set when its misses exceed the limit.
    async fn eject(&self, operator: Address) -> Result<(), ChainError> {
        let governance = self.chain.governance();
        let level = read("missesOf", governance.missesOf(operator)).await?.level;
        let limit = read("missLimit", governance.missLimit()).await?;
        if level <= limit {
            return Ok(());
        }
        let call = ejectInactiveCall { operator };
        let to = self.chain.addresses().avs_governance;
        match self.chain.transact(to, call, U256::ZERO).await {
            Ok(_) => {
                self.sent("eject_inactive", "mined");
                warn!(%operator, level, limit, "an operator was taken out for votes that were missing");
                Ok(())
            }
            // It has left, or somebody else was first.
            Err(ChainError::Reverted { action, revert }) => {
                self.sent("eject_inactive", "refused");
                debug!(%operator, level, limit, %action, %revert, "an operator was not taken out");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Counts a transaction.
    pub(super) fn sent(&self, action: &str, outcome: &str) {
        let transactions = &self.metrics.transactions;
        transactions.with_label_values(&[action, outcome]).inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn miss(operator: u8, task: u64, due: u64) -> Miss {
        Miss {
            task,
            operator: Address::repeat_byte(operator),
            index: 0,
            due,
            tries: 0,
            epoch: 1,
            claim: B256::ZERO,
            performer_index: 1,
            fee: 0,
            non_signers: Vec::new(),
        }
    }

    fn tasks(misses: Vec<Miss>, clock: u64) -> Vec<Vec<u64>> {
        let batches = batches(misses, clock, 10).into_iter();
        batches
            .map(|batch| batch.iter().map(|miss| miss.task).collect())
            .collect()
    }

    #[test]
    fn one_waits_for_others_of_its_operator() {
        let misses = vec![miss(1, 7, 100), miss(1, 8, 105), miss(2, 7, 103)];
        assert!(tasks(misses.clone(), 109).is_empty());
        assert_eq!(tasks(misses.clone(), 110), [vec![7, 8]]);
        assert_eq!(tasks(misses, 113), [vec![7, 8], vec![7]]);
        // What is not due goes into no batch.
        let misses = vec![miss(1, 8, 111), miss(1, 7, 100)];
        assert_eq!(tasks(misses, 110), [vec![7]]);
    }

    #[test]
    fn a_full_batch_waits_for_nothing() {
        let misses: Vec<_> = (0..40).map(|task| miss(1, task, 100)).collect();
        let full: Vec<u64> = (0..32).collect();
        assert_eq!(tasks(misses, 100), [full]);
    }
}
