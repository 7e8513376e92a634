//! The secret that vouches for compiled evaluators.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Bytes of a secret.
pub const SECRET_BYTES: usize = 32;

/// Where the secret of a folder lies: where it is said to, or beside the folder. Never in it, so
/// that who may write to the folder alone can neither read nor replace it.
pub fn path(folder: &Path, named: Option<&Path>) -> io::Result<PathBuf> {
    let invalid = |text: &str| io::Error::new(io::ErrorKind::InvalidInput, text.to_owned());
    if let Some(named) = named {
        return if named.starts_with(folder) {
            Err(invalid("the secret lies in the folder that it vouches for"))
        } else {
            Ok(named.to_owned())
        };
    }
    let mut name: OsString = folder
        .file_name()
        .ok_or_else(|| invalid("the folder of compiled evaluators has no name"))?
        .to_owned();
    name.push(".key");
    Ok(folder.with_file_name(name))
}

/// Reads the user's secret, or makes one. Programs that do so at once end up with the same.
pub fn read_or_make(path: &Path, user: u32) -> io::Result<[u8; SECRET_BYTES]> {
    match read(path, user) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        other => return other,
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut secret = [0; SECRET_BYTES];
    getrandom::fill(&mut secret).map_err(io::Error::other)?;
    // Written in full before it has its name; the first to give the name wins.
    let mut draft = tempfile::NamedTempFile::new_in(folder)?;
    draft.write_all(&secret)?;
    draft.as_file().sync_all()?;
    match draft.persist_noclobber(path) {
        Ok(_) => Ok(secret),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => read(path, user),
        Err(error) => Err(error.error),
    }
}

/// Reads a secret that is the user's alone.
fn read(path: &Path, user: u32) -> io::Result<[u8; SECRET_BYTES]> {
    let mut file = File::options()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW)
        .open(path)?;
    let metadata = file.metadata()?;
    let refuse = |what: &str| {
        let message = format!("{} {what}", path.display());
        Err(io::Error::new(io::ErrorKind::PermissionDenied, message))
    };
    if metadata.mode() & 0o077 != 0 {
        return refuse("is open to others; its mode has to be 0600");
    }
    if metadata.uid() != user {
        return refuse("belongs to another user");
    }
    let mut bytes = Vec::new();
    (&mut file)
        .take(SECRET_BYTES as u64 + 1)
        .read_to_end(&mut bytes)?;
    bytes
        .try_into()
        .or_else(|_| refuse("is no secret: its size is wrong"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn user(folder: &tempfile::TempDir) -> u32 {
        fs::metadata(folder.path()).expect("a folder").uid()
    }

    #[test]
    fn programs_that_start_at_once_share_one_secret() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = folder.path().join("cache");
        let path = path(&cache, None).expect("a path");
        assert_eq!(path, folder.path().join("cache.key"));
        assert!(super::path(&cache, Some(&cache.join("key"))).is_err());
        assert_eq!(super::path(&cache, Some(&path)).ok().as_ref(), Some(&path));
        let user = user(&folder);
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let path = path.clone();
                std::thread::spawn(move || read_or_make(&path, user).expect("a secret"))
            })
            .collect();
        let secrets: Vec<_> = threads
            .into_iter()
            .map(|thread| thread.join().expect("no panic"))
            .collect();
        assert!(secrets.iter().all(|secret| *secret == secrets[0]));
        assert_ne!(secrets[0], [0; SECRET_BYTES]);
        let mode = fs::metadata(&path).expect("a file").mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_secret_that_others_may_read_or_that_is_cut_off_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("cache.key");
        let user = user(&folder);
        read_or_make(&path, user).expect("a secret");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("permissions");
        let open = read_or_make(&path, user).expect_err("open to others");
        assert_eq!(open.kind(), io::ErrorKind::PermissionDenied);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("permissions");
        assert!(read_or_make(&path, user + 1).is_err());
        fs::write(&path, [1; SECRET_BYTES - 1]).expect("written");
        assert!(read_or_make(&path, user).is_err());
        fs::write(&path, [1; SECRET_BYTES + 1]).expect("written");
        assert!(read_or_make(&path, user).is_err());
    }
}
