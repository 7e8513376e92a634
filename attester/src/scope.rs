//! How long work in the background is wanted.

use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// What work belongs to, such as a task. When this is dropped, the work stops where it next waits
/// and its result, also one that is there already, is void.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    over: CancellationToken,
    work: TaskTracker,
}

impl Scope {
    /// Work that belongs here, to be spawned.
    pub(crate) fn of<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> impl Future<Output = Ended<T>> + Send + 'static {
        let over = self.over.clone();
        self.work.track_future(async move {
            let result = over.run_until_cancelled(work).await;
            Ended { over, result }
        })
    }

    /// Stops the work and waits until none of it runs any more.
    pub(crate) async fn end(self) {
        self.over.cancel();
        self.work.close();
        self.work.wait().await;
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        self.over.cancel();
    }
}

/// Work that ended, by itself or with its scope.
#[derive(Debug)]
pub(crate) struct Ended<T> {
    over: CancellationToken,
    result: Option<T>,
}

impl<T> Ended<T> {
    /// The result, if anybody wants it still.
    pub(crate) fn wanted(self) -> Option<T> {
        self.result.filter(|_| !self.over.is_cancelled())
    }
}

#[cfg(test)]
mod tests {
    use std::{future::pending, sync::Arc};

    use tokio::{sync::oneshot, task::JoinSet};

    use super::*;

    #[tokio::test]
    async fn the_result_of_work_in_a_living_scope_is_wanted() {
        let scope = Scope::default();
        let mut work = JoinSet::new();
        work.spawn(scope.of(async { 7 }));
        let ended = work.join_next().await.expect("one").expect("no panic");
        assert_eq!(ended.wanted(), Some(7));
    }

    #[tokio::test]
    async fn a_result_that_came_before_its_scope_ended_is_void() {
        let scope = Scope::default();
        let mut work = JoinSet::new();
        work.spawn(scope.of(async { 7 }));
        let ended = work.join_next().await.expect("one").expect("no panic");
        drop(scope);
        assert_eq!(ended.wanted(), None);
    }

    #[tokio::test]
    async fn work_is_gone_once_its_scope_has_ended_and_other_work_is_not() {
        let (ending, other) = (Scope::default(), Scope::default());
        let held = Arc::new(());
        let (started, begun) = oneshot::channel();
        let mut work = JoinSet::new();
        let inside = Arc::clone(&held);
        work.spawn(ending.of(async move {
            let _inside = inside;
            started.send(()).expect("somebody waits");
            pending::<u8>().await
        }));
        let (go, wait) = oneshot::channel();
        work.spawn(other.of(async move { wait.await.expect("told") }));
        begun.await.expect("the work began");
        assert_eq!(Arc::strong_count(&held), 2);

        ending.end().await;
        assert_eq!(Arc::strong_count(&held), 1);
        // A cancelled one is no failure, after which everything would be begun again.
        let ended = work
            .join_next()
            .await
            .expect("the first")
            .expect("no panic");
        assert_eq!(ended.wanted(), None);
        go.send(7_u8).expect("somebody waits");
        let ended = work
            .join_next()
            .await
            .expect("the other")
            .expect("no panic");
        assert_eq!(ended.wanted(), Some(7));
    }
}
