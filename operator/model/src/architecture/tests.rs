use super::*;

fn model(nodes: &str) -> String {
    format!(
        r#"{{"version":2,"inputs":[{{"name":"input","shape":[3],"dtype":"f32"}}],"nodes":[{nodes}],"output":"last"}}"#
    )
}

fn check(nodes: &str) -> Result<Architecture, ArchitectureError> {
    Architecture::from_json(model(nodes).as_bytes())
}

fn refused(code: &str, all: &[&str]) {
    for nodes in all {
        let error = check(nodes).expect_err(nodes);
        assert_eq!(error.code(), code, "{nodes}: {error}");
        assert!(error.to_string().len() < 1000);
    }
}

const LINEAR: &str = r#"{"name":"last","op":"linear","inputs":["input"],"units":2,"bias":true}"#;

#[test]
fn a_chain_is_read_and_its_parameters_follow() {
    let architecture = check(
        r#"{"name":"a","op":"linear","inputs":["input"],"units":4,"bias":true},
           {"name":"b","op":"leaky_relu","inputs":["a"],"negative_slope":0.25},
           {"name":"last","op":"linear","inputs":["b"],"units":2,"bias":false}"#,
    )
    .expect("valid");
    let names: Vec<_> = architecture
        .parameters()
        .iter()
        .map(|spec| (spec.name.as_str(), spec.shape.as_slice()))
        .collect();
    assert_eq!(
        names,
        [
            ("a.weight", &[4, 3][..]),
            ("a.bias", &[4][..]),
            ("last.weight", &[2, 4][..])
        ]
    );
    assert_eq!(architecture.output_shape(), [2]);
    let again = Architecture::from_json(architecture.to_json().as_bytes()).expect("own form");
    assert_eq!(again, architecture);
}

#[test]
fn linear_acts_on_the_last_dimension_and_reshape_on_all() {
    let text = model(
        r#"{"name":"a","op":"linear","inputs":["input"],"units":5,"bias":false},
           {"name":"last","op":"reshape","inputs":["a"],"shape":[35]}"#,
    )
    .replace("[3]", "[7,3]");
    let architecture = Architecture::from_json(text.as_bytes()).expect("valid");
    assert_eq!(architecture.parameters()[0].shape, [5, 3]);
    assert_eq!(architecture.output_shape(), [35]);
}

#[test]
fn what_breaks_a_rule_is_refused_with_its_code() {
    refused("architecture_node_count", &[""]);
    refused(
        "architecture_json",
        &[
            r#"{"name":"last","op":"warp","inputs":["input"]}"#,
            r#"{"name":"last","op":"relu","inputs":["input"],"extra":1}"#,
            r#"{"name":"last","op":"relu","op":"relu","inputs":["input"]}"#,
            r#"{"name":"last","op":"linear","inputs":["input"],"units":2}"#,
        ],
    );
    refused(
        "architecture_input_count",
        &[
            r#"{"name":"last","op":"relu","inputs":[]}"#,
            r#"{"name":"last","op":"relu","inputs":["input","input"]}"#,
        ],
    );
    refused(
        "architecture_unknown_input",
        &[r#"{"name":"last","op":"relu","inputs":["last"]}"#],
    );
    refused(
        "architecture_duplicate_name",
        &[r#"{"name":"input","op":"relu","inputs":["input"]}"#],
    );
    refused(
        "architecture_unknown_output",
        &[r#"{"name":"other","op":"relu","inputs":["input"]}"#],
    );
    refused(
        "architecture_unused_node",
        &[
            r#"{"name":"last","op":"relu","inputs":["input"]},{"name":"b","op":"relu","inputs":["last"]}"#,
        ],
    );
    refused(
        "architecture_name",
        &[
            r#"{"name":"a/b","op":"relu","inputs":["input"]}"#,
            r#"{"name":"","op":"relu","inputs":["input"]}"#,
        ],
    );
    refused(
        "architecture_attribute",
        &[
            r#"{"name":"last","op":"linear","inputs":["input"],"units":0,"bias":true}"#,
            r#"{"name":"last","op":"linear","inputs":["input"],"units":16777217,"bias":true}"#,
            r#"{"name":"last","op":"elu","inputs":["input"],"alpha":1e39}"#,
        ],
    );
}

#[test]
fn numbers_are_read_however_they_are_written() {
    for epsilon in ["1e-5", "1e-05", "1E-5", "0.00001", "0.000010", "10e-6"] {
        let node = format!(
            r#"{{"name":"last","op":"batch_norm","inputs":["input"],"epsilon":{epsilon},"affine":false}}"#
        );
        let architecture = check(&node).expect(epsilon);
        let Op::BatchNorm { epsilon: read, .. } = architecture.nodes()[0].op else {
            panic!("a batch norm");
        };
        assert_eq!(read, 0.00001);
    }
    let beyond =
        r#"{"name":"last","op":"batch_norm","inputs":["input"],"epsilon":1e999,"affine":false}"#;
    refused("architecture_json", &[beyond]);
}

#[test]
fn shapes_are_bounded() {
    for (shape, code) in [
        ("[]", "architecture_shape"),
        ("[0]", "architecture_shape"),
        ("[-1]", "architecture_json"),
        ("[16777217]", "architecture_shape"),
        ("[1,1,1,1,1,1,1,1,1]", "architecture_shape"),
        (
            "[16777216,16777216,16777216]",
            "architecture_sample_too_large",
        ),
    ] {
        let text = model(LINEAR).replace("[3]", shape);
        let error = Architecture::from_json(text.as_bytes()).expect_err(shape);
        assert_eq!(error.code(), code, "{shape}: {error}");
    }
}

#[test]
fn other_versions_and_long_files_are_refused() {
    let text = model(LINEAR).replace(r#""version":2"#, r#""version":1"#);
    let error = Architecture::from_json(text.as_bytes()).expect_err("version 1");
    assert_eq!(error, ArchitectureError::Version { found: 1 });
    let long = vec![b' '; MAX_ARCHITECTURE_BYTES + 1];
    assert_eq!(
        Architecture::from_json(&long).expect_err("long").code(),
        "architecture_too_long"
    );
    let deep = "[".repeat(200_000);
    assert_eq!(
        Architecture::from_json(deep.as_bytes())
            .expect_err("deep")
            .code(),
        "architecture_json"
    );
}

fn graph(inputs: &str, nodes: &str) -> Result<Architecture, ArchitectureError> {
    let text = format!(r#"{{"version":2,"inputs":[{inputs}],"nodes":[{nodes}],"output":"last"}}"#);
    Architecture::from_json(text.as_bytes())
}

const X: &str = r#"{"name":"x","shape":[4],"dtype":"f32"}"#;

#[test]
fn values_are_used_several_times_and_released_after_their_last_use() {
    let architecture = graph(
        &format!(r#"{X},{{"name":"y","shape":[4],"dtype":"f32"}}"#),
        r#"{"name":"a","op":"relu","inputs":["x"]},
           {"name":"b","op":"tanh","inputs":["a"]},
           {"name":"last","op":"add","inputs":["b","a","y","x"]}"#,
    )
    .expect("valid");
    let inputs: Vec<_> = architecture.steps().iter().map(|s| &s.inputs[..]).collect();
    assert_eq!(inputs, [&[0][..], &[2], &[3, 2, 1, 0]]);
    let releases: Vec<_> = architecture
        .steps()
        .iter()
        .map(|s| &s.releases[..])
        .collect();
    assert_eq!(releases, [&[][..], &[], &[0, 1, 2, 3]]);
    assert_eq!(architecture.output_value(), 4);
}

#[test]
fn integers_feed_embeddings_and_nothing_else_does() {
    let tokens = r#"{"name":"t","shape":[6],"dtype":"i32"}"#;
    let embedding = |entries: u32, name: &str| {
        format!(
            r#"{{"name":"{name}","op":"embedding","inputs":["t"],"entries":{entries},"size":3}}"#
        )
    };
    let two = format!(
        r#"{},{},{{"name":"last","op":"multiply","inputs":["a","b"]}}"#,
        embedding(10, "a"),
        embedding(7, "b")
    );
    let architecture = graph(tokens, &two).expect("valid");
    assert_eq!(architecture.output_shape(), [6, 3]);
    assert_eq!(architecture.integers_below(0), Some(7));
    let bad = [
        graph(tokens, r#"{"name":"last","op":"relu","inputs":["t"]}"#),
        graph(&tokens.replace("i32", "f32"), &embedding(10, "last")),
    ];
    for found in bad {
        assert_eq!(
            found.expect_err("refused").code(),
            "architecture_input_type"
        );
    }
}

/// Shapes of results and parameters against those of PyTorch's layers of the same settings.
#[test]
fn shapes_are_those_of_the_formulas() {
    let image = r#"{"name":"x","shape":[4,9,7],"dtype":"f32"}"#;
    let sequence = r#"{"name":"x","shape":[5,6],"dtype":"f32"}"#;
    /// Input, node, shape of the result, shapes of the parameters.
    type Case<'a> = (&'a str, &'a str, &'a [u64], &'a [&'a [u64]]);
    let cases: [Case<'_>; 9] = [
        (
            image,
            r#""conv2d","channels":6,"kernel":[3,2],"stride":[2,1],"padding":[[1,0],[0,1]],"dilation":[2,1],"groups":2,"bias":true"#,
            // (9 + 1 - 2·2 - 1) / 2 + 1, (7 + 1 - 1 - 1) / 1 + 1
            &[6, 3, 7],
            &[&[6, 2, 3, 2], &[6]],
        ),
        (
            image,
            r#""conv_transpose2d","channels":2,"kernel":[3,3],"stride":[2,2],"padding":[1,0],"output_padding":[1,0],"dilation":[1,1],"groups":1,"bias":false"#,
            // 8·2 - 2 + 2 + 1 + 1, 6·2 + 2 + 1
            &[2, 18, 15],
            &[&[4, 2, 3, 3]],
        ),
        (
            image,
            r#""max_pool2d","kernel":[3,3],"stride":[2,2],"padding":[[1,1],[0,2]]"#,
            &[4, 5, 4],
            &[],
        ),
        (image, r#""mean","dims":[1,2],"keep_dims":false"#, &[4], &[]),
        (
            image,
            r#""max","dims":[0],"keep_dims":true"#,
            &[1, 9, 7],
            &[],
        ),
        (image, r#""transpose","order":[2,0,1]"#, &[7, 4, 9], &[]),
        (
            sequence,
            r#""lstm","units":3,"bias":true,"direction":"both","returns":"sequence""#,
            &[5, 6],
            &[
                &[12, 6],
                &[12, 3],
                &[12],
                &[12],
                &[12, 6],
                &[12, 3],
                &[12],
                &[12],
            ],
        ),
        (
            sequence,
            r#""gru","units":3,"bias":false,"direction":"backward","returns":"last""#,
            &[3],
            &[&[9, 6], &[9, 3]],
        ),
        (
            sequence,
            r#""layer_norm","dims":2,"epsilon":1e-5,"weight":true,"bias":false"#,
            &[5, 6],
            &[&[5, 6]],
        ),
    ];
    for (input, node, shape, parameters) in cases {
        let node = format!(r#"{{"name":"last","inputs":["x"],"op":{node}}}"#);
        let architecture = graph(input, &node).expect(&node);
        assert_eq!(architecture.output_shape(), shape, "{node}");
        let found: Vec<_> = architecture
            .parameters()
            .iter()
            .map(|p| &p.shape[..])
            .collect();
        assert_eq!(found, parameters, "{node}");
        let again = Architecture::from_json(architecture.to_json().as_bytes());
        assert_eq!(again, Ok(architecture));
    }
}

#[test]
fn blocks_are_taken_apart() {
    let inputs =
        r#"{"name":"x","shape":[5,8],"dtype":"f32"},{"name":"m","shape":[3,8],"dtype":"f32"}"#;
    let block = r#""heads":2,"feed_forward":16,"activation":"gelu","norm_first":false,"epsilon":1e-5,"causal":true,"rotary":null"#;
    let architecture = graph(
        inputs,
        &format!(
            r#"{{"name":"e","op":"transformer_encoder","inputs":["m"],{block}}},
               {{"name":"last","op":"transformer_decoder","inputs":["x","e"],{block}}}"#
        ),
    )
    .expect("valid");
    let ops: Vec<_> = architecture
        .steps()
        .iter()
        .map(|step| step.op.name())
        .collect();
    let attention = ["multi_head_attention", "add", "layer_norm"];
    let feed_forward = ["linear", "gelu", "linear", "add", "layer_norm"];
    let expected = [
        &attention[..],
        &feed_forward,
        &attention,
        &attention,
        &feed_forward,
    ]
    .concat();
    assert_eq!(ops, expected);
    let names: Vec<_> = architecture
        .parameters()
        .iter()
        .map(|p| p.name.as_str())
        .collect();
    for name in [
        "e.self_attention.query.weight",
        "last.norm_3.bias",
        "last.cross_attention.output.bias",
    ] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    let causal: Vec<_> = architecture
        .steps()
        .iter()
        .filter_map(|step| match &step.op {
            Op::MultiHeadAttention(attention) => Some(attention.causal),
            _ => None,
        })
        .collect();
    assert_eq!(causal, [true, true, false]);
}

#[test]
fn graphs_that_break_a_rule_are_refused_with_their_code() {
    let sequence = r#"{"name":"x","shape":[5,6],"dtype":"f32"}"#;
    /// Inputs, the code, and nodes that are refused with it.
    type Case<'a> = (&'a str, &'a str, &'a [&'a str]);
    let cases: [Case<'_>; 7] = [
        (
            X,
            "architecture_input_count",
            &[r#"{"name":"last","op":"add","inputs":["x"]}"#],
        ),
        (
            X,
            "architecture_input_shape",
            &[
                r#"{"name":"last","op":"lstm","inputs":["x"],"units":3,"bias":true,"direction":"forward","returns":"last"}"#,
                r#"{"name":"last","op":"conv1d","inputs":["x"],"channels":1,"kernel":[1],"stride":[1],"padding":[[0,0]],"dilation":[1],"groups":1,"bias":false}"#,
            ],
        ),
        (
            sequence,
            "architecture_input_shape",
            &[
                r#"{"name":"last","op":"conv1d","inputs":["x"],"channels":1,"kernel":[8],"stride":[1],"padding":[[0,0]],"dilation":[1],"groups":1,"bias":false}"#,
            ],
        ),
        (
            sequence,
            "architecture_attribute",
            &[
                r#"{"name":"last","op":"conv1d","inputs":["x"],"channels":4,"kernel":[1],"stride":[1],"padding":[[0,0]],"dilation":[1],"groups":2,"bias":false}"#,
                // Reaches over 3 places, so margins are 2 at most.
                r#"{"name":"last","op":"conv1d","inputs":["x"],"channels":1,"kernel":[2],"stride":[1],"padding":[[3,0]],"dilation":[2],"groups":1,"bias":false}"#,
                r#"{"name":"last","op":"max_pool1d","inputs":["x"],"kernel":[2],"stride":[1],"padding":[[2,0]]}"#,
                r#"{"name":"last","op":"reshape","inputs":["x"],"shape":[31]}"#,
                r#"{"name":"last","op":"transpose","inputs":["x"],"order":[0,0]}"#,
                r#"{"name":"last","op":"slice","inputs":["x"],"dim":0,"start":3,"length":3}"#,
                r#"{"name":"last","op":"softmax","inputs":["x"],"dim":2}"#,
                r#"{"name":"last","op":"layer_norm","inputs":["x"],"dims":1,"epsilon":0.0,"weight":true,"bias":true}"#,
            ],
        ),
        (
            sequence,
            "architecture_shape",
            &[r#"{"name":"last","op":"pad","inputs":["x"],"padding":[[0,16777216],[0,0]]}"#],
        ),
        (
            sequence,
            "architecture_unused_node",
            &[
                r#"{"name":"a.b","op":"linear","inputs":["x"],"units":1,"bias":true},{"name":"last","op":"relu","inputs":["x"]}"#,
            ],
        ),
        (
            sequence,
            "architecture_duplicate_name",
            &[
                r#"{"name":"a","op":"transformer_encoder","inputs":["x"],"heads":2,"feed_forward":4,"activation":"relu","norm_first":true,"epsilon":1e-5,"causal":false,"rotary":null},{"name":"a.linear_1","op":"linear","inputs":["a"],"units":4,"bias":true},{"name":"last","op":"relu","inputs":["a.linear_1"]}"#,
            ],
        ),
    ];
    for (inputs, code, all) in cases {
        for nodes in all {
            let error = graph(inputs, nodes).expect_err(nodes);
            assert_eq!(error.code(), code, "{nodes}: {error}");
        }
    }
    assert_eq!(
        graph("", "").expect_err("no inputs").code(),
        "architecture_model_inputs"
    );
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..512)) {
        // Only that it returns is asserted: random bytes may be anything.
        drop(Architecture::from_json(&bytes));
    }

    #[test]
    fn no_damage_to_a_valid_file_makes_it_panic(at in 0_usize..120, byte in proptest::prelude::any::<u8>()) {
        let mut text = model(LINEAR).into_bytes();
        let at = at % text.len();
        text[at] = byte;
        if let Ok(architecture) = Architecture::from_json(&text) {
            let again = Architecture::from_json(architecture.to_json().as_bytes());
            proptest::prop_assert_eq!(again, Ok(architecture));
        }
    }
}
