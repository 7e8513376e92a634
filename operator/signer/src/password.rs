use std::{fmt, fs, io::Read, path::Path};

use zeroize::Zeroizing;

use crate::KeystoreError;

/// A password file is one line; this is far more than any.
const MAX_FILE_LEN: u64 = 4096;

/// The password of a keystore. Its memory is overwritten when it is dropped, and it prints
/// nothing of itself.
pub(crate) struct Password(Zeroizing<Vec<u8>>);

impl Password {
    /// Reads the first line of a file that only its owner may read.
    ///
    /// # Errors
    /// When the file cannot be read, is open to others, or holds no password.
    pub(crate) fn from_file(path: &Path) -> Result<Self, KeystoreError> {
        let bytes = read_private(path, MAX_FILE_LEN)?;
        let line = bytes
            .split(|byte| matches!(byte, b'\n' | b'\r'))
            .next()
            .unwrap_or_default();
        if line.is_empty() {
            return Err(KeystoreError::EmptyPassword {
                path: path.to_owned(),
            });
        }
        Ok(Self(Zeroizing::new(line.to_vec())))
    }

    pub(crate) fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(***)")
    }
}

/// Reads a file that must be closed to everybody but its owner, and no longer than `max`.
pub(crate) fn read_private(path: &Path, max: u64) -> Result<Zeroizing<Vec<u8>>, KeystoreError> {
    let read = |source| KeystoreError::Read {
        path: path.to_owned(),
        source,
    };
    let file = fs::File::open(path).map_err(read)?;
    check_private(path, &file.metadata().map_err(read)?)?;
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(max + 1).read_to_end(&mut bytes).map_err(read)?;
    if bytes.len() as u64 > max {
        return Err(KeystoreError::TooLong {
            path: path.to_owned(),
            max,
        });
    }
    Ok(bytes)
}

#[cfg(unix)]
fn check_private(path: &Path, metadata: &fs::Metadata) -> Result<(), KeystoreError> {
    use std::os::unix::fs::PermissionsExt;

    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        Ok(())
    } else {
        Err(KeystoreError::Permissions {
            path: path.to_owned(),
            mode,
        })
    }
}

#[cfg(not(unix))]
fn check_private(_: &Path, _: &fs::Metadata) -> Result<(), KeystoreError> {
    Ok(())
}
