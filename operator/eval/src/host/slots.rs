//! How many evaluations a program runs at once.

use std::num::NonZeroUsize;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Room for some evaluations at a time; clones share it. Whoever waits longest is next.
#[derive(Debug, Clone)]
pub struct Slots(Arc<Semaphore>);

/// Room for one evaluation; given back when dropped.
#[derive(Debug)]
pub struct Slot {
    _permit: OwnedSemaphorePermit,
}

impl Slots {
    /// Room for this many.
    pub fn new(most: NonZeroUsize) -> Self {
        let most = most.get().min(Semaphore::MAX_PERMITS);
        Self(Arc::new(Semaphore::new(most)))
    }

    /// As many as this machine can run: each takes `threads` threads and may hold `memory_bytes`
    /// of the memory that is available now. At least one.
    pub fn of_this_machine(threads: u32, memory_bytes: u64) -> NonZeroUsize {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let available = std::fs::read_to_string("/proc/meminfo")
            .ok()
            .and_then(|text| super::process::field_bytes(&text, "MemAvailable:"));
        fitting(cores, threads, available, memory_bytes)
    }

    /// Waits for room. To be called before content is brought into memory.
    ///
    /// # Panics
    /// Never: the semaphore is not closed.
    pub async fn take(&self) -> Slot {
        let permit = Arc::clone(&self.0).acquire_owned().await;
        Slot {
            _permit: permit.expect("never closed"),
        }
    }
}

fn fitting(cores: usize, threads: u32, available: Option<u64>, memory_bytes: u64) -> NonZeroUsize {
    let by_cores = cores / (threads.max(1) as usize);
    let by_memory = available.map_or(usize::MAX, |available| {
        usize::try_from(available / memory_bytes.max(1)).unwrap_or(usize::MAX)
    });
    NonZeroUsize::new(by_cores.min(by_memory)).unwrap_or(NonZeroUsize::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn as_many_fit_as_cores_and_memory_allow() {
        let fits =
            |cores, threads, available, memory| fitting(cores, threads, available, memory).get();
        assert_eq!(fits(16, 1, Some(64 * GIB), 4 * GIB), 16);
        assert_eq!(fits(16, 4, Some(64 * GIB), 4 * GIB), 4);
        assert_eq!(fits(16, 1, Some(15 * GIB), 4 * GIB), 3);
        assert_eq!(fits(16, 1, None, 4 * GIB), 16);
        // One at least, whatever the settings say.
        assert_eq!(fits(1, 4, Some(GIB), 4 * GIB), 1);
        assert_eq!(fits(1, 0, Some(0), 0), 1);
    }

    #[tokio::test]
    async fn one_more_than_fits_waits_until_there_is_room() {
        let slots = Slots::new(NonZeroUsize::new(2).expect("two"));
        let first = slots.take().await;
        let _second = slots.take().await;
        let mut third = std::pin::pin!(slots.take());
        let waits = is_pending(third.as_mut());
        assert!(waits, "a third has no room");
        drop(first);
        let _third = third.await;
    }

    /// Whether a future that is asked once is not ready.
    fn is_pending(future: std::pin::Pin<&mut impl Future>) -> bool {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        future.poll(&mut context).is_pending()
    }
}
