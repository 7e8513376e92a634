//! Other people's compilers.

use std::process::{Command, Stdio};

use eyre::Result;

use crate::errors::refusal;

/// Most of a tool's output that is shown.
const MAX_SHOWN_LINES: usize = 40;

/// Whether a command runs and succeeds.
pub fn works(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Runs a compiler; its output is shown when it fails.
pub fn compile(name: &str, command: &mut Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| {
        refusal(
            "compiler_missing",
            format!("start {name}: {error}"),
            "is it installed?",
        )
    })?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let lines: Vec<&str> = said.trim_end().lines().collect();
    let shown = &lines[lines.len().saturating_sub(MAX_SHOWN_LINES)..];
    Err(refusal(
        "compiler_failed",
        format!("{name} ended with {}:\n{}", output.status, shown.join("\n")),
        "the program's own mistakes are in the compiler's words above",
    ))
}
