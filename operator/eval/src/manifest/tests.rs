use super::*;

const DIGEST: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn valid() -> serde_json::Value {
    serde_json::json!({
        "version": 1, "kind": "improve", "name": "x", "description": "",
        "architecture": {"cid": "bafy1", "sha256": DIGEST, "size": 10},
        "evaluator": {"cid": "bafy2", "sha256": DIGEST, "size": 20},
        "samples": 100, "score_range": [-1_000_000, 1_000_000],
        "alpha_ppb": 1_000_000, "bound": "empirical-bernstein",
        "limits": {"parameter_bytes": 1, "parameters": 2, "macs_per_sample": 3, "activation_bytes": 7, "fuel": 4,
                   "memory_bytes": 5, "wall_seconds": 6}
    })
}

fn read(value: &serde_json::Value) -> Result<Manifest, ManifestError> {
    Manifest::from_json(value.to_string().as_bytes())
}

#[test]
fn a_manifest_is_read_and_written_back() {
    let manifest = read(&valid()).expect("valid");
    assert_eq!(manifest.limits.wall_seconds, 6);
    assert_eq!(manifest.bound, Bound::EmpiricalBernstein);
    assert_eq!(manifest.score_range.lo(), Score::from_micros(-1_000_000));
    assert_eq!(
        Manifest::from_json(manifest.to_json().as_bytes()),
        Ok(manifest)
    );
}

#[test]
fn a_manifest_may_ask_for_betting() {
    let mut value = valid();
    value["bound"] = "betting".into();
    let manifest = read(&value).expect("valid");
    assert_eq!(manifest.bound, Bound::Betting);
    assert!(manifest.to_json().contains("\"bound\": \"betting\""));
}

#[test]
fn values_out_of_range_are_refused_with_their_field() {
    for (pointer, value, field) in [
        ("/version", serde_json::json!(2), "version"),
        ("/kind", "topic".into(), "kind"),
        ("/bound", "normal".into(), "bound"),
        ("/bound", "".into(), "bound"),
        ("/bound", "empirical_bernstein".into(), "bound"),
        ("/samples", 1.into(), "samples"),
        ("/samples", 1_048_577.into(), "samples"),
        ("/score_range", serde_json::json!([1, 1]), "score_range"),
        ("/score_range", serde_json::json!([2, 1]), "score_range"),
        (
            "/score_range",
            serde_json::json!([0, (1_i64 << 53) + 1]),
            "score_range",
        ),
        (
            "/score_range",
            serde_json::json!([i64::MIN, i64::MAX]),
            "score_range",
        ),
        ("/alpha_ppb", 0.into(), "alpha_ppb"),
        ("/alpha_ppb", 100_000_001.into(), "alpha_ppb"),
        ("/limits/fuel", 0.into(), "limits"),
        ("/limits/fuel", u64::MAX.into(), "limits.fuel"),
        ("/architecture/cid", "".into(), "architecture"),
        ("/evaluator/size", 0.into(), "evaluator"),
        ("/evaluator/size", 268_435_457.into(), "evaluator"),
    ] {
        let mut manifest = valid();
        *manifest.pointer_mut(pointer).expect("the field") = value;
        match read(&manifest).expect_err(pointer) {
            ManifestError::Field { field: found, .. } => assert_eq!(found, field),
            other => panic!("{pointer}: {other}"),
        }
    }
}

/// 250,000,000 multiply-adds in a second, and two models to pay for: 6 s are 750,000,000 each.
#[test]
fn the_fuel_of_both_models_fits_the_wall_time() {
    let mut manifest = valid();
    manifest["limits"]["fuel"] = 750_000_000_u64.into();
    read(&manifest).expect("the largest");
    manifest["limits"]["fuel"] = 750_000_001_u64.into();
    let error = read(&manifest).expect_err("too much");
    assert_eq!(error.code(), "manifest_field");
    assert!(error.to_string().contains(" 125000000 for each"), "{error}");
    // Beyond 64 bits the sums are still right.
    manifest["limits"]["wall_seconds"] = u64::MAX.into();
    manifest["limits"]["fuel"] = u64::MAX.into();
    read(&manifest).expect("fits");
}

#[test]
fn other_json_is_refused() {
    for (pointer, value) in [
        ("/samples", serde_json::json!(-1)),
        ("/samples", 1.5.into()),
        ("/alpha_ppb", 4_294_967_296_u64.into()),
        ("/architecture/sha256", "00".into()),
        ("/score_range", serde_json::json!([0, 1, 2])),
        ("/score_range", serde_json::json!([0.0, 1.0])),
        ("/limits", serde_json::json!({})),
    ] {
        let mut manifest = valid();
        *manifest.pointer_mut(pointer).expect("the field") = value;
        assert_eq!(
            read(&manifest).expect_err(pointer).code(),
            "manifest_json",
            "{pointer}"
        );
    }
    for parent in ["", "/limits", "/evaluator"] {
        let mut manifest = valid();
        let object = manifest
            .pointer_mut(parent)
            .and_then(|value| value.as_object_mut());
        object
            .expect("an object")
            .insert("more".to_owned(), 1.into());
        assert_eq!(read(&manifest).expect_err(parent).code(), "manifest_json");
    }
    let twice = valid().to_string().replacen('{', r#"{"samples":200,"#, 1);
    assert!(Manifest::from_json(twice.as_bytes()).is_err());
    let long = vec![b' '; MAX_MANIFEST_BYTES + 1];
    assert_eq!(
        Manifest::from_json(&long).expect_err("long").code(),
        "manifest_too_long"
    );
}

#[test]
fn terms_on_chain_have_to_fit() {
    let manifest = read(&valid()).expect("valid");
    let alpha = |ppb| Alpha::from_ppb(ppb).expect("in range");
    assert_eq!(manifest.check_terms(alpha(1_000_000), 100), Ok(()));
    assert!(manifest.check_terms(alpha(999_999), 100).is_err());
    assert!(manifest.check_terms(alpha(1_000_000), 101).is_err());
}

#[test]
fn the_template_of_the_example_lacks_nothing_but_content() {
    let text = include_str!("../../../../examples/x-squared/manifest.template.json");
    let mut template: serde_json::Value = serde_json::from_str(text).expect("JSON");
    for content in ["architecture", "evaluator"] {
        template[content] = serde_json::json!({"cid": "bafy", "sha256": DIGEST, "size": 1});
    }
    assert!(read(&template).is_ok());
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..512)) {
        drop(Manifest::from_json(&bytes));
    }

    #[test]
    fn no_damage_makes_it_panic(at in 0_usize..2000, byte in proptest::prelude::any::<u8>()) {
        let mut text = valid().to_string().into_bytes();
        let at = at % text.len();
        text[at] = byte;
        if let Ok(manifest) = Manifest::from_json(&text) {
            proptest::prop_assert_eq!(Manifest::from_json(manifest.to_json().as_bytes()), Ok(manifest));
        }
    }
}
