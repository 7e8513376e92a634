//! `zarathustra claim`: pull payments.

use std::collections::{BTreeMap, BTreeSet};

use alloy::{
    primitives::{Address, U256},
    rpc::types::Filter,
    sol_types::SolEvent,
};
use clap::Args;
use eyre::{Result, WrapErr};
use serde_json::json;
use zarathustra_chain::{
    Chain,
    abi::{
        attestation_center::{IAttestationCenter, IAttestationCenterTypes::FeeCommitment},
        model_submission::IModelSubmission,
    },
    commitment, read,
};
use zarathustra_primitives::{Epoch, TaskId};

use super::submission::positions;
use crate::{
    amount::ether,
    context::{Globals, to_market},
    errors::refusal,
    events,
    output::{Answer, fields, progress},
    token::Token,
};

/// Fees of so many tasks are credited in one transaction.
const TASKS_PER_CALL: usize = 32;

/// Withdraw rewards, deposits and operators' fees that the contracts owe to the account.
#[derive(Debug, Args)]
pub struct Claim {
    /// Who receives it; the account itself when absent.
    #[arg(long, value_name = "ADDRESS")]
    to: Option<Address>,
    /// Only show what is owed, and send nothing.
    #[arg(long)]
    dry_run: bool,
    /// Whose payments a dry run looks at, when no key is named.
    #[arg(long, value_name = "ADDRESS", requires = "dry_run")]
    from: Option<Address>,
    /// Block from which events are read; the deployment's when absent. Later is faster.
    #[arg(long, value_name = "BLOCK", default_value_t = 0)]
    from_block: u64,
}

/// An operator's share of a task's fee that was not credited yet.
struct Share {
    task: u64,
    index: u32,
    committed: FeeCommitment,
}

/// All that is owed to an account.
struct Owed {
    /// Credited in the market, by token.
    credits: Vec<(Token, U256)>,
    /// Credited in AttestationCenter, wei.
    fees: U256,
    /// Not credited yet, wei.
    shares_worth: U256,
    shares: Vec<Share>,
}

impl Claim {
    /// Runs the command.
    pub async fn run(self, globals: &Globals) -> Result<Option<Answer>> {
        let (chain, account) = match self.from {
            Some(from) => (globals.chain().await?, from),
            None if self.dry_run => (globals.chain().await?, globals.wallet()?.address()),
            None => {
                let chain = globals.chain_with_key().await?;
                let account = chain.sender()?.address();
                (chain, account)
            }
        };
        let to = self.to.unwrap_or(account);
        let owed = Owed::find(&chain, account, self.from_block).await?;
        if !self.dry_run {
            if owed.is_nothing() {
                return Err(refusal(
                    "nothing_owed",
                    format!("nothing is owed to {account}"),
                    "rewards and deposits are credited when a submission is settled, fees when a task is certified",
                ));
            }
            owed.withdraw(&chain, account, to).await?;
        }
        Ok(Some(owed.answer(account, to, !self.dry_run)))
    }
}

impl Owed {
    async fn find(chain: &Chain, account: Address, from_block: u64) -> Result<Self> {
        let market = chain.market();
        let mut credits = Vec::new();
        for token in tokens(chain, account, from_block).await? {
            let credit = read("credit", market.credit(account, token)).await?;
            if !credit.is_zero() {
                credits.push((Token::of(chain, token).await?, credit));
            }
        }
        let shares = unclaimed(chain, account, from_block).await?;
        let mut shares_worth = U256::ZERO;
        for batch in shares.chunks(TASKS_PER_CALL) {
            let center = chain.attestation();
            let (tasks, indices, committed) = arguments(batch);
            shares_worth += read(
                "claimFees",
                center.claimFees(account, tasks, indices, committed),
            )
            .await?;
        }
        let fees = read("credit", chain.attestation().credit(account)).await?;
        Ok(Self {
            credits,
            fees,
            shares_worth,
            shares,
        })
    }

    fn is_nothing(&self) -> bool {
        self.credits.is_empty() && self.fees.is_zero() && self.shares.is_empty()
    }

    async fn withdraw(&self, chain: &Chain, account: Address, to: Address) -> Result<()> {
        let center = chain.addresses().attestation_center;
        for batch in self.shares.chunks(TASKS_PER_CALL) {
            progress(&format!("crediting the fees of {} tasks", batch.len()));
            let (task_ids, indices, committed) = arguments(batch);
            let call = IAttestationCenter::claimFeesCall {
                operator: account,
                taskIds: task_ids,
                indices,
                committed,
            };
            chain.transact(center, call, U256::ZERO).await?;
        }
        if !(self.fees + self.shares_worth).is_zero() {
            progress("withdrawing fees");
            chain
                .transact(center, IAttestationCenter::withdrawCall { to }, U256::ZERO)
                .await?;
        }
        for (token, amount) in &self.credits {
            progress(&format!("withdrawing {}", token.show(*amount)));
            to_market(
                chain,
                IModelSubmission::withdrawCall {
                    token: token.address,
                    to,
                },
                U256::ZERO,
            )
            .await?;
        }
        Ok(())
    }

    fn answer(&self, account: Address, to: Address, withdrawn: bool) -> Answer {
        let mut lines = vec![("account", account.to_string())];
        if withdrawn {
            lines.push(("withdrawn to", to.to_string()));
        }
        let fees = self.fees + self.shares_worth;
        for (token, amount) in &self.credits {
            lines.push(("from the market", token.show(*amount)));
        }
        lines.push((
            "operator's fees",
            format!(
                "{}, of {} tasks just credited",
                ether(fees),
                self.shares.len()
            ),
        ));
        let json = json!({
            "account": account,
            "to": to,
            "withdrawn": withdrawn,
            "market": self.credits.iter().map(|(token, amount)| json!({
                "token": token.address, "amount": amount.to_string(),
            })).collect::<Vec<_>>(),
            "fees": fees.to_string(),
            "tasks": self.shares.iter().map(|share| share.task).collect::<Vec<_>>(),
        });
        Answer::new(fields(&lines), json)
    }
}

fn arguments(shares: &[Share]) -> (Vec<u64>, Vec<u32>, Vec<FeeCommitment>) {
    (
        shares.iter().map(|share| share.task).collect(),
        shares.iter().map(|share| share.index).collect(),
        shares.iter().map(|share| share.committed.clone()).collect(),
    )
}

/// Every token in which the account was ever credited, the native one first.
async fn tokens(chain: &Chain, account: Address, from_block: u64) -> Result<BTreeSet<Address>> {
    let filter = Filter::new()
        .address(chain.addresses().model_submission)
        .event_signature(IModelSubmission::Credited::SIGNATURE_HASH)
        .topic1(account.into_word());
    let mut tokens = BTreeSet::from([Address::ZERO]);
    for log in events::since(chain, &filter, from_block).await? {
        let event =
            IModelSubmission::Credited::decode_log(&log.inner).wrap_err("read a Credited event")?;
        tokens.insert(event.token);
    }
    Ok(tokens)
}

/// Certified tasks that an operator signed and has no fee of yet.
async fn unclaimed(chain: &Chain, operator: Address, from_block: u64) -> Result<Vec<Share>> {
    let center = chain.addresses().attestation_center;
    let filter = Filter::new().address(center).event_signature(vec![
        IAttestationCenter::TaskCertified::SIGNATURE_HASH,
        IAttestationCenter::Supplemented::SIGNATURE_HASH,
    ]);
    let mut certified: BTreeMap<u64, FeeCommitment> = BTreeMap::new();
    for log in events::since(chain, &filter, from_block).await? {
        if let Ok(event) = IAttestationCenter::TaskCertified::decode_log(&log.inner) {
            certified.insert(event.taskId, event.data.committed);
        } else if let Ok(event) = IAttestationCenter::Supplemented::decode_log(&log.inner) {
            // Late signers are no longer absent.
            if let Some(committed) = certified.get_mut(&event.taskId) {
                committed.nonSigners = event.data.nonSigners;
            }
        }
    }
    let clock = chain.head().await?.clock;
    let mut positions_of: BTreeMap<u32, Option<u32>> = BTreeMap::new();
    let mut shares = Vec::new();
    for (task, committed) in certified {
        let position = match positions_of.get(&committed.epoch) {
            Some(position) => *position,
            None => {
                let table = chain.epoch_table(Epoch::new(committed.epoch)).await?;
                let position = table.row_of(operator).map(|row| row.position.get());
                positions_of.insert(committed.epoch, position);
                position
            }
        };
        let Some(index) = position.filter(|index| has_signed(&committed, *index)) else {
            continue;
        };
        if read(
            "isFeeClaimed",
            chain.attestation().isFeeClaimed(task, operator),
        )
        .await?
        {
            continue;
        }
        let stored = chain.task(TaskId::new(task)).await?;
        if clock < stored.deadline {
            progress(&format!(
                "task {task} is left out: an appeal can overturn it until clock {}",
                stored.deadline
            ));
            continue;
        }
        if stored.commitment != Some(commitment(TaskId::new(task), &committed)) {
            progress(&format!(
                "task {task} is left out: its events do not fit what the contract stores"
            ));
            continue;
        }
        shares.push(Share {
            task,
            index,
            committed,
        });
    }
    Ok(shares)
}

/// A performer's claim counts as its signature (specification 3.1).
fn has_signed(committed: &FeeCommitment, index: u32) -> bool {
    index == committed.performerIndex
        || !positions(&committed.nonSigners).contains(&u64::from(index))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_performer_signs_by_claiming() {
        let committed = FeeCommitment {
            epoch: 1,
            claimId: Default::default(),
            performerIndex: 2,
            fee: Default::default(),
            nonSigners: vec![U256::from(0b110)],
        };
        assert_eq!(
            [0, 1, 2, 3].map(|index| has_signed(&committed, index)),
            [true, false, true, true]
        );
    }
}
