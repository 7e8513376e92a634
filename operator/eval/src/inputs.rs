//! What a model that runs by itself is fed: a safetensors file with one tensor for each input of
//! the architecture, under the input's name, rows first. F32 for floats; I32 or I64 for integers.

use std::borrow::Cow;

use crate::architecture::{Architecture, InputType};
use crate::safetensors::{self, Dtype, SafetensorsError, TensorView};

/// Why a file is no input of a model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InputsError {
    /// The bytes are no safetensors file.
    #[error(transparent)]
    Format(#[from] SafetensorsError),
    /// An input has no tensor.
    #[error("input {name:?} is missing")]
    Missing {
        /// Its name.
        name: String,
    },
    /// A tensor belongs to no input.
    #[error("tensor {name:?} is no input of the architecture")]
    Unknown {
        /// Its name.
        name: String,
    },
    /// A tensor's elements are of the wrong type.
    #[error("input {name:?} holds {found:?}, expected {expected}")]
    Dtype {
        /// Its name.
        name: String,
        /// Its type.
        found: Dtype,
        /// What it may be.
        expected: &'static str,
    },
    /// A tensor has other dimensions than rows of the input's shape.
    #[error("input {name:?} has shape {found:?}, expected rows of {expected:?}")]
    Shape {
        /// Its name.
        name: String,
        /// Its shape.
        found: Vec<u64>,
        /// The architecture's, without rows.
        expected: Vec<u64>,
    },
    /// Inputs have different numbers of rows.
    #[error("input {name:?} has {found} rows, another has {expected}")]
    Rows {
        /// Its name.
        name: String,
        /// Its rows.
        found: u64,
        /// Rows of the first.
        expected: u64,
    },
    /// A float is infinite or not a number.
    #[error("input {name:?} is not finite")]
    NonFinite {
        /// Its name.
        name: String,
    },
    /// An integer is negative or too large.
    #[error("input {name:?} has an integer that is not from 0 to {below} - 1")]
    OutOfRange {
        /// Its name.
        name: String,
        /// What integers have to be less than.
        below: u64,
    },
}

impl InputsError {
    /// Stable name of the reason.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Format(error) => error.code(),
            Self::Missing { .. } => "inputs_missing",
            Self::Unknown { .. } => "inputs_unknown",
            Self::Dtype { .. } => "inputs_dtype",
            Self::Shape { .. } => "inputs_shape",
            Self::Rows { .. } => "inputs_rows",
            Self::NonFinite { .. } => "inputs_non_finite",
            Self::OutOfRange { .. } => "inputs_out_of_range",
        }
    }
}

/// Rows for each input of an architecture, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inputs<'a> {
    /// How many rows.
    pub rows: usize,
    /// Elements of each input: 32-bit floats or 32-bit integers, little-endian, in row-major order.
    pub values: Vec<Cow<'a, [u8]>>,
}

/// Reads the inputs of an architecture from a file.
///
/// # Errors
/// The first thing that is not as it has to be.
pub fn read<'a>(bytes: &'a [u8], architecture: &Architecture) -> Result<Inputs<'a>, InputsError> {
    let mut tensors = safetensors::read(bytes)?;
    let mut rows = None;
    let mut values = Vec::new();
    for (index, input) in architecture.inputs().iter().enumerate() {
        let found = tensors.iter().position(|tensor| tensor.name == input.name);
        let tensor = match found {
            Some(place) => tensors.swap_remove(place),
            None => {
                return Err(InputsError::Missing {
                    name: input.name.clone(),
                });
            }
        };
        let own = match tensor.shape.split_first() {
            Some((rows, shape)) if *shape == input.shape => *rows,
            _ => {
                return Err(InputsError::Shape {
                    name: tensor.name,
                    found: tensor.shape,
                    expected: input.shape.clone(),
                });
            }
        };
        let expected = *rows.get_or_insert(own);
        if own != expected {
            return Err(InputsError::Rows {
                name: tensor.name,
                found: own,
                expected,
            });
        }
        values.push(match architecture.integers_below(index) {
            Some(below) => integers(tensor, below)?,
            None => floats(tensor, input.dtype)?,
        });
    }
    if let Some(tensor) = tensors.first() {
        return Err(InputsError::Unknown {
            name: crate::text::brief(&tensor.name),
        });
    }
    // A file with more rows than an address has bits would not have been read.
    let rows = usize::try_from(rows.unwrap_or_default()).unwrap_or(usize::MAX);
    Ok(Inputs { rows, values })
}

fn floats(tensor: TensorView<'_>, dtype: InputType) -> Result<Cow<'_, [u8]>, InputsError> {
    if tensor.dtype != Dtype::F32 || dtype != InputType::F32 {
        return Err(InputsError::Dtype {
            name: tensor.name,
            found: tensor.dtype,
            expected: "F32",
        });
    }
    if !all_finite(tensor.data) {
        return Err(InputsError::NonFinite { name: tensor.name });
    }
    Ok(tensor.data.into())
}

fn integers(tensor: TensorView<'_>, below: u64) -> Result<Cow<'_, [u8]>, InputsError> {
    let out_of_range = |name: String| InputsError::OutOfRange { name, below };
    let data: Cow<'_, [u8]> = match tensor.dtype {
        Dtype::I32 => tensor.data.into(),
        Dtype::I64 => {
            let (longs, _) = tensor.data.as_chunks();
            let narrow = longs
                .iter()
                .map(|long| i32::try_from(i64::from_le_bytes(*long)));
            let Ok(narrow) = narrow.collect::<Result<Vec<_>, _>>() else {
                return Err(out_of_range(tensor.name));
            };
            let bytes: Vec<u8> = narrow.into_iter().flat_map(i32::to_le_bytes).collect();
            bytes.into()
        }
        found => {
            return Err(InputsError::Dtype {
                name: tensor.name,
                found,
                expected: "I32 or I64",
            });
        }
    };
    if !all_below(&data, below) {
        return Err(out_of_range(tensor.name));
    }
    Ok(data)
}

/// Elements that are looked at before it is asked whether to go on: enough for vector
/// instructions, few enough to stay in the cache.
const BLOCK_BYTES: usize = 16 << 10;

/// Whether 32-bit floats, little-endian, are all finite.
pub fn all_finite(bytes: &[u8]) -> bool {
    // All ones in an infinity and in what is not a number, and in nothing else.
    const EXPONENT: u32 = 0x7f80_0000;
    all(bytes, |bits| bits & EXPONENT != EXPONENT)
}

/// Whether 32-bit integers, little-endian, are all from 0 to `below − 1`.
pub fn all_below(bytes: &[u8], below: u64) -> bool {
    // A negative integer is a large one without its sign.
    let below = u32::try_from(below).unwrap_or(u32::MAX).min(1 << 31);
    all(bytes, |bits| bits < below)
}

fn all(bytes: &[u8], holds: impl Fn(u32) -> bool) -> bool {
    bytes.chunks(BLOCK_BYTES).all(|block| {
        let (words, _) = block.as_chunks();
        words
            .iter()
            .fold(true, |all, word| all & holds(u32::from_le_bytes(*word)))
    })
}

#[cfg(test)]
mod tests;
