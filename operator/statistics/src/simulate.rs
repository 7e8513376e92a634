//! Simulations of what a bound promises, and of those who would profit if it did not hold.

mod attack;
mod network;
mod null;

use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use crate::Random;

pub use attack::{Attack, Attacker, Outcome, attack, evaluate};
pub use network::{Copier, Model, Network, Table, points, sample_score};
pub use null::{Null, RUINOUS_GAIN, false_wins, naive_wins, ruinous, ruinous_wins};

/// Trials that share a stream of random numbers.
const CHUNK: u64 = 512;

/// How many of `trials` come out true, on all processors. A trial gets a stream of its own chunk,
/// so that the count follows from the seed alone, and a vector to reuse.
pub fn count(
    trials: u64,
    seed: u64,
    trial: impl Fn(&mut Random, &mut Vec<i64>) -> bool + Sync,
) -> u64 {
    let next = AtomicU64::new(0);
    let work = || {
        let mut found = 0;
        let mut scratch = Vec::new();
        loop {
            let chunk = next.fetch_add(1, Ordering::Relaxed);
            let first = chunk * CHUNK;
            if first >= trials {
                return found;
            }
            let mut random = Random::new(seed, chunk);
            let length = CHUNK.min(trials - first);
            found += (0..length)
                .filter(|_| trial(&mut random, &mut scratch))
                .count() as u64;
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let counts = workers.into_iter().map(|worker| worker.join());
        counts
            .map(|count| count.expect("a trial does not panic"))
            .sum()
    })
}

#[cfg(test)]
mod tests;
