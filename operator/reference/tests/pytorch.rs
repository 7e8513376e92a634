//! Every operation against what PyTorch computes in 64 bits (tests/vectors/operators.py).

#[path = "common/compute.rs"]
mod compute;
#[path = "common/names.rs"]
mod names;
#[path = "../../../tests/vectors/operators.rs"]
mod vectors;

use std::collections::{BTreeMap, BTreeSet};

use compute::{architecture, compute, compute_part, folder};
use vectors::Case;

/// How far a result may be from the expected one, of one expected element: both are one true value
/// up to errors of 64-bit floats, rounded to 32 bits. They are equal, or neighbours where the true
/// value is next to the middle between two.
const ONE_ROUNDING: f64 = 1.2e-7;

/// Where several nodes round one after the other, of the largest expected element.
const SEVERAL_ROUNDINGS: f64 = 1e-6;

/// The tolerance of each kind of file: relative to the element, and relative to the largest one,
/// for elements that are differences of much larger ones.
fn tolerance(file: &str) -> [f64; 2] {
    match file {
        "transformer_encoder" | "transformer_decoder" | "graph" => [0.0, SEVERAL_ROUNDINGS],
        // PyTorch answers x itself from 20 on, where ln(1 + eˣ) is larger by up to 2e-9.
        "softplus" => [ONE_ROUNDING + 1e-10, 0.0],
        // In its tail, PyTorch takes 1 from a number close to 1.
        "gelu" => [ONE_ROUNDING, 1e-16],
        _ => [ONE_ROUNDING, 1e-14],
    }
}

#[test]
fn every_case_is_what_pytorch_computes() {
    let cases = vectors::read(&folder());
    let mut equal = 0;
    let mut elements = 0;
    for (file, case) in &cases {
        let found = compute(case);
        let [of_each, of_largest] = tolerance(file);
        let sizes = case.expected.iter().map(|x| x.abs());
        let largest = sizes.max_by(f32::total_cmp).expect("a result");
        assert_eq!(found.len(), case.expected.len(), "{file}, {}", case.name);
        for (index, (found, expected)) in found.iter().zip(&case.expected).enumerate() {
            let (found, expected) = (f64::from(*found), f64::from(*expected));
            let allowed = of_each * expected.abs() + of_largest * f64::from(largest);
            assert!(
                (found - expected).abs() <= allowed,
                "{file}, {}, element {index}: {found:e}, expected {expected:e}",
                case.name
            );
            elements += 1;
            equal += usize::from(found == expected);
        }
    }
    println!(
        "{} cases, {equal} of {elements} elements equal to the last bit",
        cases.len()
    );
    let mut files: BTreeSet<_> = cases.into_iter().map(|(file, _)| file).collect();
    assert!(files.remove("graph"), "no case of several nodes");
    assert_eq!(files, names::operations(), "an operation has no case");
}

/// Each case has the parameters that its architecture implies, by name and shape.
#[test]
fn the_cases_have_the_parameters_that_architectures_imply() {
    for (file, case) in vectors::read(&folder()) {
        let architecture = architecture(&case);
        let implied = architecture.parameters().iter();
        let implied: BTreeMap<_, _> = implied.map(|p| (&p.name, &p.shape)).collect();
        let drawn = case.parameters.iter();
        let drawn: BTreeMap<_, _> = drawn.map(|p| (&p.name, &p.shape)).collect();
        assert_eq!(implied, drawn, "{file}, {}", case.name);
    }
}

/// The engine's answer to one row alone.
fn compute_row(case: &Case, row: usize) -> Vec<f32> {
    compute_part(case, |input| {
        let size = input.values.len() / case.rows;
        (input.values[row * size..][..size].to_vec(), 1)
    })
}

/// Rows do not know of each other.
#[test]
fn rows_are_the_same_alone_and_together() {
    for (file, case) in vectors::read(&folder()) {
        let together = compute(&case);
        let rows: Vec<f32> = (0..case.rows)
            .flat_map(|row| compute_row(&case, row))
            .collect();
        assert_eq!(together, rows, "{file}, {}", case.name);
    }
}
