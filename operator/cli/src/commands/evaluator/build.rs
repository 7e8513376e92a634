//! `zarathustra evaluator build`: from source to a component that imports `wasi:nn` alone.

mod c;
mod python;
mod rust;
mod tool;

use std::path::{Path, PathBuf};

use eyre::{Context as _, Result};
use serde_json::json;
use tempfile::TempDir;
use wit_component::ComponentEncoder;
use zarathustra_eval::manifest::MAX_EVALUATOR_BYTES;
use zarathustra_primitives::Digest;

use super::check::component;
use crate::{
    context::read_file,
    errors::refusal,
    output::{Answer, fields, progress},
};

/// The contract of evaluation programs.
pub const EVALUATOR_WIT: &str = include_str!("../../../../eval/wit/evaluator.wit");
/// The interface to the model, which the contract imports.
pub const NN_WIT: &str = include_str!("../../../../eval/wit/deps/nn/wasi-nn.wit");
/// The world that a program is written for.
const WORLD: &str = "evaluator";

/// What is built.
#[derive(Debug, clap::Args)]
pub struct Build {
    /// The program: a file in Python or C, or the folder of a project.
    source: PathBuf,
    /// Where the component is written.
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// Python with componentize-py, for programs in Python.
    #[arg(
        long,
        env = "ZARATHUSTRA_PYTHON",
        value_name = "PROGRAM",
        default_value = "python3"
    )]
    python: PathBuf,
    /// C compiler for wasm32-wasi, for programs in C; `zig cc`, ziglang in Python, or the clang
    /// below WASI_SDK_PATH when absent.
    #[arg(long, env = "ZARATHUSTRA_WASI_CC", value_name = "PROGRAM")]
    cc: Option<PathBuf>,
}

/// A program that can be built.
enum Program {
    Python(PathBuf),
    C(PathBuf),
    Rust(PathBuf),
}

impl Program {
    fn find(source: &Path) -> Result<Self> {
        let extension = source.extension().and_then(|extension| extension.to_str());
        if source.is_dir() {
            for (name, program) in [
                ("Cargo.toml", Self::Rust(source.to_owned())),
                ("evaluator.py", Self::Python(source.join("evaluator.py"))),
                ("evaluator.c", Self::C(source.join("evaluator.c"))),
            ] {
                if source.join(name).is_file() {
                    return Ok(program);
                }
            }
        } else if source.is_file() {
            match extension {
                Some("py") => return Ok(Self::Python(source.to_owned())),
                Some("c") => return Ok(Self::C(source.to_owned())),
                _ => {}
            }
        }
        Err(refusal(
            "no_program",
            format!("there is no evaluation program at {}", source.display()),
            "name a file ending in .py or .c, or a folder with evaluator.py, evaluator.c or Cargo.toml; `zarathustra evaluator new` makes one",
        ))
    }
}

impl Build {
    /// Runs the command.
    pub fn run(self) -> Result<Answer> {
        let program = Program::find(&self.source)?;
        progress(&format!("building {}", self.source.display()));
        let interfaces = interfaces()?;
        let bytes = match &program {
            Program::Python(source) => python::build(&self.python, source, interfaces.path())?,
            Program::C(source) => encode(&c::build(self.cc.as_deref(), &self.python, source)?)?,
            Program::Rust(folder) => encode(&rust::build(folder)?)?,
        };
        component::require(&bytes)?;
        let parent = self.output.parent().unwrap_or(Path::new(""));
        std::fs::create_dir_all(if parent.as_os_str().is_empty() {
            Path::new(".")
        } else {
            parent
        })
        .and_then(|()| std::fs::write(&self.output, &bytes))
        .wrap_err_with(|| format!("write {}", self.output.display()))?;
        let digest = Digest::of(&bytes);
        let text = fields(&[
            ("component", self.output.display().to_string()),
            ("bytes", bytes.len().to_string()),
            ("sha256", digest.to_string()),
        ]);
        let json = json!({ "component": self.output, "bytes": bytes.len(), "sha256": digest });
        Ok(Answer::new(text, json))
    }
}

/// The contract in a folder, for tools that read it from there.
fn interfaces() -> Result<TempDir> {
    let folder = tempfile::tempdir().wrap_err("make a folder")?;
    let nn = folder.path().join("deps/nn");
    std::fs::create_dir_all(&nn)
        .and_then(|()| std::fs::write(folder.path().join("evaluator.wit"), EVALUATOR_WIT))
        .and_then(|()| std::fs::write(nn.join("wasi-nn.wit"), NN_WIT))
        .wrap_err("write the contract of evaluators")?;
    Ok(folder)
}

/// The component around a core module that carries its type.
fn encode(module: &[u8]) -> Result<Vec<u8>> {
    let encoded = ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(|mut encoder| encoder.encode());
    encoded.map_err(|error| {
        let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
        refusal(
            "module_not_a_component",
            format!("the program does not make a component: {}", causes.join(": ")),
            "a program may use nothing but wasi:nn: no files, clocks, standard output or random numbers of the system",
        )
    })
}

/// Reads what a tool has built.
fn built(path: &Path) -> Result<Vec<u8>> {
    read_file(path, MAX_EVALUATOR_BYTES).wrap_err("read what was built")
}
