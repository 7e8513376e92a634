//! One module for each noun of the command line.

pub mod claim;
pub mod deploy;
pub mod evaluate;
pub mod evaluator;
pub mod ipfs;
pub mod keys;
pub mod model;
pub mod operator;
pub mod request;
pub mod submission;
pub mod task;
pub mod worker;
