//! Evaluation programs from a template to a component that holds, with real workers.

mod check;
mod programs;
mod projects;
mod run;

pub use programs::worker;
