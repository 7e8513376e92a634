//! Every operation in the libtorch engine, against what PyTorch computes in 64 bits
//! (tests/vectors/operators.py).

use std::path::Path;

use zarathustra_eval::safetensors::Dtype;

use super::super::*;

#[path = "../../../../../tests/vectors/operators.rs"]
#[allow(dead_code, reason = "the tests of both engines read cases with it")]
mod vectors;

use vectors::Case;

/// How far a result may be from the expected one, relative to the largest element of the case: the
/// error of 32-bit floats in what an operation computes.
const TOLERANCES: [(&str, f64); 4] = [
    // Chains of several nodes.
    ("graph", 2e-6),
    ("transformer_decoder", 2e-6),
    ("transformer_encoder", 2e-6),
    // All others are one operation.
    ("", 1e-6),
];

/// Operations that move elements or choose among them: nothing is rounded.
const EXACT: [&str; 11] = [
    "concatenate",
    "dropout",
    "embedding",
    "max",
    "max_pool1d",
    "max_pool2d",
    "pad",
    "relu",
    "reshape",
    "slice",
    "transpose",
];

fn tolerance(file: &str) -> f64 {
    if EXACT.contains(&file) {
        return 0.0;
    }
    let found = TOLERANCES
        .iter()
        .find(|(name, _)| file == *name || name.is_empty());
    found.map_or(0.0, |(_, tolerance)| *tolerance)
}

pub fn cases() -> Vec<(String, Case)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/operators");
    vectors::read(&folder)
}

pub fn build(case: &Case, engine: Engine, device: Device) -> Model {
    let architecture = Architecture::from_json(&case.architecture()).expect("valid");
    let bytes: Vec<_> = case
        .parameters
        .iter()
        .map(vectors::Parameter::bytes)
        .collect();
    let views: Vec<_> = architecture
        .parameters()
        .iter()
        .map(|spec| {
            let place = case.parameters.iter().position(|p| p.name == spec.name);
            let place = place.unwrap_or_else(|| panic!("no parameter {}", spec.name));
            TensorView {
                name: spec.name.clone(),
                dtype: Dtype::F32,
                shape: spec.shape.clone(),
                data: &bytes[place],
            }
        })
        .collect();
    Model::new(&architecture, &views, engine, device).expect("a model")
}

/// The case's answer to its rows, so many times over.
pub fn compute(case: &Case, model: &Model, times: usize) -> Vec<f32> {
    let inputs: Vec<Vec<u8>> = case
        .inputs
        .iter()
        .zip(model.inputs())
        .map(|(values, input)| {
            assert_eq!(values.name, input.name);
            let bytes: Vec<u8> = match input.below {
                None => values
                    .floats()
                    .into_iter()
                    .flat_map(f32::to_le_bytes)
                    .collect(),
                Some(_) => values
                    .integers()
                    .into_iter()
                    .flat_map(i32::to_le_bytes)
                    .collect(),
            };
            bytes.repeat(times)
        })
        .collect();
    let inputs: Vec<&[u8]> = inputs.iter().map(Vec::as_slice).collect();
    let answers = model.forward(&inputs, case.rows * times).expect("computed");
    zarathustra_eval::parameters::floats(&answers).collect()
}

/// The largest difference, relative to the largest expected element.
pub fn difference(case: &Case, found: &[f32]) -> f64 {
    assert_eq!(found.len(), case.expected.len(), "{}", case.name);
    let largest = case
        .expected
        .iter()
        .fold(0.0_f32, |most, x| most.max(x.abs()));
    let pairs = found.iter().zip(&case.expected);
    let apart = pairs.map(|(a, b)| (f64::from(*a) - f64::from(*b)).abs());
    // What is not a number is far away.
    let apart = apart.map(|d| if d.is_nan() { f64::INFINITY } else { d });
    let apart = apart.fold(0.0, f64::max);
    if apart == 0.0 {
        0.0
    } else {
        apart / f64::from(largest)
    }
}

#[test]
fn every_case_is_what_pytorch_computes() {
    let cases = cases();
    // That every operation has a case is a test of the reference engine.
    assert!(!cases.is_empty());
    let mut worst = Vec::new();
    for (file, case) in cases {
        let model = build(&case, Engine::Libtorch, Device::Cpu);
        let apart = difference(&case, &compute(&case, &model, 1));
        if apart > tolerance(&file) {
            worst.push(format!("{file}, {}: {apart:e}", case.name));
        }
    }
    assert!(worst.is_empty(), "{worst:#?}");
}

/// Inputs are cut into batches and values written over, neither of which may be seen.
#[test]
fn many_rows_are_answered_like_few() {
    for (file, case) in cases() {
        let model = build(&case, Engine::Libtorch, Device::Cpu);
        let times = 1500 / case.rows;
        let many = compute(&case, &model, times);
        for found in many.chunks(case.expected.len()) {
            let apart = difference(&case, found);
            assert!(
                apart <= tolerance(&file),
                "{file}, {}: {apart:e}",
                case.name
            );
        }
    }
}

/// The worker's other engine is given the same inputs in the same form.
#[test]
fn the_reference_engine_answers_alike() {
    for (file, case) in cases() {
        let model = build(&case, Engine::Reference, Device::Cpu);
        let apart = difference(&case, &compute(&case, &model, 1));
        assert!(
            apart <= tolerance(&file),
            "{file}, {}: {apart:e}",
            case.name
        );
    }
}
