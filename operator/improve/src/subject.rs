//! What an `improve` task is about, read from the chain.

use zarathustra_chain::{Chain, ChainError, abi::model_submission::IModelSubmissionTypes, read};
use zarathustra_content::{ContentError, ContentId};
use zarathustra_primitives::{
    Alpha, Digest, ImproveSubject, NumberError, RequestId, Score, SubjectHash, SubmissionId, TaskId,
};
use zarathustra_protocol::verdict::Terms;

/// A file as the chain names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its CID; an error when the bytes on chain are none that the market uses, which every
    /// operator finds alike.
    pub id: Result<ContentId, ContentError>,
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
}

impl From<&IModelSubmissionTypes::Content> for File {
    fn from(raw: &IModelSubmissionTypes::Content) -> Self {
        Self {
            id: ContentId::from_bytes(&raw.cid),
            digest: Digest::new(raw.digest.0),
            size: raw.size,
        }
    }
}

/// One comparison: a submission against a champion under a request's terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The subject hash (5.5) of what was read. It is the task's, unless the chain was reorganised
    /// since that was read.
    pub hash: SubjectHash,
    /// The request.
    pub request: RequestId,
    /// The submission.
    pub submission: SubmissionId,
    /// The request manifest.
    pub manifest: File,
    /// The champion that stood when the task opened.
    pub champion: File,
    /// The submission's parameters.
    pub challenger: File,
    /// One-sided error probability.
    pub alpha: Alpha,
    /// What the verdict goes by, as the contract fixed it when it opened the task.
    pub terms: Terms,
    /// Largest parameters that the contract takes, bytes.
    pub max_parameter_bytes: u64,
}

/// Why a subject cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SubjectError {
    /// The chain could not be asked.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The task belongs to no submission.
    #[error("task {0} belongs to no submission")]
    NoSubmission(TaskId),
    /// The contract holds a term that it must not.
    #[error("a term on chain is out of range")]
    Term(#[from] NumberError),
}

impl Subject {
    /// Reads the subject of a task.
    ///
    /// # Errors
    /// [`SubjectError`].
    pub async fn of(chain: &Chain, task: TaskId) -> Result<Self, SubjectError> {
        let market = chain.market();
        let number = read("submissionOfTask", market.submissionOfTask(task.get())).await?;
        if number == 0 {
            return Err(SubjectError::NoSubmission(task));
        }
        let submission = read("submission", market.submission(number)).await?;
        let request = submission.requestId;
        let terms = read("terms", market.terms(request)).await?;
        // Not the terms' own least improvement: the champion's advantage counts (4.9).
        let thresholds = read("thresholds", market.thresholds(task.get())).await?;
        let manifest = read("manifest", market.manifest(request)).await?;
        let champion = read(
            "championAt",
            market.championAt(request, submission.championAtOpen),
        )
        .await?;
        let named = ImproveSubject {
            request: RequestId::new(request),
            submission: SubmissionId::new(number),
            manifest_digest: Digest::new(manifest.digest.0),
            champion_digest: Digest::new(champion.content.digest.0),
            champion_cid: &champion.content.cid,
            challenger_digest: Digest::new(submission.content.digest.0),
            challenger_cid: &submission.content.cid,
            challenger_size: submission.content.size,
        };
        Ok(Self {
            hash: named.hash(),
            request: named.request,
            submission: named.submission,
            manifest: File::from(&manifest),
            champion: File::from(&champion.content),
            challenger: File::from(&submission.content),
            alpha: Alpha::from_ppb(terms.alphaPpb)?,
            terms: Terms {
                min_improvement: Score::from_micros(thresholds.minImprovement),
                tolerance: Score::from_micros(thresholds.tolerance),
                slash_margin: Score::from_micros(thresholds.slashMargin),
                min_samples: thresholds.minSamples,
            },
            max_parameter_bytes: terms.maxParameterBytes,
        })
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::{Address, Bytes, aliases::U96};
    use zarathustra_chain::abi::model_submission::IModelSubmission;

    use super::*;
    use crate::housekeeper::tests::{MARKET, Node};

    fn content() -> IModelSubmissionTypes::Content {
        IModelSubmissionTypes::Content {
            cid: Bytes::new(),
            digest: Default::default(),
            size: 1,
        }
    }

    /// The terms ask for 0.001; the champion was fresh when the task was opened, and it is judged by
    /// 0.003 (4.9). The other thresholds, too, are those that the contract names.
    #[tokio::test]
    async fn a_subject_is_judged_by_the_thresholds_of_its_task() {
        let terms = IModelSubmissionTypes::Terms {
            kind: 1,
            queueCap: 1,
            minSamples: 1000,
            alphaPpb: 1_000_000,
            revealWindow: 1,
            queueWindow: 1,
            closeNotice: 1,
            maxParameterBytes: 9,
            minImprovement: 1000,
            tolerance: 10,
            slashMargin: 5000,
            advantage: 2000,
            rewardToken: Address::ZERO,
            advantagePeriod: 100,
            reward: 1,
            rewardValue: 1,
            evaluationFee: U96::ZERO,
            deposit: U96::ZERO,
            depositGrowthBps: 0,
            depositDecay: 0,
            unavailablePenalty: U96::ZERO,
            compensation: U96::ZERO,
            retention: IModelSubmissionTypes::RetentionTerms {
                time: 0,
                window: 0,
                bps: 0,
                kind: 0,
            },
        };
        let submission = IModelSubmissionTypes::Submission {
            requestId: 3,
            state: 4,
            reason: 0,
            optimizer: Address::ZERO,
            payout: Address::ZERO,
            deposit: U96::ZERO,
            committedAt: 0,
            deadline: 0,
            taskId: 5,
            championAtCommit: 1,
            championAtOpen: 1,
            commitment: Default::default(),
            content: content(),
        };
        let champion = IModelSubmissionTypes::Champion {
            content: content(),
            submissionId: 2,
            since: 0,
            score: 0,
        };
        let fixed = IModelSubmission::thresholdsReturn {
            minImprovement: 3000,
            tolerance: 10,
            slashMargin: 5000,
            minSamples: 1000,
        };
        let mut node = Node::default();
        let of_task = IModelSubmission::submissionOfTaskCall { taskId: 5 };
        node.answers(MARKET, &of_task, &4);
        let call = IModelSubmission::submissionCall { submissionId: 4 };
        node.answers(MARKET, &call, &submission);
        let call = IModelSubmission::termsCall { requestId: 3 };
        node.answers(MARKET, &call, &terms);
        let call = IModelSubmission::thresholdsCall { taskId: 5 };
        node.answers(MARKET, &call, &fixed);
        let call = IModelSubmission::manifestCall { requestId: 3 };
        node.answers(MARKET, &call, &content());
        let call = IModelSubmission::championAtCall {
            requestId: 3,
            index: 1,
        };
        node.answers(MARKET, &call, &champion);
        let (_node, chain) = node.chain().await;

        let subject = Subject::of(&chain, TaskId::new(5)).await.expect("read");
        let expected = Terms {
            min_improvement: Score::from_micros(3000),
            tolerance: Score::from_micros(10),
            slash_margin: Score::from_micros(5000),
            min_samples: 1000,
        };
        assert_eq!(subject.terms, expected);
    }
}
