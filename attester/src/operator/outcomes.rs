//! What was found, kept across restarts.

use std::{fs::File, io::Write, path::PathBuf};

use zarathustra_node::Outcome;
use zarathustra_primitives::{TaskHash, TaskId};

use super::Operator;

impl Operator {
    /// Folder of what was found for a task, under whichever seed.
    pub(super) fn outcomes(&self, task: TaskId) -> PathBuf {
        self.parts.data_dir.join("outcomes").join(task.to_string())
    }

    pub(super) fn outcome_paths(
        &self,
        task: TaskId,
        hash: TaskHash,
        to_claim: bool,
    ) -> [PathBuf; 2] {
        let folder = self.outcomes(task);
        let mut name = hex::encode(hash.get());
        if to_claim {
            name.push_str("-claim");
        }
        [
            folder.join(format!("{name}.evidence")),
            folder.join(format!("{name}.result")),
        ]
    }

    /// The result is written last: where it is, the evidence is whole.
    pub(super) fn save_outcome(
        &self,
        task: TaskId,
        hash: TaskHash,
        to_claim: bool,
        outcome: &Outcome,
    ) -> std::io::Result<()> {
        let folder = self.outcomes(task);
        let [evidence, result] = self.outcome_paths(task, hash, to_claim);
        std::fs::create_dir_all(&folder)?;
        for (path, bytes) in [(evidence, &outcome.evidence), (result, &outcome.result)] {
            let part = path.with_extension("part");
            let mut file = File::create(&part)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            std::fs::rename(&part, &path)?;
        }
        File::open(folder)?.sync_all()
    }

    pub(super) fn load_outcome(
        &self,
        task: TaskId,
        hash: TaskHash,
        to_claim: bool,
    ) -> Option<Outcome> {
        let [evidence, result] = self.outcome_paths(task, hash, to_claim);
        let result = std::fs::read(result).ok()?;
        let evidence = std::fs::read(evidence).ok()?;
        if result.is_empty() {
            return None;
        }
        Some(Outcome {
            result,
            evidence,
            summary: "found before the restart".to_owned(),
        })
    }
}
