//! Keys, signatures and points against implementations other than blst. The shared vectors are
//! described in `tests/vectors/README.md` at the top of the repository.

use serde::Deserialize;
use zarathustra_bls::{
    DecodeError, KeyError, POSSESSION_DST, PublicKey, SecretKey, Signature, VOTE_DST, aggregate,
    verify_aggregate,
};
use zarathustra_primitives::{B256, BlsKey, BlsSignature, U256};

/// Order of the groups, section 4.2.1 of draft-irtf-cfrg-pairing-friendly-curves-11.
const GROUP_ORDER: &str = "73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001";

#[derive(Deserialize)]
struct Vectors {
    vote_tag: String,
    possession_tag: String,
    signatures: Vec<Signed>,
    aggregates: Vec<Aggregate>,
    refused: Vec<Refused>,
}

#[derive(Deserialize)]
struct Signed {
    secret_key: B256,
    public_key: String,
    purpose: String,
    message: B256,
    signature: String,
}

#[derive(Deserialize)]
struct Aggregate {
    message: B256,
    public_keys: Vec<String>,
    aggregate_key: String,
    aggregate_signature: String,
}

#[derive(Deserialize)]
struct Refused {
    name: String,
    public_key: String,
    message: B256,
    signature: String,
}

fn vectors() -> Vectors {
    let text = include_str!("../../../tests/vectors/bls.json");
    serde_json::from_str(text).expect("vectors in the tree")
}

fn key(text: &str) -> BlsKey {
    text.parse().expect("192 bytes")
}

fn signature(text: &str) -> BlsSignature {
    text.parse().expect("96 bytes")
}

#[test]
fn keys_signatures_and_proofs_are_those_of_py_ecc() {
    let vectors = vectors();
    assert_eq!(vectors.vote_tag.as_bytes(), VOTE_DST);
    assert_eq!(vectors.possession_tag.as_bytes(), POSSESSION_DST);
    for case in vectors.signatures {
        let secret = SecretKey::from_bytes(&case.secret_key.0).expect("in range");
        let public = PublicKey::decode(&key(&case.public_key)).expect("a key");
        assert_eq!(secret.public_key(), public);
        assert_eq!(public.encode(), key(&case.public_key));

        let is_vote = case.purpose == "vote";
        let made = if is_vote {
            secret.sign(&case.message)
        } else {
            secret.prove_possession(&case.message)
        };
        let read = Signature::decode(&signature(&case.signature)).expect("a signature");
        assert_eq!(made.encode(), signature(&case.signature));
        assert_eq!(read.verify(&case.message, &public), is_vote);
        assert_eq!(read.verify_possession(&case.message, &public), !is_vote);
    }
}

#[test]
fn sums_are_those_of_py_ecc() {
    for case in vectors().aggregates {
        let keys: Vec<_> = case
            .public_keys
            .iter()
            .map(|text| PublicKey::decode(&key(text)).expect("a key"))
            .collect();
        let sum = Signature::decode(&signature(&case.aggregate_signature)).expect("a signature");
        assert_eq!(
            PublicKey::sum(&keys).expect("a sum").encode(),
            key(&case.aggregate_key)
        );
        assert!(verify_aggregate(&case.message, &keys, &sum));
        assert!(!verify_aggregate(&case.message, &keys[1..], &sum));
        assert!(!verify_aggregate(&B256::ZERO, &keys, &sum));
    }
}

#[test]
fn the_sum_of_signatures_is_the_aggregate_of_py_ecc() {
    let vectors = vectors();
    // The aggregates are by the first keys of the signatures' list, votes and proofs in turn.
    let secrets: Vec<_> = vectors
        .signatures
        .iter()
        .filter(|case| case.purpose == "vote")
        .map(|case| SecretKey::from_bytes(&case.secret_key.0).expect("in range"))
        .collect();
    let case = &vectors.aggregates[0];
    let signatures: Vec<_> = case
        .public_keys
        .iter()
        .map(|text| {
            let secret = secrets
                .iter()
                .find(|secret| secret.public_key().encode() == key(text));
            secret.expect("a known key").sign(&case.message)
        })
        .collect();
    let sum = aggregate(&signatures).expect("a sum");
    assert_eq!(sum.encode(), signature(&case.aggregate_signature));
}

#[test]
fn what_must_be_refused_is_refused() {
    let refused = vectors().refused;
    assert!(!refused.is_empty());
    for case in refused {
        let key = PublicKey::decode(&key(&case.public_key));
        let signature = Signature::decode(&signature(&case.signature));
        let verified = match (&key, &signature) {
            (Ok(key), Ok(signature)) => signature.verify(&case.message, key),
            _ => false,
        };
        assert!(!verified, "{}", case.name);

        let error = key.err().or(signature.err());
        let expected = match case.name.as_str() {
            name if name.contains("infinite") => Some(DecodeError::Infinity),
            name if name.contains("off the curve") => Some(DecodeError::NotOnCurve),
            name if name.contains("the subgroup") => Some(DecodeError::WrongSubgroup),
            name if name.contains("= p") || name.contains("+ p") => Some(DecodeError::NotCanonical),
            _ => None,
        };
        assert_eq!(error, expected, "{}", case.name);
    }
}

#[test]
fn flags_of_compressed_forms_are_refused() {
    let case = &vectors().signatures[0];
    for flag in [0x80, 0x40, 0x20] {
        for place in 0..4 {
            let mut bytes = *key(&case.public_key).as_bytes();
            bytes[48 * place] |= flag;
            let error = PublicKey::decode(&BlsKey::new(bytes)).err();
            assert_eq!(error, Some(DecodeError::NotCanonical));
        }
        for place in 0..2 {
            let mut bytes = *signature(&case.signature).as_bytes();
            bytes[48 * place] |= flag;
            let error = Signature::decode(&BlsSignature::new(bytes)).err();
            assert_eq!(error, Some(DecodeError::NotCanonical));
        }
    }
}

#[test]
fn the_words_of_a_signature_are_padded_coordinates() {
    let case = &vectors().signatures[0];
    let point = Signature::decode(&signature(&case.signature)).expect("a signature");
    let zeros = "00".repeat(16);
    let (x, y) = case.signature[2..].split_at(96);
    assert_eq!(
        hex::encode(point.to_words().concat()),
        format!("{zeros}{x}{zeros}{y}")
    );
}

#[test]
fn the_key_of_one_is_the_generator() {
    // The generator of G2 as EIP-2537 prints it.
    let expected = "024aa2b2f08f0a91260805272dc51051c6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8\
        13e02b6052719f607dacd3a088274f65596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e\
        0ce5d527727d6e118cc9cdc6da2e351aadfd9baa8cbdd3a76d429a695160d12c923ac9cc3baca289e193548608b82801\
        0606c4a02ea734cc32acd2b02bc28b99cb3e287e85a763af267492ab572e99ab3f370d275cec1da1aaa9075ff05f79be";
    let one = U256::ONE.to_be_bytes();
    let public = SecretKey::from_bytes(&one).expect("in range").public_key();
    assert_eq!(public.encode(), key(expected));
}

#[test]
fn seeds_derive_the_master_key_of_eip_2333() {
    // EIP-2333, test case 0; the key is printed there in decimal.
    let seed = hex::decode(
        "c55257c360c07c72029aebc1b53c05ed0362ada38ead3e3e9efa3708e53495531f09a6987599d18264c1e1c92f2cf141630c7a3c4ab7c81b2f001698e7463b04",
    )
    .expect("hex");
    let decimal = "6083874454709270928345386274498605044986640685124978867557563392430687146096";
    let expected: U256 = decimal.parse().expect("decimal");
    let secret = SecretKey::from_seed(&seed).expect("long enough");
    assert_eq!(*secret.to_bytes(), expected.to_be_bytes::<32>());
    assert_eq!(
        SecretKey::from_seed(&[0; 31]).err(),
        Some(KeyError::ShortSeed { found: 31 })
    );
}

#[test]
fn secret_keys_outside_the_range_are_refused_and_print_nothing() {
    let order: [u8; 32] = hex::decode(GROUP_ORDER)
        .expect("hex")
        .try_into()
        .expect("32 bytes");
    for bad in [[0; 32], [0xff; 32], order] {
        assert_eq!(
            SecretKey::from_bytes(&bad).err(),
            Some(KeyError::OutOfRange)
        );
    }
    let mut largest = order;
    largest[31] -= 1;
    let largest = SecretKey::from_bytes(&largest).expect("in range");
    assert_eq!(format!("{largest:?}"), "SecretKey(***)");
    let generated = [SecretKey::generate(), SecretKey::generate()].map(|key| key.expect("a key"));
    assert_ne!(*generated[0].to_bytes(), *generated[1].to_bytes());
}
