//! Prints what the reference engine takes for 10⁹ multiply-adds, as `zarathustra_model::cost`
//! counts them, of the operations that most models spend their time in, and of the dearest ones:
//! those that do the least between two elements.
//!
//!     cargo run --release --package zarathustra-reference --example cost

use std::time::{Duration, Instant};

use zarathustra_model::{
    architecture::{Architecture, ParameterSpec},
    cost::Cost,
    safetensors::{Dtype, TensorView},
};
use zarathustra_reference::{Model, Values};

/// How long an operation is measured at least.
const WHILE: Duration = Duration::from_millis(500);

/// Name, shape of the input, operation and how often it is fed the input.
const OPERATIONS: &[(&str, &str, &str, usize)] = &[
    (
        "linear, one vector of 1024 to 1024",
        "[1024]",
        r#""op":"linear","units":1024,"bias":true"#,
        1,
    ),
    (
        "linear, 64 vectors of 256 to 256",
        "[64,256]",
        r#""op":"linear","units":256,"bias":true"#,
        1,
    ),
    (
        "conv2d, 3 x 3, 64 channels to 64, 14 x 14",
        "[64,14,14]",
        r#""op":"conv2d","channels":64,"kernel":[3,3],"stride":[1,1],
            "padding":[[1,1],[1,1]],"dilation":[1,1],"groups":1,"bias":false"#,
        1,
    ),
    (
        "conv2d, 3 x 3, 128 channels to 128, 7 x 7",
        "[128,7,7]",
        r#""op":"conv2d","channels":128,"kernel":[3,3],"stride":[1,1],
            "padding":[[1,1],[1,1]],"dilation":[1,1],"groups":1,"bias":false"#,
        1,
    ),
    (
        "conv2d, 3 x 3, depthwise, 128 channels, 28 x 28",
        "[128,28,28]",
        r#""op":"conv2d","channels":128,"kernel":[3,3],"stride":[1,1],
            "padding":[[1,1],[1,1]],"dilation":[1,1],"groups":128,"bias":false"#,
        1,
    ),
    (
        "conv_transpose2d, 4 x 4, stride 2, 64 channels to 64, 7 x 7",
        "[64,7,7]",
        r#""op":"conv_transpose2d","channels":64,"kernel":[4,4],"stride":[2,2],"padding":[1,1],
            "output_padding":[0,0],"dilation":[1,1],"groups":1,"bias":false"#,
        1,
    ),
    (
        "attention, 64 places, 4 heads of 32",
        "[64,128]",
        r#""op":"multi_head_attention","heads":4,"key_value_heads":4,"head_size":32,
            "units":128,"bias":true,"output_bias":true,"causal":false,"rotary":null"#,
        3,
    ),
    (
        "attention, causal, 128 places, 4 heads of 16",
        "[128,64]",
        r#""op":"multi_head_attention","heads":4,"key_value_heads":4,"head_size":16,
            "units":64,"bias":true,"output_bias":true,"causal":true,"rotary":null"#,
        3,
    ),
    (
        "lstm, 32 elements of 128, 128 units",
        "[32,128]",
        r#""op":"lstm","units":128,"bias":true,"direction":"forward","returns":"sequence""#,
        1,
    ),
    (
        "gelu, 8192 elements",
        "[8192]",
        r#""op":"gelu","approximate":false"#,
        1,
    ),
    (
        "softmax, 8192 elements",
        "[8192]",
        r#""op":"softmax","dim":0"#,
        1,
    ),
    ("tanh, 8192 elements", "[8192]", r#""op":"tanh""#, 1),
    ("mish, 8192 elements", "[8192]", r#""op":"mish""#, 1),
    (
        "layer norm, 64 vectors of 512",
        "[64,512]",
        r#""op":"layer_norm","dims":1,
        "epsilon":1e-5,"weight":true,"bias":true"#,
        1,
    ),
    ("relu, 8192 elements", "[8192]", r#""op":"relu""#, 1),
    (
        "transpose, 256 x 256",
        "[256,256]",
        r#""op":"transpose","order":[1,0]"#,
        1,
    ),
    (
        "add, 8192 elements to themselves",
        "[8192]",
        r#""op":"add""#,
        2,
    ),
    (
        "linear, 8192 vectors of 1 to 1",
        "[8192,1]",
        r#""op":"linear","units":1,"bias":true"#,
        1,
    ),
    (
        "linear, 1024 vectors of 64 to 1",
        "[1024,64]",
        r#""op":"linear","units":1,"bias":true"#,
        1,
    ),
    (
        "conv2d, 1 x 1, depthwise, 16 channels, 64 x 64",
        "[16,64,64]",
        r#""op":"conv2d","channels":16,"kernel":[1,1],"stride":[1,1],"padding":[[0,0],[0,0]],
            "dilation":[1,1],"groups":16,"bias":false"#,
        1,
    ),
    (
        "conv2d, 1 x 1, depthwise, 8192 channels, 1 x 1",
        "[8192,1,1]",
        r#""op":"conv2d","channels":8192,"kernel":[1,1],"stride":[1,1],"padding":[[0,0],[0,0]],
            "dilation":[1,1],"groups":8192,"bias":false"#,
        1,
    ),
    (
        "max_pool2d, 2 x 2, 16 channels, 64 x 64",
        "[16,64,64]",
        r#""op":"max_pool2d","kernel":[2,2],"stride":[2,2],"padding":[[0,0],[0,0]]"#,
        1,
    ),
    (
        "attention, 256 places, 64 heads of 1",
        "[256,1]",
        r#""op":"multi_head_attention","heads":64,"key_value_heads":64,"head_size":1,
            "units":1,"bias":true,"output_bias":true,"causal":false,"rotary":null"#,
        3,
    ),
    (
        "gru, 4096 elements of 1, 1 unit",
        "[4096,1]",
        r#""op":"gru","units":1,"bias":true,"direction":"forward","returns":"sequence""#,
        1,
    ),
    (
        "conv_transpose1d, kernel 1, stride 64, 1024 elements",
        "[1,1024]",
        r#""op":"conv_transpose1d","channels":1,"kernel":[1],"stride":[64],"padding":[0],
            "output_padding":[63],"dilation":[1],"groups":1,"bias":true"#,
        1,
    ),
];

fn main() {
    for (name, shape, op, sources) in OPERATIONS {
        let inputs = vec![r#""x""#; *sources].join(",");
        let text = format!(
            r#"{{"version":2,"inputs":[{{"name":"x","shape":{shape},"dtype":"f32"}}],
                "nodes":[{{"name":"y","inputs":[{inputs}],{op}}}],"output":"y"}}"#
        );
        let architecture = Architecture::from_json(text.as_bytes()).expect("an operation");
        let macs = Cost::of(&architecture).macs_per_sample;
        let seconds = seconds_per_row(&architecture);
        println!("{:6.3} s per 10^9, {name}", seconds * 1e9 / macs as f64);
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
    let tensors: Vec<_> = specs
        .iter()
        .zip(&bytes)
        .map(|(spec, data)| TensorView {
            name: spec.name.clone(),
            dtype: Dtype::F32,
            shape: spec.shape.clone(),
            data,
        })
        .collect();
    let model = Model::new(architecture, &tensors).expect("the parameters fit");
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
