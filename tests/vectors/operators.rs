//! Reads the vectors of `operators/`, for the tests of both engines, which include this file.

use std::{fs, path::Path};

use serde::Deserialize;

/// One architecture with parameters and inputs, and what PyTorch answers.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What is peculiar about it, unique in its file.
    pub name: String,
    /// The architecture file.
    pub architecture: serde_json::Value,
    /// How many rows there are.
    pub rows: usize,
    /// The parameters; names say which is which.
    pub parameters: Vec<Parameter>,
    /// All rows of each input, in the order of the architecture.
    pub inputs: Vec<Input>,
    /// All rows of the result: computed with 64 bits, rounded to 32.
    pub expected: Vec<f32>,
}

/// One parameter, all elements in row-major order.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// Its key in a safetensors file.
    pub name: String,
    /// Its dimensions.
    pub shape: Vec<u64>,
    /// Its elements.
    pub values: Vec<f32>,
}

/// One input, all rows one behind the other.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Its name in the architecture.
    pub name: String,
    /// Its elements; integers where the architecture says so.
    pub values: Vec<f64>,
}

impl Case {
    /// The bytes of the architecture file.
    pub fn architecture(&self) -> Vec<u8> {
        serde_json::to_vec(&self.architecture).expect("JSON stays JSON")
    }
}

impl Parameter {
    /// The elements as a safetensors file has them: 32-bit floats, little-endian.
    pub fn bytes(&self) -> Vec<u8> {
        self.values.iter().flat_map(|x| x.to_le_bytes()).collect()
    }
}

impl Input {
    /// The elements of an input of floats.
    pub fn floats(&self) -> Vec<f32> {
        self.values.iter().map(|x| *x as f32).collect()
    }

    /// The elements of an input of integers.
    pub fn integers(&self) -> Vec<i32> {
        self.values.iter().map(|x| *x as i32).collect()
    }
}

/// All cases below this folder with the name of their file, which is the operation or `graph`, in
/// the order of the files' names.
pub fn read(folder: &Path) -> Vec<(String, Case)> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    let mut all = Vec::new();
    for path in paths {
        let text = fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let cases: Vec<Case> =
            serde_json::from_slice(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let file = path.file_stem().expect("a name").to_string_lossy();
        all.extend(cases.into_iter().map(|case| (file.to_string(), case)));
    }
    all
}
