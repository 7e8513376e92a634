//! Why a model is not computed.

/// Why a model is not computed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// The tensors are not the architecture's parameters.
    #[error("tensor {index} does not fit the architecture's parameter there")]
    Parameter {
        /// Which tensor, counted from 0; beyond the last one when there are too few.
        index: usize,
    },
    /// Another number of inputs than the architecture has.
    #[error("{found} inputs, the architecture has {expected}")]
    InputCount {
        /// How many the architecture has.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// An input has another type or another number of elements than its rows take.
    #[error("input {index} does not fit the architecture's input there")]
    Input {
        /// Which input, counted from 0.
        index: usize,
    },
    /// An integer names no row of an embedding's table.
    #[error("{value} in row {row} of the inputs names no entry of an embedding")]
    Integer {
        /// The row of the inputs.
        row: usize,
        /// The integer.
        value: i32,
    },
    /// The thread's floating point is not as IEEE 754 has it by default: numbers close to 0 are
    /// flushed, or results are not rounded to the nearest.
    #[error("floating point of this thread flushes small numbers or rounds by another rule")]
    FloatingPoint,
}

impl ReferenceError {
    /// Stable name of the reason.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Parameter { .. } => "reference_parameter",
            Self::InputCount { .. } => "reference_input_count",
            Self::Input { .. } => "reference_input",
            Self::Integer { .. } => "reference_integer",
            Self::FloatingPoint => "reference_floating_point",
        }
    }
}
