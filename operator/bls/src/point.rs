//! Encodings of points: EIP-2537 without its padding, against the order in which blst (as Zcash)
//! writes the two halves of a G2 coordinate.

use zarathustra_primitives::{BLS_KEY_LEN, BLS_SIGNATURE_LEN};

use crate::DecodeError;

/// Bytes of a coordinate's half.
pub(crate) const FIELD: usize = 48;

/// Bits in which a compressed form, the point at infinity and a sign are flagged. A canonical
/// coordinate has none of them, the modulus being 381 bits long.
const FLAGS: u8 = 0xe0;

/// Turns `c0‖c1` into `c1‖c0` in both coordinates and back.
pub(crate) fn swap_halves(point: &[u8; BLS_KEY_LEN]) -> [u8; BLS_KEY_LEN] {
    let mut swapped = *point;
    for coordinate in swapped.chunks_exact_mut(2 * FIELD) {
        coordinate.rotate_left(FIELD);
    }
    swapped
}

/// Refuses flags of other forms, and infinity (all zeros in EIP-2537), before blst reads them in
/// a way of its own.
pub(crate) fn check_plain(bytes: &[u8]) -> Result<(), DecodeError> {
    if bytes.iter().all(|byte| *byte == 0) {
        return Err(DecodeError::Infinity);
    }
    if bytes.chunks_exact(FIELD).any(|field| field[0] & FLAGS != 0) {
        return Err(DecodeError::NotCanonical);
    }
    Ok(())
}

/// The four words of a G1 point as the precompiles take it: each coordinate behind sixteen zeros.
pub(crate) fn pad(point: &[u8; BLS_SIGNATURE_LEN]) -> [[u8; 32]; 4] {
    let mut words = [[0; 32]; 4];
    for (pair, field) in words.chunks_exact_mut(2).zip(point.chunks_exact(FIELD)) {
        let (high, low) = field.split_at(FIELD - 32);
        pair[0][16..].copy_from_slice(high);
        pair[1].copy_from_slice(low);
    }
    words
}
