use super::*;

const ARCHITECTURE: &str = r#"{"version":2,"inputs":[{"name":"x","shape":[2],"dtype":"f32"}],
    "nodes":[{"name":"d","op":"linear","inputs":["x"],"units":1,"bias":true}],"output":"d"}"#;

fn architecture() -> Architecture {
    Architecture::from_json(ARCHITECTURE.as_bytes()).expect("valid")
}

fn limits() -> Limits {
    Limits {
        parameter_bytes: 4096,
        parameters: 3,
        macs_per_sample: 1000,
        activation_bytes: 1000,
        fuel: 1,
        memory_bytes: 1,
        wall_seconds: 1,
    }
}

fn tensor<'a>(name: &str, shape: &[u64], data: &'a [u8]) -> TensorView<'a> {
    TensorView {
        name: name.to_owned(),
        dtype: Dtype::F32,
        shape: shape.to_vec(),
        data,
    }
}

fn file(tensors: &[TensorView<'_>]) -> Vec<u8> {
    safetensors::write(tensors).expect("a file")
}

#[track_caller]
fn refused(bytes: &[u8], limits: &Limits, status: Status, code: &str) {
    let error = check(bytes, &Expected::of(bytes), limits, &architecture()).expect_err(code);
    assert_eq!((error.status(), error.code()), (status, code), "{error}");
}

#[test]
fn good_parameters_come_in_the_order_of_the_architecture() {
    let bytes = file(&[
        tensor("d.bias", &[1], &[0; 4]),
        tensor("d.weight", &[1, 2], &[0; 8]),
    ]);
    let tensors = check(&bytes, &Expected::of(&bytes), &limits(), &architecture()).expect("good");
    let names: Vec<_> = tensors.iter().map(|tensor| tensor.name.as_str()).collect();
    assert_eq!(names, ["d.weight", "d.bias"]);
}

#[test]
fn each_defect_has_its_status() {
    let (eight, four) = ([0_u8; 8], [0_u8; 4]);
    let weight = tensor("d.weight", &[1, 2], &eight);
    let bias = tensor("d.bias", &[1], &four);
    let all = limits();

    refused(
        b"PK\x03\x04 a pickle, perhaps",
        &all,
        Status::BadFormat,
        "safetensors_header_too_large",
    );
    refused(
        &file(std::slice::from_ref(&weight)),
        &all,
        Status::ShapeMismatch,
        "parameters_missing",
    );
    let extra = tensor("d.more", &[0], &[]);
    refused(
        &file(&[weight.clone(), bias.clone(), extra]),
        &all,
        Status::ShapeMismatch,
        "parameters_unknown",
    );
    let turned = tensor("d.weight", &[2, 1], &eight);
    refused(
        &file(&[turned, bias.clone()]),
        &all,
        Status::ShapeMismatch,
        "parameters_shape",
    );
    let half = TensorView {
        dtype: Dtype::F16,
        ..tensor("d.weight", &[1, 2], &four)
    };
    refused(
        &file(&[half, bias.clone()]),
        &all,
        Status::ShapeMismatch,
        "parameters_dtype",
    );
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let data = value.to_le_bytes();
        let bad = tensor("d.bias", &[1], &data);
        refused(
            &file(&[weight.clone(), bad]),
            &all,
            Status::NonFinite,
            "parameters_non_finite",
        );
    }
    let good = file(&[weight, bias]);
    let fewer = Limits {
        parameters: 2,
        ..all
    };
    refused(&good, &fewer, Status::TooLarge, "parameters_too_many");
    let smaller = Limits {
        parameter_bytes: good.len() as u64 - 1,
        ..all
    };
    refused(
        &good,
        &smaller,
        Status::TooLarge,
        "parameters_too_many_bytes",
    );
}

#[test]
fn the_first_rule_in_the_order_of_the_specification_decides() {
    // Too many parameters, of another shape, and not finite.
    let data: Vec<u8> = [f32::NAN; 4]
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    let bytes = file(&[tensor("d.weight", &[4], &data)]);
    refused(&bytes, &limits(), Status::TooLarge, "parameters_too_many");
    let more = Limits {
        parameters: 4,
        ..limits()
    };
    refused(&bytes, &more, Status::ShapeMismatch, "parameters_shape");

    let other = Expected {
        sha256: Digest::of(b"other"),
        size: bytes.len() as u64,
    };
    let error = check(&bytes, &other, &limits(), &architecture()).expect_err("digest");
    assert_eq!(error.status(), Status::DigestMismatch);
    let longer = Expected {
        size: other.size + 1,
        ..Expected::of(&bytes)
    };
    let error = check(&bytes, &longer, &limits(), &architecture()).expect_err("size");
    assert_eq!(error.status(), Status::DigestMismatch);
}

#[test]
fn made_parameters_are_read_back() {
    let architecture = architecture();
    let mut made = Parameters::new(&architecture, vec![vec![1.0, -2.5], vec![0.5]]).expect("fits");
    let bytes = made.to_safetensors().expect("a file");
    assert_eq!(
        Parameters::from_safetensors(&bytes, &architecture),
        Ok(made.clone())
    );
    for value in made.values_mut() {
        *value *= 2.0;
    }
    let values: Vec<_> = made.iter().map(|(_, _, values)| values.to_vec()).collect();
    assert_eq!(values, [vec![2.0, -5.0], vec![1.0]]);

    assert!(Parameters::new(&architecture, vec![vec![1.0, 2.0]]).is_err());
    assert!(Parameters::new(&architecture, vec![vec![1.0], vec![0.5]]).is_err());
    assert!(Parameters::new(&architecture, vec![vec![1.0, 2.0], vec![0.5], vec![]]).is_err());
}
