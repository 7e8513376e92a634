//! The node's identity on disk.

use std::path::Path;

use rust_ipfs::Keypair;

use crate::ContentError;
use crate::ledger::write_atomically;

/// Longest identity that is read; an ed25519 key pair takes 68 bytes.
const MAX_IDENTITY_BYTES: u64 = 4096;

/// Reads the identity at `path`, or creates one there.
pub(super) fn load_or_create(path: &Path) -> Result<Keypair, ContentError> {
    let failed = |error: std::io::Error| ContentError::io("read the identity", path, &error);
    let length = match std::fs::metadata(path) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return create(path),
        Err(error) => return Err(failed(error)),
    };
    if length > MAX_IDENTITY_BYTES {
        return Err(failed(std::io::Error::other("not an identity")));
    }
    let bytes = std::fs::read(path).map_err(failed)?;
    Keypair::from_protobuf_encoding(&bytes).map_err(|error| failed(std::io::Error::other(error)))
}

fn create(path: &Path) -> Result<Keypair, ContentError> {
    let keypair = Keypair::generate_ed25519();
    let bytes = keypair
        .to_protobuf_encoding()
        .map_err(|error| ContentError::node("encode its identity", error))?;
    write_atomically(path, &bytes)?;
    Ok(keypair)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn an_identity_is_created_once_and_kept_private() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("identity.key");
        let first = load_or_create(&path).expect("created");
        let again = load_or_create(&path).expect("read");
        assert_eq!(first.public(), again.public());
        let mode = std::fs::metadata(&path)
            .expect("metadata")
            .permissions()
            .mode();
        assert_eq!(mode & 0o077, 0);

        std::fs::write(&path, b"garbage").expect("write");
        assert_eq!(
            load_or_create(&path).expect_err("damaged").code(),
            "io_failed"
        );
    }
}
