//! A model by itself: what a user sees when they compute with the engine of operators.

use std::io::Read;
use std::path::Path;

use tch::Device;
use zarathustra_eval::architecture::{Architecture, MAX_ARCHITECTURE_BYTES};
use zarathustra_eval::wire::{MAX_OUTPUT_BYTES, Run};
use zarathustra_eval::{inputs, parameters};

use crate::Ended;
use crate::evaluate::{check_processor, engine_failed, internal};
use crate::model::Model;

/// Answers the inputs: rows of 32-bit floats, little-endian.
///
/// # Errors
/// When a file is not as it has to be, or when it cannot be done here.
pub fn run(task: &Run) -> Result<Vec<u8>, Ended> {
    check_processor()?;
    let architecture = read(&task.architecture, MAX_ARCHITECTURE_BYTES as u64)?;
    let architecture = Architecture::from_json(&architecture)
        .map_err(|error| refused(&task.architecture, error.code(), &error))?;
    let file = read(&task.parameters, u64::MAX)?;
    let tensors = parameters::read(&file, &architecture)
        .map_err(|error| refused(&task.parameters, error.code(), &error))?;
    let model = Model::new(&architecture, &tensors, task.engine, Device::Cpu)
        .map_err(|error| engine_failed(&error))?;
    drop(tensors);
    drop(file);
    let file = read(&task.inputs, u64::MAX)?;
    let inputs = inputs::read(&file, &architecture)
        .map_err(|error| refused(&task.inputs, error.code(), &error))?;
    let row_bytes = model.output_row_bytes();
    if inputs.rows as u64 > u64::from(MAX_OUTPUT_BYTES) / row_bytes {
        let detail = format!(
            "{} rows of {row_bytes} bytes are more than {MAX_OUTPUT_BYTES} bytes of answers",
            inputs.rows
        );
        return Err(Ended::refused("output_too_large", detail));
    }
    let values: Vec<&[u8]> = inputs.values.iter().map(|values| &**values).collect();
    let answers = model.forward(&values, inputs.rows);
    answers.map_err(|error| engine_failed(&error))
}

fn refused(path: &Path, code: &'static str, error: &dyn std::error::Error) -> Ended {
    Ended::refused(code, format!("{}: {error}", path.display()))
}

/// A file's bytes, at most one more than `limit`, so that a longer one is seen to be longer.
fn read(path: &Path, limit: u64) -> Result<Vec<u8>, Ended> {
    let read = || {
        let mut bytes = Vec::new();
        std::fs::File::open(path)?
            .take(limit.saturating_add(1))
            .read_to_end(&mut bytes)?;
        Ok::<_, std::io::Error>(bytes)
    };
    read().map_err(|error| internal(format!("read {}: {error}", path.display())))
}
