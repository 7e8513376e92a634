//! The store that a role keeps content in: the embedded node, or somebody's Kubo.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use serde::Deserialize;
use zarathustra_content::{
    Collect, ContentError, ContentId, ContentStore, EmbeddedConfig, EmbeddedNode, KuboClient,
    KuboConfig, Quota,
};
use zarathustra_eval::WorkerSettings;

use crate::room::{Fetched, Room};

/// Where content is kept and found.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContentSettings {
    /// Address on which the embedded node listens.
    #[serde(default = "default_listen")]
    pub listen: String,
    /// Peers to stay connected with, as multiaddresses that end in an identity.
    #[serde(default)]
    pub peers: Vec<String>,
    /// RPC address of a Kubo node to use in place of the embedded one.
    #[serde(default)]
    pub kubo_rpc: Option<String>,
    /// Most bytes held; older pins go first, the champion of an open request never.
    #[serde(default = "default_quota_bytes")]
    pub quota_bytes: u64,
    /// Longest search for one file, seconds.
    #[serde(default = "default_fetch_seconds")]
    pub fetch_seconds: u64,
}

fn default_listen() -> String {
    "/ip4/127.0.0.1/tcp/0".to_owned()
}

const fn default_quota_bytes() -> u64 {
    10 << 30
}

const fn default_fetch_seconds() -> u64 {
    60
}

impl Default for ContentSettings {
    fn default() -> Self {
        Self {
            listen: default_listen(),
            peers: Vec::new(),
            kubo_rpc: None,
            quota_bytes: default_quota_bytes(),
            fetch_seconds: default_fetch_seconds(),
        }
    }
}

/// A started store.
#[derive(Clone)]
pub struct ContentHandle {
    store: Arc<dyn ContentStore>,
    patience: Duration,
    room: Room,
}

impl std::fmt::Debug for ContentHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ContentHandle")
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}

impl ContentHandle {
    /// Starts the embedded node in `folder`, or connects to the Kubo that the settings name.
    ///
    /// # Errors
    /// [`ContentError`] when neither can be had.
    pub async fn start(settings: &ContentSettings, folder: &Path) -> Result<Self, ContentError> {
        let store: Arc<dyn ContentStore> = match &settings.kubo_rpc {
            Some(url) => {
                let client = KuboClient::new(&KuboConfig {
                    url: url.clone(),
                    ledger: folder.join("ledger.json"),
                    quota: Quota::with_limit(settings.quota_bytes),
                    collect: Collect::UnpinnedThenPins,
                })?;
                for peer in &settings.peers {
                    client.connect(peer).await?;
                }
                Arc::new(client)
            }
            None => {
                let peers = settings
                    .peers
                    .iter()
                    .map(|p| p.parse())
                    .collect::<Result<Vec<_>, _>>()?;
                let config = EmbeddedConfig {
                    repo: folder.to_owned(),
                    listen: vec![settings.listen.clone()],
                    peers,
                    quota: Quota::with_limit(settings.quota_bytes),
                    collect: Collect::UnpinnedThenPins,
                };
                Arc::new(EmbeddedNode::start(config).await?)
            }
        };
        Ok(Self {
            store,
            patience: Duration::from_secs(settings.fetch_seconds),
            room: Room::new(WorkerSettings::MEMORY_BYTES),
        })
    }

    /// Lets the files that are fetched hold so much memory together; by default, as much as a
    /// worker may by default. A larger file is fetched when no other is in memory.
    #[must_use]
    pub fn with_room(mut self, bytes: u64) -> Self {
        self.room = Room::new(bytes);
        self
    }

    /// The store itself.
    pub fn store(&self) -> &Arc<dyn ContentStore> {
        &self.store
    }

    /// Fetches a file of at most `max_bytes` within the settings' patience, and pins it.
    ///
    /// It is looked for without room, since blocks go to the store one by one: who posts files that
    /// nobody serves keeps nobody waiting. Then it waits until there is room for the whole file.
    /// Whoever waits for a second file while they hold one may wait for each other.
    ///
    /// # Errors
    /// [`ContentError`].
    pub async fn fetch(&self, id: ContentId, max_bytes: u64) -> Result<Fetched, ContentError> {
        let deadline = || Instant::now() + self.patience;
        let bytes = self.store.hold(id, max_bytes, deadline()).await?;
        self.store.pin(id).await?;
        let place = self.room.take(bytes).await;
        let file = self.store.fetch(id, bytes, deadline()).await?;
        Ok(place.filled_with(file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_that_nobody_serves_takes_no_room() {
        let settings = ContentSettings {
            fetch_seconds: 5,
            ..ContentSettings::default()
        };
        let folder = tempfile::tempdir().expect("a folder");
        let content = ContentHandle::start(&settings, folder.path())
            .await
            .expect("a store")
            .with_room(1);
        let here = content.store().add(b"here").await.expect("added");
        let missing = zarathustra_content::file_id(b"missing");
        tokio::select! {
            biased;
            ended = content.fetch(missing, u64::MAX) => panic!("it ended first: {ended:?}"),
            found = content.fetch(here, u64::MAX) => assert_eq!(*found.expect("held"), *b"here"),
        }
    }
}
