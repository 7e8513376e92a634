//! Linear maps of the last dimension.

use crate::{kernel::Kernel, matmul::Packed};

/// `x · weightᵀ + bias`.
pub struct Linear {
    weight: Packed<f32>,
    bias: Option<Vec<f32>>,
    units: usize,
}

impl Linear {
    /// A map to `units` features of vectors with `features`.
    pub fn new(units: usize, features: usize, weight: &[f32], bias: Option<Vec<f32>>) -> Self {
        Self {
            weight: Packed::rows(weight, features),
            bias,
            units,
        }
    }

    /// The images of vectors that stand one behind the other, before they are rounded.
    pub fn map<A: Copy + Into<f64>>(&self, x: &[A], mut put: impl FnMut(usize, f64)) {
        self.weight.multiply(x, |vector, unit, sum| {
            let bias = self.bias.as_ref().map_or(0.0, |bias| f64::from(bias[unit]));
            put(vector * self.units + unit, sum + bias);
        });
    }
}

impl Kernel for Linear {
    fn compute(&self, inputs: &[&[f32]]) -> Vec<f32> {
        let vectors = inputs[0].len() / self.weight.width();
        let mut result = vec![0.0; vectors * self.units];
        self.map(inputs[0], |place, sum| result[place] = sum as f32);
        result
    }
}
