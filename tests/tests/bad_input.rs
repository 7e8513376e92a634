//! Strangers send nonsense to the aggregator while a task is under way. Each gets its answer in
//! under a second, with a code that says why, and the task settles as if nobody had been there.

use std::time::{Duration, Instant};

use alloy::{
    primitives::{Address, B256},
    signers::SignerSync,
};
use eyre::{ContextCompat, Result, ensure};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use zarathustra_bls::SecretKey;
use zarathustra_deploy::devnet_key;
use zarathustra_devnet::{Names, story::Stage};
use zarathustra_primitives::{
    ClaimSignature, Purpose, SubmissionState, TaskId, TaskState, Turn, Verdict,
};
use zarathustra_tests::{
    Scenario, alter_one_weight, assert_signed_once, claims, everybody_fetches, faults, flow, hold,
    mine_until, reached, settled, wait_for,
};
use zarathustra_wire::{ClaimMessage, VoteMessage, codes};

/// What a stranger may wait for an answer.
const WITHIN: Duration = Duration::from_secs(1);

/// A stranger's connection to the aggregator.
struct Stranger {
    http: reqwest::Client,
    url: String,
}

impl Stranger {
    /// Sends a body; answers the error's number and stable code.
    async fn send(&self, body: String) -> Result<(i64, String)> {
        let sent = Instant::now();
        let answer: Value = self
            .http
            .post(&self.url)
            .body(body.clone())
            .send()
            .await?
            .json()
            .await?;
        ensure!(sent.elapsed() < WITHIN, "{body} took {:?}", sent.elapsed());
        let error = &answer["error"];
        Ok((
            error["code"].as_i64().context("a number")?,
            error["data"]["code"].as_str().context("a code")?.to_owned(),
        ))
    }

    /// Calls a method; answers the error's number and stable code.
    async fn call(&self, method: &str, params: Value) -> Result<(i64, String)> {
        let body = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params });
        self.send(body.to_string()).await
    }

    /// Announces a gigabyte, and sends a little more than a body may have. Answers the status line.
    async fn send_too_much(&self) -> Result<String> {
        let sent = Instant::now();
        let mut stream = TcpStream::connect(self.url.trim_start_matches("http://")).await?;
        let head = "POST / HTTP/1.1\r\nHost: aggregator\r\nContent-Length: 1073741824\r\n\r\n";
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(&vec![b' '; (64 << 10) + 1]).await?;
        let mut answer = [0; 64];
        let read = stream.read(&mut answer).await?;
        ensure!(sent.elapsed() < WITHIN, "it took {:?}", sent.elapsed());
        let text = String::from_utf8_lossy(&answer[..read]);
        Ok(text.lines().next().unwrap_or_default().to_owned())
    }
}

/// How a refusal by a rule looks.
fn refused(code: &str) -> (i64, String) {
    (codes::REFUSED, code.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_get_an_answer_and_disturb_nobody() -> Result<()> {
    let mut scenario = Scenario::start("bad_input").await?;
    let mut quiet = |_: &str| {};
    let mut stage = Stage::set(&mut scenario.network, &mut quiet).await?;
    let chain = stage.network().chain().clone();
    let stranger = Stranger {
        http: reqwest::Client::new(),
        url: stage.network().aggregator_url().to_owned(),
    };
    let process = stage.network().process(Names::AGGREGATOR)?.id();

    // NO REQUEST AT ALL
    for (body, number) in [
        ("", codes::PARSE),
        ("{", codes::PARSE),
        ("\u{0}\u{1}", codes::PARSE),
        ("7", codes::INVALID_REQUEST),
        ("[]", codes::INVALID_REQUEST),
        (r#"{"jsonrpc": "2.0"}"#, codes::INVALID_REQUEST),
        (
            r#"{"jsonrpc": "1.0", "method": "sendTask"}"#,
            codes::INVALID_REQUEST,
        ),
    ] {
        let expected = (number, "malformed_request".to_owned());
        assert_eq!(stranger.send(body.to_owned()).await?, expected, "{body:?}");
    }
    let nested = "[".repeat(60_000);
    assert_eq!(stranger.send(nested).await?.1, "malformed_request");
    assert!(stranger.send_too_much().await?.contains("413"));

    // NO METHOD, NO PARAMETERS
    let unknown = (codes::METHOD_NOT_FOUND, "unknown_method".to_owned());
    assert_eq!(
        stranger.call("eth_sendTransaction", json!([])).await?,
        unknown
    );
    let malformed = (codes::INVALID_PARAMS, "malformed_message".to_owned());
    for (method, params) in [
        ("sendTask", Value::Null),
        ("sendTask", json!(["", "0x", 1, "0x", "0x"])),
        ("zarathustra_sendVote", json!([{ "taskId": 1 }])),
        ("zarathustra_sendVote", json!([1, 2])),
        ("zarathustra_claims", json!(["one"])),
    ] {
        let found = stranger.call(method, params.clone()).await?;
        assert_eq!(found, malformed, "{method} {params}");
    }

    // A TASK UNDER WAY
    // One attester is off, so that its vote is not there yet.
    let absent = "attester-5";
    stage.network().stop(absent).await?;
    let altered = stage.model("altered.safetensors");
    alter_one_weight(&stage.model("untrained.safetensors"), &altered, 0.002)?;
    let submission = stage.send(&altered).await?;
    let network = stage.network();
    hold(network).await?;
    everybody_fetches(network, submission).await?;
    let task = mine_until(network.anvil(), "the seed is fixed", async || {
        reached(&chain, submission, TaskState::Evaluating).await
    })
    .await?;
    let shown = mine_until(network.anvil(), "a claim comes", async || {
        Ok(claims(network, task.id).await?.pop())
    })
    .await?;
    let honest = ClaimMessage::from_params(&shown.params)?;

    // The honest claim, changed: every way is refused by its own code.
    let (turn, _) = chain.current_turn(task.id).await?;
    let changed = |change: &dyn Fn(&mut ClaimMessage)| {
        let mut claim = honest.clone();
        change(&mut claim);
        claim.to_params()
    };
    let early = Turn::new(turn.get() + 1_000);
    // One that the performer itself signed ahead of its time.
    let mut ahead = honest.clone();
    ahead.body.turn = early;
    let key = network
        .operators()
        .iter()
        .map(|operator| devnet_key(&operator.name))
        .find(|key| key.address() == honest.performer)
        .context("the performer's key")?;
    let hash = chain.task_hash(task.id).await?;
    let signed = key.sign_hash_sync(&ahead.claim(hash).digest(&chain.domain()))?;
    ahead.signature = ClaimSignature::new(signed.as_bytes());
    let ahead = ahead.to_params();
    let cases = [
        ("claim_forged", changed(&|c| c.body.turn = early)),
        ("claim_early", ahead),
        (
            "claim_forged",
            changed(&|c| c.body.result = vec![1, 2, 3].into()),
        ),
        (
            "not_turn_holder",
            changed(&|c| c.performer = Address::repeat_byte(9)),
        ),
        (
            "task_not_evaluating",
            changed(&|c| c.body.task = TaskId::new(999)),
        ),
    ];
    for (code, params) in cases {
        assert_eq!(stranger.call("sendTask", params).await?, refused(code));
    }

    // Votes in the name of the one who is off.
    let vote = VoteMessage {
        purpose: Purpose::Claim,
        task_id: task.id,
        claim_id: shown.claim_id,
        verdict: Verdict::Reject,
        operator: network.operator_address(absent),
        signature: SecretKey::from_seed(&[7; 32])?.sign(&B256::ZERO).encode(),
    };
    let changed = |change: &dyn Fn(&mut VoteMessage)| {
        let mut vote = vote.clone();
        change(&mut vote);
        json!([vote])
    };
    let none = zarathustra_primitives::ClaimId::new(B256::repeat_byte(1));
    let nothing = zarathustra_primitives::BlsSignature::new([0; 96]);
    let cases = [
        ("signature_invalid", changed(&|_| {})),
        ("signature_malformed", changed(&|v| v.signature = nothing)),
        (
            "unknown_operator",
            changed(&|v| v.operator = Address::repeat_byte(9)),
        ),
        ("unknown_claim", changed(&|v| v.claim_id = none)),
    ];
    for (code, params) in cases {
        let found = stranger.call("zarathustra_sendVote", params).await?;
        assert_eq!(found, refused(code));
    }

    // The task settles by those who are there, in the same process.
    flow(network).await?;
    let state = wait_for("the submission settles", async || {
        settled(&chain, submission).await
    })
    .await?;
    assert_eq!(state, SubmissionState::NotBetter);
    assert_eq!(faults(&chain).await?, 0);
    assert_eq!(network.process(Names::AGGREGATOR)?.id(), process);
    assert_signed_once(network)
}
