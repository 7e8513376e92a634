//! Running the reference engine on vectors.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use zarathustra_model::{
    architecture::{Architecture, InputType, ParameterSpec},
    safetensors::{Dtype, TensorView},
};
use zarathustra_reference::{Model, Values};

use crate::vectors::{Case, Input};

/// Where the vectors are.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/operators")
}

pub fn architecture(case: &Case) -> Architecture {
    let architecture = Architecture::from_json(&case.architecture());
    architecture.unwrap_or_else(|error| panic!("{}: {error}", case.name))
}

/// The engine's answer to all rows of a case.
pub fn compute(case: &Case) -> Vec<f32> {
    compute_part(case, |input| (input.values.clone(), case.rows))
}

/// The engine's answer to a part of each input, of this many rows.
pub fn compute_part(case: &Case, part: impl Fn(&Input) -> (Vec<f64>, usize)) -> Vec<f32> {
    let architecture = architecture(case);
    let drawn: BTreeMap<_, _> = case
        .parameters
        .iter()
        .map(|parameter| (&parameter.name, (&parameter.shape, parameter.bytes())))
        .collect();
    let tensor = |spec: &'_ ParameterSpec| {
        let (shape, data) = &drawn[&spec.name];
        TensorView {
            name: spec.name.clone(),
            dtype: Dtype::F32,
            shape: shape.to_vec(),
            data,
        }
    };
    let tensors: Vec<_> = architecture.parameters().iter().map(tensor).collect();
    let model = Model::new(&architecture, &tensors).expect("the parameters fit");
    let mut rows = 0;
    let mut floats = Vec::new();
    let mut integers = Vec::new();
    for (input, spec) in case.inputs.iter().zip(architecture.inputs()) {
        let (values, count) = part(input);
        rows = count;
        let input = Input {
            name: input.name.clone(),
            values,
        };
        match spec.dtype {
            InputType::F32 => floats.push(input.floats()),
            InputType::I32 => integers.push(input.integers()),
        }
    }
    let (mut floats, mut integers) = (floats.iter(), integers.iter());
    let values: Vec<_> = architecture
        .inputs()
        .iter()
        .map(|spec| match spec.dtype {
            InputType::F32 => Values::F32(floats.next().expect("noted above")),
            InputType::I32 => Values::I32(integers.next().expect("noted above")),
        })
        .collect();
    model.forward(&values, rows).expect("the inputs fit")
}
