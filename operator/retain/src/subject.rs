//! What a `retain` task is about, read from the chain.

use zarathustra_chain::{Chain, ChainError, abi::retention_desk::IRetentionDesk, read};
use zarathustra_content::{ContentError, ContentId};
use zarathustra_primitives::{
    Digest, KindId, RequestId, RetainSubject, SubjectHash, SubmissionId, TaskId,
};

/// A file that must be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The subject hash (5.12) of what was read. It is the task's, unless the chain was
    /// reorganised since that was read.
    pub hash: SubjectHash,
    /// The submission that won.
    pub submission: SubmissionId,
    /// The parameters' CID.
    pub id: ContentId,
    /// SHA-256 of the parameters.
    pub digest: Digest,
    /// Their length in bytes.
    pub size: u64,
}

/// Why a subject cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SubjectError {
    /// The chain could not be asked.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The CID on chain is none that the market uses; such a submission cannot have won.
    #[error("the submission's CID cannot be used")]
    Cid(#[from] ContentError),
}

impl SubjectError {
    /// The stable name of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Chain(e) => e.code(),
            Self::Cid(e) => e.code(),
        }
    }

    /// Whether trying again soon can help.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Chain(e) if e.is_transient())
    }
}

impl Subject {
    /// Reads the subject of a task of the kind.
    ///
    /// # Errors
    /// [`SubjectError`].
    pub async fn of(chain: &Chain, kind: KindId, task: TaskId) -> Result<Self, SubjectError> {
        let desk = chain.definition(kind).await?.source;
        let desk = IRetentionDesk::new(desk, chain.provider().clone());
        let number = read("submissionOf", desk.submissionOf(task.get())).await?;
        let submission = read("submission", chain.market().submission(number)).await?;
        let named = RetainSubject {
            market: chain.addresses().model_submission,
            request: RequestId::new(submission.requestId),
            submission: SubmissionId::new(number),
            digest: Digest::new(submission.content.digest.0),
            cid: &submission.content.cid,
            size: submission.content.size,
        };
        Ok(Self {
            hash: named.hash(),
            submission: named.submission,
            id: ContentId::from_bytes(&submission.content.cid)?,
            digest: named.digest,
            size: named.size,
        })
    }
}
