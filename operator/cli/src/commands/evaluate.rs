//! `zarathustra evaluate`: what operators will find, before paying for it.

use std::path::PathBuf;

use alloy::primitives::B256;
use clap::Args;
use eyre::Result;
use serde_json::{Value, json};
use zarathustra_eval::{
    Content, EvaluationJob, Submitted, WORKER_VARIABLE, WorkerSettings,
    environment::EnvironmentLock, judge_unfetched, parameters::Expected,
};
use zarathustra_primitives::{EvaluationResult, Seed};

use super::request::Bundle;
use crate::{
    context::{Globals, read_file},
    output::{Answer, fields, micros, progress},
    reads,
    verdict::{Evidence, Thresholds, judge},
};

/// Evaluate parameters against a request's champion, as operators do.
#[derive(Debug, Args)]
pub struct Evaluate {
    /// The request.
    #[arg(long)]
    request: u64,
    /// The parameters to evaluate (safetensors).
    #[arg(long, value_name = "FILE")]
    parameters: PathBuf,
    /// Seed, 32 bytes of hex; random when absent. Operators use one that nobody can know before.
    #[arg(long)]
    seed: Option<B256>,
    /// The worker program; found beside this one when absent.
    #[arg(long, env = WORKER_VARIABLE, value_name = "FILE")]
    worker: Option<PathBuf>,
    /// Folder of compiled evaluators, which programs on one machine may share; `cache` in the home
    /// folder when absent.
    #[arg(long, env = "ZARATHUSTRA_CACHE", value_name = "FOLDER")]
    cache: Option<PathBuf>,
}

/// What was found, and what it took.
struct Found {
    seed: B256,
    result: EvaluationResult,
    detail: Option<String>,
    thresholds: Thresholds,
    seconds: f64,
    compile_seconds: f64,
    peak_memory_bytes: u64,
}

impl Evaluate {
    /// Runs the command.
    pub async fn run(self, globals: &Globals) -> Result<Option<Answer>> {
        let chain = globals.chain().await?;
        let terms = reads::terms(&chain, self.request).await?;
        let challenger = read_file(&self.parameters, terms.maxParameterBytes)?;
        let settings = self.settings(globals)?;
        let bundle = Bundle::fetch(&chain, &globals.content()?, self.request).await?;
        let expected = Expected::of(&challenger);
        let seed = self.seed.unwrap_or_else(B256::random);
        let mut found = Found {
            seed,
            result: zarathustra_eval::invalid_request(),
            detail: None,
            thresholds: Thresholds::from(&terms),
            seconds: 0.0,
            compile_seconds: 0.0,
            peak_memory_bytes: 0,
        };
        if let Some(result) = judge_unfetched(&bundle.manifest.limits, &expected) {
            found.result = result;
            return Ok(Some(found.answer()));
        }
        progress(&format!(
            "evaluating champion and challenger on {} samples",
            bundle.manifest.samples
        ));
        let job = EvaluationJob {
            architecture: Content::from(bundle.architecture),
            evaluator: Content::from(bundle.evaluator),
            champion: Submitted {
                expected: Expected::of(&bundle.champion),
                content: Content::from(bundle.champion),
            },
            challenger: Submitted {
                expected,
                content: Content::from(challenger),
            },
            seed: Seed::new(seed),
            manifest: bundle.manifest,
        };
        let evaluation = zarathustra_eval::evaluate(&job, &settings).await?;
        found.result = evaluation.result;
        found.detail = evaluation.detail;
        found.seconds = evaluation.timings.total.as_secs_f64();
        found.compile_seconds = evaluation.timings.compile.as_secs_f64();
        found.peak_memory_bytes = evaluation.timings.peak_memory_bytes;
        Ok(Some(found.answer()))
    }

    fn settings(&self, globals: &Globals) -> Result<WorkerSettings> {
        let cache_dir = match &self.cache {
            Some(folder) => folder.clone(),
            None => globals.home()?.join("cache"),
        };
        Ok(match &self.worker {
            None => WorkerSettings::discover(cache_dir)?,
            Some(worker) => WorkerSettings {
                worker: worker.clone(),
                cache_dir,
                cache_key: None,
                memory_bytes: WorkerSettings::MEMORY_BYTES,
                wall: WorkerSettings::WALL,
                allow_unsandboxed: false,
                cgroups: true,
            },
        })
    }
}

impl Found {
    fn answer(&self) -> Answer {
        let figures = self.result.figures();
        let evidence = Evidence {
            status: self.result.status(),
            samples: figures.map_or(0, |f| f.samples),
            lower: figures.map_or(0, |f| f.lower.micros()),
            upper: figures.map_or(0, |f| f.upper.micros()),
        };
        let judged = judge(&evidence, &self.thresholds);
        let mut lines = vec![
            ("verdict", judged.state.to_string()),
            ("reason", judged.reason.to_string()),
            ("status", self.result.status().to_string()),
        ];
        lines.extend(self.detail.clone().map(|detail| ("detail", detail)));
        lines.push(("seed", self.seed.to_string()));
        if let Some(f) = figures {
            lines.extend([
                ("samples", f.samples.to_string()),
                ("champion score", micros(f.champion_score.micros())),
                ("challenger score", micros(f.challenger_score.micros())),
                ("improvement", micros(f.improvement.micros())),
                ("lower bound", micros(f.lower.micros())),
                ("upper bound", micros(f.upper.micros())),
            ]);
        }
        lines.extend(judged.steps.iter().cloned());
        lines.push((
            "seconds",
            format!(
                "{:.2}, of which {:.2} to compile",
                self.seconds, self.compile_seconds
            ),
        ));
        let json = json!({
            "verdict": judged.state.code(),
            "reason": judged.reason.code(),
            "status": self.result.status().code(),
            "detail": self.detail,
            "seed": self.seed,
            "figures": figures.map_or(Value::Null, |f| json!({
                "samples": f.samples,
                "champion_score": f.champion_score.micros(),
                "challenger_score": f.challenger_score.micros(),
                "improvement": f.improvement.micros(),
                "lower_bound": f.lower.micros(),
                "upper_bound": f.upper.micros(),
                "scores_root": self.result.scores_root(),
            })),
            "verdict_steps": judged.steps.iter().map(|(what, how)| json!({ "what": what, "how": how })).collect::<Vec<_>>(),
            "environment": EnvironmentLock.digest().to_string(),
            "seconds": self.seconds,
            "compile_seconds": self.compile_seconds,
            "peak_memory_bytes": self.peak_memory_bytes,
        });
        Answer::new(fields(&lines), json)
    }
}
