//! End-to-end scenarios: real programs on a real local chain. Each scenario owns its network.
//!
//! A scenario reads like a transcript: who does what at which step, and what is then true. Nothing
//! waits for a time to pass: the chain is held where something is done to the programs, blocks are
//! made one by one until what is awaited has happened, and [`wait_for`] gives up with its name.

mod clock;
mod logs;
mod parameters;
mod scenario;

pub use clock::{flow, hold, mine_until, wait_for};
pub use logs::{assert_signed_once, entries};
pub use parameters::alter_one_weight;
pub use scenario::{
    Scenario, certified, claims, everybody_fetches, faults, reached, settled, task_of,
};
