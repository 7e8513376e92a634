use blst::{BLST_ERROR, min_sig};
use zarathustra_primitives::{B256, BlsSignature};

use crate::{
    DecodeError, POSSESSION_DST, PublicKey, VOTE_DST,
    point::{check_plain, pad},
};

/// A signature: a point of G1 in the prime order subgroup, not at infinity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature(pub(crate) min_sig::Signature);

impl Signature {
    /// Reads a signature as operators send it.
    ///
    /// # Errors
    /// When the bytes are not the canonical encoding of such a point.
    pub fn decode(signature: &BlsSignature) -> Result<Self, DecodeError> {
        check_plain(signature.as_bytes())?;
        let point = min_sig::Signature::deserialize(signature.as_bytes())?;
        point.validate(true)?;
        Ok(Self(point))
    }

    /// The signature as operators send it.
    pub fn encode(&self) -> BlsSignature {
        BlsSignature::new(self.0.serialize())
    }

    /// The signature as the contracts take it: a G1 point of EIP-2537 in four words.
    pub fn to_words(&self) -> [B256; 4] {
        pad(&self.0.serialize()).map(B256::new)
    }

    /// Whether this is the key's signature over the digest of a vote.
    #[must_use]
    pub fn verify(&self, digest: &B256, key: &PublicKey) -> bool {
        self.verify_under(VOTE_DST, digest, key)
    }

    /// Whether this proves possession of the key.
    #[must_use]
    pub fn verify_possession(&self, digest: &B256, key: &PublicKey) -> bool {
        self.verify_under(POSSESSION_DST, digest, key)
    }

    // Neither point is checked again: both were when they were decoded or made.
    pub(crate) fn verify_under(&self, domain: &[u8], digest: &B256, key: &PublicKey) -> bool {
        let answer = self
            .0
            .verify(false, digest.as_slice(), domain, &[], &key.0, false);
        answer == BLST_ERROR::BLST_SUCCESS
    }
}
