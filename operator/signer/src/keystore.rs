//! Keystores on disk.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use alloy::signers::{k256::elliptic_curve::rand_core::OsRng, local::PrivateKeySigner};
use serde::Deserialize;
use zarathustra_bls::{KeyError, SECRET_KEY_LEN, SecretKey};
use zarathustra_primitives::{Address, B256, BlsKey, BlsSignature, possession_digest};
use zeroize::Zeroizing;

use crate::password::{Password, read_private};

/// A keystore has about 500 bytes.
const MAX_FILE_LEN: u64 = 64 * 1024;

/// Most memory and time that a keystore may ask for: scrypt's N, r and p, and PBKDF2's rounds.
const MAX_SCRYPT_N: u32 = 1 << 20;
const MAX_SCRYPT_R: u32 = 16;
const MAX_SCRYPT_P: u32 = 16;
const MAX_PBKDF2_ROUNDS: u32 = 10_000_000;

/// A keystore or password file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeystoreError {
    /// The file cannot be read.
    #[error("read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file cannot be written. An existing keystore is never replaced.
    #[error("write the keystore {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others than its owner can read the file.
    #[error("{} is open to others (mode {mode:03o}); run `chmod 600` on it", path.display())]
    Permissions {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file is longer than what it should be could ever be.
    #[error("{} is longer than {max} bytes", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The cap.
        max: u64,
    },
    /// The password file's first line is empty.
    #[error("{} holds no password", path.display())]
    EmptyPassword {
        /// The file.
        path: PathBuf,
    },
    /// The file is no keystore, or asks for absurd work.
    #[error("{} is no keystore of version 3: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The password is not the keystore's.
    #[error("the password does not open {}", path.display())]
    WrongPassword {
        /// The file.
        path: PathBuf,
    },
    /// What the keystore holds is not a key of this kind.
    #[error("{} holds no {kind} key", path.display())]
    NotAKey {
        /// The file.
        path: PathBuf,
        /// The kind of key expected.
        kind: &'static str,
    },
    /// No key could be made.
    #[error("make a key")]
    Generate(#[source] KeyError),
}

impl KeystoreError {
    /// The stable name of the error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Read { .. } => "keystore_read",
            Self::Write { .. } => "keystore_write",
            Self::Permissions { .. } => "keystore_permissions",
            Self::TooLong { .. } => "keystore_too_long",
            Self::EmptyPassword { .. } => "keystore_empty_password",
            Self::Malformed { .. } => "keystore_malformed",
            Self::WrongPassword { .. } => "keystore_wrong_password",
            Self::NotAKey { .. } => "keystore_not_a_key",
            Self::Generate(_) => "keystore_generate",
        }
    }
}

/// What an operator registers: its BLS key and the proof that it holds it (2.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Registration {
    /// The key.
    pub key: BlsKey,
    /// The proof of possession.
    pub possession: BlsSignature,
}

/// Opens the ECDSA key with which an account sends transactions and a performer signs claims.
///
/// # Errors
/// When keystore or password cannot be used.
pub fn open_wallet(
    keystore: &Path,
    password_file: &Path,
) -> Result<PrivateKeySigner, KeystoreError> {
    let secret = decrypt(keystore, password_file)?;
    PrivateKeySigner::from_slice(&secret).map_err(|_| KeystoreError::NotAKey {
        path: keystore.to_owned(),
        kind: "secp256k1",
    })
}

/// Makes an ECDSA key and stores it under the password in a file; answers its address.
///
/// # Errors
/// When the file exists or cannot be written.
pub fn create_wallet(keystore: &Path, password_file: &Path) -> Result<Address, KeystoreError> {
    import_wallet(
        keystore,
        password_file,
        &PrivateKeySigner::random().to_bytes(),
    )
}

/// Stores an ECDSA key that is known already under the password in a file; answers its address.
///
/// # Errors
/// When these are no key, or the file exists or cannot be written.
pub fn import_wallet(
    keystore: &Path,
    password_file: &Path,
    secret: &B256,
) -> Result<Address, KeystoreError> {
    let signer = PrivateKeySigner::from_bytes(secret).map_err(|_| KeystoreError::NotAKey {
        path: keystore.to_owned(),
        kind: "secp256k1",
    })?;
    encrypt(keystore, password_file, secret.as_slice())?;
    Ok(signer.address())
}

/// Makes a BLS key and stores it under the password in a file; answers the public key.
///
/// # Errors
/// When the file exists or cannot be written, or there is no randomness.
pub fn create_bls_key(keystore: &Path, password_file: &Path) -> Result<BlsKey, KeystoreError> {
    let secret = SecretKey::generate().map_err(KeystoreError::Generate)?;
    encrypt(keystore, password_file, secret.to_bytes().as_slice())?;
    Ok(secret.public_key().encode())
}

/// Stores a BLS key that is known already under the password in a file; answers the public key.
///
/// # Errors
/// When these are no key, or the file exists or cannot be written.
pub fn import_bls_key(
    keystore: &Path,
    password_file: &Path,
    secret: &[u8; SECRET_KEY_LEN],
) -> Result<BlsKey, KeystoreError> {
    let key = SecretKey::from_bytes(secret).map_err(|_| KeystoreError::NotAKey {
        path: keystore.to_owned(),
        kind: "BLS",
    })?;
    encrypt(keystore, password_file, secret)?;
    Ok(key.public_key().encode())
}

/// Proves possession of a BLS key to a registry (the AvsGovernance). Needs no journal: the proof
/// is hashed under a domain of its own and can be taken for no vote.
///
/// # Errors
/// When keystore or password cannot be used.
pub fn prove_registration(
    keystore: &Path,
    password_file: &Path,
    chain_id: u64,
    registry: Address,
    operator: Address,
) -> Result<Registration, KeystoreError> {
    let secret = open_bls(keystore, password_file)?;
    let key = secret.public_key().encode();
    let digest = possession_digest(chain_id, registry, operator, &key);
    Ok(Registration {
        key,
        possession: secret.prove_possession(&digest).encode(),
    })
}

pub(crate) fn open_bls(keystore: &Path, password_file: &Path) -> Result<SecretKey, KeystoreError> {
    let secret = decrypt(keystore, password_file)?;
    let not_a_key = || KeystoreError::NotAKey {
        path: keystore.to_owned(),
        kind: "BLS",
    };
    let secret: &[u8; SECRET_KEY_LEN] = secret.as_slice().try_into().map_err(|_| not_a_key())?;
    SecretKey::from_bytes(secret).map_err(|_| not_a_key())
}

fn decrypt(path: &Path, password_file: &Path) -> Result<Zeroizing<Vec<u8>>, KeystoreError> {
    let malformed = |reason: String| KeystoreError::Malformed {
        path: path.to_owned(),
        reason,
    };
    let password = Password::from_file(password_file)?;
    let bytes = read_private(path, MAX_FILE_LEN)?;
    let form: Form =
        serde_json::from_slice(&bytes).map_err(|error| malformed(error.to_string()))?;
    form.check()
        .map_err(|reason| malformed(reason.to_owned()))?;
    match eth_keystore::decrypt_key(path, password.expose()) {
        Ok(secret) => Ok(Zeroizing::new(secret)),
        Err(eth_keystore::KeystoreError::MacMismatch) => Err(KeystoreError::WrongPassword {
            path: path.to_owned(),
        }),
        Err(error) => Err(malformed(error.to_string())),
    }
}

fn encrypt(path: &Path, password_file: &Path, secret: &[u8]) -> Result<(), KeystoreError> {
    let write = |source| KeystoreError::Write {
        path: path.to_owned(),
        source,
    };
    let invalid = || write(io::Error::from(io::ErrorKind::InvalidInput));
    let folder = path.parent().ok_or_else(invalid)?;
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .ok_or_else(invalid)?;
    let password = Password::from_file(password_file)?;
    // Creating the file first keeps its permissions narrow from the start and never replaces one.
    let file = create_private(path).map_err(write)?;
    let written =
        eth_keystore::encrypt_key(folder, &mut OsRng, secret, password.expose(), Some(name))
            .map_err(io::Error::other)
            .and_then(|_| file.sync_all());
    written.map_err(|error| match fs::remove_file(path) {
        Ok(()) => write(error),
        Err(left) => write(io::Error::other(format!(
            "{error}; an empty file is left: {left}"
        ))),
    })
}

fn create_private(path: &Path) -> io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// The parts of a keystore that must be in range before its library may work on it: it takes
/// slices of some of them without looking, and does whatever work the others ask for.
#[derive(Deserialize)]
struct Form {
    version: u64,
    crypto: Crypto,
}

#[derive(Deserialize)]
struct Crypto {
    cipher: String,
    cipherparams: CipherParams,
    ciphertext: String,
    kdfparams: KdfParams,
}

#[derive(Deserialize)]
struct CipherParams {
    iv: String,
}

#[derive(Deserialize)]
struct KdfParams {
    dklen: u64,
    #[serde(default)]
    n: u32,
    #[serde(default)]
    r: u32,
    #[serde(default)]
    p: u32,
    #[serde(default)]
    c: u32,
}

impl Form {
    fn check(&self) -> Result<(), &'static str> {
        let Crypto {
            cipher,
            cipherparams,
            ciphertext,
            kdfparams: kdf,
        } = &self.crypto;
        let hex_bytes = |text: &str| text.strip_prefix("0x").unwrap_or(text).len() / 2;
        let rules = [
            (self.version == 3, "another version"),
            (cipher == "aes-128-ctr", "another cipher than aes-128-ctr"),
            (
                hex_bytes(&cipherparams.iv) == 16,
                "an initialisation vector of other than 16 bytes",
            ),
            (
                hex_bytes(ciphertext) == SECRET_KEY_LEN,
                "a secret of other than 32 bytes",
            ),
            (kdf.dklen == 32, "a derived key of other than 32 bytes"),
            (
                kdf.n == 0 || kdf.n.is_power_of_two(),
                "an N that is no power of two",
            ),
            (
                kdf.n <= MAX_SCRYPT_N && kdf.r <= MAX_SCRYPT_R && kdf.p <= MAX_SCRYPT_P,
                "too much work asked of scrypt",
            ),
            (kdf.c <= MAX_PBKDF2_ROUNDS, "too much work asked of PBKDF2"),
        ];
        rules
            .iter()
            .find(|(holds, _)| !holds)
            .map_or(Ok(()), |(_, broken)| Err(*broken))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// The PBKDF2 test vector of the Web3 Secret Storage definition on ethereum.org.
    const PUBLISHED: &str = r#"{"crypto":{"cipher":"aes-128-ctr","cipherparams":{"iv":"6087dab2f9fdbbfaddc31a909735c1e6"},"ciphertext":"5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46","kdf":"pbkdf2","kdfparams":{"c":262144,"dklen":32,"prf":"hmac-sha256","salt":"ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd"},"mac":"517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2"},"id":"3198bc9c-6672-5ab3-d995-4942343ae5b6","version":3}"#;
    const PUBLISHED_KEY: &str = "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d";

    fn write(path: &Path, content: &str, mode: u32) {
        fs::write(path, content).expect("write");
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("chmod");
    }

    struct Files {
        folder: tempfile::TempDir,
    }

    impl Files {
        fn new() -> Self {
            let files = Self {
                folder: tempfile::tempdir().expect("a folder"),
            };
            write(&files.password(), "testpassword\n", 0o600);
            files
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn password(&self) -> PathBuf {
            self.path("password")
        }
    }

    #[test]
    fn the_published_keystore_opens() {
        let files = Files::new();
        let path = files.path("keystore.json");
        write(&path, PUBLISHED, 0o600);
        let wallet = open_wallet(&path, &files.password()).expect("opens");
        assert_eq!(wallet.to_bytes().to_string(), format!("0x{PUBLISHED_KEY}"));
    }

    #[test]
    fn keys_come_back_as_they_were_stored() {
        let files = Files::new();
        let path = files.path("wallet");
        let address = create_wallet(&path, &files.password()).expect("created");
        assert_eq!(
            open_wallet(&path, &files.password())
                .expect("opens")
                .address(),
            address
        );
        let mode = fs::metadata(&path).expect("metadata").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);

        let path = files.path("bls");
        let key = create_bls_key(&path, &files.password()).expect("created");
        let opened = open_bls(&path, &files.password()).expect("opens");
        assert_eq!(opened.public_key().encode(), key);

        let again = create_bls_key(&path, &files.password()).expect_err("exists");
        assert_eq!(again.code(), "keystore_write");
        assert_eq!(
            open_bls(&path, &files.password())
                .expect("opens")
                .public_key()
                .encode(),
            key
        );
    }

    #[test]
    fn a_registration_proves_possession() {
        let files = Files::new();
        let path = files.path("bls");
        let key = create_bls_key(&path, &files.password()).expect("created");
        let [registry, operator] = [1, 2].map(Address::repeat_byte);
        let proof = prove_registration(&path, &files.password(), 31337, registry, operator);
        let proof = proof.expect("proved");
        assert_eq!(proof.key, key);
        let digest = possession_digest(31337, registry, operator, &key);
        let public = zarathustra_bls::PublicKey::decode(&key).expect("a key");
        let signature = zarathustra_bls::Signature::decode(&proof.possession).expect("a point");
        assert!(signature.verify_possession(&digest, &public));
        assert!(!signature.verify(&digest, &public));
    }

    #[test]
    fn files_that_others_can_read_are_refused() {
        let files = Files::new();
        let path = files.path("keystore.json");
        for mode in [0o640, 0o604, 0o660] {
            write(&path, PUBLISHED, mode);
            let error = open_wallet(&path, &files.password()).expect_err("open to others");
            assert_eq!(error.code(), "keystore_permissions");
        }
        write(&path, PUBLISHED, 0o600);
        write(&files.password(), "testpassword", 0o644);
        let error = open_wallet(&path, &files.password()).expect_err("open to others");
        assert_eq!(error.code(), "keystore_permissions");
    }

    #[test]
    fn what_cannot_be_used_is_refused_with_its_reason() {
        let files = Files::new();
        let path = files.path("keystore.json");
        let open = |content: &str| {
            write(&path, content, 0o600);
            open_wallet(&path, &files.password())
                .expect_err("refused")
                .code()
        };
        let swap = |from: &str, to: &str| PUBLISHED.replace(from, to);
        let scrypt = |params: &str| {
            let params =
                format!(r#""kdf":"scrypt","kdfparams":{{{params},"dklen":32,"salt":"ae"}}"#);
            let (from, to) = (r#""kdf":"pbkdf2""#, "},\"mac\"");
            let (head, rest) = PUBLISHED.split_once(from).expect("a kdf");
            let (_, tail) = rest.split_once(to).expect("a mac");
            format!("{head}{params},\"mac\"{tail}")
        };
        let malformed = [
            String::new(),
            "{}".to_owned(),
            swap("\"version\":3", "\"version\":1"),
            swap("aes-128-ctr", "aes-256-ctr"),
            swap("6087dab2f9fdbbfaddc31a909735c1e6", "6087"),
            swap("\"dklen\":32", "\"dklen\":0"),
            swap("\"dklen\":32", "\"dklen\":4294967295"),
            swap("\"c\":262144", "\"c\":4294967295"),
            scrypt(r#""n":4294967295,"r":8,"p":1"#),
            scrypt(r#""n":2147483648,"r":8,"p":1"#),
            scrypt(r#""n":1000,"r":8,"p":1"#),
            scrypt(r#""n":8192,"r":8,"p":4000000000"#),
            scrypt(r#""n":0,"r":0,"p":0"#),
        ];
        for content in &malformed {
            assert_eq!(open(content), "keystore_malformed", "{content}");
        }
        assert_eq!(
            open(&swap("517ead92", "517ead93")),
            "keystore_wrong_password"
        );
        assert_eq!(
            open(&swap("5318b4d5", "5318b4d6")),
            "keystore_wrong_password"
        );
        assert_eq!(open(&"x".repeat(70_000)), "keystore_too_long");

        write(&path, PUBLISHED, 0o600);
        for (password, code) in [
            ("wrong", "keystore_wrong_password"),
            ("\n", "keystore_empty_password"),
        ] {
            write(&files.password(), password, 0o600);
            assert_eq!(
                open_wallet(&path, &files.password())
                    .expect_err("refused")
                    .code(),
                code
            );
        }
        let error = open_wallet(&files.path("nowhere"), &files.password());
        assert!(error.is_err());
        write(&files.password(), "secret", 0o600);
        let password = Password::from_file(&files.password()).expect("a password");
        assert_eq!(format!("{password:?}"), "Password(***)");
    }
}
