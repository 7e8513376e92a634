//! Votes after the certificate: an operator that had not voted adds its vote while that counts (3.4).

use tracing::debug;
use zarathustra_chain::{ChainError, EpochTable, Task, commitment};
use zarathustra_primitives::{B256, ClaimId, Position, TaskHash, U256, Verdict};

use super::Operator;
use crate::job::{Evaluation, Stand};

/// Bits in a word of a bitmap of positions (3.2).
const WORD_BITS: usize = 256;

/// What a certificate says to one operator.
#[derive(Clone, Debug)]
pub(crate) struct Approved {
    /// What the task committed to when this was read.
    pub(crate) commitment: B256,
    pub(crate) claim: ClaimId,
    /// Whether this operator's vote is missing.
    pub(crate) missing: bool,
}

impl Operator {
    /// Votes on the approved claim of a certified task, when this operator evaluated it and its
    /// vote is missing. Answers whether there is something left to be done.
    pub(super) async fn attest_late(
        &mut self,
        task: &Task,
        clock: u64,
    ) -> Result<bool, ChainError> {
        let Some(seed) = task.seed else {
            return Ok(false);
        };
        let hash =
            self.parts
                .chain
                .domain()
                .task_hash(task.id, task.kind, task.epoch, seed, task.subject);
        self.restore(task, hash);
        let evaluation = self
            .jobs
            .get(&task.id)
            .and_then(|job| job.evaluation.clone());
        let own = match evaluation {
            Some((under, Evaluation::Running)) if under == hash => None,
            Some((under, Evaluation::Done(Ok(outcome)))) if under == hash => Some(outcome),
            // Who found nothing has nothing to add.
            _ => return Ok(false),
        };
        if clock
            > task
                .certified_at
                .saturating_add(self.supplement_window(task).await?)
        {
            return Ok(false);
        }
        let table = self.table(task.epoch).await?;
        let Some(approved) = self.approved_of(task, &table).await? else {
            return Ok(true);
        };
        let stand = self
            .jobs
            .get(&task.id)
            .and_then(|job| job.stands.get(&approved.claim));
        let disagrees = match stand {
            Some(Stand::Voted(vote)) => vote.verdict == Verdict::Reject,
            Some(Stand::Silent) => true,
            Some(Stand::Judging) | None => false,
        };
        if !approved.missing || disagrees {
            return Ok(false);
        }
        if let Some(outcome) = own {
            self.attest(task, hash, &table, Some(&outcome), Some(approved.claim))
                .await?;
        }
        Ok(true)
    }

    /// Takes up what was found before a restart.
    fn restore(&mut self, task: &Task, hash: TaskHash) {
        if self
            .jobs
            .get(&task.id)
            .is_none_or(|job| job.evaluation.is_none())
            && let Some(outcome) = self.outcomes.load(task.id, hash, false)
        {
            self.job(task.id).evaluation = Some((hash, Evaluation::Done(Ok(outcome))));
        }
    }

    /// Blocks after a certificate in which late votes count.
    pub(super) async fn supplement_window(&mut self, task: &Task) -> Result<u64, ChainError> {
        if let Some(window) = self.supplement_windows.get(&task.kind) {
            return Ok(*window);
        }
        // A kind never changes.
        let definition = self.parts.chain.definition(task.kind).await?;
        let window = definition.supplement_window.into();
        self.supplement_windows.insert(task.kind, window);
        Ok(window)
    }

    /// The claim that was approved and whether this operator's vote is missing, as the task commits
    /// to it now; `None` while the node does not tell.
    async fn approved_of(
        &mut self,
        task: &Task,
        table: &EpochTable,
    ) -> Result<Option<Approved>, ChainError> {
        let known = self.jobs.get(&task.id).and_then(|job| job.late.clone());
        if let Some(known) = known.filter(|known| task.commitment == Some(known.commitment)) {
            return Ok(Some(known));
        }
        let Some(event) = self.parts.chain.certified(task).await? else {
            return Ok(None);
        };
        let committed = event.committed;
        let now = commitment(task.id, &committed);
        if task.commitment != Some(now) {
            debug!(task_id = %task.id, "the certificate changed between two reads");
            return Ok(None);
        }
        let missing = table.row_of(self.parts.address).is_some_and(|row| {
            row.position.get() != committed.performerIndex
                && is_set(&committed.nonSigners, row.position)
        });
        let approved = Approved {
            commitment: now,
            claim: ClaimId::new(committed.claimId),
            missing,
        };
        self.job(task.id).late = Some(approved.clone());
        Ok(Some(approved))
    }
}

fn is_set(bitmap: &[U256], position: Position) -> bool {
    let word = bitmap.get(position.index() / WORD_BITS);
    word.is_some_and(|word| word.bit(position.index() % WORD_BITS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_has_its_bit_in_its_word() {
        let bitmap = [U256::from(0b10), U256::from(0b1)];
        let set: Vec<u32> = (0..600)
            .filter(|position| is_set(&bitmap, Position::new(*position)))
            .collect();
        assert_eq!(set, [1, 256]);
    }
}
