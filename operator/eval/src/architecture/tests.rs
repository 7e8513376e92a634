use super::*;

fn model(nodes: &str) -> String {
    format!(
        r#"{{"version":1,"input":{{"name":"input","shape":[3]}},"nodes":[{nodes}],"output":"last"}}"#
    )
}

fn check(nodes: &str) -> Result<Architecture, ArchitectureError> {
    Architecture::from_json(model(nodes).as_bytes())
}

fn refused(nodes: &str, code: &str) {
    let error = check(nodes).expect_err(nodes);
    assert_eq!(error.code(), code, "{nodes}: {error}");
    assert!(error.to_string().len() < 1000);
}

const DENSE: &str = r#"{"name":"last","op":"dense","inputs":["input"],"units":2,"bias":true}"#;

#[test]
fn a_chain_is_read_and_its_parameters_follow() {
    let architecture = check(
        r#"{"name":"a","op":"dense","inputs":["input"],"units":4,"bias":true},
           {"name":"b","op":"leaky_relu","inputs":["a"],"negative_slope":0.25},
           {"name":"last","op":"dense","inputs":["b"],"units":2,"bias":false}"#,
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
fn dense_acts_on_the_last_dimension_and_flatten_on_all() {
    let text = model(
        r#"{"name":"a","op":"dense","inputs":["input"],"units":5,"bias":false},
           {"name":"last","op":"flatten","inputs":["a"]}"#,
    )
    .replace("[3]", "[7,3]");
    let architecture = Architecture::from_json(text.as_bytes()).expect("valid");
    assert_eq!(architecture.parameters()[0].shape, [5, 3]);
    assert_eq!(architecture.output_shape(), [35]);
}

#[test]
fn what_breaks_a_rule_is_refused_with_its_code() {
    refused("", "architecture_node_count");
    refused(
        r#"{"name":"last","op":"warp","inputs":["input"]}"#,
        "architecture_json",
    );
    refused(
        r#"{"name":"last","op":"relu","inputs":["input"],"extra":1}"#,
        "architecture_json",
    );
    refused(
        r#"{"name":"last","op":"relu","op":"relu","inputs":["input"]}"#,
        "architecture_json",
    );
    refused(
        r#"{"name":"last","op":"dense","inputs":["input"],"units":2}"#,
        "architecture_json",
    );
    refused(
        r#"{"name":"last","op":"relu","inputs":[]}"#,
        "architecture_input_count",
    );
    refused(
        r#"{"name":"last","op":"relu","inputs":["input","input"]}"#,
        "architecture_input_count",
    );
    refused(
        r#"{"name":"last","op":"relu","inputs":["last"]}"#,
        "architecture_unknown_input",
    );
    refused(
        r#"{"name":"input","op":"relu","inputs":["input"]}"#,
        "architecture_duplicate_name",
    );
    refused(
        r#"{"name":"other","op":"relu","inputs":["input"]}"#,
        "architecture_unused_node",
    );
    refused(
        r#"{"name":"last","op":"relu","inputs":["input"]},{"name":"b","op":"relu","inputs":["last"]}"#,
        "architecture_unused_node",
    );
    refused(
        r#"{"name":"a/b","op":"relu","inputs":["input"]}"#,
        "architecture_name",
    );
    refused(
        r#"{"name":"","op":"relu","inputs":["input"]}"#,
        "architecture_name",
    );
    refused(
        r#"{"name":"last","op":"dense","inputs":["input"],"units":0,"bias":true}"#,
        "architecture_attribute",
    );
    refused(
        r#"{"name":"last","op":"dense","inputs":["input"],"units":16777217,"bias":true}"#,
        "architecture_attribute",
    );
    refused(
        r#"{"name":"last","op":"elu","inputs":["input"],"alpha":1e39}"#,
        "architecture_attribute",
    );
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
        let text = model(DENSE).replace("[3]", shape);
        let error = Architecture::from_json(text.as_bytes()).expect_err(shape);
        assert_eq!(error.code(), code, "{shape}: {error}");
    }
}

#[test]
fn other_versions_and_long_files_are_refused() {
    let text = model(DENSE).replace(r#""version":1"#, r#""version":2"#);
    let error = Architecture::from_json(text.as_bytes()).expect_err("version 2");
    assert_eq!(error, ArchitectureError::Version { found: 2 });
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

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..512)) {
        // Only that it returns is asserted: random bytes may be anything.
        drop(Architecture::from_json(&bytes));
    }

    #[test]
    fn no_damage_to_a_valid_file_makes_it_panic(at in 0_usize..120, byte in proptest::prelude::any::<u8>()) {
        let mut text = model(DENSE).into_bytes();
        let at = at % text.len();
        text[at] = byte;
        if let Ok(architecture) = Architecture::from_json(&text) {
            let again = Architecture::from_json(architecture.to_json().as_bytes());
            proptest::prop_assert_eq!(again, Ok(architecture));
        }
    }
}
