//! What host and worker say to each other: length-prefixed frames over the worker's standard
//! input and output.
//!
//! The host sends one job and keeps the pipe open; when it closes, the worker ends itself. The
//! worker answers with one reply and, where there are scores or compiled code, one frame that
//! holds them. The host believes a worker nothing beyond a bounded, checked reply.

use std::fmt;
use std::io::{self, Read, Write};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use zarathustra_primitives::{Digest, Engine};

/// Largest job.
pub const MAX_JOB_BYTES: u32 = 1 << 20;
/// Largest reply.
pub const MAX_REPLY_BYTES: u32 = 16 << 10;
/// Largest compiled evaluator. Machine code takes about twice the bytes of its component.
pub const MAX_CODE_BYTES: u32 = 1 << 30;
/// Most bytes that a program may pass to the host in one call, whatever its memory limit.
pub const MAX_CALL_BYTES: u64 = 1 << 30;
/// Most bytes that a model which runs by itself answers.
pub const MAX_OUTPUT_BYTES: u32 = 1 << 30;

/// A file that the worker reads, with what it has to be.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct JobFile {
    /// Where it lies.
    pub path: PathBuf,
    /// Digest of its bytes.
    pub sha256: Digest,
    /// Size in bytes.
    pub size: u64,
}

/// Where libtorch computes. The environment lock does not say it: a device is another processor,
/// whose results lie within the tolerance for libtorch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Device {
    /// The processor.
    #[default]
    Cpu,
    /// The first CUDA device. Its driver needs more than the sandbox leaves otherwise: device
    /// files, the system's libraries, and system calls that act on them.
    Cuda,
}

impl Device {
    /// Where a task computes if libtorch is to do it here: all else is the processor's.
    pub fn of(self, task: &Task) -> Self {
        let engine = match task {
            // What is asked before anything is evaluated is whether libtorch can compute there.
            Task::Check => Engine::Libtorch,
            Task::Compile(_) => Engine::None,
            Task::Evaluate(task) => task.engine,
            Task::Run(task) => task.engine,
        };
        match engine {
            Engine::Libtorch => self,
            Engine::Reference | Engine::None => Self::Cpu,
        }
    }

    /// Variables that the device's libraries read when they start.
    pub const fn variables(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Cpu => &[],
            Self::Cuda => &[
                // Matrix products of 32-bit floats are not cut to 10 bits of mantissa.
                ("NVIDIA_TF32_OVERRIDE", "0"),
                // What cuBLAS asks for to answer the same each time.
                ("CUBLAS_WORKSPACE_CONFIG", ":4096:8"),
            ],
        }
    }
}

/// A compiled evaluator, as the host keeps it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeFile {
    /// Where it lies.
    pub path: PathBuf,
    /// Bytes of the file before the code.
    pub offset: u64,
    /// Bytes of code.
    pub size: u64,
    /// BLAKE3 of the code, 64 hex digits, as the host's tag vouches for it.
    pub blake3: String,
}

/// What a worker is started for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    /// Go on without the parts of the sandbox that cannot be had here. For development only.
    pub allow_unsandboxed: bool,
    /// Most data memory of the process, in bytes; the kernel enforces it.
    pub data_bytes: u64,
    /// Most processor time, in seconds; the kernel enforces it.
    pub cpu_seconds: u64,
    /// The environment lock to compute under, as JSON. The host sets the variables of it that are
    /// read before the worker can.
    pub environment: String,
    /// Where libtorch computes.
    pub device: Device,
    /// What to do.
    pub task: Task,
}

/// What to do in the sandbox.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Task {
    /// Enter the sandbox and tell what it consists of.
    Check,
    /// Compile this evaluator and answer the machine code.
    Compile(JobFile),
    /// Score both models.
    Evaluate(Box<Evaluate>),
    /// Run a model by itself, without an evaluator.
    Run(Box<Run>),
}

impl Task {
    /// The files that the task reads: the only ones that the worker may open.
    pub fn files(&self) -> Vec<&std::path::Path> {
        match self {
            Self::Check => vec![],
            Self::Compile(evaluator) => vec![&evaluator.path],
            Self::Evaluate(task) => vec![
                &task.evaluator.path,
                &task.code.path,
                &task.architecture.path,
                &task.champion.path,
                &task.challenger.path,
            ],
            Self::Run(task) => vec![&task.architecture, &task.parameters, &task.inputs],
        }
    }
}

/// The inputs of an evaluation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Evaluate {
    /// The request manifest, as its file has it.
    pub manifest: String,
    /// The evaluation program.
    pub evaluator: JobFile,
    /// The same, compiled.
    pub code: CodeFile,
    /// The models' architecture.
    pub architecture: JobFile,
    /// The champion's parameters.
    pub champion: JobFile,
    /// The challenger's parameters.
    pub challenger: JobFile,
    /// The seed, 64 hex digits.
    pub seed: String,
    /// What computes the models' outputs.
    pub engine: Engine,
}

/// The files of a model that runs by itself; they are the user's own.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Run {
    /// The model's architecture.
    pub architecture: PathBuf,
    /// Its parameters.
    pub parameters: PathBuf,
    /// What it is fed, as [`inputs`](crate::inputs) describes it.
    pub inputs: PathBuf,
    /// What computes.
    pub engine: Engine,
}

/// How a job ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Reply {
    /// What the sandbox consists of.
    Checked(Protection),
    /// The evaluator is compiled; its code follows in a frame of its own.
    Compiled,
    /// Both models were scored; the scores file follows in a frame of its own.
    Scored(Spent),
    /// The model answered; its rows of 32-bit floats, little-endian, follow in a frame of their
    /// own.
    Computed,
    /// A file of the user's own is not as it has to be.
    Refused {
        /// Stable name of the reason.
        code: String,
        /// For people.
        detail: String,
    },
    /// The evaluation ended with a status that every machine derives alike.
    Failed {
        /// Number of the status.
        status: u8,
        /// For people; may repeat strangers' text.
        detail: String,
    },
    /// The evaluation could not be done here.
    Local {
        /// What stopped it.
        kind: LocalKind,
        /// For people.
        detail: String,
    },
}

/// What stops an evaluation on this machine alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LocalKind {
    /// Memory ran out.
    OutOfMemory,
    /// The sandbox cannot be had here.
    Sandbox,
    /// The evaluator used up its stack, whose depth depends on how the worker was built.
    StackExhausted,
    /// The compiled evaluator is not what the host vouched for.
    CodeChanged,
    /// The compiled evaluator is gone: another program tidied the cache meanwhile.
    CodeGone,
    /// The compiled evaluator was made by another engine or for another processor.
    CodeIncompatible,
    /// The processor lacks what the environment lock asks for.
    Unsupported,
    /// A file of the job could not be read, or something failed that should not.
    Internal,
}

/// A part of the sandbox. Each is required.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Guard {
    /// Limits that the kernel keeps on memory, time and files.
    ResourceLimits,
    /// No program that the worker could start has more rights than it.
    NoNewPrivileges,
    /// Only the job's files can be opened.
    Landlock,
    /// Only listed system calls are answered.
    Seccomp,
}

impl Guard {
    /// Every guard.
    pub const ALL: [Self; 4] = [
        Self::ResourceLimits,
        Self::NoNewPrivileges,
        Self::Landlock,
        Self::Seccomp,
    ];
}

impl fmt::Display for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ResourceLimits => "resource limits",
            Self::NoNewPrivileges => "no_new_privs",
            Self::Landlock => "Landlock",
            Self::Seccomp => "seccomp",
        })
    }
}

/// What the sandbox of a worker consists of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Protection {
    /// Landlock's version in force; 0 for none.
    pub landlock_abi: u32,
    /// What is missing and why; empty unless the job allows it.
    pub missing: Vec<(Guard, String)>,
}

/// What an evaluation took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Spent {
    /// Reading and checking the files and loading the compiled evaluator.
    pub load_micros: u64,
    /// Scoring the champion.
    pub champion_micros: u64,
    /// Scoring the challenger.
    pub challenger_micros: u64,
    /// Fuel that scoring the champion took.
    pub champion_fuel: u64,
    /// Fuel that scoring the challenger took.
    pub challenger_fuel: u64,
    /// What else was seen while the champion was scored.
    pub champion_seen: Seen,
    /// What else was seen while the challenger was scored.
    pub challenger_seen: Seen,
}

/// What a program did while it scored one model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Seen {
    /// Most memory that the program held at once, its tensors on the host's side included, in bytes.
    pub memory_bytes: u64,
    /// Rows that the model was asked about.
    pub rows: u64,
    /// Time that the model took for them, in microseconds; the rest is the program's own.
    pub model_micros: u64,
    /// Scores that lay outside the request's range and were clipped to it.
    pub clipped: u32,
}

/// Writes a frame: the length as four bytes, big-endian, and the bytes.
///
/// # Errors
/// When writing fails or the bytes do not fit a frame.
pub fn write_frame(writer: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    writer.write_all(&length.to_be_bytes())?;
    writer.write_all(bytes)?;
    writer.flush()
}

/// Reads a frame.
///
/// # Errors
/// When reading fails, the stream ends early or the frame is longer than `limit`.
pub fn read_frame(reader: &mut impl Read, limit: u32) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    reader.read_exact(&mut length)?;
    let length = check_length(length, limit)?;
    let mut bytes = vec![0; length];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Length of a frame from its prefix.
pub(crate) fn check_length(prefix: [u8; 4], limit: u32) -> io::Result<usize> {
    let length = u32::from_be_bytes(prefix);
    if length > limit {
        let message = format!("frame of {length} bytes is larger than {limit}");
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    usize::try_from(length).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_bounded() {
        let mut pipe = Vec::new();
        write_frame(&mut pipe, b"job").expect("write");
        assert_eq!(pipe, b"\0\0\0\x03job");
        assert_eq!(read_frame(&mut pipe.as_slice(), 3).expect("read"), b"job");
        let long = read_frame(&mut pipe.as_slice(), 2).expect_err("too long");
        assert_eq!(long.kind(), io::ErrorKind::InvalidData);
        let short = read_frame(&mut &pipe[..5], 3).expect_err("cut off");
        assert_eq!(short.kind(), io::ErrorKind::UnexpectedEof);
    }
}
