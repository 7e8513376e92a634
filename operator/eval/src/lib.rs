//! Evaluation as the rest of the operator's software knows it: what models, requests and
//! evaluations are made of, and the host that has a worker do one.
//!
//! The formats ([`parameters`], [`keras`], [`manifest`], and those of `zarathustra-model`) are read
//! here, in plain Rust with every size bounded before work is done on it. Models and
//! evaluation programs run in the worker program only, a process that is started for one job and
//! gives up its rights first; this crate links neither libtorch nor wasmtime. What a worker says
//! is believed no further than a bounded reply can be checked, and its death is a [`LocalFailure`]
//! of one evaluation.
//!
//! Scores become integers in the worker, and figures follow from these integers alone
//! (`zarathustra-protocol`), so that a claim can be checked without running anything.

#![warn(missing_docs)]

pub mod engine;
pub mod environment;
pub mod faults;
mod host;
pub mod inputs;
pub mod keras;
pub mod manifest;
pub mod parameters;
pub mod wire;

pub use zarathustra_model::{architecture, cost, safetensors, text};

pub use wire::Device;

pub use host::{
    ALLOCATOR, Content, ENVIRONMENT_FLAG, Evaluation, EvaluationJob, Isolation, LocalFailure,
    ModelRun, RunError, Slot, Slots, Submitted, Timings, WORKER_PROGRAM, WORKER_VARIABLE,
    WorkerProgram, WorkerSettings, Workers, check_memory, check_sandbox, check_time, evaluate,
    judge_unfetched, run_model,
};
