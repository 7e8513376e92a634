//! A performer's claim and the body in which it travels.

use std::fmt;

use alloy::primitives::{Address, B256, Bytes};
use alloy::sol_types::SolValue;

use crate::{ClaimId, Domain, ResultHash, TaskHash, TaskId, Turn};

/// Bytes of a claim's signature: `r‖s‖v` (2.6).
pub const CLAIM_SIGNATURE_LEN: usize = 65;

/// Most bytes of a claim's result. A result of version 1 has 416; the rest is room for kinds to
/// come. The contract has a cap of its own.
pub const MAX_RESULT_LEN: usize = 4096;

/// Bytes around the result in a [`ClaimBody`]: three words of head, one of length.
const BODY_OVERHEAD: usize = 4 * 32;

/// What a performer states: this result, for this task, in this turn (2.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Claim {
    /// The task.
    pub task: TaskHash,
    /// The performer's turn.
    pub turn: Turn,
    /// The performer's operator address.
    pub performer: Address,
    /// Hash of the result bytes.
    pub result: ResultHash,
}

impl Claim {
    /// The claim's name.
    pub fn id(&self) -> ClaimId {
        ClaimId::of(self.task, self.turn, self.performer, self.result)
    }

    /// The EIP-712 digest that the performer's claim signer signs.
    pub fn digest(&self, domain: &Domain) -> B256 {
        domain.claim_digest(self.task, self.turn, self.performer, self.result)
    }
}

/// A secp256k1 signature over a claim's digest: `r‖s‖v`, low s, v of 27 or 28.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClaimSignature([u8; CLAIM_SIGNATURE_LEN]);

impl ClaimSignature {
    /// Wraps the bytes; they are checked when the signer is recovered.
    pub const fn new(bytes: [u8; CLAIM_SIGNATURE_LEN]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; CLAIM_SIGNATURE_LEN] {
        &self.0
    }

    /// The address whose key made the signature; `None` when it is none, has a high s or
    /// another v than 27 or 28. Such signatures the contract refuses as well.
    pub fn recover(&self, digest: B256) -> Option<Address> {
        if !matches!(self.0[CLAIM_SIGNATURE_LEN - 1], 27 | 28) {
            return None;
        }
        let signature = alloy::primitives::Signature::from_raw_array(&self.0).ok()?;
        if signature.normalize_s().is_some() {
            return None;
        }
        signature.recover_address_from_prehash(&digest).ok()
    }
}

impl fmt::Display for ClaimSignature {
    /// `0x` and lower-case hex digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{}", hex::encode(self.0))
    }
}

impl fmt::Debug for ClaimSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClaimSignature({self})")
    }
}

impl TryFrom<&[u8]> for ClaimSignature {
    type Error = std::array::TryFromSliceError;

    fn try_from(bytes: &[u8]) -> Result<Self, Self::Error> {
        bytes.try_into().map(Self)
    }
}

impl std::str::FromStr for ClaimSignature {
    type Err = crate::ParseIdError;

    /// Takes hex digits with or without `0x`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; CLAIM_SIGNATURE_LEN];
        crate::ids::parse_hex("ClaimSignature", text, &mut bytes)?;
        Ok(Self(bytes))
    }
}

/// The `data` of `sendTask`: `abi.encode(uint64 taskId, uint32 turn, bytes result)` (6.1).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ClaimBody {
    /// The task.
    pub task: TaskId,
    /// The performer's turn.
    pub turn: Turn,
    /// The result bytes whose hash is in the claim.
    pub result: Bytes,
}

impl ClaimBody {
    /// Encodes the body.
    pub fn encode(&self) -> Vec<u8> {
        (self.task.get(), self.turn.get(), self.result.clone()).abi_encode_params()
    }

    /// Decodes the canonical encoding of a body; `None` for anything else, or when the result is
    /// longer than [`MAX_RESULT_LEN`].
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > BODY_OVERHEAD + MAX_RESULT_LEN {
            return None;
        }
        let (task, turn, result) = <(u64, u32, Bytes)>::abi_decode_params(bytes).ok()?;
        let body = Self {
            task: TaskId::new(task),
            turn: Turn::new(turn),
            result,
        };
        (body.result.len() <= MAX_RESULT_LEN && body.encode() == bytes).then_some(body)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn body(result: &[u8]) -> ClaimBody {
        ClaimBody {
            task: TaskId::new(5),
            turn: Turn::new(2),
            result: Bytes::copy_from_slice(result),
        }
    }

    #[test]
    fn the_body_is_what_solidity_encodes() {
        // By hand from the ABI specification.
        let expected = [
            "0000000000000000000000000000000000000000000000000000000000000005",
            "0000000000000000000000000000000000000000000000000000000000000002",
            "0000000000000000000000000000000000000000000000000000000000000060",
            "0000000000000000000000000000000000000000000000000000000000000003",
            "616263",
            "0000000000000000000000000000000000000000000000000000000000",
        ]
        .concat();
        let encoded = body(b"abc").encode();
        assert_eq!(hex::encode(&encoded), expected);
        assert_eq!(ClaimBody::decode(&encoded), Some(body(b"abc")));
    }

    #[test]
    fn what_is_not_canonical_is_refused() {
        let good = body(b"abc").encode();
        let mut trailing = good.clone();
        trailing.push(0);
        let mut padding = good.clone();
        padding[good.len() - 1] = 1;
        let mut turn = good.clone();
        turn[40] = 1;
        let mut offset = good.clone();
        offset[95] = 0x80;
        for bad in [
            &[][..],
            &good[..good.len() - 32],
            &trailing,
            &padding,
            &turn,
            &offset,
        ] {
            assert_eq!(ClaimBody::decode(bad), None);
        }
        assert_eq!(
            ClaimBody::decode(&body(&[1; MAX_RESULT_LEN + 1]).encode()),
            None
        );
    }

    #[test]
    fn signatures_that_the_contract_would_refuse_recover_nobody() {
        // EIP-155's example key 0x46..46 signing a digest would need a signer; here only forms
        // that must fail whatever the digest.
        let zero = ClaimSignature::new([0; CLAIM_SIGNATURE_LEN]);
        assert_eq!(zero.recover(B256::repeat_byte(1)), None);
        let mut high_s = [0xff; CLAIM_SIGNATURE_LEN];
        high_s[64] = 27;
        assert_eq!(
            ClaimSignature::new(high_s).recover(B256::repeat_byte(1)),
            None
        );
    }

    proptest! {
        #[test]
        fn decoding_never_panics_and_is_one_to_one(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            if let Some(body) = ClaimBody::decode(&bytes) {
                prop_assert_eq!(body.encode(), bytes);
            }
        }
    }
}
