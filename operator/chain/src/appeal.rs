//! Claims that an appeal overturned (specification 3.6).

use alloy::{
    primitives::U256,
    providers::Provider,
    rpc::types::{Filter, Log},
    sol_types::SolEvent,
};
use zarathustra_abi::attestation_center::{IAttestationCenter, IAttestationCenterTypes};
use zarathustra_primitives::{ClaimId, TaskId};

use crate::{Chain, ChainError, client::read, logs::backwards};

/// A claim that was certified and then overturned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overturned {
    /// Its task.
    pub task: TaskId,
    /// The claim.
    pub claim: ClaimId,
    /// What it had been certified with.
    pub committed: IAttestationCenterTypes::FeeCommitment,
    /// Bitmap of those who have not rejected it in the appeal, without those whose corrections came
    /// later.
    pub non_signers: Vec<U256>,
    /// Last clock at which corrections are taken.
    pub corrected_until: u64,
}

impl Overturned {
    /// Bitmap of those who approved the claim and have not corrected themselves. The performer is
    /// not among them: it has the fault of its claim.
    pub fn silent(&self) -> U256 {
        let word = |bitmap: &[U256]| bitmap.first().copied().unwrap_or_default();
        let performer = U256::ONE << self.committed.performerIndex;
        word(&self.non_signers) & !word(&self.committed.nonSigners) & !performer
    }
}

impl Chain {
    /// The claims that were overturned in block `from` or later, of one task or of all, oldest first.
    ///
    /// # Errors
    /// [`ChainError::Transport`].
    pub async fn overturned(
        &self,
        task: Option<TaskId>,
        from: u64,
    ) -> Result<Vec<Overturned>, ChainError> {
        let mut filter = Filter::new()
            .address(self.addresses().attestation_center)
            .event_signature(IAttestationCenter::ClaimOverturned::SIGNATURE_HASH);
        if let Some(task) = task {
            filter = filter.topic1(U256::from(task.get()));
        }
        let mut found = Vec::new();
        for log in self.logs_since(&filter, from).await? {
            if let Ok(event) = IAttestationCenter::ClaimOverturned::decode_log(&log.inner) {
                let block = log.block_number.unwrap_or(from);
                found.push(self.as_it_stands(event.data, block).await?);
            }
        }
        Ok(found)
    }

    /// The certificate that approved a claim; `None` when the node lacks its event.
    ///
    /// # Errors
    /// [`ChainError::Transport`].
    pub async fn certificate_of(
        &self,
        task: TaskId,
        claim: ClaimId,
    ) -> Result<Option<IAttestationCenter::TaskCertified>, ChainError> {
        let filter = Filter::new()
            .address(self.addresses().attestation_center)
            .event_signature(IAttestationCenter::TaskCertified::SIGNATURE_HASH)
            .topic1(U256::from(task.get()))
            .topic2(claim.get());
        let log = self.newest_log(&filter, 0).await?;
        let event =
            log.and_then(|log| IAttestationCenter::TaskCertified::decode_log(&log.inner).ok());
        Ok(event.map(|event| event.data))
    }

    async fn as_it_stands(
        &self,
        event: IAttestationCenter::ClaimOverturned,
        block: u64,
    ) -> Result<Overturned, ChainError> {
        let filter = Filter::new()
            .address(self.addresses().attestation_center)
            .event_signature(IAttestationCenter::Corrected::SIGNATURE_HASH)
            .topic1(event.claimId);
        let log = self.newest_log(&filter, block).await?;
        let corrected =
            log.and_then(|log| IAttestationCenter::Corrected::decode_log(&log.inner).ok());
        let task = self.task(TaskId::new(event.taskId)).await?;
        let definition = self.definition(task.kind).await?;
        let appeal = read("appealOf", self.attestation().appealOf(event.claimId)).await?;
        Ok(Overturned {
            task: task.id,
            claim: ClaimId::new(event.claimId),
            committed: event.committed,
            non_signers: corrected.map_or(event.nonSigners, |c| c.data.nonSigners),
            corrected_until: appeal.decidedAt + u64::from(definition.supplement_window),
        })
    }

    /// The logs that a filter takes, of those since block `from` and the deployment, oldest first.
    async fn logs_since(&self, filter: &Filter, from: u64) -> Result<Vec<Log>, ChainError> {
        let provider = self.provider();
        let last = provider
            .get_block_number()
            .await
            .map_err(ChainError::transport("eth_blockNumber"))?;
        let mut all = Vec::new();
        for (start, end) in backwards(from.max(self.addresses().deployed_block), last) {
            let range = filter.clone().from_block(start).to_block(end);
            let mut logs = provider
                .get_logs(&range)
                .await
                .map_err(ChainError::transport("eth_getLogs"))?;
            logs.append(&mut all);
            all = logs;
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::B256;

    use super::*;

    fn overturned(missing: u64, performer: u32, not_rejecting: u64) -> Overturned {
        Overturned {
            task: TaskId::new(1),
            claim: ClaimId::new(B256::ZERO),
            committed: IAttestationCenterTypes::FeeCommitment {
                epoch: 1,
                claimId: B256::ZERO,
                performerIndex: performer,
                fee: alloy::primitives::aliases::U96::ZERO,
                nonSigners: vec![U256::from(missing)],
            },
            non_signers: vec![U256::from(not_rejecting)],
            corrected_until: 9,
        }
    }

    #[test]
    fn silent_is_who_approved_and_did_not_correct_itself() {
        // Six rows: 1 never approved, 2 is the performer, 1, 2, 4 and 5 have not rejected.
        let silent = overturned(0b00_0010, 2, 0b11_0110).silent();
        assert_eq!(silent, U256::from(0b11_0000));
        assert_eq!(overturned(0, 2, 0b00_0100).silent(), U256::ZERO);
        assert_eq!(overturned(0b11_1111, 0, 0b11_1111).silent(), U256::ZERO);
    }
}
