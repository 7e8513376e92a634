//! Judging certified claims that were appealed (specification 3.6).

use futures::future::join_all;
use tracing::{debug, info, warn};
use zarathustra_chain::{ChainError, Task};
use zarathustra_node::{Assignment, Opinion};
use zarathustra_primitives::{
    B256, ClaimId, Epoch, Purpose, TaskHash, TaskId, TaskState, Verdict, Vote,
};
use zarathustra_wire::{ClaimMessage, ClaimView, VoteMessage};

use super::{Operator, votes::message_name};
use crate::job::{Done, Stand};

/// Messages about one claim that are looked at, per aggregator.
const MAX_MESSAGES: usize = 8;

/// A certified claim about which the operators of its epoch are asked again.
struct Question {
    claim: ClaimId,
    epoch: Epoch,
    hash: TaskHash,
    assignment: Assignment,
    result: Vec<u8>,
}

impl Operator {
    /// Judges the claims of a task that are appealed, each once, and sees to it that every
    /// aggregator has the vote: until the appeal is decided, and as long as those who approved an
    /// overturned claim can correct themselves. Answers whether there are such claims.
    pub(super) async fn hear(&mut self, task: &Task, clock: u64) -> Result<bool, ChainError> {
        let mut asked = false;
        for question in self.questions(task, clock).await? {
            asked = true;
            self.answer(task, question).await?;
        }
        Ok(asked)
    }

    async fn questions(&mut self, task: &Task, clock: u64) -> Result<Vec<Question>, ChainError> {
        let mut asked = Vec::new();
        if task.state == TaskState::Certified && task.appealed && clock < task.deadline {
            match self.parts.chain.certified(task).await? {
                Some(c) => asked.push((ClaimId::new(c.claimId), c.committed.epoch, c.result)),
                None => {
                    warn!(task_id = %task.id, code = "events_missing", "the node has no event of the certificate that was appealed");
                }
            }
        }
        // Only a certificate takes the seed block from a task.
        if task.seed.is_some()
            && task.seed_block == 0
            && (task.retried || task.state != TaskState::Certified)
        {
            // The market clock is never ahead of the block's number.
            let from = clock.saturating_sub(self.supplement_window(task).await?);
            let chain = &self.parts.chain;
            for overturned in chain.overturned(Some(task.id), from).await? {
                if clock <= overturned.corrected_until
                    && let Some(c) = chain.certificate_of(task.id, overturned.claim).await?
                {
                    asked.push((overturned.claim, c.committed.epoch, c.result));
                }
            }
        }
        let mut questions = Vec::new();
        for (claim, epoch, result) in asked {
            let epoch = Epoch::new(epoch);
            questions.extend(self.question(task, claim, epoch, result.to_vec()).await?);
        }
        Ok(questions)
    }

    /// The question, where this operator is one of those who are asked.
    async fn question(
        &mut self,
        task: &Task,
        claim: ClaimId,
        epoch: Epoch,
        result: Vec<u8>,
    ) -> Result<Option<Question>, ChainError> {
        let Some(seed) = task.seed.filter(|_| self.kinds.contains_key(&task.kind)) else {
            return Ok(None);
        };
        let table = self.table(epoch).await?;
        if table.row_of(self.parts.address).is_none() {
            return Ok(None);
        }
        let chain = &self.parts.chain;
        let domain = chain.domain();
        Ok(Some(Question {
            claim,
            epoch,
            hash: domain.task_hash(task.id, task.kind, epoch, seed, task.subject),
            assignment: Assignment {
                task: task.id,
                subject: task.subject,
                seed,
                environment: chain.environment_at(task.kind, epoch).await?,
            },
            result,
        }))
    }

    async fn answer(&mut self, task: &Task, question: Question) -> Result<(), ChainError> {
        let claim = question.claim;
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
        match self.job(task.id).appeals.get(&claim).cloned() {
            None => self.take_up(task, question, &shown),
            Some(Stand::Voted(vote)) => {
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
            Some(Stand::Judging | Stand::Silent) => {}
        }
        Ok(())
    }

    /// Starts judging with a message about the claim that was not tried yet. Where all were, they
    /// are tried again: what is missing may come.
    fn take_up(&mut self, task: &Task, question: Question, shown: &[Vec<ClaimView>]) {
        let Some(kind) = self.kinds.get(&task.kind).cloned() else {
            return;
        };
        let Question {
            claim,
            epoch,
            hash,
            assignment,
            result,
        } = question;
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
        job.appeals.insert(claim, Stand::Judging);
        let task = task.id;
        self.work.spawn(job.hearing.of(async move {
            // After a restart the content is pinned, but not in this process yet.
            let prepared = kind.prepare(task).await;
            let opinion = match prepared {
                Err(abstain) if own.is_none() => Opinion::Abstain(abstain),
                _ => {
                    kind.judge(assignment, Purpose::Appeal, own.as_ref(), &result, &proof)
                        .await
                }
            };
            Done::Heard {
                task,
                epoch,
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
        (task, epoch, hash, claim): (TaskId, Epoch, TaskHash, ClaimId),
        message: Option<B256>,
        opinion: Opinion,
    ) {
        let (verdict, why) = match opinion {
            Opinion::Approve => (Verdict::Approve, "agrees".to_owned()),
            Opinion::Reject { code, detail } => (Verdict::Reject, format!("{code}: {detail}")),
            Opinion::Abstain(abstain) => {
                info!(task_id = %task, claim_id = %claim, code = abstain.code, reason = %abstain, "no vote in an appeal");
                let job = self.job(task);
                if abstain.retry {
                    job.appeals.remove(&claim);
                    job.unusable_in_appeal.extend(message);
                } else {
                    job.appeals.insert(claim, Stand::Silent);
                }
                return;
            }
        };
        let table = match self.table(epoch).await {
            Ok(table) => table,
            Err(error) => {
                debug!(task_id = %task, code = error.code(), %error, "the epoch cannot be read; the appeal is judged again");
                self.job(task).appeals.remove(&claim);
                return;
            }
        };
        // The key that the operator had when the epoch was written.
        let row = table.row_of(self.parts.address);
        let Some(signer) = row.and_then(|row| self.parts.keys.with_key(&row.key)) else {
            warn!(task_id = %task, claim_id = %claim, %epoch, code = "not_the_epochs_key", "none of the BLS keys is the operator's in the task's epoch; no vote in the appeal");
            self.job(task).appeals.insert(claim, Stand::Silent);
            return;
        };
        let vote = Vote {
            task: hash,
            claim,
            purpose: Purpose::Appeal,
            verdict,
        };
        let signature = match signer.sign_vote(&vote) {
            Ok(signature) => signature,
            Err(error) => {
                warn!(task_id = %task, claim_id = %claim, code = error.code(), %error, "the journal refuses the vote in an appeal");
                self.job(task).appeals.insert(claim, Stand::Silent);
                return;
            }
        };
        info!(task_id = %task, claim_id = %claim, verdict = verdict.code(), reason = %why, "voted in an appeal");
        self.parts
            .metrics
            .votes
            .with_label_values(&[verdict.code()])
            .inc();
        let message = VoteMessage {
            task_id: task,
            claim_id: claim,
            purpose: Purpose::Appeal,
            verdict,
            operator: self.parts.address,
            signature,
        };
        // It is sent at the next tick, to each aggregator that does not show it.
        let stand = Stand::Voted(Box::new(message));
        self.job(task).appeals.insert(claim, stand);
    }
}
