//! Reading past logs in ranges that nodes agree to.

use alloy::{
    providers::Provider,
    rpc::types::{Filter, Log},
};

use crate::{Chain, ChainError};

/// Blocks asked for in one request; hosted nodes refuse wider ranges.
pub(crate) const RANGE: u64 = 1000;

impl Chain {
    /// The newest log that the filter takes, of those since block `from` and the deployment. What
    /// is recent is found with few requests, however old the deployment is.
    ///
    /// # Errors
    /// [`ChainError::Transport`].
    pub async fn newest_log(&self, filter: &Filter, from: u64) -> Result<Option<Log>, ChainError> {
        let last = self
            .provider()
            .get_block_number()
            .await
            .map_err(ChainError::transport("eth_blockNumber"))?;
        for (start, end) in backwards(from.max(self.addresses().deployed_block), last) {
            let range = filter.clone().from_block(start).to_block(end);
            let mut logs = self
                .provider()
                .get_logs(&range)
                .await
                .map_err(ChainError::transport("eth_getLogs"))?;
            if let Some(newest) = logs.pop() {
                return Ok(Some(newest));
            }
        }
        Ok(None)
    }
}

/// Covers the blocks from `first` to `last` with ranges of at most [`RANGE`], the newest first.
pub(crate) fn backwards(first: u64, last: u64) -> impl Iterator<Item = (u64, u64)> {
    let mut next = Some(last);
    std::iter::from_fn(move || {
        let end = next.filter(|end| first <= *end)?;
        let start = first.max(end.saturating_sub(RANGE - 1));
        next = start.checked_sub(1);
        Some((start, end))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(first: u64, last: u64, expected: &[(u64, u64)]) {
        let ranges: Vec<_> = backwards(first, last).collect();
        assert_eq!(ranges, expected, "{first} to {last}");
    }

    #[test]
    fn ranges_meet_and_end_where_they_should() {
        check(7, 7, &[(7, 7)]);
        check(8, 7, &[]);
        check(0, 999, &[(0, 999)]);
        check(1, 1000, &[(1, 1000)]);
        check(1, 1001, &[(2, 1001), (1, 1)]);
        check(500, 3000, &[(2001, 3000), (1001, 2000), (500, 1000)]);
    }
}
