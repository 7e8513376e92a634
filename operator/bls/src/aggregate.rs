//! Many votes over one digest.

use std::ops::Range;

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
/// other out: they pass with probability 2^-64. Only where that fails are the halves checked in
/// turn, so that few false votes among many cost a few checks each, not one per vote.
///
/// # Errors
/// When the operating system gives no randomness for the weights.
pub fn find_invalid(digest: &B256, votes: &[SignedBy]) -> Result<Vec<usize>, KeyError> {
    let batch = Batch::new(digest, votes, 0..votes.len())?;
    if batch.verify(batch.all(), Sum::Weighted) {
        return Ok(Vec::new());
    }
    // Plain sums are far cheaper than weighted ones and never accuse a true vote; what they may
    // miss, votes that cancel out, the weighted check of the rest shows.
    let mut invalid = batch.search(Sum::Plain);
    let rest = (0..votes.len()).filter(|place| invalid.binary_search(place).is_err());
    let rest = Batch::new(digest, votes, rest)?;
    if !rest.verify(rest.all(), Sum::Weighted) {
        invalid.extend(rest.search(Sum::Weighted));
        invalid.sort_unstable();
    }
    Ok(invalid)
}

/// Bytes of a random weight.
const WEIGHT: usize = 8;

/// How votes are added up before a check.
#[derive(Clone, Copy)]
enum Sum {
    Plain,
    Weighted,
}

/// What is known of a range before it is checked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    Nothing,
    /// Its sum is false, since that of the range around it is and that of the rest is not.
    Invalid,
}

/// Votes over one digest, as parallel lists.
struct Batch<'a> {
    digest: &'a B256,
    places: Vec<usize>,
    keys: Vec<min_sig::PublicKey>,
    signatures: Vec<min_sig::Signature>,
    weights: Vec<u8>,
}

impl<'a> Batch<'a> {
    fn new(
        digest: &'a B256,
        votes: &[SignedBy],
        places: impl Iterator<Item = usize>,
    ) -> Result<Self, KeyError> {
        let places: Vec<_> = places.collect();
        let mut weights = vec![0; places.len() * WEIGHT];
        getrandom::fill(&mut weights).map_err(KeyError::Randomness)?;
        for weight in weights.chunks_exact_mut(WEIGHT) {
            // Little-endian; an odd weight is never zero, so every vote counts.
            weight[0] |= 1;
        }
        let keys = places.iter().map(|place| votes[*place].key.0).collect();
        let signatures = places
            .iter()
            .map(|place| votes[*place].signature.0)
            .collect();
        Ok(Self {
            digest,
            places,
            keys,
            signatures,
            weights,
        })
    }

    fn all(&self) -> Range<usize> {
        0..self.places.len()
    }

    /// Places of false votes, found by halving.
    fn search(&self, sum: Sum) -> Vec<usize> {
        let mut found = Vec::new();
        self.search_in(self.all(), sum, Known::Nothing, &mut found);
        found
    }

    /// Answers whether the range's sum is false.
    fn search_in(
        &self,
        range: Range<usize>,
        sum: Sum,
        known: Known,
        found: &mut Vec<usize>,
    ) -> bool {
        if known == Known::Nothing && self.verify(range.clone(), sum) {
            return false;
        }
        if range.len() == 1 {
            found.push(self.places[range.start]);
            return true;
        }
        let middle = range.start + range.len() / 2;
        let left = self.search_in(range.start..middle, sum, Known::Nothing, found);
        let known = if left { Known::Nothing } else { Known::Invalid };
        self.search_in(middle..range.end, sum, known, found);
        true
    }

    fn verify(&self, range: Range<usize>, sum: Sum) -> bool {
        let (keys, signatures) = (&self.keys[range.clone()], &self.signatures[range.clone()]);
        let (key, signature) = match (keys, signatures, sum) {
            ([], ..) => return true,
            ([key], [signature], _) => (*key, *signature),
            (.., Sum::Plain) => (keys.add().to_public_key(), signatures.add().to_signature()),
            (.., Sum::Weighted) => {
                let weights = &self.weights[range.start * WEIGHT..range.end * WEIGHT];
                let bits = 8 * WEIGHT;
                let key = keys.mult(weights, bits).to_public_key();
                (key, signatures.mult(weights, bits).to_signature())
            }
        };
        Signature(signature).verify(self.digest, &PublicKey(key))
    }
}
