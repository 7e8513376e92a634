//! Looking at claims and voting on them.

use std::collections::HashSet;

use futures::future::join_all;
use tracing::{debug, info, warn};
use zarathustra_chain::{ChainError, EpochTable, Task};
use zarathustra_node::{Opinion, Outcome};
use zarathustra_primitives::{
    B256, ClaimId, Purpose, TaskHash, TaskId, TaskState, Verdict, Vote, keccak256,
};
use zarathustra_wire::{
    CheckedClaim, ClaimFault, ClaimMessage, ClaimView, VoteMessage, check_claim,
};

use super::{Operator, evaluate::assignment};
use crate::job::{Done, Stand};

/// Claims of a task that are looked at, per aggregator: more than turns that pass in practice.
const MAX_CLAIMS: usize = 64;
/// Messages that are no claims, remembered for a task; beyond that they are looked at again.
const MAX_NONSENSE: usize = 1024;

impl Operator {
    /// Asks the aggregators for claims, judges new ones, sends votes that are not there yet. Of a
    /// certified task only the `approved` claim is looked at, which the chain has checked.
    pub(super) async fn attest(
        &mut self,
        task: &Task,
        hash: TaskHash,
        table: &EpochTable,
        outcome: Option<&Outcome>,
        approved: Option<ClaimId>,
    ) -> Result<Vec<Vec<ClaimView>>, ChainError> {
        let answers = join_all(self.parts.aggregators.iter().map(|a| a.claims(task.id))).await;
        let mut shown: Vec<Vec<ClaimView>> = Vec::new();
        for (aggregator, answer) in self.parts.aggregators.iter().zip(answers) {
            shown.push(match answer {
                Ok(views) => views.into_iter().take(MAX_CLAIMS).collect(),
                Err(error) => {
                    debug!(aggregator = aggregator.url(), code = error.code(), %error, "no claims from an aggregator");
                    Vec::new()
                }
            });
        }
        for view in shown.iter().flatten() {
            if approved.is_none_or(|approved| view.claim_id == approved) {
                self.consider(task, hash, table, outcome, view).await?;
            }
        }
        self.try_again(task.id, &shown);
        for (aggregator, views) in self.parts.aggregators.iter().zip(&shown) {
            let mut sent = HashSet::new();
            for view in views {
                let stands = self.jobs.get(&task.id).map(|job| &job.stands);
                let Some(Stand::Voted(vote)) = stands.and_then(|s| s.get(&view.claim_id)) else {
                    continue;
                };
                if !view.voters.contains(&self.parts.address)
                    && sent.insert(view.claim_id)
                    && let Err(error) = aggregator.send_vote(vote).await
                {
                    warn!(task_id = %task.id, aggregator = aggregator.url(), code = error.code(), %error, "an aggregator did not take the vote");
                }
            }
        }
        Ok(shown)
    }

    /// Lets the evidence of a claim be tried again when every message about it was tried.
    pub(super) fn try_again(&mut self, task: TaskId, shown: &[Vec<ClaimView>]) {
        let job = self.job(task);
        job.unusable.retain(|claim, tried| {
            let views = shown.iter().flatten().filter(|v| v.claim_id == *claim);
            let mut names = views.map(message_name);
            names.any(|name| !tried.contains(&name))
        });
    }

    /// Starts judging a claim that was not looked at yet.
    pub(super) async fn consider(
        &mut self,
        task: &Task,
        hash: TaskHash,
        table: &EpochTable,
        outcome: Option<&Outcome>,
        view: &ClaimView,
    ) -> Result<(), ChainError> {
        if table.row_of(self.parts.address).is_none()
            || self.job(task.id).stands.contains_key(&view.claim_id)
        {
            return Ok(());
        }
        let name = message_name(view);
        let job = self.job(task.id);
        let tried = job.unusable.get(&view.claim_id);
        if job.nonsense.contains(&name) || tried.is_some_and(|tried| tried.contains(&name)) {
            return Ok(());
        }
        let checked = match ClaimMessage::from_params(&view.params) {
            Ok(message) if task.state == TaskState::Certified => Ok(approved(hash, message)),
            Ok(message) => check_claim(&self.parts.chain, task, hash, table, message).await,
            Err(malformed) => Err(ClaimFault::from(malformed)),
        };
        let fault = match checked {
            Ok(claim) if claim.id == view.claim_id => {
                return self.judge(task, outcome, claim, name);
            }
            Ok(_) => ClaimFault::Misnamed,
            // The task was decided between two reads.
            Err(ClaimFault::Chain(ChainError::Reverted { .. })) => return Ok(()),
            Err(ClaimFault::Chain(error)) => return Err(error),
            Err(fault) => fault,
        };
        if !fault.may_pass() {
            info!(task_id = %task.id, claim_id = %view.claim_id, code = fault.code(), reason = %fault, "claim ignored");
            let claims = &self.parts.metrics.claims;
            claims.with_label_values(&["ignored"]).inc();
            let nonsense = &mut self.job(task.id).nonsense;
            if nonsense.len() >= MAX_NONSENSE {
                nonsense.clear();
            }
            nonsense.insert(name);
        }
        Ok(())
    }

    /// Compares a claim with what was found here, in the background.
    pub(super) fn judge(
        &mut self,
        task: &Task,
        outcome: Option<&Outcome>,
        checked: CheckedClaim,
        name: B256,
    ) -> Result<(), ChainError> {
        let (Some(kind), Some(seed)) = (self.kinds.get(&task.kind).cloned(), task.seed) else {
            return Ok(());
        };
        let assignment = assignment(task, seed);
        let job = self.jobs.entry(task.id).or_default();
        job.stands.insert(checked.id, Stand::Judging);
        let (task, own) = (Box::new(task.clone()), outcome.cloned());
        self.work.spawn(job.evaluating.of(async move {
            let message = &checked.message;
            let opinion = kind
                .judge(
                    assignment,
                    Purpose::Claim,
                    own.as_ref(),
                    &message.body.result,
                    &message.proof,
                )
                .await;
            Done::Judged {
                task,
                claim: Box::new(checked),
                message: name,
                opinion,
            }
        }));
        Ok(())
    }

    /// Votes as the opinion says: the journal decides whether that may be signed.
    pub(super) async fn vote(
        &mut self,
        task: &Task,
        claim: &CheckedClaim,
        message: B256,
        opinion: Opinion,
    ) {
        let (verdict, why) = match &opinion {
            Opinion::Approve => (Verdict::Approve, "agrees".to_owned()),
            Opinion::Reject { code, detail } => (Verdict::Reject, format!("{code}: {detail}")),
            Opinion::Abstain(abstain) => {
                info!(task_id = %task.id, claim_id = %claim.id, code = abstain.code, reason = %abstain, "no vote on a claim");
                let job = self.job(task.id);
                // Where nothing was found here, that says more.
                if job.found_nothing() {
                    job.silence.get_or_insert_with(|| abstain.clone());
                } else {
                    job.silence = Some(abstain.clone());
                }
                if abstain.retry {
                    job.stands.remove(&claim.id);
                    job.unusable.entry(claim.id).or_default().insert(message);
                } else {
                    job.stands.insert(claim.id, Stand::Silent);
                }
                return;
            }
        };
        // A reorganisation may have changed the task while the claim was judged.
        let hash = claim.claim.task;
        if self
            .job(task.id)
            .evaluation
            .as_ref()
            .is_none_or(|(under, _)| *under != hash)
        {
            return;
        }
        let vote = Vote {
            task: hash,
            claim: claim.id,
            purpose: Purpose::Claim,
            verdict,
        };
        let table = match self.table(task.epoch).await {
            Ok(table) => table,
            Err(error) => {
                debug!(task_id = %task.id, code = error.code(), %error, "the epoch cannot be read; the claim is judged again");
                self.job(task.id).stands.remove(&claim.id);
                return;
            }
        };
        // The key that the operator had when the epoch was written.
        let row = table.row_of(self.parts.address);
        let Some(signer) = row.and_then(|row| self.parts.keys.with_key(&row.key)) else {
            warn!(task_id = %task.id, claim_id = %claim.id, epoch = %task.epoch, code = "not_the_epochs_key", "none of the BLS keys is the operator's in the task's epoch; no vote");
            self.job(task.id).stands.insert(claim.id, Stand::Silent);
            return;
        };
        let signature = match signer.sign_vote(&vote) {
            Ok(signature) => signature,
            Err(error) => {
                warn!(task_id = %task.id, claim_id = %claim.id, code = error.code(), %error, "the journal refuses the vote");
                self.job(task.id).stands.insert(claim.id, Stand::Silent);
                return;
            }
        };
        info!(task_id = %task.id, claim_id = %claim.id, verdict = verdict.code(), reason = %why, "voted");
        self.parts
            .metrics
            .votes
            .with_label_values(&[verdict.code()])
            .inc();
        let message = VoteMessage {
            task_id: task.id,
            claim_id: claim.id,
            purpose: Purpose::Claim,
            verdict,
            operator: self.parts.address,
            signature,
        };
        for (aggregator, sent) in self
            .parts
            .aggregators
            .iter()
            .zip(join_all(self.parts.aggregators.iter().map(|a| a.send_vote(&message))).await)
        {
            if let Err(error) = sent {
                debug!(task_id = %task.id, aggregator = aggregator.url(), code = error.code(), %error, "vote not taken yet; it is sent again");
            }
        }
        let job = self.job(task.id);
        job.verdict = Some(verdict);
        job.stands.insert(claim.id, Stand::Voted(Box::new(message)));
    }
}

/// A claim that a certificate approved: whether it is the one it is called is all that is asked.
fn approved(hash: TaskHash, message: ClaimMessage) -> CheckedClaim {
    let claim = message.claim(hash);
    CheckedClaim {
        id: claim.id(),
        claim,
        message,
    }
}

/// Tells messages about claims apart.
pub(super) fn message_name(view: &ClaimView) -> B256 {
    keccak256(format!("{}{}", view.claim_id, view.params))
}
