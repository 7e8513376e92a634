//! The figures, for people and for programs.

use std::path::Path;

use eyre::{Result, WrapErr as _};
use serde::Serialize;

/// A certificate that was checked and submitted.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    pub hardfork: &'static str,
    pub operators: usize,
    /// How many votes the aggregate lacks.
    pub non_signers: usize,
    /// The check alone: snapshot, hash to the curve, pairing, quorum.
    pub verify_gas: u64,
    /// Of the `submitTask` transaction's input: 4 a zero byte, 16 any other.
    pub calldata_gas: u64,
    /// The whole `submitTask` transaction.
    pub submit_gas: u64,
    /// The check of a BN254 certificate of as many, for the ratio, where those suffice for a quorum.
    pub bn254_verify_gas: Option<u64>,
}

/// Any other call.
#[derive(Clone, Debug, Serialize)]
pub struct Operation {
    pub hardfork: &'static str,
    pub operators: usize,
    pub operation: String,
    /// All transactions together.
    pub gas: u64,
    pub transactions: usize,
    /// The dearest of them.
    pub most: u64,
}

/// Everything that was measured.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    pub rows: Vec<Row>,
    pub operations: Vec<Operation>,
}

impl Report {
    pub fn print(&self) {
        println!(
            "\n{:8} {:>9} {:>7} {:>8} {:>9} {:>8} {:>12} {:>8} {:>6}",
            "hardfork",
            "operators",
            "missing",
            "verify",
            "a missing",
            "calldata",
            "submitTask",
            "BN254",
            "ratio"
        );
        for row in &self.rows {
            let base = self.rows.iter().find(|other| {
                (other.hardfork, other.operators, other.non_signers)
                    == (row.hardfork, row.operators, 0)
            });
            let each = match (base, row.non_signers) {
                (Some(base), missing @ 1..) => {
                    let more = row.submit_gas.saturating_sub(base.submit_gas) as f64;
                    format!("{:.0}", more / missing as f64)
                }
                _ => String::new(),
            };
            println!(
                "{:8} {:>9} {:>7} {:>8} {:>9} {:>8} {:>12} {:>8} {:>6}",
                row.hardfork,
                row.operators,
                row.non_signers,
                row.verify_gas,
                each,
                row.calldata_gas,
                row.submit_gas,
                row.bn254_verify_gas
                    .map_or_else(String::new, |gas| gas.to_string()),
                row.bn254_verify_gas.map_or_else(String::new, |gas| {
                    format!("{:.2}", gas as f64 / row.verify_gas as f64)
                }),
            );
        }
        println!(
            "\n{:8} {:>9} {:44} {:>12} {:>6} {:>10}",
            "hardfork", "operators", "operation", "gas", "calls", "most"
        );
        for o in &self.operations {
            println!(
                "{:8} {:>9} {:44} {:>12} {:>6} {:>10}",
                o.hardfork, o.operators, o.operation, o.gas, o.transactions, o.most
            );
        }
    }

    pub fn write(&self, file: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        std::fs::write(file, text).wrap_err_with(|| file.display().to_string())
    }
}
