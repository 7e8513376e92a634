//! `zarathustra operator check`, with the real worker and with one that has no sandbox.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};
use zarathustra_eval::environment::EnvironmentLock;

use crate::{evaluator::worker, program::Program};

#[tokio::test]
async fn what_is_in_force_is_told() {
    let program = Program::new().with("ZARATHUSTRA_WORKER", worker().display());
    let report = program.json(&["operator", "check"]).await;
    assert_eq!(report["isolated"], true, "{report:#}");
    let abi = report["landlock_abi"].as_u64().expect("a version");
    assert!(abi >= 1, "{report:#}");
    let guards = json!({
        "resource limits": "in force",
        "no_new_privs": "in force",
        "Landlock": format!("version {abi}"),
        "seccomp": "in force",
    });
    assert_eq!(report["guards"], guards);
    let lock = EnvironmentLock::of_this_build().digest();
    assert_eq!(report["environment"], json!(lock));
    // Which of the two, depends on who runs the test.
    let text = |key: &str| report[key].as_str().is_some_and(|text| !text.is_empty());
    assert_ne!(text("cgroups"), text("no_cgroups_because"), "{report:#}");

    let text = program.succeeds(&["operator", "check"]).await;
    let names: Vec<_> = text
        .lines()
        .map(|line| line.split_once("  ").map_or(line, |(name, _)| name))
        .collect();
    let expected = [
        "worker",
        "environment",
        "resource limits",
        "no_new_privs",
        "Landlock",
        "seccomp",
        "control groups",
    ];
    assert_eq!(names, expected, "{text}");
}

#[tokio::test]
async fn a_guard_that_is_missing_is_named_and_fails_the_check() {
    let missing = json!([
        ["Landlock", "switched off"],
        ["Seccomp", "not in this kernel"]
    ]);
    let reply = json!({ "Checked": { "landlock_abi": 0, "missing": missing } }).to_string();
    let length = u8::try_from(reply.len()).expect("a short reply");
    let script = format!(
        "#!/bin/sh\n\
         if [ \"$1\" = --environment ]; then printf '%s\\n' '{}'; exit; fi\n\
         printf '\\000\\000\\000\\{length:03o}%s' '{reply}'; exec cat > /dev/null\n",
        EnvironmentLock::of_this_build().to_json()
    );
    let program = Program::new();
    let worker = program.file("worker", script);
    std::fs::set_permissions(&worker, std::fs::Permissions::from_mode(0o700)).expect("executable");
    let program = program.with("ZARATHUSTRA_WORKER", worker.display());
    let output = program.run(&["operator", "check", "--json"]).await;
    assert_eq!(output.code, Some(1), "{output:?}");
    let report: Value = serde_json::from_str(&output.stdout).expect("JSON");
    assert_eq!(report["isolated"], false);
    assert_eq!(report["guards"]["Landlock"], "MISSING: switched off");
    assert_eq!(report["guards"]["seccomp"], "MISSING: not in this kernel");
    assert_eq!(report["guards"]["resource limits"], "in force");
    let error: Value = serde_json::from_str(&output.stderr).expect("JSON");
    assert_eq!(error["error"]["code"], "local_no_sandbox", "{error:#}");
}

#[tokio::test]
async fn a_worker_is_found_from_the_folder_of_the_user() {
    let program = Program::new();
    std::os::unix::fs::symlink(worker(), program.home().join("worker")).expect("a link");
    let report = program.json(&["operator", "check", "--worker", "./worker"]);
    assert_eq!(report.await["isolated"], true);
}
