//! The evaluations of one check: what they found, and what they took at most.

use std::fmt;

use eyre::Result;
use zarathustra_eval::{
    Evaluation, LocalFailure, WorkerSettings,
    environment::{CAPABILITIES, EnvironmentLock},
    faults,
};
use zarathustra_primitives::{Fault, SampleScore, SampleScores, Score, Seed, Status};

use super::{
    CLIPPED_ONE_IN,
    finding::{Finding, Kind},
    usage::Most,
};
use crate::{commands::evaluator::trial::Trial, output::micros};

/// A check under way.
pub struct Session<'a> {
    trial: &'a Trial,
    settings: WorkerSettings,
    findings: Vec<Finding>,
    most: Most,
    evaluations: u32,
    last: Option<Evaluation>,
}

/// What came of an evaluation that was done here.
enum Outcome {
    Scored(SampleScores),
    Failed(Status, String),
}

impl<'a> Session<'a> {
    /// A check that has found nothing yet.
    pub fn new(trial: &'a Trial, settings: WorkerSettings) -> Self {
        Self {
            trial,
            settings,
            findings: Vec::new(),
            most: Most::default(),
            evaluations: 0,
            last: None,
        }
    }

    /// What is checked.
    pub const fn trial(&self) -> &'a Trial {
        self.trial
    }

    /// What was found so far.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The most that any evaluation took.
    pub const fn most(&self) -> Most {
        self.most
    }

    /// How many evaluations were done.
    pub const fn evaluations(&self) -> u32 {
        self.evaluations
    }

    /// Adds a finding; what was found before once is told once, but for foreign imports.
    pub fn note(&mut self, finding: Finding) {
        let known = |other: &Finding| {
            other.kind == finding.kind
                && (finding.kind != Kind::ImportForeign || other.detail == finding.detail)
        };
        if !self.findings.iter().any(known) {
            self.findings.push(finding);
        }
    }

    /// Scores two models. A failure becomes a finding.
    pub async fn score(
        &mut self,
        what: &str,
        champion: &[u8],
        challenger: &[u8],
        seed: Seed,
    ) -> Result<Option<SampleScores>> {
        let outcome = self.evaluate(
            what,
            self.settings.environment.clone(),
            champion,
            challenger,
            seed,
        );
        Ok(match outcome.await? {
            Some(Outcome::Scored(scores)) => Some(scores),
            Some(Outcome::Failed(status, detail)) => {
                let finding = Finding::new(of_status(status, &detail), format!("{what}: {detail}"));
                self.note(finding);
                None
            }
            None => None,
        })
    }

    /// Scores two models with other settings of the machine.
    pub async fn score_on(
        &mut self,
        name: &str,
        environment: EnvironmentLock,
        champion: &[u8],
        challenger: &[u8],
        seed: Seed,
    ) -> Result<Option<SampleScores>> {
        let outcome = self.evaluate(name, environment, champion, challenger, seed);
        Ok(match outcome.await? {
            Some(Outcome::Scored(scores)) => Some(scores),
            Some(Outcome::Failed(status, detail)) => {
                let detail = format!("with {name}, {status}: {detail}");
                self.note(Finding::new(Kind::DependsOnMachine, detail));
                None
            }
            None => None,
        })
    }

    /// Scores a model that somebody might submit. That it fails by itself is no matter; that the
    /// program fails on it is.
    pub async fn try_model(&mut self, name: &str, model: &[u8], seed: Seed) -> Result<()> {
        let champion = self.trial.parameters.as_slice();
        let outcome = self.evaluate(
            name,
            self.settings.environment.clone(),
            champion,
            model,
            seed,
        );
        if let Some(Outcome::Failed(status, detail)) = outcome.await?
            && status.fault() == Fault::Owner
        {
            let meaning = of_status(status, &detail).meaning();
            let detail = format!("{name}: {meaning}: {detail}");
            self.note(Finding::new(Kind::FailsOnModel, detail));
        }
        Ok(())
    }

    async fn evaluate(
        &mut self,
        what: &str,
        environment: EnvironmentLock,
        champion: &[u8],
        challenger: &[u8],
        seed: Seed,
    ) -> Result<Option<Outcome>> {
        let elsewhere = environment != self.settings.environment;
        let settings = WorkerSettings {
            environment,
            ..self.settings.clone()
        };
        let job = self.trial.job(champion, challenger, seed);
        self.evaluations += 1;
        let evaluation = match zarathustra_eval::evaluate(&job, &settings).await {
            Ok(evaluation) => evaluation,
            Err(failure) => {
                if elsewhere && is_of_the_machine(&failure) {
                    return Ok(None);
                }
                let Some(kind) = of_failure(&failure) else {
                    return Err(failure.into());
                };
                self.note(Finding::new(kind, format!("{what}: {failure}")));
                return Ok(None);
            }
        };
        self.most.add(&evaluation.timings);
        let outcome = match &evaluation.scores {
            Some(scores) => Outcome::Scored(scores.clone()),
            None => Outcome::Failed(
                evaluation.result.status(),
                evaluation.detail.clone().unwrap_or_default(),
            ),
        };
        self.last = Some(evaluation);
        Ok(Some(outcome))
    }

    /// Settings of the machine that operators do not agree on, by name.
    pub fn machines(&self) -> Vec<(&'static str, EnvironmentLock)> {
        let lock = || self.settings.environment.clone();
        // What the lock sets and these do not stays as it is.
        let with = |changed: &[(&'static str, &'static str)]| {
            let value = |name: &str| changed.iter().find(|(other, _)| *other == name);
            let all =
                CAPABILITIES.map(|(name, locked)| value(name).copied().unwrap_or((name, locked)));
            lock().with_capabilities(all)
        };
        let basic = [
            ("ATEN_CPU_CAPABILITY", "default"),
            ("ONEDNN_MAX_CPU_ISA", "SSE41"),
        ];
        let mut machines = vec![
            ("the processor's basic instructions", with(&basic)),
            ("2 threads", lock().with_threads(2)),
            ("7 rows at a time", lock().with_batch_rows(7)),
        ];
        #[cfg(target_arch = "x86_64")]
        if std::is_x86_feature_detected!("avx512f") {
            let wide = [
                ("ATEN_CPU_CAPABILITY", "avx512"),
                ("ONEDNN_MAX_CPU_ISA", "AVX512_CORE"),
                ("MKL_CBWR", "AVX512"),
            ];
            machines.push(("AVX-512", with(&wide)));
        }
        machines
    }

    /// Looks at what the program did in the last evaluation, besides its scores.
    pub fn note_seen(&mut self) {
        let Some(last) = &self.last else { return };
        let seen = last.timings.spent.challenger_seen;
        let samples = self.trial.manifest.samples;
        if seen.rows == 0 {
            self.note(Finding::new(Kind::ModelNotAsked, "no row".to_owned()));
        } else if !seen.rows.is_multiple_of(u64::from(samples)) {
            let detail = format!("{} rows for {samples} samples", seen.rows);
            self.note(Finding::new(Kind::RowsUneven, detail));
        }
        if u64::from(seen.clipped) * CLIPPED_ONE_IN > u64::from(samples) {
            let detail = format!("{} of {samples} scores", seen.clipped);
            self.note(Finding::new(Kind::ScoreClipped, detail));
        }
    }

    /// Compares the most that was used with the limits.
    pub fn note_use(&mut self) {
        for finding in self.most.findings(&self.trial.manifest.limits) {
            self.note(finding);
        }
    }
}

/// What a status means for the program's owner; the detail tells the cases of one status apart.
fn of_status(status: Status, detail: &str) -> Kind {
    match status {
        Status::FuelExhausted => Kind::FuelExhausted,
        Status::EvaluatorTrapped if detail.contains(faults::MEMORY) => Kind::MemoryExhausted,
        Status::EvaluatorTrapped => Kind::Traps,
        Status::EvaluatorInvalid if detail.starts_with(faults::SAYS) => Kind::AnswersError,
        Status::EvaluatorInvalid if detail == faults::NOT_A_NUMBER => Kind::ScoreNotANumber,
        Status::EvaluatorInvalid if [faults::INPUT, faults::INDEX].contains(&detail) => {
            Kind::InputInvalid
        }
        Status::EvaluatorInvalid if faults::is_count(detail) => Kind::ScoreCount,
        Status::EvaluatorInvalid => Kind::Refused,
        _ => Kind::ParametersUnusable,
    }
}

/// What a local failure means for the program's owner, when it means anything.
const fn of_failure(failure: &LocalFailure) -> Option<Kind> {
    match failure {
        LocalFailure::TimedOut { .. } | LocalFailure::BeyondTime { .. } => Some(Kind::TimeExceeded),
        LocalFailure::OutOfMemory { .. } | LocalFailure::BeyondSettings { .. } => {
            Some(Kind::WorkerMemory)
        }
        LocalFailure::StackExhausted { .. } => Some(Kind::StackExhausted),
        _ => None,
    }
}

/// Whether settings cannot be had here.
const fn is_of_the_machine(failure: &LocalFailure) -> bool {
    matches!(
        failure,
        LocalFailure::Environment { .. } | LocalFailure::Unsupported { .. }
    )
}

/// One of the two models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The champion.
    Champion,
    /// The challenger.
    Challenger,
}

/// Where two runs differ most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Worst {
    /// The difference, in millionths.
    pub micros: i64,
    sample: usize,
    one: Score,
    other: Score,
}

impl fmt::Display for Worst {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (one, other) = (micros(self.one.micros()), micros(self.other.micros()));
        write!(f, "sample {} scores {other}, not {one}", self.sample)
    }
}

/// Where the scores of one model differ most; at least two samples are always there.
pub fn difference(one: &SampleScores, other: &SampleScores, side: Side) -> Option<Worst> {
    let of = |score: &SampleScore| match side {
        Side::Champion => score.champion,
        Side::Challenger => score.challenger,
    };
    let pairs = one.as_slice().iter().zip(other.as_slice()).enumerate();
    let all = pairs.map(|(sample, (one, other))| {
        let (one, other) = (of(one), of(other));
        Worst {
            // Scores are at most 2^53 in magnitude.
            micros: (one.micros() - other.micros()).abs(),
            sample,
            one,
            other,
        }
    });
    // The first of several that differ alike.
    all.reduce(|worst, next| {
        if next.micros > worst.micros {
            next
        } else {
            worst
        }
    })
}

/// The same scores with champion and challenger exchanged.
pub fn turned(scores: &SampleScores) -> Result<SampleScores> {
    let turned = scores.as_slice().iter().map(|score| SampleScore {
        champion: score.challenger,
        challenger: score.champion,
    });
    Ok(SampleScores::new(turned.collect())?)
}
