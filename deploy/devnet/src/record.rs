//! What happened, read from the chain after it happened.

use alloy::{
    primitives::{Address, B256, U256},
    providers::Provider,
    rpc::types::{Filter, Log},
    sol_types::SolEvent,
};
use eyre::{ContextCompat, Result, WrapErr};
use serde::Serialize;
use zarathustra_chain::{
    Chain,
    abi::{attestation_center::IAttestationCenter, model_submission::IModelSubmission},
    read,
};
use zarathustra_primitives::{EvaluationResult, Reason, SubmissionState, TaskId};

/// One submission from reveal to settlement. Scores are in millionths, amounts in the smallest
/// unit as decimal text.
#[derive(Clone, Debug, Serialize)]
pub struct SubmissionRecord {
    /// What the story calls it.
    pub title: String,
    /// Its number.
    pub submission: u64,
    /// Its final state.
    pub state: &'static str,
    /// The reason of that state.
    pub reason: &'static str,
    /// Mean sample score of the champion; absent when nothing was scored.
    pub champion_score: Option<i64>,
    /// Mean sample score of the submission.
    pub challenger_score: Option<i64>,
    /// Mean of the paired differences.
    pub improvement: Option<i64>,
    /// Lower bound of the improvement.
    pub lower_bound: Option<i64>,
    /// Upper bound of the improvement.
    pub upper_bound: Option<i64>,
    /// Number of samples.
    pub samples: u32,
    /// The evaluation's seed.
    pub seed: B256,
    /// Block whose randomness is behind it.
    pub seed_block: u64,
    /// The task.
    pub task_id: u64,
    /// Stake behind the certificate.
    pub signed_stake: String,
    /// All stake of the epoch.
    pub total_stake: String,
    /// Operators whose vote the certificate lacks.
    pub non_signers: Vec<Address>,
    /// The `submitTask` transaction that certified it.
    pub settle_tx: B256,
    /// Its gas.
    pub settle_gas: u64,
    /// Blocks from reveal to certificate.
    pub blocks_reveal_to_certificate: u64,
    /// Blocks from reveal to settlement.
    pub blocks_reveal_to_settle: u64,
    /// What the optimizer has more or less than before, gas apart.
    pub optimizer_balance_change: BalanceChange,
    /// Operators slashed while it was judged.
    pub slashed: Vec<Slashed>,
}

/// Change of an account's money in the market: credits less deposits.
#[derive(Clone, Debug, Serialize)]
pub struct BalanceChange {
    /// Native token, wei.
    pub native: String,
    /// Reward token.
    pub token: String,
}

/// An operator that was slashed.
#[derive(Clone, Debug, Serialize)]
pub struct Slashed {
    /// The operator.
    pub operator: Address,
    /// The task in which it lied.
    pub task_id: u64,
    /// What its staker can withdraw less than before, shares.
    pub shares: String,
}

/// An account's credit in the market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credit {
    /// Native token.
    pub native: U256,
    /// Reward token.
    pub token: U256,
}

impl Credit {
    /// Reads it.
    ///
    /// # Errors
    /// The chain's.
    pub async fn of(chain: &Chain, account: Address, token: Address) -> Result<Self> {
        let market = chain.market();
        Ok(Self {
            native: read("credit", market.credit(account, Address::ZERO)).await?,
            token: read("credit", market.credit(account, token)).await?,
        })
    }
}

/// Reads what became of a submission. `before` is the optimizer's credit before it committed.
///
/// # Errors
/// The chain's, and when the submission was not certified and settled.
pub async fn submission(
    chain: &Chain,
    title: &str,
    id: u64,
    token: Address,
    before: Credit,
    slashed: Vec<Slashed>,
) -> Result<SubmissionRecord> {
    let market = chain.market();
    let submission = read("submission", market.submission(id)).await?;
    let terms = read("terms", market.terms(submission.requestId)).await?;
    let task = chain.task(TaskId::new(submission.taskId)).await?;
    let center = chain.addresses().attestation_center;
    let address = chain.addresses().model_submission;
    let (certified, certified_log) =
        event::<IAttestationCenter::TaskCertified>(chain, center, submission.taskId).await?;
    let (_, revealed) = event::<IModelSubmission::Revealed>(chain, address, id).await?;
    let (_, settled) = event::<IModelSubmission::Settled>(chain, address, id).await?;
    let result = EvaluationResult::decode(&certified.result).wrap_err("decode the result")?;
    let figures = result.figures();
    let tx = certified_log
        .transaction_hash
        .wrap_err("the certificate's log has no transaction")?;
    let receipt = chain
        .provider()
        .get_transaction_receipt(tx)
        .await?
        .wrap_err("the certificate's transaction has no receipt")?;
    let block = |log: &Log| log.block_number.wrap_err("a log has no block");
    let table = chain.epoch_table(task.epoch).await?;
    let non_signers = table
        .rows
        .iter()
        .filter(|row| {
            let position = row.position.index();
            certified
                .committed
                .nonSigners
                .get(position / 256)
                .is_some_and(|word| word.bit(position % 256))
        })
        .map(|row| row.operator)
        .collect();
    let after = Credit::of(chain, submission.optimizer, token).await?;
    let deposit = U256::from(terms.deposit);
    Ok(SubmissionRecord {
        title: title.to_owned(),
        submission: id,
        state: SubmissionState::from_u8(submission.state)?.code(),
        reason: Reason::from_u8(submission.reason)?.code(),
        champion_score: figures.map(|f| f.champion_score.micros()),
        challenger_score: figures.map(|f| f.challenger_score.micros()),
        improvement: figures.map(|f| f.improvement.micros()),
        lower_bound: figures.map(|f| f.lower.micros()),
        upper_bound: figures.map(|f| f.upper.micros()),
        samples: figures.map_or(0, |f| f.samples),
        seed: task.seed.wrap_err("the task has no seed")?.get(),
        seed_block: chain
            .seed_block(&task)
            .await?
            .wrap_err("the task was not opened")?,
        task_id: submission.taskId,
        signed_stake: certified.signedStake.to_string(),
        total_stake: certified.totalStake.to_string(),
        non_signers,
        settle_tx: tx,
        settle_gas: receipt.gas_used,
        blocks_reveal_to_certificate: block(&certified_log)? - block(&revealed)?,
        blocks_reveal_to_settle: block(&settled)? - block(&revealed)?,
        optimizer_balance_change: BalanceChange {
            native: difference(after.native, before.native + deposit),
            token: difference(after.token, before.token),
        },
        slashed,
    })
}

/// The operators whose faults were executed, by their tasks.
///
/// # Errors
/// The chain's.
pub async fn executed_faults(chain: &Chain) -> Result<Vec<(Address, u64)>> {
    let governance = chain.governance();
    let count: u64 = read("faultCount", governance.faultCount())
        .await?
        .saturating_to();
    let mut found = Vec::new();
    for id in 1..=count {
        let fault = read("fault", governance.fault(U256::from(id))).await?;
        if fault.executed {
            found.push((fault.operator, fault.taskId));
        }
    }
    Ok(found)
}

/// The last event of a type whose first topic is a number.
async fn event<E: SolEvent>(chain: &Chain, address: Address, number: u64) -> Result<(E, Log)> {
    let filter = Filter::new()
        .address(address)
        .event_signature(E::SIGNATURE_HASH)
        .topic1(U256::from(number))
        .from_block(chain.addresses().deployed_block);
    let log = chain
        .provider()
        .get_logs(&filter)
        .await
        .wrap_err("eth_getLogs")?
        .pop()
        .wrap_err_with(|| format!("there is no {} of {number}", E::SIGNATURE))?;
    let event = E::decode_log(&log.inner).wrap_err("decode a log")?;
    Ok((event.data, log))
}

/// `after - before` as signed decimal text.
fn difference(after: U256, before: U256) -> String {
    if after >= before {
        (after - before).to_string()
    } else {
        format!("-{}", before - after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_is_negative() {
        assert_eq!(difference(U256::from(3), U256::from(5)), "-2");
        assert_eq!(difference(U256::from(5), U256::from(3)), "2");
        assert_eq!(difference(U256::from(5), U256::from(5)), "0");
    }
}
