//! How long a certificate that could be submitted waits for late votes.

/// Gas that a certificate costs more for each vote that it lacks, as measured by `cargo xtask bench
/// gas` with 100 operators (1,282 to 1,481).
pub const GAS_PER_NON_SIGNER: u128 = 1_300;

/// What waiting may cost.
///
/// Votes that come in time save gas, and their voters need no supplementary certificate for their
/// share of the fee; meanwhile the optimizer waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Most blocks to wait, whatever they save.
    pub max_blocks: u64,
    /// What a block of delay is taken to cost, wei.
    pub cost_per_block: u128,
}

impl Patience {
    /// Blocks to wait from when a certificate was first possible: as long as what all `missing`
    /// votes would save at this base fee (wei) exceeds what the delay has cost by then.
    pub fn blocks(&self, missing: usize, base_fee: u128) -> u64 {
        if missing == 0 {
            return 0;
        }
        if self.cost_per_block == 0 {
            return self.max_blocks;
        }
        let missing = u128::try_from(missing).unwrap_or(u128::MAX);
        let saved = GAS_PER_NON_SIGNER
            .saturating_mul(missing)
            .saturating_mul(base_fee);
        let worth = saved.saturating_sub(1) / self.cost_per_block;
        u64::try_from(worth)
            .unwrap_or(u64::MAX)
            .min(self.max_blocks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GWEI: u128 = 1_000_000_000;

    /// By hand: 2 · 1,300 gas · 30 gwei = 78,000 gwei.
    #[test]
    fn waits_while_the_gas_saved_exceeds_the_cost() {
        let blocks = |cost_per_block, missing| {
            let patience = Patience {
                max_blocks: 10,
                cost_per_block,
            };
            patience.blocks(missing, 30 * GWEI)
        };
        assert_eq!(blocks(25_000 * GWEI, 2), 3, "75,000 spent of 78,000");
        assert_eq!(blocks(26_000 * GWEI, 2), 2, "78,000 would be no gain");
        assert_eq!(blocks(78_000 * GWEI, 2), 0);
        assert_eq!(blocks(78_000 * GWEI - 1, 2), 1);
        assert_eq!(blocks(26_000 * GWEI, 1), 1, "39,000 to save");
        assert_eq!(blocks(26_000 * GWEI, 0), 0, "nobody is missing");
    }

    #[test]
    fn never_longer_than_allowed() {
        let patience = |cost_per_block| Patience {
            max_blocks: 4,
            cost_per_block,
        };
        assert_eq!(patience(0).blocks(1, 0), 4, "delay costs nothing");
        assert_eq!(patience(1).blocks(100, 1000 * GWEI), 4);
        assert_eq!(patience(1).blocks(usize::MAX, u128::MAX), 4);
        assert_eq!(patience(1).blocks(1, 0), 0, "gas costs nothing");
    }
}
