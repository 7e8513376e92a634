//! What is held back of a reward: in words, and what is due for it (specification 4.10).

use alloy::primitives::U256;
use eyre::Result;
use serde_json::{Value, json};
use zarathustra_chain::{
    Head,
    abi::retention_desk::IRetentionDesk::{expireCall, lapseCall, openCall},
};
use zarathustra_retain::{Held, Step};

use super::{advance::deliver, show};
use crate::{
    amount::ether,
    context::Globals,
    errors::refusal,
    output::{Answer, progress},
    reads,
};

/// Where it stands.
pub(super) fn when(held: &Held, submission: u64, head: &Head) -> String {
    let (from, until) = (held.from, held.until);
    let command = format!("`zarathustra submission retain {submission}`");
    match &held.task {
        None if head.clock < from => format!(
            "a retention task finds the parameters; one can be opened from clock {from}, {} blocks from now, to {until}",
            from - head.clock
        ),
        None if head.clock < until => format!(
            "a retention task finds the parameters; {command} opens one, until clock {until}"
        ),
        None => format!("nobody showed in time that they are kept; {command} gives it back"),
        Some(task) => format!("retention task {}, {}, is over", task.id, task.state),
    }
}

/// For programs.
pub(super) fn json(held: &Held) -> Value {
    json!({
        "amount": held.amount.to_string(),
        "from": held.from,
        "until": held.until,
        "kind": held.kind.get(),
        "desk": held.desk,
        "task": held.task.as_ref().map(|task| task.id.get()),
    })
}

pub(super) async fn retain(globals: &Globals, id: u64) -> Result<Answer> {
    let chain = globals.chain_with_key().await?;
    // Says by name when there is no such submission.
    reads::submission(&chain, id).await?;
    let Some(held) = Held::read(&chain, id).await? else {
        return Err(refusal(
            "nothing_retained",
            format!("nothing is held back of the reward of submission {id}"),
            format!("`zarathustra submission show {id}` tells what was paid"),
        ));
    };
    let Some(step) = held.due(&chain.head().await?) else {
        return Err(refusal(
            "nothing_due",
            format!("nothing is due for what is held back of submission {id}"),
            format!("`zarathustra submission show {id}` tells until when"),
        ));
    };
    let none = U256::ZERO;
    match (step, &held.task) {
        (Step::FixSeed, Some(task)) => {
            progress("sending fixSeed");
            chain.fix_seed(task).await?;
        }
        (Step::Deliver, Some(task)) => {
            deliver(&chain, task).await?;
        }
        (Step::Expire, _) => {
            progress("sending expire");
            let call = expireCall { submissionId: id };
            chain.transact(held.desk, call, none).await?;
        }
        (Step::Lapse, _) => {
            progress("sending lapse");
            let call = lapseCall { submissionId: id };
            chain.transact(held.desk, call, none).await?;
        }
        (Step::Open | Step::FixSeed | Step::Deliver, _) => {
            let fee = chain.definition(held.kind).await?.min_fee;
            progress(&format!("opening a retention task for {}", ether(fee)));
            let call = openCall { submissionId: id };
            chain.transact(held.desk, call, U256::from(fee)).await?;
        }
    }
    show::show(&chain, id).await
}
