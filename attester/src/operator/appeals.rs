//! Judging certified claims that were appealed.

use futures::future::join_all;
use tracing::{debug, info, warn};
use zarathustra_chain::{ChainError, Task};
use zarathustra_node::Opinion;
use zarathustra_primitives::{B256, ClaimId, Purpose, Seed, TaskHash, Verdict, Vote};
use zarathustra_wire::{ClaimMessage, ClaimView, VoteMessage};

use super::{Operator, evaluate::assignment, votes::message_name};
use crate::job::{Done, Stand};

/// Messages about one claim that are looked at, per aggregator.
const MAX_MESSAGES: usize = 8;

impl Operator {
    /// Judges the claim of a task that is appealed, once, and sees to it that every aggregator has
    /// the vote.
    pub(super) async fn hear(&mut self, task: &Task) -> Result<(), ChainError> {
        let Some(seed) = task.seed.filter(|_| self.kinds.contains_key(&task.kind)) else {
            return Ok(());
        };
        let table = self.table(task.epoch).await?;
        if table.row_of(self.parts.address).is_none() {
            return Ok(());
        }
        let Some(certified) = self.parts.chain.certified(task).await? else {
            warn!(task_id = %task.id, code = "events_missing", "the node has no event of the certificate that was appealed");
            return Ok(());
        };
        let claim = ClaimId::new(certified.claimId);
        let answers = join_all(self.parts.aggregators.iter().map(|a| a.appeals(task.id))).await;
        let mut shown: Vec<Vec<ClaimView>> = Vec::new();
        for (aggregator, answer) in self.parts.aggregators.iter().zip(answers) {
            shown.push(match answer {
                Ok(mut views) => {
                    views.retain(|view| view.claim_id == claim);
                    views.truncate(MAX_MESSAGES);
                    views
                }
                Err(error) => {
                    debug!(aggregator = aggregator.url(), code = error.code(), %error, "nothing about an appeal from an aggregator");
                    Vec::new()
                }
            });
        }
        let job = self.job(task.id);
        if job.appeal.as_ref().is_some_and(|(of, _)| *of != claim) {
            job.appeal = None;
            job.unusable_in_appeal.clear();
        }
        match job.appeal.clone() {
            None => self.take_up(task, seed, claim, &certified.result, &shown),
            Some((_, Stand::Voted(vote))) => {
                for (aggregator, views) in self.parts.aggregators.iter().zip(&shown) {
                    let has_it = |view: &ClaimView| view.voters.contains(&self.parts.address);
                    if views.iter().any(has_it) {
                        continue;
                    }
                    if let Err(error) = aggregator.send_vote(&vote).await {
                        debug!(task_id = %task.id, aggregator = aggregator.url(), code = error.code(), %error, "an aggregator did not take the vote in an appeal");
                    }
                }
            }
            Some(_) => {}
        }
        Ok(())
    }

    /// Starts judging with a message about the claim that was not tried yet. Where all were, they
    /// are tried again: what is missing may come.
    fn take_up(
        &mut self,
        task: &Task,
        seed: Seed,
        claim: ClaimId,
        result: &[u8],
        shown: &[Vec<ClaimView>],
    ) {
        let Some(kind) = self.kinds.get(&task.kind).cloned() else {
            return;
        };
        let hash = self.hash(task, seed);
        let usable = |view: &&ClaimView| {
            ClaimMessage::from_params(&view.params).is_ok_and(|m| m.claim(hash).id() == claim)
        };
        let views: Vec<&ClaimView> = shown.iter().flatten().filter(usable).collect();
        let own = self.outcomes.load(task.id, hash, false);
        let job = self.jobs.entry(task.id).or_default();
        let tried = &mut job.unusable_in_appeal;
        if views.iter().all(|view| tried.contains(&message_name(view))) {
            tried.clear();
        }
        let view = views
            .into_iter()
            .find(|view| !tried.contains(&message_name(view)));
        let message = view.map(message_name);
        let proof = view
            .and_then(|view| ClaimMessage::from_params(&view.params).ok())
            .map(|message| message.proof)
            .unwrap_or_default();
        job.appeal = Some((claim, Stand::Judging));
        let assignment = assignment(task, seed);
        let (task, result) = (Box::new(task.clone()), result.to_vec());
        self.work.spawn(job.evaluating.of(async move {
            // After a restart the content is pinned, but not in this process yet.
            let prepared = kind.prepare(task.id).await;
            let opinion = match prepared {
                Err(abstain) if own.is_none() => Opinion::Abstain(abstain),
                _ => {
                    kind.judge(assignment, Purpose::Appeal, own.as_ref(), &result, &proof)
                        .await
                }
            };
            Done::Heard {
                task,
                hash,
                claim,
                message,
                opinion,
            }
        }));
    }

    /// Votes in the appeal as the opinion says: the journal decides whether that may be signed.
    pub(super) async fn heard(
        &mut self,
        task: &Task,
        hash: TaskHash,
        claim: ClaimId,
        message: Option<B256>,
        opinion: Opinion,
    ) {
        let (verdict, why) = match opinion {
            Opinion::Approve => (Verdict::Approve, "agrees".to_owned()),
            Opinion::Reject { code, detail } => (Verdict::Reject, format!("{code}: {detail}")),
            Opinion::Abstain(abstain) => {
                info!(task_id = %task.id, claim_id = %claim, code = abstain.code, reason = %abstain, "no vote in an appeal");
                let job = self.job(task.id);
                if abstain.retry {
                    job.appeal = None;
                    job.unusable_in_appeal.extend(message);
                } else {
                    job.appeal = Some((claim, Stand::Silent));
                }
                return;
            }
        };
        let vote = Vote {
            task: hash,
            claim,
            purpose: Purpose::Appeal,
            verdict,
        };
        let table = match self.table(task.epoch).await {
            Ok(table) => table,
            Err(error) => {
                debug!(task_id = %task.id, code = error.code(), %error, "the epoch cannot be read; the appeal is judged again");
                self.job(task.id).appeal = None;
                return;
            }
        };
        // The key that the operator had when the epoch was written.
        let row = table.row_of(self.parts.address);
        let Some(signer) = row.and_then(|row| self.parts.keys.with_key(&row.key)) else {
            warn!(task_id = %task.id, claim_id = %claim, epoch = %task.epoch, code = "not_the_epochs_key", "none of the BLS keys is the operator's in the task's epoch; no vote in the appeal");
            self.job(task.id).appeal = Some((claim, Stand::Silent));
            return;
        };
        let signature = match signer.sign_vote(&vote) {
            Ok(signature) => signature,
            Err(error) => {
                warn!(task_id = %task.id, claim_id = %claim, code = error.code(), %error, "the journal refuses the vote in an appeal");
                self.job(task.id).appeal = Some((claim, Stand::Silent));
                return;
            }
        };
        info!(task_id = %task.id, claim_id = %claim, verdict = verdict.code(), reason = %why, "voted in an appeal");
        self.parts
            .metrics
            .votes
            .with_label_values(&[verdict.code()])
            .inc();
        let message = VoteMessage {
            task_id: task.id,
            claim_id: claim,
            purpose: Purpose::Appeal,
            verdict,
            operator: self.parts.address,
            signature,
        };
        // It is sent at the next tick, to each aggregator that does not show it.
        self.job(task.id).appeal = Some((claim, Stand::Voted(Box::new(message))));
    }

    fn hash(&self, task: &Task, seed: Seed) -> TaskHash {
        let domain = self.parts.chain.domain();
        domain.task_hash(task.id, task.kind, task.epoch, seed, task.subject)
    }
}
