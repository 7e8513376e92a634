//! Late votes on a real chain.

use std::{path::Path, sync::Arc, time::Duration};

use eyre::{ContextCompat as _, Result};
use futures::future::BoxFuture;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use zarathustra_attester::{Operator, OperatorParts};
use zarathustra_chain::{Chain, FeePolicy, Task, commitment};
use zarathustra_deploy::{Checkout, DevnetOptions, IMPROVE};
use zarathustra_improve::{ContentHandle, ContentSettings};
use zarathustra_node::{Abstain, Assignment, Health, Metrics, Opinion, Outcome, TaskKind, http};
use zarathustra_primitives::{
    Address, ClaimBody, ClaimId, ClaimSignature, KindId, Purpose, TaskId, TaskState, Verdict, Vote,
};
use zarathustra_protocol::{Patience, Supplements};
use zarathustra_wire::{AggregatorClient, ClaimMessage, VoteMessage};

use crate::{
    Appeals, Desk, SnapshotDesk, routes,
    scene::{
        Operator as Member, Scene,
        certificate::{Statement, better},
    },
    submitter::{MissPolicy, Submitter},
    test_keys::rotated,
};

/// More than a block, less than any window.
const CONFIRMATIONS: u64 = 2;

/// An aggregator with its folder.
struct Aggregator {
    submitter: Submitter,
    desk: Arc<Desk>,
    appeals: Arc<Appeals>,
    folder: TempDir,
}

impl Aggregator {
    async fn start(scene: &Scene, folder: TempDir, supplements: Supplements) -> Result<Self> {
        let store = Chain::open_store(&folder.path().join("state.redb"))?;
        let account = scene.devnet.account("aggregator").await?;
        let policy = FeePolicy {
            poll_every: Duration::from_millis(15),
            ..FeePolicy::default()
        };
        let chain = Chain::connect(scene.devnet.anvil.url(), scene.devnet.addresses.clone())
            .await?
            .with_sender(account.signer().clone(), store.clone(), policy);
        let patience = Patience {
            max_blocks: 0,
            cost_per_block: 0,
        };
        let desk = Arc::new(Desk::new(chain.clone(), store.clone(), patience));
        let content =
            ContentHandle::start(&ContentSettings::default(), &folder.path().join("ipfs")).await?;
        let appeals = Arc::new(Appeals::new(chain.domain(), store.clone()));
        let submitter = Submitter::open(
            chain,
            store,
            Arc::clone(&desk),
            Arc::clone(&appeals),
            content,
            CONFIRMATIONS,
            supplements,
            MissPolicy {
                record: true,
                wait_blocks: 0,
            },
            Metrics::new("aggregator")?,
            Health::default(),
        )?;
        Ok(Self {
            submitter,
            desk,
            appeals,
            folder,
        })
    }

    /// The same aggregator after a restart.
    async fn restart(self, scene: &Scene, supplements: Supplements) -> Result<Self> {
        let Self {
            submitter,
            desk,
            appeals,
            folder,
        } = self;
        drop((submitter, desk, appeals));
        Self::start(scene, folder, supplements).await
    }
}

fn message(scene: &Scene, task: &Task, statement: &Statement) -> Result<ClaimMessage> {
    let everybody = statement.everybody();
    let approve = zarathustra_primitives::CertificateKind::Approve;
    let call = scene.certified(&scene.domain(), statement, approve, &everybody);
    let signature: [u8; 65] = call.claim.signature.as_ref().try_into()?;
    Ok(ClaimMessage {
        proof: String::new(),
        body: ClaimBody {
            task: task.id,
            turn: statement.claim.turn,
            result: statement.result.clone(),
        },
        kind: task.kind,
        performer: statement.claim.performer,
        signature: ClaimSignature::new(signature),
    })
}

fn vote(scene: &Scene, statement: &Statement, operator: Address, verdict: Verdict) -> VoteMessage {
    let vote = Vote {
        task: statement.claim.task,
        claim: statement.claim.id(),
        purpose: Purpose::Claim,
        verdict,
    };
    let key = &scene.operator(operator).bls;
    VoteMessage {
        task_id: statement.task,
        claim_id: statement.claim.id(),
        purpose: vote.purpose,
        verdict,
        operator,
        signature: key.sign(&vote.digest(&scene.domain())).encode(),
    }
}

/// Positions whose votes are missing, as the task commits to it on chain.
async fn missing(scene: &Scene, task: &Task) -> Result<Vec<usize>> {
    let task = scene.chain.task(task.id).await?;
    assert_eq!(task.state, TaskState::Certified);
    let event = scene.chain.certified(&task).await?.wrap_err("an event")?;
    assert_eq!(
        task.commitment,
        Some(commitment(task.id, &event.committed)),
        "the chain commits to what the events tell"
    );
    let word = event.committed.nonSigners[0];
    Ok((0..256).filter(|position| word.bit(*position)).collect())
}

/// Five operators, and a task that waits for its seed. Appeals take longer than late votes count.
async fn opened() -> Result<(Scene, Task)> {
    let mut options = DevnetOptions::new(&Checkout::find()?);
    options.market.improve.appeal_window = 2 * options.market.improve.supplement_window;
    let scene = Scene::start_with(&options, 5).await?;
    scene.roll_epoch().await?;
    let request = scene.request().await?;
    scene.submit(request, "parameters").await?;
    let task = scene.open(request).await?;
    Ok((scene, task))
}

/// An aggregator that certifies the task with the votes of three; the performer's and `late`'s are
/// missing.
async fn certify(
    scene: &Scene,
    statement: &Statement,
    late: Address,
    supplements: Supplements,
) -> Result<Aggregator> {
    let task = scene.chain.task(statement.task).await?;
    let mut aggregator = Aggregator::start(scene, tempfile::tempdir()?, supplements).await?;
    // The first look at a chain reads its blocks in ranges.
    while aggregator.submitter.follower.live() == 0 {
        aggregator.submitter.tick().await?;
    }
    aggregator.submitter.tick().await?;
    let message = message(scene, &task, statement)?;
    let taken = aggregator.desk.take_claim(message).await;
    assert_eq!(taken.map_err(|e| e.message), Ok(statement.claim.id()));
    for operator in statement.others().into_iter().filter(|o| *o != late) {
        let vote = vote(scene, statement, operator, Verdict::Approve);
        let taken = aggregator.desk.take_vote(&vote);
        taken.map_err(|e| eyre::eyre!(e.message))?;
    }
    for _ in 0..2 {
        aggregator.submitter.tick().await?;
    }
    Ok(aggregator)
}

/// The last of those who did not claim is late.
async fn certified(supplements: Supplements) -> Result<(Scene, Aggregator, Task, Statement)> {
    let (scene, task) = opened().await?;
    let task = scene.seed(&task).await?;
    let statement = scene.statement(&task, 0, &better()).await?;
    let late = statement.others()[3];
    let aggregator = certify(&scene, &statement, late, supplements).await?;
    Ok((scene, aggregator, task, statement))
}

fn position(statement: &Statement, operator: Address) -> usize {
    let row = statement.table.row_of(operator).expect("in the table");
    row.position.index()
}

fn voters(desk: &Desk, statement: &Statement) -> (ClaimId, Vec<Address>) {
    let views = desk.claims(statement.task);
    assert_eq!(views.len(), 1);
    (views[0].claim_id, views[0].voters.clone())
}

#[tokio::test]
async fn a_late_vote_gets_its_supplement_also_after_a_restart() -> Result<()> {
    let (scene, aggregator, task, statement) = certified(Supplements::Always).await?;
    let desk = &aggregator.desk;
    let others = statement.others();
    let late = others[3];
    let mut absent = vec![
        position(&statement, late),
        position(&statement, statement.claim.performer),
    ];
    absent.sort_unstable();
    assert_eq!(missing(&scene, &task).await?, absent);

    // The claim is shown to whoever may still vote on it.
    let (claim, shown) = voters(desk, &statement);
    assert_eq!(claim, statement.claim.id());
    assert!(!shown.contains(&late));
    assert_eq!(shown.len(), 4, "the performer has its share in any case");

    let refused = |vote: &VoteMessage| {
        desk.take_vote(vote)
            .map_err(|e| e.reason().unwrap_or_default().to_owned())
    };
    let reject = vote(&scene, &statement, late, Verdict::Reject);
    assert_eq!(refused(&reject), Err("decided".to_owned()));
    let mut forged = vote(&scene, &statement, others[0], Verdict::Approve);
    forged.operator = late;
    assert_eq!(refused(&forged), Err("signature_invalid".to_owned()));
    let mut stranger = forged.clone();
    stranger.operator = scene.stranger.address();
    assert_eq!(refused(&stranger), Err("unknown_operator".to_owned()));
    let again = vote(&scene, &statement, others[0], Verdict::Approve);
    assert_eq!(refused(&again), Ok(()), "it is in the certificate");
    assert_eq!(
        refused(&vote(&scene, &statement, late, Verdict::Approve)),
        Ok(())
    );
    assert!(voters(desk, &statement).1.contains(&late));

    // A restart loses nothing that was acknowledged.
    let mut aggregator = aggregator.restart(&scene, Supplements::Always).await?;
    aggregator.submitter.tick().await?;
    let performer = position(&statement, statement.claim.performer);
    assert_eq!(missing(&scene, &task).await?, [performer]);
    Ok(())
}

#[tokio::test]
async fn a_task_is_kept_while_late_votes_count() -> Result<()> {
    let (scene, mut aggregator, task, statement) = certified(Supplements::Always).await?;
    let window = scene.chain.definition(task.kind).await?.supplement_window;
    let certified_at = scene.chain.task(task.id).await?.certified_at;
    let last = certified_at + u64::from(window);
    scene.devnet.anvil.mine(last - scene.clock().await?).await?;
    aggregator.submitter.tick().await?;
    assert_eq!(voters(&aggregator.desk, &statement).0, statement.claim.id());
    scene.devnet.anvil.mine(1).await?;
    aggregator.submitter.tick().await?;
    assert_eq!(aggregator.desk.claims(task.id), []);
    let late = vote(&scene, &statement, statement.others()[3], Verdict::Approve);
    let refused = aggregator
        .desk
        .take_vote(&late)
        .map_err(|e| e.reason().unwrap_or_default().to_owned());
    assert_eq!(refused, Err("unknown_claim".to_owned()));
    // Until the outcome is final somebody may appeal.
    assert_eq!(aggregator.submitter.follower.live(), 1);
    let deadline = scene.chain.task(task.id).await?.deadline;
    let left = deadline - scene.clock().await?;
    scene.devnet.anvil.mine(left - 1).await?;
    aggregator.submitter.tick().await?;
    assert_eq!(aggregator.submitter.follower.live(), 1);
    scene.devnet.anvil.mine(1).await?;
    aggregator.submitter.tick().await?;
    assert_eq!(aggregator.submitter.follower.live(), 0);
    Ok(())
}

/// Who was absent is recorded when nothing can be added any more, and only then; the performer,
/// whose vote is missing, too, is not.
#[tokio::test]
async fn a_vote_that_stays_missing_is_recorded_once() -> Result<()> {
    let (scene, mut aggregator, task, statement) = certified(Supplements::Never).await?;
    let governance = scene.chain.governance();
    let late = statement.others()[3];
    let level = async |operator: Address| -> Result<u64> {
        Ok(governance.missesOf(operator).call().await?.total)
    };
    let definition = scene.chain.definition(task.kind).await?;
    let certified = scene.chain.task(task.id).await?;
    let supplement_until = certified.certified_at + u64::from(definition.supplement_window);
    let due = certified.deadline;
    assert!(
        due > supplement_until + 1,
        "the appeal window is the longer one"
    );
    for (clock, expected) in [(supplement_until, 0), (due - 1, 0), (due, 1), (due + 50, 1)] {
        let ahead = clock.saturating_sub(scene.clock().await?);
        scene.devnet.anvil.mine(ahead).await?;
        for _ in 0..2 {
            aggregator.submitter.tick().await?;
        }
        assert_eq!(level(late).await?, expected, "at {clock}");
    }
    assert_eq!(level(statement.claim.performer).await?, 0);
    assert_eq!(level(statement.others()[0]).await?, 0);
    Ok(())
}

/// A kind of task whose evaluation takes as long as the test wants.
struct Slow {
    result: watch::Receiver<Option<Vec<u8>>>,
}

impl TaskKind for Slow {
    fn kind(&self) -> KindId {
        KindId::new(IMPROVE)
    }

    fn prepare(&self, _task: TaskId) -> BoxFuture<'_, Result<(), Abstain>> {
        Box::pin(async { Ok(()) })
    }

    fn unprepared(&self, _assignment: &Assignment, _abstain: &Abstain) -> Option<Outcome> {
        None
    }

    fn execute(&self, _assignment: Assignment) -> BoxFuture<'_, Result<Outcome, Abstain>> {
        let mut result = self.result.clone();
        Box::pin(async move {
            let found = result.wait_for(Option::is_some).await;
            let result = found.ok().and_then(|found| found.clone());
            Ok(Outcome {
                result: result.unwrap_or_default(),
                evidence: Arc::from([]),
                summary: "found late".to_owned(),
            })
        })
    }

    fn claim(&self, assignment: Assignment) -> BoxFuture<'_, Result<Outcome, Abstain>> {
        self.execute(assignment)
    }

    fn publish<'a>(
        &'a self,
        _task: TaskId,
        _own: &'a Outcome,
    ) -> BoxFuture<'a, Result<String, Abstain>> {
        Box::pin(async { Ok(String::new()) })
    }

    fn judge<'a>(
        &'a self,
        _assignment: Assignment,
        _purpose: Purpose,
        own: Option<&'a Outcome>,
        claimed_result: &'a [u8],
        _proof: &'a str,
    ) -> BoxFuture<'a, Opinion> {
        let agrees = own.is_some_and(|own| own.result == claimed_result);
        Box::pin(async move {
            if agrees {
                return Opinion::Approve;
            }
            Opinion::Reject {
                code: "differs",
                detail: "another result".to_owned(),
            }
        })
    }

    fn finish(&self, _task: TaskId) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

/// The core of an attester's program that tells an aggregator at `url`.
fn attester(
    scene: &Scene,
    operator: &Member,
    folder: &Path,
    url: &str,
    result: watch::Receiver<Option<Vec<u8>>>,
) -> Result<Operator> {
    let keys = rotated(scene, operator, folder)?;
    Ok(Operator::open(OperatorParts {
        role: "attester",
        address: operator.address(),
        chain: scene.chain.clone(),
        store: Chain::open_store(&folder.join("state.redb"))?,
        data_dir: folder.to_owned(),
        confirmations: 0,
        kinds: vec![Arc::new(Slow { result })],
        keys: Arc::new(keys),
        aggregators: vec![AggregatorClient::new(url)?],
        metrics: Metrics::new("attester")?,
        health: Health::default(),
    })?)
}

/// An attester that ends its evaluation after the certificate votes all the same, with the key that
/// it had when the epoch was written, and its vote gets on chain.
#[tokio::test]
async fn an_attester_that_is_slow_votes_late() -> Result<()> {
    let (scene, task) = opened().await?;
    let (found, result) = watch::channel(None);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    // Whoever of the two has no turn is the slow one; both fetch before the seed is known.
    let folders = [tempfile::tempdir()?, tempfile::tempdir()?];
    let mut attesters = Vec::new();
    for (operator, folder) in scene.operators.iter().zip(&folders) {
        let attester = attester(&scene, operator, folder.path(), &url, result.clone())?;
        attesters.push((operator.address(), attester));
    }
    for (_, attester) in &mut attesters {
        let prepared = format!("task/{}/prepared", task.id);
        while attester
            .parts()
            .store
            .get::<serde_json::Value>("a prepared task", &prepared)?
            .is_none()
        {
            attester.tick().await?;
        }
    }
    let task = scene.seed(&task).await?;
    let statement = scene.statement(&task, 0, &better()).await?;
    let performer = statement.claim.performer;
    let slow = attesters
        .iter_mut()
        .find(|(address, _)| *address != performer);
    let (late, attester) = slow.wrap_err("one of two has no turn")?;
    attester.tick().await?;

    let mut aggregator = certify(&scene, &statement, *late, Supplements::Always).await?;
    let snapshots = SnapshotDesk::new(Chain::open_store(&folders[0].path().join("other.redb"))?);
    let router = routes(
        Arc::clone(&aggregator.desk),
        Arc::clone(&aggregator.appeals),
        Arc::new(snapshots),
    );
    tokio::spawn(http::serve(listener, router, CancellationToken::new()));
    assert!(
        missing(&scene, &task)
            .await?
            .contains(&position(&statement, *late))
    );
    // However long the certificate stands, the task is not let go while the window is open.
    scene.devnet.anvil.mine(CONFIRMATIONS).await?;
    attester.tick().await?;

    found.send(Some(statement.result.to_vec()))?;
    let voted = async {
        while !voters(&aggregator.desk, &statement).1.contains(late) {
            attester.tick().await?;
            tokio::task::yield_now().await;
        }
        eyre::Ok(())
    };
    tokio::time::timeout(Duration::from_secs(60), voted).await??;
    aggregator.submitter.tick().await?;
    assert_eq!(
        missing(&scene, &task).await?,
        [position(&statement, performer)]
    );
    Ok(())
}
