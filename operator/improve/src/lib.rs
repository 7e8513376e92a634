//! The kind of task called `improve`: is this submission better than the champion?
//!
//! Ties the market's contracts, IPFS and the evaluation together behind
//! [`TaskKind`](zarathustra_node::TaskKind), so that the daemons need not know any of them. The
//! [`Housekeeper`] sends the transactions that keep the market moving.

mod champions;
mod content;
mod decision;
mod housekeeper;
mod kind;
mod room;
mod subject;
mod warnings;

pub use content::{ContentHandle, ContentSettings};
pub use housekeeper::Housekeeper;
pub use kind::{IMPROVE, Improve, ImproveParts, StartError};
pub use room::Fetched;
pub use subject::{File, Subject, SubjectError};
pub use warnings::Watch;
pub use zarathustra_eval::{Device, WorkerProgram};
