//! The ledger in use: promises of space, pins and warnings, shared by all stores.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Mutex;

use crate::ledger::Ledger;
use crate::{Collect, ContentError, ContentId, Held, Quota, Usage};

/// What a store holds, within its quota.
#[derive(Debug)]
pub(crate) struct Holdings {
    ledger: Mutex<Ledger>,
    /// Bytes promised to files that are being added or fetched.
    reserved: AtomicU64,
    quota: Quota,
    collect: Collect,
}

/// Bytes promised to a file that is on its way, until this is dropped.
#[derive(Debug)]
pub(crate) struct Reservation<'a> {
    reserved: &'a AtomicU64,
    bytes: u64,
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        self.reserved.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

impl Holdings {
    pub fn open(ledger: &Path, quota: Quota, collect: Collect) -> Result<Self, ContentError> {
        Ok(Self {
            ledger: Mutex::new(Ledger::open(ledger)?),
            reserved: AtomicU64::new(0),
            quota,
            collect,
        })
    }

    /// Promises space to a file that is about to be stored. Returns the files that were
    /// struck from the ledger for it; the caller removes their bytes.
    pub async fn reserve(&self, bytes: u64) -> Result<(Reservation<'_>, Vec<Held>), ContentError> {
        let mut ledger = self.ledger.lock().await;
        let reserved = self.reserved.load(Ordering::Acquire);
        let victims = ledger.make_room(bytes, reserved, self.quota, self.collect)?;
        self.reserved.fetch_add(bytes, Ordering::AcqRel);
        let reservation = Reservation {
            reserved: &self.reserved,
            bytes,
        };
        for victim in &victims {
            tracing::info!(cid = %victim.id, bytes = victim.bytes, "collected to make room");
            ledger.forget(victim.id);
        }
        if !victims.is_empty() {
            ledger.save().await?;
        }
        Ok((reservation, victims))
    }

    /// Notes a file that is now completely here.
    pub async fn record(&self, id: ContentId, bytes: u64, pin: bool) -> Result<(), ContentError> {
        let mut ledger = self.ledger.lock().await;
        ledger.record(id, bytes, pin);
        let usage = ledger.usage(self.quota);
        if usage.is_warning() {
            tracing::warn!(
                used_bytes = usage.used_bytes,
                limit_bytes = usage.quota.limit_bytes,
                "the disk quota for content is nearly used up"
            );
        }
        ledger.save().await
    }

    /// Marks a file as just used, so that it is among the last to be collected. False when
    /// it is not held.
    pub async fn touch(&self, id: ContentId) -> bool {
        let mut ledger = self.ledger.lock().await;
        let Some(bytes) = ledger.get(id).map(|held| held.bytes) else {
            return false;
        };
        // Not saved: losing the order of use in a crash harms nobody.
        ledger.record(id, bytes, false);
        true
    }

    /// Marks a file as just used and answers its length; `None` when it is not held.
    ///
    /// # Errors
    /// `content_too_large` for one that is longer than allowed.
    pub async fn use_held(
        &self,
        id: ContentId,
        max_bytes: u64,
    ) -> Result<Option<u64>, ContentError> {
        match self.get(id).await {
            Some(held) if held.bytes > max_bytes => Err(ContentError::TooLarge {
                id,
                bytes: held.bytes,
                max_bytes,
            }),
            Some(held) => Ok(self.touch(id).await.then_some(held.bytes)),
            None => Ok(None),
        }
    }

    pub async fn get(&self, id: ContentId) -> Option<Held> {
        self.ledger.lock().await.get(id).cloned()
    }

    pub async fn unpin(&self, id: ContentId) -> Result<(), ContentError> {
        let mut ledger = self.ledger.lock().await;
        ledger.unpin(id);
        ledger.save().await
    }

    pub async fn set_protected(&self, id: ContentId, protected: bool) -> Result<(), ContentError> {
        let mut ledger = self.ledger.lock().await;
        ledger.set_protected(id, protected);
        ledger.save().await
    }

    pub async fn held(&self) -> Vec<Held> {
        self.ledger.lock().await.files()
    }

    pub async fn usage(&self) -> Usage {
        self.ledger.lock().await.usage(self.quota)
    }
}
