//! Keyrings of the operators of a scene.

use std::{fs::OpenOptions, io::Write as _, os::unix::fs::OpenOptionsExt as _, path::Path};

use eyre::Result;
use zarathustra_signer::{Keyring, Signer, create_bls_key, create_wallet, import_bls_key};

use crate::scene::{Operator, Scene};

/// The keyring of an operator that has replaced its keys since it joined, in keystores in `folder`:
/// what tables of epochs name are the keys before.
pub(crate) fn rotated(scene: &Scene, operator: &Operator, folder: &Path) -> Result<Keyring> {
    let [ecdsa, bls, old_ecdsa, old_bls, password, journal] = [
        "ecdsa",
        "bls",
        "old-ecdsa",
        "old-bls",
        "password",
        "journal.redb",
    ]
    .map(|name| folder.join(name));
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&password)?;
    file.write_all(b"secret")?;
    for wallet in [&ecdsa, &old_ecdsa] {
        create_wallet(wallet, &password)?;
    }
    create_bls_key(&bls, &password)?;
    import_bls_key(&old_bls, &password, &operator.bls.to_bytes())?;
    let newest = Signer::open(&ecdsa, &bls, &password, &journal)?;
    let old = newest.beside(&old_ecdsa, &old_bls, &password)?;
    let domain = scene.domain();
    Ok(Keyring::new(newest.bind(domain), Some(old.bind(domain))))
}
