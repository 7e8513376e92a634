//! Votes, and BLS keys and signatures as opaque bytes.

use std::{fmt, str::FromStr};

use alloy::primitives::{B256, Bytes};

use crate::{ClaimId, Domain, ParseIdError, Purpose, TaskHash, Verdict, ids::parse_hex};

/// Bytes of a BLS key: a G2 point, unpadded `x.c0‖x.c1‖y.c0‖y.c1` (2.8).
pub const BLS_KEY_LEN: usize = 192;
/// Bytes of a BLS signature: a G1 point, unpadded `x‖y`.
pub const BLS_SIGNATURE_LEN: usize = 96;

macro_rules! point_bytes {
    ($($(#[$meta:meta])* $name:ident($len:ident);)+) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $len]);

        impl $name {
            /// Wraps the bytes; whether they are a point at all is not checked here.
            pub const fn new(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }

            /// The bytes.
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }

            /// The bytes as contract calls take them.
            pub fn to_bytes(&self) -> Bytes {
                Bytes::copy_from_slice(&self.0)
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = std::array::TryFromSliceError;

            fn try_from(bytes: &[u8]) -> Result<Self, Self::Error> {
                bytes.try_into().map(Self)
            }
        }

        impl fmt::Display for $name {
            /// `0x` and lower-case hex digits.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "0x{}", hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            /// Takes hex digits with or without `0x`.
            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                let mut bytes = [0; $len];
                parse_hex(stringify!($name), text, &mut bytes)?;
                Ok(Self(bytes))
            }
        }
    )+};
}

point_bytes! {
    /// A BLS public key as the contracts store it.
    BlsKey(BLS_KEY_LEN);
    /// A BLS signature as the aggregator takes it.
    BlsSignature(BLS_SIGNATURE_LEN);
}

/// What an operator says about a claim (2.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Vote {
    /// The task.
    pub task: TaskHash,
    /// The claim.
    pub claim: ClaimId,
    /// What the vote is cast for.
    pub purpose: Purpose,
    /// What it says.
    pub verdict: Verdict,
}

impl Vote {
    /// The 32 bytes that are signed (2.7).
    pub fn digest(&self, domain: &Domain) -> B256 {
        domain.vote_digest(self.task, self.claim, self.purpose, self.verdict)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_read_from_hex_of_exactly_their_length() {
        let signature = BlsSignature::new([0xab; BLS_SIGNATURE_LEN]);
        assert_eq!(signature.to_string().parse(), Ok(signature));
        for text in [
            String::new(),
            "0x".into(),
            "ab".repeat(95),
            "ab".repeat(97),
            "zz".repeat(96),
        ] {
            assert!(text.parse::<BlsSignature>().is_err(), "{text}");
        }
    }
}
