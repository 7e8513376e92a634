//! What is hashed, signed and committed to. Domain strings stand here and nowhere else; changing
//! one breaks every contract and every signature.

use alloy::primitives::{Address, B256, Bytes, keccak256};
use alloy::sol_types::SolValue;

use crate::{
    ClaimId, Digest, Epoch, KindId, Purpose, RequestId, ResultHash, Seed, SubjectHash,
    SubmissionId, TaskHash, TaskId, Turn, Verdict,
    vote::BlsKey,
    words::{address, hash, uint},
};

const SEED_DOMAIN: &str = "Zarathustra.Seed.v1";
const COMMIT_DOMAIN: &str = "Zarathustra.Commit.v1";
const TASK_TYPE: &str = "ZarathustraTask(uint256 chainId,address attestationCenter,uint64 taskId,uint16 kind,uint32 epoch,bytes32 seed,bytes32 subjectHash)";
const VOTE_TYPE: &str = "ZarathustraVote(uint256 chainId,address attestationCenter,bytes32 taskHash,bytes32 claimId,uint8 purpose,uint8 verdict)";
const POSSESSION_TYPE: &str =
    "ZarathustraPossession(uint256 chainId,address registry,address operator,bytes key)";
const IMPROVE_TYPE: &str = "ZarathustraImprove(uint64 requestId,uint64 submissionId,bytes32 manifestDigest,bytes32 championDigest,bytes32 championCidHash,bytes32 challengerDigest,bytes32 challengerCidHash,uint64 challengerSize)";
const EIP712_DOMAIN_TYPE: &str =
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)";
const EIP712_NAME: &str = "Zarathustra";
const EIP712_VERSION: &str = "1";
const CLAIM_TYPE: &str = "Claim(bytes32 taskHash,uint32 turn,address performer,bytes32 resultHash)";

/// Where a signature counts: one AttestationCenter on one chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Domain {
    /// EIP-155 id of the chain.
    pub chain_id: u64,
    /// Address of the AttestationCenter.
    pub attestation_center: Address,
}

impl Domain {
    /// The seed of a task from the randomness of its seed block (2.3).
    pub fn seed(&self, task: TaskId, randomness: B256) -> Seed {
        let [chain, center] = self.words();
        let domain = keccak256(SEED_DOMAIN);
        Seed::new(hash(&[domain, chain, center, uint(task.get()), randomness]))
    }

    /// Names a task together with its epoch, seed and subject (2.4).
    pub fn task_hash(
        &self,
        task: TaskId,
        kind: KindId,
        epoch: Epoch,
        seed: Seed,
        subject: SubjectHash,
    ) -> TaskHash {
        let [chain, center] = self.words();
        TaskHash::new(hash(&[
            keccak256(TASK_TYPE),
            chain,
            center,
            uint(task.get()),
            uint(kind.get()),
            uint(epoch.get()),
            seed.get(),
            subject.get(),
        ]))
    }

    /// The EIP-712 digest that a performer signs with its claim signer (2.6).
    pub fn claim_digest(
        &self,
        task: TaskHash,
        turn: Turn,
        performer: Address,
        result: ResultHash,
    ) -> B256 {
        let [chain, center] = self.words();
        let separator = hash(&[
            keccak256(EIP712_DOMAIN_TYPE),
            keccak256(EIP712_NAME),
            keccak256(EIP712_VERSION),
            chain,
            center,
        ]);
        let message = hash(&[
            keccak256(CLAIM_TYPE),
            task.get(),
            uint(turn.get()),
            address(performer),
            result.get(),
        ]);
        keccak256([&[0x19, 0x01], separator.as_slice(), message.as_slice()].concat())
    }

    /// The 32 bytes that a vote signs with BLS (2.7).
    pub fn vote_digest(
        &self,
        task: TaskHash,
        claim: ClaimId,
        purpose: Purpose,
        verdict: Verdict,
    ) -> B256 {
        let [chain, center] = self.words();
        hash(&[
            keccak256(VOTE_TYPE),
            chain,
            center,
            task.get(),
            claim.get(),
            uint(purpose.to_u8()),
            uint(verdict.to_u8()),
        ])
    }

    fn words(&self) -> [B256; 2] {
        [uint(self.chain_id), address(self.attestation_center)]
    }
}

impl ClaimId {
    /// Names a claim (2.6).
    pub fn of(task: TaskHash, turn: Turn, performer: Address, result: ResultHash) -> Self {
        Self::new(hash(&[
            task.get(),
            uint(turn.get()),
            address(performer),
            result.get(),
        ]))
    }
}

/// The 32 bytes with which a BLS key proves that its holder registers it (2.8).
/// `registry` is the AvsGovernance.
pub fn possession_digest(
    chain_id: u64,
    registry: Address,
    operator: Address,
    key: &BlsKey,
) -> B256 {
    let key = Bytes::copy_from_slice(key.as_bytes());
    let type_hash = keccak256(POSSESSION_TYPE);
    keccak256(
        (
            type_hash,
            alloy::primitives::U256::from(chain_id),
            registry,
            operator,
            key,
        )
            .abi_encode_params(),
    )
}

/// The number that draws the operator of a turn: `H(abi.encode(seed, turn))` (2.5).
pub fn turn_randomness(seed: Seed, turn: Turn) -> B256 {
    hash(&[seed.get(), uint(turn.get())])
}

/// What an optimizer commits to before revealing (4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitmentPreimage<'a> {
    /// EIP-155 id of the chain.
    pub chain_id: u64,
    /// Address of the ModelSubmission.
    pub model_submission: Address,
    /// The account that commits and reveals.
    pub sender: Address,
    /// The request.
    pub request: RequestId,
    /// SHA-256 of the parameters.
    pub digest: Digest,
    /// Binary CID of the parameters.
    pub cid: &'a [u8],
    /// Bytes of the parameters.
    pub size: u64,
    /// The account to be paid.
    pub payout: Address,
    /// Secret until the reveal.
    pub salt: B256,
}

/// Hash of a [`CommitmentPreimage`].
pub type Commitment = B256;

impl CommitmentPreimage<'_> {
    /// The commitment (4.3).
    pub fn commitment(&self) -> Commitment {
        hash(&[
            keccak256(COMMIT_DOMAIN),
            uint(self.chain_id),
            address(self.model_submission),
            address(self.sender),
            uint(self.request.get()),
            self.digest.word(),
            keccak256(self.cid),
            uint(self.size),
            address(self.payout),
            self.salt,
        ])
    }
}

/// What an `improve` task is about (5.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImproveSubject<'a> {
    /// The request.
    pub request: RequestId,
    /// The submission that challenges.
    pub submission: SubmissionId,
    /// SHA-256 of the request's manifest.
    pub manifest_digest: Digest,
    /// SHA-256 of the champion's parameters.
    pub champion_digest: Digest,
    /// Binary CID of the champion's parameters.
    pub champion_cid: &'a [u8],
    /// SHA-256 of the challenger's parameters.
    pub challenger_digest: Digest,
    /// Binary CID of the challenger's parameters.
    pub challenger_cid: &'a [u8],
    /// Bytes of the challenger's parameters.
    pub challenger_size: u64,
}

impl ImproveSubject<'_> {
    /// The subject hash (5.5).
    pub fn hash(&self) -> SubjectHash {
        SubjectHash::new(hash(&[
            keccak256(IMPROVE_TYPE),
            uint(self.request.get()),
            uint(self.submission.get()),
            self.manifest_digest.word(),
            self.champion_digest.word(),
            keccak256(self.champion_cid),
            self.challenger_digest.word(),
            keccak256(self.challenger_cid),
            uint(self.challenger_size),
        ]))
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::U256;
    use alloy::sol_types::{SolStruct, eip712_domain};

    use super::*;

    const CENTER: Address = Address::repeat_byte(0xac);
    const PERFORMER: Address = Address::repeat_byte(0x9e);
    const DOMAIN: Domain = Domain {
        chain_id: 31337,
        attestation_center: CENTER,
    };

    fn word(byte: u8) -> B256 {
        B256::repeat_byte(byte)
    }

    /// alloy's own implementation of EIP-712, from the struct's declaration.
    mod reference {
        alloy::sol! {
            struct Claim {
                bytes32 taskHash;
                uint32 turn;
                address performer;
                bytes32 resultHash;
            }
        }
    }

    #[test]
    fn the_claim_digest_is_eip_712() {
        let domain = eip712_domain! {
            name: "Zarathustra",
            version: "1",
            chain_id: 31337,
            verifying_contract: CENTER,
        };
        let message = reference::Claim {
            taskHash: word(1),
            turn: 7,
            performer: PERFORMER,
            resultHash: word(2),
        };
        let digest = DOMAIN.claim_digest(
            TaskHash::new(word(1)),
            Turn::new(7),
            PERFORMER,
            ResultHash::new(word(2)),
        );
        assert_eq!(digest, message.eip712_signing_hash(&domain));
    }

    // Each expectation below is the formula of the specification, encoded by alloy's ABI encoder;
    // all values are static, so that the tuple encodes as its members do.
    fn abi_hash(values: &impl SolValue) -> B256 {
        keccak256(values.abi_encode())
    }

    #[test]
    fn task_hashes_follow_the_specification() {
        let chain = U256::from(31337);
        let seed = DOMAIN.seed(TaskId::new(5), word(3));
        let expected = (
            keccak256("Zarathustra.Seed.v1"),
            chain,
            CENTER,
            U256::from(5),
            word(3),
        );
        assert_eq!(seed.get(), abi_hash(&expected));

        let task = DOMAIN.task_hash(
            TaskId::new(5),
            KindId::new(1),
            Epoch::new(9),
            seed,
            SubjectHash::new(word(4)),
        );
        let type_hash = keccak256(
            "ZarathustraTask(uint256 chainId,address attestationCenter,uint64 taskId,uint16 kind,uint32 epoch,bytes32 seed,bytes32 subjectHash)",
        );
        let (five, one, nine) = (U256::from(5), U256::from(1), U256::from(9));
        let expected = (
            type_hash,
            chain,
            CENTER,
            five,
            one,
            nine,
            seed.get(),
            word(4),
        );
        assert_eq!(task.get(), abi_hash(&expected));

        let claim = ClaimId::of(task, Turn::new(7), PERFORMER, ResultHash::new(word(2)));
        assert_eq!(
            claim.get(),
            abi_hash(&(task.get(), U256::from(7), PERFORMER, word(2)))
        );

        let vote = DOMAIN.vote_digest(task, claim, Purpose::Claim, Verdict::Reject);
        let type_hash = keccak256(
            "ZarathustraVote(uint256 chainId,address attestationCenter,bytes32 taskHash,bytes32 claimId,uint8 purpose,uint8 verdict)",
        );
        let two = U256::from(2);
        let expected = (type_hash, chain, CENTER, task.get(), claim.get(), one, two);
        assert_eq!(vote, abi_hash(&expected));
    }

    #[test]
    fn commitments_and_subjects_follow_the_specification() {
        let preimage = CommitmentPreimage {
            chain_id: 31337,
            model_submission: CENTER,
            sender: PERFORMER,
            request: RequestId::new(3),
            digest: Digest::new([5; 32]),
            cid: b"cid",
            size: 400,
            payout: Address::repeat_byte(0x11),
            salt: word(6),
        };
        let expected = (
            keccak256("Zarathustra.Commit.v1"),
            U256::from(31337),
            CENTER,
            PERFORMER,
            U256::from(3),
            word(5),
            keccak256("cid"),
            U256::from(400),
            Address::repeat_byte(0x11),
            word(6),
        );
        assert_eq!(preimage.commitment(), abi_hash(&expected));

        let subject = ImproveSubject {
            request: RequestId::new(3),
            submission: SubmissionId::new(8),
            manifest_digest: Digest::new([1; 32]),
            champion_digest: Digest::new([2; 32]),
            champion_cid: b"old",
            challenger_digest: Digest::new([3; 32]),
            challenger_cid: b"new",
            challenger_size: 400,
        };
        let type_hash = keccak256(
            "ZarathustraImprove(uint64 requestId,uint64 submissionId,bytes32 manifestDigest,bytes32 championDigest,bytes32 championCidHash,bytes32 challengerDigest,bytes32 challengerCidHash,uint64 challengerSize)",
        );
        let expected = (
            type_hash,
            U256::from(3),
            U256::from(8),
            word(1),
            word(2),
            keccak256("old"),
            word(3),
            keccak256("new"),
            U256::from(400),
        );
        assert_eq!(subject.hash().get(), abi_hash(&expected));
    }

    #[test]
    fn possession_binds_chain_registry_operator_and_key() {
        let key = BlsKey::new([7; 192]);
        let digest = possession_digest(31337, CENTER, PERFORMER, &key);
        // abi.encode by hand: five words of head, the last the place of the bytes; their length;
        // the bytes, which fill six words.
        let head = [
            keccak256(
                "ZarathustraPossession(uint256 chainId,address registry,address operator,bytes key)",
            ),
            uint(31337u64),
            CENTER.into_word(),
            PERFORMER.into_word(),
            uint(5u8 * 32),
            uint(192u8),
        ];
        let encoded = [head.concat(), vec![7; 192]].concat();
        assert_eq!(digest, keccak256(encoded));
    }

    #[test]
    fn every_field_of_a_vote_changes_its_digest() {
        let (task, claim) = (TaskHash::new(word(1)), ClaimId::new(word(2)));
        let other_chain = Domain {
            chain_id: 1,
            ..DOMAIN
        };
        let other_center = Domain {
            attestation_center: PERFORMER,
            ..DOMAIN
        };
        let digests = [
            DOMAIN.vote_digest(task, claim, Purpose::Claim, Verdict::Approve),
            DOMAIN.vote_digest(task, claim, Purpose::Claim, Verdict::Reject),
            DOMAIN.vote_digest(task, claim, Purpose::Appeal, Verdict::Approve),
            DOMAIN.vote_digest(
                TaskHash::new(word(3)),
                claim,
                Purpose::Claim,
                Verdict::Approve,
            ),
            DOMAIN.vote_digest(
                task,
                ClaimId::new(word(3)),
                Purpose::Claim,
                Verdict::Approve,
            ),
            other_chain.vote_digest(task, claim, Purpose::Claim, Verdict::Approve),
            other_center.vote_digest(task, claim, Purpose::Claim, Verdict::Approve),
        ];
        let distinct: std::collections::HashSet<_> = digests.iter().collect();
        assert_eq!(distinct.len(), digests.len());
    }
}
