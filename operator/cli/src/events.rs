//! Reading past events in ranges that nodes agree to.

use alloy::{
    providers::Provider,
    rpc::types::{Filter, Log},
};
use eyre::Result;
use zarathustra_chain::{Chain, ChainError};

use crate::output::progress;

/// Blocks asked for at a time, at first.
const FIRST_SPAN: u64 = 100_000;
/// Where a node refuses even this many, its refusal is not about the range.
const LEAST_SPAN: u64 = 500;

/// Every event since block `from` (and since the deployment) that the filter takes, oldest first.
pub async fn since(chain: &Chain, filter: &Filter, from: u64) -> Result<Vec<Log>> {
    let last = chain
        .provider()
        .get_block_number()
        .await
        .map_err(ChainError::transport("eth_blockNumber"))?;
    let mut next = from.max(chain.addresses().deployed_block);
    let mut span = FIRST_SPAN;
    let mut logs = Vec::new();
    while next <= last {
        let end = last.min(next.saturating_add(span - 1));
        let range = filter.clone().from_block(next).to_block(end);
        match chain.provider().get_logs(&range).await {
            Ok(found) => logs.extend(found),
            // Nodes limit ranges, each in words of its own.
            Err(error) if error.is_error_resp() && span > LEAST_SPAN => {
                span = (span / 4).max(LEAST_SPAN);
                continue;
            }
            Err(error) => return Err(ChainError::transport("eth_getLogs")(error).into()),
        }
        next = end + 1;
        if next <= last {
            progress(&format!("read events up to block {end} of {last}"));
        }
    }
    Ok(logs)
}
