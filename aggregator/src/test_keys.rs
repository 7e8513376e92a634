//! Keyrings of the operators of a scene.

use std::{fs::OpenOptions, io::Write as _, os::unix::fs::OpenOptionsExt as _, path::Path};

use eyre::Result;
use zarathustra_signer::{Keyring, Signer, create_wallet, import_bls_key};

use crate::scene::{Operator, Scene};

/// An operator's BLS key, and a new ECDSA key, in keystores in `folder`.
pub(crate) fn keyring(scene: &Scene, operator: &Operator, folder: &Path) -> Result<Keyring> {
    let [ecdsa, bls, password, journal] =
        ["ecdsa", "bls", "password", "journal.redb"].map(|name| folder.join(name));
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&password)?;
    file.write_all(b"secret")?;
    create_wallet(&ecdsa, &password)?;
    import_bls_key(&bls, &password, &operator.bls.to_bytes())?;
    let signer = Signer::open(&ecdsa, &bls, &password, &journal)?;
    Ok(Keyring::new(signer.bind(scene.domain()), None))
}
