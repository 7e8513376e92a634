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
    /// No row has stake; such an epoch is never written.
    #[error("no row has stake")]
    NoStake,
    /// The stakes do not add up to 128 bits.
    #[error("the stakes add up to more than 128 bits")]
    Overflow,
}

/// The members of an epoch in the order of their positions. A member without stake only keeps the
/// place: no turn falls on it, and no bitmap names it (1.3). At least one has stake.
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
        for member in &members {
            sum = sum
                .checked_add(member.stake.get())
                .ok_or(TableError::Overflow)?;
            sums.push(sum);
        }
        if sum == 0 {
            return Err(TableError::NoStake);
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

    /// The member with stake at a position.
    pub fn voter(&self, position: Position) -> Option<&Member> {
        self.get(position).filter(|member| has_stake(member))
    }

    /// How many members have stake.
    pub fn voters(&self) -> usize {
        self.members
            .iter()
            .filter(|member| has_stake(member))
            .count()
    }

    /// The position at which an operator has stake.
    pub fn position_of(&self, operator: Address) -> Option<Position> {
        let index = self
            .members
            .iter()
            .position(|member| member.operator == operator && has_stake(member))?;
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

    /// The bitmap of a certificate: a set bit did not sign (3.2). Members without stake are not
    /// named.
    pub fn non_signers(&self, signers: impl IntoIterator<Item = Position>) -> Vec<U256> {
        let rows = self.members.len();
        let mut words = vec![U256::ZERO; rows.div_ceil(WORD_BITS)];
        for (index, _) in self
            .members
            .iter()
            .enumerate()
            .filter(|(_, m)| has_stake(m))
        {
            words[index / WORD_BITS].set_bit(index % WORD_BITS, true);
        }
        for signer in signers.into_iter().filter(|signer| signer.index() < rows) {
            words[signer.index() / WORD_BITS].set_bit(signer.index() % WORD_BITS, false);
        }
        words
    }
}

fn has_stake(member: &Member) -> bool {
    member.stake != Stake::ZERO
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
        assert_eq!(new(&[0, 0]), Err(TableError::NoStake));
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

    #[test]
    fn members_without_stake_are_never_drawn_nor_named() {
        let table = table(&[0, 0, 2, 0, 1, 0]);
        let drawn: Vec<_> = (0..4)
            .map(|random| table.draw(number(random)).get())
            .collect();
        assert_eq!(drawn, [2, 2, 4, 2]);
        assert_eq!(table.voters(), 2);
        assert_eq!(table.non_signers([]), [U256::from(0b1_0100)]);
        let two = Position::new(2);
        assert_eq!(
            table.non_signers([two, Position::new(3)]),
            [U256::from(0b1_0000)]
        );
        assert!(table.voter(two).is_some());
        assert!(table.voter(Position::new(3)).is_none());
        assert!(table.get(Position::new(3)).is_some());
    }

    #[test]
    fn an_operator_is_where_it_has_stake() {
        let member = |operator, stake| Member {
            operator: Address::repeat_byte(operator),
            signer: Address::ZERO,
            stake: Stake::new(stake),
        };
        // One that left its first place and came back, and one at fault.
        let rows = vec![member(1, 0), member(2, 0), member(1, 7)];
        let table = StakeTable::new(rows).expect("a table");
        assert_eq!(
            table.position_of(Address::repeat_byte(1)),
            Some(Position::new(2))
        );
        assert_eq!(table.position_of(Address::repeat_byte(2)), None);
    }

    proptest! {
        #[test]
        fn a_draw_lies_within_its_members_stake(
            stakes in proptest::collection::vec(0u128..1 << 100, 1..20), random: [u8; 32],
        ) {
            prop_assume!(stakes.iter().any(|stake| *stake > 0));
            let table = table(&stakes);
            let index = table.draw(B256::new(random)).index();
            let point = U256::from_be_bytes(random) % U256::from(stakes.iter().sum::<u128>());
            let before: u128 = stakes[..index].iter().sum();
            prop_assert!(U256::from(before) <= point);
            prop_assert!(point < U256::from(before + stakes[index]));
        }
    }
}
