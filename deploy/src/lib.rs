//! Deployments: a local chain, EigenLayer's real core on it, and the contracts of the market.
//!
//! [`Devnet`] is all of it at once. [`Anvil`] runs a chain, [`EigenLayer`] deploys the core and does
//! what stakers and operators do there, [`Market`] deploys our contracts on any chain that has the
//! core, and [`snapshot`] keeps a deployed chain on disk for the next start. [`Beacon`] is where seeds
//! of a local chain come from that come from drand. [`Account`] is who sends.
//!
//! Invariant: one version of alloy. `eigen-utils`, which stands on an older one, is an optional
//! dependency that no build turns on; set-up reads EigenLayer's bytecode out of its source.

mod account;
mod anvil;
mod artifacts;
mod beacon;
mod checkout;
pub mod create2;
mod deployment;
mod description;
mod devnet;
pub mod eigenlayer;
mod error;
mod extensions;
pub mod governance;
mod market;
pub mod plan;
mod revert;
mod seed;
pub mod simulation;
pub mod snapshot;

pub use account::{Account, devnet_key};
pub use anvil::{Anvil, AnvilOptions, Hardfork, Mining};
pub use artifacts::Artifacts;
pub use beacon::Beacon;
pub use checkout::Checkout;
pub use deployment::{Deployment, DryRun, Missing, Progress};
pub use description::{Core, Deployer, Description, Local, Prepared, Restaking, WeightedStrategy};
pub use devnet::{DEPLOYER, Devnet, DevnetOptions, ETHER, GOVERNANCE};
pub use eigenlayer::EigenLayer;
pub use error::DeployError;
pub use extensions::{Extensions, OthenticOptions, RewardsOptions, SnapshotOptions};
pub use market::{Contracts, IMPROVE, KindOptions, Market, MarketOptions, RETAIN};
pub use revert::Reverted;
pub use seed::{Drand, SeedSource};
pub use zarathustra_chain::Addresses;
