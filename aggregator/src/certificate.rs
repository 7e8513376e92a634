//! From votes to a certificate.

use alloy::primitives::U256;
use zarathustra_bls::{Signature, aggregate};
use zarathustra_chain::abi::attestation_center::IAttestationCenterTypes::{Certificate, Claim};
use zarathustra_primitives::{CertificateKind, Verdict};

use crate::desk::{OpenTask, Round};

/// Positions in one word of the bitmap.
const WORD_BITS: usize = 256;

/// The certificate of a kind from the votes at hand; `None` when nobody signed that verdict.
pub(crate) fn build(kind: CertificateKind, open: &OpenTask, round: &Round) -> Option<Certificate> {
    let signers: Vec<_> = signers(kind.verdict(), round);
    let signatures: Vec<&Signature> = signers.iter().map(|(_, signature)| *signature).collect();
    let signature = aggregate(signatures)?;
    let positions = signers.iter().map(|(position, _)| *position);
    Some(Certificate {
        kind: kind.to_u8(),
        nonSigners: complement(open.table.rows.len(), positions),
        signature: signature.to_words(),
    })
}

/// The claim as `submitTask` takes it.
pub(crate) fn claim(round: &Round) -> Claim {
    Claim {
        turn: round.turn.get(),
        performerIndex: round.performer.get(),
        signature: round.message.signature.as_bytes().to_vec().into(),
    }
}

/// Those whose vote says `verdict`. The performer's rejection of its own claim is left out: the
/// contract counts its stake as approving.
fn signers(verdict: Verdict, round: &Round) -> Vec<(usize, &Signature)> {
    round
        .votes
        .iter()
        .filter(|(position, (v, _))| {
            *v == verdict && (verdict == Verdict::Approve || **position != round.performer)
        })
        .map(|(position, (_, signature))| (position.index(), signature))
        .collect()
}

/// A bitmap of all positions below `count` but the given ones.
fn complement(count: usize, positions: impl IntoIterator<Item = usize>) -> Vec<U256> {
    let mut words = vec![U256::ZERO; count.div_ceil(WORD_BITS)];
    for position in 0..count {
        words[position / WORD_BITS].set_bit(position % WORD_BITS, true);
    }
    for position in positions {
        words[position / WORD_BITS].set_bit(position % WORD_BITS, false);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bitmap_marks_who_is_missing_and_nothing_beyond_the_table() {
        // By hand: five operators, 0 and 3 signed, so 1, 2 and 4 are missing.
        assert_eq!(complement(5, [0, 3]), [U256::from(0b1_0110)]);
        assert_eq!(complement(3, [0, 1, 2]), [U256::ZERO]);
        let two = complement(257, (0..256).collect::<Vec<_>>());
        assert_eq!(two, [U256::ZERO, U256::from(1)]);
        assert_eq!(complement(256, [])[0], U256::MAX);
    }
}
