//! Operations that move elements, and sums and products with repetition.

use crate::kernel::{Kernel, Offsets};

/// The same elements under another shape, or the same shape.
pub struct Identity;

impl Kernel for Identity {
    fn compute(&self, inputs: &[&[f32]]) -> Vec<f32> {
        inputs[0].to_vec()
    }
}

/// A result whose elements are picked from the input: transposed, or a part of it.
pub struct Pick {
    /// Shape of the result.
    pub shape: Vec<usize>,
    /// How far apart in the input neighbours of the result are.
    pub strides: Vec<usize>,
    /// Where in the input the first element is.
    pub start: usize,
}

impl Kernel for Pick {
    fn compute(&self, inputs: &[&[f32]]) -> Vec<f32> {
        let x = &inputs[0][self.start..];
        Offsets::new(&self.shape, &self.strides)
            .map(|offset| x[offset])
            .collect()
    }
}

/// Zeros around the input.
pub struct Pad {
    /// Shape of the input.
    pub shape: Vec<usize>,
    /// How far apart in the result neighbours of the input are.
    pub strides: Vec<usize>,
    /// Where in the result the first element is.
    pub start: usize,
    /// Elements of the result.
    pub elements: usize,
}

impl Kernel for Pad {
    fn compute(&self, inputs: &[&[f32]]) -> Vec<f32> {
        let mut result = vec![0.0; self.elements];
        let offsets = Offsets::new(&self.shape, &self.strides);
        for (x, offset) in inputs[0].iter().zip(offsets) {
            result[self.start + offset] = *x;
        }
        result
    }
}

/// Inputs one behind the other.
pub struct Concatenate {
    /// Elements of each input that stand together in the result.
    pub chunks: Vec<usize>,
    /// How many such groups there are.
    pub outer: usize,
}

impl Kernel for Concatenate {
    fn compute(&self, inputs: &[&[f32]]) -> Vec<f32> {
        let mut result = Vec::with_capacity(inputs.iter().map(|x| x.len()).sum());
        for index in 0..self.outer {
            for (x, chunk) in inputs.iter().zip(&self.chunks) {
                result.extend_from_slice(&x[index * chunk..][..*chunk]);
            }
        }
        result
    }
}

/// How several inputs become one.
#[derive(Clone, Copy)]
pub enum Fold {
    /// Their sum.
    Add,
    /// Their product.
    Multiply,
}

/// Sum or product of inputs in their order, in 64 bits, with dimensions of size 1 repeated.
pub struct Broadcast {
    /// What is computed.
    pub fold: Fold,
    /// Shape of the result.
    pub shape: Vec<usize>,
    /// Strides of each input, 0 where it is repeated.
    pub strides: Vec<Vec<usize>>,
}

impl Kernel for Broadcast {
    fn compute(&self, inputs: &[&[f32]]) -> Vec<f32> {
        let mut result: Vec<f64> = Offsets::new(&self.shape, &self.strides[0])
            .map(|offset| f64::from(inputs[0][offset]))
            .collect();
        for (x, strides) in inputs.iter().zip(&self.strides).skip(1) {
            for (total, offset) in result.iter_mut().zip(Offsets::new(&self.shape, strides)) {
                match self.fold {
                    Fold::Add => *total += f64::from(x[offset]),
                    Fold::Multiply => *total *= f64::from(x[offset]),
                }
            }
        }
        result.into_iter().map(|total| total as f32).collect()
    }
}

/// `x + weight`.
pub struct LearnedPositions {
    /// As many as the input has elements.
    pub weight: Vec<f32>,
}

impl Kernel for LearnedPositions {
    fn compute(&self, inputs: &[&[f32]]) -> Vec<f32> {
        let pairs = inputs[0].iter().zip(&self.weight);
        pairs.map(|(x, weight)| x + weight).collect()
    }
}

/// Rows of a table.
pub struct Embedding {
    /// The rows, one behind the other.
    pub weight: Vec<f32>,
    /// Number of rows.
    pub entries: usize,
    /// Size of a row.
    pub size: usize,
}

impl Embedding {
    /// The rows that the integers name.
    ///
    /// # Errors
    /// The first integer that names none.
    pub fn compute(&self, integers: &[i32]) -> Result<Vec<f32>, i32> {
        let mut result = Vec::with_capacity(integers.len() * self.size);
        for integer in integers {
            let row = usize::try_from(*integer)
                .ok()
                .filter(|row| *row < self.entries)
                .ok_or(*integer)?;
            result.extend_from_slice(&self.weight[row * self.size..][..self.size]);
        }
        Ok(result)
    }
}
