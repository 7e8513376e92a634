//! Client of an aggregator.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use futures::{Stream, StreamExt};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use zarathustra_primitives::{ClaimId, TaskId};

use crate::{
    ClaimMessage, ClaimView, RpcError, RpcRequest, RpcResponse, SnapshotMessage, StatusView,
    VoteMessage,
};

/// An aggregator that does not answer in this time is as good as down; votes are sent again.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How much longer than a failed call took an aggregator is left alone.
const REST_FACTOR: u32 = 4;
/// Largest answer that is read: a task has few claims, and each is small.
const MAX_ANSWER: usize = 4 << 20;

/// Why a request to an aggregator failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// It could not be reached.
    #[error("reach the aggregator {url}")]
    Unreachable {
        /// Its address.
        url: String,
        /// The HTTP client's own error.
        #[source]
        source: reqwest::Error,
    },
    /// It did not answer lately and is left alone for a while.
    #[error("the aggregator {url} did not answer lately")]
    Resting {
        /// Its address.
        url: String,
    },
    /// It answered something that is no answer.
    #[error("the aggregator {url} answered {method} with something else: {detail}")]
    Malformed {
        /// Its address.
        url: String,
        /// The method.
        method: &'static str,
        /// What is wrong.
        detail: String,
    },
    /// It refused.
    #[error("the aggregator {url} refused {method}: {}", .error.message)]
    Refused {
        /// Its address.
        url: String,
        /// The method.
        method: &'static str,
        /// Its reason.
        error: RpcError,
    },
}

impl ClientError {
    /// Stable reason code.
    pub fn code(&self) -> &str {
        match self {
            Self::Unreachable { .. } => "aggregator_unreachable",
            Self::Resting { .. } => "aggregator_resting",
            Self::Malformed { .. } => "aggregator_answer_malformed",
            Self::Refused { error, .. } => error.reason().unwrap_or("aggregator_refused"),
        }
    }
}

/// Talks to one aggregator.
#[derive(Clone, Debug)]
pub struct AggregatorClient {
    url: String,
    http: reqwest::Client,
    /// Until when it is left alone, since it did not answer.
    resting: Arc<Mutex<Option<Instant>>>,
}

impl AggregatorClient {
    /// A client for the aggregator at `url`.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`] when the HTTP client cannot be set up.
    pub fn new(url: &str) -> Result<Self, ClientError> {
        let http = reqwest::Client::builder()
            .connect_timeout(TIMEOUT)
            .build()
            .map_err(|source| ClientError::Unreachable {
                url: url.to_owned(),
                source,
            })?;
        Ok(Self {
            url: url.trim_end_matches('/').to_owned(),
            http,
            resting: Arc::default(),
        })
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sends a claim.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn send_task(&self, claim: &ClaimMessage) -> Result<ClaimId, ClientError> {
        self.call("sendTask", claim.to_params()).await
    }

    /// The claims it knows for a task.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn claims(&self, task: TaskId) -> Result<Vec<ClaimView>, ClientError> {
        self.call("zarathustra_claims", json!([task])).await
    }

    /// The messages it holds about the claim of a task that is appealed, with the operators whose
    /// votes in the appeal it holds.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn appeals(&self, task: TaskId) -> Result<Vec<ClaimView>, ClientError> {
        self.call("zarathustra_appeals", json!([task])).await
    }

    /// Sends a vote.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn send_vote(&self, vote: &VoteMessage) -> Result<(), ClientError> {
        let _accepted: Value = self.call("zarathustra_sendVote", json!([vote])).await?;
        Ok(())
    }

    /// Sends a signature of an epoch's snapshot.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn send_snapshot_signature(
        &self,
        signature: &SnapshotMessage,
    ) -> Result<(), ClientError> {
        let method = "zarathustra_sendSnapshotSignature";
        let _accepted: Value = self.call(method, json!([signature])).await?;
        Ok(())
    }

    /// Its open rounds.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn status(&self) -> Result<StatusView, ClientError> {
        self.call("zarathustra_status", json!([])).await
    }

    /// A stream that yields whenever the aggregator announces something, and ends when the
    /// connection does. What was announced is asked for with [`AggregatorClient::claims`].
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn announcements(
        &self,
    ) -> Result<impl Stream<Item = ()> + Send + use<>, ClientError> {
        let response = self
            .http
            .get(format!("{}/events", self.url))
            .header("accept", "text/event-stream")
            .send()
            .await
            .and_then(reqwest::Response::error_for_status)
            .map_err(|source| ClientError::Unreachable {
                url: self.url.clone(),
                source,
            })?;
        Ok(response
            .bytes_stream()
            .take_while(|part| futures::future::ready(part.is_ok()))
            .map(|_| ()))
    }

    /// Calls, unless it did not answer lately: one that lets callers wait may cost them a fifth of
    /// their time and no more.
    async fn call<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: Value,
    ) -> Result<T, ClientError> {
        let began = Instant::now();
        if self.resting().is_some_and(|until| began < until) {
            return Err(ClientError::Resting {
                url: self.url.clone(),
            });
        }
        let answer = self.call_now(method, params).await;
        *self.resting() = match &answer {
            Err(ClientError::Unreachable { .. }) => {
                Some(Instant::now() + began.elapsed() * REST_FACTOR)
            }
            _ => None,
        };
        answer
    }

    fn resting(&self) -> MutexGuard<'_, Option<Instant>> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn call_now<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: Value,
    ) -> Result<T, ClientError> {
        let unreachable = |source| ClientError::Unreachable {
            url: self.url.clone(),
            source,
        };
        let malformed = |detail: String| ClientError::Malformed {
            url: self.url.clone(),
            method,
            detail,
        };
        let response = self
            .http
            .post(&self.url)
            .timeout(TIMEOUT)
            .json(&RpcRequest::new(method, params))
            .send()
            .await
            .map_err(unreachable)?;
        let mut parts = response.bytes_stream();
        let mut body = Vec::new();
        while let Some(part) = parts.next().await {
            body.extend_from_slice(&part.map_err(unreachable)?);
            if body.len() > MAX_ANSWER {
                return Err(malformed(format!("longer than {MAX_ANSWER} bytes")));
            }
        }
        let answer: RpcResponse =
            serde_json::from_slice(&body).map_err(|e| malformed(e.to_string()))?;
        if let Some(error) = answer.error {
            return Err(ClientError::Refused {
                url: self.url.clone(),
                method,
                error,
            });
        }
        serde_json::from_value(answer.result.unwrap_or(Value::Null))
            .map_err(|e| malformed(e.to_string()))
    }
}
