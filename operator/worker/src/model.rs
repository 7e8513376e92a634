//! The model under test, computed by one of the engines.

use tch::{Device, TchError};
use zarathustra_eval::architecture::Architecture;
use zarathustra_eval::cost::Cost;
use zarathustra_eval::safetensors::TensorView;
use zarathustra_primitives::Engine;
use zarathustra_reference::{ReferenceError, Values};

use crate::libtorch;

/// Why a model was not computed. It is never the model's fault: what a model may be was checked
/// before, and an engine takes all of it.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// libtorch failed, most likely for lack of memory.
    #[error(transparent)]
    Libtorch(#[from] TchError),
    /// The reference engine refused.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// No engine was named.
    #[error("no engine was named")]
    None,
}

/// An input of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// Dimensions of one row.
    pub shape: Vec<u32>,
    /// Bytes of one row: 32-bit floats or integers.
    pub row_bytes: u64,
    /// For an input of integers, what these have to be less than.
    pub below: Option<u64>,
}

enum Computes {
    Libtorch(libtorch::Graph),
    Reference(zarathustra_reference::Model),
}

/// A model that answers rows of 32-bit floats or integers with rows of 32-bit floats.
pub struct Model {
    computes: Computes,
    inputs: Vec<Input>,
    output_shape: Vec<u32>,
    output_row_bytes: u64,
    cost: Cost,
}

impl Model {
    /// Builds the model; the tensors are those of the architecture, in its order, as
    /// [`zarathustra_eval::parameters`] returns them.
    ///
    /// # Errors
    /// When the engine fails, most likely for lack of memory.
    pub fn new(
        architecture: &Architecture,
        parameters: &[TensorView<'_>],
        engine: Engine,
        device: Device,
    ) -> Result<Self, EngineError> {
        let computes = match engine {
            Engine::Libtorch => {
                Computes::Libtorch(libtorch::Graph::new(architecture, parameters, device)?)
            }
            Engine::Reference => {
                let model = zarathustra_reference::Model::new(architecture, parameters)?;
                Computes::Reference(model)
            }
            Engine::None => return Err(EngineError::None),
        };
        let inputs = architecture.inputs().iter().enumerate();
        let inputs = inputs.map(|(index, input)| Input {
            name: input.name.clone(),
            shape: dimensions(&input.shape),
            row_bytes: row_bytes(&input.shape),
            below: architecture.integers_below(index),
        });
        let output = architecture.output_shape();
        Ok(Self {
            computes,
            inputs: inputs.collect(),
            output_shape: dimensions(output),
            output_row_bytes: row_bytes(output),
            cost: Cost::of(architecture),
        })
    }

    /// What it is fed.
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// Dimensions of one row of output.
    pub fn output_shape(&self) -> &[u32] {
        &self.output_shape
    }

    /// Bytes of one row of output.
    pub const fn output_row_bytes(&self) -> u64 {
        self.output_row_bytes
    }

    /// Multiply-adds for one row.
    pub const fn macs_per_row(&self) -> u64 {
        self.cost.macs_per_sample
    }

    /// Answers rows. There is one list of little-endian elements for each input, in the order of
    /// the architecture; integers are in range.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn forward(&self, inputs: &[&[u8]], rows: usize) -> Result<Vec<u8>, EngineError> {
        match &self.computes {
            Computes::Libtorch(graph) => Ok(graph.forward(inputs, rows)?),
            Computes::Reference(model) => {
                let elements: Vec<_> = inputs
                    .iter()
                    .zip(&self.inputs)
                    .map(|(bytes, input)| Elements::read(bytes, input))
                    .collect();
                let values: Vec<_> = elements.iter().map(Elements::values).collect();
                let answers = model.forward(&values, rows)?;
                Ok(answers.into_iter().flat_map(f32::to_le_bytes).collect())
            }
        }
    }
}

/// The elements of an input as numbers.
enum Elements {
    Floats(Vec<f32>),
    Integers(Vec<i32>),
}

impl Elements {
    fn read(bytes: &[u8], input: &Input) -> Self {
        let (words, _) = bytes.as_chunks();
        let words = words.iter().copied();
        match input.below {
            None => Self::Floats(words.map(f32::from_le_bytes).collect()),
            Some(_) => Self::Integers(words.map(i32::from_le_bytes).collect()),
        }
    }

    fn values(&self) -> Values<'_> {
        match self {
            Self::Floats(values) => Values::F32(values),
            Self::Integers(values) => Values::I32(values),
        }
    }
}

/// Dimensions as `wasi:nn` counts them; the architecture's check bounds each below 2^24.
fn dimensions(shape: &[u64]) -> Vec<u32> {
    shape.iter().map(|size| *size as u32).collect()
}

fn row_bytes(shape: &[u64]) -> u64 {
    shape.iter().product::<u64>() * size_of::<f32>() as u64
}

#[cfg(test)]
mod tests;
