//! Prints what the reference engine takes for 10⁹ multiply-adds, as `zarathustra_model::cost`
//! counts them, of the operations that most models spend their time in.
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
        "linear, 64 vectors of 512 to 512",
        "[64,512]",
        r#""op":"linear","units":512,"bias":true"#,
        1,
    ),
    (
        "conv2d, 3 x 3, 64 channels to 64, 56 x 56",
        "[64,56,56]",
        r#""op":"conv2d","channels":64,"kernel":[3,3],"stride":[1,1],
            "padding":[[1,1],[1,1]],"dilation":[1,1],"groups":1,"bias":false"#,
        1,
    ),
    (
        "conv2d, 3 x 3, 512 channels to 512, 7 x 7",
        "[512,7,7]",
        r#""op":"conv2d","channels":512,"kernel":[3,3],"stride":[1,1],
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
        "conv_transpose2d, 4 x 4, stride 2, 64 channels to 64, 28 x 28",
        "[64,28,28]",
        r#""op":"conv_transpose2d","channels":64,"kernel":[4,4],"stride":[2,2],"padding":[1,1],
            "output_padding":[0,0],"dilation":[1,1],"groups":1,"bias":false"#,
        1,
    ),
    (
        "attention, 128 places, 8 heads of 64",
        "[128,512]",
        r#""op":"multi_head_attention","heads":8,"key_value_heads":8,"head_size":64,
            "units":512,"bias":true,"output_bias":true,"causal":false,"rotary":null"#,
        3,
    ),
    (
        "attention, 512 places, 4 heads of 32",
        "[512,128]",
        r#""op":"multi_head_attention","heads":4,"key_value_heads":4,"head_size":32,
            "units":128,"bias":true,"output_bias":true,"causal":true,"rotary":null"#,
        3,
    ),
    (
        "lstm, 32 elements of 128, 128 units",
        "[32,128]",
        r#""op":"lstm","units":128,"bias":true,"direction":"forward","returns":"sequence""#,
        1,
    ),
    (
        "gelu, 65536 elements",
        "[65536]",
        r#""op":"gelu","approximate":false"#,
        1,
    ),
    (
        "softmax, 65536 elements",
        "[65536]",
        r#""op":"softmax","dim":0"#,
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
    row();
    let start = Instant::now();
    let mut rows = 0;
    while start.elapsed() < WHILE {
        row();
        rows += 1;
    }
    start.elapsed().as_secs_f64() / f64::from(rows)
}
