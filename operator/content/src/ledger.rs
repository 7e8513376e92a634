//! What a store holds and what it may forget.
//!
//! The ledger lists whole files, the oldest use first. It lives in one small file that is
//! replaced atomically, so a crash leaves the state before or after a change.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{ContentError, ContentId};

/// Version of the ledger's file format.
const VERSION: u32 = 1;

/// Largest ledger that is read: some hundred thousand files.
const MAX_LEDGER_BYTES: u64 = 64 * 1024 * 1024;

/// Limits on the disk space that content may take, in bytes of files. The tree above the
/// blocks of a file (about 0.02% with the layout used here) is not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Most bytes held. Adding and fetching fail beyond it.
    pub limit_bytes: u64,
    /// From this many bytes on, [`Usage::is_warning`] says so.
    pub warn_bytes: u64,
}

impl Quota {
    /// A quota of `limit_bytes` that warns when 80% of it is used.
    pub fn with_limit(limit_bytes: u64) -> Self {
        Self {
            limit_bytes,
            warn_bytes: limit_bytes / 5 * 4,
        }
    }
}

/// What may be removed, oldest first, to make room for something new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Collect {
    /// Only files that nobody pinned.
    #[default]
    Unpinned,
    /// Unpinned files, then pins.
    UnpinnedThenPins,
}

/// Space in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Bytes of all files held.
    pub used_bytes: u64,
    /// Bytes of the pinned files among them.
    pub pinned_bytes: u64,
    /// Number of files held.
    pub files: usize,
    /// The limits.
    pub quota: Quota,
}

impl Usage {
    /// Whether a human should make room soon.
    pub fn is_warning(&self) -> bool {
        self.used_bytes >= self.quota.warn_bytes
    }
}

/// A file that is held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Held {
    /// The file.
    pub id: ContentId,
    /// Its length in bytes.
    pub bytes: u64,
    /// Whether somebody asked to keep it.
    pub pinned: bool,
    /// Whether it is in the protected set and never collected.
    #[serde(skip)]
    pub protected: bool,
    /// Grows with every use; the smallest is the longest unused.
    pub(crate) used: u64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LedgerFile {
    version: u32,
    files: Vec<Held>,
    protected: BTreeSet<ContentId>,
}

/// The list of files held, with the rules of collection.
#[derive(Debug)]
pub(crate) struct Ledger {
    path: Option<PathBuf>,
    /// Oldest use first.
    files: Vec<Held>,
    protected: BTreeSet<ContentId>,
    next_use: u64,
}

impl Ledger {
    /// A ledger that is lost with the process.
    pub fn in_memory() -> Self {
        Self {
            path: None,
            files: Vec::new(),
            protected: BTreeSet::new(),
            next_use: 0,
        }
    }

    /// Reads the ledger at `path`, or starts an empty one there.
    pub fn open(path: &Path) -> Result<Self, ContentError> {
        let mut ledger = Self::in_memory();
        ledger.path = Some(path.to_owned());
        let unreadable = |reason: String| ContentError::Io {
            during: "read the ledger",
            path: path.display().to_string(),
            reason,
        };
        let length = match std::fs::metadata(path) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(ledger),
            Err(error) => return Err(unreadable(error.to_string())),
        };
        if length > MAX_LEDGER_BYTES {
            return Err(unreadable(format!("{length} bytes long")));
        }
        let text = std::fs::read(path).map_err(|error| unreadable(error.to_string()))?;
        let file: LedgerFile =
            serde_json::from_slice(&text).map_err(|error| unreadable(error.to_string()))?;
        if file.version != VERSION {
            return Err(unreadable(format!("version {}", file.version)));
        }
        ledger.files = file.files;
        ledger.files.sort_by_key(|held| held.used);
        ledger.next_use = ledger.files.last().map_or(0, |held| held.used + 1);
        ledger.protected = file.protected;
        Ok(ledger)
    }

    /// Files held, the longest unused first.
    pub fn files(&self) -> Vec<Held> {
        self.files
            .iter()
            .map(|held| Held {
                protected: self.protected.contains(&held.id),
                ..held.clone()
            })
            .collect()
    }

    pub fn get(&self, id: ContentId) -> Option<&Held> {
        self.files.iter().find(|held| held.id == id)
    }

    pub fn usage(&self, quota: Quota) -> Usage {
        Usage {
            used_bytes: self.used_bytes(),
            pinned_bytes: self
                .files
                .iter()
                .filter(|held| held.pinned)
                .map(|held| held.bytes)
                .sum(),
            files: self.files.len(),
            quota,
        }
    }

    fn used_bytes(&self) -> u64 {
        self.files.iter().map(|held| held.bytes).sum()
    }

    /// Notes that a file is held and was just used; a pin stays a pin.
    pub fn record(&mut self, id: ContentId, bytes: u64, pin: bool) {
        let pinned = match self.files.iter().position(|held| held.id == id) {
            Some(at) => self.files.remove(at).pinned,
            None => false,
        };
        self.files.push(Held {
            id,
            bytes,
            pinned: pinned || pin,
            protected: false,
            used: self.next_use,
        });
        self.next_use += 1;
    }

    pub fn unpin(&mut self, id: ContentId) {
        for held in &mut self.files {
            if held.id == id {
                held.pinned = false;
            }
        }
    }

    pub fn forget(&mut self, id: ContentId) {
        self.files.retain(|held| held.id != id);
    }

    pub fn set_protected(&mut self, id: ContentId, protected: bool) {
        if protected {
            self.protected.insert(id);
        } else {
            self.protected.remove(&id);
        }
    }

    /// The files to remove so that `needed` more bytes fit beside `reserved` bytes that
    /// others are storing at the moment: unpinned ones first, each kind oldest use first,
    /// protected ones never. Removes nothing itself.
    ///
    /// # Errors
    /// `quota_exceeded` when even removing all that may be removed is not enough.
    pub fn make_room(
        &self,
        needed: u64,
        reserved: u64,
        quota: Quota,
        collect: Collect,
    ) -> Result<Vec<Held>, ContentError> {
        let used = self.used_bytes().saturating_add(reserved);
        let wanted = used.saturating_add(needed);
        let may_go = |held: &&Held| !self.protected.contains(&held.id);
        let unpinned = self.files.iter().filter(|held| !held.pinned);
        let pinned = self
            .files
            .iter()
            .filter(|held| held.pinned && collect == Collect::UnpinnedThenPins);

        let mut freed = 0u64;
        let mut victims = Vec::new();
        for held in unpinned.chain(pinned).filter(may_go) {
            if wanted - freed <= quota.limit_bytes {
                break;
            }
            freed += held.bytes;
            victims.push(held.clone());
        }
        if wanted - freed > quota.limit_bytes {
            return Err(ContentError::QuotaExceeded {
                needed,
                used,
                limit: quota.limit_bytes,
                collectable: freed,
            });
        }
        Ok(victims)
    }

    /// Writes the ledger to its file, so that it survives a crash right after.
    pub async fn save(&self) -> Result<(), ContentError> {
        let Some(path) = self.path.clone() else {
            return Ok(());
        };
        let text = serde_json::to_vec(&LedgerFile {
            version: VERSION,
            files: self.files.clone(),
            protected: self.protected.clone(),
        })
        .map_err(|error| ContentError::node("write the ledger", error))?;
        tokio::task::spawn_blocking(move || write_atomically(&path, &text))
            .await
            .map_err(|error| ContentError::node("write the ledger", error))?
    }
}

/// Replaces the file at `path`, readable by its owner only.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), ContentError> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;

    let temporary = path.with_extension("new");
    let write = || -> std::io::Result<()> {
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)?;
        // The new name is durable only with its folder.
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::File::open(folder)?.sync_all()
    };
    write().map_err(|error| ContentError::io("write", path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file_id;

    fn id(name: &str) -> ContentId {
        file_id(name.as_bytes())
    }

    fn room(
        ledger: &Ledger,
        needed: u64,
        collect: Collect,
    ) -> Result<Vec<ContentId>, ContentError> {
        ids(ledger.make_room(needed, 0, Quota::with_limit(100), collect))
    }

    fn ids(held: Result<Vec<Held>, ContentError>) -> Result<Vec<ContentId>, ContentError> {
        held.map(|held| held.iter().map(|held| held.id).collect())
    }

    #[test]
    fn unpinned_files_go_first_then_pins_then_nothing() {
        let mut ledger = Ledger::in_memory();
        ledger.record(id("old pin"), 20, true);
        ledger.record(id("champion"), 20, true);
        ledger.record(id("old cache"), 20, false);
        ledger.record(id("new pin"), 20, true);
        ledger.record(id("new cache"), 20, false);
        ledger.set_protected(id("champion"), true);

        assert_eq!(room(&ledger, 0, Collect::Unpinned), Ok(vec![]));
        assert_eq!(
            room(&ledger, 1, Collect::Unpinned),
            Ok(vec![id("old cache")])
        );
        assert_eq!(
            room(&ledger, 21, Collect::Unpinned),
            Ok(vec![id("old cache"), id("new cache")])
        );
        assert_eq!(
            room(&ledger, 41, Collect::Unpinned),
            Err(ContentError::QuotaExceeded {
                needed: 41,
                used: 100,
                limit: 100,
                collectable: 40
            })
        );
        assert_eq!(
            room(&ledger, 41, Collect::UnpinnedThenPins),
            Ok(vec![id("old cache"), id("new cache"), id("old pin")])
        );
        assert_eq!(
            room(&ledger, 81, Collect::UnpinnedThenPins)
                .expect_err("the champion stays")
                .code(),
            "quota_exceeded"
        );
        ledger.set_protected(id("champion"), false);
        assert_eq!(
            room(&ledger, 81, Collect::UnpinnedThenPins).map(|v| v.len()),
            Ok(5)
        );
    }

    #[test]
    fn a_file_that_can_never_fit_removes_nothing() {
        let mut ledger = Ledger::in_memory();
        ledger.record(id("cache"), 50, false);
        assert!(room(&ledger, 101, Collect::UnpinnedThenPins).is_err());
        assert!(room(&ledger, u64::MAX, Collect::UnpinnedThenPins).is_err());
        assert_eq!(
            ids(ledger.make_room(1, 60, Quota::with_limit(100), Collect::Unpinned)),
            Ok(vec![id("cache")])
        );
    }

    #[test]
    fn use_makes_young_and_pins_stay_pins() {
        let mut ledger = Ledger::in_memory();
        ledger.record(id("a"), 10, true);
        ledger.record(id("b"), 10, false);
        ledger.record(id("a"), 10, false);
        let files = ledger.files();
        assert_eq!(
            files
                .iter()
                .map(|held| (held.id, held.pinned))
                .collect::<Vec<_>>(),
            [(id("b"), false), (id("a"), true)]
        );
        ledger.unpin(id("a"));
        assert_eq!(ledger.usage(Quota::with_limit(100)).pinned_bytes, 0);
        ledger.forget(id("a"));
        assert_eq!(ledger.usage(Quota::with_limit(100)).used_bytes, 10);
    }

    #[test]
    fn the_warning_comes_before_the_limit() {
        let mut ledger = Ledger::in_memory();
        ledger.record(id("a"), 79, true);
        assert!(!ledger.usage(Quota::with_limit(100)).is_warning());
        ledger.record(id("b"), 1, true);
        assert!(ledger.usage(Quota::with_limit(100)).is_warning());
    }

    #[tokio::test]
    async fn what_is_saved_is_read_back() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("ledger.json");
        let mut ledger = Ledger::open(&path).expect("new ledger");
        ledger.record(id("a"), 10, true);
        ledger.record(id("b"), 20, false);
        ledger.set_protected(id("a"), true);
        ledger.save().await.expect("saved");

        let mut again = Ledger::open(&path).expect("ledger");
        assert_eq!(again.files(), ledger.files());
        again.record(id("a"), 10, false);
        assert_eq!(again.files().last().map(|held| held.id), Some(id("a")));

        std::fs::write(&path, b"{\"version\":1").expect("write");
        assert_eq!(
            Ledger::open(&path).expect_err("damaged").code(),
            "io_failed"
        );
    }
}
