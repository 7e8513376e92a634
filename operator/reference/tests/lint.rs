//! The lint that keeps the standard library's functions out of this crate fires for each of them.

use std::{collections::BTreeSet, fs, io::ErrorKind, path::Path, process::Command};

/// Methods of the standard library's floats that no standard fixes to the last bit: what the
/// documentation of Rust 1.95 calls of unspecified precision, and `mul_add`, `max` and `min`, which
/// leave a choice. Each with arguments.
const INEXACT: &[(&str, &str)] = &[
    ("acos", ""),
    ("acosh", ""),
    ("asin", ""),
    ("asinh", ""),
    ("atan", ""),
    ("atan2", "x"),
    ("atanh", ""),
    ("cbrt", ""),
    ("cos", ""),
    ("cosh", ""),
    ("exp", ""),
    ("exp2", ""),
    ("exp_m1", ""),
    ("hypot", "x"),
    ("ln", ""),
    ("ln_1p", ""),
    ("log", "x"),
    ("log10", ""),
    ("log2", ""),
    ("max", "x"),
    ("min", "x"),
    ("mul_add", "x, x"),
    ("powf", "x"),
    ("powi", "3"),
    ("sin", ""),
    ("sin_cos", ""),
    ("sinh", ""),
    ("tan", ""),
    ("tanh", ""),
];

/// Methods that are exact everywhere.
const EXACT: &[&str] = &[
    "sqrt",
    "abs",
    "floor",
    "ceil",
    "trunc",
    "round_ties_even",
    "to_bits",
];

/// Lines on which clippy finds a method that the crate's settings refuse.
fn refused(program: &str) -> Option<BTreeSet<usize>> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let source = folder.join("lint.rs");
    fs::write(&source, program).expect("a scratch file");
    let output = Command::new("clippy-driver")
        .args([
            "--crate-type",
            "lib",
            "--edition",
            "2024",
            "--emit",
            "metadata",
        ])
        .args(["-A", "clippy::all", "-D", "clippy::disallowed_methods"])
        .args(["--error-format", "short", "--out-dir"])
        .args([folder, &source])
        .env("CLIPPY_CONF_DIR", env!("CARGO_MANIFEST_DIR"))
        .output();
    let output = match output {
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        output => output.expect("clippy runs"),
    };
    let text = String::from_utf8_lossy(&output.stderr);
    let of_line = |line: &str| {
        let (_, rest) = line.split_once("lint.rs:")?;
        assert!(rest.contains("disallowed method"), "{text}");
        rest.split(':').next()?.parse().ok()
    };
    Some(text.lines().filter_map(of_line).collect())
}

#[test]
fn every_inexact_method_is_refused_and_no_exact_one() {
    let of_both = |(name, arguments): (&str, &str)| {
        ["f32", "f64"].map(|float| {
            format!("pub fn {name}_{float}(x: {float}) -> impl Copy {{ x.{name}({arguments}) }}\n")
        })
    };
    let inexact = INEXACT.iter().copied().flat_map(of_both);
    let exact = EXACT.iter().flat_map(|name| of_both((name, "")));
    let program: String = inexact.chain(exact).collect();
    let Some(refused) = refused(&program) else {
        println!("skipped: clippy-driver is not installed (rustup component add clippy)");
        return;
    };
    assert_eq!(refused, (1..=2 * INEXACT.len()).collect());
}
