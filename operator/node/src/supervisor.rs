//! Named tasks of which none may end unnoticed, and an orderly stop.

use std::{future::Future, time::Duration};

use tokio::{
    signal::unix::{SignalKind, signal},
    task::{Id, JoinSet},
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

/// Why a daemon stopped.
#[derive(Debug, thiserror::Error)]
pub enum Stopped {
    /// A task that must not end ended.
    #[error("the task {name} ended: {detail}")]
    Critical {
        /// The task's name.
        name: String,
        /// How it ended.
        detail: String,
    },
    /// Signals cannot be listened to.
    #[error("listen to signals")]
    Signals(#[source] std::io::Error),
    /// Tasks did not end in time after a stop was asked for.
    #[error("{0} tasks did not stop within the time allowed")]
    Late(usize),
}

/// Runs named tasks until one of them ends or a signal arrives.
#[derive(Debug)]
pub struct Supervisor {
    tasks: JoinSet<Result<(), String>>,
    names: Vec<(Id, String)>,
    stop: CancellationToken,
    grace: Duration,
}

impl Supervisor {
    /// A supervisor that gives its tasks `grace` to stop.
    pub fn new(grace: Duration) -> Self {
        Self {
            tasks: JoinSet::new(),
            names: Vec::new(),
            stop: CancellationToken::new(),
            grace,
        }
    }

    /// Cancelled when the daemon is to stop.
    pub fn stop_token(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Starts a task that must run until the stop token is cancelled.
    pub fn spawn<E: std::fmt::Display>(
        &mut self,
        name: &str,
        task: impl Future<Output = Result<(), E>> + Send + 'static,
    ) {
        let handle = self
            .tasks
            .spawn(async move { task.await.map_err(|e| e.to_string()) });
        self.names.push((handle.id(), name.to_owned()));
    }

    /// Waits for SIGINT, SIGTERM or the end of a task, then stops the rest.
    ///
    /// # Errors
    /// [`Stopped`] unless a signal asked for the stop and all tasks ended in time.
    pub async fn run(mut self) -> Result<(), Stopped> {
        let mut term = signal(SignalKind::terminate()).map_err(Stopped::Signals)?;
        let mut int = signal(SignalKind::interrupt()).map_err(Stopped::Signals)?;
        let outcome = tokio::select! {
            _ = term.recv() => Ok("SIGTERM"),
            _ = int.recv() => Ok("SIGINT"),
            () = self.stop.cancelled() => Ok("asked to"),
            Some(ended) = self.tasks.join_next_with_id() => Err(self.describe(ended)),
        };
        self.stop.cancel();
        match outcome {
            Ok(why) => {
                info!(why, "stopping");
                let late = timeout(self.grace, async {
                    while self.tasks.join_next().await.is_some() {}
                });
                tokio::select! {
                    ended = late => {
                        if ended.is_err() {
                            return Err(Stopped::Late(self.tasks.len()));
                        }
                        Ok(())
                    }
                    // A second signal means now.
                    _ = int.recv() => Err(Stopped::Late(self.tasks.len())),
                    _ = term.recv() => Err(Stopped::Late(self.tasks.len())),
                }
            }
            Err(stopped) => {
                error!(error = %stopped, "stopping");
                if timeout(self.grace, async {
                    while self.tasks.join_next().await.is_some() {}
                })
                .await
                .is_err()
                {
                    error!(tasks = self.tasks.len(), "tasks did not stop in time");
                }
                Err(stopped)
            }
        }
    }

    fn describe(&self, ended: Result<(Id, Result<(), String>), tokio::task::JoinError>) -> Stopped {
        let (id, detail) = match ended {
            Ok((id, Ok(()))) => (id, "without an error".to_owned()),
            Ok((id, Err(detail))) => (id, detail),
            Err(join) => (join.id(), join.to_string()),
        };
        let name = self
            .names
            .iter()
            .find(|(known, _)| *known == id)
            .map_or("unknown", |(_, n)| n);
        Stopped::Critical {
            name: name.to_owned(),
            detail,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_ends_stops_the_rest() {
        let mut supervisor = Supervisor::new(Duration::from_secs(5));
        let stop = supervisor.stop_token();
        supervisor.spawn("waits", async move {
            stop.cancelled().await;
            Ok::<_, String>(())
        });
        supervisor.spawn("fails", async { Err("no chain") });
        let stopped = supervisor.run().await.expect_err("a task ended");
        assert_eq!(stopped.to_string(), "the task fails ended: no chain");
    }

    #[tokio::test]
    async fn a_panic_is_an_end_like_any_other() {
        let mut supervisor = Supervisor::new(Duration::from_secs(5));
        supervisor.spawn("panics", async {
            assert!(std::env::var("NO_SUCH_VARIABLE").is_ok(), "deliberate");
            Ok::<_, String>(())
        });
        let stopped = supervisor.run().await.expect_err("a task ended");
        assert!(stopped.to_string().contains("panics"), "{stopped}");
    }

    #[tokio::test]
    async fn a_cancelled_token_stops_in_order() {
        let mut supervisor = Supervisor::new(Duration::from_secs(5));
        let stop = supervisor.stop_token();
        let inner = supervisor.stop_token();
        supervisor.spawn("waits", async move {
            inner.cancelled().await;
            Ok::<_, String>(())
        });
        stop.cancel();
        supervisor.run().await.expect("an orderly stop");
    }
}
