//! What host and worker say to each other: length-prefixed frames over the worker's standard
//! input and output.
//!
//! The host sends one job and keeps the pipe open; when it closes, the worker ends itself. The
//! worker answers with one reply and, where there are scores, one frame that holds the scores
//! file. The host believes a worker nothing beyond a bounded, checked reply.

use std::io::{self, Read, Write};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use zarathustra_primitives::{Digest, Engine};

/// Largest job.
pub const MAX_JOB_BYTES: u32 = 1 << 20;
/// Largest reply.
pub const MAX_REPLY_BYTES: u32 = 16 << 10;
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

/// What a worker is started for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    /// Go on when the kernel cannot enforce the sandbox. For development on kernels without
    /// Landlock only.
    pub allow_unsandboxed: bool,
    /// Most data memory of the process, in bytes; the kernel enforces it.
    pub data_bytes: u64,
    /// Most processor time, in seconds; the kernel enforces it.
    pub cpu_seconds: u64,
    /// The request's limit for the evaluator's memory.
    pub memory_bytes: u64,
    /// The environment lock to compute under, as JSON. The host sets the variables of it that are
    /// read before the worker can.
    pub environment: String,
    /// Folder of the compiled evaluator.
    pub cache: PathBuf,
    /// The evaluation program.
    pub evaluator: JobFile,
    /// What to do with it.
    pub task: Task,
}

/// What to do with an evaluator.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Task {
    /// Compile it into the cache.
    Compile,
    /// Score both models.
    Evaluate(Box<Evaluate>),
    /// Run a model by itself, without an evaluator.
    Run(Box<Run>),
}

/// The inputs of an evaluation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Evaluate {
    /// The request manifest, as its file has it.
    pub manifest: String,
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
    /// The evaluator is in the cache.
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
    /// The processor lacks what the environment lock asks for.
    Unsupported,
    /// A file of the job could not be read, or something failed that should not.
    Internal,
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
