//! What is held back of a reward, and what is due for it (specification 4.10).

use alloy::primitives::{Address, U256};
use eyre::Result;
use serde_json::{Value, json};
use zarathustra_chain::{
    Chain, Head, Task,
    abi::retention_desk::IRetentionDesk::{self, expireCall, lapseCall, openCall},
    read,
};
use zarathustra_primitives::{KindId, TaskId, TaskState};

use super::{advance::deliver, show};
use crate::{
    amount::ether,
    context::Globals,
    errors::refusal,
    output::{Answer, progress},
    reads,
};

/// What is held back of a submission's reward.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retained {
    /// In the request's token.
    pub amount: u128,
    /// Market clock from which a task can be opened.
    pub from: u64,
    /// Market clock from which none can be opened any more.
    pub until: u64,
    /// Kind of the task.
    pub kind: KindId,
    /// The contract that opens it.
    pub desk: Address,
    /// The task that is open; 0 for none.
    pub task: u64,
}

impl Retained {
    /// Reads it; `None` when nothing is held back, or no longer.
    pub async fn read(chain: &Chain, submission: u64) -> Result<Option<Self>> {
        let held = read("retention", chain.market().retention(submission)).await?;
        if held.amount == 0 {
            return Ok(None);
        }
        let kind = KindId::new(held.kind);
        let desk = chain.definition(kind).await?.source;
        let contract = IRetentionDesk::new(desk, chain.provider().clone());
        Ok(Some(Self {
            amount: held.amount,
            from: held.from,
            until: held.from.saturating_add(held.window.into()),
            kind,
            desk,
            task: read("taskOf", contract.taskOf(submission)).await?,
        }))
    }

    /// Where it stands, in words.
    pub fn when(&self, submission: u64, head: &Head) -> String {
        let (from, until) = (self.from, self.until);
        let command = format!("`zarathustra submission retain {submission}`");
        match self.task {
            0 if head.clock < from => format!(
                "a retention task finds the parameters; one can be opened from clock {from}, {} blocks from now, to {until}",
                from - head.clock
            ),
            0 if head.clock < until => format!(
                "a retention task finds the parameters; {command} opens one, until clock {until}"
            ),
            0 => format!("nobody showed in time that they are kept; {command} gives it back"),
            task => format!("retention task {task} is over"),
        }
    }

    /// For programs.
    pub fn json(&self) -> Value {
        json!({
            "amount": self.amount.to_string(),
            "from": self.from,
            "until": self.until,
            "kind": self.kind.get(),
            "desk": self.desk,
            "task": (self.task != 0).then_some(self.task),
        })
    }
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Open,
    FixSeed,
    Deliver,
    Expire,
    Lapse,
}

pub(super) async fn retain(globals: &Globals, id: u64) -> Result<Answer> {
    let chain = globals.chain_with_key().await?;
    // Says by name when there is no such submission.
    reads::submission(&chain, id).await?;
    let Some(held) = Retained::read(&chain, id).await? else {
        return Err(refusal(
            "nothing_retained",
            format!("nothing is held back of the reward of submission {id}"),
            format!("`zarathustra submission show {id}` tells what was paid"),
        ));
    };
    let head = chain.head().await?;
    let task = match held.task {
        0 => None,
        number => Some(chain.task(TaskId::new(number)).await?),
    };
    let Some(step) = due(&held, task.as_ref(), &head) else {
        return Err(refusal(
            "nothing_due",
            format!("nothing is due for what is held back of submission {id}"),
            format!("`zarathustra submission show {id}` tells until when"),
        ));
    };
    match (step, &task) {
        (Step::FixSeed, Some(task)) => {
            progress("sending fixSeed");
            chain.fix_seed(task.id, task.seed_block).await?;
        }
        (Step::Deliver, Some(task)) => {
            deliver(&chain, task).await?;
        }
        (Step::Expire, _) => {
            progress("sending expire");
            let call = expireCall { submissionId: id };
            chain.transact(held.desk, call, U256::ZERO).await?;
        }
        (Step::Lapse, _) => {
            progress("sending lapse");
            let call = lapseCall { submissionId: id };
            chain.transact(held.desk, call, U256::ZERO).await?;
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

/// What can be done now; the contracts have the last word.
fn due(held: &Retained, task: Option<&Task>, head: &Head) -> Option<Step> {
    let Some(task) = task else {
        return match head.clock {
            now if now >= held.until => Some(Step::Lapse),
            now if now >= held.from => Some(Step::Open),
            _ => None,
        };
    };
    // While Fetching the deadline is a block.
    let now = match task.state {
        TaskState::Fetching => head.number,
        _ => head.clock,
    };
    match (task.state, now >= task.deadline) {
        (TaskState::Fetching, false) => (head.number > task.seed_block).then_some(Step::FixSeed),
        (TaskState::Fetching | TaskState::Evaluating, true) => Some(Step::Expire),
        (TaskState::Certified, true) => Some(Step::Deliver),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::B256;
    use zarathustra_primitives::{Epoch, SubjectHash, Turn};

    use super::*;

    fn task(state: TaskState, deadline: u64) -> Task {
        Task {
            id: TaskId::new(1),
            kind: KindId::new(2),
            state,
            retried: false,
            is_final: false,
            delivered: false,
            epoch: Epoch::new(1),
            turn_base: Turn::new(0),
            turn_base_at: 0,
            seed_block: 20,
            seed_fixed_at: 0,
            deadline,
            certified_at: 0,
            commitment: None,
            fee: 1,
            seed: None,
            subject: SubjectHash::new(B256::ZERO),
            environment: None,
        }
    }

    #[test]
    fn each_state_has_its_way_out() {
        let held = Retained {
            amount: 1,
            from: 100,
            until: 500,
            kind: KindId::new(2),
            desk: Address::ZERO,
            task: 0,
        };
        let head = |number, clock| Head {
            number,
            hash: B256::ZERO,
            timestamp: 0,
            clock,
            paused: false,
            base_fee: 0,
        };
        let cases = [
            (None, head(0, 99), None),
            (None, head(0, 100), Some(Step::Open)),
            (None, head(0, 499), Some(Step::Open)),
            (None, head(0, 500), Some(Step::Lapse)),
            (Some(task(TaskState::Fetching, 30)), head(20, 99), None),
            (
                Some(task(TaskState::Fetching, 30)),
                head(21, 99),
                Some(Step::FixSeed),
            ),
            (
                Some(task(TaskState::Fetching, 30)),
                head(30, 0),
                Some(Step::Expire),
            ),
            (Some(task(TaskState::Evaluating, 30)), head(99, 29), None),
            (
                Some(task(TaskState::Evaluating, 30)),
                head(0, 30),
                Some(Step::Expire),
            ),
            (Some(task(TaskState::Certified, 30)), head(99, 29), None),
            (
                Some(task(TaskState::Certified, 30)),
                head(0, 30),
                Some(Step::Deliver),
            ),
        ];
        for (task, head, expected) in cases {
            assert_eq!(due(&held, task.as_ref(), &head), expected, "{task:?}");
        }
    }
}
