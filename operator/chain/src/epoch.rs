//! An epoch's table of operators.

use alloy::primitives::Address;
use futures::{StreamExt, TryStreamExt, stream};
use zarathustra_primitives::{BlsKey, Epoch, Position, Stake};

use crate::{Chain, ChainError, client::read};

/// Rows asked for at a time.
const CONCURRENT_ROWS: usize = 16;

/// One row of an epoch's table. A row without stake is a place that nobody holds, or an operator
/// that does not count in this epoch: it has no turn, its vote counts nothing, and the bitmap of a
/// certificate may not name it (1.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Place in the table and in bitmaps.
    pub position: Position,
    /// The operator's address in EigenLayer. Without stake, whoever held the place last.
    pub operator: Address,
    /// The address that signs its claims.
    pub signer: Address,
    /// Its stake.
    pub stake: Stake,
    /// Sum of the stakes before it, as the contract stores it.
    pub prefix: Stake,
    /// Its BLS key as stored on chain. Registration checked it; decode it before use all the same.
    pub key: BlsKey,
}

/// The table; immutable once written on chain, so it can be kept for ever under its number
/// and snapshot block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochTable {
    /// Its number.
    pub epoch: Epoch,
    /// Real block in which stakes were read.
    pub snapshot_block: u64,
    /// Sum of the stakes.
    pub total: Stake,
    /// The rows in the order of their positions, those without stake included.
    pub rows: Vec<Row>,
}

impl EpochTable {
    /// The rows that have stake.
    pub fn voters(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.stake != Stake::ZERO)
    }

    /// The row of an operator that has stake in this epoch. There is at most one; rows without
    /// stake may name it besides.
    pub fn row_of(&self, operator: Address) -> Option<&Row> {
        self.voters().find(|row| row.operator == operator)
    }
}

impl Chain {
    /// Number of the newest epoch; 0 before the first.
    ///
    /// # Errors
    /// [`ChainError::Transport`].
    pub async fn current_epoch(&self) -> Result<Epoch, ChainError> {
        read("currentEpoch", self.governance().currentEpoch())
            .await
            .map(Epoch::new)
    }

    /// Reads a whole table.
    ///
    /// # Errors
    /// [`ChainError::Transport`]; [`ChainError::Reverted`] for an unknown epoch.
    pub async fn epoch_table(&self, epoch: Epoch) -> Result<EpochTable, ChainError> {
        let head = read("epochHead", self.governance().epochHead(epoch.get())).await?;
        let rows = stream::iter(0..head.count)
            .map(|index| self.row(epoch, index))
            .buffered(CONCURRENT_ROWS)
            .try_collect()
            .await?;
        Ok(EpochTable {
            epoch,
            snapshot_block: head.snapshotBlock,
            total: Stake::new(head.totalStake),
            rows,
        })
    }

    async fn row(&self, epoch: Epoch, index: u32) -> Result<Row, ChainError> {
        let raw = read("epochRow", self.governance().epochRow(epoch.get(), index)).await?;
        let key = raw
            .key
            .as_ref()
            .try_into()
            .map_err(|_| ChainError::OutOfRange {
                what: "BLS key length",
                value: raw.key.len().to_string(),
            })?;
        Ok(Row {
            position: Position::new(index),
            operator: raw.operator,
            signer: raw.signer,
            stake: Stake::new(raw.stake),
            prefix: Stake::new(raw.prefix),
            key: BlsKey::new(key),
        })
    }
}

impl Chain {
    /// The real block in which an epoch's stakes were read: with the number it names a table for
    /// good, whatever a reorganisation does.
    ///
    /// # Errors
    /// As for [`Chain::epoch_table`].
    pub async fn epoch_snapshot_block(&self, epoch: Epoch) -> Result<u64, ChainError> {
        Ok(read("epochHead", self.governance().epochHead(epoch.get()))
            .await?
            .snapshotBlock)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(position: u32, operator: u8, stake: u128) -> Row {
        Row {
            position: Position::new(position),
            operator: Address::repeat_byte(operator),
            signer: Address::repeat_byte(operator),
            stake: Stake::new(stake),
            prefix: Stake::ZERO,
            key: BlsKey::new([operator; 192]),
        }
    }

    #[test]
    fn an_operator_is_found_where_it_has_stake() {
        // The first left position 0 and came back at position 2; the second is at fault.
        let table = EpochTable {
            epoch: Epoch::new(1),
            snapshot_block: 1,
            total: Stake::new(5),
            rows: vec![row(0, 1, 0), row(1, 2, 0), row(2, 1, 5)],
        };
        let position = |operator| {
            table
                .row_of(Address::repeat_byte(operator))
                .map(|row| row.position.get())
        };
        assert_eq!(position(1), Some(2));
        assert_eq!(position(2), None);
        assert_eq!(position(3), None);
        assert_eq!(table.voters().count(), 1);
    }
}
