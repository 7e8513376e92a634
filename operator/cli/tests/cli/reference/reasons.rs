//! `reasons.md`: the closed sets, and the money that goes with each reason.

use zarathustra_primitives::{
    Bound, CertificateKind, ClaimOutcome, Digest, Engine, EvaluationResult, Fault, Figures,
    Purpose, Reason, RequestState, RetentionStatus, Score, Status, SubmissionState, TaskState,
    Verdict,
};
use zarathustra_protocol::{
    settlement::{Amounts, Settlement, settle},
    verdict::{Terms, judge, judge_bytes},
};

use super::{MARK, root, table};

const INTRODUCTION: &str = "\
Each set is closed.
The number stands on chain; the code, which never changes, stands in messages, logs, metrics and JSON.
Numbers in parentheses are sections of [the specification](../spec.md).
";

const MONEY: &str = "\
What a reason costs and brings, gas apart: *fee* is the request's `evaluationFee`, *penalty* its `unavailablePenalty`; *reward* and *compensation* are its terms of these names.
*deposit* is what the submission deposited; where that was above its base (4.8), a missed reveal costs as much more than *fee*.
The deposit returns to the optimizer less what the reason costs; reward and compensation go to the payee that the reveal names; of the reward, what the terms hold back (4.10) goes there later, or back to the escrow.
The owner pays out of escrow and bond.
Where a certificate was made, the operators get *fee*, whoever pays it.
";

/// The columns that every set has.
macro_rules! member {
    ($member:expr) => {
        [
            $member.to_u8().to_string(),
            format!("`{}`", $member.code()),
            $member.meaning().to_owned(),
        ]
    };
}

/// A section for one set, with the columns that every set has.
macro_rules! plain {
    ($set:ident) => {
        section(
            stringify!($set),
            $set::ABOUT,
            &table(
                ["Number", "Code", "Meaning"],
                $set::ALL.iter().map(|member| member!(member)),
            ),
        )
    };
}

pub fn page() -> String {
    let mut text = format!("# Codes and reasons\n\n{MARK}\n\n{INTRODUCTION}");
    for section in [
        reasons(),
        statuses(),
        plain!(Fault),
        states(),
        plain!(RequestState),
        plain!(TaskState),
        plain!(ClaimOutcome),
        plain!(CertificateKind),
        plain!(Purpose),
        plain!(Verdict),
        plain!(Bound),
        plain!(Engine),
        plain!(RetentionStatus),
        findings(),
    ] {
        text.push_str(&section);
    }
    text
}

fn section(name: &str, about: &str, body: &str) -> String {
    format!("\n## {name}\n\n{about}\n\n{body}")
}

fn findings() -> String {
    let rows =
        zarathustra_cli::findings()
            .into_iter()
            .map(|[code, severity, meaning, cost, remedy]| {
                [
                    format!("`{code}`"),
                    severity.to_owned(),
                    meaning.to_owned(),
                    cost.to_owned(),
                    remedy.to_owned(),
                ]
            });
    let head = ["Code", "Severity", "Meaning", "What it costs", "What to do"];
    let about = "What `zarathustra evaluator check` finds. \
        None of these stand on chain; [evaluators.md](../evaluators.md) tells how the check works.";
    section("Evaluator findings", about, &table(head, rows))
}

fn statuses() -> String {
    let rows = Status::ALL.iter().map(|status| {
        let [number, code, meaning] = member!(status);
        [number, code, meaning, status.fault().to_string()]
    });
    let body = table(["Number", "Code", "Meaning", "Fault"], rows);
    section("Status", Status::ABOUT, &body)
}

fn states() -> String {
    let rows = SubmissionState::ALL.iter().map(|state| {
        let [number, code, meaning] = member!(state);
        let is_final = if state.is_final() { "yes" } else { "no" };
        [number, code, meaning, is_final.to_owned()]
    });
    let body = table(["Number", "Code", "Meaning", "Final"], rows);
    section("SubmissionState", SubmissionState::ABOUT, &body)
}

/// What a settlement moves, as the page shows it.
const MONEY_COLUMNS: [fn(&Amounts, &Settlement) -> u128; 4] = [
    |amounts, settled| amounts.deposit - settled.returned,
    |_, settled| settled.reward + settled.compensation,
    |_, settled| settled.reward + settled.from_fee_escrow + settled.from_bond,
    |_, settled| settled.burned,
];

fn reasons() -> String {
    let none = || "-".to_owned();
    let rows = Reason::ALL.iter().map(|reason| {
        let [number, code, meaning] = member!(reason);
        let fault = status(*reason).map_or_else(none, |status| status.fault().to_string());
        let state = end(*reason);
        let shown = state.map_or_else(none, |state| format!("`{}`", state.code()));
        let [costs, brings, owner, burned] = MONEY_COLUMNS
            .map(|part| state.map_or_else(none, |state| formula(state, *reason, part)));
        [
            number, code, meaning, fault, shown, costs, brings, owner, burned,
        ]
    });
    let head = [
        "Number",
        "Code",
        "Meaning",
        "Fault",
        "Ends as",
        "Costs the optimizer",
        "Brings it",
        "The owner pays",
        "Burned",
    ];
    let about = format!("{}\n\n{MONEY}", Reason::ABOUT);
    section("Reason", about.trim_end(), &table(head, rows))
}

/// The status that a reason repeats.
fn status(reason: Reason) -> Option<Status> {
    Status::from_u8(reason.to_u8())
        .ok()
        .filter(|status| *status != Status::Ok)
}

/// The state in which a submission ends for a reason (4.4 to 4.6, 5.6).
const fn end(reason: Reason) -> Option<SubmissionState> {
    Some(match reason {
        Reason::None => return None,
        Reason::BadFormat
        | Reason::ShapeMismatch
        | Reason::NonFinite
        | Reason::TooLarge
        | Reason::DigestMismatch => SubmissionState::Invalid,
        Reason::Unavailable => SubmissionState::Unavailable,
        Reason::FuelExhausted | Reason::EvaluatorTrapped | Reason::EvaluatorInvalid => {
            SubmissionState::EvaluatorFault
        }
        Reason::Better => SubmissionState::Accepted,
        Reason::NoSignificantImprovement
        | Reason::WorseThanLaterChampion
        | Reason::MalformedResult => SubmissionState::NotBetter,
        Reason::SignificantlyWorse => SubmissionState::Worse,
        Reason::RevealMissed => SubmissionState::Forfeited,
        Reason::QueueTimeout
        | Reason::Duplicate
        | Reason::EscrowSpent
        | Reason::EvaluatorBondSpent
        | Reason::RequestClosed
        | Reason::SeedNotFixed
        | Reason::NoQuorum => SubmissionState::Released,
    })
}

/// The terms that a formula may hold, each once, added or taken away.
const NAMES: [&str; 5] = ["reward", "deposit", "penalty", "fee", "compensation"];

const fn amounts([reward, deposit, unavailable_penalty, fee, compensation]: [u128; 5]) -> Amounts {
    Amounts {
        reward,
        deposit,
        forfeit_penalty: fee,
        unavailable_penalty,
        evaluation_fee: fee,
        compensation,
    }
}

/// What a part of a settlement is in terms of the request's amounts. The settlement is computed
/// with amounts of which no two different formulas make the same sum, and the formula that is
/// found has to hold for others too.
fn formula(
    state: SubmissionState,
    reason: Reason,
    part: fn(&Amounts, &Settlement) -> u128,
) -> String {
    let [first, second] = [
        [10_000, 1_000, 100, 10, 1],
        [70_001, 9_013, 2_003, 311, 5_000_029],
    ];
    let of = |values| {
        let amounts = amounts(values);
        let settlement = settle(&amounts, state, reason).expect("a final state");
        i128::try_from(part(&amounts, &settlement)).expect("small")
    };
    let (wanted, check) = (of(first), of(second));
    let signs = (0..3_i128.pow(5))
        .map(|n| [0, 1, 2, 3, 4].map(|place| n / 3_i128.pow(place) % 3 - 1))
        .find(|signs| sum(signs, first) == wanted)
        .unwrap_or_else(|| panic!("{reason}: {wanted} is no sum of the request's amounts"));
    assert_eq!(sum(&signs, second), check, "{reason}");
    let named = |sign| {
        let names = signs.into_iter().zip(NAMES);
        names.filter_map(move |(s, name)| (s == sign).then_some(name))
    };
    let mut text = named(1).collect::<Vec<_>>().join(" + ");
    for name in named(-1) {
        text.push_str(&format!(" − {name}"));
    }
    if text.is_empty() {
        "-".to_owned()
    } else {
        text
    }
}

fn sum(signs: &[i128; 5], values: [u128; 5]) -> i128 {
    let values = values.map(|value| i128::try_from(value).expect("small"));
    signs.iter().zip(values).map(|(s, v)| s * v).sum()
}

#[test]
fn results_are_judged_as_the_page_says() {
    let terms = Terms {
        min_improvement: Score::from_micros(1_000),
        tolerance: Score::from_micros(10),
        slash_margin: Score::from_micros(5_000),
        min_samples: 1_000,
    };
    let environment = Digest::new([0; 32]);
    let scored = |lower, improvement, upper| {
        let figures = Figures {
            bound: Bound::EmpiricalBernstein,
            samples: 1_000,
            champion_score: Score::ZERO,
            challenger_score: Score::from_micros(improvement),
            improvement: Score::from_micros(improvement),
            lower: Score::from_micros(lower),
            upper: Score::from_micros(upper),
        };
        let root = zarathustra_primitives::B256::ZERO;
        EvaluationResult::scored(environment, Engine::Libtorch, figures, root).expect("holds")
    };
    let failed = Status::ALL
        .iter()
        .filter_map(|status| EvaluationResult::failed(environment, *status).ok());
    let results = failed.chain([
        scored(1_010, 2_000, 3_000),
        scored(0, 1_000, 2_000),
        scored(-7_000, -6_000, -5_011),
    ]);
    let mut judged = std::collections::BTreeSet::new();
    for judgement in results
        .map(|result| judge(&result, &terms))
        .flat_map(|judgement| [judgement, judgement.against_later_champion()])
        .chain([judge_bytes(&[], &terms)])
    {
        assert_eq!(end(judgement.reason), Some(judgement.state));
        judged.insert(judgement.reason);
    }
    // All but those of submissions that no result was certified for.
    let expected = Reason::ALL
        .iter()
        .filter(|reason| (1..=Reason::MalformedResult.to_u8()).contains(&reason.to_u8()));
    assert!(judged.iter().eq(expected), "{judged:?}");
}

#[test]
fn no_set_is_missing_from_the_page() {
    let page = page();
    let folder = root().join("operator/primitives/src");
    let mut sets = 0;
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let text = std::fs::read_to_string(entry.expect("an entry").path()).expect("a file");
        for declared in text.split("\ncoded! {").skip(1) {
            let name = declared
                .lines()
                .map(str::trim)
                .find_map(|line| line.strip_suffix(" {"))
                .expect("a set's name");
            assert!(page.contains(&format!("\n## {name}\n")), "{name}");
            sets += 1;
        }
    }
    // The findings of a check are a set of the command line.
    assert_eq!(page.matches("\n## ").count(), sets + 1);
}
