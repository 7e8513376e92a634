//! Content of tasks and the scores of claims, from and to IPFS.

use std::path::Path;

use zarathustra_content::{ContentError, ContentId};
use zarathustra_eval::{
    LocalFailure,
    architecture::MAX_ARCHITECTURE_BYTES,
    manifest::{ContentRef, MAX_MANIFEST_BYTES, Manifest},
    parameters::Expected,
};
use zarathustra_node::{Abstain, Outcome};
use zarathustra_primitives::{B256, SampleScores, Status};

use super::{Improve, local};
use crate::{
    room::Fetched,
    subject::{File, Subject},
};

/// Names of the files that an evaluation needs.
pub(super) const ARCHITECTURE: &str = "architecture.json";
pub(super) const EVALUATOR: &str = "evaluator.wasm";
pub(super) const CHAMPION: &str = "champion.safetensors";
pub(super) const CHALLENGER: &str = "challenger.safetensors";

/// What fetching found, before any seed.
pub(super) enum Ready {
    /// Everything is here.
    Job(Box<Manifest>),
    /// The status is known already, and every operator finds the same.
    Known(Status),
}

impl Improve {
    /// Fetches all that the subject names. Faults of the content itself become results, since all
    /// operators find them alike; what could not be had becomes an abstention. No two files are in
    /// memory at a time: each goes to the folder, if there is one, before the next is fetched.
    pub(super) async fn gather(
        &self,
        subject: &Subject,
        folder: Option<&Path>,
    ) -> Result<Ready, Abstain> {
        let invalid = || Ok(Ready::Known(Status::EvaluatorInvalid));
        let Some(bytes) = self
            .whole(&subject.manifest, MAX_MANIFEST_BYTES as u64)
            .await?
        else {
            return invalid();
        };
        let manifest = match Manifest::from_json(&bytes) {
            Ok(manifest)
                if manifest
                    .check_terms(subject.alpha, subject.terms.min_samples)
                    .is_ok() =>
            {
                manifest
            }
            _ => return invalid(),
        };
        drop(bytes);
        if let Some(status) =
            zarathustra_eval::judge_unfetched(&manifest.limits, &expected(&subject.challenger))
        {
            return Ok(Ready::Known(status));
        }
        if manifest.architecture.size > MAX_ARCHITECTURE_BYTES as u64 {
            return invalid();
        }
        self.check_room(&manifest, subject)?;
        let files = [
            (ARCHITECTURE, named(&manifest.architecture)),
            (EVALUATOR, named(&manifest.evaluator)),
            (CHAMPION, subject.champion.clone()),
        ];
        for (name, file) in files {
            let Some(bytes) = self.whole(&file, file.size).await? else {
                return invalid();
            };
            keep(bytes, folder, name).await?;
        }
        let file = &subject.challenger;
        match self.raw(file, file.size).await? {
            Ok(bytes) => keep(bytes, folder, CHALLENGER).await?,
            // The CID names no file of the committed size: the same for everybody.
            Err(_) => return Ok(Ready::Known(Status::DigestMismatch)),
        }
        Ok(Ready::Job(Box::new(manifest)))
    }

    /// Whether this operator has room for an evaluation, before its files are downloaded. The
    /// sizes are what strangers say; none of them is on disk yet.
    fn check_room(&self, manifest: &Manifest, subject: &Subject) -> Result<(), Abstain> {
        let allowed = self.memory_bytes;
        zarathustra_eval::check_memory(&manifest.limits, allowed).map_err(|e| local(&e))?;
        zarathustra_eval::check_time(&manifest.limits, self.wall).map_err(|e| local(&e))?;
        // A baseline may be larger than the request's own limits.
        let asked = subject.champion.size;
        if asked > allowed {
            return Err(local(&LocalFailure::BeyondSettings { asked, allowed }));
        }
        Ok(())
    }

    /// A file whose bytes must have the stated digest and size; `None` when they have not.
    pub(super) async fn whole(
        &self,
        file: &File,
        max_bytes: u64,
    ) -> Result<Option<Fetched>, Abstain> {
        // Only the challenger's absence is the optimizer's; `unprepared` goes by the code.
        let bytes = self.raw(file, max_bytes).await.map_err(|abstain| Abstain {
            code: match abstain.code {
                "content_unavailable" | "timeout" => "request_content_unavailable",
                other => other,
            },
            ..abstain
        })?;
        Ok(bytes.ok().filter(|b| Expected::of(b) == expected(file)))
    }

    /// Fetches and pins. The inner error is a fault of the content, the outer one is local.
    async fn raw(
        &self,
        file: &File,
        max_bytes: u64,
    ) -> Result<Result<Fetched, ContentError>, Abstain> {
        let id = match &file.id {
            Ok(id) => *id,
            Err(fault) => return Ok(Err(fault.clone())),
        };
        match self.content.fetch(id, max_bytes).await {
            Ok(bytes) => Ok(Ok(bytes)),
            Err(fault) if fault.is_content_fault() => Ok(Err(fault)),
            Err(error) => Err(abstain(&error)),
        }
    }

    pub(super) async fn publish_evidence(&self, own: &Outcome) -> Result<String, Abstain> {
        if own.evidence.is_empty() {
            return Ok(String::new());
        }
        let id = self
            .content
            .store()
            .add(&own.evidence)
            .await
            .map_err(|e| abstain(&e))?;
        Ok(id.to_string())
    }

    /// The scores that a claim commits to.
    pub(super) async fn scores(&self, proof: &str, root: B256) -> Result<SampleScores, Abstain> {
        let scores = self.evidence(proof).await?;
        if scores.root() == root {
            return Ok(scores);
        }
        // The proof is not signed: whoever passed the claim on could have put another one. Scores
        // of another root say nothing about the performer.
        Err(Abstain {
            code: "evidence_of_another_root",
            detail: format!("the scores file {proof} is not the one that the claim commits to"),
            retry: true,
        })
    }

    async fn evidence(&self, proof: &str) -> Result<SampleScores, Abstain> {
        let id: ContentId = proof.parse().map_err(|e: ContentError| Abstain {
            retry: true,
            ..abstain(&e)
        })?;
        let bytes = self
            .content
            .fetch(id, SampleScores::MAX_FILE_LEN)
            .await
            .map_err(|e| Abstain {
                retry: true,
                ..abstain(&e)
            })?;
        // Whoever passed the claim on chose the proof, so a malformed file accuses nobody, and
        // another aggregator may name the right one.
        SampleScores::from_file(&bytes).map_err(|e| Abstain {
            code: e.code(),
            detail: e.to_string(),
            retry: true,
        })
    }
}

/// A file that the manifest names.
fn named(named: &ContentRef) -> File {
    File {
        id: named.cid.parse(),
        digest: named.sha256,
        size: named.size,
    }
}

/// Writes a file to the folder, if there is one, and lets go of it.
async fn keep(bytes: Fetched, folder: Option<&Path>, name: &str) -> Result<(), Abstain> {
    let Some(folder) = folder else {
        return Ok(());
    };
    let path = folder.join(name);
    tokio::task::spawn_blocking(move || std::fs::write(path, &bytes))
        .await
        .unwrap_or_else(|error| Err(std::io::Error::other(error)))
        .map_err(|error| not_kept(name, error))
}

/// The failure of writing something for the worker.
pub(super) fn not_kept(what: &str, source: std::io::Error) -> Abstain {
    let action = format!("write {what} for the worker: {source}");
    local(&LocalFailure::Setup { action, source })
}

pub(super) const fn expected(file: &File) -> Expected {
    Expected {
        sha256: file.digest,
        size: file.size,
    }
}

fn abstain(error: &ContentError) -> Abstain {
    Abstain {
        code: error.code(),
        detail: error.to_string(),
        retry: !error.is_content_fault(),
    }
}
