//! A row of steps, each a command; the first failure ends it.

use std::{
    io::IsTerminal as _,
    process::{Command, ExitCode},
    time::{Duration, Instant},
};

use eyre::{Result, bail};

use crate::{checkout::Checkout, process, tally::Tally};

/// Runs steps and keeps their times and the tests they ran.
pub struct Steps<'a> {
    checkout: &'a Checkout,
    done: Vec<(&'static str, Duration)>,
    tally: Tally,
    failed: Option<&'static str>,
}

impl<'a> Steps<'a> {
    /// Steps to be run in the root of `checkout`.
    pub fn new(checkout: &'a Checkout) -> Self {
        Self {
            checkout,
            done: Vec::new(),
            tally: Tally::default(),
            failed: None,
        }
    }

    /// Runs `step`, unless an earlier one failed.
    pub fn step(&mut self, name: &'static str, step: impl FnOnce() -> Result<()>) {
        self.timed(name, |_| step());
    }

    /// Runs a command, unless an earlier step failed, and counts the tests that it reports.
    pub fn command(&mut self, name: &'static str, command: &mut Command) {
        self.timed(name, |steps| steps.watch(command).map(|_| ()));
    }

    /// Runs a test runner, unless an earlier step failed, and counts the tests that it reports.
    ///
    /// A runner that finds nothing to run is content with itself; this step is not.
    pub fn tests(&mut self, name: &'static str, command: &mut Command) {
        self.timed(name, |steps| match steps.watch(command)? {
            ran if ran == Tally::default() => bail!("no test ran"),
            _ => Ok(()),
        });
    }

    /// Runs `command` in the root, if it names no other folder.
    fn watch(&mut self, command: &mut Command) -> Result<Tally> {
        if command.get_current_dir().is_none() {
            command.current_dir(self.checkout.root());
        }
        // The output goes through a pipe, which would switch colours off.
        if std::io::stdout().is_terminal() {
            command.env("CARGO_TERM_COLOR", "always");
        }
        println!("    {}", process::describe(command));
        let (status, output) = process::watched(command)?;
        let tally = Tally::read(&output);
        self.tally += tally;
        if !status.success() {
            bail!("`{}` ended with {status}", process::describe(command));
        }
        Ok(tally)
    }

    fn timed(&mut self, name: &'static str, step: impl FnOnce(&mut Self) -> Result<()>) {
        if self.failed.is_some() {
            return;
        }
        println!("=== {name}");
        let start = Instant::now();
        let result = step(self);
        self.done.push((name, start.elapsed()));
        if let Err(error) = result {
            eprintln!("error: {name}: {error:#}");
            self.failed = Some(name);
        }
    }

    /// Prints seconds per step, slowest first, and the number of tests.
    pub fn finish(mut self) -> ExitCode {
        self.done.sort_by_key(|(_, time)| std::cmp::Reverse(*time));
        let total: Duration = self.done.iter().map(|(_, time)| *time).sum();
        println!("\n seconds  step");
        for (name, time) in &self.done {
            println!("{:>8.1}  {name}", time.as_secs_f64());
        }
        println!("{:>8.1}  in all", total.as_secs_f64());
        if let Some(name) = self.failed {
            println!("\nfailed at: {name}");
        }
        println!("{} passed, {} failed", self.tally.passed, self.tally.failed);
        if self.failed.is_some() {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        }
    }
}
