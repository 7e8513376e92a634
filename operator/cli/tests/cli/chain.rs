//! Commands that read the chain, against a node whose answers are set by hand.

use alloy::{
    primitives::{Address, B256, Bytes, aliases::U96},
    sol_types::SolCall,
};
use zarathustra_chain::abi::{
    attestation_center::{
        IAttestationCenter,
        IAttestationCenterTypes::{FeeCommitment, Task, TaskDefinition},
    },
    avs_governance::IAvsGovernance,
    model_submission::{
        IModelSubmission,
        IModelSubmissionTypes::{Champion, Content, Request, RetentionTerms, Submission, Terms},
    },
};

use crate::{
    node::{CENTER, GOVERNANCE, MARKET, Node, TOKEN},
    program::Program,
};

alloy::sol! {
    interface IERC20 {
        function decimals() external view returns (uint8);
        function symbol() external view returns (string);
    }
}

const MILLIETHER: u128 = 1_000_000_000_000_000;
const OWNER: Address = Address::repeat_byte(0x0e);

/// A node with a token of six decimals and the kind `improve`.
async fn market() -> Node {
    let node = Node::start().await;
    let none = Address::ZERO;
    let definition = TaskDefinition {
        source: MARKET,
        fetchWindow: 4,
        taskLife: 300,
        votingWindow: 10,
        logic: none,
        thresholdNumerator: 2,
        thresholdDenominator: 3,
        performerShareBps: 2000,
        turnLength: 30,
        seedSource: none,
        minFee: U96::from(MILLIETHER),
        appealWindow: 3,
        supplementWindow: 20,
        appealVoting: 0,
        appealBond: U96::ZERO,
    };
    node.answers(
        CENTER,
        &IAttestationCenter::definitionCall { kind: 1 },
        &definition,
    )
    .answers(TOKEN, &IERC20::decimalsCall {}, &6)
    .answers(TOKEN, &IERC20::symbolCall {}, &"DEMO".to_owned())
    .answers(GOVERNANCE, &IAvsGovernance::clockCall {}, &100)
    .answers(GOVERNANCE, &IAvsGovernance::pausedCall {}, &false);
    node
}

#[tokio::test]
async fn unknown_numbers() {
    let node = market().await;
    let request = IModelSubmission::UnknownRequest { requestId: 7 };
    let submission = IModelSubmission::UnknownSubmission { submissionId: 7 };
    node.refuses::<IModelSubmission::requestCall>(MARKET, &request)
        .refuses::<IModelSubmission::termsCall>(MARKET, &request)
        .refuses::<IModelSubmission::submissionCall>(MARKET, &submission)
        .answers(
            CENTER,
            &IAttestationCenter::taskCall { taskId: 7 },
            &no_task(),
        )
        .answers(
            CENTER,
            &IAttestationCenter::environmentAtCall { kind: 0, epoch: 0 },
            &B256::ZERO,
        );
    let program = node.program();
    program.file("p", "parameters");
    let of_request = (
        "unknown_request",
        "there is no request 7",
        "`zarathustra request list` shows all requests",
    );
    let of_submission = (
        "unknown_submission",
        "there is no submission 7",
        "`zarathustra submission list` shows all submissions",
    );
    let of_task = (
        "unknown_task",
        "there is no task 7",
        "`zarathustra task list` shows all tasks",
    );
    for (arguments, (code, message, hint)) in [
        (&["request", "show", "7"][..], of_request),
        (&["request", "fetch", "7", "-o", "out"][..], of_request),
        (&["submission", "list", "--request", "7"][..], of_request),
        (
            &["evaluate", "--request", "7", "--parameters", "p"][..],
            of_request,
        ),
        (&["submission", "show", "7"][..], of_submission),
        (&["submission", "show", "7", "--watch"][..], of_submission),
        (&["task", "show", "7"][..], of_task),
    ] {
        program.refuses(arguments, code, message, hint).await;
    }
}

#[tokio::test]
async fn contracts_that_are_not_there() {
    let node = Node::start().await;
    let program = node.program();
    let output = program.run(&["request", "list"]).await;
    assert_eq!(output.code, Some(1));
    assert!(
        output
            .stderr
            .starts_with("error: requestCount was refused by the contract"),
        "{}",
        output.stderr
    );
}

#[tokio::test]
async fn a_request_in_words() {
    let node = market().await;
    let cid = zarathustra_content::file_id(b"champion");
    let content = Content {
        cid: cid.to_bytes().to_vec().into(),
        digest: B256::repeat_byte(1),
        size: 8,
    };
    node.answers(
        MARKET,
        &IModelSubmission::requestCall { requestId: 1 },
        &request(),
    )
    .answers(
        MARKET,
        &IModelSubmission::termsCall { requestId: 1 },
        &terms(),
    )
    .answers(
        MARKET,
        &IModelSubmission::manifestCall { requestId: 1 },
        &content,
    )
    .answers(
        MARKET,
        &IModelSubmission::championCountCall { requestId: 1 },
        &2,
    )
    .answers(
        MARKET,
        &IModelSubmission::depositOfCall { requestId: 1 },
        &U96::from(75 * MILLIETHER),
    )
    .answers(
        MARKET,
        &IModelSubmission::minImprovementOfCall { requestId: 1 },
        &10_500_i64,
    )
    .answers(
        MARKET,
        &IModelSubmission::championCall { requestId: 1 },
        &Champion {
            content,
            submissionId: 5,
            since: 90,
            score: 875_000,
        },
    );
    let expected = format!(
        "\
request              1
state                closing
deadline             commits end at clock 120, 20 blocks from now
owner                {OWNER}
manifest             {cid}
champion             {cid}
champion is          number 1 of 1, by submission 5
champion's score     0.875000
queue                2 pending of at most 16
reward               2.5 DEMO
held back            2500 of 10000 of the reward, until the parameters are shown to be kept, in the 800 blocks from 500 after a win on
reward token         DEMO at {TOKEN}
reward escrow        7.5 DEMO
fee escrow           0.1 ether
evaluator bond       0.2 ether
deposit              0.075 ether now: 0.05 ether, and 2500 of 10000 of it for each rejection in about 300 blocks
evaluation fee       0.01 ether
unavailable penalty  0.02 ether
compensation         0.01 ether
minimum improvement  0.010500 now: 0.010000, and up to 0.002000 within 400 blocks of a win
tolerance            0.001000
slash margin         0.050000
samples              at least 4096
error probability    1000000 in 1000000000
parameters           at most 65536 bytes
reveal window        50 blocks
queue window         5000 blocks
"
    );
    let program = node.program();
    assert_eq!(program.succeeds(&["request", "show", "1"]).await, expected);
    let json = program.json(&["request", "show", "1"]).await;
    assert_eq!(json["reward"], "2500000");
    assert_eq!(json["champion"]["score"], 875_000);
    assert_eq!(json["closes_at"], 120);
}

/// An example with an evaluator that is here.
fn example(program: &Program, name: &str) {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../examples")
        .join(name);
    for name in ["request.toml", "architecture.json", "baseline.safetensors"] {
        std::fs::copy(folder.join(name), program.home().join(name)).expect("copied");
    }
    program.file("evaluator.wasm", "any bytes");
}

const DRY_RUN: [&str; 6] = [
    "request",
    "create",
    "request.toml",
    "--dry-run",
    "--set",
    "evaluator=evaluator.wasm",
];

#[tokio::test]
async fn a_dry_run_prints_what_a_request_costs() {
    let node = market().await;
    let program = node.program();
    example(&program, "x-squared");
    let printed = program.succeeds(&DRY_RUN).await;
    let expected = "\
sent along                                           0.2 ether
escrowed reward                                      1000 DEMO
reference evaluation                                 about 1 s
gas                                                  name an account with --from to know it
improvements that the escrow covers                  10
each costs                                           100 DEMO and 0.01 ether
faults of the evaluator that the bond covers         5
each costs                                           0.02 ether
at worst you spend                                   1000 DEMO and 0.2 ether
an equal model is accepted by chance                 in at most 1000000 of 1000000000 evaluations
a submission that is not better costs its optimizer  0.01 ether
a worse or invalid one                               0.05 ether
";
    // The CIDs come first.
    let (_, costs) = printed.split_at(printed.find("sent along").expect("the costs"));
    assert_eq!(costs, expected);
    let json = program.json(&DRY_RUN).await;
    let baseline = std::fs::read(program.home().join("baseline.safetensors")).expect("copied");
    assert_eq!(
        json["baseline"],
        zarathustra_content::file_id(&baseline).to_string()
    );
    assert_eq!(json["reward_escrow"], "1000000000");
}

#[tokio::test]
async fn every_worked_request_is_one_that_the_market_takes() {
    let node = market().await;
    for name in ["x-squared", "digits", "sequence"] {
        let program = node.program();
        example(&program, name);
        let json = program.json(&DRY_RUN).await;
        assert_eq!(json["reward_escrow"], "1000000000", "{name}");
    }
}

#[tokio::test]
async fn terms_that_the_market_refuses_are_told_before_anything_is_sent() {
    let node = market().await;
    let program = node.program();
    example(&program, "x-squared");
    let set = [
        "--set",
        "terms.tolerance=0.01",
        "--set",
        "terms.evaluation_fee=\"0.0005 ether\"",
    ];
    program
        .refuses(
            &[&DRY_RUN[..], &set[..]].concat(),
            "terms",
            "the market refuses these terms: min_improvement, 0.010000, must be at least twice the tolerance, 0.010000; \
             evaluation_fee, 0.0005 ether, must be at least 0.002 ether",
            "correct them in the request file, or with --set",
        )
        .await;
    program
        .refuses(
            &[&DRY_RUN[..], &["--reward-token", &OWNER.to_string()]].concat(),
            "failed",
            "read terms.reward: 100 tokens is no amount of a token that does not tell its decimals; write it in units",
            "",
        )
        .await;
}

#[tokio::test]
async fn a_baseline_that_does_not_fit_is_refused() {
    let node = market().await;
    let program = node.program();
    example(&program, "x-squared");
    program.file("baseline.safetensors", [0; 4]);
    program
        .refuses(
            &DRY_RUN,
            "safetensors_truncated",
            "the baseline does not fit the architecture: file of 4 bytes ends before its header",
            "`zarathustra model inspect` shows what the architecture expects",
        )
        .await;
}

fn no_task() -> Task {
    Task {
        kind: 0,
        state: 0,
        retried: false,
        isFinal: false,
        delivered: false,
        swept: false,
        appealed: false,
        epoch: 0,
        turnBase: 0,
        seedBlock: 0,
        seedTarget: 0,
        seedFixedAt: 0,
        turnBaseAt: 0,
        deadline: 0,
        certifiedAt: 0,
        fee: U96::ZERO,
        seed: B256::ZERO,
        subjectHash: B256::ZERO,
        commitment: B256::ZERO,
    }
}

pub fn request() -> Request {
    Request {
        owner: OWNER,
        state: 2,
        closesAt: 120,
        head: 1,
        queueLength: 3,
        pending: 2,
        championIndex: 1,
        active: 0,
        rewardEscrow: 7_500_000,
        feeEscrow: 100 * MILLIETHER,
        evaluatorBond: 200 * MILLIETHER,
    }
}

pub fn terms() -> Terms {
    Terms {
        kind: 1,
        queueCap: 16,
        minSamples: 4096,
        alphaPpb: 1_000_000,
        revealWindow: 50,
        queueWindow: 5000,
        closeNotice: 20,
        maxParameterBytes: 65_536,
        minImprovement: 10_000,
        tolerance: 1_000,
        slashMargin: 50_000,
        advantage: 2_000,
        rewardToken: TOKEN,
        advantagePeriod: 400,
        reward: 2_500_000,
        rewardValue: 1000 * MILLIETHER,
        evaluationFee: U96::from(10 * MILLIETHER),
        deposit: U96::from(50 * MILLIETHER),
        depositGrowthBps: 2500,
        depositDecay: 300,
        unavailablePenalty: U96::from(20 * MILLIETHER),
        compensation: U96::from(10 * MILLIETHER),
        retention: RetentionTerms {
            time: 500,
            window: 800,
            bps: 2500,
            kind: 2,
        },
    }
}

/// Hosted nodes give the events of no more than a thousand blocks at a time; the certificate lies
/// further back.
#[tokio::test]
async fn advance_delivers_a_certified_result() {
    let node = market().await;
    let task = Task {
        kind: 1,
        state: 3,
        seedBlock: 2000,
        // Market clock, which pauses hold back.
        certifiedAt: 2100,
        ..no_task()
    };
    let submission = Submission {
        requestId: 1,
        state: 5,
        reason: 0,
        optimizer: OWNER,
        payout: OWNER,
        deposit: U96::ZERO,
        committedAt: 1,
        deadline: 0,
        taskId: 9,
        championAtCommit: 0,
        championAtOpen: 0,
        commitment: B256::ZERO,
        content: Content {
            cid: Bytes::new(),
            digest: B256::ZERO,
            size: 1,
        },
    };
    node.answers(
        MARKET,
        &IModelSubmission::submissionCall { submissionId: 7 },
        &submission,
    )
    .answers(CENTER, &IAttestationCenter::taskCall { taskId: 9 }, &task)
    .answers(
        CENTER,
        &IAttestationCenter::environmentAtCall { kind: 1, epoch: 0 },
        &B256::ZERO,
    )
    .logs(2345, CENTER, &certified(8, "another"))
    .mines();
    let program = node.program();
    program.file("password", "secret\n");
    program
        .succeeds(&["keys", "new", "account.json", "--password-file", "password"])
        .await;
    let advance = [
        "submission",
        "advance",
        "7",
        "--keystore",
        "account.json",
        "--password-file",
        "password",
        "--json",
    ];
    let output = program.run(&advance).await;
    assert!(
        output.stderr.contains("certificate_not_found"),
        "{}",
        output.stderr
    );
    assert_eq!(node.mined(), []);

    node.logs(2344, CENTER, &certified(9, "the result"));
    program.run(&advance).await;
    let deliver = IAttestationCenter::deliverCall {
        taskId: 9,
        turn: 0,
        performer: OWNER,
        committed: committed(),
        result: Bytes::from("the result"),
    };
    assert_eq!(node.mined(), [(CENTER, deliver.abi_encode().into())]);
}

fn certified(task: u64, result: &'static str) -> IAttestationCenter::TaskCertified {
    IAttestationCenter::TaskCertified {
        taskId: task,
        claimId: B256::repeat_byte(1),
        performer: OWNER,
        turn: 0,
        signedStake: 4,
        totalStake: 5,
        committed: committed(),
        result: Bytes::from(result),
    }
}

fn committed() -> FeeCommitment {
    FeeCommitment {
        epoch: 1,
        claimId: B256::repeat_byte(1),
        performerIndex: 0,
        fee: U96::ZERO,
        nonSigners: Vec::new(),
    }
}
