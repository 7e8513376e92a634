//! Champions stay here: without their parameters nothing can be compared and nobody can start.
//!
//! Which file is protected for which request is on disk, so that the protection moves with the
//! champion and ends with the request, whatever happened while the process did not run.

use tracing::{info, warn};
use zarathustra_chain::{Chain, ChainError, Store, read};
use zarathustra_content::{ContentError, ContentId};
use zarathustra_primitives::{RequestId, RequestState};

use crate::ContentHandle;

const WHAT: &str = "a protected champion";
const PREFIX: &str = "champion/";

/// The champions that this operator protects from collection.
#[derive(Clone, Debug)]
pub(crate) struct Champions {
    chain: Chain,
    content: ContentHandle,
    store: Store,
}

/// Why a champion's protection could not be changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChampionError {
    /// The chain or the records could not be read or written.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The content store failed.
    #[error(transparent)]
    Content(#[from] ContentError),
}

impl ChampionError {
    /// Stable reason code.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Chain(error) => error.code(),
            Self::Content(error) => error.code(),
        }
    }
}

impl Champions {
    pub(crate) const fn new(chain: Chain, content: ContentHandle, store: Store) -> Self {
        Self {
            chain,
            content,
            store,
        }
    }

    /// Protects the champion of a request, and no longer the one before it.
    pub(crate) async fn protect(
        &self,
        request: RequestId,
        champion: ContentId,
        bytes: u64,
    ) -> Result<(), ChampionError> {
        let key = format!("{PREFIX}{request}");
        let before: Option<String> = self.store.get(WHAT, &key)?;
        let now = champion.to_string();
        if before.as_ref() == Some(&now) {
            return Ok(());
        }
        if !self.has_room(bytes).await? {
            warn!(%request, cid = %champion, bytes, "half of the content quota is protected already; this champion may be collected");
            return Ok(());
        }
        self.content.store().set_protected(champion, true).await?;
        self.store.put(WHAT, &key, &now)?;
        if let Some(before) = before {
            self.release(&before).await?;
        }
        Ok(())
    }

    /// Whether as many bytes more may be protected. Requests cost their owners little, so that
    /// without a bound they could fill the quota with what must not be collected.
    async fn has_room(&self, bytes: u64) -> Result<bool, ChampionError> {
        let store = self.content.store();
        let held = store.held().await?;
        let protected: u64 = held.iter().filter(|h| h.protected).map(|h| h.bytes).sum();
        let limit = store.usage().await?.quota.limit_bytes / 2;
        Ok(protected.saturating_add(bytes) <= limit)
    }

    /// Looks at every request whose champion is protected: the protection moves to a new champion,
    /// and ends when the request is closed.
    pub(crate) async fn tend(&self) {
        let records = match self.store.list::<String>(WHAT, PREFIX) {
            Ok(records) => records,
            Err(error) => {
                warn!(code = error.code(), %error, "the protected champions cannot be listed");
                return;
            }
        };
        for (key, champion) in records {
            let request = key.strip_prefix(PREFIX).and_then(|n| n.parse().ok());
            let Some(request) = request else { continue };
            if let Err(error) = self.tend_one(request, &key, &champion).await {
                warn!(request, code = error.code(), %error, "a champion's protection could not be changed");
            }
        }
    }

    async fn tend_one(&self, request: u64, key: &str, champion: &str) -> Result<(), ChampionError> {
        let market = self.chain.market();
        let state = read("request", market.request(request)).await?.state;
        if state == RequestState::Closed.to_u8() {
            self.store.remove(key)?;
            self.release(champion).await?;
            info!(
                request,
                "the request is closed; its champion may be collected"
            );
            return Ok(());
        }
        let standing = read("champion", market.champion(request)).await?;
        let id = ContentId::from_bytes(&standing.content.cid)?;
        self.protect(RequestId::new(request), id, standing.content.size)
            .await
    }

    /// Ends the protection of a file that is no request's champion any more.
    async fn release(&self, champion: &str) -> Result<(), ChampionError> {
        let others = self.store.list::<String>(WHAT, PREFIX)?;
        if others.iter().all(|(_, other)| other != champion) {
            let id: ContentId = champion.parse()?;
            self.content.store().set_protected(id, false).await?;
        }
        Ok(())
    }
}
