//! What the daemons say of themselves.

use std::collections::BTreeMap;

use eyre::{Result, WrapErr, ensure};
use serde_json::Value;
use zarathustra_devnet::Devnet;

/// The lines with this message in the log of a daemon, those of its earlier lives included.
///
/// # Errors
/// When there is no log.
pub fn entries(network: &Devnet, name: &str, message: &str) -> Result<Vec<Value>> {
    let path = network.folder().join(format!("{name}.log"));
    let text =
        std::fs::read_to_string(&path).wrap_err_with(|| format!("read {}", path.display()))?;
    Ok(text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|entry| entry["message"] == message)
        .collect())
}

/// No journal had to refuse anything, no operator voted twice differently on a claim, and no
/// daemon panicked.
///
/// # Errors
/// When one did, with its line.
pub fn assert_signed_once(network: &Devnet) -> Result<()> {
    for operator in network.operators() {
        let name = &operator.name;
        for refusal in [
            "the journal refuses the vote",
            "the journal refuses the claim",
        ] {
            let refused = entries(network, name, refusal)?;
            ensure!(refused.is_empty(), "{name}: {refused:?}");
        }
        let mut verdicts: BTreeMap<String, String> = BTreeMap::new();
        for vote in entries(network, name, "voted")? {
            let verdict = vote["verdict"].to_string();
            let first = verdicts
                .entry(vote["claim_id"].to_string())
                .or_insert_with(|| verdict.clone());
            ensure!(*first == verdict, "{name} voted {first} before {vote}");
        }
    }
    for process in network.processes() {
        let text = process.text()?;
        ensure!(!text.contains("panicked at"), "{}:\n{text}", process.name());
    }
    Ok(())
}
