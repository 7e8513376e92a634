//! Published rounds of drand networks; see `tests/vectors/README.md` at the top of the repository.

use serde::Deserialize;
use zarathustra_bls::{COMPRESSED_LEN, DecodeError, PublicKey, SecretKey, Signature, chain_hash};
use zarathustra_primitives::{B256, BlsKey};

#[derive(Deserialize)]
struct Vectors {
    rounds: Vec<Round>,
    older_rounds: Vec<Round>,
    quicknet: Published,
}

#[derive(Deserialize)]
struct Round {
    round: u64,
    public_key: String,
    public_key_compressed: String,
    signature: String,
    signature_compressed: String,
}

#[derive(Deserialize)]
struct Published {
    chain_hash: B256,
    group_hash: B256,
    beacon_id: String,
    genesis_time: u64,
    period: u32,
    round: u64,
    signature: String,
    signature_compressed: String,
    randomness: B256,
}

fn vectors() -> Vectors {
    let text = include_str!("../../../tests/vectors/drand.json");
    serde_json::from_str(text).expect("vectors in the tree")
}

fn key(text: &str) -> PublicKey {
    let key: BlsKey = text.parse().expect("192 bytes");
    PublicKey::decode(&key).expect("a key")
}

fn compressed(text: &str) -> [u8; COMPRESSED_LEN] {
    let bytes = hex::decode(&text[2..]).expect("hex");
    bytes.try_into().expect("48 bytes")
}

#[test]
fn published_rounds_verify_and_no_other_round_or_key_does() {
    let vectors = vectors();
    assert_eq!(vectors.rounds.len(), 4);
    let stranger = SecretKey::from_seed(&[1; 32]).expect("a key").public_key();
    for case in &vectors.rounds {
        let bytes = compressed(&case.signature_compressed);
        let signature = Signature::decode_compressed(&bytes).expect("a signature");
        assert_eq!(signature.encode().to_string(), case.signature);
        assert_eq!(signature.compress(), bytes);
        let key = key(&case.public_key);
        assert_eq!(hex::encode(key.compress()), case.public_key_compressed[2..]);
        assert!(signature.verify_round(case.round, &key));
        assert!(!signature.verify_round(case.round + 1, &key));
        assert!(!signature.verify_round(case.round, &stranger));
    }
    // Networks from before RFC 9380 sign under another tag.
    for case in &vectors.older_rounds {
        let bytes = compressed(&case.signature_compressed);
        let signature = Signature::decode_compressed(&bytes).expect("a signature");
        assert!(!signature.verify_round(case.round, &key(&case.public_key)));
    }
}

#[test]
fn the_randomness_of_a_round_is_the_published_one() {
    let vectors = vectors();
    let quicknet = vectors.quicknet;
    let bytes = compressed(&quicknet.signature_compressed);
    let signature = Signature::decode_compressed(&bytes).expect("a signature");
    assert!(signature.verify_round(quicknet.round, &key(&vectors.rounds[0].public_key)));
    assert_eq!(signature.encode().to_string(), quicknet.signature);
    assert_eq!(signature.randomness(), quicknet.randomness);
}

#[test]
fn the_chain_hash_is_quicknets() {
    let vectors = vectors();
    let quicknet = vectors.quicknet;
    let hash = chain_hash(
        quicknet.period,
        quicknet.genesis_time,
        &key(&vectors.rounds[0].public_key),
        &quicknet.group_hash,
        &quicknet.beacon_id,
    );
    assert_eq!(hash, quicknet.chain_hash);
}

#[test]
fn a_local_beacon_signs_what_its_key_verifies() {
    let secret = SecretKey::from_seed(&[2; 32]).expect("a key");
    let signature = secret.sign_round(7);
    assert!(signature.verify_round(7, &secret.public_key()));
    assert!(!signature.verify_round(8, &secret.public_key()));
}

#[test]
fn other_compressed_bytes_are_refused() {
    let good = compressed(&vectors().quicknet.signature_compressed);
    let spoiled = |change: &dyn Fn(&mut [u8; COMPRESSED_LEN])| {
        let mut bytes = good;
        change(&mut bytes);
        Signature::decode_compressed(&bytes).err()
    };
    let not_canonical = Some(DecodeError::NotCanonical);
    assert_eq!(spoiled(&|bytes| bytes[0] &= 0x7f), not_canonical);
    assert_eq!(
        spoiled(&|bytes| bytes[0] |= 0x40),
        Some(DecodeError::Infinity)
    );
    // x beyond the modulus, which begins 0x1a.
    assert_eq!(spoiled(&|bytes| bytes[0] |= 0x1f), not_canonical);
    // x = 1: 1 + 4 is no square, by Euler's criterion; x = 4 is on the curve, and the chance to be in
    // the subgroup is its cofactor's inverse, 2^-126.
    let small = |x: u8| {
        let mut bytes = [0; COMPRESSED_LEN];
        (bytes[0], bytes[COMPRESSED_LEN - 1]) = (0x80, x);
        Signature::decode_compressed(&bytes).err()
    };
    assert_eq!(small(1), Some(DecodeError::NotOnCurve));
    assert_eq!(small(4), Some(DecodeError::WrongSubgroup));
    // The other root is the signature of nobody.
    let mut other = good;
    other[0] ^= 0x20;
    let negated = Signature::decode_compressed(&other).expect("a point");
    assert!(!negated.verify_round(1000, &key(&vectors().rounds[0].public_key)));
}
