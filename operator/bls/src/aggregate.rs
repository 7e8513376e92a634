//! Many votes over one digest.

use blst::{MultiPoint, min_sig};
use zarathustra_primitives::B256;

use crate::{KeyError, PublicKey, Signature};

/// A signature and the key that is said to have made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedBy {
    /// The key.
    pub key: PublicKey,
    /// The signature.
    pub signature: Signature,
}

/// Adds signatures up; `None` when there are none or they cancel out.
pub fn aggregate<'a>(signatures: impl IntoIterator<Item = &'a Signature>) -> Option<Signature> {
    let mut signatures = signatures.into_iter();
    let mut sum = min_sig::AggregateSignature::from_signature(&signatures.next()?.0);
    for signature in signatures {
        sum.add_aggregate(&min_sig::AggregateSignature::from_signature(&signature.0));
    }
    let sum = sum.to_signature();
    sum.validate(true).is_ok().then_some(Signature(sum))
}

/// Whether `signature` is the sum of the keys' signatures over the digest of a vote.
/// Sound only among keys whose possession was proved.
#[must_use]
pub fn verify_aggregate<'a>(
    digest: &B256,
    keys: impl IntoIterator<Item = &'a PublicKey>,
    signature: &Signature,
) -> bool {
    PublicKey::sum(keys).is_some_and(|key| signature.verify(digest, &key))
}

/// Finds the votes over one digest that do not verify; answers their places in ascending order.
///
/// All votes are checked at once under random weights, so that false ones cannot cancel each
/// other out (they pass with probability 2^-64). Where that fails, the halves are checked in
/// turn: with few false votes among many, the cost of each is a few checks, not one per vote.
///
/// # Errors
/// When the operating system gives no randomness for the weights.
pub fn find_invalid(digest: &B256, votes: &[SignedBy]) -> Result<Vec<usize>, KeyError> {
    let mut weights = vec![0; votes.len() * WEIGHT];
    getrandom::fill(&mut weights).map_err(KeyError::Randomness)?;
    for weight in weights.chunks_exact_mut(WEIGHT) {
        // Little-endian; an odd weight is never zero, so every vote counts.
        weight[0] |= 1;
    }
    let mut batch = Batch {
        digest,
        keys: votes.iter().map(|vote| vote.key.0).collect(),
        signatures: votes.iter().map(|vote| vote.signature.0).collect(),
        weights,
        invalid: Vec::new(),
    };
    batch.search(0, votes.len(), Known::Nothing);
    Ok(batch.invalid)
}

/// Bytes of a random weight.
const WEIGHT: usize = 8;

/// What is known of a range before it is checked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    Nothing,
    /// A vote in it is false, since one in the range around it is and none in the rest.
    Invalid,
}

struct Batch<'a> {
    digest: &'a B256,
    keys: Vec<min_sig::PublicKey>,
    signatures: Vec<min_sig::Signature>,
    weights: Vec<u8>,
    invalid: Vec<usize>,
}

impl Batch<'_> {
    /// Collects the false votes from `from` to before `to`; answers whether there are any.
    fn search(&mut self, from: usize, to: usize, known: Known) -> bool {
        if from == to || (known == Known::Nothing && self.verify(from, to)) {
            return false;
        }
        if to - from == 1 {
            self.invalid.push(from);
            return true;
        }
        let middle = from + (to - from) / 2;
        let left = self.search(from, middle, Known::Nothing);
        self.search(
            middle,
            to,
            if left { Known::Nothing } else { Known::Invalid },
        );
        true
    }

    fn verify(&self, from: usize, to: usize) -> bool {
        let (keys, signatures) = (&self.keys[from..to], &self.signatures[from..to]);
        let (key, signature) = if let ([key], [signature]) = (keys, signatures) {
            (*key, *signature)
        } else {
            let weights = &self.weights[from * WEIGHT..to * WEIGHT];
            let bits = 8 * WEIGHT;
            (
                keys.mult(weights, bits).to_public_key(),
                signatures.mult(weights, bits).to_signature(),
            )
        };
        Signature(signature).verify(self.digest, &PublicKey(key))
    }
}
