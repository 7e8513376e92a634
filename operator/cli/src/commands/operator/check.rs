//! `zarathustra operator check`: whether this machine keeps strangers' programs apart.

use eyre::{Context as _, Result};
use serde_json::{Value, json};
use zarathustra_eval::{Isolation, check_sandbox, wire::Guard};

use crate::{
    commands::worker::Worker,
    context::Globals,
    errors::refusal,
    output::{Answer, fields},
};

/// Has a worker enter the sandbox and reports what is in force, and all that is not.
pub async fn check(globals: &Globals, worker: &Worker) -> Result<Option<Answer>> {
    let mut settings = worker.settings(globals).await?;
    // So that the worker tells of every guard, and not only that it would not go on.
    settings.allow_unsandboxed = true;
    let isolation = check_sandbox(&settings).await?;
    let environment = settings.environment.digest();
    let program = settings.worker.display().to_string();
    let mut lines = vec![
        ("worker", program.clone()),
        ("environment", environment.to_string()),
    ];
    let guards = guards(&isolation);
    let names = Guard::ALL.map(|guard| guard.to_string());
    lines.extend(names.iter().map(String::as_str).zip(guards.clone()));
    lines.push((
        "control groups",
        match isolation.cgroups {
            Ok(version) => version.to_owned(),
            Err(why) => format!("none, and limits hold without them: {why}"),
        },
    ));
    let json = json!({
        "worker": program,
        "environment": environment,
        "isolated": isolation.protection.missing.is_empty(),
        "guards": names.iter().cloned().zip(guards.map(Value::from)).collect::<serde_json::Map<_, _>>(),
        "landlock_abi": isolation.protection.landlock_abi,
        "cgroups": isolation.cgroups.ok(),
        "no_cgroups_because": isolation.cgroups.err(),
    });
    let answer = Answer::new(fields(&lines), json);
    answer.print(globals.json).wrap_err("print the report")?;
    if isolation.protection.missing.is_empty() {
        return Ok(None);
    }
    Err(refusal(
        "local_no_sandbox",
        format!("no sandbox: {isolation}"),
        "an operator does not start here; the report says what is missing and why",
    ))
}

/// What is said of each guard, in their order.
fn guards(isolation: &Isolation) -> [String; Guard::ALL.len()] {
    let protection = &isolation.protection;
    Guard::ALL.map(|guard| {
        let missing = protection.missing.iter().find(|(other, _)| *other == guard);
        match (missing, guard) {
            (Some((_, why)), _) => format!("MISSING: {why}"),
            (None, Guard::Landlock) => format!("version {}", protection.landlock_abi),
            (None, _) => "in force".to_owned(),
        }
    })
}
