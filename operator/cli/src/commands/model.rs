//! `zarathustra model`: untrained models, conversions from and to Keras JSON, and a look inside.

mod run;

use std::path::{Path, PathBuf};

use alloy::primitives::keccak256;
use clap::Subcommand;
use eyre::{Context, Result};
use serde_json::json;
use zarathustra_eval::{
    architecture::{Architecture, MAX_ARCHITECTURE_BYTES, Op, ParameterSpec},
    cost::Cost,
    keras::{self, MAX_TOPOLOGY_BYTES, MAX_WEIGHTS_BYTES},
    parameters::Parameters,
};

use crate::{
    context::{read_file, write_files},
    errors::refusal,
    output::{Answer, fields, head, table},
};

/// Largest parameters file that is read.
const MAX_PARAMETER_BYTES: u64 = 4 << 30;
/// Most parameters of an untrained model.
const MAX_UNTRAINED: u64 = 1 << 28;

/// Make, convert and inspect models.
#[derive(Debug, Subcommand)]
pub enum Model {
    /// Make an untrained model: kernels uniform within the bounds of Glorot and Bengio (2010),
    /// biases zero, norms the identity. The same seed makes the same file.
    Init {
        /// The architecture (JSON).
        #[arg(long, value_name = "FILE")]
        architecture: PathBuf,
        /// Seed of the kernels.
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// Where the parameters (safetensors) are written.
        #[arg(long, short, value_name = "FILE")]
        output: PathBuf,
    },
    /// Turn a Keras `Sequential` JSON (plain, or a JSON string that contains JSON) and its weights
    /// into an architecture and safetensors.
    Import {
        /// The model's topology (JSON).
        #[arg(long, value_name = "FILE")]
        topology: PathBuf,
        /// Its weights: a JSON list of arrays, kernels as `[in, out]`; only the architecture is
        /// imported when absent.
        #[arg(long, value_name = "FILE")]
        weights: Option<PathBuf>,
        /// Folder for `architecture.json` and `parameters.safetensors`.
        #[arg(long, short, value_name = "FOLDER")]
        output: PathBuf,
    },
    /// Turn an architecture and safetensors into Keras JSON and a list of arrays.
    Export {
        /// The architecture (JSON).
        #[arg(long, value_name = "FILE")]
        architecture: PathBuf,
        /// The parameters (safetensors).
        #[arg(long, value_name = "FILE")]
        parameters: PathBuf,
        /// Folder for `topology.json` and `weights.json`.
        #[arg(long, short, value_name = "FOLDER")]
        output: PathBuf,
    },
    /// Show what an architecture holds and costs, and check parameters against it.
    Inspect {
        /// The architecture (JSON).
        #[arg(long, value_name = "FILE")]
        architecture: PathBuf,
        /// Parameters that have to fit it (safetensors).
        #[arg(long, value_name = "FILE")]
        parameters: Option<PathBuf>,
    },
    Run(run::Run),
}

impl Model {
    /// Runs the command.
    pub async fn run(self) -> Result<Option<Answer>> {
        match self {
            Self::Init {
                architecture,
                seed,
                output,
            } => init(&architecture, seed, &output),
            Self::Import {
                topology,
                weights,
                output,
            } => import(&topology, weights.as_deref(), &output),
            Self::Export {
                architecture,
                parameters,
                output,
            } => export(&architecture, &parameters, &output),
            Self::Inspect {
                architecture,
                parameters,
            } => inspect(&architecture, parameters.as_deref()),
            Self::Run(command) => command.run().await,
        }
        .map(Some)
    }
}

fn init(architecture: &Path, seed: u64, output: &Path) -> Result<Answer> {
    let architecture = read_architecture(architecture)?;
    let count = Cost::of(&architecture).parameters;
    if count > MAX_UNTRAINED {
        return Err(refusal(
            "too_many_parameters",
            format!(
                "the architecture has {count} parameters, more than the {MAX_UNTRAINED} that are made"
            ),
            "make the file with the library that you train with",
        ));
    }
    written_file(output, &untrained(&architecture, seed)?.to_safetensors()?)
}
/// Parameters that follow from a seed, the same on every machine: the generator is a hash, and the
/// arithmetic is of single correctly rounded steps.
fn untrained(architecture: &Architecture, seed: u64) -> Result<Parameters> {
    let specs = architecture.parameters();
    let mut starts = vec![Start::Constant(0.0); specs.len()];
    for step in architecture.steps() {
        for index in &step.parameters {
            starts[*index] = start(&step.op, &specs[*index]);
        }
    }
    let mut values = Vec::with_capacity(specs.len());
    for (index, (spec, start)) in specs.iter().zip(starts).enumerate() {
        let draw = |element: u64| match start {
            Start::Constant(value) => value,
            Start::Uniform(bound) => {
                let mut input = [0; 24];
                input[..8].copy_from_slice(&seed.to_be_bytes());
                input[8..16].copy_from_slice(&(index as u64).to_be_bytes());
                input[16..].copy_from_slice(&element.to_be_bytes());
                let hash = keccak256(input);
                let [a, b, c, d, ..] = hash.0;
                let unit = f64::from(u32::from_be_bytes([a, b, c, d])) / f64::from(u32::MAX);
                ((2.0 * unit - 1.0) * bound) as f32
            }
        };
        values.push((0..spec.elements()).map(draw).collect());
    }
    Ok(Parameters::new(architecture, values)?)
}

/// What an untrained parameter holds.
#[derive(Debug, Clone, Copy)]
enum Start {
    Constant(f32),
    /// Between minus and plus the bound.
    Uniform(f64),
}

/// Norms begin as the identity, biases at zero, slopes at 0.25, all else within the bounds of
/// Glorot and Bengio.
fn start(op: &Op, spec: &ParameterSpec) -> Start {
    let name = spec.name.as_str();
    let suffix = name.rsplit_once('.').map_or(name, |(_, suffix)| suffix);
    match (op, suffix) {
        (
            Op::BatchNorm { .. } | Op::LayerNorm { .. } | Op::GroupNorm { .. } | Op::RmsNorm { .. },
            "weight" | "running_var",
        ) => Start::Constant(1.0),
        (Op::Prelu { .. }, _) => Start::Constant(0.25),
        (_, suffix) if suffix.starts_with("bias") || suffix == "running_mean" => {
            Start::Constant(0.0)
        }
        _ => match spec.shape.as_slice() {
            [out, into, window @ ..] => {
                let window: u64 = window.iter().product();
                let fans = (*out as f64 + *into as f64) * window as f64;
                Start::Uniform((6.0 / fans).sqrt())
            }
            _ => Start::Constant(0.0),
        },
    }
}

fn import(topology: &Path, weights: Option<&Path>, output: &Path) -> Result<Answer> {
    let architecture = keras::import_architecture(&read_file(topology, MAX_TOPOLOGY_BYTES as u64)?)
        .wrap_err_with(|| format!("import {}", topology.display()))?;
    let json = architecture.to_json();
    let mut files: Vec<(&str, &[u8])> = vec![("architecture.json", json.as_bytes())];
    let parameters = match weights {
        None => None,
        Some(path) => {
            let bytes = read_file(path, MAX_WEIGHTS_BYTES as u64)?;
            let parameters = keras::import_weights(&bytes, &architecture)
                .wrap_err_with(|| format!("import {}", path.display()))?;
            Some(parameters.to_safetensors()?)
        }
    };
    files.extend(
        parameters
            .as_deref()
            .map(|bytes| ("parameters.safetensors", bytes)),
    );
    written(output, &files)
}

fn export(architecture: &Path, parameters: &Path, output: &Path) -> Result<Answer> {
    let architecture = read_architecture(architecture)?;
    let bytes = read_file(parameters, MAX_PARAMETER_BYTES)?;
    let parameters = Parameters::from_safetensors(&bytes, &architecture)
        .wrap_err_with(|| format!("read {}", parameters.display()))?;
    let topology = format!("{:#}\n", keras::export_architecture(&architecture)?);
    let weights = format!("{}\n", keras::export_weights(&parameters));
    written(
        output,
        &[
            ("topology.json", topology.as_bytes()),
            ("weights.json", weights.as_bytes()),
        ],
    )
}

fn inspect(architecture: &Path, parameters: Option<&Path>) -> Result<Answer> {
    let architecture = read_architecture(architecture)?;
    if let Some(path) = parameters {
        let bytes = read_file(path, MAX_PARAMETER_BYTES)?;
        Parameters::from_safetensors(&bytes, &architecture)
            .wrap_err_with(|| format!("{} does not fit the architecture", path.display()))?;
    }
    let mut rows = head(["name", "shape", "elements"]);
    let mut list = Vec::new();
    for spec in architecture.parameters() {
        rows.push(vec![
            spec.name.clone(),
            format!("{:?}", spec.shape),
            spec.elements().to_string(),
        ]);
        list.push(json!({ "name": spec.name, "shape": spec.shape, "elements": spec.elements() }));
    }
    let cost = Cost::of(&architecture);
    let inputs = architecture.inputs();
    let shapes = inputs
        .iter()
        .map(|i| format!("{} {:?} {}", i.name, i.shape, i.dtype.name()));
    let mut lines = vec![
        ("inputs", shapes.collect::<Vec<_>>().join(", ")),
        ("output", format!("{:?}", architecture.output_shape())),
        (
            "parameters",
            format!("{}, {} bytes", cost.parameters, cost.parameter_bytes),
        ),
        ("multiply-adds per sample", cost.macs_per_sample.to_string()),
        (
            "activations per sample",
            format!("{} bytes", cost.activation_bytes),
        ),
    ];
    if parameters.is_some() {
        lines.push(("the given parameters", "fit".to_owned()));
    }
    let text = format!("{}\n{}", table(&rows), fields(&lines));
    let json = json!({
        "inputs": inputs,
        "output": architecture.output_shape(),
        "parameters": list,
        "parameter_count": cost.parameters,
        "parameter_bytes": cost.parameter_bytes,
        "macs_per_sample": cost.macs_per_sample,
        "activation_bytes": cost.activation_bytes,
        "fits": parameters.map(|_| true),
    });
    Ok(Answer::new(text, json))
}

fn read_architecture(path: &Path) -> Result<Architecture> {
    Architecture::from_json(&read_file(path, MAX_ARCHITECTURE_BYTES as u64)?)
        .wrap_err_with(|| format!("read {}", path.display()))
}

fn written_file(output: &Path, bytes: &[u8]) -> Result<Answer> {
    let name = output
        .file_name()
        .and_then(|name| name.to_str())
        .ok_or_else(|| {
            refusal(
                "output_malformed",
                format!("{} is no file name", output.display()),
                "name a file with --output",
            )
        })?;
    written(output.parent().unwrap_or(Path::new("")), &[(name, bytes)])
}

fn written(folder: &Path, files: &[(&str, &[u8])]) -> Result<Answer> {
    let paths = write_files(folder, files)?;
    let mut text = String::new();
    let mut list = Vec::new();
    for (path, (_, bytes)) in paths.iter().zip(files) {
        text.push_str(&format!("{}  {} bytes\n", path.display(), bytes.len()));
        list.push(json!({ "path": path, "bytes": bytes.len() }));
    }
    Ok(Answer::new(text, json!({ "written": list })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_untrained_model_stays_within_its_bounds_and_differs_by_seed() {
        let text = include_bytes!("../../../../examples/x-squared/architecture.json");
        let architecture = Architecture::from_json(text).expect("valid");
        let made = untrained(&architecture, 1).expect("made");
        for (name, shape, values) in made.iter() {
            let bound = match *shape {
                [out, into] => (6.0 / (out + into) as f32).sqrt(),
                _ => 0.0,
            };
            assert!(values.iter().all(|v| v.abs() <= bound), "{name}");
            assert!(
                bound == 0.0 || values.iter().any(|v| v.abs() > bound / 2.0),
                "{name}"
            );
        }
        assert_eq!(made, untrained(&architecture, 1).expect("made"));
        assert_ne!(made, untrained(&architecture, 2).expect("made"));
    }
}
