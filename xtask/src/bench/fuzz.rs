//! `cargo xtask bench fuzz`: the targets of `operator/fuzz` under libFuzzer.
//!
//! Coverage comes from the compiler's own instrumentation, which the stable toolchain has as a
//! pass of LLVM. Everything is kept in `target/fuzz`: what was built, and for each target its
//! corpus, its findings and how long it has run. A run that was interrupted goes on there, and
//! `--seconds` counts what earlier runs did.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use clap::Args;
use eyre::{Result, WrapErr, bail, eyre};
use serde_json::{Value, json};

use crate::checkout::Checkout;

/// Instrumentation that libFuzzer reads, and comparisons, so that it learns the values they want.
const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares \
    -Cdebug-assertions=on -Coverflow-checks=on";
const PROGRAM: &str = "zarathustra-fuzz";
/// Most seconds in one go. What was done is noted after each.
const SLICE_SECONDS: u64 = 60;
/// What an input of a few kilobytes may take.
const LIMITS: [&str; 3] = ["-timeout=10", "-rss_limit_mb=2048", "-malloc_limit_mb=512"];

#[derive(Clone, Args)]
pub struct Fuzz {
    /// Seconds for each target, earlier runs included.
    #[arg(long, value_name = "NUMBER", default_value_t = Self::SECONDS)]
    seconds: u64,
    /// One target only; its name is that of a folder in operator/fuzz/seeds.
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    /// Write what was done into a file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

impl Fuzz {
    const SECONDS: u64 = 600;
}

impl Default for Fuzz {
    fn default() -> Self {
        Self {
            seconds: Self::SECONDS,
            target: None,
            json: None,
        }
    }
}

/// What a target has done in all its runs.
#[derive(Default)]
struct Record {
    seconds: u64,
    executions: u64,
    coverage: u64,
}

/// Builds the program and runs the targets.
pub fn fuzz(checkout: &Checkout, options: &Fuzz) -> Result<()> {
    let seeds = checkout.root().join("operator/fuzz/seeds");
    let mut names = names_in(&seeds)?;
    if let Some(target) = &options.target {
        names.retain(|name| name == target);
        if names.is_empty() {
            bail!(
                "no target {target:?}; there is a folder for each in {}",
                seeds.display()
            );
        }
    }
    let folder = checkout.root().join("target/fuzz");
    let program = build(checkout, &folder.join("build"))?;
    let mut rows = Vec::new();
    let mut found = 0;
    for name in names {
        let target = Target {
            program: &program,
            seeds: seeds.join(&name),
            folder: folder.join(&name),
            name,
        };
        let row = target.run(options.seconds)?;
        found += row["findings"].as_array().map_or(0, Vec::len);
        println!("{}", line(&row));
        rows.push(row);
    }
    if let Some(path) = &options.json {
        let text = serde_json::to_string_pretty(&json!({ "targets": rows }))?;
        fs::write(path, text + "\n").wrap_err_with(|| format!("write {}", path.display()))?;
    }
    match found {
        0 => Ok(()),
        _ => bail!("{found} findings; they lie in {}", folder.display()),
    }
}

fn line(row: &Value) -> String {
    let findings = row["findings"].as_array().map_or(0, Vec::len);
    format!(
        "{:<16} {:>6} s {:>12} executions {:>6} edges {:>6} inputs {findings} findings",
        row["name"].as_str().unwrap_or_default(),
        row["seconds"],
        row["executions"],
        row["coverage"],
        row["corpus"],
    )
}

/// Builds for the host as a target of its own, so that build scripts are not instrumented.
fn build(checkout: &Checkout, folder: &Path) -> Result<PathBuf> {
    let version = Command::new("rustc")
        .arg("-vV")
        .output()
        .wrap_err("run rustc")?;
    let version = String::from_utf8(version.stdout)?;
    let host = version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .ok_or_else(|| eyre!("rustc -vV names no host"))?;
    let built = Command::new("cargo")
        .args(["build", "--locked", "--package", PROGRAM, "--bin", PROGRAM])
        .args(["--features", "libfuzzer", "--target", host, "--target-dir"])
        .arg(folder)
        .env("RUSTFLAGS", FLAGS)
        .env("CARGO_PROFILE_DEV_OPT_LEVEL", "2")
        .current_dir(checkout.root())
        .status()
        .wrap_err("run cargo")?;
    if !built.success() {
        bail!("build {PROGRAM}: {built}");
    }
    Ok(folder.join(host).join("debug").join(PROGRAM))
}

struct Target<'a> {
    program: &'a Path,
    name: String,
    seeds: PathBuf,
    folder: PathBuf,
}

impl Target<'_> {
    /// Runs until the target has had `seconds` in all or found something.
    fn run(&self, seconds: u64) -> Result<Value> {
        let (corpus, findings) = (self.folder.join("corpus"), self.folder.join("findings"));
        for folder in [&corpus, &findings] {
            fs::create_dir_all(folder).wrap_err_with(|| format!("make {}", folder.display()))?;
        }
        self.forget_mended(&findings)?;
        let mut record = self.read_record()?;
        while record.seconds < seconds && names_in(&findings)?.is_empty() {
            let slice = (seconds - record.seconds).min(SLICE_SECONDS);
            let log = self.slice(slice, &corpus, &findings)?;
            record.seconds += slice;
            record.executions += executions(&log).wrap_err_with(|| self.name.clone())?;
            // Nothing is covered yet where the first input is a finding.
            if let Some(coverage) = number_after(&log, " cov:") {
                record.coverage = coverage.max(record.coverage);
            }
            self.write_record(&record)?;
        }
        Ok(json!({
            "name": self.name,
            "seconds": record.seconds,
            "executions": record.executions,
            "coverage": record.coverage,
            "corpus": names_in(&corpus)?.len(),
            "findings": names_in(&findings)?,
        }))
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.program);
        command
            .env("ZARATHUSTRA_FUZZ_TARGET", &self.name)
            .args(LIMITS);
        command
    }

    /// One go of libFuzzer; returns what it said. It ends with a failure when it found something.
    fn slice(&self, seconds: u64, corpus: &Path, findings: &Path) -> Result<String> {
        let output = self
            .command()
            .args(["-use_value_profile=1", "-print_final_stats=1"])
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-artifact_prefix={}/", findings.display()))
            .args([corpus, &self.seeds])
            .output()
            .wrap_err_with(|| format!("run {}", self.program.display()))?;
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() {
            return Ok(log);
        }
        let last: Vec<_> = log.lines().rev().take(30).collect();
        let last: Vec<_> = last.into_iter().rev().collect();
        eprintln!("{}: {}\n{}", self.name, output.status, last.join("\n"));
        if names_in(findings)?.is_empty() {
            bail!("libFuzzer ended with {} and left no finding", output.status);
        }
        Ok(log)
    }

    /// Removes findings that no longer are any.
    fn forget_mended(&self, findings: &Path) -> Result<()> {
        for name in names_in(findings)? {
            let path = findings.join(name);
            let again = self.command().arg(&path).output();
            if again.wrap_err("run a finding again")?.status.success() {
                fs::remove_file(&path)?;
            }
        }
        Ok(())
    }

    fn record(&self) -> PathBuf {
        self.folder.join("record.json")
    }

    fn read_record(&self) -> Result<Record> {
        let path = self.record();
        if !path.exists() {
            return Ok(Record::default());
        }
        let text = fs::read_to_string(&path)?;
        let record: Value =
            serde_json::from_str(&text).wrap_err_with(|| format!("read {}", path.display()))?;
        let number = |name: &str| {
            let number = record[name].as_u64();
            number.ok_or_else(|| eyre!("{} has no number of {name}", path.display()))
        };
        Ok(Record {
            seconds: number("seconds")?,
            executions: number("executions")?,
            coverage: number("coverage")?,
        })
    }

    fn write_record(&self, record: &Record) -> Result<()> {
        let text = json!({
            "seconds": record.seconds,
            "executions": record.executions,
            "coverage": record.coverage,
        });
        Ok(fs::write(self.record(), text.to_string())?)
    }
}

/// How many inputs a go of libFuzzer tried. One that tried none says nothing about its target.
fn executions(log: &str) -> Result<u64> {
    match number_after(log, "stat::number_of_executed_units:") {
        None => bail!("libFuzzer told no number of executions"),
        Some(0) => bail!("libFuzzer executed nothing"),
        Some(number) => Ok(number),
    }
}

/// The last number that follows a mark.
fn number_after(log: &str, mark: &str) -> Option<u64> {
    log.lines()
        .filter_map(|line| line.split_once(mark))
        .filter_map(|(_, rest)| rest.split_whitespace().next()?.parse().ok())
        .next_back()
}

fn names_in(folder: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(folder).wrap_err_with(|| format!("read {}", folder.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::{executions, number_after};

    #[test]
    fn figures_are_those_that_libfuzzer_says_last() {
        let log = "#2\tINITED cov: 10 ft: 11 corp: 1/1b exec/s: 0 rss: 30Mb\n\
            #9\tDONE   cov: 12 ft: 13 corp: 2/9b lim: 4 exec/s: 0 rss: 30Mb\n\
            stat::number_of_executed_units: 9\n";
        assert_eq!(number_after(log, " cov:"), Some(12));
        assert_eq!(executions(log).expect("the last line tells"), 9);
        assert_eq!(number_after("", " cov:"), None);
    }

    #[test]
    fn a_run_that_executed_nothing_is_no_pass() {
        for log in [
            "",
            "stat::number_of_executed_units: 0",
            "stat::number_of_executed_units:",
            "stat::number_of_executed_units: many",
        ] {
            assert!(executions(log).is_err(), "{log:?}");
        }
    }
}
