//! Windows and whole dimensions: their maximum and mean.

use crate::{
    kernel::{Kernel, Offsets},
    math::max,
};

/// What is made of the elements of a window.
#[derive(Clone, Copy)]
pub enum Pooling {
    /// The largest; whatever is not a number wins.
    Max,
    /// The mean; the flag says whether places outside count, as zeros.
    Mean {
        /// Whether they count.
        count_padding: bool,
    },
}

/// One dimension of windows.
#[derive(Clone, Copy)]
pub struct Window {
    /// Size of the input.
    pub size: usize,
    /// Size of the window.
    pub kernel: usize,
    /// Step between windows.
    pub stride: usize,
    /// How far the first window reaches out in front.
    pub before: usize,
    /// Number of windows.
    pub places: usize,
}

impl Window {
    /// What of the input is in a window.
    fn range(&self, place: usize) -> std::ops::Range<usize> {
        let start = place * self.stride;
        let end = (start + self.kernel).saturating_sub(self.before);
        let end = if end < self.size { end } else { self.size };
        start.saturating_sub(self.before)..end
    }
}

/// Pooling of `[channels, height, width]`; a signal has height 1.
pub struct Pool {
    /// What is computed.
    pub pooling: Pooling,
    /// Along the height.
    pub height: Window,
    /// Along the width.
    pub width: Window,
}

impl Kernel for Pool {
    fn compute(&self, inputs: &[&[f32]]) -> Vec<f32> {
        let plane = self.height.size * self.width.size;
        let places = self.height.places * self.width.places;
        let mut result = Vec::with_capacity(inputs[0].len() / plane * places);
        for plane in inputs[0].chunks(plane) {
            for y in 0..self.height.places {
                let rows = self.height.range(y);
                for x in 0..self.width.places {
                    let columns = self.width.range(x);
                    let elements = rows
                        .clone()
                        .flat_map(|row| &plane[row * self.width.size..][columns.clone()])
                        .map(|x| f64::from(*x));
                    let inside = rows.len() * columns.len();
                    result.push(self.pool(elements, inside) as f32);
                }
            }
        }
        result
    }
}

impl Pool {
    fn pool(&self, elements: impl Iterator<Item = f64>, inside: usize) -> f64 {
        match self.pooling {
            Pooling::Max => elements.fold(f64::NEG_INFINITY, max),
            Pooling::Mean { count_padding } => {
                let all = self.height.kernel * self.width.kernel;
                let count = if count_padding { all } else { inside };
                elements.fold(0.0, |sum, x| sum + x) / count as f64
            }
        }
    }
}

/// Mean or maximum over some dimensions.
pub struct Reduce {
    /// What is computed.
    pub pooling: Pooling,
    /// Shape of the input.
    pub shape: Vec<usize>,
    /// Strides of the result, 0 where it has no dimension of its own.
    pub strides: Vec<usize>,
    /// Elements of the result.
    pub elements: usize,
}

impl Kernel for Reduce {
    fn compute(&self, inputs: &[&[f32]]) -> Vec<f32> {
        let offsets = Offsets::new(&self.shape, &self.strides);
        let elements = inputs[0].iter().map(|x| f64::from(*x)).zip(offsets);
        match self.pooling {
            Pooling::Max => {
                let mut result = vec![f64::NEG_INFINITY; self.elements];
                elements.for_each(|(x, offset)| result[offset] = max(result[offset], x));
                result.into_iter().map(|x| x as f32).collect()
            }
            Pooling::Mean { .. } => {
                let mut result = vec![0.0; self.elements];
                elements.for_each(|(x, offset)| result[offset] += x);
                let count = (inputs[0].len() / self.elements) as f64;
                result.into_iter().map(|sum| (sum / count) as f32).collect()
            }
        }
    }
}
