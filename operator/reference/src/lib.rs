//! The reference engine: every operation of an architecture in plain Rust, with the same bits on
//! every machine.
//!
//! - Operations are computed in a fixed order, by one thread, row by row: neither the number of
//!   rows nor what stands beside a row can change it.
//! - Inside a node everything is computed in 64 bits; what leaves it is rounded once to 32 bits.
//!   A transformer block is several nodes. Sums run in ascending order of their index.
//! - Only addition, subtraction, multiplication, division and square root are left to the
//!   processor, which IEEE 754 defines to the last bit. Everything else comes from one pinned
//!   library in software; `clippy.toml` refuses the standard library's functions.
//! - The compiler contracts no products and sums and reorders none: Rust gives it no leave to.
//! - What is not a number or not finite goes through as IEEE 754 says, the maximum of anything
//!   and what is not a number being the latter. In the result it has one bit pattern.
//!
//! Not a goal: speed beyond what a compiler finds by itself. The libtorch engine is for that.

#![warn(missing_docs)]

mod activation;
mod attention;
mod convolution;
mod error;
mod kernel;
mod linear;
mod math;
mod matmul;
mod normalisation;
mod pooling;
mod prepare;
mod recurrent;
mod shape;

use std::{borrow::Cow, hint::black_box};

use zarathustra_model::{
    architecture::{Architecture, Input, InputType, ParameterSpec, Step},
    safetensors::{Dtype, TensorView},
};

pub use error::ReferenceError;
use prepare::{Prepared, prepare};

/// All rows of one input, one behind the other.
#[derive(Debug, Clone, Copy)]
pub enum Values<'a> {
    /// 32-bit floats.
    F32(&'a [f32]),
    /// 32-bit integers.
    I32(&'a [i32]),
}

/// A model that is ready to be computed.
pub struct Model {
    inputs: Vec<Input>,
    steps: Vec<(Step, Prepared)>,
    output: usize,
    output_elements: usize,
}

impl Model {
    /// A model with these parameters, which are in the order of the architecture's.
    ///
    /// # Errors
    /// When they are not as many, or one has another shape or type. Names are not compared.
    pub fn new(
        architecture: &Architecture,
        parameters: &[TensorView<'_>],
    ) -> Result<Self, ReferenceError> {
        let specs = architecture.parameters();
        let counts = [specs.len(), parameters.len()];
        let mismatch = specs.iter().zip(parameters).position(|(s, t)| !fits(s, t));
        let missing = (counts[0] != counts[1]).then(|| counts[0].min(counts[1]));
        if let Some(index) = mismatch.or(missing) {
            return Err(ReferenceError::Parameter { index });
        }
        let prepared = architecture.steps().iter().map(|step| {
            let shape_of = |value: &usize| architecture.shape_of(*value);
            let inputs: Vec<_> = step.inputs.iter().map(shape_of).collect();
            let mut parameters = step.parameters.iter().map(|i| floats(parameters[*i].data));
            let prepared = prepare(&step.op, &inputs, &step.shape, &mut parameters);
            (step.clone(), prepared)
        });
        Ok(Self {
            steps: prepared.collect(),
            inputs: architecture.inputs().to_vec(),
            output: architecture.output_value(),
            output_elements: architecture.output_shape().iter().product::<u64>() as usize,
        })
    }

    /// The model's answer to each row, one behind the other.
    ///
    /// # Errors
    /// When inputs do not fit the architecture, an integer names no entry of an embedding, or the
    /// thread's floating point is not the default of IEEE 754.
    pub fn forward(&self, inputs: &[Values<'_>], rows: usize) -> Result<Vec<f32>, ReferenceError> {
        check_floating_point()?;
        self.check_inputs(inputs, rows)?;
        let mut result = Vec::with_capacity(rows * self.output_elements);
        for row in 0..rows {
            let inputs: Vec<_> = inputs.iter().map(|values| values.row(row, rows)).collect();
            let answer = self.row(&inputs);
            let answer = answer.map_err(|value| ReferenceError::Integer { row, value })?;
            result.extend(answer.iter().map(|x| math::canonical(*x)));
        }
        Ok(result)
    }

    fn check_inputs(&self, inputs: &[Values<'_>], rows: usize) -> Result<(), ReferenceError> {
        if inputs.len() != self.inputs.len() {
            return Err(ReferenceError::InputCount {
                expected: self.inputs.len(),
                found: inputs.len(),
            });
        }
        let fits = |(input, values): (&Input, &Values<'_>)| {
            let elements = input.shape.iter().product::<u64>();
            let (dtype, found) = match values {
                Values::F32(values) => (InputType::F32, values.len()),
                Values::I32(values) => (InputType::I32, values.len()),
            };
            let expected = (rows as u64).checked_mul(elements);
            dtype == input.dtype && expected == Some(found as u64)
        };
        match self.inputs.iter().zip(inputs).position(|pair| !fits(pair)) {
            Some(index) => Err(ReferenceError::Input { index }),
            None => Ok(()),
        }
    }

    /// The answer to one row, or the first integer that names nothing.
    fn row<'a>(&self, inputs: &[Values<'a>]) -> Result<Cow<'a, [f32]>, i32> {
        let float = |values: &Values<'a>| match values {
            Values::F32(values) => Cow::Borrowed(*values),
            Values::I32(_) => Cow::Borrowed(&[][..]),
        };
        let mut values: Vec<Cow<'a, [f32]>> = inputs.iter().map(float).collect();
        for (step, prepared) in &self.steps {
            let value = match (prepared, inputs.get(step.inputs[0])) {
                (Prepared::Integers(embedding), Some(Values::I32(integers))) => {
                    embedding.compute(integers)?
                }
                (Prepared::Integers(_), _) => unreachable!("embeddings take integers"),
                (Prepared::Floats(kernel), _) => {
                    let operands: Vec<_> = step.inputs.iter().map(|i| &*values[*i]).collect();
                    kernel.compute(&operands)
                }
            };
            values.push(Cow::Owned(value));
            for released in &step.releases {
                values[*released] = Cow::Borrowed(&[]);
            }
        }
        Ok(values.swap_remove(self.output))
    }
}

impl<'a> Values<'a> {
    fn row(&self, row: usize, rows: usize) -> Self {
        match *self {
            Values::F32(values) => Values::F32(part(values, row, rows)),
            Values::I32(values) => Values::I32(part(values, row, rows)),
        }
    }
}

fn part<T>(values: &[T], row: usize, rows: usize) -> &[T] {
    let size = values.len() / rows;
    &values[row * size..][..size]
}

fn fits(spec: &ParameterSpec, tensor: &TensorView<'_>) -> bool {
    let bytes = spec.elements().saturating_mul(4);
    tensor.dtype == Dtype::F32 && tensor.shape == spec.shape && tensor.data.len() as u64 == bytes
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    let (words, _) = bytes.as_chunks();
    words.iter().map(|word| f32::from_le_bytes(*word)).collect()
}

/// Sums that come out otherwise when numbers close to 0 are flushed, as libtorch can be told to do
/// for a thread, or when results are not rounded to the nearest.
fn check_floating_point() -> Result<(), ReferenceError> {
    let half = |x: f64| black_box(x) * black_box(0.5);
    let kept = half(f64::MIN_POSITIVE) > 0.0 && black_box(f32::MIN_POSITIVE) * black_box(0.5) > 0.0;
    let read = black_box(f64::from_bits(1)) + black_box(0.0) != 0.0;
    let small = black_box(f64::EPSILON) / 4.0;
    let up = black_box(1.0) + small == 1.0 && black_box(-1.0) - small == -1.0;
    let down = black_box(1.0) - small / 4.0 == 1.0;
    if kept && read && up && down {
        return Ok(());
    }
    Err(ReferenceError::FloatingPoint)
}
