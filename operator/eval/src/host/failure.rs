use zarathustra_primitives::Digest;

use crate::text::brief;
use crate::wire::LocalKind;

/// Why an evaluation could not be done on this machine. Never claimed: the operator abstains.
#[derive(Debug, thiserror::Error)]
pub enum LocalFailure {
    /// Something could not be set up before the worker ran.
    #[error("{action}")]
    Setup {
        /// What was tried.
        action: String,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// There is no worker program.
    #[error("no program {program:?} beside this one; set {variable} to its path", variable = super::WORKER_VARIABLE)]
    NoWorker {
        /// Name of the program.
        program: String,
    },
    /// No worker computes under the environment that the task is to be done in.
    #[error("no worker has the task's environment {missing}; the workers have {present}")]
    Environment {
        /// Digest of the lock that is missing.
        missing: Digest,
        /// Digests of the locks of the workers that there are.
        present: String,
    },
    /// The request allows itself more than this operator does.
    #[error("the evaluation may need {asked} bytes of memory, this operator allows {allowed}")]
    BeyondSettings {
        /// Bytes that the evaluation may need.
        asked: u64,
        /// Bytes that the settings allow.
        allowed: u64,
    },
    /// The request allows itself more time than this operator does.
    #[error("the evaluation may take {asked} s, this operator allows {allowed} s")]
    BeyondTime {
        /// Seconds that the evaluation may take.
        asked: u64,
        /// Seconds that the settings allow.
        allowed: u64,
    },
    /// The evaluation took too long.
    #[error("no result after {seconds} s")]
    TimedOut {
        /// How long it was given.
        seconds: u64,
    },
    /// The evaluation needed too much memory.
    #[error("out of memory: {detail}")]
    OutOfMemory {
        /// What was exceeded.
        detail: String,
    },
    /// The worker ended without a valid reply.
    #[error("the worker was lost: {detail}")]
    WorkerLost {
        /// How it ended.
        detail: String,
    },
    /// The sandbox cannot be enforced here.
    #[error("no sandbox: {detail}")]
    Sandbox {
        /// What is missing.
        detail: String,
    },
    /// The evaluator used up its stack; how deep that is depends on how the worker was built.
    #[error("the evaluator used up its stack: {detail}")]
    StackExhausted {
        /// What the worker says.
        detail: String,
    },
    /// This processor cannot compute what the environment lock asks for.
    #[error("unsupported machine: {detail}")]
    Unsupported {
        /// What is missing.
        detail: String,
    },
}

impl LocalFailure {
    /// Stable name of the reason to abstain.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Setup { .. } => "local_setup",
            Self::NoWorker { .. } => "local_no_worker",
            Self::Environment { .. } => "local_environment",
            Self::BeyondSettings { .. } | Self::BeyondTime { .. } => "local_beyond_settings",
            Self::TimedOut { .. } => "local_timed_out",
            Self::OutOfMemory { .. } => "local_out_of_memory",
            Self::WorkerLost { .. } => "local_worker_lost",
            Self::Sandbox { .. } => "local_no_sandbox",
            Self::StackExhausted { .. } => "local_stack_exhausted",
            Self::Unsupported { .. } => "local_unsupported",
        }
    }

    /// What a worker says stopped it.
    pub(super) fn of_worker(kind: LocalKind, detail: &str) -> Self {
        let detail = brief(detail);
        match kind {
            LocalKind::OutOfMemory => Self::OutOfMemory { detail },
            LocalKind::Sandbox => Self::Sandbox { detail },
            LocalKind::Unsupported => Self::Unsupported { detail },
            LocalKind::StackExhausted => Self::StackExhausted { detail },
            LocalKind::CodeChanged
            | LocalKind::CodeGone
            | LocalKind::CodeIncompatible
            | LocalKind::Internal => Self::WorkerLost { detail },
        }
    }

    pub(super) fn setup(action: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let action = action.into();
        |source| Self::Setup { action, source }
    }
}
