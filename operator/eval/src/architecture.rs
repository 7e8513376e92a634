//! The architecture of a model: which layers, in which order, with which parameters.
//!
//! The file names its nodes and says for each which nodes feed it, so that operations with
//! several inputs can be added without a new format. Version 1 knows operations with one input
//! only, so every valid architecture is a chain; nodes are listed in the order in which they are
//! computed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Largest architecture file that is read.
pub const MAX_ARCHITECTURE_BYTES: usize = 1 << 20;
/// Most nodes of an architecture.
pub const MAX_NODES: usize = 4096;
/// Most dimensions of a tensor, rows apart.
pub const MAX_RANK: usize = 8;
/// Largest single dimension, and largest number of units of a layer.
pub const MAX_DIMENSION: u64 = 1 << 24;
/// Most elements that one sample may occupy between two nodes.
pub const MAX_SAMPLE_ELEMENTS: u64 = 1 << 28;

const MAX_NAME_BYTES: usize = 128;
const VERSION: u32 = 1;

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
    /// Two nodes, or a node and the input, share a name.
    #[error("the name {name:?} is used twice")]
    DuplicateName {
        /// The name.
        name: String,
    },
    /// There are no nodes or more than [`MAX_NODES`].
    #[error("{nodes} nodes, expected 1 to {MAX_NODES}")]
    NodeCount {
        /// Number of nodes.
        nodes: usize,
    },
    /// A node does not have exactly one input.
    #[error("node {node:?} has {inputs} inputs, its operation takes 1")]
    InputCount {
        /// The node.
        node: String,
        /// How many inputs it names.
        inputs: usize,
    },
    /// A node is fed by a name that was not defined before it.
    #[error("node {node:?} is fed by {input:?}, which is not defined before it")]
    UnknownInput {
        /// The node.
        node: String,
        /// The name it asks for.
        input: String,
    },
    /// What a node computes is used by nobody.
    #[error("nothing uses node {node:?}")]
    Unused {
        /// The node.
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
            Self::NodeCount { .. } => "architecture_node_count",
            Self::InputCount { .. } => "architecture_input_count",
            Self::UnknownInput { .. } => "architecture_unknown_input",
            Self::Unused { .. } => "architecture_unused_node",
            Self::UnknownOutput { .. } => "architecture_unknown_output",
            Self::Shape { .. } => "architecture_shape",
            Self::SampleTooLarge { .. } => "architecture_sample_too_large",
            Self::Attribute { .. } => "architecture_attribute",
        }
    }
}

/// What a node computes.
///
/// Element-wise operations keep the shape. `dense` and `softmax` act on the last dimension.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub enum Op {
    /// `x · weightᵀ + bias` over the last dimension.
    Dense {
        /// Size of the last dimension of the result.
        units: u64,
        /// Whether a bias is added.
        bias: bool,
    },
    /// All dimensions become one, in row-major order.
    Flatten {},
    /// `max(x, 0)`.
    Relu {},
    /// `x` for positive x, else `negative_slope · x`.
    LeakyRelu {
        /// Slope for negative x.
        negative_slope: f32,
    },
    /// `x` for positive x, else `alpha · (eˣ − 1)`.
    Elu {
        /// Scale for negative x.
        alpha: f32,
    },
    /// Scaled ELU with the constants of Klambauer et al. 2017.
    Selu {},
    /// `x · Φ(x)`.
    Gelu {
        /// Whether Φ is approximated by tanh.
        approximate: bool,
    },
    /// `x · sigmoid(x)`, also called swish.
    Silu {},
    /// `1 / (1 + e⁻ˣ)`.
    Sigmoid {},
    /// Hyperbolic tangent.
    Tanh {},
    /// `ln(1 + eˣ)`.
    Softplus {},
    /// `x / (1 + |x|)`.
    Softsign {},
    /// `eˣ` divided by the sum over the last dimension.
    Softmax {},
}

impl Op {
    /// The operation's name as the file spells it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Dense { .. } => "dense",
            Self::Flatten {} => "flatten",
            Self::Relu {} => "relu",
            Self::LeakyRelu { .. } => "leaky_relu",
            Self::Elu { .. } => "elu",
            Self::Selu {} => "selu",
            Self::Gelu { .. } => "gelu",
            Self::Silu {} => "silu",
            Self::Sigmoid {} => "sigmoid",
            Self::Tanh {} => "tanh",
            Self::Softplus {} => "softplus",
            Self::Softsign {} => "softsign",
            Self::Softmax {} => "softmax",
        }
    }
}

/// A named step of the computation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Node {
    /// Unique name; also the prefix of its parameters' names.
    pub name: String,
    /// Names of what feeds it: earlier nodes or the model's input.
    pub inputs: Vec<String>,
    /// What it computes.
    #[serde(flatten)]
    pub op: Op,
}

impl<'de> Deserialize<'de> for Node {
    /// By hand, because serde refuses unknown keys in a flattened struct only when one side takes
    /// what the other leaves.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;

        let mut fields: serde_json::Map<String, serde_json::Value> =
            crate::json::unique_map(deserializer)?;
        let name = fields
            .remove("name")
            .ok_or_else(|| D::Error::missing_field("name"))?;
        let inputs = fields
            .remove("inputs")
            .ok_or_else(|| D::Error::missing_field("inputs"))?;
        Ok(Self {
            name: serde_json::from_value(name).map_err(D::Error::custom)?,
            inputs: serde_json::from_value(inputs).map_err(D::Error::custom)?,
            op: serde_json::from_value(fields.into()).map_err(D::Error::custom)?,
        })
    }
}

/// What a model is fed for one sample.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The name that nodes refer to.
    pub name: String,
    /// Dimensions of one sample; rows are not among them.
    pub shape: Vec<u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    input: Input,
    nodes: Vec<Node>,
    output: String,
}

/// Name and dimensions of a parameter tensor, which holds 32-bit floats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterSpec {
    /// Key in the safetensors file: node name, a dot, `weight` or `bias`.
    pub name: String,
    /// Dimensions; a dense weight is `[units, inputs]`.
    pub shape: Vec<u64>,
}

impl ParameterSpec {
    /// Number of elements. Bounded by the limits of an architecture, so it cannot overflow.
    pub fn elements(&self) -> u64 {
        self.shape.iter().product()
    }
}

/// A checked architecture.
#[derive(Debug, Clone, PartialEq)]
pub struct Architecture {
    input: Input,
    nodes: Vec<Node>,
    /// Shape of one sample behind each node, in the order of the nodes.
    shapes: Vec<Vec<u64>>,
    parameters: Vec<ParameterSpec>,
}

impl Architecture {
    /// Reads and checks an architecture file.
    ///
    /// # Errors
    /// When the bytes are too many, not the expected JSON, or break a rule of the format.
    pub fn from_json(bytes: &[u8]) -> Result<Self, ArchitectureError> {
        if bytes.len() > MAX_ARCHITECTURE_BYTES {
            return Err(ArchitectureError::TooLong { bytes: bytes.len() });
        }
        let file: File = serde_json::from_slice(bytes)
            .map_err(|error| ArchitectureError::Json(crate::text::brief(&error.to_string())))?;
        if file.version != VERSION {
            return Err(ArchitectureError::Version {
                found: file.version,
            });
        }
        Self::new(file.input, file.nodes, &file.output)
    }

    /// Checks an architecture and derives its shapes and parameters.
    ///
    /// # Errors
    /// When a rule of the format is broken.
    pub fn new(input: Input, nodes: Vec<Node>, output: &str) -> Result<Self, ArchitectureError> {
        if !(1..=MAX_NODES).contains(&nodes.len()) {
            return Err(ArchitectureError::NodeCount { nodes: nodes.len() });
        }
        check_name(&input.name)?;
        check_shape(&input.name, &input.shape)?;

        let mut defined = BTreeMap::from([(input.name.as_str(), input.shape.clone())]);
        let mut used = std::collections::BTreeSet::from([output]);
        let mut shapes = Vec::with_capacity(nodes.len());
        let mut parameters = Vec::new();
        for node in &nodes {
            check_name(&node.name)?;
            let [source] = node.inputs.as_slice() else {
                return Err(ArchitectureError::InputCount {
                    node: node.name.clone(),
                    inputs: node.inputs.len(),
                });
            };
            let shape =
                defined
                    .get(source.as_str())
                    .ok_or_else(|| ArchitectureError::UnknownInput {
                        node: node.name.clone(),
                        input: crate::text::brief(source),
                    })?;
            let result = apply(node, shape, &mut parameters)?;
            used.insert(source);
            shapes.push(result.clone());
            if defined.insert(&node.name, result).is_some() {
                return Err(ArchitectureError::DuplicateName {
                    name: node.name.clone(),
                });
            }
        }
        if let Some(node) = nodes.iter().find(|node| !used.contains(node.name.as_str())) {
            return Err(ArchitectureError::Unused {
                node: node.name.clone(),
            });
        }
        // With one input a node and every node used, nodes form a chain that ends in the output,
        // if the output is a node and the last one.
        if nodes.last().is_none_or(|last| last.name != output) {
            return Err(ArchitectureError::UnknownOutput {
                output: crate::text::brief(output),
            });
        }
        Ok(Self {
            input,
            nodes,
            shapes,
            parameters,
        })
    }

    /// The architecture file: one form for one architecture, indented, with a final newline.
    pub fn to_json(&self) -> String {
        let file = File {
            version: VERSION,
            input: self.input.clone(),
            nodes: self.nodes.clone(),
            output: self.output().to_owned(),
        };
        let mut text = serde_json::to_string_pretty(&file).expect("names and numbers are JSON");
        text.push('\n');
        text
    }

    /// What the model is fed.
    pub const fn input(&self) -> &Input {
        &self.input
    }

    /// The steps, in the order in which they are computed.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Name of the node whose result is the model's answer.
    pub fn output(&self) -> &str {
        &self.nodes.last().expect("an architecture has a node").name
    }

    /// Shape of the answer for one sample.
    pub fn output_shape(&self) -> &[u64] {
        self.shapes.last().expect("an architecture has a node")
    }

    /// Shape of one sample in front of the node at `index`. Panics beyond the last node.
    pub(crate) fn shape_before(&self, index: usize) -> &[u64] {
        match index.checked_sub(1) {
            None => &self.input.shape,
            Some(before) => &self.shapes[before],
        }
    }

    /// Shape of one sample behind the node at `index`. Panics beyond the last node.
    pub(crate) fn shape_after(&self, index: usize) -> &[u64] {
        &self.shapes[index]
    }

    /// The parameters that a model of this architecture has, in the order of the nodes, weight
    /// before bias.
    pub fn parameters(&self) -> &[ParameterSpec] {
        &self.parameters
    }
}

/// Shape behind a node, after its attributes were checked; its parameters are added to the list.
fn apply(
    node: &Node,
    shape: &[u64],
    parameters: &mut Vec<ParameterSpec>,
) -> Result<Vec<u64>, ArchitectureError> {
    let attribute = |attribute, expected| ArchitectureError::Attribute {
        node: node.name.clone(),
        attribute,
        expected,
    };
    let mut result = shape.to_vec();
    match &node.op {
        Op::Dense { units, bias } => {
            if !(1..=MAX_DIMENSION).contains(units) {
                return Err(attribute("units", "1 to 16777216"));
            }
            let width = result.last_mut().expect("a shape has a dimension");
            parameters.push(ParameterSpec {
                name: format!("{}.weight", node.name),
                shape: vec![*units, *width],
            });
            if *bias {
                parameters.push(ParameterSpec {
                    name: format!("{}.bias", node.name),
                    shape: vec![*units],
                });
            }
            *width = *units;
        }
        Op::Flatten {} => result = vec![shape.iter().product()],
        Op::LeakyRelu { negative_slope } if !negative_slope.is_finite() => {
            return Err(attribute("negative_slope", "finite"));
        }
        Op::Elu { alpha } if !alpha.is_finite() => return Err(attribute("alpha", "finite")),
        Op::Relu {}
        | Op::LeakyRelu { .. }
        | Op::Elu { .. }
        | Op::Selu {}
        | Op::Gelu { .. }
        | Op::Silu {}
        | Op::Sigmoid {}
        | Op::Tanh {}
        | Op::Softplus {}
        | Op::Softsign {}
        | Op::Softmax {} => {}
    }
    check_elements(&node.name, &result)?;
    Ok(result)
}

fn check_name(name: &str) -> Result<(), ArchitectureError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    if (1..=MAX_NAME_BYTES).contains(&name.len()) && name.bytes().all(allowed) {
        Ok(())
    } else {
        Err(ArchitectureError::Name {
            name: crate::text::brief(name),
        })
    }
}

fn check_shape(name: &str, shape: &[u64]) -> Result<(), ArchitectureError> {
    let valid = (1..=MAX_RANK).contains(&shape.len())
        && shape
            .iter()
            .all(|dimension| (1..=MAX_DIMENSION).contains(dimension));
    if !valid {
        return Err(ArchitectureError::Shape {
            name: name.to_owned(),
        });
    }
    check_elements(name, shape)
}

fn check_elements(name: &str, shape: &[u64]) -> Result<(), ArchitectureError> {
    shape
        .iter()
        .try_fold(1_u64, |product, dimension| product.checked_mul(*dimension))
        .filter(|elements| *elements <= MAX_SAMPLE_ELEMENTS)
        .map(|_| ())
        .ok_or_else(|| ArchitectureError::SampleTooLarge {
            name: name.to_owned(),
        })
}

#[cfg(test)]
mod tests;
