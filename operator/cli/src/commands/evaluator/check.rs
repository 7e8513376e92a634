//! `zarathustra evaluator check`: what would make operators refuse a program, or cost its owner
//! money, found before anything is paid.

pub mod component;
pub mod finding;
mod models;
mod session;
mod usage;

use std::path::PathBuf;

use clap::Args;
use eyre::{Context as _, Result};
use serde_json::json;
use zarathustra_primitives::{Digest, SampleScores, Seed};

use super::trial::{Trial, TrialOptions};
use crate::{
    commands::worker::Worker,
    context::Globals,
    errors::refusal,
    output::{Answer, micros, progress},
};
use finding::{Finding, Kind, Severity};
use session::{Session, Side, Worst, difference};

/// Scores with more than this share in common come from a pool.
const REPEATED_SHARE: f64 = 0.5;
/// Scores of so few values say nothing about repeated samples.
const FEW_VALUES: usize = 16;
/// More clipped scores than one in so many are told of.
const CLIPPED_ONE_IN: u64 = 20;

/// Find what would make operators refuse the program, or cost its owner money.
///
/// Exits with 1 when there is an error among the findings.
#[derive(Debug, Args)]
pub struct Check {
    /// The component, or a request file (TOML) that names it and its limits.
    program: PathBuf,
    #[command(flatten)]
    trial: TrialOptions,
    #[command(flatten)]
    worker: Worker,
}

/// What `check` can find, as text: code, severity, meaning, cost and remedy.
pub fn findings() -> Vec<[&'static str; 5]> {
    let row = |kind: &Kind| {
        [
            kind.code(),
            kind.severity().code(),
            kind.meaning(),
            kind.cost(),
            kind.remedy(),
        ]
    };
    Kind::ALL.iter().map(row).collect()
}

impl Check {
    /// Runs the command. It prints for itself, since it may have to fail after that.
    pub async fn run(self, globals: &Globals) -> Result<Option<Answer>> {
        let is_request = self.program.extension().is_some_and(|end| end == "toml");
        let trial = if is_request {
            Trial::of_request(&self.program, &self.trial).await?
        } else {
            Trial::of_program(&self.program, &self.trial)?
        };
        let mut session = Session::new(&trial, self.worker.settings(globals).await?);
        for finding in component::findings(&trial.evaluator) {
            session.note(finding);
        }
        if session.findings().is_empty() {
            examine(&mut session).await?;
            session.note_use();
        }
        let answer = report(&session);
        answer.print(globals.json).wrap_err("print the findings")?;
        let errors = count(&session, Severity::Error);
        if errors == 0 {
            return Ok(None);
        }
        Err(refusal(
            "evaluator_at_fault",
            format!("the check found {errors} errors"),
            "a request with this program would lose its owner money; the findings say what to do",
        ))
    }
}

/// Runs the program in every way that tells something.
async fn examine(session: &mut Session<'_>) -> Result<()> {
    let trial = session.trial();
    let models = models::variants(trial)?;
    let seed = numbered_seed(trial, 0);
    progress("scoring the model");
    let Some(first) = score(session, "a seed drawn at random", &models, seed).await? else {
        return Ok(());
    };
    session.note_seen();

    progress("scoring it again");
    let again = score(session, "the second time", &models, seed).await?;
    let both = |other: &SampleScores| {
        difference(&first, other, Side::Challenger)
            .max(difference(&first, other, Side::Champion))
            .filter(|worst| worst.micros > 0)
    };
    if let Some(worst) = again.as_ref().and_then(both) {
        session.note(Finding::new(Kind::NotRepeatable, worst.to_string()));
    }

    let basis = Basis {
        models,
        seed,
        scores: first,
    };
    seeds(session, &basis).await?;
    machines(session, &basis).await?;
    order(session, &basis).await?;
    for (name, parameters) in &basis.models.edges {
        progress(&format!("scoring {name}"));
        session.try_model(name, parameters, seed).await?;
    }
    Ok(())
}

/// What later runs are compared with: the model that is tried, beside half of it as the champion.
struct Basis {
    models: models::Models,
    seed: Seed,
    scores: SampleScores,
}

/// Scores the model that is tried, beside half of it as the champion.
async fn score(
    session: &mut Session<'_>,
    what: &str,
    models: &models::Models,
    seed: Seed,
) -> Result<Option<SampleScores>> {
    let parameters = &session.trial().parameters;
    session.score(what, &models.half, parameters, seed).await
}

/// Where two runs differ by more than this, for each model for which they do.
fn differences(one: &SampleScores, other: &SampleScores, most: i64) -> impl Iterator<Item = Worst> {
    [Side::Challenger, Side::Champion]
        .into_iter()
        .filter_map(|side| difference(one, other, side))
        .filter(move |worst| worst.micros > most)
}

/// Other seeds, the odd ones among them: do they work, and is the data fresh?
async fn seeds(session: &mut Session<'_>, basis: &Basis) -> Result<()> {
    let trial = session.trial();
    let mut bit = [[0; 32]; 2];
    (bit[0][0], bit[1][31]) = (0x80, 1);
    let seed = |bytes: [u8; 32]| Seed::new(bytes.into());
    let odd = [seed([0; 32]), seed([0xff; 32]), seed(bit[0]), seed(bit[1])];
    let drawn = (1..4).map(|number| numbered_seed(trial, number));
    let mut all = vec![(None, basis.scores.clone())];
    for seed in odd.into_iter().chain(drawn) {
        progress(&format!("scoring the seed {seed}"));
        let scored = score(session, &format!("the seed {seed}"), &basis.models, seed).await?;
        all.extend(scored.map(|scores| (Some(seed), scores)));
    }
    if all.iter().all(|(_, scores)| is_constant(scores)) {
        let score = basis.scores.as_slice()[0].challenger.micros();
        let detail = format!("{} on all of {} seeds", micros(score), all.len());
        session.note(Finding::new(Kind::ScoresConstant, detail));
        return Ok(());
    }
    for (index, (one, scores)) in all.iter().enumerate() {
        let same = all[..index].iter().find(|(_, other)| other == scores);
        if let (Some((other, _)), Some(one)) = (same, one) {
            let other = other.map_or("a seed drawn at random".to_owned(), |seed| seed.to_string());
            let detail = format!("{one} gives the scores of {other}");
            session.note(Finding::new(Kind::SeedIgnored, detail));
            return Ok(());
        }
    }
    let all: Vec<SampleScores> = all.into_iter().map(|(_, scores)| scores).collect();
    if let Some(share) = repeated(&all, session) {
        let detail = format!(
            "{:.0}% of the samples score as others do, with both of two models",
            share * 100.0
        );
        session.note(Finding::new(Kind::SamplesRepeat, detail));
    }
    Ok(())
}

/// Other settings of the machine than those that operators agree on.
async fn machines(session: &mut Session<'_>, basis: &Basis) -> Result<()> {
    let trial = session.trial();
    let (models, seed) = (&basis.models, basis.seed);
    for (name, environment) in session.machines() {
        progress(&format!("scoring with {name}"));
        let scores = session
            .score_on(name, environment, &models.half, &trial.parameters, seed)
            .await?;
        let Some(scores) = scores else { continue };
        let tolerance = trial.tolerance.micros();
        for worst in differences(&basis.scores, &scores, tolerance) {
            let tolerance = micros(tolerance);
            let detail = format!("with {name}, {worst}; the tolerance is {tolerance}");
            session.note(Finding::new(Kind::DependsOnMachine, detail));
        }
    }
    Ok(())
}

/// The same models the other way round, and beside a champion that answers nothing finite.
async fn order(session: &mut Session<'_>, basis: &Basis) -> Result<()> {
    let trial = session.trial();
    let (models, seed) = (&basis.models, basis.seed);
    progress("scoring champion and challenger the other way round");
    let what = "with the models swapped";
    let swapped = session.score(what, &trial.parameters, &models.half, seed);
    if let Some(swapped) = swapped.await? {
        let turned = session::turned(&swapped)?;
        for worst in differences(&basis.scores, &turned, 0) {
            let detail = format!("{what}, {worst}");
            session.note(Finding::new(Kind::DependsOnOrder, detail));
        }
    }
    let what = "beside a champion whose answers are not finite";
    progress(&format!("scoring {what}"));
    let beside = session.score(what, &models.overflowing, &trial.parameters, seed);
    let beside = beside.await?;
    let worst = beside.and_then(|beside| difference(&basis.scores, &beside, Side::Challenger));
    if let Some(worst) = worst.filter(|worst| worst.micros > 0) {
        let detail = format!("{what}, {worst}");
        session.note(Finding::new(Kind::DependsOnOrder, detail));
    }
    Ok(())
}

/// A seed that follows from the program, so that a check finds the same twice.
fn numbered_seed(trial: &Trial, number: u8) -> Seed {
    let mut text = trial.manifest.evaluator.sha256.to_string().into_bytes();
    text.push(number);
    Seed::new(alloy::primitives::keccak256(
        Digest::of(&text).to_string().as_bytes(),
    ))
}

fn is_constant(scores: &SampleScores) -> bool {
    let all = scores.as_slice();
    all.windows(2).all(|pair| pair[0] == pair[1])
}

/// The share of samples that score like another one with both models, when it is large. Scores at
/// the ends of the range and scores of few values say nothing.
fn repeated(all: &[SampleScores], session: &Session<'_>) -> Option<f64> {
    let range = session.trial().manifest.score_range;
    let inside = |score: zarathustra_primitives::Score| score != range.lo() && score != range.hi();
    let pairs: Vec<(i64, i64)> = all
        .iter()
        .flat_map(|scores| scores.as_slice())
        .filter(|pair| inside(pair.champion) && inside(pair.challenger))
        .map(|pair| (pair.champion.micros(), pair.challenger.micros()))
        .collect();
    let distinct: std::collections::BTreeSet<_> = pairs.iter().collect();
    let share = 1.0 - distinct.len() as f64 / pairs.len().max(1) as f64;
    (distinct.len() > FEW_VALUES && share > REPEATED_SHARE).then_some(share)
}

fn count(session: &Session<'_>, severity: Severity) -> usize {
    let of = |finding: &&Finding| finding.kind.severity() == severity;
    session.findings().iter().filter(of).count()
}

fn report(session: &Session<'_>) -> Answer {
    let mut text = String::new();
    for finding in session.findings() {
        let kind = finding.kind;
        text.push_str(&format!(
            "{}: {} ({})\n  where: {}\n  cost:  {}\n  do:    {}\n",
            kind.severity().code(),
            kind.meaning(),
            kind.code(),
            finding.detail,
            kind.cost(),
            kind.remedy(),
        ));
    }
    let most = session.most();
    let limits = &session.trial().manifest.limits;
    let share = |part: f64, whole: u64| 100.0 * part / whole as f64;
    text.push_str(&format!(
        "{} errors and {} warnings in {} evaluations; at most {:.1}% of the fuel, {:.1}% of the memory and {:.1}% of the time\n",
        count(session, Severity::Error),
        count(session, Severity::Warning),
        session.evaluations(),
        share(most.fuel as f64, limits.fuel),
        share(most.memory_bytes as f64, limits.memory_bytes),
        share(most.seconds, limits.wall_seconds),
    ));
    let json = json!({
        "findings": session.findings().iter().map(Finding::json).collect::<Vec<_>>(),
        "errors": count(session, Severity::Error),
        "warnings": count(session, Severity::Warning),
        "evaluations": session.evaluations(),
        "most": { "fuel": most.fuel, "memory_bytes": most.memory_bytes, "seconds": most.seconds },
        "limits": limits,
        "samples": session.trial().manifest.samples,
    });
    Answer::new(text, json)
}
