use super::*;
use crate::environment::EnvironmentLock;

const EVALUATOR: &[u8] = b"e";

fn open(cache: &Path) -> CacheEntry {
    try_open(cache, EVALUATOR).expect("an entry")
}

fn try_open(cache: &Path, evaluator: &[u8]) -> Result<CacheEntry, LocalFailure> {
    let settings = WorkerSettings {
        worker: PathBuf::new(),
        cache_dir: cache.to_owned(),
        cache_key: None,
        environment: EnvironmentLock::of_this_build(),
        memory_bytes: 0,
        wall: Duration::ZERO,
        device: crate::wire::Device::Cpu,
        allow_unsandboxed: false,
        cgroups: false,
    };
    CacheEntry::new(&settings, Digest::of(evaluator))
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = folder.path().join("cache");
    (folder, cache)
}

async fn look(entry: &CacheEntry, patience: Duration) -> Compiled<'_> {
    entry.look(Instant::now() + patience).await.expect("io")
}

async fn missing(entry: &CacheEntry) -> CompileLock<'_> {
    match look(entry, Duration::ZERO).await {
        Compiled::Missing(lock) => lock,
        Compiled::Ready(_) => panic!("it is ready"),
        Compiled::Late => panic!("it is locked"),
    }
}

fn keep(lock: CompileLock<'_>, code: &[u8]) -> CodeFile {
    let mut draft = lock.draft().expect("a file");
    draft.write(code).expect("written");
    lock.keep(draft).expect("kept")
}

#[tokio::test]
async fn one_compiles_and_the_others_find_it_ready() {
    let (_folder, cache) = folder();
    let (first, second) = (open(&cache), open(&cache));
    let lock = missing(&first).await;
    assert!(matches!(
        look(&second, Duration::ZERO).await,
        Compiled::Late
    ));
    let waiting = look(&second, Duration::from_secs(60));
    let (waited, kept) = tokio::join!(waiting, async { keep(lock, b"code") });
    let Compiled::Ready(found) = waited else {
        panic!("it is kept");
    };
    assert_eq!(found, kept);
    assert_eq!(found.size, 4);
    assert_eq!(found.blake3, blake3::hash(b"code").to_hex().to_string());
    let bytes = fs::read(&found.path).expect("a file");
    assert_eq!(&bytes[found.offset as usize..], b"code");
}

#[tokio::test]
async fn a_lock_that_was_given_up_passes_on_and_leftovers_go() {
    let (_folder, cache) = folder();
    let entry = open(&cache);
    let lock = missing(&entry).await;
    let (_file, left) = lock
        .draft()
        .expect("a file")
        .into_unfinished()
        .keep()
        .expect("kept");
    let of_another = entry.root.join("another.x.part");
    fs::write(&of_another, b"half").expect("a file");
    drop(lock);
    drop(missing(&entry).await);
    assert!(!left.exists());
    assert!(of_another.exists());
}

/// Whoever can write to the folder alone cannot have it used.
#[tokio::test]
async fn an_entry_that_was_tampered_with_is_not_ready() {
    let (_folder, cache) = folder();
    let entry = open(&cache);
    let code = keep(missing(&entry).await, b"code");
    let good = fs::read(&code.path).expect("a file");
    let other = try_open(&cache, b"another").expect("an entry");
    let others = keep(missing(&other).await, b"code");
    let swapped = fs::read(&others.path).expect("a file");
    let mut flipped = good.clone();
    flipped[20] ^= 1;
    for bad in [
        swapped,
        flipped,
        good[..good.len() - 1].to_vec(),
        good[..HEADER_BYTES - 1].to_vec(),
        [good.as_slice(), b"more"].concat(),
        vec![],
    ] {
        fs::write(&code.path, &bad).expect("written");
        drop(missing(&entry).await);
    }
    fs::write(&code.path, &good).expect("written");
    assert!(matches!(
        look(&entry, Duration::ZERO).await,
        Compiled::Ready(found) if found == code
    ));
    fs::remove_file(secret::path(&cache, None).expect("a path")).expect("removed");
    drop(missing(&open(&cache)).await);
}

#[tokio::test]
async fn what_a_worker_could_not_use_is_compiled_anew() {
    let (_folder, cache) = folder();
    let entry = open(&cache);
    let first = keep(missing(&entry).await, b"code");
    entry.distrust(&first, "test", "");
    let second = keep(missing(&entry).await, b"other");
    // A late word about what was replaced meanwhile removes nothing.
    entry.distrust(&first, "test", "");
    assert!(matches!(
        look(&entry, Duration::ZERO).await,
        Compiled::Ready(found) if found == second
    ));
}

#[test]
fn a_folder_that_others_may_write_to_is_refused() {
    let (_folder, cache) = folder();
    let root = open(&cache).root;
    fs::set_permissions(&root, fs::Permissions::from_mode(0o777)).expect("permissions");
    let error = try_open(&cache, EVALUATOR).err().expect("refused");
    assert_eq!(error.code(), "local_setup");
}

#[test]
fn the_least_used_entries_go_first() {
    let (_folder, cache) = folder();
    let root = open(&cache).root;
    let now = SystemTime::now();
    for index in 0..6_u64 {
        let path = root.join(format!("{index}.{CODE}"));
        fs::write(&path, [0; 10]).expect("a file");
        File::open(&path)
            .and_then(|file| file.set_modified(now - Duration::from_secs(100 - index)))
            .expect("a time");
    }
    prune(&root, &root.join("0.code"), 35).expect("pruned");
    let left = |index: u64| root.join(format!("{index}.{CODE}")).exists();
    assert_eq!(
        (0..6).map(left).collect::<Vec<_>>(),
        [true, false, false, false, true, true]
    );
}
