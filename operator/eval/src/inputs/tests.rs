use super::*;

const TEXT: &str = r#"{"version":2,"inputs":[
    {"name":"x","shape":[2],"dtype":"f32"},{"name":"word","shape":[2],"dtype":"i32"}],
    "nodes":[{"name":"row","op":"embedding","inputs":["word"],"entries":5,"size":1},
        {"name":"flat","op":"reshape","inputs":["row"],"shape":[2]},
        {"name":"sum","op":"add","inputs":["flat","x"]}],"output":"sum"}"#;

fn architecture() -> Architecture {
    Architecture::from_json(TEXT.as_bytes()).expect("valid")
}

fn floats_of(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

type Part<'a> = (Dtype, &'a [u64], &'a [u8]);

fn file(x: Part<'_>, word: Part<'_>) -> Vec<u8> {
    let tensors = [("word", word), ("x", x)].map(|(name, (dtype, shape, data))| TensorView {
        name: name.to_owned(),
        dtype,
        shape: shape.to_vec(),
        data,
    });
    safetensors::write(&tensors).expect("a file")
}

#[test]
fn tensors_are_found_by_name_and_integers_narrowed() {
    let x = floats_of(&[1.0, 2.0, 3.0, 4.0]);
    let words: Vec<u8> = [0_i64, 4, 3, 1]
        .iter()
        .flat_map(|v| v.to_le_bytes())
        .collect();
    let bytes = file((Dtype::F32, &[2, 2], &x), (Dtype::I64, &[2, 2], &words));
    let inputs = read(&bytes, &architecture()).expect("inputs");
    assert_eq!(inputs.rows, 2);
    assert_eq!(inputs.values[0], x);
    let narrow: Vec<u8> = [0_i32, 4, 3, 1]
        .iter()
        .flat_map(|v| v.to_le_bytes())
        .collect();
    assert_eq!(inputs.values[1], narrow);
}

#[test]
fn what_does_not_fit_has_a_code() {
    let x = floats_of(&[1.0, 2.0]);
    let words: Vec<u8> = [0_i32, 4].iter().flat_map(|v| v.to_le_bytes()).collect();
    let good_x = (Dtype::F32, [1_u64, 2], x.clone());
    let good_words = (Dtype::I32, [1_u64, 2], words);
    let integers = |values: [i32; 2]| values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let longs = |values: [i64; 2]| values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let cases = [
        (
            (Dtype::F32, [2, 1], x.clone()),
            good_words.clone(),
            "inputs_shape",
        ),
        (
            (Dtype::I32, [1, 2], x.clone()),
            good_words.clone(),
            "inputs_dtype",
        ),
        (
            (Dtype::F32, [1, 2], floats_of(&[1.0, f32::INFINITY])),
            good_words.clone(),
            "inputs_non_finite",
        ),
        (
            (Dtype::F32, [1, 2], floats_of(&[f32::NAN, 0.0])),
            good_words.clone(),
            "inputs_non_finite",
        ),
        (
            (Dtype::F32, [2, 2], floats_of(&[0.0; 4])),
            good_words,
            "inputs_rows",
        ),
        (
            good_x.clone(),
            (Dtype::F32, [1, 2], x.clone()),
            "inputs_dtype",
        ),
        (
            good_x.clone(),
            (Dtype::I32, [1, 2], integers([5, 0])),
            "inputs_out_of_range",
        ),
        (
            good_x.clone(),
            (Dtype::I32, [1, 2], integers([0, -1])),
            "inputs_out_of_range",
        ),
        (
            good_x,
            (Dtype::I64, [1, 2], longs([1 << 32, 0])),
            "inputs_out_of_range",
        ),
    ];
    for (x, word, code) in cases {
        let bytes = file((x.0, &x.1, &x.2), (word.0, &word.1, &word.2));
        let error = read(&bytes, &architecture()).expect_err(code);
        assert_eq!(error.code(), code, "{error}");
    }
    let one = safetensors::write(&[TensorView {
        name: "x".to_owned(),
        dtype: Dtype::F32,
        shape: vec![1, 2],
        data: &x,
    }]);
    let error = read(&one.expect("a file"), &architecture()).expect_err("a missing input");
    assert_eq!(error.code(), "inputs_missing");
}

#[test]
fn the_ends_of_the_finite_floats_are_finite_and_their_neighbours_not() {
    for value in [0.0, f32::MAX, f32::MIN, f32::MIN_POSITIVE, 1e-45] {
        assert!(all_finite(&value.to_le_bytes()), "{value}");
    }
    for value in [f32::INFINITY, f32::NEG_INFINITY, f32::NAN, -f32::NAN] {
        assert!(!all_finite(&value.to_le_bytes()), "{value}");
    }
    // The last of many.
    let mut many = vec![0; 5 * BLOCK_BYTES];
    many.extend(f32::INFINITY.to_le_bytes());
    assert!(!all_finite(&many));
}
