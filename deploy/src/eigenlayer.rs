//! EigenLayer's real core on a local chain, and what stakers and operators do there.
//!
//! The creation bytecode is that in `eigen-utils`: EigenLayer's slashing release, before
//! redistribution; its RewardsCoordinator is of the release before that. The crate is not linked:
//! set-up reads the bytecode out of its source, and [`Artifacts`](crate::Artifacts) finds it. Calls
//! are declared here from the public ABI. The proxies are OpenZeppelin's. The strategy, its token
//! and the pauser registry are minimal ones of our own, since `eigen-utils` has none.

mod abi;
mod core;
mod errors;
mod operator;
mod staker;

pub use self::{
    core::{Delays, EigenLayer, SOURCE},
    operator::WHOLE,
};
pub(crate) use abi::Strategy;
pub(crate) use errors::error_name;
