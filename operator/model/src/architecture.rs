//! The architecture of a model: a graph of named nodes, in the order in which they are computed.
//!
//! The file is JSON, `{"version": 2, "inputs": […], "nodes": […], "output": name}`; its JSON Schema
//! is published in `docs/reference`. Each node names its operation and what feeds it, so values can
//! be used several times (residual connections) and a model can have several inputs. [`Op`] says
//! what each operation computes and which parameters it has.
//!
//! Engines do not walk nodes but [`Step`]s: transformer blocks are taken apart into the operations
//! that they stand for, so that an engine knows primitive operations only.

mod blocks;
mod error;
mod op;
mod parameters;
mod shapes;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use error::ArchitectureError;
pub use op::{
    Attention, AvgPool, Block, BlockActivation, Convolution, Direction, MaxPool, Op, Recurrent,
    Returns, RnnActivation, Rotary, TransposedConvolution,
};

pub use crate::plain_function;

/// Largest architecture file that is read.
pub const MAX_ARCHITECTURE_BYTES: usize = 1 << 20;
/// Most inputs of a model.
pub const MAX_INPUTS: usize = 16;
/// Most nodes of an architecture.
pub const MAX_NODES: usize = 4096;
/// Most dimensions of a tensor, rows apart.
pub const MAX_RANK: usize = 8;
/// Largest single dimension, and largest whole number among attributes.
pub const MAX_DIMENSION: u64 = 1 << 24;
/// Most elements that one sample may occupy between two nodes.
pub const MAX_SAMPLE_ELEMENTS: u64 = 1 << 28;
/// Most elements of one parameter.
pub const MAX_PARAMETER_ELEMENTS: u64 = 1 << 48;

const MAX_NAME_BYTES: usize = 128;
/// Version of the format.
pub const VERSION: u32 = 2;

/// What the elements of an input are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InputType {
    /// 32-bit floats.
    F32,
    /// 32-bit integers; they feed embeddings only.
    I32,
}

impl InputType {
    /// The type as the file spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::I32 => "i32",
        }
    }
}

/// What a model is fed for one sample.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The name that nodes and evaluation programs refer to.
    pub name: String,
    /// Dimensions of one sample; rows are not among them.
    pub shape: Vec<u64>,
    /// What its elements are.
    pub dtype: InputType,
}

/// A named step of the computation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Node {
    /// Unique name; also the prefix of its parameters' names.
    pub name: String,
    /// Names of what feeds it: earlier nodes or the model's inputs.
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
        fields.values_mut().for_each(crate::json::plain_numbers);
        Ok(Self {
            name: serde_json::from_value(name).map_err(D::Error::custom)?,
            inputs: serde_json::from_value(inputs).map_err(D::Error::custom)?,
            op: serde_json::from_value(fields.into()).map_err(D::Error::custom)?,
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    inputs: Vec<Input>,
    nodes: Vec<Node>,
    output: String,
}

/// Name and dimensions of a parameter tensor, which holds 32-bit floats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterSpec {
    /// Key in the safetensors file: node name, a dot and what the operation calls it.
    pub name: String,
    /// Dimensions; a linear weight is `[units, inputs]`.
    pub shape: Vec<u64>,
}

impl ParameterSpec {
    /// Number of elements, at most [`MAX_PARAMETER_ELEMENTS`].
    pub fn elements(&self) -> u64 {
        self.shape.iter().product()
    }
}

/// A primitive operation of an architecture, on values that are counted: the model's inputs
/// first, then the results of the steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The node that it belongs to.
    pub node: String,
    /// What it computes; never a transformer block.
    pub op: Op,
    /// Which values feed it.
    pub inputs: Vec<usize>,
    /// Which of the [`parameters`](Architecture::parameters) it has, in the order that [`Op`]
    /// lists them.
    pub parameters: Vec<usize>,
    /// Shape of its result for one row.
    pub shape: Vec<u64>,
    /// Values that no later step needs, its own inputs among them.
    pub releases: Vec<usize>,
}

/// A checked architecture.
#[derive(Debug, Clone, PartialEq)]
pub struct Architecture {
    inputs: Vec<Input>,
    nodes: Vec<Node>,
    output: String,
    output_value: usize,
    steps: Vec<Step>,
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
        let json = |error: serde_json::Error| {
            ArchitectureError::Json(crate::text::brief(&error.to_string()))
        };
        let file: File = match serde_json::from_slice(bytes) {
            Ok(file) => file,
            // A file of another version is told by that, not by the first field that differs.
            Err(error) => return Err(other_version(bytes).unwrap_or_else(|| json(error))),
        };
        if file.version != VERSION {
            return Err(ArchitectureError::Version {
                found: file.version,
            });
        }
        Self::new(file.inputs, file.nodes, &file.output)
    }

    /// Checks an architecture and derives its steps, shapes and parameters.
    ///
    /// # Errors
    /// When a rule of the format is broken.
    pub fn new(
        inputs: Vec<Input>,
        nodes: Vec<Node>,
        output: &str,
    ) -> Result<Self, ArchitectureError> {
        if !(1..=MAX_INPUTS).contains(&inputs.len()) {
            return Err(ArchitectureError::ModelInputs {
                inputs: inputs.len(),
            });
        }
        if !(1..=MAX_NODES).contains(&nodes.len()) {
            return Err(ArchitectureError::NodeCount { nodes: nodes.len() });
        }
        let mut build = Build::new(&inputs)?;
        let mut defined = BTreeMap::new();
        for (value, input) in inputs.iter().enumerate() {
            define(&mut defined, &input.name, value)?;
        }
        let mut used = BTreeSet::new();
        for node in &nodes {
            check_name(&node.name)?;
            let mut sources = Vec::with_capacity(node.inputs.len());
            for input in &node.inputs {
                let value = defined.get(input.as_str()).copied().ok_or_else(|| {
                    ArchitectureError::UnknownInput {
                        node: node.name.clone(),
                        input: crate::text::brief(input),
                    }
                })?;
                used.insert(value);
                sources.push(value);
            }
            let value = build.node(node, &sources)?;
            define(&mut defined, &node.name, value)?;
        }
        let output_value = match defined.get(output) {
            Some(value) if *value >= inputs.len() => *value,
            _ => {
                return Err(ArchitectureError::UnknownOutput {
                    output: crate::text::brief(output),
                });
            }
        };
        used.insert(output_value);
        if let Some((name, _)) = defined.iter().find(|(_, value)| !used.contains(value)) {
            return Err(ArchitectureError::Unused {
                node: (*name).to_owned(),
            });
        }
        let Build {
            mut steps,
            parameters,
            ..
        } = build;
        note_releases(&mut steps, inputs.len(), output_value);
        Ok(Self {
            output: output.to_owned(),
            output_value,
            inputs,
            nodes,
            steps,
            parameters,
        })
    }

    /// The architecture file: one form for one architecture, indented, with a final newline.
    pub fn to_json(&self) -> String {
        let file = File {
            version: VERSION,
            inputs: self.inputs.clone(),
            nodes: self.nodes.clone(),
            output: self.output.clone(),
        };
        let mut text = serde_json::to_string_pretty(&file).expect("names and numbers are JSON");
        text.push('\n');
        text
    }

    /// What the model is fed.
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// The nodes as the file has them.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The primitive operations, in the order in which they are computed.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Name of the node whose result is the model's answer.
    pub fn output(&self) -> &str {
        &self.output
    }

    /// The value that is the model's answer.
    pub const fn output_value(&self) -> usize {
        self.output_value
    }

    /// Shape of the answer for one sample.
    pub fn output_shape(&self) -> &[u64] {
        self.shape_of(self.output_value)
    }

    /// Shape of a value for one row. Panics beyond the last value.
    pub fn shape_of(&self, value: usize) -> &[u64] {
        match self.inputs.get(value) {
            Some(input) => &input.shape,
            None => &self.steps[value - self.inputs.len()].shape,
        }
    }

    /// What an integer of this input has to be less than; none for an input of floats.
    pub fn integers_below(&self, input: usize) -> Option<u64> {
        let feeds = self.steps.iter().filter(|step| step.inputs == [input]);
        feeds
            .filter_map(|step| match step.op {
                Op::Embedding { entries, .. } => Some(entries),
                _ => None,
            })
            .min()
    }

    /// The parameters that a model of this architecture has, in the order of the nodes and, in a
    /// node, in the order that [`Op`] lists them.
    pub fn parameters(&self) -> &[ParameterSpec] {
        &self.parameters
    }
}

/// The version of a file that cannot be read, when it states another than ours.
fn other_version(bytes: &[u8]) -> Option<ArchitectureError> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    let found = serde_json::from_slice::<Versioned>(bytes).ok()?.version;
    (found != VERSION).then_some(ArchitectureError::Version { found })
}

fn define<'a>(
    defined: &mut BTreeMap<&'a str, usize>,
    name: &'a str,
    value: usize,
) -> Result<(), ArchitectureError> {
    match defined.insert(name, value) {
        Some(_) => Err(ArchitectureError::DuplicateName {
            name: name.to_owned(),
        }),
        None => Ok(()),
    }
}

/// Notes at each step which values are not needed behind it.
fn note_releases(steps: &mut [Step], inputs: usize, output: usize) {
    let mut needed = BTreeSet::from([output]);
    for (index, step) in steps.iter_mut().enumerate().rev() {
        let own = inputs + index;
        let mut last: BTreeSet<_> = step.inputs.iter().copied().collect();
        last.retain(|value| needed.insert(*value));
        debug_assert!(needed.contains(&own), "every value is used");
        step.releases = last.into_iter().collect();
    }
}

/// An architecture while it is taken apart into steps.
struct Build {
    values: Vec<(Vec<u64>, InputType)>,
    steps: Vec<Step>,
    parameters: Vec<ParameterSpec>,
    parameter_names: BTreeSet<String>,
}

impl Build {
    fn new(inputs: &[Input]) -> Result<Self, ArchitectureError> {
        let mut values = Vec::with_capacity(inputs.len());
        for input in inputs {
            check_name(&input.name)?;
            check_shape(&input.name, &input.shape)?;
            values.push((input.shape.clone(), input.dtype));
        }
        Ok(Self {
            values,
            steps: Vec::new(),
            parameters: Vec::new(),
            parameter_names: BTreeSet::new(),
        })
    }

    /// Adds the steps of a node and returns the value that is its result.
    fn node(&mut self, node: &Node, inputs: &[usize]) -> Result<usize, ArchitectureError> {
        shapes::check_input_count(&node.name, &node.op, inputs.len())?;
        match &node.op {
            Op::TransformerEncoder(block) => blocks::encoder(self, &node.name, block, inputs[0]),
            Op::TransformerDecoder(block) => {
                blocks::decoder(self, &node.name, block, inputs[0], inputs[1])
            }
            op => self.step(&node.name, node.name.clone(), op.clone(), inputs),
        }
    }

    /// Adds one primitive step, whose parameters have this prefix.
    fn step(
        &mut self,
        node: &str,
        prefix: String,
        op: Op,
        inputs: &[usize],
    ) -> Result<usize, ArchitectureError> {
        let types = inputs.iter().map(|value| self.values[*value].1);
        let expected = match op {
            Op::Embedding { .. } => InputType::I32,
            _ => InputType::F32,
        };
        if types.into_iter().any(|found| found != expected) {
            return Err(ArchitectureError::InputType {
                node: node.to_owned(),
            });
        }
        let sources: Vec<&[u64]> = inputs
            .iter()
            .map(|value| self.values[*value].0.as_slice())
            .collect();
        let shape = shapes::result(node, &op, &sources)?;
        check_shape(node, &shape)?;
        let mut parameters = Vec::new();
        for (suffix, shape) in parameters::of(&op, &sources) {
            let name = format!("{prefix}.{suffix}");
            let elements = shape
                .iter()
                .try_fold(1_u64, |product, dimension| product.checked_mul(*dimension))
                .filter(|elements| *elements <= MAX_PARAMETER_ELEMENTS);
            if elements.is_none() {
                return Err(ArchitectureError::ParameterTooLarge { name });
            }
            if !self.parameter_names.insert(name.clone()) {
                return Err(ArchitectureError::DuplicateName { name });
            }
            parameters.push(self.parameters.len());
            self.parameters.push(ParameterSpec { name, shape });
        }
        self.values.push((shape.clone(), InputType::F32));
        self.steps.push(Step {
            node: node.to_owned(),
            op,
            inputs: inputs.to_vec(),
            parameters,
            shape,
            releases: Vec::new(),
        });
        Ok(self.values.len() - 1)
    }

    fn shape_of(&self, value: usize) -> &[u64] {
        &self.values[value].0
    }
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
