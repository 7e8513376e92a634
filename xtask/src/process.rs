//! Running other programs.

use std::{
    ffi::OsStr,
    io::{BufRead as _, BufReader, Read, Write},
    process::{Command, ExitStatus, Stdio},
    thread,
};

use eyre::{Result, WrapErr as _, bail};

/// The command as a person would type it.
pub fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}

/// Runs a command whose output matters only when it fails.
pub fn quietly(command: &mut Command) -> Result<()> {
    let output = command.output().wrap_err_with(|| describe(command))?;
    if output.status.success() {
        return Ok(());
    }
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    bail!(
        "`{}` ended with {}\n{}",
        describe(command),
        output.status,
        text.trim_end()
    )
}

/// Runs a command that speaks for itself.
pub fn openly(command: &mut Command) -> Result<()> {
    let status = command.status().wrap_err_with(|| describe(command))?;
    if !status.success() {
        bail!("`{}` ended with {status}", describe(command));
    }
    Ok(())
}

/// What a command prints on stdout, or `None` when it cannot be run or fails.
pub fn answer(program: impl AsRef<OsStr>, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a command, shows its output and returns it too, without colours.
pub fn watched(command: &mut Command) -> Result<(ExitStatus, String)> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .wrap_err_with(|| describe(command))?;
    let stdout = child.stdout.take().expect("stdout was asked for");
    let stderr = child.stderr.take().expect("stderr was asked for");
    let (out, err) = thread::scope(|scope| {
        let err = scope.spawn(|| copy(stderr, std::io::stderr()));
        (
            copy(stdout, std::io::stdout()),
            err.join().expect("copying does not panic"),
        )
    });
    let status = child.wait().wrap_err_with(|| describe(command))?;
    Ok((status, without_colours(&(out? + &err?))))
}

fn copy(from: impl Read, mut to: impl Write) -> Result<String> {
    let mut all = Vec::new();
    let mut from = BufReader::new(from);
    loop {
        let start = all.len();
        if from.read_until(b'\n', &mut all)? == 0 {
            return Ok(String::from_utf8_lossy(&all).into_owned());
        }
        to.write_all(&all[start..])?;
        to.flush()?;
    }
}

/// `text` without the escape sequences that set colours.
fn without_colours(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, sequence)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        rest = sequence.trim_start_matches(|c: char| !c.is_ascii_alphabetic());
        rest = rest.get(1..).unwrap_or_default();
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_taken_out() {
        assert_eq!(
            without_colours("\u{1b}[32;1m12\u{1b}[0m passed"),
            "12 passed"
        );
        assert_eq!(without_colours("plain"), "plain");
        assert_eq!(without_colours("cut \u{1b}[3"), "cut ");
    }

    #[test]
    fn output_of_both_streams_is_kept() -> Result<()> {
        let mut command = Command::new("sh");
        command.args(["-c", "echo one; echo two >&2; exit 3"]);
        let (status, text) = watched(&mut command)?;
        assert_eq!(status.code(), Some(3));
        assert_eq!(text, "one\ntwo\n");
        Ok(())
    }

    #[test]
    fn a_failure_names_the_command_and_what_it_said() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo no such thing >&2; exit 4"]);
        let error = quietly(&mut command).expect_err("exit 4").to_string();
        assert!(
            error.contains("sh -c") && error.ends_with("no such thing"),
            "{error}"
        );
    }
}
