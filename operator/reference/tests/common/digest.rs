//! A digest of every bit that the reference engine answers: to all vectors, and to floats of all
//! sizes for each function of single elements.

use sha2::{Digest as _, Sha256};
use zarathustra_reference::{Model, Values};

use crate::{
    compute::{compute, folder},
    functions::FUNCTIONS,
    operation::operation,
    vectors,
};

/// Further operations on one value that have no parameters.
const OTHERS: [&str; 3] = [
    r#""op":"scale","factor":1.7,"offset":0.3"#,
    r#""op":"softmax","dim":0"#,
    r#""op":"log_softmax","dim":0"#,
];

/// One line for each case and each function.
pub fn lines() -> Vec<String> {
    let mut lines = Vec::new();
    for (file, case) in vectors::read(&folder()) {
        let what = format!("{file}, {}", case.name);
        let answer = compute(&case);
        assert_eq!(answer.len(), case.expected.len(), "{what}");
        lines.push(line(&what, &answer));
    }
    // Every 65,537th bit pattern: both signs, all exponents, infinities, what is not a number.
    let all: Vec<f32> = (0..=u32::from(u16::MAX))
        .map(|i| f32::from_bits(i * 65_537))
        .collect();
    let finite: Vec<f32> = all.iter().copied().filter(|x| x.is_finite()).collect();
    for function in FUNCTIONS.iter().chain(&OTHERS) {
        for (what, values) in [("all", &all), ("finite", &finite)] {
            lines.push(line(
                &format!("{what}, {function}"),
                &sweep(function, values),
            ));
        }
    }
    lines
}

/// A function of each of these values.
fn sweep(function: &str, values: &[f32]) -> Vec<f32> {
    let shape = format!("[{}]", values.len());
    let architecture = operation(&shape, "f32", 1, function);
    let model = Model::new(&architecture, &[]).expect("no parameters");
    let answer = model.forward(&[Values::F32(values)], 1);
    answer.expect("the input fits")
}

fn line(what: &str, answer: &[f32]) -> String {
    let mut digest = Sha256::new();
    for x in answer {
        digest.update(x.to_bits().to_le_bytes());
    }
    let digest: String = digest.finalize()[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{digest} {what}")
}
