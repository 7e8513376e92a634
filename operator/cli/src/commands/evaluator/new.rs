//! `zarathustra evaluator new`: projects from templates that the program carries.

use std::path::Path;

use clap::ValueEnum;
use eyre::{Context as _, Result};
use serde_json::json;

use super::build::{EVALUATOR_WIT, NN_WIT};
use crate::{context::write_files, errors::refusal, output::Answer};

/// A language that programs are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Language {
    /// Python, with the package `zarathustra_evaluator`.
    Python,
    /// C, with generated bindings.
    C,
    /// Rust, with `wit-bindgen`.
    Rust,
}

const README: &str = include_str!("../../../templates/README.md");
const ARCHITECTURE: &str = include_str!("../../../templates/architecture.json");

/// A file of a project: where it goes and what it holds.
type Source = (&'static str, &'static str);

impl Language {
    fn files(self) -> &'static [Source] {
        match self {
            Self::Python => &[(
                "evaluator.py",
                include_str!("../../../templates/python/evaluator.py"),
            )],
            Self::C => &[
                (
                    "evaluator.c",
                    include_str!("../../../templates/c/evaluator.c"),
                ),
                (".gitignore", "/bindings\n"),
            ],
            Self::Rust => &[
                (
                    "Cargo.toml",
                    include_str!("../../../templates/rust/Cargo.toml.template"),
                ),
                (
                    "src/lib.rs",
                    include_str!("../../../templates/rust/src/lib.rs"),
                ),
                (".gitignore", "/target\n"),
            ],
        }
    }

    /// What has to be installed for `build`.
    const fn needs(self) -> &'static str {
        match self {
            Self::Python => "componentize-py (`python3 -m pip install componentize-py==0.25.1`)",
            Self::C => "zig (`python3 -m pip install ziglang==0.17.1`), or clang of the WASI SDK",
            Self::Rust => "cargo and `rustup target add wasm32-unknown-unknown`",
        }
    }
}

/// Writes a project.
pub fn new(folder: &Path, language: Language) -> Result<Answer> {
    let taken = match folder.read_dir() {
        Ok(mut entries) => entries.next().is_some(),
        Err(_) => folder.exists(),
    };
    if taken {
        return Err(refusal(
            "folder_taken",
            format!("{} is there already and not empty", folder.display()),
            "name another folder",
        ));
    }
    let readme = README.replace("LANGUAGE_NEEDS", language.needs());
    let mut files = vec![
        ("README.md", readme.as_bytes()),
        ("architecture.json", ARCHITECTURE.as_bytes()),
        ("wit/evaluator.wit", EVALUATOR_WIT.as_bytes()),
        ("wit/deps/nn/wasi-nn.wit", NN_WIT.as_bytes()),
    ];
    let own = language.files().iter();
    files.extend(own.map(|(path, text)| (*path, text.as_bytes())));
    let written = write_files(folder, &files)
        .wrap_err_with(|| format!("make the project {}", folder.display()))?;
    let mut text: String = written
        .iter()
        .map(|path| format!("{}\n", path.display()))
        .collect();
    text.push_str(&format!(
        "next: zarathustra evaluator build {0} --output {0}/evaluator.wasm\n",
        folder.display()
    ));
    Ok(Answer::new(text, json!({ "written": written })))
}
