//! What `run` and `check` evaluate: a program, a model, and the limits of a request.

use std::{
    path::{Path, PathBuf},
    str::FromStr,
};

use clap::Args;
use eyre::{Context as _, Result};
use zarathustra_eval::{
    Content, EvaluationJob, Submitted,
    architecture::{Architecture, MAX_ARCHITECTURE_BYTES},
    cost::Cost,
    manifest::{ContentRef, Limits, MAX_EVALUATOR_BYTES, Manifest},
    parameters::{Expected, Parameters},
};
use zarathustra_primitives::{Alpha, Bound, Engine, MAX_SAMPLES, Score, ScoreRange, Seed};

use crate::{commands::request::RequestFile, context::read_file, errors::refusal};

/// Largest parameters file that is read.
const MAX_PARAMETER_BYTES: u64 = 4 << 30;
/// Tolerance outside of a request, in millionths.
const DEFAULT_TOLERANCE: Score = Score::from_micros(1_000);

/// The model of a trial, and its limits.
#[derive(Debug, Clone, Args)]
pub struct TrialOptions {
    /// The model's architecture (JSON).
    #[arg(long, value_name = "FILE")]
    architecture: Option<PathBuf>,
    /// The model's parameters (safetensors).
    #[arg(long, value_name = "FILE")]
    parameters: Option<PathBuf>,
    /// Number of samples; 1024 when absent.
    #[arg(long, value_parser = clap::value_parser!(u32).range(2..=i64::from(MAX_SAMPLES)))]
    samples: Option<u32>,
    /// Range that scores are clipped to; -1,1 when absent.
    #[arg(long, value_name = "LO,HI", allow_hyphen_values = true)]
    range: Option<Range>,
    /// Fuel for one model; 2000000000 when absent.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    fuel: Option<u64>,
    /// Memory of the program, in bytes; 268435456 when absent.
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u64).range(1..))]
    memory_bytes: Option<u64>,
    /// Time for an evaluation, in seconds; 120 when absent.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    wall_seconds: Option<u64>,
}

/// Two decimal numbers, the lower first.
#[derive(Debug, Clone, Copy)]
pub struct Range(ScoreRange);

impl FromStr for Range {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (lo, hi) = text.split_once(',').ok_or("two numbers, as in -1,1")?;
        let number = |text: &str| {
            let value: f64 = text.trim().parse().map_err(|_| "not a number")?;
            let micros = (value * Score::SCALE as f64).round();
            if micros.abs() <= ScoreRange::MAX_MICROS as f64 {
                Ok(Score::from_micros(micros as i64))
            } else {
                Err("too large")
            }
        };
        ScoreRange::new(number(lo)?, number(hi)?)
            .map(Self)
            .map_err(|error| error.to_string())
    }
}

impl TrialOptions {
    /// Puts what was given in the place of what a manifest says.
    fn apply(&self, manifest: &mut Manifest) -> Result<()> {
        let limits = &mut manifest.limits;
        manifest.samples = self.samples.unwrap_or(manifest.samples);
        manifest.score_range = self.range.map_or(manifest.score_range, |range| range.0);
        limits.fuel = self.fuel.unwrap_or(limits.fuel);
        limits.memory_bytes = self.memory_bytes.unwrap_or(limits.memory_bytes);
        limits.wall_seconds = self.wall_seconds.unwrap_or(limits.wall_seconds);
        Manifest::from_json(manifest.to_json().as_bytes())
            .map(drop)
            .wrap_err("these limits make no valid manifest")
    }
}

/// A program, a model, and what an evaluation may use.
pub struct Trial {
    /// The program.
    pub evaluator: Vec<u8>,
    /// The architecture's file.
    pub architecture: Vec<u8>,
    /// The parameters' file.
    pub parameters: Vec<u8>,
    /// The manifest of a request for these.
    pub manifest: Manifest,
    /// How far two machines' scores may lie apart.
    pub tolerance: Score,
}

impl Trial {
    /// A trial of a program outside any request.
    pub fn of_program(evaluator: &Path, options: &TrialOptions) -> Result<Self> {
        let (Some(architecture), Some(parameters)) = (&options.architecture, &options.parameters)
        else {
            return Err(refusal(
                "no_model",
                "no model was named to try the program on",
                "name one with --architecture and --parameters",
            ));
        };
        let evaluator = read_file(evaluator, MAX_EVALUATOR_BYTES)?;
        let architecture_bytes = read_file(architecture, MAX_ARCHITECTURE_BYTES as u64)?;
        let parsed = Architecture::from_json(&architecture_bytes)
            .wrap_err_with(|| format!("read {}", architecture.display()))?;
        let parameter_bytes = read_file(parameters, MAX_PARAMETER_BYTES)?;
        Parameters::from_safetensors(&parameter_bytes, &parsed)
            .wrap_err_with(|| format!("{} does not fit the architecture", parameters.display()))?;
        let cost = Cost::of(&parsed);
        let score = Score::from_micros;
        let mut manifest = Manifest {
            name: "trial".to_owned(),
            description: String::new(),
            architecture: ContentRef::unpublished(&architecture_bytes),
            evaluator: ContentRef::unpublished(&evaluator),
            samples: 1024,
            score_range: ScoreRange::new(score(-Score::SCALE), score(Score::SCALE))?,
            alpha: Alpha::from_ppb(1_000_000)?,
            bound: Bound::EmpiricalBernstein,
            limits: Limits {
                parameter_bytes: parameter_bytes.len() as u64,
                parameters: cost.parameters.max(1),
                macs_per_sample: cost.macs_per_sample.max(1),
                activation_bytes: cost.activation_bytes.max(1),
                fuel: 2_000_000_000,
                memory_bytes: 256 << 20,
                wall_seconds: 120,
            },
        };
        options.apply(&mut manifest)?;
        Ok(Self {
            evaluator,
            architecture: architecture_bytes,
            parameters: parameter_bytes,
            manifest,
            tolerance: DEFAULT_TOLERANCE,
        })
    }

    /// A trial of a request's program on its baseline.
    pub async fn of_request(file: &Path, options: &TrialOptions) -> Result<Self> {
        if options.architecture.is_some() || options.parameters.is_some() {
            return Err(refusal(
                "model_named_twice",
                "a request names its own architecture and baseline",
                "leave --architecture and --parameters out, or name the component itself",
            ));
        }
        let mut trial = RequestFile::read(file, &[])?.trial().await?;
        options.apply(&mut trial.manifest)?;
        Ok(trial)
    }

    /// The evaluation of two models under a seed.
    pub fn job(&self, champion: &[u8], challenger: &[u8], seed: Seed) -> EvaluationJob {
        let content = |bytes: &[u8]| Content::from(bytes.to_vec());
        let submitted = |bytes: &[u8]| Submitted {
            content: content(bytes),
            expected: Expected::of(bytes),
        };
        EvaluationJob {
            manifest: self.manifest.clone(),
            architecture: content(&self.architecture),
            evaluator: content(&self.evaluator),
            champion: submitted(champion),
            challenger: submitted(challenger),
            seed,
            engine: Engine::Libtorch,
        }
    }
}
