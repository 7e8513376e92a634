//! The texts are written by hand from the interface's words and the specification.

use alloy::primitives::{Address, B256, U256, aliases::U96};
use zarathustra_chain::abi::model_submission::IModelSubmissionTypes::Content;
use zarathustra_content::file_id;
use zarathustra_primitives::{Bound, Digest, Engine, Figures, Score, Status};

use super::*;
use crate::commands::submission::history::{Paid, Step};
use zarathustra_primitives::KindId;

const ETHER: u128 = 1_000_000_000_000_000_000;
const OPTIMIZER: Address = Address::repeat_byte(0x0a);

fn content(bytes: &[u8]) -> Content {
    Content {
        cid: file_id(bytes).to_bytes().to_vec().into(),
        digest: B256::repeat_byte(0xdd),
        size: bytes.len() as u64,
    }
}

/// Bounds and mean of an improvement by a challenger that scores 0.4.
fn scored(lower: i64, improvement: i64, upper: i64) -> EvaluationResult {
    let [champion_score, challenger_score, improvement, lower, upper] =
        [400_000 - improvement, 400_000, improvement, lower, upper].map(Score::from_micros);
    let figures = Figures {
        bound: Bound::EmpiricalBernstein,
        samples: 4096,
        champion_score,
        challenger_score,
        improvement,
        lower,
        upper,
    };
    let environment = Digest::new([0xee; 32]);
    let root = B256::repeat_byte(0x55);
    EvaluationResult::scored(environment, Engine::Libtorch, figures, root).expect("holds together")
}

fn result(view: &mut View) -> &mut Option<EvaluationResult> {
    &mut view.history.certificate.as_mut().expect("certified").result
}

/// A submission whose task is certified: improvement 0.5 within 0.4 and 0.6.
fn certified() -> View {
    View {
        id: 3,
        state: SubmissionState::Certified,
        reason: Reason::None,
        submission: Submission {
            requestId: 1,
            state: SubmissionState::Certified.to_u8(),
            reason: Reason::None.to_u8(),
            optimizer: OPTIMIZER,
            payout: OPTIMIZER,
            deposit: U96::from(ETHER / 20),
            committedAt: 10,
            deadline: 70,
            taskId: 2,
            championAtCommit: 0,
            championAtOpen: 0,
            commitment: B256::repeat_byte(0xc0),
            content: content(b"parameters"),
        },
        thresholds: Some(Thresholds {
            min_improvement: 10_000,
            tolerance: 1_000,
            slash_margin: 50_000,
            min_samples: 1000,
        }),
        token: Token {
            address: Address::repeat_byte(0x70),
            symbol: "DEMO".to_owned(),
            decimals: Some(18),
        },
        task: Some(TaskView {
            id: 2,
            state: TaskState::Certified,
            seed_block: Some(40),
            seed: Some(Seed::new(B256::repeat_byte(0x5e))),
            epoch: 1,
        }),
        history: History {
            steps: vec![
                Step {
                    event: "committed",
                    block: 30,
                    tx: B256::repeat_byte(1),
                },
                Step {
                    event: "revealed",
                    block: 31,
                    tx: B256::repeat_byte(2),
                },
            ],
            paid: None,
            certificate: Some(Certificate {
                claim: B256::repeat_byte(0xcc),
                performer: Address::repeat_byte(0x0f),
                turn: 0,
                signed_stake: 500,
                total_stake: 700,
                non_signers: vec![1, 4],
                tx: B256::repeat_byte(3),
                block: 55,
                result: Some(scored(400_000, 500_000, 600_000)),
            }),
        },
        certificate_gas: Some(210_000),
        retention: None,
        head: Head {
            number: 80,
            hash: B256::ZERO,
            timestamp: 0,
            clock: 60,
            paused: false,
            base_fee: 0,
        },
    }
}

#[test]
fn a_certified_submission_shows_everything() {
    let cid = file_id(b"parameters");
    let expected = format!(
        "\
submission    3
request       1
state         certified: decided; anybody settles it after the deadline
will be       accepted
deadline      clock 70, 10 blocks from now
optimizer     0x0a0a0a0A0A0A0A0A0A0A0a0a0A0A0A0A0a0a0a0a
paid to       0x0a0a0a0A0A0A0A0A0A0A0a0a0A0A0A0A0a0a0a0a
parameters    {cid}, 10 bytes
deposit held  0.05 ether
task          2, certified, epoch 1
seed          0x{seed}, from block 40

Figures
status            ok
samples           4096
champion score    -0.100000
challenger score  0.400000
improvement       0.500000
lower bound       0.400000
upper bound       0.600000
bound             empirical_bernstein
engine            libtorch
scores root       0x{root}
environment       {environment}

Verdict
enough samples?  4096 >= 1000: yes
better?          lower bound 0.400000 - tolerance 0.001000 = 0.399000 >= minimum improvement 0.010000: yes
worse?           upper bound 0.600000 + tolerance 0.001000 = 0.601000 < minus slash margin -0.050000: no
so               accepted

Certificate
claim              0x{claim}
performer          0x0F0f0f0f0f0f0f0F0f0f0F0F0F0F0F0f0F0F0F0F, in turn 0
stake that signed  500 of 700
non-signers        at positions [1, 4]
transaction        0x{tx3} in block 55
gas                210000

History
block  event      transaction
30     committed  0x{tx1}
31     revealed   0x{tx2}
",
        seed = "5e".repeat(32),
        root = "55".repeat(32),
        environment = "ee".repeat(32),
        claim = "cc".repeat(32),
        tx1 = "01".repeat(32),
        tx2 = "02".repeat(32),
        tx3 = "03".repeat(32),
    );
    assert_eq!(certified().text().to_lowercase(), expected.to_lowercase());
}

#[test]
fn a_committed_submission_shows_no_content() {
    let mut view = certified();
    view.state = SubmissionState::Committed;
    view.reason = Reason::None;
    view.submission.payout = Address::ZERO;
    view.submission.content = Content {
        cid: Default::default(),
        digest: B256::ZERO,
        size: 0,
    };
    view.task = None;
    view.history = History::default();
    let expected = "\
submission    3
request       1
state         committed: reveal it before the deadline, or the evaluation fee is burned
deadline      clock 70, 10 blocks from now
optimizer     0x0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a
parameters    not revealed
deposit held  0.05 ether
";
    assert_eq!(view.text().to_lowercase(), expected);
    let json = view.json();
    for absent in [
        "cid",
        "digest",
        "payout",
        "figures",
        "certificate",
        "settlement",
        "verdict",
        "task",
    ] {
        assert!(json[absent].is_null(), "{absent}");
    }
}

#[test]
fn worse_than_a_later_champion_is_explained() {
    let mut view = certified();
    view.state = SubmissionState::NotBetter;
    view.reason = Reason::WorseThanLaterChampion;
    view.submission.championAtOpen = 1;
    *result(&mut view) = Some(scored(-300_000, -200_000, -100_000));
    let text = view.text();
    assert!(
        text.contains("state         not_better: deposit returned less the evaluation fee\n"),
        "{text}"
    );
    assert!(
        text.contains("= -0.099000 < minus slash margin -0.050000: yes\n"),
        "{text}"
    );
    assert!(
        text.contains("than which champion?  one that came after the commit: not punished\nso                    not_better\n"),
        "{text}"
    );
}

#[test]
fn an_invalid_submission_has_no_figures_to_show() {
    let mut view = certified();
    view.state = SubmissionState::Invalid;
    view.reason = Reason::NonFinite;
    let environment = Digest::new([0xee; 32]);
    *result(&mut view) =
        Some(EvaluationResult::failed(environment, Status::NonFinite).expect("failed"));
    let text = view.text();
    let expected = format!(
        "\nFigures\nstatus       non_finite\nenvironment  {}\n\nVerdict\nevaluated?  no: non_finite, by the fault of the optimizer\nso          invalid\n",
        "ee".repeat(32)
    );
    assert!(text.contains(&expected), "{text}");
}

#[test]
fn programs_get_numbers_and_settlement() {
    let mut view = certified();
    view.state = SubmissionState::Accepted;
    view.submission.deposit = U96::ZERO;
    view.history.paid = Some(Paid {
        reward: U256::from(10 * ETHER),
        deposit_returned: U256::from(ETHER / 20),
        burned: U256::ZERO,
    });
    let json = view.json();
    assert_eq!(json["state"], "accepted");
    assert_eq!(json["final"], true);
    assert_eq!(json["deadline"], Value::Null);
    assert_eq!(json["figures"]["lower_bound"], 400_000);
    assert_eq!(json["figures"]["champion_score"], -100_000);
    assert_eq!(json["task"]["seed_block"], 40);
    assert_eq!(json["certificate"]["non_signers"], json!([1, 4]));
    assert_eq!(json["certificate"]["signed_stake"], "500");
    assert_eq!(json["settlement"]["reward_paid"], "10000000000000000000");
    assert_eq!(json["history"][1]["event"], "revealed");
    assert!(view.text().contains("\nSettlement\nreward paid       10 DEMO\ndeposit returned  0.05 ether\nburned            0 ether\n"));
}

#[test]
fn what_is_held_back_is_shown_with_its_time() {
    let mut view = certified();
    view.retention = Some(Held {
        amount: ETHER / 4,
        from: 100,
        until: 500,
        kind: KindId::new(2),
        desk: Address::repeat_byte(0xde),
        task: None,
    });
    let text = view.text();
    let expected = "\
Held back
amount  0.25 DEMO
until   a retention task finds the parameters; one can be opened from clock 100, 40 blocks from now, to 500
";
    assert!(text.contains(expected), "{text}");
    assert_eq!(view.json()["held_back"]["until"], 500);

    let words = |clock| {
        let mut head = view.head;
        head.clock = clock;
        retain::when(view.retention.as_ref().expect("held"), 3, &head)
    };
    assert_eq!(
        words(100),
        "a retention task finds the parameters; `zarathustra submission retain 3` opens one, until clock 500"
    );
    assert_eq!(
        words(500),
        "nobody showed in time that they are kept; `zarathustra submission retain 3` gives it back"
    );
}
