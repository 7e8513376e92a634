//! Where results and progress go, and the tables they are written in.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use eyre::Result;
use serde_json::Value;

use crate::errors::Diagnosis;

/// What a command found, in both forms.
#[derive(Debug, PartialEq)]
pub struct Answer {
    /// For people; ends with a line break.
    pub text: String,
    /// For programs.
    pub json: Value,
}

impl Answer {
    /// An answer in both forms.
    pub const fn new(text: String, json: Value) -> Self {
        Self { text, json }
    }

    /// Writes the answer to standard output.
    pub fn print(&self, as_json: bool) -> io::Result<()> {
        let text = if as_json {
            format!("{:#}\n", self.json)
        } else {
            self.text.clone()
        };
        to_stdout(&text)
    }

    /// Writes the answer of a command that goes on running: as JSON it is one line, so that a
    /// reader knows when it is complete.
    pub fn announce(&self, as_json: bool) -> io::Result<()> {
        if as_json {
            to_stdout(&format!("{}\n", self.json))
        } else {
            to_stdout(&self.text)
        }
    }
}

fn to_stdout(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Prints what a command came to: an answer on standard output, an error on standard error.
/// `None` is a command that printed for itself.
pub fn report(outcome: Result<Option<Answer>>, as_json: bool) -> ExitCode {
    match outcome {
        Ok(None) => ExitCode::SUCCESS,
        // When nobody reads any more there is nobody left to tell.
        Ok(Some(answer)) => match answer.print(as_json) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        },
        Err(error) => {
            let diagnosis = Diagnosis::of(&error);
            if as_json {
                to_stderr(&format!("{:#}\n", diagnosis.json()));
            } else {
                to_stderr(&diagnosis.text());
            }
            ExitCode::FAILURE
        }
    }
}

/// Prints, as JSON, why the arguments could not be understood.
pub fn report_usage(error: &clap::Error) -> ExitCode {
    to_stderr(&format!("{:#}\n", Diagnosis::of_usage(error).json()));
    ExitCode::from(2)
}

/// A line on standard error: what is being done, not a result.
pub fn progress(line: &str) {
    to_stderr(&format!("{line}\n"));
}

fn to_stderr(text: &str) {
    // A closed standard error is no reason to stop.
    io::stderr().write_all(text.as_bytes()).ok();
}

/// Aligns rows of a table; the first row is the head.
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// Rows of a table from the words of its head.
pub fn head<const N: usize>(names: [&str; N]) -> Vec<Vec<String>> {
    vec![names.map(str::to_owned).to_vec()]
}

/// Aligned `name  value` lines.
pub fn fields(pairs: &[(&str, String)]) -> String {
    let rows: Vec<Vec<String>> = pairs
        .iter()
        .map(|(name, value)| vec![(*name).to_owned(), value.clone()])
        .collect();
    table(&rows)
}

/// A number of millionths as a decimal number.
pub fn micros(value: i64) -> String {
    micros_wide(i128::from(value))
}

/// A sum of millionths as a decimal number.
pub fn micros_wide(value: i128) -> String {
    const SCALE: u128 = 1_000_000;
    let sign = if value < 0 { "-" } else { "" };
    let magnitude = value.unsigned_abs();
    format!("{sign}{}.{:06}", magnitude / SCALE, magnitude % SCALE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn millionths_are_written_in_full() {
        assert_eq!(micros(1_500_000), "1.500000");
        assert_eq!(micros(-1), "-0.000001");
        assert_eq!(micros(i64::MIN), "-9223372036854.775808");
        assert_eq!(
            micros_wide(2 * i128::from(i64::MAX)),
            "18446744073709.551614"
        );
    }

    #[test]
    fn columns_line_up_without_trailing_blanks() {
        let mut rows = head(["id", "state"]);
        rows.push(vec!["12".to_owned(), "open".to_owned()]);
        assert_eq!(table(&rows), "id  state\n12  open\n");
        assert_eq!(
            fields(&[("a", "1".to_owned()), ("long", String::new())]),
            "a     1\nlong\n"
        );
    }
}
