//! Rounds of a drand network from beacons, over the HTTP API that they have in common.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use alloy::{
    hex,
    transports::http::reqwest::{Client, Url, redirect::Policy},
};
use serde::Deserialize;
use tracing::{debug, warn};
use zarathustra_bls::{COMPRESSED_LEN, PublicKey, Signature};

use crate::ChainError;

/// Longest time that one beacon gets for an answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Longest answer that is read, bytes; a round takes about 250.
const MAX_ANSWER: usize = 4096;

/// For how long nobody is asked after all have failed.
const REST: Duration = Duration::from_secs(5);

/// Beacons of one network, in the order in which they are asked.
#[derive(Clone, Debug)]
pub(crate) struct Beacons {
    urls: Arc<[String]>,
    http: Client,
    resting: Arc<Mutex<Option<Instant>>>,
}

/// A beacon's answer; what else it says follows from this.
#[derive(Deserialize)]
struct Round {
    round: u64,
    signature: String,
}

impl Beacons {
    /// Beacons by their addresses, which end with the hash of their chain.
    ///
    /// # Errors
    /// [`ChainError::BeaconUrlMalformed`]; [`ChainError::Beacon`] when the HTTP client cannot be set up.
    pub(crate) fn new(urls: &[String]) -> Result<Self, ChainError> {
        for url in urls {
            let malformed = |reason: String| ChainError::BeaconUrlMalformed {
                url: url.clone(),
                reason,
            };
            let parsed: Url = url.parse().map_err(|e| malformed(format!("{e}")))?;
            if !matches!(parsed.scheme(), "http" | "https") {
                return Err(malformed(
                    "does not begin with http:// or https://".to_owned(),
                ));
            }
        }
        let http = Client::builder()
            .timeout(TIMEOUT)
            .redirect(Policy::none())
            .build()
            .map_err(|error| ChainError::Beacon {
                round: 0,
                detail: format!("set up an HTTP client: {error}"),
            })?;
        Ok(Self {
            urls: urls
                .iter()
                .map(|url| url.trim_end_matches('/').to_owned())
                .collect(),
            http,
            resting: Arc::default(),
        })
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.urls.is_empty()
    }

    /// The signature of a round, from the first beacon that gives one of `key`.
    ///
    /// # Errors
    /// [`ChainError::NoBeacon`]; [`ChainError::Beacon`] when none does, and for some seconds after.
    pub(crate) async fn signature(
        &self,
        round: u64,
        key: &PublicKey,
    ) -> Result<Signature, ChainError> {
        if self.is_empty() {
            return Err(ChainError::NoBeacon);
        }
        let fail = |detail: String| ChainError::Beacon { round, detail };
        let until = *self.resting.lock().unwrap_or_else(PoisonError::into_inner);
        if until.is_some_and(|until| Instant::now() < until) {
            return Err(fail("all failed some seconds ago".to_owned()));
        }
        let mut failures = Vec::new();
        for url in &*self.urls {
            match self.ask(url, round, key).await {
                Ok(signature) => return Ok(signature),
                Err(failure) => {
                    debug!(%url, round, %failure, "a beacon does not give the round");
                    failures.push(format!("{url}: {failure}"));
                }
            }
        }
        *self.resting.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + REST);
        let error = fail(failures.join("; "));
        warn!(code = error.code(), %error, "a round is not to be had");
        Err(error)
    }

    /// What one beacon gives, or in words why that is not the round's signature.
    async fn ask(&self, url: &str, round: u64, key: &PublicKey) -> Result<Signature, String> {
        let request = self.http.get(format!("{url}/public/{round}"));
        let mut response = request.send().await.map_err(|error| error.to_string())?;
        if !response.status().is_success() {
            return Err(format!("answers with status {}", response.status()));
        }
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(|error| error.to_string())? {
            if body.len() + part.len() > MAX_ANSWER {
                return Err(format!("answers with more than {MAX_ANSWER} bytes"));
            }
            body.extend_from_slice(&part);
        }
        let answer: Round = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
        if answer.round != round {
            return Err(format!("answers with round {}", answer.round));
        }
        let bytes: [u8; COMPRESSED_LEN] = hex::decode_to_array(&answer.signature)
            .map_err(|error| format!("the signature is not {COMPRESSED_LEN} bytes: {error}"))?;
        let signature = Signature::decode_compressed(&bytes)
            .map_err(|error| format!("the signature is malformed: {error}"))?;
        match signature.verify_round(round, key) {
            true => Ok(signature),
            false => Err("the signature is not the network's".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests;
