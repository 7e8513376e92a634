//! Functions of single elements, and softmax.

use zarathustra_model::architecture::Op;

use crate::{
    kernel::Kernel,
    math::{erfc, exp, expm1, log, max, sigmoid, softplus, tanh},
};

/// Constants of Klambauer et al. 2017, section 2.
const SELU_ALPHA: f64 = 1.673_263_242_354_377_2;
const SELU_SCALE: f64 = 1.050_700_987_355_480_5;

/// `sqrt(2 / π)`.
const SQRT_2_OVER_PI: f64 = 0.797_884_560_802_865_4;

/// A function of each element, computed in 64 bits and rounded once.
pub struct Each(Box<dyn Fn(f64) -> f64 + Send + Sync>);

impl Each {
    /// The function of an operation without parameters, if it is one of single elements.
    pub fn of(op: &Op) -> Option<Self> {
        let function: Box<dyn Fn(f64) -> f64 + Send + Sync> = match *op {
            Op::Relu {} => Box::new(relu),
            Op::Relu6 {} => Box::new(relu6),
            Op::LeakyRelu { negative_slope } => {
                let slope = f64::from(negative_slope);
                Box::new(move |x| if x > 0.0 { x } else { slope * x })
            }
            Op::Elu { alpha } => {
                let alpha = f64::from(alpha);
                Box::new(move |x| if x > 0.0 { x } else { alpha * expm1(x) })
            }
            Op::Selu {} => {
                Box::new(|x| SELU_SCALE * if x > 0.0 { x } else { SELU_ALPHA * expm1(x) })
            }
            // Φ(x) = erfc(−x/√2) / 2 and (1 + tanh(u)) / 2 = sigmoid(2u): without cancellation
            // where the result is close to 0.
            Op::Gelu { approximate: false } => {
                Box::new(|x| x * (0.5 * erfc(-x * std::f64::consts::FRAC_1_SQRT_2)))
            }
            Op::Gelu { approximate: true } => Box::new(|x| {
                let inner = SQRT_2_OVER_PI * (x + 0.044715 * (x * x * x));
                x * sigmoid(2.0 * inner)
            }),
            Op::Silu {} => Box::new(|x| x * sigmoid(x)),
            Op::Mish {} => Box::new(|x| x * tanh(softplus(x))),
            Op::Sigmoid {} => Box::new(sigmoid),
            Op::HardSigmoid {} => Box::new(hard_sigmoid),
            Op::HardSilu {} => Box::new(|x| x * hard_sigmoid(x)),
            Op::Tanh {} => Box::new(tanh),
            Op::Softplus {} => Box::new(softplus),
            Op::Softsign {} => Box::new(|x| x / (1.0 + x.abs())),
            Op::Scale { factor, offset } => {
                let (factor, offset) = (f64::from(factor), f64::from(offset));
                Box::new(move |x| x * factor + offset)
            }
            _ => return None,
        };
        Some(Self(function))
    }
}

impl Kernel for Each {
    fn compute(&self, inputs: &[&[f32]]) -> Vec<f32> {
        let each = inputs[0].iter();
        each.map(|x| (self.0)(f64::from(*x)) as f32).collect()
    }
}

/// `max(x, 0)`.
pub fn relu(x: f64) -> f64 {
    max(0.0, x)
}

fn relu6(x: f64) -> f64 {
    let x = relu(x);
    if x > 6.0 { 6.0 } else { x }
}

fn hard_sigmoid(x: f64) -> f64 {
    relu6(x + 3.0) / 6.0
}

/// `x` for positive x, else `weight · x`.
pub struct Prelu {
    /// Slopes: one, or one for each element of dimension 0.
    pub slopes: Vec<f32>,
    /// Elements that share a slope.
    pub inner: usize,
}

impl Kernel for Prelu {
    fn compute(&self, inputs: &[&[f32]]) -> Vec<f32> {
        let slopes = self.slopes.iter();
        let elements = inputs[0].chunks(self.inner).zip(slopes);
        let sloped = |x: f32, slope: f32| if x > 0.0 { x } else { slope * x };
        let mut result = Vec::with_capacity(inputs[0].len());
        result.extend(elements.flat_map(|(chunk, slope)| chunk.iter().map(|x| sloped(*x, *slope))));
        result
    }
}

/// `softmax` over one dimension, or its logarithm.
pub struct Softmax {
    /// Size of the dimension.
    pub size: usize,
    /// Elements behind one element of it.
    pub inner: usize,
    /// Whether the logarithm is wanted.
    pub logarithm: bool,
}

impl Kernel for Softmax {
    fn compute(&self, inputs: &[&[f32]]) -> Vec<f32> {
        let x = inputs[0];
        let mut result = vec![0.0; x.len()];
        let mut scores = vec![0.0; self.size];
        for block in (0..x.len()).step_by(self.size * self.inner) {
            for first in block..block + self.inner {
                for (index, score) in scores.iter_mut().enumerate() {
                    *score = f64::from(x[first + index * self.inner]);
                }
                if self.logarithm {
                    log_softmax(&mut scores);
                } else {
                    softmax(&mut scores);
                }
                for (index, score) in scores.iter().enumerate() {
                    result[first + index * self.inner] = *score as f32;
                }
            }
        }
        result
    }
}

/// `e^(x − max)` divided by the sum of these, in order.
pub fn softmax(scores: &mut [f64]) {
    let largest = largest(scores);
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        *score = exp(*score - largest);
        sum += *score;
    }
    scores.iter_mut().for_each(|score| *score /= sum);
}

fn log_softmax(scores: &mut [f64]) {
    let largest = largest(scores);
    let mut sum = 0.0;
    for score in scores.iter() {
        sum += exp(*score - largest);
    }
    let logarithm = log(sum);
    scores
        .iter_mut()
        .for_each(|score| *score = *score - largest - logarithm);
}

fn largest(scores: &[f64]) -> f64 {
    let all = scores.iter().copied();
    all.fold(f64::NEG_INFINITY, max)
}
