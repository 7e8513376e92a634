//! The program as its users meet it: what it prints, what it refuses and in which words.
//!
//! Expected texts are written by hand. Commands against a real chain are in the end-to-end
//! scenarios; here the node is a double that answers what a test tells it to, but for
//! `operator rotate`.

mod bad_input;
mod chain;
mod content;
mod deploy;
mod evaluator;
mod isolation;
mod keys;
mod models;
mod node;
mod program;
mod reference;
mod rotate;
#[path = "../../../../deploy/tests/common/mod.rs"]
mod scene;
