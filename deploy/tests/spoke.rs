//! A market on one chain and a Spoke of it on another, with other chain ids: epochs and results
//! cross by the signatures of operators with stake in EigenLayer, and nothing else does. Section
//! numbers are the specification's.

mod common;

use alloy::{
    primitives::{Address, B256, Bytes, U256, keccak256},
    providers::{Provider as _, ext::AnvilApi as _},
    sol_types::{SolError, SolValue as _},
};
use common::{
    Scene,
    certificate::{Statement, better},
    content, event,
};
use eyre::{Result, eyre};
use zarathustra_abi::{
    avs_governance::IAvsGovernance,
    snapshot_evidence::{
        ISnapshotEvidence::{EvidenceTooLate, SnapshotPublished, proveWrongCall, publishCall},
        ISnapshotTypes as Home,
    },
    spoke::{
        ISnapshotTypes::{Signatures, Snapshot},
        ISpoke::{
            InvalidAggregate, SetExpired, SpokeFrozen, WrongEpoch, advanceCall, championCall,
            currentEpochCall, isFrozenCall, moveChampionCall, reportForkCall, reseedCall,
            verifyCall,
        },
        ISpokeTypes::{ResultProof, Subject},
    },
};
use zarathustra_bls::aggregate;
use zarathustra_chain::{EpochTable, Task};
use zarathustra_deploy::{
    Account, Anvil, AnvilOptions, Checkout, DevnetOptions, ETHER, IMPROVE, Reverted, devnet_key,
};
use zarathustra_primitives::{CertificateKind, Claim, Epoch};

const AWAY: u64 = 42_161;
/// Seconds by which the other chain's clock may be behind.
const LAG: u32 = 60;
/// Blocks between epochs.
const NEXT_AFTER: u64 = 60;
/// Seconds between these: so many that what is sent to the other chain between the ends of two
/// epochs has minutes for it.
const BLOCK_TIME: u64 = 10;

/// A snapshot with what a relayer brings beside it.
#[derive(Clone)]
struct Parcel {
    snapshot: Snapshot,
    digest: B256,
    stakes: Vec<u128>,
    chunks: Vec<Bytes>,
}

/// Home and away.
struct Crossing {
    scene: Scene,
    evidence: Address,
    away: Anvil,
    /// Whoever brings things, and governance away from home.
    relayer: Account,
    spoke: Address,
}

impl Crossing {
    /// Four operators at home with an epoch, from which the Spoke was seeded.
    async fn start() -> Result<(Self, Parcel)> {
        let checkout = Checkout::find()?;
        let mut options = DevnetOptions::new(&checkout);
        // Short, since blocks are made until all of it is over.
        options.market.max_snapshot_age = 100;
        options.market.max_task_life =
            options.market.improve.fetch_window + options.market.improve.task_life;
        let scene = Scene::start_with(&options, 4).await?;
        scene.roll_epoch().await?;
        let artifacts = checkout.artifacts();
        let registry = scene.governance();
        let evidence = scene
            .stranger
            .deploy_artifact(&artifacts, "SnapshotEvidence", &(registry, 1_u32, 1_u32))
            .await?;
        let name = IAvsGovernance::setSnapshotEvidenceCall {
            snapshotEvidence: evidence,
        };
        scene.devnet.governance.send(registry, &name).await?;

        let away = Anvil::start(&AnvilOptions {
            chain_id: AWAY,
            ..AnvilOptions::new(checkout.tool("anvil"))
        })
        .await?;
        let relayer = away
            .account(devnet_key("relayer"), U256::from(1000 * ETHER))
            .await?;
        let manager = relayer
            .deploy_artifact(&artifacts, "AccessManager", &(relayer.address(),))
            .await?;
        let home_chain = U256::from(scene.devnet.anvil.chain_id());
        let home = (home_chain, registry, scene.center());
        let arguments = (manager, home, 2_u16, 3_u16, IMPROVE, LAG);
        let spoke = relayer
            .deploy_artifact(&artifacts, "Spoke", &arguments)
            .await?;
        let crossing = Self {
            scene,
            evidence,
            away,
            relayer,
            spoke,
        };
        let first = crossing.publish().await?;
        crossing.reseed(&first).await?;
        Ok((crossing, first))
    }

    /* HOME */

    /// A stranger publishes the next epoch.
    async fn publish(&self) -> Result<Parcel> {
        let receipt = self
            .scene
            .stranger
            .send(self.evidence, &publishCall {})
            .await?;
        let published = event::<SnapshotPublished>(&receipt)?;
        let snapshot = Snapshot {
            epoch: published.epoch,
            snapshotBlock: published.snapshotBlock,
            previous: published.previous,
            content: published.content,
            expiry: published.expiry,
        };
        let digest = self.digest(&snapshot, self.scene.devnet.anvil.chain_id());
        assert_eq!(digest, published.digest);
        let table = self.table(published.epoch).await?;
        let governance =
            IAvsGovernance::new(self.scene.governance(), self.scene.stranger.provider());
        let head = governance.epochHead(published.epoch).call().await?;
        let mut chunks = Vec::new();
        for chunk in head.chunks {
            let code = self.scene.stranger.provider().get_code_at(chunk).await?;
            chunks.push(code.slice(1..));
        }
        Ok(Parcel {
            snapshot,
            digest,
            stakes: table.rows.iter().map(|row| row.stake.get()).collect(),
            chunks,
        })
    }

    /// Another epoch, published.
    async fn next(&self) -> Result<Parcel> {
        self.pass(NEXT_AFTER).await?;
        self.scene.roll_epoch().await?;
        self.publish().await
    }

    /// Blocks at home. By itself anvil gives several the same time, which real chains do not.
    async fn pass(&self, blocks: u64) -> Result<()> {
        let node = self.scene.devnet.anvil.provider();
        Ok(node.anvil_mine(Some(blocks), Some(BLOCK_TIME)).await?)
    }

    async fn table(&self, epoch: u32) -> Result<EpochTable> {
        Ok(self.scene.chain.epoch_table(Epoch::new(epoch)).await?)
    }

    /// What operators sign (7.1).
    fn digest(&self, snapshot: &Snapshot, chain_id: u64) -> B256 {
        let kind = keccak256(
            "ZarathustraSnapshot(uint256 chainId,address registry,uint32 epoch,\
             uint64 snapshotBlock,bytes32 previous,bytes32 content,uint64 expiry)",
        );
        let words = (
            kind,
            U256::from(chain_id),
            self.scene.governance(),
            snapshot.epoch,
            snapshot.snapshotBlock,
            snapshot.previous,
            snapshot.content,
            snapshot.expiry,
        );
        keccak256(words.abi_encode())
    }

    /// Everybody of an epoch signs.
    async fn signatures(&self, certifier: u32, digest: &B256) -> Result<Signatures> {
        let table = self.table(certifier).await?;
        let signed: Vec<_> = table
            .voters()
            .map(|row| self.scene.operator(row.operator).bls.sign(digest))
            .collect();
        let sum = aggregate(&signed).ok_or_else(|| eyre!("nobody signed"))?;
        Ok(Signatures {
            nonSigners: vec![U256::ZERO],
            signature: sum.to_words(),
        })
    }

    /// Everybody says of an epoch what home did not write.
    fn forged(&self, parcel: &Parcel) -> Parcel {
        let mut forged = parcel.clone();
        forged.stakes[0] *= 1000;
        forged.snapshot.content = keccak256("rows of the attacker's");
        forged.digest = self.digest(&forged.snapshot, self.scene.devnet.anvil.chain_id());
        forged
    }

    /// A stranger accuses position 0 of the epoch before.
    async fn accuse(&self, forged: &Parcel) -> Result<()> {
        let certifier = forged.snapshot.epoch - 1;
        let signatures = self.signatures(certifier, &forged.digest).await?;
        let snapshot = &forged.snapshot;
        let call = proveWrongCall {
            snapshot: Home::Snapshot {
                epoch: snapshot.epoch,
                snapshotBlock: snapshot.snapshotBlock,
                previous: snapshot.previous,
                content: snapshot.content,
                expiry: snapshot.expiry,
            },
            signatures: Home::Signatures {
                nonSigners: signatures.nonSigners,
                signature: signatures.signature,
            },
            accused: U256::ONE,
        };
        let sent = self.scene.stranger.send(self.evidence, &call).await;
        sent.map(drop)
    }

    /* AWAY */

    async fn reseed(&self, parcel: &Parcel) -> Result<()> {
        let call = reseedCall {
            snapshot: parcel.snapshot.clone(),
            stakes: parcel.stakes.clone(),
            chunks: parcel.chunks.clone(),
            keepChampions: true,
        };
        self.relayer.send(self.spoke, &call).await.map(drop)
    }

    async fn advance_with(&self, parcel: &Parcel, signatures: Signatures) -> Result<()> {
        let call = advanceCall {
            snapshot: parcel.snapshot.clone(),
            signatures,
            stakes: parcel.stakes.clone(),
            chunks: parcel.chunks.clone(),
        };
        self.relayer.send(self.spoke, &call).await.map(drop)
    }

    /// With the signatures of the epoch before.
    async fn advance(&self, parcel: &Parcel) -> Result<()> {
        let certifier = parcel.snapshot.epoch - 1;
        let signatures = self.signatures(certifier, &parcel.digest).await?;
        self.advance_with(parcel, signatures).await
    }

    async fn epoch(&self) -> Result<u32> {
        self.relayer.call(self.spoke, &currentEpochCall {}).await
    }

    async fn is_frozen(&self) -> Result<bool> {
        self.relayer.call(self.spoke, &isFrozenCall {}).await
    }

    async fn verify(&self, proof: &ResultProof) -> Result<B256> {
        let call = verifyCall {
            proof: proof.clone(),
        };
        self.relayer.call(self.spoke, &call).await
    }

    /// Makes the newest block away from home one of this time.
    async fn pass_to(&self, time: u64) -> Result<()> {
        let node = self.away.provider();
        node.anvil_set_next_block_timestamp(time).await?;
        self.away.mine(1).await
    }
}

/// A task of a new request with a seed, what it is about (5.5), and what its first performer
/// claims.
async fn evaluated(scene: &Scene) -> Result<(Subject, Task, Statement)> {
    let request = scene.request().await?;
    let submission = scene.submit(request, "parameters").await?;
    let task = scene.open(request).await?;
    let task = scene.seed(&task).await?;
    let statement = scene.statement(&task, 0, &better()).await?;
    let (champion, challenger) = (content("baseline"), content("parameters"));
    let subject = Subject {
        requestId: request.get(),
        submissionId: submission,
        manifestDigest: content("manifest").digest,
        championDigest: champion.digest,
        championCidHash: keccak256(champion.cid),
        challengerDigest: challenger.digest,
        challengerCidHash: keccak256(challenger.cid),
        challengerSize: challenger.size,
    };
    Ok((subject, task, statement))
}

/// Certifies it at home, and tells the same to the Spoke.
async fn certified(scene: &Scene, task: &Task, statement: &Statement) -> Result<ResultProof> {
    let approve = CertificateKind::Approve;
    let voters = statement.everybody();
    let call = scene.certified(&scene.domain(), statement, approve, &voters);
    scene.submit_task(&call).await?;
    let Claim {
        turn, performer, ..
    } = statement.claim;
    Ok(ResultProof {
        taskId: task.id.get(),
        kind: task.kind.get(),
        epoch: task.epoch.get(),
        seed: task.seed.ok_or_else(|| eyre!("no seed"))?.get(),
        subjectHash: task.subject.get(),
        turn: turn.get(),
        performer,
        performerIndex: statement.performer.get(),
        claimSignature: call.claim.signature,
        result: statement.result.clone(),
        approval: Signatures {
            nonSigners: call.certificate.nonSigners,
            signature: call.certificate.signature,
        },
    })
}

/// The Spoke refuses with this error.
fn assert_refused<E: SolError>(result: Result<impl std::fmt::Debug>) {
    let report = result.expect_err(E::SIGNATURE);
    let reverted: &Reverted = report
        .downcast_ref()
        .unwrap_or_else(|| panic!("not refused by a contract: {report:#}"));
    assert_eq!(
        reverted.data.get(..4),
        Some(&E::SELECTOR[..]),
        "{}",
        E::SIGNATURE
    );
}

#[tokio::test]
async fn epochs_and_results_cross_and_replays_do_not() -> Result<()> {
    let (crossing, _) = Crossing::start().await?;
    let scene = &crossing.scene;
    assert_eq!(crossing.epoch().await?, 1);

    // Two epochs; the second does not cross before the first.
    let second = crossing.next().await?;
    let third = crossing.next().await?;
    assert_refused::<WrongEpoch>(crossing.advance(&third).await);
    crossing.advance(&second).await?;
    crossing.advance(&third).await?;
    assert_eq!(crossing.epoch().await?, 3);
    assert_refused::<WrongEpoch>(crossing.advance(&second).await);

    // A market at the same addresses on another chain, with the same operators.
    let twin = scene.fork(scene.devnet.anvil.chain_id() + 1).await?;

    // A result of home, and the champion that it was compared with.
    let (subject, task, statement) = evaluated(scene).await?;
    let proof = certified(scene, &task, &statement).await?;
    assert_eq!(crossing.verify(&proof).await?, statement.claim.id().get());
    let champion = subject.championDigest;
    let move_champion = moveChampionCall { proof, subject };
    crossing
        .relayer
        .send(crossing.spoke, &move_champion)
        .await?;
    let ask = championCall {
        requestId: move_champion.subject.requestId,
    };
    let found = crossing.relayer.call(crossing.spoke, &ask).await?;
    assert_eq!((found.taskId, found.digest), (task.id.get(), champion));

    // The twin's result and the twin's epoch are nothing here.
    let (_, task, statement) = evaluated(&twin).await?;
    let replayed = certified(&twin, &task, &statement).await?;
    assert_refused::<InvalidAggregate>(crossing.verify(&replayed).await);
    let fourth = crossing.next().await?;
    let elsewhere = crossing.digest(&fourth.snapshot, twin.devnet.anvil.chain_id());
    let signatures = crossing.signatures(3, &elsewhere).await?;
    assert_refused::<InvalidAggregate>(crossing.advance_with(&fourth, signatures).await);
    crossing.advance(&fourth).await
}

#[tokio::test]
async fn a_stale_set_certifies_nothing_and_a_withdrawn_one_forges_nothing() -> Result<()> {
    let (crossing, first) = Crossing::start().await?;
    let scene = &crossing.scene;
    let second = crossing.next().await?;
    crossing.advance(&second).await?;

    // While they can be slashed, who signs another epoch 2 is at fault at home, and stops the Spoke.
    let forged = crossing.forged(&second);
    crossing.accuse(&forged).await?;
    let accused = crossing.table(1).await?.rows[0].operator;
    assert_eq!(scene.fault(1).await?.operator, accused);

    // Once the time of epoch 1 is over, its operators can neither stop the Spoke nor turn it.
    crossing
        .pass_to(first.snapshot.expiry - u64::from(LAG) + 1)
        .await?;
    let report = reportForkCall {
        other: forged.snapshot.clone(),
        signatures: crossing.signatures(1, &forged.digest).await?,
    };
    assert!(!crossing.is_frozen().await?);
    let sent = crossing.relayer.send(crossing.spoke, &report).await;
    assert_refused::<SetExpired>(sent);
    assert_refused::<WrongEpoch>(crossing.advance(&forged).await);

    // The same of the newest epoch: whatever its operators sign, honest or not, is refused.
    let third = crossing.next().await?;
    crossing
        .pass_to(second.snapshot.expiry - u64::from(LAG) + 1)
        .await?;
    assert!(crossing.is_frozen().await?);
    assert_refused::<SpokeFrozen>(crossing.advance(&third).await);
    let branch = crossing.forged(&third);
    assert_refused::<SpokeFrozen>(crossing.advance(&branch).await);

    // And rightly so: at home nothing can be done to them any more.
    let governance = IAvsGovernance::new(scene.governance(), scene.stranger.provider());
    let until = governance.evidenceUntil(2).call().await?;
    crossing.pass(until - scene.block().await?).await?;
    assert_refused::<EvidenceTooLate>(crossing.accuse(&branch).await);

    // Governance starts from an epoch that it has seen at home.
    let fourth = crossing.next().await?;
    assert!(fourth.snapshot.expiry > second.snapshot.expiry);
    crossing.reseed(&fourth).await?;
    assert!(!crossing.is_frozen().await?);
    let fifth = crossing.next().await?;
    crossing.advance(&fifth).await?;
    assert_eq!(crossing.epoch().await?, 5);
    Ok(())
}
