//! Identifiers and hashes, one type each, so that one cannot be passed for another.

use std::{fmt, str::FromStr};

use alloy::primitives::{B256, keccak256};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Text that is not the identifier it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read {kind} from {text:?}: {expected}")]
pub struct ParseIdError {
    kind: &'static str,
    text: String,
    expected: &'static str,
}

/// Text is quoted in errors only up to this many characters.
const QUOTED_CHARS: usize = 80;

fn parse_error(kind: &'static str, text: &str, expected: &'static str) -> ParseIdError {
    ParseIdError {
        kind,
        text: text.chars().take(QUOTED_CHARS).collect(),
        expected,
    }
}

macro_rules! number_id {
    ($($(#[$meta:meta])* $name:ident($inner:ty);)+) => {$(
        $(#[$meta])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name($inner);

        impl $name {
            /// Wraps the number as the contracts know it.
            pub const fn new(value: $inner) -> Self {
                Self(value)
            }

            /// The number as the contracts know it.
            pub const fn get(self) -> $inner {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                text.parse().map(Self).map_err(|_| {
                    parse_error(stringify!($name), text, concat!("expected a ", stringify!($inner)))
                })
            }
        }
    )+};
}

number_id! {
    /// A task of the AttestationCenter; counts from 1.
    TaskId(u64);
    /// A request of an owner; counts from 1.
    RequestId(u64);
    /// A submission of an optimizer; counts from 1, 0 stands for the baseline in the champion history.
    SubmissionId(u64);
    /// A kind of task (a task definition).
    KindId(u16);
    /// A table of operators; counts from 1, 0 means that none was written yet.
    Epoch(u32);
    /// A turn of a task: who may claim, in which order (2.5).
    Turn(u32);
    /// An operator's row in an epoch's table, from 0.
    Position(u32);
}

impl Turn {
    /// The turn after this one; `None` after the last that the encoding can name.
    pub const fn next(self) -> Option<Self> {
        match self.0.checked_add(1) {
            Some(turn) => Some(Self(turn)),
            None => None,
        }
    }
}

impl Position {
    /// The row as an index into a slice.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

macro_rules! hash_id {
    ($($(#[$meta:meta])* $name:ident;)+) => {$(
        $(#[$meta])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(B256);

        impl $name {
            /// Wraps 32 bytes that are known to be this hash.
            pub const fn new(bytes: B256) -> Self {
                Self(bytes)
            }

            /// The 32 bytes.
            pub const fn get(self) -> B256 {
                self.0
            }
        }

        impl fmt::Display for $name {
            /// `0x` and 64 lower-case hex digits.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "0x{}", hex::encode(self.0))
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            /// Takes 64 hex digits with or without `0x`.
            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                parse_hash(stringify!($name), text).map(Self)
            }
        }
    )+};
}

/// Reads exactly as many hex digits as fill `bytes`, with or without `0x`.
pub(crate) fn parse_hex(
    kind: &'static str,
    text: &str,
    bytes: &mut [u8],
) -> Result<(), ParseIdError> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    hex::decode_to_slice(digits, bytes)
        .map_err(|_| parse_error(kind, text, "expected hex digits of its exact length"))
}

fn parse_hash(kind: &'static str, text: &str) -> Result<B256, ParseIdError> {
    let mut bytes = B256::ZERO;
    parse_hex(kind, text, bytes.as_mut_slice())?;
    Ok(bytes)
}

hash_id! {
    /// Names a task together with its epoch, seed and subject (2.4).
    TaskHash;
    /// Names a claim: task hash, turn, performer and result (2.6).
    ClaimId;
    /// The seed of a task's evaluation (2.3).
    Seed;
    /// What a task is about, hashed by its source (2.4, 5.5).
    SubjectHash;
    /// keccak256 of a claim's result bytes (2.6).
    ResultHash;
}

impl ResultHash {
    /// Hashes a claim's result bytes.
    pub fn of(result: &[u8]) -> Self {
        Self(keccak256(result))
    }
}

/// SHA-256 of a file's bytes (4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Wraps 32 bytes that are known to be a SHA-256.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Hashes a whole file.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The 32 bytes.
    pub const fn get(self) -> [u8; 32] {
        self.0
    }

    /// The 32 bytes as the contracts take them.
    pub const fn word(self) -> B256 {
        B256::new(self.0)
    }
}

impl fmt::Display for Digest {
    /// 64 lower-case hex digits without prefix, as `sha256sum` prints.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl FromStr for Digest {
    type Err = ParseIdError;

    /// Takes 64 hex digits with or without `0x`.
    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        parse_hash("Digest", text).map(|word| Self(word.0))
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_of_nothing_is_the_published_one() {
        // FIPS 180-4, the empty message.
        let expected = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Digest::of(b"").to_string(), expected);
        assert_eq!(expected.parse(), Ok(Digest::of(b"")));
        assert_eq!(format!("0x{expected}").parse(), Ok(Digest::of(b"")));
    }

    #[test]
    fn malformed_text_is_refused_with_a_short_message() {
        let long = "9".repeat(10_000);
        for text in ["", "-1", "1 ", "18446744073709551616", long.as_str()] {
            let error = text.parse::<TaskId>().expect_err(text);
            assert!(error.to_string().len() < 200);
        }
        for text in ["", "0x", "0x00", long.as_str(), &"g".repeat(64)] {
            assert!(text.parse::<Digest>().is_err());
            assert!(text.parse::<ClaimId>().is_err());
        }
    }

    #[test]
    fn identifiers_have_one_form_in_json() {
        assert_eq!(serde_json::to_string(&TaskId::new(7)).expect("json"), "7");
        let digest = Digest::of(b"x");
        let json = serde_json::to_string(&digest).expect("json");
        assert_eq!(json, format!("\"{digest}\""));
        assert_eq!(serde_json::from_str::<Digest>(&json).expect("json"), digest);
    }

    #[test]
    fn the_last_turn_has_no_next() {
        assert_eq!(Turn::new(3).next(), Some(Turn::new(4)));
        assert_eq!(Turn::new(u32::MAX).next(), None);
    }
}
