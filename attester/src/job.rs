//! What an operator knows about one task, and the work it has under way for it.

use std::collections::{HashMap, HashSet};

use zarathustra_chain::Task;
use zarathustra_node::{Abstain, Opinion, Outcome};
use zarathustra_primitives::{B256, ClaimId, Epoch, TaskHash, TaskId, Verdict};
use zarathustra_wire::{CheckedClaim, VoteMessage};

use crate::{operator::Approved, scope::Scope};

/// Preparation of a task: it must be over before the seed is known.
#[derive(Clone, Debug, Default)]
pub(crate) enum Prepared {
    /// Not begun.
    #[default]
    Not,
    /// Under way.
    Running,
    /// Everything is here.
    Ready,
    /// Something could not be had; the operator abstains unless a new try succeeds in time.
    Failed(Abstain),
}

/// Evaluation of a task under one seed.
#[derive(Clone, Debug)]
pub(crate) enum Evaluation {
    /// Under way.
    Running,
    /// Done, or impossible here.
    Done(Result<Outcome, Abstain>),
}

/// An operator's stand on a claim.
#[derive(Clone, Debug)]
pub(crate) enum Stand {
    /// Being compared.
    Judging,
    /// Voted.
    Voted(Box<VoteMessage>),
    /// Not voting, for the reason with this code.
    Silent,
}

/// One task.
#[derive(Debug, Default)]
pub(crate) struct Job {
    pub(crate) prepared: Prepared,
    pub(crate) evaluation: Option<(TaskHash, Evaluation)>,
    /// What to claim, under the same seed, once that is asked for.
    pub(crate) to_claim: Option<Evaluation>,
    pub(crate) stands: HashMap<ClaimId, Stand>,
    /// Messages that are no claims, by their hash, so that each is looked at once. Nothing is
    /// noted under a claim's name: whoever passes nonsense on chooses the name.
    pub(crate) nonsense: HashSet<B256>,
    /// Messages of a claim whose evidence could not be used, by their hash: another one may name
    /// evidence that can.
    pub(crate) unusable: HashMap<ClaimId, HashSet<B256>>,
    /// This operator's stand in appeals, by the claims that they are about.
    pub(crate) appeals: HashMap<ClaimId, Stand>,
    /// Messages about those claims whose evidence could not be used, by their hash.
    pub(crate) unusable_in_appeal: HashSet<B256>,
    /// Why the last try to fetch failed, also while another is under way.
    pub(crate) lack: Option<Abstain>,
    /// The last verdict given, for the closing line.
    pub(crate) verdict: Option<Verdict>,
    /// Why nothing was said, for the closing line.
    pub(crate) silence: Option<Abstain>,
    /// What its certificate said, once it has one.
    pub(crate) late: Option<Approved>,
    /// Fetching, which goes on when the seed changes.
    pub(crate) preparing: Scope,
    /// Evaluating and judging under the present hash.
    pub(crate) evaluating: Scope,
    /// Judging claims that were appealed, which goes on when the task is tried again.
    pub(crate) hearing: Scope,
}

impl Job {
    /// What the evaluation under the task's present hash came to; `None` while there is none.
    pub(crate) fn evaluated(&self, hash: TaskHash) -> Option<Result<&Outcome, &Abstain>> {
        match &self.evaluation {
            Some((under, Evaluation::Done(done))) if *under == hash => Some(done.as_ref()),
            _ => None,
        }
    }

    /// What to claim, once it is found.
    pub(crate) const fn claimable(&self) -> Option<&Outcome> {
        match &self.to_claim {
            Some(Evaluation::Done(Ok(outcome))) => Some(outcome),
            _ => None,
        }
    }

    /// Whether the evaluation ended without an outcome.
    pub(crate) const fn found_nothing(&self) -> bool {
        matches!(self.evaluation, Some((_, Evaluation::Done(Err(_)))))
    }

    /// Whether the task is evaluated under this hash.
    pub(crate) fn is_under(&self, hash: TaskHash) -> bool {
        matches!(&self.evaluation, Some((under, _)) if *under == hash)
    }

    /// The claims that were approved.
    pub(crate) fn approved(&self) -> impl Iterator<Item = ClaimId> {
        self.stands.iter().filter_map(|(claim, stand)| match stand {
            Stand::Voted(vote) if vote.verdict == Verdict::Approve => Some(*claim),
            Stand::Voted(_) | Stand::Judging | Stand::Silent => None,
        })
    }

    /// Stops all work and waits until none of it runs any more.
    pub(crate) async fn end(self) {
        self.preparing.end().await;
        self.evaluating.end().await;
        self.hearing.end().await;
    }

    /// Forgets what was found under another seed or epoch, and stops finding more: a
    /// reorganisation or a retry changed it.
    pub(crate) fn forget_others(&mut self, hash: TaskHash) {
        if self
            .evaluation
            .as_ref()
            .is_some_and(|(under, _)| *under != hash)
        {
            self.evaluation = None;
            self.to_claim = None;
            self.stands.clear();
            self.nonsense.clear();
            self.unusable.clear();
            self.evaluating = Scope::default();
        }
    }
}

/// Work that ended.
#[derive(Debug)]
pub(crate) enum Done {
    Prepared {
        task: Box<Task>,
        result: Result<(), Abstain>,
    },
    Evaluated {
        task: TaskId,
        hash: TaskHash,
        /// Whether to claim or to attest.
        to_claim: bool,
        result: Result<Outcome, Abstain>,
        seconds: f64,
    },
    Judged {
        task: Box<Task>,
        claim: Box<CheckedClaim>,
        /// The hash of the message that was judged.
        message: B256,
        opinion: Opinion,
    },
    /// As `Judged`, in an appeal.
    Heard {
        task: TaskId,
        /// The epoch whose operators are asked.
        epoch: Epoch,
        hash: TaskHash,
        claim: ClaimId,
        /// The hash of the message that was judged; `None` where there was none.
        message: Option<B256>,
        opinion: Opinion,
    },
}

#[cfg(test)]
mod tests {
    use std::{future::pending, sync::Arc};

    use tokio::task::JoinSet;
    use zarathustra_primitives::{Address, BlsSignature, Purpose};

    use super::*;

    const HASH: TaskHash = TaskHash::new(B256::repeat_byte(1));

    fn outcome(summary: &str) -> Outcome {
        Outcome {
            result: vec![1],
            evidence: Arc::default(),
            summary: summary.to_owned(),
        }
    }

    fn found(job: &Job) -> Option<Result<&str, &str>> {
        let done = job.evaluated(HASH)?;
        Some(match done {
            Ok(outcome) => Ok(outcome.summary.as_str()),
            Err(abstain) => Err(abstain.code),
        })
    }

    #[test]
    fn what_to_claim_is_apart_from_what_to_attest_with() {
        let lack = Abstain {
            code: "local_timed_out",
            detail: String::new(),
            retry: false,
        };
        let mut job = Job {
            evaluation: Some((HASH, Evaluation::Running)),
            ..Job::default()
        };
        assert_eq!(found(&job), None);
        job.evaluation = Some((HASH, Evaluation::Done(Ok(outcome("to attest")))));
        for to_claim in [
            None,
            Some(Evaluation::Running),
            Some(Evaluation::Done(Err(lack))),
        ] {
            job.to_claim = to_claim;
            assert_eq!(found(&job), Some(Ok("to attest")));
            assert_eq!(job.claimable(), None);
        }
        job.to_claim = Some(Evaluation::Done(Ok(outcome("to claim"))));
        assert_eq!(found(&job), Some(Ok("to attest")));
        assert_eq!(job.claimable(), Some(&outcome("to claim")));
    }

    #[test]
    fn what_was_found_under_another_hash_is_forgotten_whole() {
        let mut job = Job {
            evaluation: Some((HASH, Evaluation::Done(Ok(outcome("first"))))),
            to_claim: Some(Evaluation::Done(Ok(outcome("second")))),
            ..Job::default()
        };
        job.forget_others(HASH);
        assert_eq!(found(&job), Some(Ok("first")));
        assert_eq!(job.claimable(), Some(&outcome("second")));
        let other = TaskHash::new(B256::repeat_byte(2));
        assert!(job.evaluated(other).is_none());
        job.forget_others(other);
        assert!(job.evaluation.is_none() && job.to_claim.is_none());
    }

    #[tokio::test]
    async fn work_under_another_hash_is_void_and_fetching_goes_on() {
        let mut job = Job {
            evaluation: Some((HASH, Evaluation::Running)),
            ..Job::default()
        };
        let fetched = job.preparing.of(async { "fetched" });
        let (first, second) = (
            job.evaluating.of(async { "first" }),
            job.evaluating.of(async { "second" }),
        );
        job.forget_others(HASH);
        assert_eq!(first.await.wanted(), Some("first"));
        job.forget_others(TaskHash::new(B256::repeat_byte(2)));
        let anew = job.evaluating.of(async { "anew" });
        assert_eq!(second.await.wanted(), None);
        assert_eq!(anew.await.wanted(), Some("anew"));
        assert_eq!(fetched.await.wanted(), Some("fetched"));
    }

    #[tokio::test]
    async fn nothing_of_a_task_that_is_over_is_wanted() {
        let job = Job::default();
        let mut work = JoinSet::new();
        work.spawn(job.preparing.of(async { "fetched" }));
        work.spawn(job.evaluating.of(pending()));
        job.end().await;
        while let Some(ended) = work.join_next().await {
            assert_eq!(ended.expect("no panic").wanted(), None);
        }
    }

    #[test]
    fn only_an_approval_is_one() {
        let vote = |claim: ClaimId, verdict| {
            Stand::Voted(Box::new(VoteMessage {
                task_id: TaskId::new(1),
                claim_id: claim,
                purpose: Purpose::Claim,
                verdict,
                operator: Address::ZERO,
                signature: BlsSignature::new([2; 96]),
            }))
        };
        let claim = |byte| ClaimId::new(B256::repeat_byte(byte));
        let job = Job {
            stands: HashMap::from([
                (claim(1), Stand::Judging),
                (claim(2), vote(claim(2), Verdict::Reject)),
                (claim(3), vote(claim(3), Verdict::Approve)),
                (claim(4), Stand::Silent),
            ]),
            ..Job::default()
        };
        assert_eq!(job.approved().collect::<Vec<_>>(), [claim(3)]);
    }
}
