//! Parameters that differ in a known way.

use std::path::Path;

use eyre::{ContextCompat, Result, WrapErr};

/// Writes parameters that differ from others in their first weight, by `by`.
///
/// # Errors
/// When the files cannot be read or written, or hold no safetensors of 32-bit floats.
pub fn alter_one_weight(from: &Path, to: &Path, by: f32) -> Result<()> {
    let mut bytes = std::fs::read(from).wrap_err_with(|| format!("read {}", from.display()))?;
    // A length of eight bytes, a header of that length, the weights.
    let length = bytes.first_chunk::<8>().wrap_err("a header's length")?;
    let start = 8 + usize::try_from(u64::from_le_bytes(*length))?;
    let weight = bytes
        .get_mut(start..)
        .and_then(<[u8]>::first_chunk_mut::<4>)
        .wrap_err("a first weight")?;
    *weight = (f32::from_le_bytes(*weight) + by).to_le_bytes();
    std::fs::write(to, bytes).wrap_err_with(|| format!("write {}", to.display()))
}
