//! What was found, kept across restarts.

use std::{
    collections::HashSet,
    ffi::OsString,
    fs::File,
    io::{ErrorKind, Result, Write},
    path::PathBuf,
};

use zarathustra_node::Outcome;
use zarathustra_primitives::{TaskHash, TaskId};

/// A folder with a folder for each task.
#[derive(Debug)]
pub(super) struct Outcomes {
    folder: PathBuf,
}

impl Outcomes {
    pub(super) const fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Folder of what was found for a task, under whichever seed.
    fn of(&self, task: TaskId) -> PathBuf {
        self.folder.join(task.to_string())
    }

    /// Files of the evidence and of the result.
    fn paths(&self, task: TaskId, hash: TaskHash, to_claim: bool) -> [PathBuf; 2] {
        let folder = self.of(task);
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
    pub(super) fn save(
        &self,
        task: TaskId,
        hash: TaskHash,
        to_claim: bool,
        outcome: &Outcome,
    ) -> Result<()> {
        let folder = self.of(task);
        let [evidence, result] = self.paths(task, hash, to_claim);
        std::fs::create_dir_all(&folder)?;
        for (path, bytes) in [
            (evidence, &outcome.evidence[..]),
            (result, &outcome.result[..]),
        ] {
            let part = path.with_extension("part");
            let mut file = File::create(&part)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            std::fs::rename(&part, &path)?;
        }
        File::open(folder)?.sync_all()
    }

    pub(super) fn load(&self, task: TaskId, hash: TaskHash, to_claim: bool) -> Option<Outcome> {
        let [evidence, result] = self.paths(task, hash, to_claim);
        let result = std::fs::read(result).ok()?;
        let evidence = std::fs::read(evidence).ok()?;
        if result.is_empty() {
            return None;
        }
        Some(Outcome {
            result,
            evidence: evidence.into(),
            summary: "found before the restart".to_owned(),
        })
    }

    /// Removes what was found for a task.
    pub(super) fn remove(&self, task: TaskId) -> Result<()> {
        match std::fs::remove_dir_all(self.of(task)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Removes what was found for any other task than these.
    pub(super) fn retain(&self, tasks: impl Iterator<Item = TaskId>) -> Result<()> {
        let kept: HashSet<OsString> = tasks.map(|task| task.to_string().into()).collect();
        let folders = match std::fs::read_dir(&self.folder) {
            Ok(folders) => folders,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        for folder in folders {
            let folder = folder?;
            if !kept.contains(&folder.file_name()) {
                std::fs::remove_dir_all(folder.path())?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use zarathustra_primitives::B256;

    use super::*;

    const HASH: TaskHash = TaskHash::new(B256::repeat_byte(1));

    fn outcome(result: u8) -> Outcome {
        Outcome {
            result: vec![result],
            evidence: [result; 3].into(),
            summary: "found before the restart".to_owned(),
        }
    }

    #[test]
    fn what_was_found_is_loaded_until_its_task_is_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let outcomes = Outcomes::new(folder.path().join("outcomes"));
        let (over, other) = (TaskId::new(4), TaskId::new(5));
        outcomes.remove(over).expect("nothing to remove");
        for task in [over, other] {
            outcomes.save(task, HASH, false, &outcome(1)).expect("kept");
            outcomes.save(task, HASH, true, &outcome(2)).expect("kept");
        }
        assert_eq!(outcomes.load(over, HASH, false), Some(outcome(1)));
        assert_eq!(outcomes.load(over, HASH, true), Some(outcome(2)));
        let seed = TaskHash::new(B256::repeat_byte(2));
        assert_eq!(outcomes.load(over, seed, false), None);

        outcomes.remove(over).expect("removed");
        assert!(!outcomes.of(over).exists());
        assert_eq!(outcomes.load(over, HASH, true), None);
        assert_eq!(outcomes.load(other, HASH, true), Some(outcome(2)));
    }

    #[test]
    fn only_what_was_found_for_living_tasks_outlives_a_restart() {
        let folder = tempfile::tempdir().expect("a folder");
        let outcomes = Outcomes::new(folder.path().join("outcomes"));
        let (over, alive) = (TaskId::new(1), TaskId::new(11));
        outcomes.retain([alive].into_iter()).expect("no folder yet");
        for task in [over, alive] {
            outcomes.save(task, HASH, false, &outcome(1)).expect("kept");
        }
        outcomes.retain([alive].into_iter()).expect("swept");
        assert!(!outcomes.of(over).exists());
        assert_eq!(outcomes.load(alive, HASH, false), Some(outcome(1)));
    }
}
