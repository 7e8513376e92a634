//! Rounds of a drand network of scheme `bls-unchained-g1-rfc9380`, that of quicknet: keys in G2,
//! signatures in G1 over a round's number, and nothing of the rounds before it (2.3).

use blst::min_sig;
use sha2::{Digest as _, Sha256};
use zarathustra_primitives::B256;

use crate::{BEACON_DST, DecodeError, PublicKey, SecretKey, Signature, point::FIELD};

/// Bytes of a signature as beacons publish it: ZCash's compressed form.
pub const COMPRESSED_LEN: usize = FIELD;

impl Signature {
    /// Reads a signature as beacons publish it.
    ///
    /// # Errors
    /// When the bytes are not the canonical form of a point of the subgroup, or infinity.
    pub fn decode_compressed(bytes: &[u8; COMPRESSED_LEN]) -> Result<Self, DecodeError> {
        // blst reads infinity where its flag is set; without the flag of compression it would read
        // another form.
        if bytes[0] & INFINITY != 0 {
            return Err(DecodeError::Infinity);
        }
        if bytes[0] & COMPRESSED == 0 {
            return Err(DecodeError::NotCanonical);
        }
        let point = min_sig::Signature::uncompress(bytes)?;
        point.validate(true)?;
        Ok(Self(point))
    }

    /// The signature as beacons publish it.
    pub fn compress(&self) -> [u8; COMPRESSED_LEN] {
        self.0.compress()
    }

    /// The randomness of the round that this signs.
    pub fn randomness(&self) -> B256 {
        B256::new(Sha256::digest(self.compress()).into())
    }

    /// Whether this is the network's signature of a round.
    #[must_use]
    pub fn verify_round(&self, round: u64, key: &PublicKey) -> bool {
        self.verify_under(BEACON_DST, &message(round), key)
    }
}

impl SecretKey {
    /// Signs a round, as a network of one. For local beacons.
    pub fn sign_round(&self, round: u64) -> Signature {
        self.sign_under(BEACON_DST, &message(round))
    }
}

impl PublicKey {
    /// The key as beacons publish it: ZCash's compressed form.
    pub fn compress(&self) -> [u8; 2 * COMPRESSED_LEN] {
        self.0.compress()
    }
}

/// The hash by which beacons know a network's chain of rounds: sha256 of the seconds from a round to
/// the next, Unix time of the first, key, the group's hash and the network's name, which is empty
/// for that called `default`.
pub fn chain_hash(
    period: u32,
    genesis: u64,
    key: &PublicKey,
    group_hash: &B256,
    name: &str,
) -> B256 {
    let hash = Sha256::new()
        .chain_update(period.to_be_bytes())
        .chain_update(genesis.to_be_bytes())
        .chain_update(key.compress())
        .chain_update(group_hash)
        .chain_update(name);
    B256::new(hash.finalize().into())
}

/// Flag of a compressed form.
const COMPRESSED: u8 = 0x80;
/// Flag of the point at infinity.
const INFINITY: u8 = 0x40;

/// What is signed for a round: sha256 of its number, 8 bytes big-endian.
fn message(round: u64) -> B256 {
    B256::new(Sha256::digest(round.to_be_bytes()).into())
}
