//! The folder of compiled evaluators that the programs of one user share.
//!
//! Each evaluator has a folder of its own, named by its digest, so that the worker that compiles
//! one can write to no other. The first program that needs an evaluator holds its lock while a
//! worker compiles; the others wait, and then find it ready. What is in the folders is machine
//! code that workers run, so they belong to the user alone.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use zarathustra_primitives::Digest;

use super::LocalFailure;
use crate::environment::WASMTIME_VERSION;

/// Most evaluators that are kept compiled. An entry takes some 20 MB for Python evaluators.
const MAX_ENTRIES: usize = 64;
/// How often a waiting program looks whether the lock is free.
const LOCK_POLL: Duration = Duration::from_millis(50);
const READY: &str = "ready";
/// Name that wasmtime gives to a file while it writes it; one that is left over from a killed
/// worker would keep the entry from ever being written.
const UNFINISHED: &str = "wip-atomic-write";

/// The place of one compiled evaluator.
pub struct CacheEntry {
    root: PathBuf,
    folder: PathBuf,
    lock: PathBuf,
}

/// Whether an evaluator is compiled, and who has to do it otherwise.
pub enum Compiled<'a> {
    /// It is.
    Ready,
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
    /// Finds or makes the evaluator's folder.
    pub fn new(cache_dir: &Path, evaluator: Digest) -> Result<Self, LocalFailure> {
        let root = cache_dir.join(format!("wasmtime-{WASMTIME_VERSION}"));
        let folder = root.join(evaluator.to_string());
        let lock = root.join(format!("{evaluator}.lock"));
        let make = || {
            private_folder(&root)?;
            private_folder(&folder)
        };
        make().map_err(LocalFailure::setup(
            "prepare the folder of compiled evaluators",
        ))?;
        Ok(Self { root, folder, lock })
    }

    /// The folder that the worker is given.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Finds out whether the evaluator is compiled, waiting for others who compile it.
    pub async fn look(&self, deadline: Instant) -> Result<Compiled<'_>, LocalFailure> {
        let failed = || LocalFailure::setup("lock the folder of compiled evaluators");
        loop {
            if self.touch_ready() {
                return Ok(Compiled::Ready);
            }
            let file = File::options()
                .create(true)
                .truncate(false)
                .write(true)
                .open(&self.lock)
                .map_err(failed())?;
            match file.try_lock() {
                // Somebody may have finished between the look and the lock.
                Ok(()) if self.touch_ready() => return Ok(Compiled::Ready),
                Ok(()) => {
                    remove_unfinished(&self.folder).map_err(failed())?;
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

    /// Whether the evaluator is compiled; notes that it is in use, so that it is kept.
    fn touch_ready(&self) -> bool {
        let Ok(ready) = File::options().write(true).open(self.folder.join(READY)) else {
            return false;
        };
        if let Err(error) = ready.set_modified(SystemTime::now()) {
            tracing::warn!(%error, "note the use of a compiled evaluator");
        }
        true
    }
}

impl CompileLock<'_> {
    /// Tells the other programs that the evaluator is compiled.
    pub fn mark_ready(self) -> Result<(), LocalFailure> {
        File::create(self.entry.folder.join(READY))
            .map_err(LocalFailure::setup("mark the evaluator as compiled"))?;
        // A cache that cannot be tidied still serves.
        if let Err(error) = prune(&self.entry.root, &self.entry.folder) {
            tracing::warn!(%error, "remove compiled evaluators that are not used");
        }
        Ok(())
    }
}

/// Makes a folder that only its owner may enter, and refuses one that is open to others.
fn private_folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)?;
    let metadata = fs::metadata(path)?;
    // A folder that we just made tells who we are.
    let probe = tempfile::tempfile_in(path)?;
    if metadata.uid() != probe.metadata()?.uid() || metadata.permissions().mode() & 0o022 != 0 {
        let message = format!("{} can be written to by others", path.display());
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
    }
    Ok(())
}

fn remove_unfinished(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            remove_unfinished(&path)?;
        } else if name.contains(UNFINISHED) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

/// Removes the evaluators that were not used for the longest time, beyond [`MAX_ENTRIES`].
fn prune(root: &Path, keep: &Path) -> io::Result<()> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(root)? {
        let path = entry?.path();
        // Without the mark it is being compiled, or was given up; the lock's holder tidies.
        if let Ok(used) = fs::metadata(path.join(READY)).and_then(|ready| ready.modified()) {
            entries.push((used, path));
        }
    }
    entries.sort();
    let surplus = entries.len().saturating_sub(MAX_ENTRIES);
    for (_, path) in entries
        .into_iter()
        .filter(|(_, path)| path != keep)
        .take(surplus)
    {
        fs::remove_dir_all(path)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn look(entry: &CacheEntry, patience: Duration) -> Compiled<'_> {
        entry.look(Instant::now() + patience).await.expect("io")
    }

    #[tokio::test]
    async fn one_compiles_and_the_others_find_it_ready() {
        let cache = tempfile::tempdir().expect("a folder");
        let open = || CacheEntry::new(cache.path(), Digest::of(b"e")).expect("an entry");
        let (first, second) = (open(), open());
        let Compiled::Missing(lock) = look(&first, Duration::ZERO).await else {
            panic!("nobody compiled it yet");
        };
        assert!(matches!(
            look(&second, Duration::ZERO).await,
            Compiled::Late
        ));
        let waiting = look(&second, Duration::from_secs(60));
        let (waited, marked) = tokio::join!(waiting, async { lock.mark_ready() });
        marked.expect("marked");
        assert!(matches!(waited, Compiled::Ready));
    }

    #[tokio::test]
    async fn a_lock_that_was_given_up_passes_on_and_leftovers_go() {
        let cache = tempfile::tempdir().expect("a folder");
        let entry = CacheEntry::new(cache.path(), Digest::of(b"e")).expect("an entry");
        let given_up = look(&entry, Duration::ZERO).await;
        let nested = entry.folder().join("modules/x");
        fs::create_dir_all(&nested).expect("folders");
        fs::write(nested.join("a.wip-atomic-write-mod"), b"half").expect("a file");
        fs::write(nested.join("b"), b"whole").expect("a file");
        drop(given_up);
        assert!(matches!(
            look(&entry, Duration::ZERO).await,
            Compiled::Missing(_)
        ));
        let left: Vec<_> = fs::read_dir(&nested).expect("read").collect();
        assert_eq!(left.len(), 1);
    }

    #[test]
    fn a_folder_that_others_may_write_to_is_refused() {
        let cache = tempfile::tempdir().expect("a folder");
        let root = cache.path().join(format!("wasmtime-{WASMTIME_VERSION}"));
        fs::create_dir(&root).expect("a folder");
        fs::set_permissions(&root, fs::Permissions::from_mode(0o777)).expect("permissions");
        let error = CacheEntry::new(cache.path(), Digest::of(b"e"))
            .err()
            .expect("refused");
        assert_eq!(error.code(), "local_setup");
    }

    #[test]
    fn the_least_used_entries_go_first() {
        let cache = tempfile::tempdir().expect("a folder");
        let now = SystemTime::now();
        for index in 0..MAX_ENTRIES as u64 + 3 {
            let folder = cache.path().join(format!("{index:03}"));
            fs::create_dir(&folder).expect("a folder");
            let ready = File::create(folder.join(READY)).expect("a file");
            ready
                .set_modified(now - Duration::from_secs(1000 - index))
                .expect("a time");
        }
        prune(cache.path(), &cache.path().join("000")).expect("pruned");
        let exists = |name: &str| cache.path().join(name).exists();
        assert!(exists("000") && !exists("001") && !exists("002") && !exists("003"));
        assert!(exists("004"));
    }
}
