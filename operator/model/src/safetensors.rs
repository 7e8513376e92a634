//! The safetensors format, read strictly and written in one form.
//!
//! A file is an 8-byte little-endian header length, a JSON header that maps names to dtype, shape
//! and byte range, and the data. We read it ourselves rather than with the `safetensors` crate
//! because claims depend on which files are refused: the crate takes headers of 100 MB and lets
//! the last of two equal keys win. What is taken here, the crate takes alike; a test compares.

use serde::{Deserialize, Serialize, de::MapAccess, de::Visitor};

/// Largest header that is read.
pub const MAX_HEADER_BYTES: u64 = 4 << 20;
/// Most tensors of a file.
pub const MAX_TENSORS: usize = 16_384;

const MAX_RANK: usize = 16;
const MAX_NAME_BYTES: usize = 256;
const LENGTH_BYTES: usize = 8;
const METADATA: &str = "__metadata__";

/// Why bytes are no safetensors file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SafetensorsError {
    /// The file ends before its header does.
    #[error("file of {bytes} bytes ends before its header")]
    Truncated {
        /// Size of the file.
        bytes: usize,
    },
    /// The header is longer than [`MAX_HEADER_BYTES`].
    #[error("header of {bytes} bytes is larger than {MAX_HEADER_BYTES}")]
    HeaderTooLarge {
        /// Length that the file states.
        bytes: u64,
    },
    /// The header is not JSON of the expected form, or names a tensor twice.
    #[error("read header: {0}")]
    Header(String),
    /// There are more than [`MAX_TENSORS`].
    #[error("more than {MAX_TENSORS} tensors")]
    TooManyTensors,
    /// A shape is out of range or does not fit the byte range.
    #[error("tensor {name:?}: shape and dtype do not fit its {bytes} bytes")]
    Size {
        /// The tensor.
        name: String,
        /// Length of its byte range.
        bytes: u64,
    },
    /// Byte ranges overlap, leave a gap or go beyond the data.
    #[error("tensor {name:?}: bytes {begin} to {end} overlap, leave a gap or leave the file")]
    Range {
        /// The tensor.
        name: String,
        /// First byte.
        begin: u64,
        /// The byte after its last.
        end: u64,
    },
    /// Bytes follow the last tensor.
    #[error("{bytes} bytes belong to no tensor")]
    Trailing {
        /// How many.
        bytes: u64,
    },
}

impl SafetensorsError {
    /// Stable name of the reason.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Truncated { .. } => "safetensors_truncated",
            Self::HeaderTooLarge { .. } => "safetensors_header_too_large",
            Self::Header(_) => "safetensors_header",
            Self::TooManyTensors => "safetensors_too_many_tensors",
            Self::Size { .. } => "safetensors_size",
            Self::Range { .. } => "safetensors_range",
            Self::Trailing { .. } => "safetensors_trailing",
        }
    }
}

/// Type of a tensor's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(non_camel_case_types, reason = "the names of the format")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Dtype {
    BOOL,
    U8,
    I8,
    F8_E5M2,
    F8_E4M3,
    I16,
    U16,
    F16,
    BF16,
    I32,
    U32,
    F32,
    F64,
    I64,
    U64,
}

impl Dtype {
    /// Size of an element.
    pub const fn bytes(self) -> u64 {
        match self {
            Self::BOOL | Self::U8 | Self::I8 | Self::F8_E5M2 | Self::F8_E4M3 => 1,
            Self::I16 | Self::U16 | Self::F16 | Self::BF16 => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::F64 | Self::I64 | Self::U64 => 8,
        }
    }
}

/// A tensor within the bytes of its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorView<'a> {
    /// Its key.
    pub name: String,
    /// Type of its elements.
    pub dtype: Dtype,
    /// Its dimensions; none for a scalar.
    pub shape: Vec<u64>,
    /// Its elements, little-endian, in row-major order.
    pub data: &'a [u8],
}

impl TensorView<'_> {
    /// Number of elements.
    pub fn elements(&self) -> u64 {
        self.data.len() as u64 / self.dtype.bytes()
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    dtype: Dtype,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

struct Header(Vec<(String, Entry)>);

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Header;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Header, A::Error> {
        use serde::de::Error as _;

        let mut names = std::collections::BTreeSet::new();
        let mut entries = Vec::new();
        while let Some(name) = access.next_key::<String>()? {
            if name == METADATA {
                // Free text about the file; its form is checked, its content ignored.
                access.next_value::<std::collections::HashMap<String, String>>()?;
            } else if name.len() > MAX_NAME_BYTES {
                return Err(A::Error::custom("a name is too long"));
            } else {
                entries.push((name.clone(), access.next_value()?));
            }
            if !names.insert(name) {
                return Err(A::Error::custom("a name appears twice"));
            }
        }
        Ok(Header(entries))
    }
}

/// Reads the tensors of a file, in the order of their bytes.
///
/// # Errors
/// When the bytes are not exactly one safetensors file within our limits.
pub fn read(bytes: &[u8]) -> Result<Vec<TensorView<'_>>, SafetensorsError> {
    let truncated = SafetensorsError::Truncated { bytes: bytes.len() };
    let (length, rest) = bytes
        .split_first_chunk::<LENGTH_BYTES>()
        .ok_or(truncated.clone())?;
    let header_bytes = u64::from_le_bytes(*length);
    if header_bytes > MAX_HEADER_BYTES {
        return Err(SafetensorsError::HeaderTooLarge {
            bytes: header_bytes,
        });
    }
    let (header, data) = usize::try_from(header_bytes)
        .ok()
        .and_then(|length| rest.split_at_checked(length))
        .ok_or(truncated)?;
    // The format asks for an object without anything in front of it; blanks may follow.
    if header.first() != Some(&b'{') {
        return Err(SafetensorsError::Header(
            "does not begin with '{'".to_owned(),
        ));
    }
    let Header(mut entries) = serde_json::from_slice(header)
        .map_err(|error| SafetensorsError::Header(crate::text::brief(&error.to_string())))?;
    if entries.len() > MAX_TENSORS {
        return Err(SafetensorsError::TooManyTensors);
    }
    entries.sort_by_key(|(_, entry)| entry.data_offsets);

    let mut next = 0;
    let mut tensors = Vec::with_capacity(entries.len());
    for (
        name,
        Entry {
            dtype,
            shape,
            data_offsets: (begin, end),
        },
    ) in entries
    {
        let range = || SafetensorsError::Range {
            name: crate::text::brief(&name),
            begin,
            end,
        };
        if begin != next || end < begin {
            return Err(range());
        }
        let part = usize::try_from(begin)
            .ok()
            .zip(usize::try_from(end).ok())
            .and_then(|(begin, end)| data.get(begin..end))
            .ok_or_else(range)?;
        if byte_size(dtype, &shape) != Some(end - begin) {
            return Err(SafetensorsError::Size {
                name: crate::text::brief(&name),
                bytes: end - begin,
            });
        }
        next = end;
        tensors.push(TensorView {
            name,
            dtype,
            shape,
            data: part,
        });
    }
    match data.len() as u64 - next {
        0 => Ok(tensors),
        bytes => Err(SafetensorsError::Trailing { bytes }),
    }
}

fn byte_size(dtype: Dtype, shape: &[u64]) -> Option<u64> {
    if shape.len() > MAX_RANK {
        return None;
    }
    shape.iter().try_fold(dtype.bytes(), |product, dimension| {
        product.checked_mul(*dimension)
    })
}

/// Writes tensors as one file: in the given order, the header padded to a multiple of 8 bytes.
///
/// # Errors
/// When the result would not be read back: a name twice, a shape that does not fit its data, or
/// more than the limits allow.
pub fn write(tensors: &[TensorView<'_>]) -> Result<Vec<u8>, SafetensorsError> {
    let mut header = String::from("{");
    let mut end = 0_u64;
    for (index, tensor) in tensors.iter().enumerate() {
        let begin = end;
        end += tensor.data.len() as u64;
        let entry = Entry {
            dtype: tensor.dtype,
            shape: tensor.shape.clone(),
            data_offsets: (begin, end),
        };
        if index > 0 {
            header.push(',');
        }
        header.push_str(&serde_json::Value::from(tensor.name.as_str()).to_string());
        header.push(':');
        header.push_str(&serde_json::to_string(&entry).expect("numbers are JSON"));
    }
    header.push('}');
    while header.len() % LENGTH_BYTES != 0 {
        header.push(' ');
    }
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend_from_slice(header.as_bytes());
    for tensor in tensors {
        file.extend_from_slice(tensor.data);
    }
    read(&file)?;
    Ok(file)
}

#[cfg(test)]
mod tests;
