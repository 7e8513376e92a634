//! Convolutions and transposed convolutions of `[channels, height, width]`; a signal has height 1.
//!
//! Places of the result are computed side by side from a panel that holds, for each of them, what
//! its window sees. A sum runs over input channels, then over the kernel's rows, then over its
//! columns, the places outside as zeros. In a transposed convolution a place of the result is
//! touched by those elements of the kernel whose distance to it the stride divides: places whose
//! remainder is equal form a phase, which is an ordinary convolution with a part of the kernel.

use std::collections::BTreeMap;

use crate::{
    kernel::Kernel,
    matmul::{LANES, Packed},
};

/// Places of the result along one dimension that see the same part of the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phase {
    /// The first place.
    first: usize,
    /// How far the next one is.
    step: usize,
    /// How many places there are.
    places: usize,
    /// How much further the next place looks.
    stride: usize,
    /// Each element of the kernel with what the first place sees through it.
    taps: Vec<(usize, i64)>,
}

/// The one phase of a convolution with this many places.
pub fn direct(
    kernel: usize,
    stride: usize,
    before: usize,
    dilation: usize,
    places: usize,
) -> Vec<Phase> {
    let tap = |k: usize| (k, (k * dilation) as i64 - before as i64);
    vec![Phase {
        first: 0,
        step: 1,
        places,
        stride,
        taps: (0..kernel).map(tap).collect(),
    }]
}

/// The phases of a transposed convolution with this many places. Places that no element of the
/// kernel touches are in none.
pub fn transposed(
    kernel: usize,
    stride: usize,
    padding: usize,
    dilation: usize,
    places: usize,
) -> Vec<Phase> {
    let mut taps_of: BTreeMap<usize, Vec<(usize, i64)>> = BTreeMap::new();
    for k in 0..kernel {
        // An element at place x of the input reaches place x · stride + distance of the result.
        let distance = (k * dilation) as i64 - padding as i64;
        let first = distance.rem_euclid(stride as i64);
        let tap = (k, (first - distance) / stride as i64);
        taps_of.entry(first as usize).or_default().push(tap);
    }
    let inside = taps_of.into_iter().filter(|(first, _)| *first < places);
    inside
        .map(|(first, taps)| Phase {
            first,
            step: stride,
            places: (places - first).div_ceil(stride),
            stride: 1,
            taps,
        })
        .collect()
}

/// Sizes that both kinds of convolution have.
#[derive(Clone, Copy)]
pub struct Sizes {
    /// Channels of input and result.
    pub channels: [usize; 2],
    /// Groups of channels.
    pub groups: usize,
    /// Height and width of the input.
    pub input: [usize; 2],
    /// Height and width of the kernel.
    pub kernel: [usize; 2],
    /// Height and width of the result.
    pub result: [usize; 2],
}

/// A convolution.
pub struct Convolution {
    sizes: Sizes,
    bias: Option<Vec<f32>>,
    rows: Vec<Phase>,
    columns: Vec<Phase>,
    /// For each phase of the rows, then of the columns, their part of the weights, output channels
    /// first.
    weights: Vec<f32>,
}

/// A phase of each dimension.
#[derive(Clone, Copy)]
struct Part<'a> {
    rows: &'a Phase,
    columns: &'a Phase,
}

/// Which of its first two dimensions the weight counts the result's channels in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// `[channels of the result, input channels / groups, …]`.
    OutputFirst,
    /// `[input channels, channels of the result / groups, …]`.
    InputFirst,
}

impl Convolution {
    /// A convolution with these weights. Weights have the sizes that `sizes` implies.
    pub fn new(
        sizes: Sizes,
        [rows, columns]: [Vec<Phase>; 2],
        order: Order,
        weight: &[f32],
        bias: Option<Vec<f32>>,
    ) -> Self {
        // Phases that lie outside of the result leave some out.
        let mut weights = Vec::with_capacity(weight.len());
        for part in parts(&rows, &columns) {
            sizes.weights_of(part, order, weight, &mut weights);
        }
        Self {
            sizes,
            bias,
            rows,
            columns,
            weights,
        }
    }
}

/// Each phase of the rows with each of the columns.
fn parts<'a>(rows: &'a [Phase], columns: &'a [Phase]) -> impl Iterator<Item = Part<'a>> {
    rows.iter()
        .flat_map(move |rows| columns.iter().map(move |columns| Part { rows, columns }))
}

impl Sizes {
    /// Input and output channels of a group.
    fn of_a_group(&self) -> [usize; 2] {
        self.channels.map(|channels| channels / self.groups)
    }

    /// The channels of the input that a group sees.
    fn channels_of<'a>(&self, group: usize, input: &'a [f32]) -> impl Iterator<Item = &'a [f32]> {
        let [inputs, _] = self.of_a_group();
        let channels = input.chunks(self.input[0] * self.input[1]);
        channels.skip(group * inputs).take(inputs)
    }

    /// Adds the weights of a phase: for each output channel those of one sum, in its order.
    fn weights_of(&self, part: Part<'_>, order: Order, weight: &[f32], weights: &mut Vec<f32>) {
        let [inputs, outputs] = self.of_a_group();
        let [height, width] = self.kernel;
        for output in 0..self.channels[1] {
            for input in 0..inputs {
                let plane = match order {
                    Order::OutputFirst => output * inputs + input,
                    Order::InputFirst => {
                        (output / outputs * inputs + input) * outputs + output % outputs
                    }
                };
                for (row, _) in &part.rows.taps {
                    for (column, _) in &part.columns.taps {
                        weights.push(weight[(plane * height + row) * width + column]);
                    }
                }
            }
        }
    }
}

impl Kernel for Convolution {
    fn compute(&self, inputs: &[&[f32]]) -> Vec<f32> {
        let plane = self.sizes.result[0] * self.sizes.result[1];
        let bias = |channel: usize| match &self.bias {
            Some(bias) => bias[channel],
            None => 0.0,
        };
        let channels = 0..self.sizes.channels[1];
        let mut result = Vec::with_capacity(channels.len() * plane);
        result.extend(channels.flat_map(|channel| std::iter::repeat_n(bias(channel), plane)));
        let mut windows = Windows::default();
        let mut panel = Packed::default();
        let mut weights = self.weights.as_slice();
        for part in parts(&self.rows, &self.columns) {
            let [seen, outputs] = self.sizes.of_a_group();
            let width = seen * part.rows.taps.len() * part.columns.taps.len();
            let own;
            (own, weights) = weights.split_at(self.sizes.channels[1] * width);
            let places = part.rows.places * part.columns.places;
            for first in (0..places).step_by(LANES) {
                let lanes = LANES.min(places - first);
                windows.look(&self.sizes, part, first, lanes);
                for group in 0..self.sizes.groups {
                    let channels = self.sizes.channels_of(group, inputs[0]);
                    windows.fill(&mut panel, width, channels);
                    let weights = &own[group * outputs * width..][..outputs * width];
                    panel.multiply(weights, |output, lane, sum| {
                        let channel = group * outputs + output;
                        let sum = sum + f64::from(bias(channel));
                        result[channel * plane + windows.places[lane]] = sum as f32;
                    });
                }
            }
        }
        result
    }
}

/// What a few places of the result see of one channel.
#[derive(Default)]
struct Windows {
    /// Where in the result the places are.
    places: Vec<usize>,
    /// For each element of the kernel, where in the input each place sees; beyond it is outside.
    seen: Vec<[usize; LANES]>,
}

impl Windows {
    const OUTSIDE: usize = usize::MAX;

    fn look(&mut self, sizes: &Sizes, part: Part<'_>, first: usize, lanes: usize) {
        let Part { rows, columns, .. } = part;
        let at = |lane: usize| {
            let place = first + lane;
            (place / columns.places, place % columns.places)
        };
        self.places.clear();
        self.places.extend((0..lanes).map(at).map(|(y, x)| {
            let row = rows.first + y * rows.step;
            row * sizes.result[1] + columns.first + x * columns.step
        }));
        self.seen.clear();
        self.seen
            .reserve_exact(rows.taps.len() * columns.taps.len());
        for (_, down) in &rows.taps {
            for (_, across) in &columns.taps {
                let mut seen = [Self::OUTSIDE; LANES];
                for (lane, place) in seen.iter_mut().enumerate().take(lanes) {
                    let (y, x) = at(lane);
                    let row = inside((y * rows.stride) as i64 + down, sizes.input[0]);
                    let column = inside((x * columns.stride) as i64 + across, sizes.input[1]);
                    if let (Some(row), Some(column)) = (row, column) {
                        *place = row * sizes.input[1] + column;
                    }
                }
                self.seen.push(seen);
            }
        }
    }
}

impl Windows {
    /// Packs what the places see of these channels: so many numbers each.
    fn fill<'a>(
        &self,
        panel: &mut Packed<f32>,
        width: usize,
        channels: impl Iterator<Item = &'a [f32]>,
    ) {
        panel.refill(
            [self.places.len(), width],
            channels.flat_map(|channel| {
                let see = |place| channel.get(place).copied().unwrap_or(0.0);
                self.seen.iter().map(move |seen| seen.map(see))
            }),
        );
    }
}

/// The place, if the input has it.
fn inside(place: i64, size: usize) -> Option<usize> {
    usize::try_from(place).ok().filter(|place| *place < size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_of_a_transposed_convolution_by_hand() {
        // 4 places from a kernel of 3 with stride 2 and padding 1: element k at input x reaches
        // 2x + k - 1, so even places see the middle element, odd ones the two others.
        let even = Phase {
            first: 0,
            step: 2,
            places: 2,
            stride: 1,
            taps: vec![(1, 0)],
        };
        let odd = Phase {
            first: 1,
            taps: vec![(0, 1), (2, 0)],
            ..even.clone()
        };
        assert_eq!(transposed(3, 2, 1, 1, 4), [even, odd]);
    }

    #[test]
    fn places_that_the_kernel_does_not_reach_are_in_no_phase() {
        let phases = transposed(1, 3, 0, 1, 7);
        assert_eq!(phases.len(), 1);
        assert_eq!((phases[0].first, phases[0].places), (0, 3));
    }
}
