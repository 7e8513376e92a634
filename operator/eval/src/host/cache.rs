//! The folder of compiled evaluators that the programs of one user share.
//!
//! What lies in it is machine code that workers run, and it is not trusted for lying there: each
//! entry has a tag that is keyed by a secret of the user ([`secret`]) and speaks for the digest of
//! the code, the evaluator that it was compiled from and the settings of the engine. An entry
//! whose tag does not fit is compiled anew. The tag is over the code's digest and not over the
//! code, so nothing large is read here: the worker is given the digest, and hashes what it read.
//!
//! The first program that needs an evaluator holds its lock while a worker compiles; the others
//! wait, and then find it ready.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use zarathustra_primitives::Digest;

use super::entry::{Draft, Entry, HEADER_BYTES, Label, Rejected};
use super::secret;
use super::{LocalFailure, WorkerSettings};
use crate::engine::ENGINE;
use crate::wire::CodeFile;

/// Most bytes of compiled evaluators that are kept. One that was written in Python takes 40 MB.
const MAX_BYTES: u64 = 2 << 30;
/// How often a waiting program looks whether the lock is free.
const LOCK_POLL: Duration = Duration::from_millis(50);
const CODE: &str = "code";
const UNFINISHED: &str = ".part";

/// The place of one compiled evaluator.
pub struct CacheEntry {
    root: PathBuf,
    name: String,
    label: Label,
}

/// Whether an evaluator is compiled, and who has to do it otherwise.
pub enum Compiled<'a> {
    /// It is.
    Ready(CodeFile),
    /// The caller has to, and nobody else may.
    Missing(CompileLock<'a>),
    /// Another program was at it until the deadline.
    Late,
}

/// The right to compile an evaluator; given up when dropped.
pub struct CompileLock<'a> {
    entry: &'a CacheEntry,
    /// Holds the lock while it is open.
    _file: File,
}

impl CacheEntry {
    /// Finds or makes the folder and the secret.
    pub fn new(settings: &WorkerSettings, evaluator: Digest) -> Result<Self, LocalFailure> {
        // Part of the name: entries of other settings are not ours to reject.
        let engine = ENGINE.digest().to_hex();
        let root =
            settings
                .cache_dir
                .join(format!("wasmtime-{}-{}", ENGINE.wasmtime, &engine[..16]));
        let make = || {
            let user = private_folder(&root)?;
            let path = secret::path(&settings.cache_dir, settings.cache_key.as_deref())?;
            secret::read_or_make(&path, user)
        };
        let secret = make().map_err(LocalFailure::setup(
            "prepare the folder of compiled evaluators",
        ))?;
        Ok(Self {
            root,
            name: evaluator.to_string(),
            label: Label::new(secret, evaluator, &ENGINE),
        })
    }

    fn path(&self, extension: &str) -> PathBuf {
        self.root.join(format!("{}.{extension}", self.name))
    }

    /// Finds out whether the evaluator is compiled, waiting for others who compile it.
    pub async fn look(&self, deadline: Instant) -> Result<Compiled<'_>, LocalFailure> {
        let failed = || LocalFailure::setup("lock the folder of compiled evaluators");
        loop {
            if let Some(code) = self.ready() {
                return Ok(Compiled::Ready(code));
            }
            let file = File::options()
                .create(true)
                .truncate(false)
                .write(true)
                .open(self.path("lock"))
                .map_err(failed())?;
            match file.try_lock() {
                Ok(()) => {
                    // Somebody may have finished between the look and the lock.
                    if let Some(code) = self.ready() {
                        return Ok(Compiled::Ready(code));
                    }
                    self.remove_unfinished().map_err(failed())?;
                    return Ok(Compiled::Missing(CompileLock {
                        entry: self,
                        _file: file,
                    }));
                }
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(failed()(error)),
            }
            if Instant::now() >= deadline {
                return Ok(Compiled::Late);
            }
            tokio::time::sleep(LOCK_POLL).await;
        }
    }

    /// The compiled evaluator, if there is one that the tag vouches for; notes that it is in use,
    /// so that it is kept.
    fn ready(&self) -> Option<CodeFile> {
        let path = self.path(CODE);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    self.reject("cache_unreadable", &error.to_string());
                }
                return None;
            }
        };
        match self.read_header(&file) {
            Ok(entry) => {
                if let Err(error) = file.set_modified(SystemTime::now()) {
                    tracing::warn!(%error, "note the use of a compiled evaluator");
                }
                Some(CodeFile {
                    path,
                    offset: HEADER_BYTES as u64,
                    size: entry.size,
                    blake3: entry.blake3.to_hex().to_string(),
                })
            }
            Err(error) => {
                self.reject(error.code(), &error.to_string());
                None
            }
        }
    }

    fn read_header(&self, file: &File) -> Result<Entry, Rejected> {
        let mut header = Vec::new();
        file.take(HEADER_BYTES as u64).read_to_end(&mut header)?;
        let entry = self.label.open(&header)?;
        let (found, expected) = (
            file.metadata()?.len(),
            entry.size.saturating_add(HEADER_BYTES as u64),
        );
        if found == expected {
            Ok(entry)
        } else {
            Err(Rejected::CutOff { found, expected })
        }
    }

    /// Takes back what [`look`](Self::look) found ready and a worker could not use.
    pub fn distrust(&self, code: &CodeFile, reason: &'static str, detail: &str) {
        self.reject(reason, detail);
        // Somebody may have replaced it already; then theirs stays.
        if self.ready().as_ref() == Some(code)
            && let Err(error) = fs::remove_file(&code.path)
        {
            tracing::warn!(%error, "remove a compiled evaluator");
        }
    }

    fn reject(&self, reason: &'static str, detail: &str) {
        let evaluator = &self.name;
        tracing::warn!(reason, %evaluator, detail, "a compiled evaluator is not used");
    }

    /// What a program that was killed left over. Only the lock's holder writes for an evaluator.
    fn remove_unfinished(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.root)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with(&self.name) && name.ends_with(UNFINISHED) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }
}

impl CompileLock<'_> {
    /// A file for the code, in the folder where it is to stay.
    pub fn draft(&self) -> Result<Draft, LocalFailure> {
        tempfile::Builder::new()
            .prefix(&format!("{}.", self.entry.name))
            .suffix(UNFINISHED)
            .tempfile_in(&self.entry.root)
            .and_then(Draft::new)
            .map_err(LocalFailure::setup(
                "make a file for the compiled evaluator",
            ))
    }

    /// Tags the code and gives it its name, for all programs at once.
    pub fn keep(self, draft: Draft) -> Result<CodeFile, LocalFailure> {
        let path = self.entry.path(CODE);
        let entry = draft
            .finish(&self.entry.label, &path)
            .map_err(LocalFailure::setup("keep the compiled evaluator"))?;
        // A cache that cannot be tidied still serves.
        if let Err(error) = prune(&self.entry.root, &path, MAX_BYTES) {
            tracing::warn!(%error, "remove compiled evaluators that are not used");
        }
        Ok(CodeFile {
            path,
            offset: HEADER_BYTES as u64,
            size: entry.size,
            blake3: entry.blake3.to_hex().to_string(),
        })
    }
}

/// Makes a folder that only its owner may enter, and refuses one that is open to others. Returns
/// the owner.
fn private_folder(path: &Path) -> io::Result<u32> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)?;
    let metadata = fs::metadata(path)?;
    // A file that we just made tells who we are.
    let user = tempfile::tempfile_in(path)?.metadata()?.uid();
    if metadata.uid() != user || metadata.permissions().mode() & 0o022 != 0 {
        let message = format!("{} can be written to by others", path.display());
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
    }
    Ok(user)
}

/// Removes the entries that were not used for the longest time, until the rest has at most `most`
/// bytes. The one to keep is kept.
fn prune(root: &Path, keep: &Path, most: u64) -> io::Result<()> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(root)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == CODE) {
            let metadata = fs::metadata(&path)?;
            entries.push((metadata.modified()?, metadata.len(), path));
        }
    }
    entries.sort();
    let mut total: u64 = entries.iter().map(|(_, bytes, _)| bytes).sum();
    for (_, bytes, path) in entries {
        if total <= most {
            break;
        }
        if path != keep {
            fs::remove_file(path)?;
            total -= bytes;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
