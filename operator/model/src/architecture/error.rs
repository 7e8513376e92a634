//! Why an architecture is refused.

use super::{
    MAX_ARCHITECTURE_BYTES, MAX_DIMENSION, MAX_INPUTS, MAX_NAME_BYTES, MAX_NODES,
    MAX_PARAMETER_ELEMENTS, MAX_RANK, MAX_SAMPLE_ELEMENTS, VERSION,
};

/// Why an architecture is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArchitectureError {
    /// The file is larger than [`MAX_ARCHITECTURE_BYTES`].
    #[error("architecture of {bytes} bytes is larger than {MAX_ARCHITECTURE_BYTES}")]
    TooLong {
        /// Size of the file.
        bytes: usize,
    },
    /// The file is not JSON of the expected form.
    #[error("read architecture: {0}")]
    Json(String),
    /// The file's version is not known.
    #[error("architecture version {found} is not supported, expected {VERSION}")]
    Version {
        /// The version that the file states.
        found: u32,
    },
    /// A name is empty, too long or has characters other than letters, digits, `_`, `-` and `.`.
    #[error("name {name:?} is not 1 to {MAX_NAME_BYTES} letters, digits, '_', '-' or '.'")]
    Name {
        /// The name, shortened.
        name: String,
    },
    /// Two nodes, two inputs, a node and an input, or two parameters share a name.
    #[error("the name {name:?} is used twice")]
    DuplicateName {
        /// The name.
        name: String,
    },
    /// There are no inputs or more than [`MAX_INPUTS`].
    #[error("{inputs} inputs of the model, expected 1 to {MAX_INPUTS}")]
    ModelInputs {
        /// Number of inputs.
        inputs: usize,
    },
    /// There are no nodes or more than [`MAX_NODES`].
    #[error("{nodes} nodes, expected 1 to {MAX_NODES}")]
    NodeCount {
        /// Number of nodes.
        nodes: usize,
    },
    /// A node has another number of inputs than its operation takes.
    #[error("node {node:?} has {inputs} inputs, its operation takes {expected}")]
    InputCount {
        /// The node.
        node: String,
        /// How many inputs it names.
        inputs: usize,
        /// How many its operation takes.
        expected: &'static str,
    },
    /// A node is fed by a name that was not defined before it.
    #[error("node {node:?} is fed by {input:?}, which is not defined before it")]
    UnknownInput {
        /// The node.
        node: String,
        /// The name it asks for.
        input: String,
    },
    /// Integers feed something other than an embedding, or an embedding is fed by floats.
    #[error("node {node:?}: embeddings take i32 inputs of the model, all other operations f32")]
    InputType {
        /// The node.
        node: String,
    },
    /// A value is used by nobody.
    #[error("nothing uses {node:?}")]
    Unused {
        /// The node or input.
        node: String,
    },
    /// The output names no node.
    #[error("the output {output:?} is not a node")]
    UnknownOutput {
        /// The name.
        output: String,
    },
    /// A shape has no dimensions, too many, or one out of range.
    #[error("shape of {name:?} has to have 1 to {MAX_RANK} dimensions of 1 to {MAX_DIMENSION}")]
    Shape {
        /// Whose shape it is.
        name: String,
    },
    /// A value between two nodes is too large.
    #[error("{name:?} holds more than {MAX_SAMPLE_ELEMENTS} elements for one sample")]
    SampleTooLarge {
        /// The node.
        name: String,
    },
    /// A parameter is too large.
    #[error("parameter {name:?} has more than {MAX_PARAMETER_ELEMENTS} elements")]
    ParameterTooLarge {
        /// The parameter.
        name: String,
    },
    /// An operation cannot take an input of this shape.
    #[error("node {node:?}: its input has shape {shape:?}, expected {expected}")]
    InputShape {
        /// The node.
        node: String,
        /// The shape of the input at fault.
        shape: Vec<u64>,
        /// What the operation takes.
        expected: &'static str,
    },
    /// An attribute of an operation is out of range.
    #[error("node {node:?}: {attribute} has to be {expected}")]
    Attribute {
        /// The node.
        node: String,
        /// The attribute.
        attribute: &'static str,
        /// What it may be.
        expected: &'static str,
    },
}

impl ArchitectureError {
    /// Stable name of the reason.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "architecture_too_long",
            Self::Json(_) => "architecture_json",
            Self::Version { .. } => "architecture_version",
            Self::Name { .. } => "architecture_name",
            Self::DuplicateName { .. } => "architecture_duplicate_name",
            Self::ModelInputs { .. } => "architecture_model_inputs",
            Self::NodeCount { .. } => "architecture_node_count",
            Self::InputCount { .. } => "architecture_input_count",
            Self::UnknownInput { .. } => "architecture_unknown_input",
            Self::InputType { .. } => "architecture_input_type",
            Self::Unused { .. } => "architecture_unused_node",
            Self::UnknownOutput { .. } => "architecture_unknown_output",
            Self::Shape { .. } => "architecture_shape",
            Self::SampleTooLarge { .. } => "architecture_sample_too_large",
            Self::ParameterTooLarge { .. } => "architecture_parameter_too_large",
            Self::InputShape { .. } => "architecture_input_shape",
            Self::Attribute { .. } => "architecture_attribute",
        }
    }
}
