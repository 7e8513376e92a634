//! The worker as its host sees it: real processes, real libtorch, real components.

mod common;
mod evaluation;
mod examples;
mod hostile;
mod x_squared;
