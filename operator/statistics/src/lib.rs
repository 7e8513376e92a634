//! How many samples a request needs, and simulations of what its bound promises.
//!
//! Everything here estimates, in floating point and with pseudo-random draws. Nothing that
//! operators agree on comes from this crate: whether a bound reaches a limit is decided by
//! `zarathustra-protocol`, and by quicker arithmetic only where that cannot be wrong.

#![warn(missing_docs)]

mod binomial;
mod plan;
mod random;
pub mod simulate;
mod test;

pub use binomial::binomial_limit;
pub use plan::{Goal, Plan, PlanError, Pool, plan, power_at};
pub use random::Random;
pub use test::Test;
