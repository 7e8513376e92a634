//! What the chain's events tell of a submission: when it came where, and what was paid.

use alloy::{
    primitives::{B256, U256},
    rpc::types::{Filter, Log},
    sol_types::SolEvent,
};
use eyre::{Result, WrapErr};
use serde::Serialize;
use zarathustra_chain::{
    Chain,
    abi::{attestation_center::IAttestationCenter, model_submission::IModelSubmission},
};
use zarathustra_primitives::EvaluationResult;

use crate::events;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What happened.
    pub event: &'static str,
    /// In which block.
    pub block: u64,
    /// In which transaction.
    pub tx: B256,
}

/// What settlement moved, in wei and in units of the reward token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paid {
    /// Reward, in the reward token.
    pub reward: U256,
    /// Returned of the deposit, compensation apart.
    pub deposit_returned: U256,
    /// Burned of the deposit.
    pub burned: U256,
}

/// The certificate that decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The claim that it approved.
    pub claim: B256,
    /// Whose claim that was.
    pub performer: alloy::primitives::Address,
    /// In which turn it was made.
    pub turn: u32,
    /// Stake that signed.
    pub signed_stake: u128,
    /// Stake in all.
    pub total_stake: u128,
    /// Positions of those who did not sign.
    pub non_signers: Vec<u64>,
    /// The `submitTask` transaction.
    pub tx: B256,
    /// Its block.
    pub block: u64,
    /// What it certified; `None` for bytes that are no result.
    pub result: Option<EvaluationResult>,
}

/// Everything that events tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// Where the submission went, oldest first.
    pub steps: Vec<Step>,
    /// What settlement moved.
    pub paid: Option<Paid>,
    /// The certificate, once there is one.
    pub certificate: Option<Certificate>,
}

impl History {
    /// Reads the events of a submission that was committed at a clock; blocks run ahead of it.
    pub async fn read(chain: &Chain, id: u64, task: u64, committed_at: u64) -> Result<Self> {
        let number = B256::from(U256::from(id));
        let filter = Filter::new()
            .address(chain.addresses().model_submission)
            .event_signature(NAMES.map(|(signature, _)| signature).to_vec())
            .topic1(number);
        let mut history = Self::default();
        for log in events::since(chain, &filter, committed_at).await? {
            history.note(&log)?;
        }
        if task != 0 {
            let filter = Filter::new()
                .address(chain.addresses().attestation_center)
                .event_signature(IAttestationCenter::TaskCertified::SIGNATURE_HASH)
                .topic1(B256::from(U256::from(task)));
            if let Some(log) = events::since(chain, &filter, committed_at).await?.last() {
                let certificate = certificate(log)?;
                // Blocks are in order; settlement is the only step after the certificate.
                let after = history
                    .steps
                    .partition_point(|step| step.block <= certificate.block);
                let (event, block, tx) = ("certified", certificate.block, certificate.tx);
                history.steps.insert(after, Step { event, block, tx });
                history.certificate = Some(certificate);
            }
        }
        Ok(history)
    }

    fn note(&mut self, log: &Log) -> Result<()> {
        let found = NAMES
            .iter()
            .find(|(signature, _)| log.topic0() == Some(signature));
        let Some((signature, event)) = found else {
            return Ok(());
        };
        if *signature == IModelSubmission::Settled::SIGNATURE_HASH {
            let settled = IModelSubmission::Settled::decode_log(&log.inner)
                .wrap_err("read a Settled event")?;
            self.paid = Some(Paid {
                reward: settled.rewardPaid,
                deposit_returned: settled.depositReturned,
                burned: settled.burned,
            });
        }
        let (block, tx) = place(log);
        self.steps.push(Step { event, block, tx });
        Ok(())
    }
}

const NAMES: [(B256, &str); 6] = [
    (IModelSubmission::Committed::SIGNATURE_HASH, "committed"),
    (IModelSubmission::Revealed::SIGNATURE_HASH, "revealed"),
    (
        IModelSubmission::TaskAssigned::SIGNATURE_HASH,
        "task opened",
    ),
    (
        IModelSubmission::RetryWaiting::SIGNATURE_HASH,
        "waiting to be tried again",
    ),
    (IModelSubmission::Retried::SIGNATURE_HASH, "tried again"),
    (IModelSubmission::Settled::SIGNATURE_HASH, "settled"),
];

fn certificate(log: &Log) -> Result<Certificate> {
    let event = IAttestationCenter::TaskCertified::decode_log(&log.inner)
        .wrap_err("read a TaskCertified event")?;
    let (block, tx) = place(log);
    Ok(Certificate {
        claim: event.claimId,
        performer: event.performer,
        turn: event.turn,
        signed_stake: event.signedStake,
        total_stake: event.totalStake,
        non_signers: positions(&event.committed.nonSigners),
        tx,
        block,
        result: EvaluationResult::decode(&event.result).ok(),
    })
}

/// Where a mined log lies.
fn place(log: &Log) -> (u64, B256) {
    (
        log.block_number.unwrap_or_default(),
        log.transaction_hash.unwrap_or_default(),
    )
}

/// Positions whose bit is set in a bitmap (specification 3.2).
pub fn positions(bitmap: &[U256]) -> Vec<u64> {
    let bits = |(word, bits): (usize, &U256)| {
        let first = word as u64 * 256;
        (0..256)
            .filter(|i| bits.bit(*i))
            .map(move |i| first + i as u64)
            .collect::<Vec<_>>()
    };
    bitmap.iter().enumerate().flat_map(bits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_read_word_by_word() {
        assert_eq!(positions(&[]), Vec::<u64>::new());
        assert_eq!(positions(&[U256::from(0b101)]), [0, 2]);
        assert_eq!(
            positions(&[U256::from(1) << 255, U256::from(1)]),
            [255, 256]
        );
    }
}
