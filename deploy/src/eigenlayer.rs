//! EigenLayer's real core on a local chain, and what stakers and operators do there.
//!
//! The creation bytecode comes from `eigen-utils`: EigenLayer's slashing release, before
//! redistribution; its RewardsCoordinator is of the release before that. The proxies are
//! OpenZeppelin's. The strategy, its token and the pauser registry are minimal ones of our own,
//! since `eigen-utils` has none.
//!
//! `eigen-utils` stands on an older alloy. What is shared with ours is `alloy-sol-types`, so calls
//! are encoded here by its types and sent by our provider.

mod core;
mod errors;
mod operator;
mod staker;

pub use self::{
    core::{Delays, EigenLayer, SOURCE},
    operator::WHOLE,
};
pub(crate) use errors::error_name;
