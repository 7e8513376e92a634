//! Solidity's `abi.encode` for static values: one 32-byte word each.
//!
//! Written out by hand because it is the format that is hashed and signed, and because a strict
//! reader is part of it: whatever is not the canonical word of a value is refused.

use alloy::primitives::{Address, B256, U256, keccak256};

/// Bytes in a word.
pub(crate) const WORD: usize = 32;

/// Hash of `abi.encode(words...)`.
pub(crate) fn hash(words: &[B256]) -> B256 {
    let mut bytes = Vec::with_capacity(words.len() * WORD);
    for word in words {
        bytes.extend_from_slice(word.as_slice());
    }
    keccak256(bytes)
}

pub(crate) fn uint(value: impl Into<u128>) -> B256 {
    U256::from(value.into()).into()
}

pub(crate) fn int(value: i64) -> B256 {
    let mut word = if value < 0 {
        B256::repeat_byte(0xff)
    } else {
        B256::ZERO
    };
    word[WORD - 8..].copy_from_slice(&value.to_be_bytes());
    word
}

pub(crate) fn address(value: Address) -> B256 {
    value.into_word()
}

/// Reads an unsigned integer; `None` when it is more than `max`.
pub(crate) fn read_uint(word: &[u8; WORD], max: u64) -> Option<u64> {
    let (high, low) = word.split_at(WORD - 8);
    let value = u64::from_be_bytes(low.try_into().ok()?);
    (high.iter().all(|byte| *byte == 0) && value <= max).then_some(value)
}

/// Reads a signed 64-bit integer; `None` when the sign is not extended over the whole word.
pub(crate) fn read_int(word: &[u8; WORD]) -> Option<i64> {
    let value = i64::from_be_bytes(word[WORD - 8..].try_into().ok()?);
    (int(value).0 == *word).then_some(value)
}
