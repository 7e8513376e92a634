//! What a model costs, derived from its architecture without running it.
//!
//! The cost bounds both engines, so it counts what the slower one takes: a multiply-add of linear
//! algebra is the unit, an element that is only passed over counts [`ELEMENT`] of them, and one
//! that needs an exponential or the like, which the reference engine computes in software,
//! [`TRANSCENDENTAL`].
//!
//! Memory, too, is what the engine takes that takes more. The worker's test `memory` measures each
//! operation by both. Not counted is what lies idle between pieces of memory: an allocator cannot
//! use a gap for a larger piece. It can be large in a model that keeps small values made between
//! large ones, and ends at the limit that the host keeps.

use serde::Serialize;

use crate::architecture::{Architecture, Direction, Op, ParameterSpec, Recurrent, Step};

/// Multiply-adds that an element counts whose computation needs an exponential or the like.
pub const TRANSCENDENTAL: u64 = 64;
/// Multiply-adds that an element counts that is read, changed and written, or only moved.
pub const ELEMENT: u64 = 8;
/// Multiply-adds that an element of a normalisation counts: two passes for the moments, then
/// scale and shift.
const NORMALISED: u64 = 2 * ELEMENT;
/// Places that the reference engine computes side by side; and channels of one block in oneDNN's
/// layouts, with AVX2.
const LANES: u64 = 8;
/// Elements that a phase of a transposed convolution takes at most for each element of the kernel
/// along a dimension, when the reference engine sorts them.
const PHASE: u64 = 64;
/// Elements that what libtorch notes about the tensors of one step of a recurrent layer takes the
/// place of at most: these are a few, and each has records of some hundred bytes.
const STEP: u64 = 512;
const FLOAT_BYTES: u64 = size_of::<f32>() as u64;

/// Multiply-adds that the reference engine does in a second: a low figure for one thread, about half
/// of what the dearest operation reaches, so that a request that fits it fits every operator's
/// machine. `cargo run --release -p zarathustra-reference --example cost` measures it operation by
/// operation.
pub const REFERENCE_MACS_PER_SECOND: u64 = 250_000_000;

/// Static cost of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// Number of parameters.
    pub parameters: u64,
    /// Bytes of the parameters alone.
    pub parameter_bytes: u64,
    /// Multiply-adds for one sample.
    pub macs_per_sample: u64,
    /// Most bytes that values and working memory of one sample occupy at a time, with either
    /// engine.
    pub activation_bytes: u64,
}

impl Cost {
    /// Seconds that the reference engine takes for champion and challenger on this many samples,
    /// one row each, rounded up. Every claim takes that engine's time (5.7).
    pub const fn reference_seconds(&self, samples: u32) -> u64 {
        const MODELS: u64 = 2;
        (samples as u64)
            .saturating_mul(MODELS)
            .saturating_mul(self.macs_per_sample)
            .div_ceil(REFERENCE_MACS_PER_SECOND)
    }

    /// Fuel that a model takes for this many samples, one row each, the program's own not counted.
    pub const fn fuel(&self, samples: u32) -> u64 {
        (samples as u64).saturating_mul(self.macs_per_sample)
    }

    /// Cost of a model of this architecture. Sums that exceed 64 bits stay at the maximum, which
    /// no limit allows.
    pub fn of(architecture: &Architecture) -> Self {
        let parameters = architecture
            .parameters()
            .iter()
            .map(ParameterSpec::elements)
            .fold(0_u64, u64::saturating_add);
        let size = |value: usize| elements(architecture.shape_of(value));
        let inputs = architecture.inputs().len();
        let mut live = (0..inputs).map(size).fold(0, u64::saturating_add);
        let mut most = live;
        let mut macs_per_sample = 0_u64;
        for step in architecture.steps() {
            let shapes: Vec<_> = step
                .inputs
                .iter()
                .map(|value| architecture.shape_of(*value))
                .collect();
            let work = Work::of(step, &shapes);
            macs_per_sample = macs_per_sample.saturating_add(work.macs);
            live = live.saturating_add(elements(&step.shape));
            most = most.max(live.saturating_add(work.scratch));
            for value in &step.releases {
                live = live.saturating_sub(size(*value));
            }
        }
        Self {
            parameters,
            parameter_bytes: parameters.saturating_mul(FLOAT_BYTES),
            macs_per_sample,
            activation_bytes: most.saturating_mul(FLOAT_BYTES),
        }
    }
}

/// Multiply-adds of a step, and elements that it needs besides inputs and result.
struct Work {
    macs: u64,
    scratch: u64,
}

impl Work {
    fn of(step: &Step, inputs: &[&[u64]]) -> Self {
        let before = elements(inputs[0]);
        let after = elements(&step.shape);
        let work = |macs, scratch| Self { macs, scratch };
        match &step.op {
            // The input in order, where it is not.
            Op::Linear { .. } => work(product(&[after, last(inputs[0])]), before),
            Op::Conv1d(c) | Op::Conv2d(c) => {
                let window = product(&[inputs[0][0] / c.groups, product(&c.kernel)]);
                // Each window unrolled, as libtorch does where it has no better way.
                let unrolled = product(&[after / c.channels, c.groups, window]);
                let blocked = blocked(inputs[0]).saturating_add(self::blocked(&step.shape));
                let scratch = unrolled.max(blocked).max(tables(window, &c.kernel));
                let work = work(
                    product(&[after, window.saturating_add(ELEMENT)]),
                    scratch.saturating_add(before),
                );
                let equal = c.padding.iter().all(|[before, after]| before == after);
                work.with_margins(inputs[0], &c.padding, !equal)
            }
            Op::ConvTranspose1d(c) | Op::ConvTranspose2d(c) => {
                let window = product(&[c.channels / c.groups, product(&c.kernel)]);
                // Each element of the kernel is multiplied for each place of its phase, whether it
                // sees one of the input there or not.
                let reached = step.shape[1..].iter().zip(&c.stride).zip(&inputs[0][1..]);
                let places = reached
                    .map(|((result, stride), size)| result.div_ceil(*stride).max(*size))
                    .fold(inputs[0][0], u64::saturating_mul);
                // Places that nothing reaches are written too.
                let macs = sum(&[product(&[places, window]), product(&[after, ELEMENT])]);
                let unrolled = product(&[before / inputs[0][0], c.groups, window]);
                let seen = product(&[inputs[0][0] / c.groups, product(&c.kernel)]);
                let phases = product(&[PHASE, sum(&c.kernel)]);
                let scratch = [
                    before,
                    unrolled,
                    blocked(inputs[0]),
                    product(&[blocked(&step.shape), 3]),
                ];
                let scratch = sum(&scratch).max(tables(seen, &c.kernel));
                work(macs, scratch.saturating_add(phases))
            }
            Op::MaxPool1d(p) | Op::MaxPool2d(p) => {
                pooled(before, after, &p.kernel).with_pool_margins(inputs[0], &p.padding, &p.kernel)
            }
            Op::AvgPool1d(p) | Op::AvgPool2d(p) => {
                pooled(before, after, &p.kernel).with_pool_margins(inputs[0], &p.padding, &p.kernel)
            }
            Op::Mean { .. } | Op::Max { .. } => {
                work(product(&[before, ELEMENT]), product(&[after, 2]))
            }
            Op::LayerNorm { dims, .. } => {
                let groups = groups_of_last(inputs[0], *dims);
                let scratch = sum(&[before, product(&[groups, 2])]);
                work(product(&[after, NORMALISED]), scratch)
            }
            Op::GroupNorm { groups, .. } => {
                let scratch = sum(&[before, product(&[*groups, 2])]);
                work(product(&[after, NORMALISED]), scratch)
            }
            Op::RmsNorm { dims, .. } => {
                let groups = groups_of_last(inputs[0], *dims);
                // Squares and quotients are values of their own.
                let scratch = sum(&[product(&[before, 3]), product(&[groups, 2])]);
                work(product(&[after, NORMALISED]), scratch)
            }
            // A scale and an offset for each channel.
            Op::BatchNorm { .. } => {
                let scratch = sum(&[before, product(&[inputs[0][0], 2])]);
                work(product(&[after, ELEMENT]), scratch)
            }
            Op::Rnn { layer, .. } => recurrent(layer, 1, inputs[0]),
            Op::Gru(layer) => recurrent(layer, 3, inputs[0]),
            Op::Lstm(layer) => recurrent(layer, 4, inputs[0]),
            Op::MultiHeadAttention(a) => {
                let [t, dq] = pair(inputs[0]);
                let [s, dk] = pair(inputs[1]);
                let dv = last(inputs[2]);
                let queries = product(&[a.heads, a.head_size]);
                let keys = product(&[a.key_value_heads, a.head_size]);
                let scores = product(&[a.heads, t, s]);
                let rotated = match a.rotary {
                    Some(_) => product(&[t.saturating_add(s), queries, 2]),
                    None => 0,
                };
                let macs = [
                    product(&[t, dq, queries]),
                    product(&[s, dk, keys]),
                    product(&[s, dv, keys]),
                    product(&[scores, a.head_size, 2]),
                    product(&[scores, TRANSCENDENTAL]),
                    product(&[t, queries, a.units]),
                    rotated,
                ];
                let panels = [
                    product(&[s.next_multiple_of(LANES), a.head_size, 2]),
                    product(&[s, a.head_size.next_multiple_of(LANES), 2]),
                ];
                let largest = projected(product(&[t, dq]), product(&[t, queries, 2]))
                    .max(projected(product(&[s, dk]), product(&[s, keys, 2])))
                    .max(projected(product(&[s, dv]), product(&[s, keys, 2])))
                    .max(projected(product(&[t, queries]), after));
                // Queries and context in 64 bits, keys and values, these again for each head,
                // scores twice, what the reference engine packs of one head, and the projection
                // that takes most.
                let scratch = [
                    product(&[t, queries, 4]),
                    product(&[s, queries, 4]),
                    product(&[scores, 2]),
                    sum(&panels),
                    largest,
                ];
                work(sum(&macs), sum(&scratch))
            }
            // What is made of numbers below zero, which these are, a byte each, and the whole.
            Op::Elu { .. } => {
                let scratch = sum(&[product(&[after, 2]), after.div_ceil(FLOAT_BYTES)]);
                work(product(&[after, TRANSCENDENTAL]), scratch)
            }
            Op::Softsign {} => work(product(&[after, ELEMENT]), product(&[after, 2])),
            // The reference engine has the elements of the dimension in 64 bits.
            Op::Softmax { dim } | Op::LogSoftmax { dim } => {
                let scores = product(&[inputs[0][*dim as usize], 2]);
                work(product(&[after, TRANSCENDENTAL]), after.max(scores))
            }
            Op::Selu {}
            | Op::Gelu { .. }
            | Op::Silu {}
            | Op::Mish {}
            | Op::Sigmoid {}
            | Op::Tanh {}
            | Op::Softplus {} => work(product(&[after, TRANSCENDENTAL]), after),
            Op::Add {} | Op::Multiply {} => work(
                product(&[after, inputs.len() as u64, ELEMENT]),
                product(&[after, 2]),
            ),
            Op::TransformerEncoder(_) | Op::TransformerDecoder(_) => {
                unreachable!("blocks are no steps")
            }
            Op::Relu {}
            | Op::Relu6 {}
            | Op::LeakyRelu { .. }
            | Op::Prelu { .. }
            | Op::HardSigmoid {}
            | Op::HardSilu {} => work(product(&[after, ELEMENT]), after),
            Op::Embedding { .. }
            | Op::LearnedPositions {}
            // The reference engine copies these.
            | Op::Dropout { .. }
            | Op::Reshape { .. }
            | Op::Transpose { .. }
            | Op::Concatenate { .. }
            | Op::Scale { .. }
            | Op::Slice { .. }
            | Op::Pad { .. } => work(product(&[after, ELEMENT]), 0),
        }
    }
}

impl Work {
    /// Adds the input with its margins, which libtorch takes so wide at equal ends only.
    fn with_pool_margins(self, input: &[u64], margins: &[[u64; 2]], kernel: &[u64]) -> Self {
        let mut each = margins.iter().zip(kernel);
        let within = each.all(|([before, after], kernel)| before == after && before * 2 <= *kernel);
        self.with_margins(input, margins, !within)
    }

    /// Adds the input with its margins, if these are put there before.
    fn with_margins(self, input: &[u64], margins: &[[u64; 2]], ahead: bool) -> Self {
        if !ahead {
            return self;
        }
        let sizes = input[1..].iter().zip(margins);
        let padded = sizes
            .map(|(size, [before, after])| sum(&[*size, *before, *after]))
            .fold(input[0], u64::saturating_mul);
        Self {
            macs: self.macs.saturating_add(product(&[padded, ELEMENT])),
            scratch: self.scratch.saturating_add(padded),
        }
    }
}

/// What the reference engine holds of a convolution while it computes: the windows of the places
/// that it computes side by side, and for each element of the kernel where each of them sees.
fn tables(window: u64, kernel: &[u64]) -> u64 {
    // An index is as large as two elements.
    let seen = product(&[2, LANES, product(kernel)]);
    product(&[LANES, window]).saturating_add(seen)
}

/// Elements of an image in the layout that oneDNN computes convolutions in: its channels are
/// counted in blocks.
fn blocked(shape: &[u64]) -> u64 {
    let channels = shape[0].next_multiple_of(LANES);
    shape[1..]
        .iter()
        .copied()
        .fold(channels, u64::saturating_mul)
}

/// What libtorch holds besides what went in: a projection's input in order, also of the projection
/// before, whose memory may not be free yet; and its result.
fn projected(before: u64, after: u64) -> u64 {
    sum(&[product(&[before, 2]), after])
}

/// Groups of the last dimensions, each of which has a mean and a deviation.
fn groups_of_last(shape: &[u64], dims: u64) -> u64 {
    product(&shape[..shape.len() - dims as usize])
}

/// Windows: the input in order, and for each place where its largest element is, in 64 bits.
fn pooled(before: u64, after: u64, kernel: &[u64]) -> Work {
    Work {
        macs: product(&[after, product(kernel), ELEMENT]),
        scratch: sum(&[before, product(&[after, 2])]),
    }
}

fn recurrent(layer: &Recurrent, gates: u64, input: &[u64]) -> Work {
    let [time, features] = pair(input);
    let directions = match layer.direction {
        Direction::Forward | Direction::Backward => 1,
        Direction::Both => 2,
    };
    let rows = product(&[gates, layer.units, directions]);
    let inner = features
        .saturating_add(layer.units)
        .saturating_add(TRANSCENDENTAL);
    let scratch = [
        // The input in order of time, turned round, and as the layer wants it.
        product(&[time, features, 3]),
        product(&[time, rows, 2]),
        product(&[time, directions, STEP]),
    ];
    Work {
        macs: product(&[time, rows, inner]),
        scratch: sum(&scratch),
    }
}

fn elements(shape: &[u64]) -> u64 {
    product(shape)
}

fn product(factors: &[u64]) -> u64 {
    factors.iter().copied().fold(1, u64::saturating_mul)
}

fn sum(terms: &[u64]) -> u64 {
    terms.iter().copied().fold(0, u64::saturating_add)
}

fn last(shape: &[u64]) -> u64 {
    shape.last().copied().unwrap_or(1)
}

/// The two dimensions of a sequence, which the architecture's checks promise.
fn pair(shape: &[u64]) -> [u64; 2] {
    [shape.first().copied().unwrap_or(1), last(shape)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(inputs: &str, nodes: &str) -> Cost {
        let text =
            format!(r#"{{"version":2,"inputs":[{inputs}],"nodes":[{nodes}],"output":"last"}}"#);
        Cost::of(&Architecture::from_json(text.as_bytes()).expect("valid"))
    }

    #[test]
    fn the_reference_engines_time_is_rounded_up() {
        let cost = |macs_per_sample| Cost {
            parameters: 0,
            parameter_bytes: 0,
            macs_per_sample,
            activation_bytes: 0,
        };
        // Two models on 1,000 samples: 2,000 times the cost of one.
        let second = REFERENCE_MACS_PER_SECOND / 2000;
        assert_eq!(cost(second).reference_seconds(1000), 1);
        assert_eq!(cost(second + 1).reference_seconds(1000), 2);
        assert_eq!(cost(7 * second).reference_seconds(1000), 7);
        let most = u64::MAX.div_ceil(REFERENCE_MACS_PER_SECOND);
        assert_eq!(cost(u64::MAX).reference_seconds(u32::MAX), most);
    }

    #[test]
    fn the_x_squared_network_by_hand() {
        let text = include_bytes!("../../../examples/x-squared/architecture.json");
        let cost = Cost::of(&Architecture::from_json(text).expect("valid"));
        let expected = Cost {
            parameters: (5 + 5) + (5 * 10 + 10) + (10 + 1),
            parameter_bytes: 4 * 81,
            macs_per_sample: 5 + 5 * 64 + 5 * 10 + 10 * 64 + 10,
            // In front of and behind the second tanh, and as much to compute in.
            activation_bytes: 4 * (10 + 10 + 10),
        };
        assert_eq!(cost, expected);
    }

    #[test]
    fn a_convolution_by_hand() {
        let cost = cost(
            r#"{"name":"image","shape":[4,8,8],"dtype":"f32"}"#,
            r#"{"name":"last","op":"conv2d","inputs":["image"],"channels":6,"kernel":[3,3],
                "stride":[2,2],"padding":[[1,1],[1,1]],"dilation":[1,1],"groups":2,"bias":true}"#,
        );
        // 6 channels at 4 x 4 places, each from 2 channels of 3 x 3, and written.
        assert_eq!(cost.macs_per_sample, 6 * 16 * (2 * 9 + 8));
        assert_eq!(cost.parameters, 6 * 2 * 9 + 6);
        // The input in order, and 8 channels of both in oneDNN's layout, which are more than the
        // windows unrolled.
        let unrolled = 16 * 2 * 2 * 9;
        let scratch = 4 * 64 + unrolled.max(8 * 64 + 8 * 16);
        assert_eq!(cost.activation_bytes, 4 * (4 * 64 + 6 * 16 + scratch));
    }

    #[test]
    fn a_convolution_with_unequal_margins_by_hand() {
        let cost = cost(
            r#"{"name":"image","shape":[4,8,8],"dtype":"f32"}"#,
            r#"{"name":"last","op":"conv2d","inputs":["image"],"channels":1,"kernel":[3,3],
                "stride":[8,8],"padding":[[0,1],[1,0]],"dilation":[1,1],"groups":1,"bias":false}"#,
        );
        // One place, from 4 channels of 3 x 3, and the input of 9 x 9 that is written before.
        assert_eq!(cost.macs_per_sample, (4 * 9 + 8) + 8 * (4 * 9 * 9));
        // 8 channels of input and result are more than windows of 8 places and where they see.
        let tables = 8 * (4 * 9) + 16 * 9;
        let scratch = 4 * 64 + tables.max(8 * 64 + 8) + 4 * 9 * 9;
        assert_eq!(cost.activation_bytes, 4 * (4 * 64 + 1 + scratch));
    }

    #[test]
    fn a_transposed_convolution_by_hand() {
        let cost = cost(
            r#"{"name":"signal","shape":[2,3],"dtype":"f32"}"#,
            r#"{"name":"last","op":"conv_transpose1d","inputs":["signal"],"channels":4,"kernel":[5],
                "stride":[2],"padding":[0],"output_padding":[0],"dilation":[1],"groups":1,"bias":false}"#,
        );
        // 9 places: 2 steps of 2, and 5. Each element of the kernel has at most 5 of them.
        assert_eq!(cost.macs_per_sample, 2 * 5 * 4 * 5 + 8 * 4 * 9);
        // The input in order, its windows unrolled, 8 channels of it, and of the result thrice.
        let scratch = 6 + 3 * 4 * 5 + 8 * 3 + 3 * 8 * 9;
        assert_eq!(cost.activation_bytes, 4 * (6 + 36 + scratch + 64 * 5));
    }

    /// The reference engine computes all places of a phase with all of its elements, so a kernel
    /// that is longer than the input costs much more than its elements times the input's.
    #[test]
    fn a_long_transposed_kernel_costs_what_its_places_do() {
        let cost = cost(
            r#"{"name":"signal","shape":[1,2],"dtype":"f32"}"#,
            r#"{"name":"last","op":"conv_transpose1d","inputs":["signal"],"channels":1,
                "kernel":[8192],"stride":[4],"padding":[0],"output_padding":[0],"dilation":[1],
                "groups":1,"bias":false}"#,
        );
        // 4 + 8192 places, 2049 for each element of the kernel.
        assert_eq!(cost.macs_per_sample, 2049 * 8192 + 8 * 8196);
    }

    /// The records of each step count, though its numbers be few.
    #[test]
    fn a_recurrent_layer_by_hand() {
        let cost = cost(
            r#"{"name":"x","shape":[5,3],"dtype":"f32"}"#,
            r#"{"name":"last","op":"gru","inputs":["x"],"units":2,"bias":true,
                "direction":"both","returns":"sequence"}"#,
        );
        let rows = 3 * 2 * 2;
        assert_eq!(cost.macs_per_sample, 5 * rows * (3 + 2 + 64));
        let scratch = 3 * (5 * 3) + 2 * 5 * rows + 5 * 2 * 512;
        assert_eq!(cost.activation_bytes, 4 * (5 * 3 + 5 * 4 + scratch));
    }

    #[test]
    fn pools_and_sums_by_hand() {
        let input = r#"{"name":"signal","shape":[2,8],"dtype":"f32"}"#;
        let pool = |padding: &str| {
            let node = format!(
                r#"{{"name":"last","op":"max_pool1d","inputs":["signal"],"kernel":[2],"stride":[2],"padding":[{padding}]}}"#
            );
            cost(input, &node)
        };
        let even = pool("[0,0]");
        assert_eq!(even.macs_per_sample, 2 * 4 * 2 * 8);
        assert_eq!(even.activation_bytes, 4 * (16 + 8 + 16 + 2 * 8));
        // 9 places with the margin, of which windows of 2 make 4.
        let uneven = pool("[0,1]");
        assert_eq!(uneven.macs_per_sample, 2 * 4 * 2 * 8 + 8 * (2 * 9));
        assert_eq!(uneven.activation_bytes, 4 * (16 + 8 + 16 + 2 * 8 + 2 * 9));

        let added = cost(
            input,
            r#"{"name":"last","op":"add","inputs":["signal","signal"]}"#,
        );
        assert_eq!(added.macs_per_sample, 2 * 16 * 8);
        assert_eq!(added.activation_bytes, 4 * (16 + 16 + 2 * 16));
        let mean =
            r#"{"name":"last","op":"mean","inputs":["signal"],"dims":[1],"keep_dims":false}"#;
        assert_eq!(cost(input, mean).activation_bytes, 4 * (16 + 2 + 2 * 2));
    }

    #[test]
    fn what_only_moves_costs_what_it_moves() {
        let input = r#"{"name":"signal","shape":[2,8],"dtype":"f32"}"#;
        for node in [
            r#"{"name":"last","op":"dropout","inputs":["signal"],"rate":0.5}"#,
            r#"{"name":"last","op":"reshape","inputs":["signal"],"shape":[16]}"#,
        ] {
            let cost = cost(input, node);
            assert_eq!(cost.macs_per_sample, 16 * 8);
            assert_eq!(cost.activation_bytes, 4 * (16 + 16));
        }
        let softsign = cost(
            input,
            r#"{"name":"last","op":"softsign","inputs":["signal"]}"#,
        );
        assert_eq!(softsign.activation_bytes, 4 * (16 + 16 + 2 * 16));
    }

    #[test]
    fn an_attention_by_hand() {
        let cost = cost(
            r#"{"name":"x","shape":[5,8],"dtype":"f32"}"#,
            r#"{"name":"last","op":"multi_head_attention","inputs":["x","x","x"],"heads":2,
                "key_value_heads":1,"head_size":4,"units":8,"bias":false,"output_bias":false,
                "causal":true,"rotary":null}"#,
        );
        let projections = 5 * 8 * 8 + 2 * (5 * 8 * 4) + 5 * 8 * 8;
        let scores = 2 * 5 * 5;
        assert_eq!(cost.macs_per_sample, projections + scores * (2 * 4 + 64));
        assert_eq!(cost.parameters, 8 * 8 + 4 * 8 + 4 * 8 + 8 * 8);
    }

    #[test]
    fn an_absurd_architecture_costs_more_than_any_limit() {
        let linear = |index: usize| {
            let source = match index {
                0 => "input".to_owned(),
                _ => format!("n{}", index - 1),
            };
            let name = if index == 4095 {
                "last".to_owned()
            } else {
                format!("n{index}")
            };
            format!(
                r#"{{"name":"{name}","op":"linear","inputs":["{source}"],"units":16777216,"bias":false}}"#
            )
        };
        let nodes: Vec<_> = (0..4096).map(linear).collect();
        let cost = cost(
            r#"{"name":"input","shape":[16777216],"dtype":"f32"}"#,
            &nodes.join(","),
        );
        assert_eq!(cost.parameters, 1 << 60);
        assert_eq!(cost.parameter_bytes, 1 << 62);
        assert_eq!(cost.macs_per_sample, 1 << 60);
        // Input and result, and the input in order.
        assert_eq!(cost.activation_bytes, (4 * 3) << 24);
    }
}
