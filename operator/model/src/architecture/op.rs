//! The operations of an architecture. Their doc comments are the normative description and reach
//! the published JSON Schema.
//!
//! Shapes are those of one row; the rows come in front of them and are never named. Dimensions
//! are counted from 0 behind the rows. The layout is PyTorch's: channels first for images
//! `[channels, height, width]` and signals `[channels, length]`, time first for sequences
//! `[time, features]`. Parameters are 32-bit floats under `node name.suffix`, in the order in
//! which the comments list them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A convolution over the one (`conv1d`) or two (`conv2d`) dimensions behind the channels.
///
/// Cross-correlation as PyTorch's `conv1d` and `conv2d`, with zeros around the input. Each list
/// has one entry for each spatial dimension. Parameters: `weight`
/// `[channels, input channels / groups, kernel…]`, and `bias` `[channels]` if there is one. The
/// result has `floor((size + before + after − dilation·(kernel − 1) − 1) / stride) + 1` places.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Convolution {
    /// Channels of the result; a multiple of `groups`.
    pub channels: u64,
    /// Size of the kernel.
    pub kernel: Vec<u64>,
    /// Step between places.
    pub stride: Vec<u64>,
    /// Zeros in front of and behind each dimension.
    pub padding: Vec<[u64; 2]>,
    /// Distance between the kernel's elements.
    pub dilation: Vec<u64>,
    /// Groups of channels that do not see each other.
    pub groups: u64,
    /// Whether a bias is added.
    pub bias: bool,
}

/// A transposed convolution over the one or two dimensions behind the channels, as PyTorch's
/// `conv_transpose1d` and `conv_transpose2d`.
///
/// Parameters: `weight` `[input channels, channels / groups, kernel…]`, and `bias` `[channels]`
/// if there is one. The result has
/// `(size − 1)·stride − 2·padding + dilation·(kernel − 1) + output_padding + 1` places.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TransposedConvolution {
    /// Channels of the result; a multiple of `groups`.
    pub channels: u64,
    /// Size of the kernel.
    pub kernel: Vec<u64>,
    /// Step between places of the result.
    pub stride: Vec<u64>,
    /// Places that are left out at both ends.
    pub padding: Vec<u64>,
    /// Places that are added at the far end; less than stride or dilation.
    pub output_padding: Vec<u64>,
    /// Distance between the kernel's elements.
    pub dilation: Vec<u64>,
    /// Groups of channels that do not see each other.
    pub groups: u64,
    /// Whether a bias is added.
    pub bias: bool,
}

/// The largest element of each window; what lies outside never wins.
///
/// The result has `floor((size + before + after − kernel) / stride) + 1` places.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MaxPool {
    /// Size of the window.
    pub kernel: Vec<u64>,
    /// Step between windows.
    pub stride: Vec<u64>,
    /// How far windows reach out at each end; less than the kernel.
    pub padding: Vec<[u64; 2]>,
}

/// The mean of each window.
///
/// The result has `floor((size + before + after − kernel) / stride) + 1` places.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AvgPool {
    /// Size of the window.
    pub kernel: Vec<u64>,
    /// Step between windows.
    pub stride: Vec<u64>,
    /// How far windows reach out at each end; less than the kernel.
    pub padding: Vec<[u64; 2]>,
    /// Whether places outside count, as zeros.
    pub count_padding: bool,
}

/// In which direction a recurrent layer reads its sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From the first element on.
    Forward,
    /// From the last element on; results stand at the place of their element.
    Backward,
    /// Both, by separate parameters; the results of forward come first.
    Both,
}

/// What a recurrent layer answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Returns {
    /// The hidden state at each element: `[time, units]`, or `[time, 2·units]` for both directions.
    Sequence,
    /// The hidden state after the whole sequence: `[units]`, or `[2·units]` for both directions.
    Last,
}

/// A recurrent layer over `[time, features]` that begins with zeros.
///
/// Parameters, with `g` 1 for `rnn`, 3 for `gru`, 4 for `lstm`: `weight_ih`
/// `[g·units, features]`, `weight_hh` `[g·units, units]` and, if there is a bias, `bias_ih` and
/// `bias_hh` `[g·units]`; then the same with the suffix `_reverse` if the direction is `both`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recurrent {
    /// Size of the hidden state.
    pub units: u64,
    /// Whether biases are added.
    pub bias: bool,
    /// In which direction the sequence is read.
    pub direction: Direction,
    /// What is answered.
    pub returns: Returns,
}

/// Rotary position embedding (Su et al. 2021) of queries and keys, positions from 0.
///
/// The first `size` features of a head are rotated in pairs: pair `i` of `size / 2` at position
/// `p` by the angle `p · base^(−2i/size)`, `(a, b) → (a·cos − b·sin, b·cos + a·sin)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rotary {
    /// The base of the angles, commonly 10000; at least 1.
    pub base: f64,
    /// How many features of a head are rotated: even, at most the size of a head.
    pub size: u64,
    /// Whether a pair is `(2i, 2i + 1)`; else it is `(i, i + size / 2)`.
    pub interleaved: bool,
}

/// Scaled dot-product attention with several heads (Vaswani et al. 2017).
///
/// Three inputs: query `[t, dq]`, key `[s, dk]`, value `[s, dv]`; the result is `[t, units]`. Each
/// is projected; head `h` of `heads` takes key and value head
/// `floor(h · key_value_heads / heads)`; scores are divided by `sqrt(head_size)`. Parameters:
/// `query.weight` `[heads·head_size, dq]`, `query.bias`, `key.weight`
/// `[key_value_heads·head_size, dk]`, `key.bias`, `value.weight`
/// `[key_value_heads·head_size, dv]`, `value.bias`, `output.weight` `[units, heads·head_size]`,
/// `output.bias`; the first three biases if `bias`, the last if `output_bias`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Attention {
    /// Heads of the query.
    pub heads: u64,
    /// Heads of key and value, which divide `heads`.
    pub key_value_heads: u64,
    /// Features of a head.
    pub head_size: u64,
    /// Features of the result.
    pub units: u64,
    /// Whether the projections of query, key and value have biases.
    pub bias: bool,
    /// Whether the last projection has a bias.
    pub output_bias: bool,
    /// Whether place `i` sees no place behind `i`; then `t = s`.
    pub causal: bool,
    /// Rotation of queries and keys, if any.
    pub rotary: Option<Rotary>,
}

/// The activation inside a transformer block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BlockActivation {
    /// `relu`.
    Relu,
    /// `gelu`, exact.
    Gelu,
    /// `gelu`, approximated by tanh.
    GeluTanh,
}

/// A block of a transformer as PyTorch's `TransformerEncoderLayer` (one input `[time, features]`)
/// or `TransformerDecoderLayer` (a second input, the memory `[time, features]`).
///
/// It stands for nodes of the other kinds. `x` being the input, an encoder block computes
/// `y = x + attention(norm_1(x))` and `y + linear_2(activation(linear_1(norm_2(y))))` if
/// `norm_first`, else `y = norm_1(x + attention(x))` and
/// `norm_2(y + linear_2(activation(linear_1(y))))`; a decoder block has the attention to the
/// memory between the two, and a third norm. The memory is neither normalised nor rotated nor
/// masked. Parameters, each prefix with those of its kind and in the order of the computation:
/// `self_attention`, for a decoder `cross_attention`, `linear_1` and `linear_2`, and the norms, each
/// in front of its part if `norm_first`, else behind it. All have biases.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Block {
    /// Heads of the attentions; they divide the features.
    pub heads: u64,
    /// Features between the two linear layers.
    pub feed_forward: u64,
    /// What is between the two linear layers.
    pub activation: BlockActivation,
    /// Whether norms come before the parts, instead of behind the sums.
    pub norm_first: bool,
    /// Of the norms.
    pub epsilon: f64,
    /// Whether place `i` sees no place behind `i` in the self-attention.
    pub causal: bool,
    /// Rotation of queries and keys of the self-attention, if any.
    pub rotary: Option<Rotary>,
}

/// The activation of a plain recurrent layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RnnActivation {
    /// Hyperbolic tangent.
    Tanh,
    /// `max(x, 0)`.
    Relu,
}

/// What a node computes.
///
/// Operations take one input and keep its shape unless they say otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub enum Op {
    /// `x · weightᵀ + bias` over the last dimension, which becomes `units`. Parameters: `weight`
    /// `[units, size of the last dimension]`, and `bias` `[units]` if there is one.
    Linear {
        /// Size of the last dimension of the result.
        units: u64,
        /// Whether a bias is added.
        bias: bool,
    },
    /// Convolution of `[channels, length]`.
    Conv1d(Convolution),
    /// Convolution of `[channels, height, width]`.
    Conv2d(Convolution),
    /// Transposed convolution of `[channels, length]`.
    ConvTranspose1d(TransposedConvolution),
    /// Transposed convolution of `[channels, height, width]`.
    ConvTranspose2d(TransposedConvolution),
    /// Maximum of windows of `[channels, length]`.
    MaxPool1d(MaxPool),
    /// Maximum of windows of `[channels, height, width]`.
    MaxPool2d(MaxPool),
    /// Mean of windows of `[channels, length]`.
    AvgPool1d(AvgPool),
    /// Mean of windows of `[channels, height, width]`.
    AvgPool2d(AvgPool),
    /// Mean over some dimensions, as global pooling. The result without dimensions is `[1]`.
    Mean {
        /// Which dimensions, ascending.
        dims: Vec<u64>,
        /// Whether they stay, with size 1.
        keep_dims: bool,
    },
    /// Maximum over some dimensions, as global pooling. The result without dimensions is `[1]`.
    Max {
        /// Which dimensions, ascending.
        dims: Vec<u64>,
        /// Whether they stay, with size 1.
        keep_dims: bool,
    },
    /// `(x − running_mean) / sqrt(running_var + epsilon) · weight + bias` for each element of
    /// dimension 0. Parameters, of that size each: `weight` and `bias` if `affine`, then
    /// `running_mean` and `running_var`.
    BatchNorm {
        /// Added to the variance.
        epsilon: f64,
        /// Whether the result is scaled and moved.
        affine: bool,
    },
    /// `(x − mean) / sqrt(variance + epsilon) · weight + bias` over the last `dims` dimensions,
    /// with the variance of all elements (divided by their number). Parameters, of the shape of
    /// these dimensions: `weight` and `bias`, if there are.
    LayerNorm {
        /// How many of the last dimensions.
        dims: u64,
        /// Added to the variance.
        epsilon: f64,
        /// Whether the result is scaled.
        weight: bool,
        /// Whether the result is moved; only with `weight`.
        bias: bool,
    },
    /// As `layer_norm`, over each of `groups` groups of dimension 0 with all further dimensions.
    /// Parameters, of the size of dimension 0: `weight` and `bias` if `affine`.
    GroupNorm {
        /// Number of groups, which divides dimension 0.
        groups: u64,
        /// Added to the variance.
        epsilon: f64,
        /// Whether the result is scaled and moved.
        affine: bool,
    },
    /// `x / sqrt(mean of squares + epsilon) · weight` over the last `dims` dimensions. Parameter,
    /// of the shape of these dimensions: `weight`, if there is one.
    RmsNorm {
        /// How many of the last dimensions.
        dims: u64,
        /// Added to the mean of squares.
        epsilon: f64,
        /// Whether the result is scaled.
        weight: bool,
    },
    /// The row of a table for each integer of an `i32` input of the model, `[…] → […, size]`.
    /// Parameter: `weight` `[entries, size]`.
    Embedding {
        /// Number of rows of the table; integers are from 0 to `entries − 1`.
        entries: u64,
        /// Size of a row of the table.
        size: u64,
    },
    /// `h' = activation(W_ih·x + b_ih + W_hh·h + b_hh)`.
    Rnn {
        /// The activation.
        activation: RnnActivation,
        /// As for all recurrent layers.
        layer: Recurrent,
    },
    /// `c' = σ(f)·c + σ(i)·tanh(g)`, `h' = σ(o)·tanh(c')`, where `i`, `f`, `g`, `o` in this order
    /// are the quarters of `W_ih·x + b_ih + W_hh·h + b_hh`.
    Lstm(Recurrent),
    /// `h' = (1 − z)·n + z·h` with `r = σ(W_ir·x + b_ir + W_hr·h + b_hr)`,
    /// `z = σ(W_iz·x + b_iz + W_hz·h + b_hz)`, `n = tanh(W_in·x + b_in + r·(W_hn·h + b_hn))`; the
    /// thirds of the parameters are `r`, `z`, `n` in this order.
    Gru(Recurrent),
    /// Attention; three inputs: query, key, value.
    MultiHeadAttention(Attention),
    /// A transformer's encoder block.
    TransformerEncoder(Block),
    /// A transformer's decoder block; two inputs: target and memory.
    TransformerDecoder(Block),
    /// `x + weight`. Parameter: `weight`, of the shape of x.
    LearnedPositions {},
    /// `max(x, 0)`.
    Relu {},
    /// `min(max(x, 0), 6)`.
    Relu6 {},
    /// `x` for positive x, else `negative_slope · x`.
    LeakyRelu {
        /// Slope for negative x.
        negative_slope: f32,
    },
    /// `x` for positive x, else `weight · x`. Parameter: `weight` `[1]`, or of the size of
    /// dimension 0 if `per_channel`.
    Prelu {
        /// Whether each element of dimension 0 has a slope of its own.
        per_channel: bool,
    },
    /// `x` for positive x, else `alpha · (eˣ − 1)`.
    Elu {
        /// Scale for negative x.
        alpha: f32,
    },
    /// Scaled ELU with the constants of Klambauer et al. 2017.
    Selu {},
    /// `x · Φ(x)`.
    Gelu {
        /// Whether Φ is approximated by tanh.
        approximate: bool,
    },
    /// `x · sigmoid(x)`, also called swish.
    Silu {},
    /// `x · tanh(softplus(x))`.
    Mish {},
    /// `1 / (1 + e⁻ˣ)`.
    Sigmoid {},
    /// `min(max(x + 3, 0), 6) / 6`.
    HardSigmoid {},
    /// `x · hard_sigmoid(x)`, also called hard swish.
    HardSilu {},
    /// Hyperbolic tangent.
    Tanh {},
    /// `ln(1 + eˣ)`.
    Softplus {},
    /// `x / (1 + |x|)`.
    Softsign {},
    /// `eˣ` divided by the sum over a dimension.
    Softmax {
        /// Which dimension.
        dim: u64,
    },
    /// The logarithm of `softmax`.
    LogSoftmax {
        /// Which dimension.
        dim: u64,
    },
    /// Nothing: models are evaluated, not trained.
    Dropout {
        /// The rate in training, from 0 to 1; without effect.
        rate: f32,
    },
    /// The same elements in row-major order under another shape.
    Reshape {
        /// The new shape; as many elements as before.
        shape: Vec<u64>,
    },
    /// Dimensions in another order.
    Transpose {
        /// Which dimension of the input stands at each place of the result.
        order: Vec<u64>,
    },
    /// Inputs one behind the other along a dimension; at least two, equal in all others.
    Concatenate {
        /// Which dimension.
        dim: u64,
    },
    /// Sum of at least two inputs of equal rank; dimensions of size 1 are repeated.
    Add {},
    /// Product of at least two inputs of equal rank; dimensions of size 1 are repeated.
    Multiply {},
    /// `x · factor + offset`.
    Scale {
        /// The factor.
        factor: f32,
        /// The offset.
        offset: f32,
    },
    /// Part of a dimension.
    Slice {
        /// Which dimension.
        dim: u64,
        /// Its first element that stays.
        start: u64,
        /// How many stay.
        length: u64,
    },
    /// Zeros around the input.
    Pad {
        /// Zeros in front of and behind each dimension.
        padding: Vec<[u64; 2]>,
    },
}

/// The pattern of the functions of single elements that have neither parameters nor numbers of
/// their own. A match that uses it stays exhaustive.
#[macro_export]
macro_rules! plain_function {
    () => {
        $crate::architecture::Op::Relu {}
            | $crate::architecture::Op::Relu6 {}
            | $crate::architecture::Op::Selu {}
            | $crate::architecture::Op::Gelu { .. }
            | $crate::architecture::Op::Silu {}
            | $crate::architecture::Op::Mish {}
            | $crate::architecture::Op::Sigmoid {}
            | $crate::architecture::Op::HardSigmoid {}
            | $crate::architecture::Op::HardSilu {}
            | $crate::architecture::Op::Tanh {}
            | $crate::architecture::Op::Softplus {}
            | $crate::architecture::Op::Softsign {}
    };
}

impl Op {
    /// The operation's name as the file spells it.
    pub fn name(&self) -> String {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::Object(fields)) => match fields.get("op") {
                Some(serde_json::Value::String(name)) => name.clone(),
                _ => String::new(),
            },
            _ => String::new(),
        }
    }
}
