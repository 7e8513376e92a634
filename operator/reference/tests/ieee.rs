//! What is not a number, infinite, close to 0 or out of range. Expected values are by hand.

#[path = "common/functions.rs"]
mod functions;
#[path = "common/operation.rs"]
mod operation;
#[path = "common/tensors.rs"]
mod tensors;

use zarathustra_model::{
    architecture::Architecture,
    safetensors::{Dtype, TensorView},
};
use zarathustra_reference::{Model, ReferenceError, Values};

use functions::FUNCTIONS;
use operation::operation;
use tensors::tensors;

const NAN: f32 = f32::NAN;
const INF: f32 = f32::INFINITY;

fn model(shape: &str, dtype: &str, node: &str, parameters: &[&[f32]]) -> Model {
    let architecture = operation(shape, dtype, 1, node);
    let bytes = parameters.iter().map(|values| bytes(values));
    let bytes: Vec<_> = bytes.collect();
    Model::new(&architecture, &tensors(&architecture, &bytes)).expect(node)
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_le_bytes()).collect()
}

/// Compares bits: zeros have a sign, and what is not a number has one pattern.
#[track_caller]
fn check(shape: &str, node: &str, parameters: &[&[f32]], x: &[f32], expected: &[f32]) {
    let found = model(shape, "f32", node, parameters).forward(&[Values::F32(x)], 1);
    let bits = |values: &[f32]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&found.expect(node)), bits(expected), "{node}");
}

#[test]
fn what_is_not_a_number_goes_through() {
    assert_eq!(
        NAN.to_bits(),
        0x7fc0_0000,
        "the pattern that is expected below"
    );
    let dropout = r#""op":"dropout","rate":0.1"#;
    for node in FUNCTIONS.into_iter().chain([dropout]) {
        for sign in [NAN, -NAN, f32::from_bits(0x7f80_0001)] {
            check("[1]", node, &[], &[sign], &[NAN]);
        }
    }
    let softmax = r#""op":"softmax","dim":0"#;
    check("[2]", softmax, &[], &[NAN, 0.0], &[NAN, NAN]);
    let linear = r#""op":"linear","units":1,"bias":false"#;
    check("[2]", linear, &[&[0.0, 1.0]], &[INF, 1.0], &[NAN]);
}

#[test]
fn the_maximum_of_anything_and_what_is_not_a_number_is_the_latter() {
    let pool = r#""op":"max_pool1d","kernel":[2],"stride":[1],"padding":[[0,0]]"#;
    check("[1,4]", pool, &[], &[1.0, NAN, 2.0, 3.0], &[NAN, NAN, 3.0]);
    let max = r#""op":"max","dims":[0],"keep_dims":false"#;
    check("[2,2]", max, &[], &[NAN, 1.0, INF, -1.0], &[NAN, 1.0]);
}

#[test]
fn infinities_have_their_limits() {
    let pair = [INF, -INF];
    check("[2]", r#""op":"relu6""#, &[], &pair, &[6.0, 0.0]);
    check("[2]", r#""op":"sigmoid""#, &[], &pair, &[1.0, 0.0]);
    check("[2]", r#""op":"tanh""#, &[], &pair, &[1.0, -1.0]);
    check("[2]", r#""op":"softplus""#, &[], &pair, &[INF, 0.0]);
    check("[2]", r#""op":"elu","alpha":2.0"#, &[], &pair, &[INF, -2.0]);
    // −∞ · 0 and ∞ / ∞.
    check("[2]", r#""op":"silu""#, &[], &pair, &[INF, NAN]);
    check("[2]", r#""op":"softsign""#, &[], &pair, &[NAN, NAN]);
    let pool = r#""op":"max_pool1d","kernel":[2],"stride":[2],"padding":[[1,0]]"#;
    check("[1,3]", pool, &[], &[-INF, 1.0, INF], &[-INF, INF]);
}

#[test]
fn a_masked_place_takes_part_in_nothing() {
    // One feature, one head, every projection 1: the first place sees itself alone.
    let node = r#""op":"multi_head_attention","heads":1,"key_value_heads":1,"head_size":1,
        "units":1,"bias":false,"output_bias":false,"causal":true,"rotary":null"#;
    let architecture = operation("[2,1]", "f32", 3, node);
    let ones = vec![bytes(&[1.0]); architecture.parameters().len()];
    let model = Model::new(&architecture, &tensors(&architecture, &ones)).expect("attention");
    let answer = model.forward(&[Values::F32(&[2.0, NAN])], 1);
    let answer = answer.expect("the input fits");
    assert_eq!(answer[0], 2.0);
    assert!(answer[1].is_nan());
}

#[test]
fn numbers_close_to_zero_are_kept() {
    let smallest = f32::from_bits(1);
    let scale = r#""op":"scale","factor":0.5,"offset":0.0"#;
    check("[1]", scale, &[], &[4.0 * smallest], &[2.0 * smallest]);
    check(
        "[1]",
        r#""op":"leaky_relu","negative_slope":1.0"#,
        &[],
        &[-smallest],
        &[-smallest],
    );
}

#[test]
fn sums_do_not_overflow_on_the_way() {
    let linear = r#""op":"linear","units":1,"bias":false"#;
    let large = f32::MAX;
    check(
        "[3]",
        linear,
        &[&[1.0, 1.0, -1.0]],
        &[large, large, large],
        &[large],
    );
    check("[2]", linear, &[&[1.0, 1.0]], &[large, large], &[INF]);
}

#[test]
fn integers_that_name_nothing_are_named() {
    let table = r#""op":"embedding","entries":2,"size":1"#;
    let model = model("[2]", "i32", table, &[&[5.0, 6.0]]);
    let answer = |integers: &[i32]| model.forward(&[Values::I32(integers)], integers.len() / 2);
    assert_eq!(answer(&[0, 1, 1, 1]), Ok(vec![5.0, 6.0, 6.0, 6.0]));
    for value in [-1, 2, i32::MIN, i32::MAX] {
        let error = ReferenceError::Integer { row: 1, value };
        assert_eq!(answer(&[0, 1, value, 0]), Err(error));
    }
}

#[test]
fn inputs_that_do_not_fit_are_refused() {
    let model = model("[2]", "f32", r#""op":"relu""#, &[]);
    let count = ReferenceError::InputCount {
        expected: 1,
        found: 0,
    };
    assert_eq!(model.forward(&[], 1), Err(count));
    let refused = Err(ReferenceError::Input { index: 0 });
    assert_eq!(model.forward(&[Values::F32(&[1.0; 3])], 1), refused);
    assert_eq!(model.forward(&[Values::I32(&[1; 2])], 1), refused);
    assert_eq!(model.forward(&[Values::F32(&[])], usize::MAX), refused);
    assert_eq!(model.forward(&[Values::F32(&[])], 0), Ok(Vec::new()));
}

#[test]
fn parameters_that_do_not_fit_are_refused() {
    let text = r#"{"version":2,"inputs":[{"name":"x","shape":[2],"dtype":"f32"}],
        "nodes":[{"name":"y","inputs":["x"],"op":"linear","units":1,"bias":true}],"output":"y"}"#;
    let architecture = Architecture::from_json(text.as_bytes()).expect("a linear map");
    let tensor = |shape: &[u64], dtype, data: &'static [u8]| TensorView {
        name: String::new(),
        dtype,
        shape: shape.to_vec(),
        data,
    };
    let weight = tensor(&[1, 2], Dtype::F32, &[0; 8]);
    let bias = tensor(&[1], Dtype::F32, &[0; 4]);
    let refused = |tensors: &[TensorView<'_>]| Model::new(&architecture, tensors).err();
    assert_eq!(refused(&[weight.clone(), bias.clone()]), None);
    let at = |index| Some(ReferenceError::Parameter { index });
    assert_eq!(refused(&[]), at(0));
    assert_eq!(refused(std::slice::from_ref(&weight)), at(1));
    assert_eq!(
        refused(&[weight.clone(), bias.clone(), bias.clone()]),
        at(2)
    );
    assert_eq!(refused(&[bias.clone(), weight.clone()]), at(0));
    assert_eq!(
        refused(&[weight.clone(), tensor(&[1], Dtype::I32, &[0; 4])]),
        at(1)
    );
    assert_eq!(refused(&[weight, tensor(&[1], Dtype::F32, &[0; 3])]), at(1));
}
