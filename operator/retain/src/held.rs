//! What is held back of a reward, and what is due for it (specification 4.10).

use zarathustra_chain::{Chain, ChainError, Head, Task, abi::retention_desk::IRetentionDesk, read};
use zarathustra_primitives::{Address, KindId, TaskId, TaskState};

/// What is held back of a submission's reward.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
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
    /// The task that is open.
    pub task: Option<Task>,
}

/// What somebody has to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A task can be opened, for a fee.
    Open,
    /// The task's seed can be fixed.
    FixSeed,
    /// The task's result can be delivered.
    Deliver,
    /// The task was not certified in time.
    Expire,
    /// Nobody opened a task in time, or none that was certified.
    Lapse,
}

impl Held {
    /// Reads it; `None` when nothing is held back, or no longer.
    ///
    /// # Errors
    /// [`ChainError`]; [`ChainError::Reverted`] for an unknown submission.
    pub async fn read(chain: &Chain, submission: u64) -> Result<Option<Self>, ChainError> {
        let held = read("retention", chain.market().retention(submission)).await?;
        if held.amount == 0 {
            return Ok(None);
        }
        let kind = KindId::new(held.kind);
        let desk = chain.definition(kind).await?.source;
        let contract = IRetentionDesk::new(desk, chain.provider().clone());
        let task = match read("taskOf", contract.taskOf(submission)).await? {
            0 => None,
            number => Some(chain.task(TaskId::new(number)).await?),
        };
        Ok(Some(Self {
            amount: held.amount,
            from: held.from,
            until: held.from.saturating_add(held.window.into()),
            kind,
            desk,
            task,
        }))
    }

    /// What can be done now; the contracts have the last word.
    pub fn due(&self, head: &Head) -> Option<Step> {
        let Some(task) = &self.task else {
            return match head.clock {
                now if now >= self.until => Some(Step::Lapse),
                now if now >= self.from => Some(Step::Open),
                _ => None,
            };
        };
        // While Fetching the deadline is a block.
        let now = match task.state {
            TaskState::Fetching => head.number,
            _ => head.clock,
        };
        match (task.state, now >= task.deadline) {
            (TaskState::Fetching, false) => {
                (head.number > task.seed_block).then_some(Step::FixSeed)
            }
            (TaskState::Fetching | TaskState::Evaluating, true) => Some(Step::Expire),
            (TaskState::Certified, true) => Some(Step::Deliver),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use zarathustra_primitives::{B256, Epoch, SubjectHash, Turn};

    use super::*;

    fn task(state: TaskState, deadline: u64) -> Task {
        Task {
            id: TaskId::new(1),
            kind: KindId::new(2),
            state,
            retried: false,
            is_final: false,
            delivered: false,
            appealed: false,
            epoch: Epoch::new(1),
            turn_base: Turn::new(0),
            turn_base_at: 0,
            seed_block: 20,
            seed_target: 0,
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
        let mut held = Held {
            amount: 1,
            from: 100,
            until: 500,
            kind: KindId::new(2),
            desk: Address::ZERO,
            task: None,
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
            held.task = task;
            assert_eq!(held.due(&head), expected, "{held:?}");
        }
    }
}
