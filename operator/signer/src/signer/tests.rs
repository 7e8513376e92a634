use std::{
    path::PathBuf,
    sync::{Arc, Barrier},
    thread,
};

use zarathustra_bls::{PublicKey, Signature};
use zarathustra_primitives::{Address, B256, Purpose};

use super::*;
use crate::{Keyring, create_bls_key, create_wallet};

const DOMAIN: Domain = Domain {
    chain_id: 31337,
    attestation_center: Address::repeat_byte(0xac),
};

/// An operator's folder: keystores, password and journal.
struct Operator {
    folder: tempfile::TempDir,
}

impl Operator {
    fn new() -> Self {
        let operator = Self {
            folder: tempfile::tempdir().expect("a folder"),
        };
        let password = operator.path("password");
        write_private(&password, "secret");
        create_wallet(&operator.path("ecdsa"), &password).expect("created");
        create_bls_key(&operator.path("bls"), &password).expect("created");
        operator
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn open(&self) -> Result<Signer, OpenError> {
        let [ecdsa, bls, password, journal] =
            ["ecdsa", "bls", "password", "journal.redb"].map(|name| self.path(name));
        Ok(Signer::open(&ecdsa, &bls, &password, &journal)?.bind(DOMAIN))
    }

    fn signer(&self) -> Signer {
        self.open().expect("opens")
    }
}

fn write_private(path: &Path, content: &str) {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};
    let mut options = std::fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .expect("created");
    file.write_all(content.as_bytes()).expect("written");
}

fn vote(claim: u8, verdict: Verdict) -> Vote {
    Vote {
        task: TaskHash::new(B256::repeat_byte(1)),
        claim: ClaimId::new(B256::repeat_byte(claim)),
        purpose: Purpose::Claim,
        verdict,
    }
}

fn claim(turn: u32, result: u8) -> Claim {
    Claim {
        task: TaskHash::new(B256::repeat_byte(1)),
        turn: Turn::new(turn),
        performer: Address::repeat_byte(9),
        result: ResultHash::new(B256::repeat_byte(result)),
    }
}

#[test]
fn a_vote_is_signed_over_its_digest_and_repeated_as_it_was() {
    let operator = Operator::new();
    let signer = operator.signer();
    let first = signer.sign_vote(&vote(5, Verdict::Approve)).expect("safe");
    let key = PublicKey::decode(signer.bls_key()).expect("a key");
    let point = Signature::decode(&first).expect("a point");
    assert!(point.verify(&vote(5, Verdict::Approve).digest(&DOMAIN), &key));
    assert_eq!(
        signer.sign_vote(&vote(5, Verdict::Approve)).expect("safe"),
        first
    );
}

#[test]
fn the_other_verdict_is_refused_with_the_earlier_one() {
    let operator = Operator::new();
    for (claim, first, second) in [
        (5, Verdict::Approve, Verdict::Reject),
        (6, Verdict::Reject, Verdict::Approve),
    ] {
        let signer = operator.signer();
        let signature = signer.sign_vote(&vote(claim, first)).expect("safe");
        drop(signer);
        // Also after a restart.
        let signer = operator.signer();
        let error = signer
            .sign_vote(&vote(claim, second))
            .expect_err("contradicts");
        assert!(matches!(error, NotSafe::Contradicts { earlier, .. } if earlier == first));
        assert_eq!(
            signer.sign_vote(&vote(claim, first)).expect("safe"),
            signature
        );
    }
}

#[test]
fn other_claims_and_purposes_are_free() {
    let operator = Operator::new();
    let signer = operator.signer();
    signer.sign_vote(&vote(5, Verdict::Approve)).expect("safe");
    signer
        .sign_vote(&vote(6, Verdict::Reject))
        .expect("another claim");
    let appeal = Vote {
        purpose: Purpose::Appeal,
        ..vote(5, Verdict::Reject)
    };
    signer.sign_vote(&appeal).expect("another purpose");
}

#[test]
fn a_claim_id_cannot_be_moved_to_another_task() {
    let operator = Operator::new();
    let signer = operator.signer();
    signer.sign_vote(&vote(5, Verdict::Approve)).expect("safe");
    let moved = Vote {
        task: TaskHash::new(B256::repeat_byte(2)),
        ..vote(5, Verdict::Approve)
    };
    let error = signer.sign_vote(&moved).expect_err("another task");
    assert_eq!(error.code(), "bug_claim_of_other_task");
}

#[test]
fn of_conflicting_requests_in_parallel_exactly_one_is_signed() {
    const PAIRS: usize = 8;
    let operator = Operator::new();
    let signer = Arc::new(operator.signer());
    for round in 0..10 {
        let start = Arc::new(Barrier::new(2 * PAIRS));
        let threads: Vec<_> = (0..2 * PAIRS)
            .map(|index| {
                let verdict = if index % 2 == 0 {
                    Verdict::Approve
                } else {
                    Verdict::Reject
                };
                let (signer, start) = (Arc::clone(&signer), Arc::clone(&start));
                thread::spawn(move || {
                    start.wait();
                    (verdict, signer.sign_vote(&vote(round, verdict)).ok())
                })
            })
            .collect();
        let answers: Vec<_> = threads
            .into_iter()
            .map(|thread| thread.join().expect("no panic"))
            .collect();
        let signed: Vec<_> = answers
            .iter()
            .filter(|(_, signature)| signature.is_some())
            .collect();
        assert_eq!(signed.len(), PAIRS, "one verdict, to all who asked for it");
        assert!(signed.iter().all(|answer| **answer == *signed[0]));
    }
}

#[test]
fn of_conflicting_claims_in_parallel_exactly_one_is_signed() {
    const RIVALS: u8 = 8;
    let operator = Operator::new();
    let signer = Arc::new(operator.signer());
    let start = Arc::new(Barrier::new(RIVALS.into()));
    let threads: Vec<_> = (0..RIVALS)
        .map(|result| {
            let (signer, start) = (Arc::clone(&signer), Arc::clone(&start));
            thread::spawn(move || {
                start.wait();
                signer.sign_claim(&claim(0, result)).is_ok()
            })
        })
        .collect();
    let signed = threads
        .into_iter()
        .map(|thread| thread.join().expect("no panic"));
    assert_eq!(signed.filter(|signed| *signed).count(), 1);
}

#[test]
fn what_was_decided_before_a_crash_is_what_is_signed_after_it() {
    let operator = Operator::new();
    {
        // The process dies between the record and the signature.
        let journal = Journal::open(&operator.path("journal.redb")).expect("opens");
        let decided = journal
            .decide_vote(&vote(5, Verdict::Reject))
            .expect("recorded");
        assert_eq!(decided, Decision::Recorded);
        let decided = journal.decide_claim(&claim(3, 7)).expect("recorded");
        assert_eq!(decided, Decision::Recorded);
    }
    let signer = operator.signer();
    let error = signer
        .sign_vote(&vote(5, Verdict::Approve))
        .expect_err("contradicts");
    assert!(matches!(
        error,
        NotSafe::Contradicts {
            earlier: Verdict::Reject,
            ..
        }
    ));
    signer
        .sign_vote(&vote(5, Verdict::Reject))
        .expect("the verdict that was decided");
    assert!(signer.sign_claim(&claim(3, 8)).is_err());
    signer
        .sign_claim(&claim(3, 7))
        .expect("the result that was decided");
}

#[test]
fn a_turn_is_claimed_with_one_result() {
    let operator = Operator::new();
    let signer = operator.signer();
    let first = signer.sign_claim(&claim(0, 7)).expect("safe");
    assert_eq!(
        first.recover(claim(0, 7).digest(&DOMAIN)),
        Some(signer.wallet().address())
    );
    assert_eq!(signer.sign_claim(&claim(0, 7)).expect("the same"), first);
    let error = signer.sign_claim(&claim(0, 8)).expect_err("another result");
    assert!(matches!(error, NotSafe::OtherResult { earlier, .. } if earlier == claim(0, 7).result));
    signer.sign_claim(&claim(1, 8)).expect("another turn");
    let reorganised = Claim {
        task: TaskHash::new(B256::repeat_byte(2)),
        ..claim(0, 8)
    };
    signer
        .sign_claim(&reorganised)
        .expect("another seed makes another task hash");
}

#[test]
fn an_epoch_has_one_snapshot_also_after_a_restart() {
    let operator = Operator::new();
    let [registry, other] = [Address::repeat_byte(1), Address::repeat_byte(2)];
    let [right, wrong] = [B256::repeat_byte(3), B256::repeat_byte(4)];
    let epoch = Epoch::new(7);
    let signer = operator.signer();
    let signature = signer
        .sign_snapshot(registry, epoch, right)
        .expect("signed");
    let key = PublicKey::decode(signer.bls_key()).expect("a key");
    let decoded = Signature::decode(&signature).expect("a signature");
    assert!(decoded.verify(&right, &key), "over the digest itself (7.1)");
    drop(signer);

    let signer = operator.signer();
    let again = signer.sign_snapshot(registry, epoch, right);
    assert_eq!(again.expect("signed before"), signature);
    let refused = signer.sign_snapshot(registry, epoch, wrong);
    let refused = refused.expect_err("another snapshot of the epoch");
    assert_eq!(refused.code(), "contradicts_earlier_snapshot");
    assert!(matches!(refused, NotSafe::OtherSnapshot { earlier, .. } if earlier == right));
    // Other epochs, and other registries, have their own.
    signer
        .sign_snapshot(registry, Epoch::new(8), wrong)
        .expect("signed");
    signer.sign_snapshot(other, epoch, wrong).expect("signed");
}

#[test]
fn keys_before_and_after_a_rotation_share_what_was_signed() {
    let [operator, old] = [Operator::new(), Operator::new()];
    let [ecdsa, bls, password] = ["ecdsa", "bls", "password"].map(|name| old.path(name));
    let [new_ecdsa, new_bls, new_password, journal] =
        ["ecdsa", "bls", "password", "journal.redb"].map(|name| operator.path(name));
    let newest = Signer::open(&new_ecdsa, &new_bls, &new_password, &journal).expect("opens");
    let before = newest.beside(&ecdsa, &bls, &password).expect("opens");
    let [new_key, old_key] = [*newest.bls_key(), *before.bls_key()];
    let old_address = before.wallet().address();
    let keyring = Keyring::new(newest.bind(DOMAIN), Some(before.bind(DOMAIN)));

    let signer = keyring.with_key(&old_key).expect("the old key");
    let approve = vote(5, Verdict::Approve);
    let signature = signer.sign_vote(&approve).expect("safe");
    let decoded = Signature::decode(&signature).expect("a signature");
    let key = PublicKey::decode(&old_key).expect("a key");
    assert!(decoded.verify(&approve.digest(&DOMAIN), &key));
    // The new key says nothing else about the same claim.
    let signer = keyring.with_key(&new_key).expect("the new key");
    let refused = signer.sign_vote(&vote(5, Verdict::Reject));
    assert!(matches!(refused, Err(NotSafe::Contradicts { .. })));

    let signer = keyring.with_claim_signer(old_address).expect("the old one");
    let signature = signer.sign_claim(&claim(0, 7)).expect("safe");
    let digest = claim(0, 7).digest(&DOMAIN);
    assert_eq!(signature.recover(digest), Some(old_address));
    let refused = keyring.newest().sign_claim(&claim(0, 8));
    assert!(matches!(refused, Err(NotSafe::OtherResult { .. })));
    assert!(keyring.with_claim_signer(Address::ZERO).is_none());
    assert!(keyring.with_key(&BlsKey::new([0; 192])).is_none());
}

#[test]
fn a_second_process_is_refused() {
    let operator = Operator::new();
    let first = operator.signer();
    let error = operator.open().expect_err("in use");
    assert!(matches!(
        error,
        OpenError::Journal(JournalError::InUse { .. })
    ));
    drop(first);
    operator.open().expect("free again");
}

#[test]
fn secrets_do_not_show() {
    let operator = Operator::new();
    let signer = operator.signer();
    let shown = format!("{signer:?}");
    let secret = signer.wallet().to_bytes().to_string();
    assert!(!shown.contains(&secret[2..]));
    let secret = open_bls(&operator.path("bls"), &operator.path("password")).expect("opens");
    let secret: String = secret
        .to_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert!(!shown.contains(&secret));
}
