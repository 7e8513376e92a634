//! Architectures of one operation each, of any size.

use std::fmt::Write as _;

/// An architecture of one operation.
pub struct Case {
    pub label: &'static str,
    pub size: u64,
    build: fn(u64) -> Net,
}

/// What an operation is fed, and its attributes as JSON.
pub struct Net {
    shapes: Vec<Vec<u64>>,
    dtype: &'static str,
    /// Which input stands at each place.
    fed: Vec<usize>,
    attributes: String,
    /// All nodes, where there is more than the operation.
    nodes: Option<String>,
}

/// Elements of a mebibyte.
///
/// Inputs are such that libtorch chooses the same way for models of a quarter of the size: from
/// 20,480 elements on, convolutions are oneDNN's.
const M: u64 = 1 << 18;

impl Case {
    /// The architecture at this size, as JSON. Behind a transposition, if so: what feeds the
    /// operation is then not in the order of memory. `None` where that makes no difference.
    pub fn architecture(&self, op: &str, size: u64, transposed: bool) -> Option<String> {
        let net = (self.build)(size);
        let mut inputs = Vec::new();
        let mut nodes = String::new();
        for (index, shape) in net.shapes.iter().enumerate() {
            let mut shape = shape.clone();
            if transposed {
                if shape.len() < 2 || net.dtype != "f32" || net.nodes.is_some() {
                    return None;
                }
                let order: Vec<_> = (0..shape.len()).rev().collect();
                write!(
                    nodes,
                    r#"{{"name":"t{index}","op":"transpose","inputs":["x{index}"],"order":{order:?}}},"#
                )
                .expect("text");
                shape.reverse();
            }
            let dtype = net.dtype;
            inputs.push(format!(
                r#"{{"name":"x{index}","shape":{shape:?},"dtype":"{dtype}"}}"#
            ));
        }
        let source = if transposed { 't' } else { 'x' };
        let fed: Vec<_> = net
            .fed
            .iter()
            .map(|i| format!(r#""{source}{i}""#))
            .collect();
        match &net.nodes {
            Some(all) => nodes.push_str(all),
            None => {
                let comma = if net.attributes.is_empty() { "" } else { "," };
                write!(
                    nodes,
                    r#"{{"name":"last","op":"{op}","inputs":[{}]{comma}{}}}"#,
                    fed.join(","),
                    net.attributes
                )
                .expect("text");
            }
        }
        Some(format!(
            r#"{{"version":2,"inputs":[{}],"nodes":[{nodes}],"output":"last"}}"#,
            inputs.join(",")
        ))
    }
}

fn case(label: &'static str, size: u64, build: fn(u64) -> Net) -> Case {
    Case { label, size, build }
}

/// An operation of one input.
fn net(shape: &[u64], attributes: impl Into<String>) -> Net {
    Net {
        shapes: vec![shape.to_vec()],
        dtype: "f32",
        fed: vec![0],
        attributes: attributes.into(),
        nodes: None,
    }
}

/// An operation of several inputs.
fn joined(shapes: &[&[u64]], fed: &[usize], attributes: impl Into<String>) -> Net {
    Net {
        shapes: shapes.iter().map(|shape| shape.to_vec()).collect(),
        fed: fed.to_vec(),
        ..net(&[], attributes)
    }
}

struct Conv {
    channels: u64,
    kernel: Vec<u64>,
    stride: u64,
    padding: [u64; 2],
    dilation: u64,
    groups: u64,
}

impl Conv {
    fn new(channels: u64, kernel: &[u64]) -> Self {
        Self {
            channels,
            kernel: kernel.to_vec(),
            stride: 1,
            padding: [0, 0],
            dilation: 1,
            groups: 1,
        }
    }

    fn direct(&self) -> String {
        let Self {
            channels,
            kernel,
            groups,
            ..
        } = self;
        let rank = kernel.len();
        format!(
            r#""channels":{channels},"kernel":{kernel:?},"stride":{:?},"padding":{:?},"dilation":{:?},"groups":{groups},"bias":true"#,
            vec![self.stride; rank],
            vec![self.padding; rank],
            vec![self.dilation; rank],
        )
    }

    fn transposed(&self) -> String {
        let Self {
            channels,
            kernel,
            groups,
            ..
        } = self;
        let rank = kernel.len();
        format!(
            r#""channels":{channels},"kernel":{kernel:?},"stride":{:?},"padding":{:?},"output_padding":{:?},"dilation":{:?},"groups":{groups},"bias":true"#,
            vec![self.stride; rank],
            vec![self.padding[0]; rank],
            vec![0; rank],
            vec![self.dilation; rank],
        )
    }
}

fn pool(kernel: &[u64], stride: u64, padding: [u64; 2]) -> String {
    let rank = kernel.len();
    format!(
        r#""kernel":{kernel:?},"stride":{:?},"padding":{:?}"#,
        vec![stride; rank],
        vec![padding; rank]
    )
}

fn mean_pool(kernel: &[u64], stride: u64, padding: [u64; 2], count: bool) -> String {
    format!(
        r#"{},"count_padding":{count}"#,
        pool(kernel, stride, padding)
    )
}

fn reduce(dims: &str) -> String {
    format!(r#""dims":{dims},"keep_dims":false"#)
}

fn recurrent(units: u64, direction: &str, returns: &str) -> String {
    format!(r#""units":{units},"bias":true,"direction":"{direction}","returns":"{returns}""#)
}

fn plain(activation: &str, units: u64, direction: &str, returns: &str) -> String {
    let layer = recurrent(units, direction, returns);
    format!(r#""activation":"{activation}","layer":{{{layer}}}"#)
}

fn attention(heads: [u64; 2], head_size: u64, units: u64, causal: bool, rotary: &str) -> String {
    let [heads, shared] = heads;
    format!(
        r#""heads":{heads},"key_value_heads":{shared},"head_size":{head_size},"units":{units},"bias":true,"output_bias":true,"causal":{causal},"rotary":{rotary}"#
    )
}

fn block(norm_first: bool, causal: bool) -> String {
    format!(
        r#""heads":4,"feed_forward":256,"activation":"gelu","norm_first":{norm_first},"epsilon":1e-5,"causal":{causal},"rotary":null"#
    )
}

const ROTARY: &str = r#"{"base":10000.0,"size":16,"interleaved":false}"#;
const INTERLEAVED: &str = r#"{"base":10000.0,"size":8,"interleaved":true}"#;

/// Shapes that differ in what an engine makes of them. An operation without a case fails.
#[allow(clippy::too_many_lines, reason = "a table")]
pub fn cases(op: &str) -> Vec<Case> {
    match op {
        "linear" => vec![
            case("1 to 1", 4 * M, |n| {
                net(&[n, 1], r#""units":1,"bias":true"#)
            }),
            case("64 to 64", 4 * M, |n| {
                net(&[n / 64, 64], r#""units":64,"bias":true"#)
            }),
            case("512 to 8", 5 * M, |n| {
                net(&[n / 512, 512], r#""units":8,"bias":true"#)
            }),
            case("8 to 512", 5 * M, |n| {
                net(&[n / 512, 8], r#""units":512,"bias":true"#)
            }),
            case("256 to 4", 8 * M, |n| {
                net(&[n / 256, 256], r#""units":4,"bias":false"#)
            }),
        ],
        "conv1d" => vec![
            case("1 channel", 4 * M, |n| {
                net(&[1, n], Conv::new(1, &[3]).direct())
            }),
            case("kernel 1", 2 * M, |n| {
                net(&[8, n / 8], Conv::new(8, &[1]).direct())
            }),
            case("16 to 1, kernel 9", M, |n| {
                net(&[16, n / 16], Conv::new(1, &[9]).direct())
            }),
            case("1 to 16, kernel 9", 8 * M, |n| {
                net(&[1, n / 16], Conv::new(16, &[9]).direct())
            }),
            case("depthwise", M, |n| {
                let c = Conv {
                    groups: 8,
                    padding: [2, 2],
                    ..Conv::new(8, &[5])
                };
                net(&[8, n / 8], c.direct())
            }),
            case("unequal margins, stride 2", 2 * M, |n| {
                let c = Conv {
                    padding: [0, 3],
                    stride: 2,
                    ..Conv::new(4, &[4])
                };
                net(&[4, n / 4], c.direct())
            }),
            case("dilated", M, |n| {
                let c = Conv {
                    dilation: 16,
                    ..Conv::new(8, &[3])
                };
                net(&[8, n / 8], c.direct())
            }),
            case("one place", 4 * M, |n| {
                net(&[2, n / 2], Conv::new(1, &[n / 2]).direct())
            }),
        ],
        "conv2d" => vec![
            case("kernel 1", 4 * M, |n| {
                net(&[8, n / 2048, 256], Conv::new(8, &[1, 1]).direct())
            }),
            case("kernel 3", M, |n| {
                let c = Conv {
                    padding: [1, 1],
                    ..Conv::new(8, &[3, 3])
                };
                net(&[8, n / 2048, 256], c.direct())
            }),
            case("kernel 5", M / 2, |n| {
                let c = Conv {
                    padding: [2, 2],
                    ..Conv::new(8, &[5, 5])
                };
                net(&[8, n / 2048, 256], c.direct())
            }),
            case("kernel 5, 1 channel", 2 * M, |n| {
                let c = Conv {
                    padding: [2, 2],
                    ..Conv::new(1, &[5, 5])
                };
                net(&[1, n / 1024, 1024], c.direct())
            }),
            case("kernel 5, 8 to 1", M, |n| {
                let c = Conv {
                    padding: [2, 2],
                    ..Conv::new(1, &[5, 5])
                };
                net(&[8, n / 2048, 256], c.direct())
            }),
            case("kernel 5, 1 to 8, stride 4", 8 * M, |n| {
                let c = Conv {
                    stride: 4,
                    ..Conv::new(8, &[5, 5])
                };
                net(&[1, n / 1024, 1024], c.direct())
            }),
            case("kernel 7, 3 to 16, stride 2", M, |n| {
                let c = Conv {
                    stride: 2,
                    padding: [3, 3],
                    ..Conv::new(16, &[7, 7])
                };
                net(&[3, n / 1024, 256], c.direct())
            }),
            case("kernel 4 x 4, stride 4 (patches)", 4 * M, |n| {
                let c = Conv {
                    stride: 4,
                    ..Conv::new(12, &[4, 4])
                };
                net(&[4, n / 1024, 256], c.direct())
            }),
            case("depthwise 3", 2 * M, |n| {
                let c = Conv {
                    groups: 16,
                    padding: [1, 1],
                    ..Conv::new(16, &[3, 3])
                };
                net(&[16, n / 4096, 256], c.direct())
            }),
            case("depthwise 1", 4 * M, |n| {
                let c = Conv {
                    groups: 16,
                    ..Conv::new(16, &[1, 1])
                };
                net(&[16, n / 4096, 256], c.direct())
            }),
            case("3 groups of 1", 4 * M, |n| {
                let c = Conv {
                    groups: 3,
                    ..Conv::new(3, &[1, 1])
                };
                net(&[3, n / 1024, 256], c.direct())
            }),
            case("2 groups of 3", M, |n| {
                let c = Conv {
                    groups: 2,
                    padding: [1, 1],
                    ..Conv::new(6, &[3, 3])
                };
                net(&[6, n / 2048, 256], c.direct())
            }),
            case("8 groups, 1 to 3", 2 * M, |n| {
                let c = Conv {
                    groups: 8,
                    ..Conv::new(24, &[2, 2])
                };
                net(&[8, n / 4096, 256], c.direct())
            }),
            case("unequal margins", M, |n| {
                let c = Conv {
                    padding: [0, 1],
                    ..Conv::new(4, &[2, 2])
                };
                net(&[8, n / 2048, 256], c.direct())
            }),
            case("dilated", M, |n| {
                let c = Conv {
                    dilation: 3,
                    padding: [3, 3],
                    ..Conv::new(8, &[3, 3])
                };
                net(&[8, n / 2048, 256], c.direct())
            }),
            case("dilated 5", M / 2, |n| {
                let c = Conv {
                    dilation: 3,
                    padding: [6, 6],
                    ..Conv::new(8, &[5, 5])
                };
                net(&[8, n / 2048, 256], c.direct())
            }),
        ],
        "conv_transpose1d" => vec![
            case("kernel 4, stride 2", M, |n| {
                let c = Conv {
                    stride: 2,
                    padding: [1, 1],
                    ..Conv::new(8, &[4])
                };
                net(&[8, n / 8], c.transposed())
            }),
            case("1 channel", 4 * M, |n| {
                net(&[1, n], Conv::new(1, &[1]).transposed())
            }),
            case("kernel 1, stride 4", M / 2, |n| {
                let c = Conv {
                    stride: 4,
                    ..Conv::new(1, &[1])
                };
                net(&[1, n], c.transposed())
            }),
            case("a long kernel", 8 << 10, |n| {
                let c = Conv {
                    stride: 3,
                    ..Conv::new(1, &[n])
                };
                net(&[1, 2], c.transposed())
            }),
        ],
        "conv_transpose2d" => vec![
            case("kernel 4, stride 2", M / 2, |n| {
                let c = Conv {
                    stride: 2,
                    padding: [1, 1],
                    ..Conv::new(8, &[4, 4])
                };
                net(&[8, n / 2048, 256], c.transposed())
            }),
            case("kernel 2, stride 2, 8 to 1", 2 * M, |n| {
                let c = Conv {
                    stride: 2,
                    ..Conv::new(1, &[2, 2])
                };
                net(&[8, n / 2048, 256], c.transposed())
            }),
            case("kernel 2, stride 2, 1 to 8", M / 2, |n| {
                let c = Conv {
                    stride: 2,
                    ..Conv::new(8, &[2, 2])
                };
                net(&[1, n / 256, 256], c.transposed())
            }),
            case("kernel 1", 4 * M, |n| {
                net(&[4, n / 1024, 256], Conv::new(4, &[1, 1]).transposed())
            }),
            case("kernel 5", M / 2, |n| {
                let c = Conv {
                    padding: [2, 2],
                    ..Conv::new(4, &[5, 5])
                };
                net(&[4, n / 1024, 256], c.transposed())
            }),
            case("4 groups", M, |n| {
                let c = Conv {
                    stride: 2,
                    groups: 4,
                    ..Conv::new(4, &[3, 3])
                };
                net(&[4, n / 1024, 256], c.transposed())
            }),
            case("dilated", M / 2, |n| {
                let c = Conv {
                    dilation: 4,
                    ..Conv::new(4, &[3, 3])
                };
                net(&[4, n / 1024, 256], c.transposed())
            }),
        ],
        "max_pool1d" => vec![
            case("kernel 2", 6 * M, |n| {
                net(&[4, n / 4], pool(&[2], 2, [0, 0]))
            }),
            case("kernel 3, overlapping", 3 * M, |n| {
                net(&[4, n / 4], pool(&[3], 1, [1, 1]))
            }),
            case("unequal margins", 3 * M, |n| {
                net(&[4, n / 4], pool(&[3], 2, [2, 0]))
            }),
        ],
        "max_pool2d" => vec![
            case("kernel 2", 6 * M, |n| {
                net(&[4, n / 1024, 256], pool(&[2, 2], 2, [0, 0]))
            }),
            case("kernel 1", 4 * M, |n| {
                net(&[4, n / 1024, 256], pool(&[1, 1], 1, [0, 0]))
            }),
            case("unequal margins", 4 * M, |n| {
                net(&[4, n / 1024, 256], pool(&[3, 3], 3, [0, 2]))
            }),
            case("margins of more than half", 3 * M, |n| {
                net(&[4, n / 1024, 256], pool(&[3, 3], 1, [2, 2]))
            }),
        ],
        "avg_pool1d" => vec![
            case("kernel 2", 6 * M, |n| {
                net(&[4, n / 4], mean_pool(&[2], 2, [0, 0], true))
            }),
            case("kernel 1", 4 * M, |n| {
                net(&[4, n / 4], mean_pool(&[1], 1, [0, 0], true))
            }),
            case("unequal margins", 3 * M, |n| {
                net(&[4, n / 4], mean_pool(&[3], 1, [2, 0], false))
            }),
            case("unequal margins, 1 channel", 3 * M, |n| {
                net(&[1, n], mean_pool(&[3], 1, [2, 0], false))
            }),
        ],
        "avg_pool2d" => vec![
            case("kernel 2", 6 * M, |n| {
                net(&[4, n / 1024, 256], mean_pool(&[2, 2], 2, [0, 0], true))
            }),
            case("unequal margins, counted", 3 * M, |n| {
                net(&[4, n / 1024, 256], mean_pool(&[3, 3], 1, [0, 2], true))
            }),
            case("unequal margins, not counted", 3 * M, |n| {
                net(&[1, n / 256, 256], mean_pool(&[2, 2], 1, [0, 1], false))
            }),
        ],
        "mean" | "max" => vec![
            case("of the last", 8 * M, |n| net(&[n / 64, 64], reduce("[1]"))),
            case("of the first", 8 * M, |n| net(&[64, n / 64], reduce("[0]"))),
            case("of the middle", 8 * M, |n| {
                net(&[16, 4, n / 64], reduce("[1]"))
            }),
            case("of all", 12 * M, |n| net(&[n / 64, 64], reduce("[0,1]"))),
            case("of one", 4 * M, |n| net(&[n, 1], reduce("[1]"))),
            case("of two", 6 * M, |n| net(&[n / 2, 2], reduce("[1]"))),
        ],
        "batch_norm" => vec![
            case("few channels", 6 * M, |n| {
                net(&[8, n / 8], r#""epsilon":1e-5,"affine":true"#)
            }),
            case("as many as elements", M, |n| {
                net(&[n], r#""epsilon":1e-5,"affine":true"#)
            }),
            case("plain, pairs", 3 * M, |n| {
                net(&[n / 2, 2], r#""epsilon":1e-5,"affine":false"#)
            }),
        ],
        "layer_norm" => {
            const TEXT: &str = r#""dims":1,"epsilon":1e-5,"weight":true,"bias":true"#;
            vec![
                case("of 64", 5 * M, |n| net(&[n / 64, 64], TEXT)),
                case("of 1", 3 * M, |n| net(&[n, 1], TEXT)),
                case("of 3, plain", 3 * M, |n| {
                    net(
                        &[n / 3, 3],
                        r#""dims":1,"epsilon":1e-5,"weight":false,"bias":false"#,
                    )
                }),
                case("of all", 2 * M, |n| net(&[n], TEXT)),
            ]
        }
        "group_norm" => vec![
            case("1 group", 5 * M, |n| {
                net(&[8, n / 8], r#""groups":1,"epsilon":1e-5,"affine":true"#)
            }),
            case("8 groups", 5 * M, |n| {
                net(&[8, n / 8], r#""groups":8,"epsilon":1e-5,"affine":false"#)
            }),
            case("many groups", 3 * M, |n| {
                net(
                    &[n / 2, 2],
                    format!(r#""groups":{},"epsilon":1e-5,"affine":true"#, n / 2),
                )
            }),
        ],
        "rms_norm" => vec![
            case("of 64", 5 * M, |n| {
                net(&[n / 64, 64], r#""dims":1,"epsilon":1e-5,"weight":true"#)
            }),
            case("of 1", 3 * M, |n| {
                net(&[n, 1], r#""dims":1,"epsilon":1e-5,"weight":true"#)
            }),
            case("of all, plain", 5 * M, |n| {
                net(&[n], r#""dims":1,"epsilon":1e-5,"weight":false"#)
            }),
        ],
        "embedding" => vec![
            case("of 1", 6 * M, |n| Net {
                dtype: "i32",
                ..net(&[n], r#""entries":16,"size":1"#)
            }),
            case("of 16", 12 * M, |n| Net {
                dtype: "i32",
                ..net(&[n / 16], r#""entries":16,"size":16"#)
            }),
        ],
        "rnn" => vec![
            case("1 unit", 8 << 10, |n| {
                net(&[n, 1], plain("tanh", 1, "forward", "sequence"))
            }),
            case("16 units, both, last", 4 << 10, |n| {
                net(&[n, 16], plain("relu", 16, "both", "last"))
            }),
            case("wide input", 1 << 10, |n| {
                net(&[n, 2048], plain("tanh", 1, "backward", "sequence"))
            }),
        ],
        "lstm" => vec![
            case("1 unit", 8 << 10, |n| {
                net(&[n, 1], recurrent(1, "forward", "sequence"))
            }),
            case("1 unit, both", 4 << 10, |n| {
                net(&[n, 1], recurrent(1, "both", "sequence"))
            }),
            case("16 units, last", 8 << 10, |n| {
                net(&[n, 1], recurrent(16, "forward", "last"))
            }),
            case("64 units, backward", 2 << 10, |n| {
                net(&[n, 8], recurrent(64, "backward", "sequence"))
            }),
            case("wide input", 1 << 10, |n| {
                net(&[n, 2048], recurrent(1, "both", "last"))
            }),
        ],
        "gru" => vec![
            case("1 unit", 8 << 10, |n| {
                net(&[n, 1], recurrent(1, "forward", "sequence"))
            }),
            case("16 units, both", 4 << 10, |n| {
                net(&[n, 1], recurrent(16, "both", "sequence"))
            }),
            case("wide input", 1 << 10, |n| {
                net(&[n, 2048], recurrent(1, "backward", "last"))
            }),
        ],
        "multi_head_attention" => vec![
            case("4 heads of 16", 512, |n| {
                joined(
                    &[&[n, 64]],
                    &[0, 0, 0],
                    attention([4, 4], 16, 64, false, "null"),
                )
            }),
            case("4 heads of 16, causal", 512, |n| {
                joined(
                    &[&[n, 64]],
                    &[0, 0, 0],
                    attention([4, 4], 16, 64, true, "null"),
                )
            }),
            case("64 heads of 1", 512, |n| {
                joined(
                    &[&[n, 1]],
                    &[0, 0, 0],
                    attention([64, 64], 1, 1, false, "null"),
                )
            }),
            case("1 head of 1", 1 << 11, |n| {
                joined(
                    &[&[n, 1]],
                    &[0, 0, 0],
                    attention([1, 1], 1, 1, true, "null"),
                )
            }),
            case("many heads, few places", 32, |n| {
                joined(
                    &[&[n, 8]],
                    &[0, 0, 0],
                    attention([1024, 1024], 16, 4, false, "null"),
                )
            }),
            case("shared heads, rotary", 64, |n| {
                joined(
                    &[&[n, 8]],
                    &[0, 0, 0],
                    attention([1024, 2], 16, 8, true, ROTARY),
                )
            }),
            case("rotary, interleaved", 64, |n| {
                joined(
                    &[&[n, 8]],
                    &[0, 0, 0],
                    attention([1024, 1024], 16, 8, false, INTERLEAVED),
                )
            }),
            case("wide inputs", 64, |n| {
                joined(
                    &[&[n, 16384], &[n, 16384], &[n, 8192]],
                    &[0, 1, 2],
                    attention([1, 1], 8, 8, false, "null"),
                )
            }),
            case("wide result", 64, |n| {
                joined(
                    &[&[n, 8]],
                    &[0, 0, 0],
                    attention([1, 1], 8, 16384, false, "null"),
                )
            }),
            case("many queries", 1 << 16, |n| {
                joined(
                    &[&[n, 8], &[4, 8]],
                    &[0, 1, 1],
                    attention([2, 1], 4, 8, false, "null"),
                )
            }),
            case("many keys", 1 << 16, |n| {
                joined(
                    &[&[4, 8], &[n, 8]],
                    &[0, 1, 1],
                    attention([2, 1], 4, 8, false, ROTARY4),
                )
            }),
        ],
        "transformer_encoder" => vec![
            case("norm first", 512, |n| net(&[n, 64], block(true, true))),
            case("norm last", 512, |n| net(&[n, 64], block(false, false))),
        ],
        "transformer_decoder" => vec![case("norm first", 512, |n| {
            joined(&[&[n, 64], &[n / 2, 64]], &[0, 1], block(true, true))
        })],
        "learned_positions" => vec![case("64", 3 * M, |n| net(&[n / 64, 64], ""))],
        "relu" | "relu6" | "selu" | "silu" | "mish" | "sigmoid" | "hard_sigmoid" | "hard_silu"
        | "tanh" | "softplus" | "softsign" => {
            vec![case("64", 5 * M, |n| net(&[n / 64, 64], ""))]
        }
        "leaky_relu" => {
            vec![case("64", 5 * M, |n| {
                net(&[n / 64, 64], r#""negative_slope":0.1"#)
            })]
        }
        "prelu" => vec![
            case("one slope", 5 * M, |n| {
                net(&[n / 64, 64], r#""per_channel":false"#)
            }),
            case("a slope each", 2 * M, |n| {
                net(&[n], r#""per_channel":true"#)
            }),
        ],
        "elu" => vec![
            case("1", 5 * M, |n| net(&[n / 64, 64], r#""alpha":1.0"#)),
            case("0.5", 5 * M, |n| net(&[n / 64, 64], r#""alpha":0.5"#)),
        ],
        "gelu" => vec![
            case("exact", 5 * M, |n| {
                net(&[n / 64, 64], r#""approximate":false"#)
            }),
            case("by tanh", 5 * M, |n| {
                net(&[n / 64, 64], r#""approximate":true"#)
            }),
        ],
        "softmax" | "log_softmax" => vec![
            case("of 64", 5 * M, |n| net(&[n / 64, 64], r#""dim":1"#)),
            case("of all", 5 * M, |n| net(&[n], r#""dim":0"#)),
            case("of the first", 5 * M, |n| net(&[n / 64, 64], r#""dim":0"#)),
            case("of one", 5 * M, |n| net(&[n, 1], r#""dim":1"#)),
        ],
        "dropout" => vec![case("64", 8 * M, |n| net(&[n / 64, 64], r#""rate":0.5"#))],
        "reshape" => vec![case("64", 8 * M, |n| {
            net(&[n / 64, 64], format!(r#""shape":[{n}]"#))
        })],
        "transpose" => vec![
            case("2", 8 * M, |n| net(&[n / 64, 64], r#""order":[1,0]"#)),
            case("3", 8 * M, |n| net(&[n / 64, 8, 8], r#""order":[2,0,1]"#)),
        ],
        "concatenate" => vec![
            case("itself", 4 * M, |n| {
                joined(&[&[n / 64, 64]], &[0, 0], r#""dim":1"#)
            }),
            case("another", 4 * M, |n| {
                joined(&[&[n / 64, 64], &[n / 64, 64]], &[0, 1], r#""dim":0"#)
            }),
        ],
        "add" | "multiply" => vec![
            case("itself", 4 * M, |n| joined(&[&[n / 64, 64]], &[0, 0], "")),
            case("three", 3 * M, |n| {
                joined(
                    &[&[n / 64, 64], &[n / 64, 64], &[n / 64, 64]],
                    &[0, 1, 2],
                    "",
                )
            }),
            case("repeated", 5 * M, |n| {
                joined(&[&[n / 1024, 1], &[1, 1024]], &[0, 1], "")
            }),
            case("repeated step by step", 3 * M, |n| {
                joined(&[&[n / 256, 1], &[n / 256, 256], &[1, 256]], &[0, 1, 2], "")
            }),
        ],
        "scale" => vec![case("64", 8 * M, |n| {
            net(&[n / 64, 64], r#""factor":2.0,"offset":1.0"#)
        })],
        "slice" => vec![
            case("half of the first", 10 * M, |n| {
                net(
                    &[n / 64, 64],
                    format!(r#""dim":0,"start":0,"length":{}"#, n / 128),
                )
            }),
            case("half of the last", 10 * M, |n| {
                net(&[n / 64, 64], r#""dim":1,"start":16,"length":32"#)
            }),
            // Each of them is a part of a value of its own, which is so large that the C library
            // gives it back.
            case("one of each", 33 * M, |n| Net {
                nodes: Some(slices()),
                ..net(&[n / 64, 64], "")
            }),
        ],
        "pad" => vec![
            case("around", 8 * M, |n| {
                net(&[n / 64, 64], r#""padding":[[1,2],[3,4]]"#)
            }),
            case("far", 12 * M, |n| {
                net(&[1], format!(r#""padding":[[{},{}]]"#, n / 2, n / 2))
            }),
        ],
        other => panic!("the operation {other} has no case"),
    }
}

const ROTARY4: &str = r#"{"base":10000.0,"size":4,"interleaved":true}"#;

/// Eight values, of each of which one row is kept until all are joined.
fn slices() -> String {
    let mut nodes = String::new();
    let mut kept = Vec::new();
    for index in 0..8 {
        write!(
            nodes,
            r#"{{"name":"v{index}","op":"scale","inputs":["x0"],"factor":2.0,"offset":{index}.0}},
                {{"name":"s{index}","op":"slice","inputs":["v{index}"],"dim":0,"start":0,"length":1}},"#
        )
        .expect("text");
        kept.push(format!(r#""s{index}""#));
    }
    write!(
        nodes,
        r#"{{"name":"last","op":"concatenate","inputs":[{}],"dim":0}}"#,
        kept.join(",")
    )
    .expect("text");
    nodes
}
