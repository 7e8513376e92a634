//! Owners post evaluation programs that trap, never end or take all memory; optimizers submit bytes
//! that are others than they committed to, more than they said, or nowhere to be had. Each ends with its
//! reason, whoever is at fault pays for it, and the same operators settle honest work afterwards.

use std::{path::Path, time::Duration};

use alloy::primitives::{Address, B256, U256};
use eyre::{ContextCompat, Result, ensure};
use sha2::{Digest as _, Sha256};
use zarathustra_chain::{
    Chain,
    abi::model_submission::{
        IModelSubmission,
        IModelSubmissionTypes::{Content, Terms},
    },
    read,
};
use zarathustra_content::{
    Collect, ContentId, ContentStore, KuboClient, KuboConfig, Quota, file_id,
};
use zarathustra_deploy::Account;
use zarathustra_devnet::{Devnet, record::Credit, story::Stage};
use zarathustra_primitives::{CommitmentPreimage, Digest, Reason, RequestId, SubmissionState};
use zarathustra_tests::{
    Scenario, alter_one_weight, assert_signed_once, faults, settled, wait_for,
};

/// A program without imports whose `evaluate` is these instructions.
fn program(instructions: &str) -> Result<Vec<u8>> {
    let text = format!(
        r#"(component
          (core module $M
            (memory (export "memory") 1)
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
            (func (export "evaluate") (param i32 i32 i32) (result i32) {instructions} (i32.const 96)))
          (core instance $m (instantiate $M))
          (func (export "evaluate") (param "seed" (list u8)) (param "samples" u32)
            (result (result (list f64) (error string)))
            (canon lift (core func $m "evaluate") (memory $m "memory") (realloc (func $m "realloc")))))"#
    );
    Ok(wat::parse_str(text)?)
}

/// Posts the stage's request anew with another evaluator and little fuel; answers its number.
async fn post(stage: &Stage<'_>, name: &str, evaluator: &[u8]) -> Result<u64> {
    let wasm = stage.model(&format!("{name}.wasm"));
    std::fs::write(&wasm, evaluator)?;
    let mut request: toml::Table = std::fs::read_to_string(stage.request_file())?.parse()?;
    let place = wasm.to_string_lossy().into_owned();
    request.insert("evaluator".to_owned(), place.into());
    let limits = request
        .get_mut("limits")
        .and_then(toml::Value::as_table_mut);
    limits
        .context("limits")?
        .insert("fuel".to_owned(), 100_000_000.into());
    let file = stage.model(&format!("{name}.toml"));
    std::fs::write(&file, toml::to_string(&request)?)?;
    let answer = stage
        .owner()
        .run(&["request", "create", &file.to_string_lossy()])
        .await?;
    answer["request"].as_u64().context("a request")
}

/// An account that submits once, whatever it likes.
struct Stranger {
    account: Account,
    market: Address,
    chain_id: u64,
}

impl Stranger {
    async fn new(network: &Devnet, name: &str) -> Result<Self> {
        let user = network.user(name).await?;
        Ok(Self {
            account: Account::new(network.anvil().url(), user.signer().clone())?,
            market: network.addresses().model_submission,
            chain_id: network.addresses().chain_id,
        })
    }

    /// Commits to content and reveals it; answers the submission.
    async fn submit(
        &self,
        chain: &Chain,
        request: u64,
        terms: &Terms,
        content: Content,
    ) -> Result<u64> {
        let (payout, salt) = (self.account.address(), B256::repeat_byte(9));
        let commitment = CommitmentPreimage {
            chain_id: self.chain_id,
            model_submission: self.market,
            sender: self.account.address(),
            request: RequestId::new(request),
            digest: Digest::new(content.digest.0),
            cid: &content.cid,
            size: content.size,
            payout,
            salt,
        }
        .commitment();
        let commit = IModelSubmission::commitCall {
            requestId: request,
            commitment,
        };
        let deposit = terms.deposit.to::<U256>();
        self.account
            .send_value(self.market, &commit, deposit)
            .await?;
        let id = read("submissionCount", chain.market().submissionCount()).await?;
        let reveal = IModelSubmission::revealCall {
            submissionId: id,
            content,
            payout,
            salt,
        };
        self.account.send(self.market, &reveal).await?;
        Ok(id)
    }
}

fn digest_of(bytes: &[u8]) -> Digest {
    Digest::new(Sha256::digest(bytes).into())
}

/// What a file is called, under another digest or size where given.
fn named(id: ContentId, digest: Digest, size: u64) -> Content {
    Content {
        cid: id.to_bytes().to_vec().into(),
        digest: digest.word(),
        size,
    }
}

/// Puts a file on the optimizers' IPFS node.
async fn publish(network: &Devnet, folder: &Path, bytes: &[u8]) -> Result<ContentId> {
    let node = KuboClient::new(&KuboConfig {
        url: network.gateway_rpc().to_owned(),
        ledger: folder.join("ledger.json"),
        quota: Quota::with_limit(1 << 30),
        collect: Collect::UnpinnedThenPins,
    })?;
    Ok(node.add(bytes).await?)
}

/// How a submission ended, once it did.
async fn ended(chain: &Chain, submission: u64) -> Result<(SubmissionState, Reason)> {
    let state = wait_for(&format!("submission {submission} ends"), async || {
        settled(chain, submission).await
    })
    .await?;
    let found = read("submission", chain.market().submission(submission)).await?;
    Ok((state, Reason::from_u8(found.reason)?))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_hostile_pays_and_the_operators_live_on() -> Result<()> {
    let mut scenario = Scenario::start_with("hostile", |options| {
        // Three hostile programs are evaluated by everybody while the honest one is fetched; and what
        // nobody has is given up within the fetch window.
        options.market.improve.fetch_window = 20;
        options.fetch_patience = Duration::from_secs(8);
    })
    .await?;
    let mut quiet = |_: &str| {};
    let mut stage = Stage::set(&mut scenario.network, &mut quiet).await?;
    let chain = stage.network().chain().clone();
    let ids = |network: &Devnet| network.processes().map(|p| p.id()).collect::<Vec<_>>();
    let before = ids(stage.network());
    let altered = stage.model("altered.safetensors");
    alter_one_weight(&stage.model("untrained.safetensors"), &altered, 0.002)?;

    // HOSTILE EVALUATORS
    let cases = [
        ("traps", "unreachable", Reason::EvaluatorTrapped),
        ("never-ends", "(loop $l (br $l))", Reason::FuelExhausted),
        (
            "takes-all-memory",
            "(loop $l (br_if $l (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable",
            Reason::EvaluatorTrapped,
        ),
    ];
    let mut waiting = Vec::new();
    for (name, instructions, reason) in cases {
        let request = post(&stage, name, &program(instructions)?).await?;
        let bond = read("request", chain.market().request(request))
            .await?
            .evaluatorBond;
        let answer = stage
            .optimizer()
            .run(&[
                "submission",
                "submit",
                "--request",
                &request.to_string(),
                "--parameters",
                &altered.to_string_lossy(),
            ])
            .await?;
        let submission = answer["submission"].as_u64().context("a submission")?;
        waiting.push((request, submission, bond, reason));
    }

    // HOSTILE PARAMETERS
    let request = stage.request();
    let terms = read("terms", chain.market().terms(request)).await?;
    let network = stage.network();
    let folder = tempfile::tempdir()?;
    let bytes = std::fs::read(&altered)?;
    let (digest, size) = (digest_of(&bytes), bytes.len() as u64);
    let published = publish(network, folder.path(), &bytes).await?;
    let contents = [
        // The bytes behind the CID are others than those committed to.
        (
            named(published, digest_of(b"others"), size),
            (SubmissionState::Invalid, Reason::DigestMismatch),
        ),
        // Fewer bytes than the file has: it is not downloaded beyond them.
        (
            named(published, digest, size - 1),
            (SubmissionState::Invalid, Reason::DigestMismatch),
        ),
        // Nobody has them.
        (
            named(file_id(b"nowhere"), digest_of(b"nowhere"), 7),
            (SubmissionState::Unavailable, Reason::Unavailable),
        ),
    ];
    let mut sent = Vec::new();
    for (number, (content, expected)) in contents.into_iter().enumerate() {
        let stranger = Stranger::new(network, &format!("stranger-{number}")).await?;
        let submission = stranger.submit(&chain, request, &terms, content).await?;
        sent.push((stranger.account.address(), submission, expected));
    }

    // WHO PAYS
    let (fee, deposit) = (terms.evaluationFee.to::<U256>(), terms.deposit.to::<U256>());
    let mut owed = U256::ZERO;
    for (request, submission, bond, reason) in waiting {
        let found = ended(&chain, submission).await?;
        assert_eq!(found, (SubmissionState::EvaluatorFault, reason));
        // The bond bears the operators' fee and the compensation.
        let left = read("request", chain.market().request(request))
            .await?
            .evaluatorBond;
        let lost = U256::from(bond - left);
        assert_eq!(lost, fee + U256::from(terms.compensation));
        owed += deposit + U256::from(terms.compensation);
    }
    let optimizer = stage.optimizer().address();
    let credit = Credit::of(&chain, optimizer, stage.token()).await?;
    assert_eq!((credit.native, credit.token), (owed, U256::ZERO));

    for (account, submission, expected) in sent {
        assert_eq!(ended(&chain, submission).await?, expected);
        let kept = match expected.0 {
            SubmissionState::Unavailable => U256::from(terms.unavailablePenalty),
            _ => deposit,
        };
        let credit = Credit::of(&chain, account, stage.token()).await?;
        assert_eq!((credit.native, credit.token), (deposit - kept, U256::ZERO));
    }

    // THE SAME OPERATORS GO ON
    let record = stage.submit("one weight altered", &altered).await?;
    assert_eq!(record.state, SubmissionState::NotBetter.code());
    let network = stage.network();
    assert_eq!(ids(network), before);
    ensure!(before.iter().all(Option::is_some));
    assert_eq!(faults(&chain).await?, 0);
    assert_signed_once(network)
}
