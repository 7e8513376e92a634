//! The worker as its host sees it: real processes, real libtorch, real components.

mod cache;
mod common;
mod evaluation;
mod examples;
mod hostile;
mod inputs;
mod memory;
mod run;
mod same_answer;
mod x_squared;
