//! Votes that come after their claim's certificate, and when they make a supplementary one (3.4).

use std::{collections::BTreeMap, sync::Arc};

use zarathustra_primitives::{BlsSignature, Clock, Position, U256};

use crate::StakeTable;

/// Gas of a supplementary certificate with its transaction: 152,509 for the call, as
/// `contracts/snapshots/AttestationCenter.json` has it, 21,000, and what its data costs.
pub const GAS_PER_SUPPLEMENT: u128 = 180_000;

/// Bits in a word of a bitmap of positions (3.2).
const WORD_BITS: usize = 256;

/// Which late votes a supplementary certificate is sent for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Supplements {
    /// For none.
    Never,
    /// For those whose shares of the fee are worth more than its gas.
    Worthwhile,
    /// For one as for many.
    Always,
}

/// A certified task, as far as late votes are concerned.
#[derive(Debug, Clone)]
pub struct LateConfig {
    /// The epoch's table.
    pub table: Arc<StakeTable>,
    /// Whose claim was approved. It has its share without a vote.
    pub performer: Position,
    /// When the task was certified.
    pub certified_at: Clock,
    /// Of the task definition: blocks in which late votes count.
    pub window: u32,
    /// What those who signed share by stake, wei: the fee without the performer's part.
    pub shared_fee: u128,
}

/// Why a late vote is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LateRefusal {
    /// No such row in the table, one without stake, or one whose vote is on chain.
    #[error("no vote of position {voter} is missing")]
    NotMissing {
        /// The position.
        voter: Position,
    },
    /// The window is over.
    #[error("late votes counted until {until}")]
    Closed {
        /// The last clock at which they did.
        until: Clock,
    },
}

impl LateRefusal {
    /// The stable name of the reason.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotMissing { .. } => "not_missing",
            Self::Closed { .. } => "supplement_closed",
        }
    }
}

/// Late votes on one certified claim. The caller checks signatures, and says who is missing on
/// chain: other aggregators send supplements, too.
#[derive(Debug)]
pub struct LateVotes {
    config: LateConfig,
    missing: Vec<U256>,
    votes: BTreeMap<Position, BlsSignature>,
}

impl LateVotes {
    /// No late votes yet; `missing` is the bitmap of non-signers that the task commits to.
    pub const fn new(config: LateConfig, missing: Vec<U256>) -> Self {
        Self {
            config,
            missing,
            votes: BTreeMap::new(),
        }
    }

    /// Takes in whose votes are missing on chain now. Votes stay, whatever the chain says: a
    /// supplement may be reorganised away.
    pub fn set_missing(&mut self, missing: Vec<U256>) {
        self.missing = missing;
    }

    /// The last clock at which late votes count.
    pub fn until(&self) -> Clock {
        self.config.certified_at.after(self.config.window.into())
    }

    /// Whether a late vote of a position would be news to the chain.
    pub fn is_missing(&self, voter: Position) -> bool {
        let word = self.missing.get(voter.index() / WORD_BITS);
        voter != self.config.performer
            && self.config.table.voter(voter).is_some()
            && word.is_some_and(|word| word.bit(voter.index() % WORD_BITS))
    }

    /// Takes a vote whose signature was checked to approve the claim. Answers whether it is new.
    ///
    /// # Errors
    /// When nothing can come of it.
    pub fn take(
        &mut self,
        now: Clock,
        voter: Position,
        signature: BlsSignature,
    ) -> Result<bool, LateRefusal> {
        let until = self.until();
        if now > until {
            return Err(LateRefusal::Closed { until });
        }
        if self.votes.contains_key(&voter) {
            return Ok(false);
        }
        if !self.is_missing(voter) {
            return Err(LateRefusal::NotMissing { voter });
        }
        self.votes.insert(voter, signature);
        Ok(true)
    }

    /// Positions whose vote is on chain or here.
    pub fn voters(&self) -> impl Iterator<Item = Position> {
        let rows = self.config.table.members().len();
        let positions = (0..rows).filter_map(|index| u32::try_from(index).ok());
        positions
            .map(Position::new)
            .filter(|p| self.config.table.voter(*p).is_some())
            .filter(|p| !self.is_missing(*p) || self.votes.contains_key(p))
    }

    /// The late votes that are worth a certificate now: in the last quarter of the window, so that
    /// there is one for all of them and some time to send it again, or as soon as nobody is missing
    /// any more. `base_fee` is the chain's, in wei.
    pub fn due(
        &self,
        now: Clock,
        policy: Supplements,
        base_fee: u128,
    ) -> Option<Vec<(Position, BlsSignature)>> {
        let late: Vec<_> = self
            .votes
            .iter()
            .filter(|(voter, _)| self.is_missing(**voter))
            .map(|(voter, signature)| (*voter, *signature))
            .collect();
        let window = u64::from(self.config.window);
        let last_quarter = self.config.certified_at.after(window - window / 4);
        let complete = self.voters().count() == self.config.table.voters();
        // What is sent now is mined in the next block at the earliest.
        let in_time = now < self.until() && (complete || now >= last_quarter);
        if late.is_empty() || !in_time {
            return None;
        }
        let wanted = match policy {
            Supplements::Never => false,
            Supplements::Always => true,
            Supplements::Worthwhile => {
                let gas = U256::from(GAS_PER_SUPPLEMENT) * U256::from(base_fee);
                self.shares(late.iter().map(|(voter, _)| *voter)) > gas
            }
        };
        wanted.then_some(late)
    }

    /// The bitmap of late signers: a set bit signs.
    pub fn bitmap(&self, signers: impl IntoIterator<Item = Position>) -> Vec<U256> {
        let mut words = vec![U256::ZERO; self.missing.len()];
        for signer in signers {
            if let Some(word) = words.get_mut(signer.index() / WORD_BITS) {
                word.set_bit(signer.index() % WORD_BITS, true);
            }
        }
        words
    }

    /// Shares of the fee, wei, each rounded down.
    fn shares(&self, voters: impl Iterator<Item = Position>) -> U256 {
        let table = &self.config.table;
        let total = U256::from(table.total().get());
        let share = |voter| {
            let stake = table.get(voter).map_or(0, |member| member.stake.get());
            U256::from(self.config.shared_fee) * U256::from(stake) / total
        };
        voters.map(share).fold(U256::ZERO, |sum, one| sum + one)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::tests::table;

    const GWEI: u128 = 1_000_000_000;
    const ALWAYS: Supplements = Supplements::Always;

    fn signature(byte: u8) -> BlsSignature {
        BlsSignature::new([byte; 96])
    }

    fn position(index: u32) -> Position {
        Position::new(index)
    }

    /// Certified at 100 with a window of 20: five operators, the third without stake. Position 0
    /// performed and did not vote, position 1 voted, 3 and 4 are missing.
    fn late(shared_fee: u128) -> LateVotes {
        let config = LateConfig {
            table: Arc::new(table(&[10, 10, 0, 30, 50])),
            performer: position(0),
            certified_at: Clock::new(100),
            window: 20,
            shared_fee,
        };
        LateVotes::new(config, vec![U256::from(0b1_1001)])
    }

    fn due(votes: &LateVotes, now: u64, policy: Supplements, base_fee: u128) -> Vec<u32> {
        let due = votes.due(Clock::new(now), policy, base_fee);
        due.into_iter().flatten().map(|(p, _)| p.get()).collect()
    }

    #[test]
    fn only_missing_votes_are_taken_and_each_once() {
        let mut votes = late(0);
        let at = Clock::new(101);
        for other in [0, 1, 2, 5, 400] {
            let voter = position(other);
            let refused = votes.take(at, voter, signature(1));
            assert_eq!(refused, Err(LateRefusal::NotMissing { voter }), "{other}");
        }
        assert_eq!(votes.take(at, position(3), signature(3)), Ok(true));
        assert_eq!(votes.take(at, position(3), signature(3)), Ok(false));
        let voters: Vec<_> = votes.voters().map(Position::get).collect();
        assert_eq!(voters, [0, 1, 3], "those of the certificate, too");
    }

    #[test]
    fn the_window_has_a_last_moment() {
        let mut votes = late(0);
        let until = Clock::new(120);
        assert_eq!(votes.take(until, position(3), signature(3)), Ok(true));
        let closed = votes.take(Clock::new(121), position(4), signature(4));
        assert_eq!(closed, Err(LateRefusal::Closed { until }));
    }

    #[test]
    fn late_votes_go_together_in_the_last_quarter() {
        let mut votes = late(0);
        votes
            .take(Clock::new(101), position(3), signature(3))
            .expect("taken");
        assert_eq!(due(&votes, 114, ALWAYS, 0), [0; 0]);
        assert_eq!(due(&votes, 115, ALWAYS, 0), [3]);
        assert_eq!(due(&votes, 119, ALWAYS, 0), [3]);
        // In the block after this one the window is over.
        assert_eq!(due(&votes, 120, ALWAYS, 0), [0; 0]);
        assert_eq!(due(&votes, 115, Supplements::Never, 0), [0; 0]);
    }

    #[test]
    fn nobody_is_waited_for_when_nobody_is_missing() {
        let mut votes = late(0);
        for voter in [3, 4] {
            votes
                .take(Clock::new(101), position(voter), signature(1))
                .expect("taken");
        }
        assert_eq!(due(&votes, 101, ALWAYS, 0), [3, 4]);
    }

    /// By hand: 30 % of the shared fee belong to position 3, 80 % to both.
    #[test]
    fn shares_are_held_against_the_gas() {
        let gas = GAS_PER_SUPPLEMENT * 10 * GWEI;
        let due_at = |shared_fee: u128, voters: &[u32]| {
            let mut votes = late(shared_fee);
            for voter in voters {
                votes
                    .take(Clock::new(101), position(*voter), signature(1))
                    .expect("taken");
            }
            due(&votes, 115, Supplements::Worthwhile, 10 * GWEI).len()
        };
        assert_eq!(due_at(gas * 10 / 3, &[3]), 0, "as much as the gas, at most");
        assert_eq!(due_at(gas * 10 / 3 + 4, &[3]), 1);
        assert_eq!(due_at(gas * 10 / 8 + 2, &[3, 4]), 2);
        assert_eq!(due_at(gas * 10 / 8 - 2, &[3, 4]), 0);
        assert_eq!(due_at(u128::MAX, &[4]), 1, "no overflow");
    }

    /// Another aggregator's supplement names position 4, and is reorganised away later.
    #[test]
    fn what_the_chain_has_is_not_sent_again() {
        let mut votes = late(0);
        for voter in [3, 4] {
            votes
                .take(Clock::new(101), position(voter), signature(1))
                .expect("taken");
        }
        votes.set_missing(vec![U256::from(0b0_1001)]);
        assert_eq!(due(&votes, 102, ALWAYS, 0), [3]);
        assert_eq!(votes.bitmap([position(3)]), [U256::from(0b0_1000)]);
        votes.set_missing(vec![U256::from(0b0_0001)]);
        assert_eq!(due(&votes, 102, ALWAYS, 0), [0; 0]);
        votes.set_missing(vec![U256::from(0b1_1001)]);
        assert_eq!(due(&votes, 102, ALWAYS, 0), [3, 4]);
    }
}
