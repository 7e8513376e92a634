//! `zarathustra submission`: commit, reveal, follow, and the ways out.

mod advance;
mod commit;
mod history;
mod retain;
mod show;
mod view;
mod words;

use std::{path::PathBuf, time::Duration};

use alloy::primitives::Address;
use clap::Subcommand;
use eyre::Result;
use tokio::time::sleep;
use zarathustra_chain::{Chain, ChainError, read};
use zarathustra_primitives::SubmissionState;

pub(super) use history::positions;

use crate::{
    context::Globals,
    output::{Answer, progress},
};

/// How often a followed submission is looked at.
const WATCH_EVERY: Duration = Duration::from_millis(500);

/// Submit better parameters and follow them.
#[derive(Debug, Subcommand)]
pub enum Submission {
    /// Reserve a place in the queue without showing the parameters.
    Commit(Parameters),
    /// Reveal what was committed.
    Reveal {
        /// The submission; every one of this account that can still be revealed when absent.
        id: Option<u64>,
    },
    /// Commit, wait until that is mined, reveal.
    Submit(Parameters),
    /// Show a submission: state, deadline, reason, figures and how the verdict follows from them.
    Show {
        /// The submission.
        id: u64,
        /// Follow it until its state is final.
        #[arg(long)]
        watch: bool,
    },
    /// List submissions, the newest last.
    List {
        /// Only those to this request.
        #[arg(long)]
        request: Option<u64>,
        /// Most that are listed.
        #[arg(long, default_value_t = 100)]
        limit: u64,
    },
    /// Do what is due for a submission and anybody may do: open its task, fix the seed, deliver a
    /// certificate that the market did not take, settle, forfeit, release or expire it. Aggregators
    /// do this for all.
    Advance {
        /// The submission.
        id: u64,
    },
    /// Do what is due for what is held back of a submission's reward: open a retention task, at the
    /// kind's least fee, fix its seed, deliver its result, or end it or the whole when the time is
    /// over. Anybody may; the payout is credited when the parameters are found.
    Retain {
        /// The submission.
        id: u64,
    },
}

/// What is submitted.
#[derive(Debug, clap::Args)]
pub struct Parameters {
    /// The request.
    #[arg(long)]
    request: u64,
    /// The parameters (safetensors).
    #[arg(long, value_name = "FILE")]
    parameters: PathBuf,
    /// Who is paid; the sending account when absent.
    #[arg(long, value_name = "ADDRESS")]
    payout: Option<Address>,
}

impl Submission {
    /// Runs the command.
    pub async fn run(self, globals: &Globals) -> Result<Option<Answer>> {
        match self {
            Self::Commit(parameters) => commit::commit(globals, &parameters).await,
            Self::Reveal { id } => commit::reveal(globals, id).await,
            Self::Submit(parameters) => commit::submit(globals, &parameters).await,
            Self::Show { id, watch } => {
                let chain = globals.chain().await?;
                if watch {
                    follow(&chain, id).await?;
                }
                show::show(&chain, id).await
            }
            Self::List { request, limit } => {
                show::list(&globals.chain().await?, request, limit).await
            }
            Self::Advance { id } => advance::advance(globals, id).await,
            Self::Retain { id } => retain::retain(globals, id).await,
        }
        .map(Some)
    }
}

/// Says each change until the submission is final. A node that fails is asked again.
async fn follow(chain: &Chain, id: u64) -> Result<()> {
    // An unknown submission is an error at once.
    crate::reads::submission(chain, id).await?;
    let mut last = None;
    loop {
        match look(chain, id).await {
            Ok((state, _)) if last == Some(state) => {}
            Ok((state, line)) => {
                progress(&line);
                last = Some(state);
                if state.is_final() {
                    return Ok(());
                }
            }
            Err(error) if error.is_transient() => {
                progress(&format!("waiting for the node: {error}"))
            }
            Err(error) => return Err(error.into()),
        }
        sleep(WATCH_EVERY).await;
    }
}

async fn look(chain: &Chain, id: u64) -> Result<(SubmissionState, String), ChainError> {
    let submission = read("submission", chain.market().submission(id)).await?;
    let head = chain.head().await?;
    let state = SubmissionState::from_u8(submission.state).map_err(|e| ChainError::OutOfRange {
        what: "submission state",
        value: e.to_string(),
    })?;
    let until = words::deadline(state, submission.deadline, &head);
    Ok((
        state,
        format!("block {}: {state}, deadline {until}", head.number),
    ))
}
