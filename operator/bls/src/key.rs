use std::fmt;

use blst::min_sig;
use zarathustra_primitives::{B256, BLS_KEY_LEN, BlsKey};
use zeroize::Zeroizing;

use crate::{
    DecodeError, KeyError, POSSESSION_DST, Signature, VOTE_DST,
    point::{check_plain, swap_halves},
};

/// Bytes of a secret key.
pub const SECRET_KEY_LEN: usize = 32;

/// A secret key. Its memory is overwritten when it is dropped, and it prints nothing of itself.
pub struct SecretKey(min_sig::SecretKey);

impl SecretKey {
    /// Makes a key from the operating system's randomness.
    ///
    /// # Errors
    /// When there is no randomness to be had.
    pub fn generate() -> Result<Self, KeyError> {
        let mut seed = Zeroizing::new([0; SECRET_KEY_LEN]);
        getrandom::fill(seed.as_mut_slice()).map_err(KeyError::Randomness)?;
        Self::from_seed(seed.as_slice())
    }

    /// Derives the master key of a seed as EIP-2333 says.
    ///
    /// # Errors
    /// When the seed is shorter than 32 bytes.
    pub fn from_seed(seed: &[u8]) -> Result<Self, KeyError> {
        min_sig::SecretKey::derive_master_eip2333(seed)
            .map(Self)
            .map_err(|_| KeyError::ShortSeed { found: seed.len() })
    }

    /// Reads a key from its 32 bytes, big-endian.
    ///
    /// # Errors
    /// When the number is zero or not below the group's order.
    pub fn from_bytes(bytes: &[u8; SECRET_KEY_LEN]) -> Result<Self, KeyError> {
        min_sig::SecretKey::from_bytes(bytes)
            .map(Self)
            .map_err(|_| KeyError::OutOfRange)
    }

    /// The 32 bytes of the key, to be put into a keystore.
    pub fn to_bytes(&self) -> Zeroizing<[u8; SECRET_KEY_LEN]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// The public key.
    pub fn public_key(&self) -> PublicKey {
        PublicKey(self.0.sk_to_pk())
    }

    /// Signs the digest of a vote (2.7). Guarding against two votes that contradict each other is
    /// the caller's business; the signer crate does it.
    pub fn sign(&self, digest: &B256) -> Signature {
        self.sign_under(VOTE_DST, digest)
    }

    /// Signs the digest that proves possession of this key (2.8).
    pub fn prove_possession(&self, digest: &B256) -> Signature {
        self.sign_under(POSSESSION_DST, digest)
    }

    pub(crate) fn sign_under(&self, domain: &[u8], digest: &B256) -> Signature {
        Signature(self.0.sign(digest.as_slice(), domain, &[]))
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(***)")
    }
}

/// A public key: a point of G2 in the prime order subgroup, not at infinity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(pub(crate) min_sig::PublicKey);

impl PublicKey {
    /// Reads a key as the contracts store it (2.8).
    ///
    /// # Errors
    /// When the bytes are not the canonical encoding of such a point.
    pub fn decode(key: &BlsKey) -> Result<Self, DecodeError> {
        check_plain(key.as_bytes())?;
        let point = min_sig::PublicKey::deserialize(&swap_halves(key.as_bytes()))?;
        point.validate()?;
        Ok(Self(point))
    }

    /// The key as the contracts store it.
    pub fn encode(&self) -> BlsKey {
        let bytes: [u8; BLS_KEY_LEN] = self.0.serialize();
        BlsKey::new(swap_halves(&bytes))
    }

    /// Sum of keys; `None` when there are none or they cancel out.
    pub fn sum<'a>(keys: impl IntoIterator<Item = &'a Self>) -> Option<Self> {
        let mut keys = keys.into_iter();
        let mut sum = min_sig::AggregatePublicKey::from_public_key(&keys.next()?.0);
        for key in keys {
            sum.add_aggregate(&min_sig::AggregatePublicKey::from_public_key(&key.0));
        }
        let sum = sum.to_public_key();
        sum.validate().is_ok().then_some(Self(sum))
    }
}
