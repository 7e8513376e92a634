//! A whole market on this machine: a chain, EigenLayer, operators as processes, and the command
//! line that owners and optimizers use. The demo plays its story on it, and the end-to-end tests
//! use it.
//!
//! Nothing here decides anything: what the market does is done by the contracts and the programs.

mod cli;
mod facts;
pub mod liar;
mod network;
mod operators;
mod process;
pub mod record;
pub mod story;

pub use cli::User;
pub use network::{Devnet, DevnetOptions, Names, WorkerSpec, bls_secret};
pub use operators::{OperatorSpec, Role, operators};
pub use process::{Process, Started, started};
