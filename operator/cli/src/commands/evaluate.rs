//! `zarathustra evaluate`: what operators will find, before paying for it.

use std::path::PathBuf;

use alloy::primitives::B256;
use clap::Args;
use eyre::Result;
use serde_json::{Value, json};
use zarathustra_chain::read;
use zarathustra_eval::{Content, EvaluationJob, Submitted, judge_unfetched, parameters::Expected};
use zarathustra_primitives::{Engine, EvaluationResult, Seed};
use zarathustra_protocol::agreement::may_claim_libtorch;

use super::{
    request::Bundle,
    worker::{self, Worker},
};
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
    /// What computes; when absent libtorch, and the reference engine where libtorch's figures do not
    /// decide. Performers make sure of libtorch's figures with the reference engine, as `reference`
    /// does. The figures of a settled task name their engine.
    #[arg(long, value_enum)]
    engine: Option<worker::Engine>,
    #[command(flatten)]
    worker: Worker,
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
        let settings = self.worker.settings(globals).await?;
        let bundle = Bundle::fetch(&chain, &globals.content()?, self.request).await?;
        let expected = Expected::of(&challenger);
        let seed = self.seed.unwrap_or_else(B256::random);
        let market = chain.market();
        let least = read("minImprovementOf", market.minImprovementOf(self.request)).await?;
        let thresholds = Thresholds::now(&terms, least);
        if let Some(status) = judge_unfetched(&bundle.manifest.limits, &expected) {
            let result = EvaluationResult::failed(settings.environment.digest(), status)?;
            return Ok(Some(Found::unmeasured(seed, result, thresholds).answer()));
        }
        progress(&format!(
            "evaluating champion and challenger on {} samples",
            bundle.manifest.samples
        ));
        let mut job = EvaluationJob {
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
            engine: self.engine.map_or(Engine::Libtorch, Engine::from),
            manifest: bundle.manifest,
        };
        let mut evaluation = zarathustra_eval::evaluate(&job, &settings).await?;
        let chosen = self.engine.is_some();
        if !chosen && !may_claim_libtorch(&evaluation.result, &thresholds.terms()) {
            progress("libtorch does not decide: evaluating again with the reference engine");
            job.engine = Engine::Reference;
            evaluation = zarathustra_eval::evaluate(&job, &settings).await?;
        }
        let timings = evaluation.timings;
        let found = Found {
            detail: evaluation.detail,
            seconds: timings.total.as_secs_f64(),
            compile_seconds: timings.compile.as_secs_f64(),
            peak_memory_bytes: timings.peak_memory_bytes,
            ..Found::unmeasured(seed, evaluation.result, thresholds)
        };
        Ok(Some(found.answer()))
    }
}

impl Found {
    fn unmeasured(seed: B256, result: EvaluationResult, thresholds: Thresholds) -> Self {
        Self {
            seed,
            result,
            thresholds,
            detail: None,
            seconds: 0.0,
            compile_seconds: 0.0,
            peak_memory_bytes: 0,
        }
    }

    fn answer(&self) -> Answer {
        let figures = self.result.figures();
        let evidence = Evidence {
            status: self.result.status(),
            engine: self.result.engine(),
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
                ("engine", self.result.engine().to_string()),
                ("samples", f.samples.to_string()),
                ("champion score", micros(f.champion_score.micros())),
                ("challenger score", micros(f.challenger_score.micros())),
                ("improvement", micros(f.improvement.micros())),
                ("lower bound", micros(f.lower.micros())),
                ("upper bound", micros(f.upper.micros())),
                ("bound", f.bound.to_string()),
            ]);
        }
        lines.extend(judged.steps.iter().cloned());
        lines.push(("environment", self.result.environment().to_string()));
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
                "bound": f.bound,
                "scores_root": self.result.scores_root(),
            })),
            "verdict_steps": judged.steps.iter().map(|(what, how)| json!({ "what": what, "how": how })).collect::<Vec<_>>(),
            "environment": self.result.environment().to_string(),
            "engine": self.result.engine().code(),
            "seconds": self.seconds,
            "compile_seconds": self.compile_seconds,
            "peak_memory_bytes": self.peak_memory_bytes,
        });
        Answer::new(fields(&lines), json)
    }
}
