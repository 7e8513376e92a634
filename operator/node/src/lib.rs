//! What every daemon stands on: settings, logs, metrics, health and supervised tasks.
//!
//! Knows nothing of models, votes or contracts. [`kind::TaskKind`] is where a kind of task meets
//! the daemons: they drive it, and never look inside a result.

pub mod failure;
pub mod health;
pub mod http;
pub mod kind;
pub mod logs;
pub mod metrics;
pub mod settings;
pub mod supervisor;

pub use health::{Health, ServiceStatus};
pub use kind::{Abstain, Assignment, Opinion, Outcome, TaskKind};
pub use metrics::Metrics;
pub use supervisor::Supervisor;
