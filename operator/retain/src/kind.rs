//! [`TaskKind`] for `retain`.

use std::{io::SeekFrom, path::PathBuf, sync::Arc};

use futures::future::BoxFuture;
use tokio::{
    fs::{self, File},
    io::{AsyncReadExt, AsyncSeekExt},
    sync::Semaphore,
};
use tracing::warn;
use zarathustra_chain::Chain;
use zarathustra_node::{Abstain, Assignment, Opinion, Outcome, TaskKind};
use zarathustra_primitives::{
    B256, KindId, Purpose, RangesProof, RetentionResult, Seed, SubjectHash, TaskId, ranges,
};

use crate::{
    Probe, Subject,
    probe::{MISSING, abstain},
};

/// Number of the kind's definition on chain.
pub const RETAIN: KindId = KindId::new(2);

/// What [`Retain`] is made of.
#[derive(Clone, Debug)]
pub struct RetainParts {
    /// The chain.
    pub chain: Chain,
    /// How files are found among others.
    pub probe: Probe,
    /// Folder for files that were found, of which nothing outlives the process.
    pub folder: PathBuf,
    /// Largest file that this operator fetches, bytes; one is in memory at a time.
    pub memory_bytes: u64,
}

/// The kind; clones share everything.
#[derive(Clone, Debug)]
pub struct Retain {
    parts: Arc<RetainParts>,
    /// Files are in memory while they are fetched, one after the other.
    room: Arc<Semaphore>,
}

impl Retain {
    /// Empties the folder: what was fetched before a restart is fetched again.
    ///
    /// # Errors
    /// When the folder cannot be emptied.
    pub fn start(parts: RetainParts) -> std::io::Result<Self> {
        match std::fs::remove_dir_all(&parts.folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        std::fs::create_dir_all(&parts.folder)?;
        Ok(Self {
            parts: Arc::new(parts),
            room: Arc::new(Semaphore::new(1)),
        })
    }

    async fn subject(&self, task: TaskId) -> Result<Subject, Abstain> {
        Subject::of(&self.parts.chain, RETAIN, task)
            .await
            .map_err(|e| abstain(e.code(), &e, e.is_transient()))
    }

    /// Where the file of a task lies once it was found. The subject is part of the name: after a
    /// reorganisation a number can name another task.
    fn path(&self, task: TaskId, subject: SubjectHash) -> PathBuf {
        self.folder(task).join(subject.to_string())
    }

    fn folder(&self, task: TaskId) -> PathBuf {
        self.parts.folder.join(task.to_string())
    }

    async fn prepare_task(&self, task: TaskId) -> Result<(), Abstain> {
        let subject = self.subject(task).await?;
        let path = self.path(task, subject.hash);
        if fs::try_exists(&path).await.unwrap_or(false) {
            return Ok(());
        }
        let most = self.parts.memory_bytes;
        if subject.size > most {
            return Err(Abstain {
                code: "local_beyond_settings",
                detail: format!("{} bytes are more than the {most} allowed", subject.size),
                retry: false,
            });
        }
        let _room = self.room.acquire().await;
        let file = self.parts.probe.fetch(&subject).await?;
        let kept = async {
            fs::create_dir_all(self.folder(task)).await?;
            let part = path.with_extension("part");
            fs::write(&part, &file).await?;
            fs::rename(&part, &path).await
        };
        kept.await.map_err(|e| abstain("retain_folder", &e, true))
    }

    async fn found(&self, assignment: Assignment) -> Result<Outcome, Abstain> {
        let path = self.path(assignment.task, assignment.subject);
        let proof = prove(assignment.seed, path)
            .await
            .map_err(|e| abstain("retained_content_lost", &e, true))?;
        Ok(outcome(RetentionResult::Kept(proof)))
    }
}

/// Hashes what the seed draws of a file.
async fn prove(seed: Seed, path: PathBuf) -> std::io::Result<B256> {
    let mut file = File::open(path).await?;
    let size = file.metadata().await?.len();
    let mut proof = RangesProof::new(seed, size);
    for (offset, length) in ranges(seed, size) {
        file.seek(SeekFrom::Start(offset)).await?;
        let mut bytes = vec![0; length as usize];
        file.read_exact(&mut bytes).await?;
        proof.add(&bytes);
    }
    Ok(proof.finish())
}

fn outcome(result: RetentionResult) -> Outcome {
    Outcome {
        result: result.encode().to_vec(),
        evidence: Arc::default(),
        summary: result.status().to_string(),
    }
}

/// What an operator thinks of a claim, given what it found itself.
fn judge(own: Option<&Outcome>, claimed: &[u8]) -> Opinion {
    let claimed = match RetentionResult::decode(claimed) {
        Ok(result) => result,
        Err(error) => {
            return Opinion::Reject {
                code: error.code(),
                detail: error.to_string(),
            };
        }
    };
    let own = own.and_then(|own| RetentionResult::decode(&own.result).ok());
    let silent = |code, detail: &str| {
        Opinion::Abstain(Abstain {
            code,
            detail: detail.to_owned(),
            retry: false,
        })
    };
    match (own, claimed) {
        (Some(own), claimed) if own == claimed => Opinion::Approve,
        // The digest fixes the bytes and the seed the ranges: there is one proof.
        (Some(RetentionResult::Kept(_)), RetentionResult::Kept(_)) => Opinion::Reject {
            code: "retention_proof_differs",
            detail: "the claim's proof is not that of the file".to_owned(),
        },
        // Who claims it may have met what this operator did not: nobody is accused.
        (Some(RetentionResult::Kept(_)), RetentionResult::Missing) => silent(
            "retained_content_found",
            "the file could be fetched from here, which says nothing about others",
        ),
        (Some(RetentionResult::Missing), _) => silent(
            MISSING,
            "the file could not be fetched from here, which says nothing about others",
        ),
        (None, _) => silent(
            "not_evaluated",
            "nothing is wrong with the claim alone, and nothing was found",
        ),
    }
}

impl TaskKind for Retain {
    fn kind(&self) -> KindId {
        RETAIN
    }

    fn prepare(&self, task: TaskId) -> BoxFuture<'_, Result<(), Abstain>> {
        Box::pin(self.prepare_task(task))
    }

    fn unprepared(&self, _assignment: &Assignment, abstain: &Abstain) -> Option<Outcome> {
        // Only what others do not have is missing; own trouble says nothing.
        (abstain.code == MISSING).then(|| outcome(RetentionResult::Missing))
    }

    fn execute(&self, assignment: Assignment) -> BoxFuture<'_, Result<Outcome, Abstain>> {
        Box::pin(self.found(assignment))
    }

    fn claim(&self, assignment: Assignment) -> BoxFuture<'_, Result<Outcome, Abstain>> {
        Box::pin(self.found(assignment))
    }

    fn publish<'a>(
        &'a self,
        _task: TaskId,
        _own: &'a Outcome,
    ) -> BoxFuture<'a, Result<String, Abstain>> {
        Box::pin(std::future::ready(Ok(String::new())))
    }

    fn judge<'a>(
        &'a self,
        _assignment: Assignment,
        _purpose: Purpose,
        own: Option<&'a Outcome>,
        claimed_result: &'a [u8],
        _proof: &'a str,
    ) -> BoxFuture<'a, Opinion> {
        Box::pin(std::future::ready(judge(own, claimed_result)))
    }

    fn finish(&self, task: TaskId) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            match fs::remove_dir_all(self.folder(task)).await {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    warn!(task_id = %task, %error, "a fetched file could not be removed");
                }
                _ => {}
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(byte: u8) -> Outcome {
        outcome(RetentionResult::Kept(B256::repeat_byte(byte)))
    }

    fn code(opinion: Opinion) -> &'static str {
        match opinion {
            Opinion::Approve => "approve",
            Opinion::Reject { code, .. } => code,
            Opinion::Abstain(abstain) => abstain.code,
        }
    }

    /// Every pair of what was found and what is claimed.
    #[test]
    fn a_lack_accuses_nobody_and_a_wrong_proof_does() {
        let missing = outcome(RetentionResult::Missing);
        let cases = [
            (Some(kept(1)), kept(1), "approve"),
            (Some(kept(1)), kept(2), "retention_proof_differs"),
            (Some(kept(1)), missing.clone(), "retained_content_found"),
            (Some(missing.clone()), missing.clone(), "approve"),
            (Some(missing.clone()), kept(1), "retained_content_missing"),
            (None, kept(1), "not_evaluated"),
            (None, missing, "not_evaluated"),
        ];
        for (own, claimed, expected) in cases {
            let opinion = judge(own.as_ref(), &claimed.result);
            let rejects = matches!(opinion, Opinion::Reject { .. });
            assert_eq!(rejects, expected == "retention_proof_differs");
            assert_eq!(code(opinion), expected);
        }
        for own in [None, Some(kept(1))] {
            let opinion = judge(own.as_ref(), b"rubbish");
            assert!(matches!(opinion, Opinion::Reject { .. }));
            assert_eq!(code(opinion), "result_length");
        }
    }

    /// The proof that is read from a file's ranges is the one over its bytes.
    #[tokio::test]
    async fn a_file_is_proved_by_its_ranges() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        let bytes: Vec<u8> = (0..5000_u32).flat_map(u32::to_be_bytes).collect();
        fs::write(&path, &bytes).await.expect("written");
        let seed = Seed::new(B256::repeat_byte(7));
        let mut expected = RangesProof::new(seed, bytes.len() as u64);
        for (offset, length) in ranges(seed, bytes.len() as u64) {
            expected.add(&bytes[offset as usize..][..length as usize]);
        }
        let proof = prove(seed, path).await.expect("read");
        assert_eq!(proof, expected.finish());
    }
}
