//! The parameters of a model: checked against an architecture, read, made and written.

use zarathustra_primitives::{Digest, Status};

use crate::architecture::Architecture;
use crate::manifest::Limits;
use crate::safetensors::{self, Dtype, SafetensorsError, TensorView};

/// Why parameters are refused, in the order in which it is checked (5.10).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParametersError {
    /// The bytes are not those that were committed to.
    #[error("{bytes} bytes with digest {found}, expected {expected_bytes} with {expected}")]
    Digest {
        /// Size of what is there.
        bytes: u64,
        /// Digest of what is there.
        found: Digest,
        /// Size that was committed to.
        expected_bytes: u64,
        /// Digest that was committed to.
        expected: Digest,
    },
    /// The bytes are no safetensors file.
    #[error(transparent)]
    Format(#[from] SafetensorsError),
    /// The file is larger than the request allows.
    #[error("file of {bytes} bytes, the request allows {limit}")]
    Bytes {
        /// Size of the file.
        bytes: u64,
        /// The request's limit.
        limit: u64,
    },
    /// There are more parameters than the request allows.
    #[error("{parameters} parameters, the request allows {limit}")]
    Count {
        /// Number of elements of all tensors.
        parameters: u64,
        /// The request's limit.
        limit: u64,
    },
    /// The architecture has a parameter that the file lacks.
    #[error("parameter {name:?} is missing")]
    Missing {
        /// Its name.
        name: String,
    },
    /// The file has a tensor that the architecture lacks.
    #[error("tensor {name:?} is no parameter of the architecture")]
    Unknown {
        /// Its name.
        name: String,
    },
    /// A tensor's elements are not 32-bit floats.
    #[error("parameter {name:?} holds {found:?}, expected F32")]
    Dtype {
        /// Its name.
        name: String,
        /// Its type.
        found: Dtype,
    },
    /// A tensor has other dimensions than the architecture's.
    #[error("parameter {name:?} has shape {found:?}, expected {expected:?}")]
    Shape {
        /// Its name.
        name: String,
        /// Its shape.
        found: Vec<u64>,
        /// The architecture's.
        expected: Vec<u64>,
    },
    /// A parameter is infinite or not a number.
    #[error("parameter {name:?} is not finite at element {element}")]
    NonFinite {
        /// Its name.
        name: String,
        /// Position in row-major order.
        element: usize,
    },
}

impl ParametersError {
    /// The status of a challenger with this defect.
    pub const fn status(&self) -> Status {
        match self {
            Self::Digest { .. } => Status::DigestMismatch,
            Self::Format(_) => Status::BadFormat,
            Self::Bytes { .. } | Self::Count { .. } => Status::TooLarge,
            Self::Missing { .. }
            | Self::Unknown { .. }
            | Self::Dtype { .. }
            | Self::Shape { .. } => Status::ShapeMismatch,
            Self::NonFinite { .. } => Status::NonFinite,
        }
    }

    /// Stable name of the reason.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Digest { .. } => "parameters_digest",
            Self::Format(error) => error.code(),
            Self::Bytes { .. } => "parameters_too_many_bytes",
            Self::Count { .. } => "parameters_too_many",
            Self::Missing { .. } => "parameters_missing",
            Self::Unknown { .. } => "parameters_unknown",
            Self::Dtype { .. } => "parameters_dtype",
            Self::Shape { .. } => "parameters_shape",
            Self::NonFinite { .. } => "parameters_non_finite",
        }
    }
}

/// Size and digest that were promised for a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// Digest of the whole file.
    pub sha256: Digest,
    /// Size in bytes.
    pub size: u64,
}

impl Expected {
    /// What these bytes are.
    pub fn of(bytes: &[u8]) -> Self {
        Self {
            sha256: Digest::of(bytes),
            size: bytes.len() as u64,
        }
    }
}

/// Checks the size that was committed to. It is known before anything is fetched, and no bytes can
/// make up for it.
///
/// # Errors
/// When it is more than the request allows.
pub const fn check_size(expected: &Expected, limits: &Limits) -> Result<(), ParametersError> {
    if expected.size > limits.parameter_bytes {
        let (bytes, limit) = (expected.size, limits.parameter_bytes);
        return Err(ParametersError::Bytes { bytes, limit });
    }
    Ok(())
}

/// Checks a parameters file in the order of 5.10 and returns its tensors in the order of the
/// architecture's parameters.
///
/// # Errors
/// The first rule that is broken; its [`status`](ParametersError::status) is what a claim states.
pub fn check<'a>(
    bytes: &'a [u8],
    expected: &Expected,
    limits: &Limits,
    architecture: &Architecture,
) -> Result<Vec<TensorView<'a>>, ParametersError> {
    check_size(expected, limits)?;
    let size = bytes.len() as u64;
    // The size first: it saves hashing what cannot match.
    let found = if size == expected.size {
        Digest::of(bytes)
    } else {
        Digest::new([0; 32])
    };
    if size != expected.size || found != expected.sha256 {
        return Err(ParametersError::Digest {
            bytes: size,
            found,
            expected_bytes: expected.size,
            expected: expected.sha256,
        });
    }
    let tensors = safetensors::read(bytes)?;
    let parameters = tensors.iter().map(TensorView::elements).sum();
    if parameters > limits.parameters {
        return Err(ParametersError::Count {
            parameters,
            limit: limits.parameters,
        });
    }
    let tensors = match_architecture(tensors, architecture)?;
    check_finite(&tensors)?;
    Ok(tensors)
}

/// Reads a parameters file of one's own: everything is checked but digest and limits.
///
/// # Errors
/// The first rule that is broken.
pub fn read<'a>(
    bytes: &'a [u8],
    architecture: &Architecture,
) -> Result<Vec<TensorView<'a>>, ParametersError> {
    let tensors = match_architecture(safetensors::read(bytes)?, architecture)?;
    check_finite(&tensors)?;
    Ok(tensors)
}

fn match_architecture<'a>(
    tensors: Vec<TensorView<'a>>,
    architecture: &Architecture,
) -> Result<Vec<TensorView<'a>>, ParametersError> {
    let mut by_name: std::collections::BTreeMap<_, _> = tensors
        .into_iter()
        .map(|tensor| (tensor.name.clone(), tensor))
        .collect();
    let mut ordered = Vec::with_capacity(by_name.len());
    for spec in architecture.parameters() {
        let tensor = by_name
            .remove(&spec.name)
            .ok_or_else(|| ParametersError::Missing {
                name: spec.name.clone(),
            })?;
        if tensor.dtype != Dtype::F32 {
            return Err(ParametersError::Dtype {
                name: tensor.name,
                found: tensor.dtype,
            });
        }
        if tensor.shape != spec.shape {
            return Err(ParametersError::Shape {
                name: tensor.name,
                found: tensor.shape,
                expected: spec.shape.clone(),
            });
        }
        ordered.push(tensor);
    }
    match by_name.into_keys().next() {
        Some(name) => Err(ParametersError::Unknown {
            name: crate::text::brief(&name),
        }),
        None => Ok(ordered),
    }
}

fn check_finite(tensors: &[TensorView<'_>]) -> Result<(), ParametersError> {
    for tensor in tensors {
        let mut values = floats(tensor.data);
        if let Some(element) = values.position(|value| !value.is_finite()) {
            return Err(ParametersError::NonFinite {
                name: tensor.name.clone(),
                element,
            });
        }
    }
    Ok(())
}

/// The 32-bit floats of little-endian bytes.
pub fn floats(data: &[u8]) -> impl Iterator<Item = f32> + '_ {
    data.chunks_exact(size_of::<f32>())
        .map(|chunk| f32::from_le_bytes(chunk.try_into().expect("chunks of four bytes")))
}

/// Parameters of an architecture as numbers, to be made, changed and written.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    tensors: Vec<(String, Vec<u64>, Vec<f32>)>,
}

impl Parameters {
    /// Takes one list of values for each parameter of the architecture, in its order.
    ///
    /// # Errors
    /// When the number of lists or the length of one does not fit.
    pub fn new(
        architecture: &Architecture,
        values: Vec<Vec<f32>>,
    ) -> Result<Self, ParametersError> {
        let specs = architecture.parameters();
        let mut values = values.into_iter();
        let mut tensors = Vec::with_capacity(specs.len());
        for spec in specs {
            let values = values.next().ok_or_else(|| ParametersError::Missing {
                name: spec.name.clone(),
            })?;
            if values.len() as u64 != spec.elements() {
                return Err(ParametersError::Shape {
                    name: spec.name.clone(),
                    found: vec![values.len() as u64],
                    expected: spec.shape.clone(),
                });
            }
            tensors.push((spec.name.clone(), spec.shape.clone(), values));
        }
        match values.next() {
            Some(_) => Err(ParametersError::Unknown {
                name: format!("#{}", specs.len()),
            }),
            None => Ok(Self { tensors }),
        }
    }

    /// Reads a parameters file of the architecture.
    ///
    /// # Errors
    /// As [`read`].
    pub fn from_safetensors(
        bytes: &[u8],
        architecture: &Architecture,
    ) -> Result<Self, ParametersError> {
        let tensors = read(bytes, architecture)?
            .into_iter()
            .map(|tensor| (tensor.name, tensor.shape, floats(tensor.data).collect()))
            .collect();
        Ok(Self { tensors })
    }

    /// The parameters file: one form for the same parameters.
    ///
    /// # Errors
    /// When there is more than a file can hold.
    pub fn to_safetensors(&self) -> Result<Vec<u8>, SafetensorsError> {
        let data: Vec<Vec<u8>> = self
            .tensors
            .iter()
            .map(|(_, _, values)| {
                values
                    .iter()
                    .flat_map(|value| value.to_le_bytes())
                    .collect()
            })
            .collect();
        let views: Vec<_> = self
            .tensors
            .iter()
            .zip(&data)
            .map(|((name, shape, _), data)| TensorView {
                name: name.clone(),
                dtype: Dtype::F32,
                shape: shape.clone(),
                data,
            })
            .collect();
        safetensors::write(&views)
    }

    /// Name, shape and values of each parameter.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u64], &[f32])> {
        self.tensors
            .iter()
            .map(|(name, shape, values)| (name.as_str(), shape.as_slice(), values.as_slice()))
    }

    /// Every value of every parameter, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut f32> {
        self.tensors.iter_mut().flat_map(|(_, _, values)| values)
    }
}

#[cfg(test)]
mod tests;
