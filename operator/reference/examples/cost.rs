//! Prints what the reference engine takes for 10⁹ multiply-adds, as `zarathustra_model::cost`
//! counts them, of the operations that most models spend their time in, and of the dearest ones:
//! those that do the least between two elements.
//!
//!     cargo run --release --package zarathustra-reference --example cost

#[path = "../tests/common/operation.rs"]
mod operation;
#[path = "../tests/common/tensors.rs"]
mod tensors;

use std::time::{Duration, Instant};

use zarathustra_model::{
    architecture::{Architecture, ParameterSpec},
    cost::Cost,
};
use zarathustra_reference::{Model, Values};

use operation::operation;
use tensors::tensors;

/// How long an operation is measured at least.
const WHILE: Duration = Duration::from_millis(500);

/// Shape of the input, and operation.
fn operations() -> Vec<(&'static str, String)> {
    let text = str::to_owned;
    vec![
        ("[1024]", linear(1024)),
        ("[64,256]", linear(256)),
        ("[64,14,14]", conv2d(3, 64, 1)),
        ("[128,7,7]", conv2d(3, 128, 1)),
        ("[128,28,28]", conv2d(3, 128, 128)),
        ("[64,7,7]", text(CONV_TRANSPOSE_2D)),
        ("[64,128]", attention(4, 32, 128, false)),
        ("[128,64]", attention(4, 16, 64, true)),
        ("[32,128]", recurrent("lstm", 128)),
        ("[8192]", text(r#""op":"gelu","approximate":false"#)),
        ("[8192]", text(r#""op":"softmax","dim":0"#)),
        ("[8192]", text(r#""op":"tanh""#)),
        ("[8192]", text(r#""op":"mish""#)),
        ("[64,512]", text(LAYER_NORM)),
        ("[8192]", text(r#""op":"relu""#)),
        ("[256,256]", text(r#""op":"transpose","order":[1,0]"#)),
        ("[8192]", text(ADD)),
        ("[8192,1]", linear(1)),
        ("[1024,64]", linear(1)),
        ("[16,64,64]", conv2d(1, 16, 16)),
        ("[8192,1,1]", conv2d(1, 8192, 8192)),
        ("[16,64,64]", text(MAX_POOL_2D)),
        ("[256,1]", attention(64, 1, 1, false)),
        ("[4096,1]", recurrent("gru", 1)),
        ("[1,1024]", text(CONV_TRANSPOSE_1D)),
    ]
}

const ADD: &str = r#""op":"add""#;
const CONV_TRANSPOSE_1D: &str = r#""op":"conv_transpose1d","channels":1,"kernel":[1],"stride":[64],
    "padding":[0],"output_padding":[63],"dilation":[1],"groups":1,"bias":true"#;
const CONV_TRANSPOSE_2D: &str = r#""op":"conv_transpose2d","channels":64,"kernel":[4,4],
    "stride":[2,2],"padding":[1,1],"output_padding":[0,0],"dilation":[1,1],"groups":1,"bias":false"#;
const LAYER_NORM: &str = r#""op":"layer_norm","dims":1,"epsilon":1e-5,"weight":true,"bias":true"#;
const MAX_POOL_2D: &str =
    r#""op":"max_pool2d","kernel":[2,2],"stride":[2,2],"padding":[[0,0],[0,0]]"#;

fn linear(units: u64) -> String {
    format!(r#""op":"linear","units":{units},"bias":true"#)
}

/// Keeps the size of the image.
fn conv2d(kernel: u64, channels: u64, groups: u64) -> String {
    let margin = (kernel - 1) / 2;
    format!(
        r#""op":"conv2d","channels":{channels},"kernel":[{kernel},{kernel}],"stride":[1,1],
            "padding":[[{margin},{margin}],[{margin},{margin}]],"dilation":[1,1],
            "groups":{groups},"bias":false"#
    )
}

fn attention(heads: u64, head_size: u64, units: u64, causal: bool) -> String {
    format!(
        r#""op":"multi_head_attention","heads":{heads},"key_value_heads":{heads},
            "head_size":{head_size},"units":{units},"bias":true,"output_bias":true,
            "causal":{causal},"rotary":null"#
    )
}

fn recurrent(op: &str, units: u64) -> String {
    format!(r#""op":"{op}","units":{units},"bias":true,"direction":"forward","returns":"sequence""#)
}

fn main() {
    for (shape, op) in operations() {
        // Query, key and value; two terms.
        let sources = match op.as_str() {
            op if op.starts_with(r#""op":"multi_head_attention""#) => 3,
            ADD => 2,
            _ => 1,
        };
        let architecture = operation(shape, "f32", sources, &op);
        let macs = Cost::of(&architecture).macs_per_sample;
        let seconds = seconds_per_row(&architecture);
        let op: String = op.split_whitespace().collect();
        println!(
            "{:6.3} s per 10^9, {shape}, {op}",
            seconds * 1e9 / macs as f64
        );
    }
}

fn seconds_per_row(architecture: &Architecture) -> f64 {
    let number = |i: usize| (i * 7919 % 2003) as f32 / 1000.0 - 1.0;
    let specs = architecture.parameters();
    let elements = |spec: &ParameterSpec| (0..spec.elements() as usize).map(number);
    let bytes: Vec<Vec<u8>> = specs
        .iter()
        .map(|spec| elements(spec).flat_map(f32::to_le_bytes).collect())
        .collect();
    let model =
        Model::new(architecture, &tensors(architecture, &bytes)).expect("the parameters fit");
    let size = architecture.inputs()[0].shape.iter().product::<u64>();
    let input: Vec<f32> = (0..size as usize).map(number).collect();
    let row = || {
        model
            .forward(&[Values::F32(&input)], 1)
            .expect("the input fits")
    };
    // The shortest time, since other programs can only add to it; a row is short enough to pass
    // between two of them.
    let start = Instant::now();
    let mut shortest = Duration::MAX;
    while start.elapsed() < WHILE {
        let start = Instant::now();
        row();
        shortest = shortest.min(start.elapsed());
    }
    shortest.as_secs_f64()
}
