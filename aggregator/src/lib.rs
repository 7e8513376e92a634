//! The aggregator: takes claims and votes over HTTP, and submits a certificate as soon as one is
//! possible and worth sending. It trusts nobody and nobody trusts it: claims are checked against
//! the chain, votes against the keys on chain, and the contract checks the certificate.
//!
//! ```text
//!  performers ──sendTask──▶ ┌──────┐ ──announcements──▶ attesters
//!  attesters ──sendVote───▶ │ Desk │
//!                           └──┬───┘
//!                  rounds      ▼
//!              chain ◀──── Submitter (quorum, bitmap, aggregate signature)
//! ```
//!
//! Beside this it gathers signatures of epochs for other chains, and brings those there.
//!
//! Any number of aggregators may run; the first certificate on a claim wins.

mod appeals;
mod certificate;
mod daemon;
mod desk;
mod relay;
#[cfg(test)]
#[path = "../../deploy/tests/common/mod.rs"]
mod scene;
mod server;
mod settings;
mod snapshots;
mod submitter;
#[cfg(test)]
mod test_keys;

pub use appeals::Appeals;
pub use daemon::run;
pub use desk::{Announcement, Desk};
pub use server::routes;
pub use settings::{
    HttpSettings, KeySettings, PolicySettings, Settings, SnapshotSettings, SpokeSettings,
    SupplementSettings,
};
pub use snapshots::SnapshotDesk;
