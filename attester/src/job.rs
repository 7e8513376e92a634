//! What an operator knows about one task, and the work it has under way for it.

use std::collections::{HashMap, HashSet};

use zarathustra_chain::Task;
use zarathustra_node::{Abstain, Opinion, Outcome};
use zarathustra_primitives::{B256, ClaimId, TaskHash, TaskId, Verdict};
use zarathustra_wire::{CheckedClaim, VoteMessage};

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
    /// Another evaluation, once the task is contested, unless the first began so. Until it is there
    /// the first one's outcome serves to attest.
    pub(crate) contested: Option<Evaluation>,
    /// Whether the first evaluation began when the task was contested.
    pub(crate) began_contested: bool,
    pub(crate) stands: HashMap<ClaimId, Stand>,
    /// Messages that are no claims, by their hash, so that each is looked at once. Nothing is
    /// noted under a claim's name: whoever passes nonsense on chooses the name.
    pub(crate) nonsense: HashSet<B256>,
    /// Messages of a claim whose evidence could not be used, by their hash: another one may name
    /// evidence that can.
    pub(crate) unusable: HashMap<ClaimId, HashSet<B256>>,
    /// Why the last try to fetch failed, also while another is under way.
    pub(crate) lack: Option<Abstain>,
    /// The last verdict given, for the closing line.
    pub(crate) verdict: Option<Verdict>,
    /// Why nothing was said, for the closing line.
    pub(crate) silence: Option<Abstain>,
}

impl Job {
    /// What the evaluation under the task's present hash came to; `None` while there is none.
    pub(crate) fn evaluated(&self, hash: TaskHash) -> Option<Result<&Outcome, &Abstain>> {
        let (under, first) = self.evaluation.as_ref()?;
        if *under != hash {
            return None;
        }
        match (&self.contested, first) {
            (Some(Evaluation::Done(Ok(outcome))), _) => Some(Ok(outcome)),
            (_, Evaluation::Done(done)) => Some(done.as_ref()),
            (_, Evaluation::Running) => None,
        }
    }

    /// Whether the evaluation ended without an outcome.
    pub(crate) const fn found_nothing(&self) -> bool {
        matches!(self.evaluation, Some((_, Evaluation::Done(Err(_)))))
    }

    /// Whether what was found is what to claim in a task that is contested.
    pub(crate) const fn knows_of_contest(&self) -> bool {
        self.began_contested || matches!(self.contested, Some(Evaluation::Done(Ok(_))))
    }

    /// Forgets what was found under another seed or epoch: a reorganisation or a retry changed it.
    pub(crate) fn forget_others(&mut self, hash: TaskHash) {
        if self
            .evaluation
            .as_ref()
            .is_some_and(|(under, _)| *under != hash)
        {
            self.evaluation = None;
            self.contested = None;
            self.began_contested = false;
            self.stands.clear();
            self.nonsense.clear();
            self.unusable.clear();
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
        /// Whether the task was contested when it began.
        contested: bool,
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
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: TaskHash = TaskHash::new(B256::repeat_byte(1));

    fn outcome(summary: &str) -> Outcome {
        Outcome {
            result: vec![1],
            evidence: Vec::new(),
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
    fn the_first_outcome_serves_until_the_one_for_a_contested_task_is_there() {
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
        job.evaluation = Some((HASH, Evaluation::Done(Ok(outcome("first")))));
        for contested in [
            None,
            Some(Evaluation::Running),
            Some(Evaluation::Done(Err(lack.clone()))),
        ] {
            job.contested = contested;
            assert_eq!(found(&job), Some(Ok("first")));
            assert!(!job.knows_of_contest());
        }
        job.contested = Some(Evaluation::Done(Ok(outcome("second"))));
        assert_eq!(found(&job), Some(Ok("second")));
        assert!(job.knows_of_contest());
        // Also where the first one came to nothing.
        job.evaluation = Some((HASH, Evaluation::Done(Err(lack))));
        assert_eq!(found(&job), Some(Ok("second")));
        job.contested = None;
        assert_eq!(found(&job), Some(Err("local_timed_out")));
    }

    #[test]
    fn what_was_found_under_another_hash_is_forgotten_whole() {
        let mut job = Job {
            evaluation: Some((HASH, Evaluation::Done(Ok(outcome("first"))))),
            contested: Some(Evaluation::Done(Ok(outcome("second")))),
            began_contested: true,
            ..Job::default()
        };
        job.forget_others(HASH);
        assert_eq!(found(&job), Some(Ok("second")));
        let other = TaskHash::new(B256::repeat_byte(2));
        assert!(job.evaluated(other).is_none());
        job.forget_others(other);
        assert!(job.evaluation.is_none() && job.contested.is_none());
        assert!(!job.knows_of_contest());
    }
}
