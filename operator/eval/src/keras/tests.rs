use super::*;

const X_SQUARED: &str = include_str!("../../../../examples/x-squared/keras-model.json");

fn sequential(layers: &str) -> String {
    format!(r#"{{"class_name":"Sequential","config":{{"name":"s","layers":[{layers}]}}}}"#)
}

fn dense(units: u64, more: &str) -> String {
    format!(
        r#"{{"class_name":"Dense","config":{{"name":"d{units}","units":{units},"activation":"linear","use_bias":true{more}}}}}"#
    )
}

const TWO_INPUTS: &str = r#","batch_input_shape":[null,2]"#;

#[track_caller]
fn refused(topology: &str, code: &str) {
    let error = import_architecture(topology.as_bytes()).expect_err(code);
    assert_eq!(error.code(), code, "{error}");
    assert!(error.to_string().len() < 1000);
}

#[test]
fn the_example_is_the_same_in_both_forms() {
    let ours = include_bytes!("../../../../examples/x-squared/architecture.json");
    let ours = Architecture::from_json(ours).expect("valid");
    assert_eq!(import_architecture(X_SQUARED.as_bytes()), Ok(ours));
}

#[test]
fn json_in_a_json_string_is_the_same_model() {
    let plain = import_architecture(X_SQUARED.as_bytes()).expect("plain");
    let once = Value::from(X_SQUARED).to_string();
    assert_eq!(import_architecture(once.as_bytes()), Ok(plain.clone()));
    let wrapped = json!({"format": "layers-model", "modelTopology": X_SQUARED}).to_string();
    assert_eq!(import_architecture(wrapped.as_bytes()), Ok(plain.clone()));
    let model: Value = serde_json::from_str(X_SQUARED).expect("JSON");
    let wrapped = json!({"modelTopology": {"model_config": model}}).to_string();
    assert_eq!(import_architecture(wrapped.as_bytes()), Ok(plain));
    let thrice = (0..3).fold(X_SQUARED.to_owned(), |text, _| {
        Value::from(text).to_string()
    });
    refused(&thrice, "keras_field");
}

#[test]
fn keras_3_is_read() {
    let policy = r#"{"module":"keras","class_name":"DTypePolicy","config":{"name":"float32"}}"#;
    let text = sequential(&format!(
        r#"{{"module":"keras.layers","class_name":"InputLayer","config":{{"batch_shape":[null,2],"dtype":"float32","name":"in"}}}},
           {{"module":"keras.layers","class_name":"Dense","config":{{"name":"a","dtype":{policy},"units":3,"activation":"relu","use_bias":false}},"build_config":{{"input_shape":[null,2]}}}},
           {{"class_name":"Dropout","config":{{"name":"drop","rate":0.5}}}},
           {{"class_name":"LeakyReLU","config":{{"name":"leaky","negative_slope":0.25}}}}"#
    ));
    let architecture = import_architecture(text.as_bytes()).expect("valid");
    let ops: Vec<_> = architecture
        .nodes()
        .iter()
        .map(|node| (&*node.name, &node.op))
        .collect();
    assert_eq!(
        ops,
        [
            (
                "a",
                &Op::Linear {
                    units: 3,
                    bias: false
                }
            ),
            ("a_relu", &Op::Relu {}),
            (
                "leaky",
                &Op::LeakyRelu {
                    negative_slope: 0.25
                }
            )
        ]
    );
    let built = r#"{"class_name":"Dense","config":{"name":"a","units":3},"build_config":{"input_shape":[null,5]}}"#;
    let architecture = import_architecture(sequential(built).as_bytes()).expect("valid");
    assert_eq!(architecture.inputs()[0].shape, [5]);
}

#[test]
fn kernels_are_turned_around() {
    let text = sequential(&dense(3, TWO_INPUTS));
    let architecture = import_architecture(text.as_bytes()).expect("valid");
    // Kernel [inputs][units]: the first input's weights come first.
    let weights = b"[[[1,2,3],[4,5,6]],[0.5,-0.5,0.25]]";
    let parameters = import_weights(weights, &architecture).expect("fit");
    let tensors: Vec<_> = parameters
        .iter()
        .map(|(_, shape, v)| (shape.to_vec(), v.to_vec()))
        .collect();
    assert_eq!(
        tensors,
        [
            (vec![3, 2], vec![1.0, 4.0, 2.0, 5.0, 3.0, 6.0]),
            (vec![3], vec![0.5, -0.5, 0.25])
        ]
    );
    let written = export_weights(&parameters);
    assert_eq!(
        written,
        json!([[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], [0.5, -0.5, 0.25]])
    );
    let twice = Value::from(written.to_string()).to_string();
    assert_eq!(
        import_weights(twice.as_bytes(), &architecture),
        Ok(parameters)
    );
}

#[test]
fn weights_that_do_not_fit_are_refused() {
    let text = sequential(&dense(3, TWO_INPUTS));
    let architecture = import_architecture(text.as_bytes()).expect("valid");
    for weights in [
        "{}",
        "[]",
        "[[[1,2,3],[4,5,6]]]",
        "[[[1,2,3],[4,5,6]],[1,2,3],[1]]",
        "[[[1,2],[3,4],[5,6]],[1,2,3]]",
        "[[[1,2,3],[4,5]],[1,2,3]]",
        "[[1,2,3,4,5,6],[1,2,3]]",
        "[[[1,2,3],[4,5,\"6\"]],[1,2,3]]",
        "[[[1,2,3],[4,5,null]],[1,2,3]]",
        "[[[1,2,3],[4,5,1e39]],[1,2,3]]",
    ] {
        let error = import_weights(weights.as_bytes(), &architecture).expect_err(weights);
        assert_eq!(error.code(), "keras_weights", "{weights}: {error}");
    }
    for weights in ["", "[NaN]", "[[1,2"] {
        let error = import_weights(weights.as_bytes(), &architecture).expect_err(weights);
        assert_eq!(error.code(), "keras_json", "{weights}");
    }
}

#[test]
fn what_has_no_counterpart_is_named() {
    refused("not json", "keras_json");
    refused(r#"{"class_name":"Functional","config":{}}"#, "keras_field");
    refused(&sequential(""), "keras_field");
    refused(&sequential(&dense(3, "")), "keras_field");
    refused(&sequential(&dense(0, TWO_INPUTS)), "architecture_attribute");
    let conv = r#"{"class_name":"Conv2D","config":{"batch_input_shape":[null,8,8,1]}}"#;
    refused(&sequential(conv), "keras_unsupported");
    let mish = dense(3, TWO_INPUTS).replace("linear", "mish");
    refused(&sequential(&mish), "keras_unsupported");
    refused(
        &sequential(&dense(3, r#","batch_input_shape":[null,null]"#)),
        "keras_field",
    );
    let half = format!("{TWO_INPUTS},\"dtype\":\"float16\"");
    refused(&sequential(&dense(3, &half)), "keras_field");
    let relu6 = r#"{"class_name":"ReLU","config":{"max_value":6.0,"batch_input_shape":[null,2]}}"#;
    refused(&sequential(relu6), "keras_unsupported");
    refused(&"[".repeat(100_000), "keras_json");
}

#[test]
fn exported_models_come_back() {
    let topology = sequential(
        &[
            dense(3, TWO_INPUTS).replace("linear", "relu"),
            r#"{"class_name":"ELU","config":{"name":"elu","alpha":0.5}}"#.to_owned(),
            dense(2, "").replace("linear", "softmax"),
        ]
        .join(","),
    );
    let architecture = import_architecture(topology.as_bytes()).expect("valid");
    let exported = export_architecture(&architecture)
        .expect("expressible")
        .to_string();
    assert_eq!(
        import_architecture(exported.as_bytes()),
        Ok(architecture.clone())
    );

    let gelu = architecture.to_json().replace(
        r#""op": "elu",
      "alpha": 0.5"#,
        r#""op": "gelu",
      "approximate": true"#,
    );
    let gelu = Architecture::from_json(gelu.as_bytes()).expect("valid");
    assert_eq!(
        export_architecture(&gelu).expect_err("no word").code(),
        "keras_unsupported"
    );
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..512)) {
        drop(import_architecture(&bytes));
        let architecture = import_architecture(X_SQUARED.as_bytes()).expect("valid");
        drop(import_weights(&bytes, &architecture));
    }

    #[test]
    fn no_damage_makes_it_panic(at in 0_usize..2000, byte in proptest::prelude::any::<u8>()) {
        let mut text = X_SQUARED.as_bytes().to_vec();
        let at = at % text.len();
        text[at] = byte;
        drop(import_architecture(&text));
    }
}
