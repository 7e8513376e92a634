//! Signatures, true and false in every way that is known.

use blst::{
    BLST_ERROR,
    min_sig::{AggregateSignature, PublicKey, Signature},
};
use zarathustra_bls::{POSSESSION_DST, VOTE_DST};
use zarathustra_primitives::{B256, BlsKey, BlsSignature};

use crate::{
    Failure,
    points::{self, G1, G2, secret},
    random::Random,
};

/// Cases of each way.
const CASES: usize = 420;

/// Bytes of a record: way, verdict, tag, message, signature, key.
const RECORD: usize = 1 + 1 + 1 + 32 + 128 + 256;

/// What a case is.
struct Case {
    possession: bool,
    message: [u8; 32],
    signature: [u8; 128],
    key: [u8; 256],
}

type Make = fn(&mut Case, &mut Random) -> Result<(), Failure>;

/// Ways to make a case out of a true signature, and whether it stays true.
const WAYS: [(&str, bool, Make); 24] = [
    ("true", true, |_, _| Ok(())),
    ("aggregate", true, |case, random| aggregate(case, 0, random)),
    ("aggregate without a key", false, |case, random| {
        aggregate(case, 1, random)
    }),
    ("another message", false, |case, random| {
        case.message = random.array();
        Ok(())
    }),
    ("another key", false, |case, random| {
        case.key = G2::of(&secret(random).sk_to_pk()).padded();
        Ok(())
    }),
    ("another tag", false, |case, _| {
        case.possession = !case.possession;
        Ok(())
    }),
    ("signature with a flipped bit", false, |case, random| {
        flip(&mut case.signature, random)
    }),
    ("key with a flipped bit", false, |case, random| {
        flip(&mut case.key, random)
    }),
    ("message with a flipped bit", false, |case, random| {
        let bit = random.below(256);
        case.message[bit / 8] ^= 1 << (bit % 8);
        Ok(())
    }),
    ("infinite signature", false, |case, _| {
        case.signature = G1::INFINITY.padded();
        Ok(())
    }),
    ("infinite key", false, |case, _| {
        case.key = G2::INFINITY.padded();
        Ok(())
    }),
    ("infinite signature and key", false, |case, _| {
        case.signature = G1::INFINITY.padded();
        case.key = G2::INFINITY.padded();
        Ok(())
    }),
    ("signature off the curve", false, |case, random| {
        points::off_curve(&mut case.signature, random);
        Ok(())
    }),
    ("key off the curve", false, |case, random| {
        points::off_curve(&mut case.key, random);
        Ok(())
    }),
    ("signature outside the subgroup", false, |case, random| {
        case.signature = G1::outside(random).padded();
        Ok(())
    }),
    ("key outside the subgroup", false, |case, random| {
        case.key = G2::outside(random).padded();
        Ok(())
    }),
    (
        "true signature and a point of the cofactor",
        false,
        |case, random| {
            case.signature = G1(unpad(&case.signature)).shifted(random)?.padded();
            Ok(())
        },
    ),
    (
        "true key and a point of the cofactor",
        false,
        |case, random| {
            case.key = G2(unpad(&case.key)).shifted(random)?.padded();
            Ok(())
        },
    ),
    ("signature not canonical", false, |case, random| {
        points::not_canonical(&mut case.signature, random);
        Ok(())
    }),
    ("key not canonical", false, |case, random| {
        points::not_canonical(&mut case.key, random);
        Ok(())
    }),
    ("signature with top bytes", false, |case, random| {
        points::top_byte(&mut case.signature, random);
        Ok(())
    }),
    ("key with top bytes", false, |case, random| {
        points::top_byte(&mut case.key, random);
        Ok(())
    }),
    ("negated signature", false, |case, _| {
        case.signature = G1(unpad(&case.signature)).negated().padded();
        Ok(())
    }),
    (
        "halves of the key's coordinates exchanged",
        false,
        |case, _| {
            for coordinate in case.key.chunks_exact_mut(128) {
                coordinate.rotate_left(64);
            }
            Ok(())
        },
    ),
];

/// All cases, one record after the other, in an order that mixes the ways.
pub fn cases(random: &mut Random) -> Result<Vec<u8>, Failure> {
    let mut out = Vec::with_capacity(CASES * WAYS.len() * RECORD);
    for _ in 0..CASES {
        for (number, (way, expected, make)) in WAYS.iter().enumerate() {
            let mut case = signed(random);
            make(&mut case, random).map_err(|error| format!("{way}: {error}"))?;
            let verdict = case.verify();
            if verdict != *expected {
                return Err(format!("{way}: blst says {verdict}").into());
            }
            out.extend([number as u8, u8::from(verdict), u8::from(case.possession)]);
            out.extend(case.message);
            out.extend(case.signature);
            out.extend(case.key);
        }
    }
    println!("{} signatures, {CASES} of each way:", CASES * WAYS.len());
    for (number, (way, expected, _)) in WAYS.iter().enumerate() {
        println!(
            "{number:>4}  {}  {way}",
            if *expected { "valid  " } else { "refused" }
        );
    }
    Ok(out)
}

impl Case {
    /// What blst says, checked against what the crate says.
    fn verify(&self) -> bool {
        let signature: [u8; 96] = unpad(&self.signature);
        let key: [u8; 192] = unpad(&self.key);
        // Other bytes before a coordinate are no encoding that blst would be asked about.
        let clean = G1(signature).padded() == self.signature && G2(key).padded() == self.key;
        let raw = clean && self.verify_raw(&signature, &key);
        let crate_says = clean && self.verify_by_crate(signature, key);
        assert_eq!(raw, crate_says, "blst and the crate on it disagree");
        raw
    }

    fn verify_raw(&self, signature: &[u8; 96], key: &[u8; 192]) -> bool {
        let decoded = (G1(*signature).decoded(), G2(*key).decoded());
        let (Ok(signature), Ok(key)) = decoded else {
            return false;
        };
        let answer = signature.verify(true, &self.message, self.tag(), &[], &key, true);
        answer == BLST_ERROR::BLST_SUCCESS
    }

    fn verify_by_crate(&self, signature: [u8; 96], key: [u8; 192]) -> bool {
        let decoded = (
            zarathustra_bls::Signature::decode(&BlsSignature::new(signature)),
            zarathustra_bls::PublicKey::decode(&BlsKey::new(key)),
        );
        let (Ok(signature), Ok(key)) = decoded else {
            return false;
        };
        let message = B256::new(self.message);
        if self.possession {
            signature.verify_possession(&message, &key)
        } else {
            signature.verify(&message, &key)
        }
    }

    fn tag(&self) -> &'static [u8] {
        if self.possession {
            POSSESSION_DST
        } else {
            VOTE_DST
        }
    }
}

fn signed(random: &mut Random) -> Case {
    let secret = secret(random);
    let mut case = Case {
        possession: random.below(2) == 0,
        message: random.array(),
        signature: [0; 128],
        key: G2::of(&secret.sk_to_pk()).padded(),
    };
    case.signature = G1::of(&secret.sign(&case.message, case.tag(), &[])).padded();
    case
}

/// Two to eight signatures of one message, and the sum of their keys but for `missing`.
fn aggregate(case: &mut Case, missing: usize, random: &mut Random) -> Result<(), Failure> {
    let secrets: Vec<_> = (0..2 + random.below(7)).map(|_| secret(random)).collect();
    let signatures: Vec<Signature> = secrets
        .iter()
        .map(|secret| secret.sign(&case.message, case.tag(), &[]))
        .collect();
    let signatures: Vec<_> = signatures.iter().collect();
    let sum =
        AggregateSignature::aggregate(&signatures, true).map_err(|error| format!("{error:?}"))?;
    let keys: Vec<PublicKey> = secrets.iter().map(|secret| secret.sk_to_pk()).collect();
    case.signature = G1::of(&sum.to_signature()).padded();
    case.key = keys[missing..]
        .iter()
        .try_fold(G2::INFINITY, |sum, key| sum.plus(&G2::of(key)))?
        .padded();
    Ok(())
}

/// Flips a bit of a coordinate.
fn flip(padded: &mut [u8], random: &mut Random) -> Result<(), Failure> {
    let fields = padded.len() / 64;
    let place = 64 * random.below(fields) + 16 + random.below(48);
    padded[place] ^= 1 << random.below(8);
    Ok(())
}

/// The coordinates of a padded point without the bytes before them.
fn unpad<const N: usize>(padded: &[u8]) -> [u8; N] {
    let mut point = [0; N];
    for (to, from) in point.chunks_exact_mut(48).zip(padded.chunks_exact(64)) {
        to.copy_from_slice(&from[16..]);
    }
    point
}
