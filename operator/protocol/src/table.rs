//! An epoch's table of operators: who counts for how much, and whose turn it is (1.3, 2.5).

use zarathustra_primitives::{Address, B256, Position, Seed, Stake, Turn, U256, turn_randomness};

/// Bits in a word of a bitmap of positions (3.2).
const WORD_BITS: usize = 256;

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// The operator's address.
    pub operator: Address,
    /// The address that signs its claims.
    pub signer: Address,
    /// Its stake.
    pub stake: Stake,
}

/// Rows that make no table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// No rows, or more than positions can name.
    #[error("a table has from 1 to 2^32 - 1 rows, not {rows}")]
    Rows {
        /// Rows given.
        rows: usize,
    },
    /// A row without stake; such members are left out when an epoch rolls.
    #[error("row {position} has no stake")]
    NoStake {
        /// The row.
        position: Position,
    },
    /// The stakes do not add up to 128 bits.
    #[error("the stakes add up to more than 128 bits")]
    Overflow,
}

/// The members of an epoch in the order of their positions. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StakeTable {
    members: Vec<Member>,
    /// Stake of the members up to and including each.
    sums: Vec<u128>,
}

impl StakeTable {
    /// Checks the rows and adds them up.
    ///
    /// # Errors
    /// When they make no table.
    pub fn new(members: Vec<Member>) -> Result<Self, TableError> {
        let rows = members.len();
        if rows == 0 || u32::try_from(rows).is_err() {
            return Err(TableError::Rows { rows });
        }
        let mut sum = 0u128;
        let mut sums = Vec::with_capacity(rows);
        for (member, position) in members.iter().zip(0..) {
            if member.stake == Stake::ZERO {
                return Err(TableError::NoStake {
                    position: Position::new(position),
                });
            }
            sum = sum
                .checked_add(member.stake.get())
                .ok_or(TableError::Overflow)?;
            sums.push(sum);
        }
        Ok(Self { members, sums })
    }

    /// The rows in order.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The row at a position.
    pub fn get(&self, position: Position) -> Option<&Member> {
        self.members.get(position.index())
    }

    /// The position of an operator.
    pub fn position_of(&self, operator: Address) -> Option<Position> {
        let index = self
            .members
            .iter()
            .position(|member| member.operator == operator)?;
        u32::try_from(index).ok().map(Position::new)
    }

    /// Stake of all members.
    pub fn total(&self) -> Stake {
        Stake::new(*self.sums.last().expect("a table is never empty"))
    }

    /// The position whose turn a turn is: stake-weighted, with replacement.
    pub fn holder(&self, seed: Seed, turn: Turn) -> Position {
        self.draw(turn_randomness(seed, turn))
    }

    /// The position whose stake covers `random mod total` when stakes are laid end to end.
    pub fn draw(&self, random: B256) -> Position {
        let point = (U256::from_be_bytes(random.0) % U256::from(self.total().get())).to::<u128>();
        let index = self.sums.partition_point(|sum| *sum <= point);
        Position::new(u32::try_from(index).expect("positions fit in 32 bits"))
    }

    /// The bitmap of a certificate: a set bit did not sign (3.2).
    pub fn non_signers(&self, signers: impl IntoIterator<Item = Position>) -> Vec<U256> {
        let rows = self.members.len();
        let mut words = vec![U256::MAX; rows.div_ceil(WORD_BITS)];
        if let (last, used @ 1..) = (words.len() - 1, rows % WORD_BITS) {
            words[last] = (U256::ONE << used) - U256::ONE;
        }
        for signer in signers.into_iter().filter(|signer| signer.index() < rows) {
            words[signer.index() / WORD_BITS].set_bit(signer.index() % WORD_BITS, false);
        }
        words
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn table(stakes: &[u128]) -> StakeTable {
        let member = |(stake, index): (&u128, u16)| Member {
            operator: Address::left_padding_from(&index.to_be_bytes()),
            signer: Address::right_padding_from(&index.to_be_bytes()),
            stake: Stake::new(*stake),
        };
        StakeTable::new(stakes.iter().zip(0..).map(member).collect()).expect("a table")
    }

    fn number(value: u128) -> B256 {
        U256::from(value).into()
    }

    #[test]
    fn draws_fall_where_the_stake_lies() {
        let table = table(&[3, 1, 2]);
        let drawn: Vec<_> = (0..12)
            .map(|random| table.draw(number(random)).get())
            .collect();
        assert_eq!(drawn, [0, 0, 0, 1, 2, 2, 0, 0, 0, 1, 2, 2]);
    }

    #[test]
    fn draws_reduce_all_256_bits() {
        // 2^256 - 1 = 0 mod 3 and mod 5.
        assert_eq!(table(&[1, 2]).draw(B256::repeat_byte(0xff)).get(), 0);
        assert_eq!(table(&[4, 1]).draw(B256::repeat_byte(0xff)).get(), 0);
        assert_eq!(table(&[u128::MAX]).draw(B256::repeat_byte(0xff)).get(), 0);
    }

    #[test]
    fn what_makes_no_table_is_refused() {
        let member = |stake| Member {
            operator: Address::ZERO,
            signer: Address::ZERO,
            stake: Stake::new(stake),
        };
        let new = |stakes: &[u128]| StakeTable::new(stakes.iter().copied().map(member).collect());
        assert_eq!(new(&[]), Err(TableError::Rows { rows: 0 }));
        assert_eq!(
            new(&[1, 0]),
            Err(TableError::NoStake {
                position: Position::new(1)
            })
        );
        assert_eq!(new(&[u128::MAX, 1]), Err(TableError::Overflow));
    }

    #[test]
    fn the_bitmap_marks_who_is_missing_and_nothing_beyond_the_table() {
        let positions = |positions: &[u32]| positions.iter().copied().map(Position::new).collect();
        let bitmap =
            |rows: usize, signers: Vec<Position>| table(&vec![1; rows]).non_signers(signers);
        assert_eq!(bitmap(5, positions(&[0, 3])), [U256::from(0b1_0110)]);
        assert_eq!(bitmap(3, positions(&[0, 1, 2])), [U256::ZERO]);
        assert_eq!(bitmap(256, vec![]), [U256::MAX]);
        assert_eq!(bitmap(257, vec![]), [U256::MAX, U256::ONE]);
        assert_eq!(bitmap(257, positions(&[256, 999])), [U256::MAX, U256::ZERO]);
    }

    proptest! {
        #[test]
        fn a_draw_lies_within_its_members_stake(
            stakes in proptest::collection::vec(1u128..1 << 100, 1..20), random: [u8; 32],
        ) {
            let table = table(&stakes);
            let index = table.draw(B256::new(random)).index();
            let point = U256::from_be_bytes(random) % U256::from(stakes.iter().sum::<u128>());
            let before: u128 = stakes[..index].iter().sum();
            prop_assert!(U256::from(before) <= point);
            prop_assert!(point < U256::from(before + stakes[index]));
        }
    }
}
