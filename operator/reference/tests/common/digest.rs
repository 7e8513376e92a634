//! A digest of every bit that the reference engine answers: to all vectors, and to floats of all
//! sizes for each function of single elements.

use sha2::{Digest as _, Sha256};
use zarathustra_model::architecture::Architecture;
use zarathustra_reference::{Model, Values};

use super::{compute, folder};
use crate::vectors;

/// Every function of single elements that has no parameters of its own.
const FUNCTIONS: &[&str] = &[
    r#""op":"relu""#,
    r#""op":"relu6""#,
    r#""op":"leaky_relu","negative_slope":0.01"#,
    r#""op":"elu","alpha":1.0"#,
    r#""op":"selu""#,
    r#""op":"gelu","approximate":false"#,
    r#""op":"gelu","approximate":true"#,
    r#""op":"silu""#,
    r#""op":"mish""#,
    r#""op":"sigmoid""#,
    r#""op":"hard_sigmoid""#,
    r#""op":"hard_silu""#,
    r#""op":"tanh""#,
    r#""op":"softplus""#,
    r#""op":"softsign""#,
    r#""op":"scale","factor":1.7,"offset":0.3"#,
    r#""op":"softmax","dim":0"#,
    r#""op":"log_softmax","dim":0"#,
];

/// One line for each case and each function.
pub fn lines() -> Vec<String> {
    let mut lines = Vec::new();
    for (file, case) in vectors::read(&folder()) {
        lines.push(line(&format!("{file}, {}", case.name), &compute(&case)));
    }
    // Every 65,537th bit pattern: both signs, all exponents, infinities, what is not a number.
    let all: Vec<f32> = (0..=u32::from(u16::MAX))
        .map(|i| f32::from_bits(i * 65_537))
        .collect();
    let finite: Vec<f32> = all.iter().copied().filter(|x| x.is_finite()).collect();
    for function in FUNCTIONS {
        for (what, values) in [("all", &all), ("finite", &finite)] {
            lines.push(line(
                &format!("{what}, {function}"),
                &sweep(function, values),
            ));
        }
    }
    lines
}

/// A function of each of these values.
fn sweep(function: &str, values: &[f32]) -> Vec<f32> {
    let architecture = format!(
        r#"{{"version":2,"inputs":[{{"name":"x","shape":[{}],"dtype":"f32"}}],
            "nodes":[{{"name":"y","inputs":["x"],{function}}}],"output":"y"}}"#,
        values.len()
    );
    let architecture = Architecture::from_json(architecture.as_bytes()).expect("a function");
    let model = Model::new(&architecture, &[]).expect("no parameters");
    let answer = model.forward(&[Values::F32(values)], 1);
    answer.expect("the input fits")
}

fn line(what: &str, answer: &[f32]) -> String {
    let mut digest = Sha256::new();
    for x in answer {
        digest.update(x.to_bits().to_le_bytes());
    }
    let digest: String = digest.finalize()[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{digest} {what}")
}
