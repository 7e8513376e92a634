//! `zarathustra evaluator`: evaluation programs from a template to a component that holds.

mod build;
mod check;
mod new;
mod run;
mod trial;

use std::path::PathBuf;

use clap::Subcommand;
use eyre::Result;

use crate::{context::Globals, output::Answer};
use new::Language;

pub use check::findings;
pub use trial::Trial;

/// Make, build, check and run evaluation programs.
#[derive(Debug, Subcommand)]
pub enum Evaluator {
    /// Start a project: a program that works, its contract, and a model to try it on.
    New {
        /// Folder of the project; must not exist, or be empty.
        folder: PathBuf,
        /// Language of the program.
        #[arg(long, value_enum)]
        language: Language,
    },
    /// Build a program into a component that imports `wasi:nn` alone.
    Build(build::Build),
    /// Score a model in the sandboxed worker, as operators do.
    Run(run::Run),
    /// Find what would make operators refuse the program, or cost its owner money.
    Check(check::Check),
}

impl Evaluator {
    /// Runs the command.
    pub async fn run(self, globals: &Globals) -> Result<Option<Answer>> {
        match self {
            Self::New { folder, language } => new::new(&folder, language).map(Some),
            Self::Build(build) => build.run().map(Some),
            Self::Run(run) => run.run(globals).await.map(Some),
            Self::Check(check) => check.run(globals).await,
        }
    }
}
