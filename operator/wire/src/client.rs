//! Client of an aggregator.

use std::time::Duration;

use futures::{Stream, StreamExt};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use zarathustra_primitives::{ClaimId, TaskId};

use crate::{ClaimMessage, ClaimView, RpcError, RpcRequest, RpcResponse, StatusView, VoteMessage};

/// An aggregator that does not answer in this time is as good as down; votes are sent again.
const TIMEOUT: Duration = Duration::from_secs(5);
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

    /// Sends a vote.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn send_vote(&self, vote: &VoteMessage) -> Result<(), ClientError> {
        let _accepted: Value = self.call("zarathustra_sendVote", json!([vote])).await?;
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

    async fn call<T: DeserializeOwned>(
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
