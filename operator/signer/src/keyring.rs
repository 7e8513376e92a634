//! The keys of an operator before and after a rotation (1.6).

use zarathustra_primitives::{Address, BlsKey};

use crate::Signer;

/// An operator's keys, the newest and those that it replaced: in tasks on epochs that were written
/// before, votes and claims are signed with the old ones to the end. The table of a task's epoch
/// says which are meant.
#[derive(Debug)]
pub struct Keyring {
    newest: Signer,
    previous: Option<Signer>,
}

impl Keyring {
    /// The keys in force, and those before, which share a journal (see
    /// [`UnboundSigner::beside`](crate::UnboundSigner::beside)).
    pub const fn new(newest: Signer, previous: Option<Signer>) -> Self {
        Self { newest, previous }
    }

    /// The keys in force.
    pub const fn newest(&self) -> &Signer {
        &self.newest
    }

    /// The keys to which a public BLS key belongs.
    pub fn with_key(&self, key: &BlsKey) -> Option<&Signer> {
        self.all().find(|signer| signer.bls_key() == key)
    }

    /// The keys to which a claim signer's address belongs.
    pub fn with_claim_signer(&self, address: Address) -> Option<&Signer> {
        self.all()
            .find(|signer| signer.wallet().address() == address)
    }

    fn all(&self) -> impl Iterator<Item = &Signer> {
        std::iter::once(&self.newest).chain(&self.previous)
    }
}
