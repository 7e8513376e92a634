//! The worker: the one program that meets strangers' bytes.
//!
//! It reads a job from its standard input, gives up every right that the job does not need,
//! checks and loads the models, runs the evaluation program on each and replies on its standard
//! output. It is started anew for each job, and whatever happens to it happens to it alone.
//!
//! The only crate that links libtorch and wasmtime.

#![warn(missing_docs)]

mod cuda;
pub mod determinism;
mod engine;
mod evaluate;
mod libtorch;
pub mod model;
mod nn;
mod quantise;
mod run;
pub mod sandbox;

use std::io::{self, Read};

use zarathustra_eval::wire::{self, Device, Job, LocalKind, Protection, Reply, Spent, Task};
use zarathustra_primitives::{SampleScores, Status};

/// Stack of the thread that does the work. Strangers' code has a part of it, see
/// `stack_bytes` of the engine's settings.
const STACK_BYTES: usize = 32 << 20;

/// Why there are no scores.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Ended {
    /// Something is wrong with the content; every machine finds the same.
    #[error("{status}: {detail}")]
    Failed {
        /// What a claim states.
        status: Status,
        /// For people; may repeat strangers' text.
        detail: String,
    },
    /// A file of the user's own is not as it has to be.
    #[error("{code}: {detail}")]
    Refused {
        /// Stable name of the reason.
        code: &'static str,
        /// For people.
        detail: String,
    },
    /// Something is wrong here.
    #[error("{kind:?}: {detail}")]
    Local {
        /// What stopped the evaluation.
        kind: LocalKind,
        /// For people.
        detail: String,
    },
}

impl Ended {
    fn failed(status: Status, detail: impl ToString) -> Self {
        Self::Failed {
            status,
            detail: detail.to_string(),
        }
    }

    fn refused(code: &'static str, detail: impl ToString) -> Self {
        Self::Refused {
            code,
            detail: detail.to_string(),
        }
    }

    fn local(kind: LocalKind, detail: impl ToString) -> Self {
        Self::Local {
            kind,
            detail: detail.to_string(),
        }
    }
}

/// What a job brought about.
enum Done {
    Checked(Protection),
    Compiled(Vec<u8>),
    Scored(Spent, SampleScores),
    Computed(Vec<u8>),
}

/// Reads a job from standard input, does it in the sandbox, and replies on standard output.
///
/// # Errors
/// When the job cannot be read or the reply not be written.
pub fn run() -> io::Result<()> {
    let job = wire::read_frame(&mut io::stdin(), wire::MAX_JOB_BYTES)?;
    let job: Job = serde_json::from_slice(&job)?;
    // Before any thread is started: the restrictions hold for later threads only.
    let loaded = match job.device {
        Device::Cpu => Ok(()),
        Device::Cuda => cuda::load(),
    };
    let entered = loaded.and_then(|()| {
        sandbox::enter(&job).map_err(|error| Ended::local(LocalKind::Sandbox, error))
    });
    let outcome = match entered {
        Ok(protection) => {
            std::thread::spawn(end_with_host);
            std::thread::Builder::new()
                .stack_size(STACK_BYTES)
                .spawn(move || perform(&job, protection))?
                .join()
                .unwrap_or_else(|_| Err(Ended::local(LocalKind::Internal, "the worker panicked")))
        }
        Err(ended) => Err(ended),
    };
    reply(outcome)
}

fn perform(job: &Job, protection: Protection) -> Result<Done, Ended> {
    match &job.task {
        Task::Check => {
            // An operator that asked for a device learns at the start whether it can have it.
            start(job.device)?;
            Ok(Done::Checked(protection))
        }
        Task::Compile(evaluator) => evaluate::compile(evaluator).map(Done::Compiled),
        Task::Evaluate(task) => {
            determinism::enter(&job.environment)?;
            let device = start(job.device)?;
            evaluate::evaluate(task, device).map(|(spent, scores)| Done::Scored(spent, scores))
        }
        Task::Run(task) => {
            determinism::enter(&job.environment)?;
            run::run(task, start(job.device)?).map(Done::Computed)
        }
    }
}

/// The device of a job, ready to compute.
fn start(device: Device) -> Result<tch::Device, Ended> {
    match device {
        Device::Cpu => Ok(tch::Device::Cpu),
        Device::Cuda => cuda::start().map(|()| tch::Device::Cuda(0)),
    }
}

/// Ends the process when the host closes the pipe or is gone.
fn end_with_host() {
    let mut rest = [0; 1];
    // The host sends nothing after the job, so whatever this returns, it is over.
    drop(io::stdin().read(&mut rest));
    std::process::exit(1);
}

fn reply(outcome: Result<Done, Ended>) -> io::Result<()> {
    let (reply, rest) = match outcome {
        Ok(Done::Checked(protection)) => (Reply::Checked(protection), None),
        Ok(Done::Compiled(code)) => (Reply::Compiled, Some(code)),
        Ok(Done::Scored(spent, scores)) => (Reply::Scored(spent), Some(scores.to_file())),
        Ok(Done::Computed(answers)) => (Reply::Computed, Some(answers)),
        Err(Ended::Refused { code, detail }) => {
            let code = code.to_owned();
            let detail = zarathustra_eval::text::brief(&detail);
            (Reply::Refused { code, detail }, None)
        }
        Err(Ended::Failed { status, detail }) => {
            let detail = zarathustra_eval::text::brief(&detail);
            (
                Reply::Failed {
                    status: status.to_u8(),
                    detail,
                },
                None,
            )
        }
        Err(Ended::Local { kind, detail }) => {
            let detail = zarathustra_eval::text::brief(&detail);
            (Reply::Local { kind, detail }, None)
        }
    };
    let mut stdout = io::stdout().lock();
    wire::write_frame(&mut stdout, &serde_json::to_vec(&reply)?)?;
    match rest {
        Some(rest) => wire::write_frame(&mut stdout, &rest),
        None => Ok(()),
    }
}
