//! Memory for files that strangers chose the size of: however many tasks there are, their files
//! are in memory only as far as there is room.

use std::ops::Deref;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Room is counted in pieces of this size, rounded up.
const PIECE_BYTES: u64 = 64 << 10;

/// Room for files; clones share it. Whoever waits longest is next.
#[derive(Debug, Clone)]
pub struct Room {
    pieces: Arc<Semaphore>,
    all: u32,
}

/// Room for one file, given back when dropped.
#[derive(Debug)]
pub struct Place {
    _permit: OwnedSemaphorePermit,
}

/// A file in memory; what it takes of the room is given back when it is dropped.
#[derive(Debug)]
pub struct Fetched {
    bytes: Vec<u8>,
    _place: Place,
}

impl Room {
    /// Room for so many bytes.
    pub fn new(bytes: u64) -> Self {
        let most = u32::try_from(Semaphore::MAX_PERMITS).unwrap_or(u32::MAX);
        let all = u32::try_from(bytes / PIECE_BYTES)
            .unwrap_or(most)
            .clamp(1, most);
        Self {
            pieces: Arc::new(Semaphore::new(all as usize)),
            all,
        }
    }

    /// Waits until there is room for a file of at most so many bytes. One that is larger than all
    /// of it takes all of it.
    ///
    /// # Panics
    /// Never: the semaphore is not closed.
    pub async fn take(&self, bytes: u64) -> Place {
        let pieces = u32::try_from(bytes.div_ceil(PIECE_BYTES)).unwrap_or(u32::MAX);
        let pieces = pieces.min(self.all);
        let permit = Arc::clone(&self.pieces).acquire_many_owned(pieces).await;
        Place {
            _permit: permit.expect("never closed"),
        }
    }
}

impl Place {
    /// The file that the room was taken for.
    pub const fn filled_with(self, bytes: Vec<u8>) -> Fetched {
        Fetched {
            bytes,
            _place: self,
        }
    }
}

impl Deref for Fetched {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl AsRef<[u8]> for Fetched {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    const PIECE: u64 = PIECE_BYTES;

    fn there_is(room: &Room, bytes: u64) -> Option<Place> {
        room.take(bytes).now_or_never()
    }

    #[test]
    fn files_are_in_memory_only_as_far_as_there_is_room() {
        let room = Room::new(4 * PIECE);
        let first = there_is(&room, 3 * PIECE).expect("room");
        let held = first.filled_with(vec![7; 3]);
        assert_eq!(*held, [7, 7, 7]);
        // A byte more than a piece takes two.
        assert!(there_is(&room, PIECE + 1).is_none());
        let second = there_is(&room, PIECE).expect("room");
        assert!(there_is(&room, 1).is_none());
        drop(held);
        let third = there_is(&room, 2 * PIECE + 1).expect("room again");
        drop((second, third));
        assert!(there_is(&room, 4 * PIECE).is_some());
    }

    #[test]
    fn a_file_that_is_larger_than_the_room_is_alone() {
        let room = Room::new(2 * PIECE);
        let small = there_is(&room, 1).expect("room");
        assert!(there_is(&room, u64::MAX).is_none());
        drop(small);
        let large = there_is(&room, u64::MAX).expect("alone");
        assert!(there_is(&room, 1).is_none());
        drop(large);
        // Room for nothing is room for one piece.
        assert!(there_is(&Room::new(0), u64::MAX).is_some());
        assert!(there_is(&Room::new(u64::MAX), u64::MAX).is_some());
    }

    #[test]
    fn a_search_that_is_given_up_gives_its_room_back() {
        let room = Room::new(2 * PIECE);
        let first = there_is(&room, 2 * PIECE).expect("room");
        let mut waiting = Box::pin(room.take(2 * PIECE));
        assert!(waiting.as_mut().now_or_never().is_none());
        drop((waiting, first));
        assert!(there_is(&room, 2 * PIECE).is_some());
    }
}
