//! The kind of task called `retain`: can the parameters of a submission that won still be fetched?
//! (specification 4.10, 5.12)
//!
//! ```text
//!  prepare    a node of its own, with nothing in it, asks the peers for the file ── digest, size
//!  execute    the seed draws ranges of the file; their hash shows that the bytes are here
//!  judge      the same proof: approve; another: reject; nobody had it: nothing to say
//! ```
//!
//! What this operator's own store holds does not count: it is not asked.

mod held;
mod housekeeper;
mod kind;
mod probe;
mod subject;

pub use held::{Held, Step};
pub use housekeeper::Housekeeper;
pub use kind::{RETAIN, Retain, RetainParts};
pub use probe::Probe;
pub use subject::{Subject, SubjectError};
