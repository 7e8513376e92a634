//! Keys, signatures and points against implementations other than blst.

use serde::Deserialize;
use zarathustra_bls::{
    DecodeError, KeyError, PublicKey, SecretKey, Signature, aggregate, verify_aggregate,
};
use zarathustra_primitives::{B256, BlsKey, BlsSignature};

#[derive(Deserialize)]
struct Vectors {
    modulus: String,
    group_order: String,
    cases: Vec<Case>,
    aggregate: Aggregate,
    g1_outside_subgroup: String,
    g2_outside_subgroup: String,
}

#[derive(Deserialize)]
struct Case {
    secret: String,
    public_key: String,
    digest: String,
    signature: String,
    possession: String,
}

#[derive(Deserialize)]
struct Aggregate {
    digest: String,
    secrets: Vec<String>,
    signature: String,
    public_key: String,
}

/// See `vectors/generate.py` for how they were made.
fn vectors() -> Vectors {
    serde_json::from_str(include_str!("vectors/points.json")).expect("vectors in the tree")
}

fn bytes32(text: &str) -> [u8; 32] {
    hex::decode(text)
        .expect("hex")
        .try_into()
        .expect("32 bytes")
}

fn secret(text: &str) -> SecretKey {
    SecretKey::from_bytes(&bytes32(text)).expect("in range")
}

fn key(text: &str) -> BlsKey {
    text.parse().expect("192 bytes")
}

fn signature(text: &str) -> BlsSignature {
    text.parse().expect("96 bytes")
}

#[test]
fn keys_signatures_and_proofs_are_those_of_py_ecc() {
    for case in vectors().cases {
        let secret = secret(&case.secret);
        let digest = B256::new(bytes32(&case.digest));

        let public = PublicKey::decode(&key(&case.public_key)).expect("a key");
        assert_eq!(secret.public_key(), public);
        assert_eq!(public.encode(), key(&case.public_key));

        let vote = Signature::decode(&signature(&case.signature)).expect("a signature");
        assert_eq!(secret.sign(&digest).encode(), signature(&case.signature));
        assert!(vote.verify(&digest, &public));
        assert!(!vote.verify_possession(&digest, &public));

        let proof = Signature::decode(&signature(&case.possession)).expect("a signature");
        assert_eq!(
            secret.prove_possession(&digest).encode(),
            signature(&case.possession)
        );
        assert!(proof.verify_possession(&digest, &public));
        assert!(!proof.verify(&digest, &public));
    }
}

#[test]
fn sums_are_those_of_py_ecc() {
    let expected = vectors().aggregate;
    let digest = B256::new(bytes32(&expected.digest));
    let secrets: Vec<_> = expected.secrets.iter().map(|text| secret(text)).collect();
    let keys: Vec<_> = secrets.iter().map(SecretKey::public_key).collect();
    let signatures: Vec<_> = secrets.iter().map(|secret| secret.sign(&digest)).collect();

    let sum = aggregate(&signatures).expect("a sum");
    assert_eq!(sum.encode(), signature(&expected.signature));
    assert_eq!(
        PublicKey::sum(&keys).expect("a sum").encode(),
        key(&expected.public_key)
    );
    assert!(verify_aggregate(&digest, &keys, &sum));
    assert!(!verify_aggregate(&digest, &keys[1..], &sum));
    assert!(!verify_aggregate(&B256::ZERO, &keys, &sum));
}

#[test]
fn the_words_of_a_signature_are_padded_coordinates() {
    let case = &vectors().cases[0];
    let point = Signature::decode(&signature(&case.signature)).expect("a signature");
    let zeros = "00".repeat(16);
    let (x, y) = case.signature.split_at(96);
    let expected = format!("{zeros}{x}{zeros}{y}");
    assert_eq!(hex::encode(point.to_words().concat()), expected);
}

#[test]
fn the_key_of_one_is_the_generator() {
    // The generator of G2 as EIP-2537 prints it.
    let expected = "024aa2b2f08f0a91260805272dc51051c6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8\
        13e02b6052719f607dacd3a088274f65596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e\
        0ce5d527727d6e118cc9cdc6da2e351aadfd9baa8cbdd3a76d429a695160d12c923ac9cc3baca289e193548608b82801\
        0606c4a02ea734cc32acd2b02bc28b99cb3e287e85a763af267492ab572e99ab3f370d275cec1da1aaa9075ff05f79be";
    let mut one = [0; 32];
    one[31] = 1;
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
    let expected: zarathustra_primitives::U256 = decimal.parse().expect("decimal");
    let secret = SecretKey::from_seed(&seed).expect("long enough");
    assert_eq!(*secret.to_bytes(), expected.to_be_bytes::<32>());
    assert_eq!(
        SecretKey::from_seed(&[0; 31]).err(),
        Some(KeyError::ShortSeed { found: 31 })
    );
}

#[test]
fn secret_keys_outside_the_range_are_refused_and_print_nothing() {
    let vectors = vectors();
    for bad in [[0; 32], [0xff; 32], bytes32(&vectors.group_order)] {
        assert_eq!(
            SecretKey::from_bytes(&bad).err(),
            Some(KeyError::OutOfRange)
        );
    }
    let secret = secret(&vectors.cases[3].secret);
    assert_eq!(format!("{secret:?}"), "SecretKey(***)");
    let generated = [SecretKey::generate(), SecretKey::generate()].map(|key| key.expect("a key"));
    assert_ne!(*generated[0].to_bytes(), *generated[1].to_bytes());
}

#[test]
fn points_that_are_no_keys_or_signatures_are_refused() {
    let vectors = vectors();
    let good_key = *key(&vectors.cases[0].public_key).as_bytes();
    let good_signature = *signature(&vectors.cases[0].signature).as_bytes();
    let modulus: [u8; 48] = hex::decode(&vectors.modulus)
        .expect("hex")
        .try_into()
        .expect("48");

    let decode_key = |bytes: [u8; 192]| PublicKey::decode(&BlsKey::new(bytes)).err();
    let decode_signature = |bytes: [u8; 96]| Signature::decode(&BlsSignature::new(bytes)).err();

    assert_eq!(decode_key([0; 192]), Some(DecodeError::Infinity));
    assert_eq!(decode_signature([0; 96]), Some(DecodeError::Infinity));
    for place in 0..4 {
        // The other encoding of the same residue, where it fits into 48 bytes, or simply the
        // modulus in place of zero.
        let mut bad = good_key;
        bad[48 * place..48 * (place + 1)].copy_from_slice(&modulus);
        assert_eq!(
            decode_key(bad),
            Some(DecodeError::NotCanonical),
            "coordinate {place}"
        );
        for flag in [0x80, 0x40, 0x20] {
            let mut bad = good_key;
            bad[48 * place] |= flag;
            assert_eq!(decode_key(bad), Some(DecodeError::NotCanonical));
        }
    }
    for place in 0..2 {
        let mut bad = good_signature;
        bad[48 * place..48 * (place + 1)].copy_from_slice(&modulus);
        assert_eq!(decode_signature(bad), Some(DecodeError::NotCanonical));
        for flag in [0x80, 0x40, 0x20] {
            let mut bad = good_signature;
            bad[48 * place] |= flag;
            assert_eq!(decode_signature(bad), Some(DecodeError::NotCanonical));
        }
    }

    let mut off_curve = good_key;
    off_curve[191] ^= 1;
    assert_eq!(decode_key(off_curve), Some(DecodeError::NotOnCurve));
    let mut off_curve = good_signature;
    off_curve[95] ^= 1;
    assert_eq!(decode_signature(off_curve), Some(DecodeError::NotOnCurve));

    let stray = key(&vectors.g2_outside_subgroup);
    assert_eq!(
        PublicKey::decode(&stray).err(),
        Some(DecodeError::WrongSubgroup)
    );
    let stray = signature(&vectors.g1_outside_subgroup);
    assert_eq!(
        Signature::decode(&stray).err(),
        Some(DecodeError::WrongSubgroup)
    );
}
