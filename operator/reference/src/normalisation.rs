//! Normalisation: moments in 64 bits, in order, in two passes.

use crate::kernel::Kernel;

/// With running moments, for each element of dimension 0.
pub struct BatchNorm {
    /// Scales and offsets, if there are.
    pub affine: Option<[Vec<f32>; 2]>,
    /// Running means.
    pub mean: Vec<f32>,
    /// Running variances.
    pub variance: Vec<f32>,
    /// Added to the variances.
    pub epsilon: f64,
    /// Elements behind one element of dimension 0.
    pub inner: usize,
}

impl Kernel for BatchNorm {
    fn compute(&self, inputs: &[&[f32]]) -> Vec<f32> {
        let mut result = Vec::with_capacity(inputs[0].len());
        for (channel, x) in inputs[0].chunks(self.inner).enumerate() {
            let mean = f64::from(self.mean[channel]);
            let deviation = (f64::from(self.variance[channel]) + self.epsilon).sqrt();
            let normed = x.iter().map(|x| (f64::from(*x) - mean) / deviation);
            match &self.affine {
                Some([weight, bias]) => {
                    let (weight, bias) = (f64::from(weight[channel]), f64::from(bias[channel]));
                    result.extend(normed.map(|x| (x * weight + bias) as f32));
                }
                None => result.extend(normed.map(|x| x as f32)),
            }
        }
        result
    }
}

/// What a group of elements is divided by.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The root of their variance, after their mean was taken off.
    Variance,
    /// The root of their mean square.
    MeanSquare,
}

/// Layer, group and RMS norm: groups of elements that stand together are normalised, each by
/// itself, then scaled and moved.
pub struct GroupNorm {
    /// What is divided by.
    pub moment: Moment,
    /// Elements of a group.
    pub size: usize,
    /// Scales, if there are.
    pub weight: Option<Vec<f32>>,
    /// Offsets, if there are.
    pub bias: Option<Vec<f32>>,
    /// Elements one behind the other that share a scale and an offset, a divisor of the size; both
    /// lists repeat.
    pub sharing: usize,
    /// Added below the root.
    pub epsilon: f64,
}

impl Kernel for GroupNorm {
    fn compute(&self, inputs: &[&[f32]]) -> Vec<f32> {
        let mut result = Vec::with_capacity(inputs[0].len());
        for group in inputs[0].chunks(self.size) {
            let mean = match self.moment {
                Moment::Variance => mean(group.iter().map(|x| f64::from(*x))),
                Moment::MeanSquare => 0.0,
            };
            let squares = group.iter().map(|x| {
                let distance = f64::from(*x) - mean;
                distance * distance
            });
            let deviation = (self::mean(squares) + self.epsilon).sqrt();
            for shared in group.chunks(self.sharing) {
                let place = result.len() / self.sharing;
                let of = |list: &Option<Vec<f32>>, default: f64| match list {
                    Some(list) => f64::from(list[place % list.len()]),
                    None => default,
                };
                let (weight, bias) = (of(&self.weight, 1.0), of(&self.bias, 0.0));
                let normed = shared.iter().map(|x| (f64::from(*x) - mean) / deviation);
                result.extend(normed.map(|x| (x * weight + bias) as f32));
            }
        }
        result
    }
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.fold(0.0, |sum, x| sum + x) / count
}
