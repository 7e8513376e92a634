//! What a model is: its architecture, its parameters file, and what it costs to run.
//!
//! Plain data, read with every size bounded before work is done on it. Engines walk an
//! [`architecture::Architecture`] step by step; nothing here computes.

#![warn(missing_docs)]

pub mod architecture;
pub mod cost;
pub(crate) mod json;
pub mod safetensors;
pub mod schema;
pub mod text;
