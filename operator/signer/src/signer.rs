//! The keys of an operator, reachable through the journal alone.

use std::{fmt, path::Path, sync::Arc};

use alloy::signers::{SignerSync, local::PrivateKeySigner};
use zarathustra_bls::SecretKey;
use zarathustra_primitives::{
    Address, B256, BlsKey, BlsSignature, CLAIM_SIGNATURE_LEN, Claim, ClaimId, ClaimSignature,
    Domain, Epoch, ResultHash, TaskHash, Turn, Verdict, Vote,
};

use crate::{
    JournalError, KeystoreError,
    journal::{Decision, Journal},
    keystore::{open_bls, open_wallet},
};

/// Keys or journal that cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A keystore or the password.
    #[error(transparent)]
    Keystore(#[from] KeystoreError),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl OpenError {
    /// The stable name of the reason.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Keystore(e) => e.code(),
            Self::Journal(_) => "journal_failed",
        }
    }
}

/// Why something was not signed.
#[derive(Debug, thiserror::Error)]
pub enum NotSafe {
    /// The other verdict was signed, or decided to be, for this claim and purpose. Both together
    /// would be proof of equivocation.
    #[error("claim {claim} was voted {earlier} before")]
    Contradicts {
        /// The claim.
        claim: ClaimId,
        /// The verdict that stands.
        earlier: Verdict,
    },
    /// A vote on this claim was decided under another task hash. A claim id binds its task, so
    /// the request is wrong.
    #[error("claim {claim} belongs to task hash {earlier}")]
    OtherTask {
        /// The claim.
        claim: ClaimId,
        /// The task hash that stands.
        earlier: TaskHash,
    },
    /// Another result was claimed for this task and turn.
    #[error("turn {turn} of task hash {task} was claimed with result {earlier} before")]
    OtherResult {
        /// The task.
        task: TaskHash,
        /// The turn.
        turn: Turn,
        /// The result that stands.
        earlier: ResultHash,
    },
    /// Another snapshot of this epoch was signed. Both together would be proof of a fault (7.4).
    #[error("the snapshot of epoch {epoch} was signed with digest {earlier} before")]
    OtherSnapshot {
        /// The epoch.
        epoch: Epoch,
        /// The digest that stands.
        earlier: B256,
    },
    /// The journal failed, so nothing may be signed.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The ECDSA library failed.
    #[error("sign the claim")]
    Sign(#[source] alloy::signers::Error),
}

impl NotSafe {
    /// The stable name of the reason.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Contradicts { .. } => "contradicts_earlier_vote",
            Self::OtherTask { .. } => "bug_claim_of_other_task",
            Self::OtherResult { .. } => "contradicts_earlier_claim",
            Self::OtherSnapshot { .. } => "contradicts_earlier_snapshot",
            Self::Journal(_) => "journal_failed",
            Self::Sign(_) => "bug_signature_failed",
        }
    }
}

/// Opened keys that do not know yet which contract they sign for; they sign nothing before
/// [`bind`](Self::bind).
#[derive(Debug)]
pub struct UnboundSigner {
    wallet: PrivateKeySigner,
    keys: Keys,
}

/// An operator's keys. Every signature goes through the journal first.
///
/// Signing blocks for an `fsync`, and for as long as another signature is being decided.
#[derive(Debug)]
pub struct Signer {
    domain: Domain,
    wallet: PrivateKeySigner,
    keys: Keys,
}

struct Keys {
    bls: SecretKey,
    public: BlsKey,
    /// One for all keys of an operator: what was signed with one stands for the others.
    journal: Arc<Journal>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

impl Signer {
    /// Opens both keystores, which share a password, and the journal, which is made when it does
    /// not exist and locked against other processes.
    ///
    /// # Errors
    /// When one of them cannot be opened.
    pub fn open(
        ecdsa: &Path,
        bls: &Path,
        password_file: &Path,
        journal: &Path,
    ) -> Result<UnboundSigner, OpenError> {
        // The journal first: opening a keystore takes a second, a locked journal is seen at once.
        let journal = Arc::new(Journal::open(journal)?);
        UnboundSigner::with_journal(ecdsa, bls, password_file, journal)
    }

    /// The ECDSA key: claim signer, and account that sends transactions. Transactions need no
    /// journal here; the sender keeps one of nonces.
    pub const fn wallet(&self) -> &PrivateKeySigner {
        &self.wallet
    }

    /// The BLS public key.
    pub const fn bls_key(&self) -> &BlsKey {
        &self.keys.public
    }

    /// Signs a vote if no other verdict was decided for its claim and purpose. The same vote gets
    /// the same signature every time.
    ///
    /// # Errors
    /// When signing is not safe; then nothing was signed.
    pub fn sign_vote(&self, vote: &Vote) -> Result<BlsSignature, NotSafe> {
        let claim = vote.claim;
        match self.keys.journal.decide_vote(vote)? {
            Decision::Recorded => Ok(self.keys.bls.sign(&vote.digest(&self.domain)).encode()),
            Decision::Taken((task, _)) if task != vote.task => Err(NotSafe::OtherTask {
                claim,
                earlier: task,
            }),
            Decision::Taken((_, earlier)) => Err(NotSafe::Contradicts { claim, earlier }),
        }
    }

    /// Signs a claim if no other result was decided for its task and turn. The same claim gets
    /// the same signature every time.
    ///
    /// # Errors
    /// When signing is not safe; then nothing was signed.
    pub fn sign_claim(&self, claim: &Claim) -> Result<ClaimSignature, NotSafe> {
        if let Decision::Taken(earlier) = self.keys.journal.decide_claim(claim)? {
            return Err(NotSafe::OtherResult {
                task: claim.task,
                turn: claim.turn,
                earlier,
            });
        }
        let digest = claim.digest(&self.domain);
        let signature = self.wallet.sign_hash_sync(&digest).map_err(NotSafe::Sign)?;
        let bytes: [u8; CLAIM_SIGNATURE_LEN] = signature.as_bytes();
        Ok(ClaimSignature::new(bytes))
    }

    /// Signs the digest of an epoch's snapshot (7.1) if no other was signed for this epoch of this
    /// registry on the domain's chain. The caller has seen it published in a final block.
    ///
    /// # Errors
    /// When signing is not safe; then nothing was signed.
    pub fn sign_snapshot(
        &self,
        registry: Address,
        epoch: Epoch,
        digest: B256,
    ) -> Result<BlsSignature, NotSafe> {
        let journal = &self.keys.journal;
        match journal.decide_snapshot(self.domain.chain_id, registry, epoch, digest)? {
            Decision::Recorded => Ok(self.keys.bls.sign(&digest).encode()),
            Decision::Taken(earlier) => Err(NotSafe::OtherSnapshot { epoch, earlier }),
        }
    }
}

impl UnboundSigner {
    fn with_journal(
        ecdsa: &Path,
        bls: &Path,
        password_file: &Path,
        journal: Arc<Journal>,
    ) -> Result<Self, OpenError> {
        let bls = open_bls(bls, password_file)?;
        let public = bls.public_key().encode();
        let wallet = open_wallet(ecdsa, password_file)?;
        Ok(Self {
            wallet,
            keys: Keys {
                bls,
                public,
                journal,
            },
        })
    }

    /// Opens other keys of the same operator, with the same journal.
    ///
    /// # Errors
    /// When a keystore or the password cannot be used.
    pub fn beside(
        &self,
        ecdsa: &Path,
        bls: &Path,
        password_file: &Path,
    ) -> Result<Self, OpenError> {
        let journal = Arc::clone(&self.keys.journal);
        Self::with_journal(ecdsa, bls, password_file, journal)
    }

    /// Binds the keys to the AttestationCenter that all further signatures are for.
    pub fn bind(self, domain: Domain) -> Signer {
        Signer {
            domain,
            wallet: self.wallet,
            keys: self.keys,
        }
    }

    /// The ECDSA key; see [`Signer::wallet`].
    pub const fn wallet(&self) -> &PrivateKeySigner {
        &self.wallet
    }

    /// The BLS public key.
    pub const fn bls_key(&self) -> &BlsKey {
        &self.keys.public
    }
}

#[cfg(test)]
mod tests;
