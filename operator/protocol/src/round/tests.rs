use std::num::NonZeroU32;

use proptest::prelude::*;
use zarathustra_primitives::{Address, B256, ResultHash};

use super::*;
use crate::table::tests::table;

const TASK: TaskHash = TaskHash::new(B256::repeat_byte(7));
const SEED: Seed = Seed::new(B256::repeat_byte(5));
const PATIENCE: u64 = 3;
const VOTING_WINDOW: u32 = 20;
const TURN_LENGTH: NonZeroU32 = NonZeroU32::new(10).expect("not zero");

fn round(stakes: &[u128]) -> Round {
    Round::new(RoundConfig {
        task: TASK,
        seed: SEED,
        table: Arc::new(table(stakes)),
        threshold: Threshold::TWO_THIRDS,
        schedule: schedule(),
        voting_window: VOTING_WINDOW,
        patience: Patience {
            max_blocks: PATIENCE,
            cost_per_block: 0,
        },
    })
}

fn schedule() -> Schedule {
    Schedule::first(Clock::new(100), TURN_LENGTH)
}

/// An honest claim of a turn, told apart by its result.
fn claim(round: &Round, turn: u32, result: u8) -> Claim {
    let holder = round.config.table.holder(SEED, Turn::new(turn));
    let holder = round.config.table.get(holder).expect("a row");
    Claim {
        task: TASK,
        turn: Turn::new(turn),
        performer: holder.operator,
        result: ResultHash::new(B256::repeat_byte(result)),
    }
}

fn signature(voter: Position, verdict: Verdict) -> BlsSignature {
    let mut bytes = [verdict.to_u8(); 96];
    bytes[..4].copy_from_slice(&voter.get().to_be_bytes());
    BlsSignature::new(bytes)
}

fn vote(claim: ClaimId, voter: u32, verdict: Verdict) -> Input {
    let voter = Position::new(voter);
    Input::Vote {
        claim,
        voter,
        verdict,
        signature: signature(voter, verdict),
    }
}

/// A round of seven equal operators with a claim of turn 0; answers the claim, its performer and
/// the other positions.
fn seven() -> (Round, ClaimId, u32, Vec<u32>) {
    let mut round = round(&[1; 7]);
    let claim = claim(&round, 0, 1);
    round
        .handle(Clock::new(100), Input::Claim(claim))
        .expect("taken");
    let performer = round.config.table.holder(SEED, Turn::new(0)).get();
    let others = (0..7).filter(|position| *position != performer).collect();
    (round, claim.id(), performer, others)
}

fn vote_all(round: &mut Round, at: u64, claim: ClaimId, voters: &[u32], verdict: Verdict) {
    for voter in voters {
        round
            .handle(Clock::new(at), vote(claim, *voter, verdict))
            .expect("taken");
    }
}

fn submitted(round: &mut Round) -> Option<(CertificateKind, usize)> {
    round
        .poll_action()
        .map(|Action::Submit(certificate)| (certificate.kind, certificate.signers.len()))
}

#[test]
fn approval_waits_for_late_votes_and_no_longer() {
    let (mut round, claim, performer, others) = seven();
    // Five of seven exceed two thirds: four votes and the performer's claim.
    vote_all(&mut round, 101, claim, &others[..3], Verdict::Approve);
    assert_eq!((submitted(&mut round), round.poll_deadline()), (None, None));
    vote_all(&mut round, 102, claim, &others[3..4], Verdict::Approve);
    assert_eq!(submitted(&mut round), None);
    assert_eq!(round.poll_deadline(), Some(Clock::new(102 + PATIENCE)));
    vote_all(&mut round, 103, claim, &[performer], Verdict::Approve);

    round.handle(Clock::new(104), Input::Tick).expect("taken");
    assert_eq!(submitted(&mut round), None);
    round.handle(Clock::new(105), Input::Tick).expect("taken");
    let Some(Action::Submit(certificate)) = round.poll_action() else {
        panic!("a certificate")
    };
    assert_eq!(
        (certificate.claim, certificate.kind),
        (claim, CertificateKind::Approve)
    );
    let mut missing = U256::ZERO;
    for position in &others[4..] {
        missing.set_bit(*position as usize, true);
    }
    assert_eq!(certificate.non_signers, [missing]);
    assert_eq!(round.state(), State::Submitting(claim));
    assert_eq!((submitted(&mut round), round.poll_deadline()), (None, None));
}

#[test]
fn nobody_is_waited_for_when_everybody_voted() {
    let (mut round, claim, performer, others) = seven();
    vote_all(&mut round, 101, claim, &others, Verdict::Approve);
    assert_eq!(submitted(&mut round), None);
    vote_all(&mut round, 101, claim, &[performer], Verdict::Approve);
    assert_eq!(submitted(&mut round), Some((CertificateKind::Approve, 7)));
}

#[test]
fn a_rejection_is_submitted_at_once() {
    let (mut round, claim, _, others) = seven();
    vote_all(&mut round, 101, claim, &others[..4], Verdict::Reject);
    assert_eq!(submitted(&mut round), None);
    vote_all(&mut round, 101, claim, &others[4..5], Verdict::Reject);
    assert_eq!(submitted(&mut round), Some((CertificateKind::Reject, 5)));
}

#[test]
fn a_claim_is_blocked_only_after_the_voting_window() {
    let (mut round, claim, _, others) = seven();
    vote_all(&mut round, 101, claim, &others[..3], Verdict::Reject);
    let from = Clock::new(100 + 10 + u64::from(VOTING_WINDOW));
    assert_eq!(round.poll_deadline(), Some(from));
    round
        .handle(Clock::new(from.get() - 1), Input::Tick)
        .expect("taken");
    assert_eq!(submitted(&mut round), None);
    round.handle(from, Input::Tick).expect("taken");
    assert_eq!(submitted(&mut round), Some((CertificateKind::Blocked, 3)));
}

#[test]
fn blocking_gives_way_to_rejection() {
    let (mut round, claim, _, others) = seven();
    vote_all(&mut round, 101, claim, &others[..5], Verdict::Reject);
    assert_eq!(submitted(&mut round), Some((CertificateKind::Reject, 5)));
}

#[test]
fn nobody_is_counted_twice() {
    let (mut round, claim, performer, others) = seven();
    let now = Clock::new(101);
    let voter = others[0];
    assert_eq!(
        round.handle(now, vote(claim, voter, Verdict::Approve)),
        Ok(Taken::New)
    );
    assert_eq!(
        round.handle(now, vote(claim, voter, Verdict::Approve)),
        Ok(Taken::Known)
    );
    let error = round
        .handle(now, vote(claim, voter, Verdict::Reject))
        .expect_err("refused");
    assert_eq!(error.code(), "equivocation");
    // The performer's stake approves since it claimed, and can do nothing else.
    assert_eq!(
        round.handle(now, vote(claim, performer, Verdict::Reject)),
        Err(Refusal::OwnClaim)
    );
    round
        .handle(now, vote(claim, performer, Verdict::Approve))
        .expect("taken");
    let tally = round.tally(claim).expect("known");
    assert_eq!((tally.approving.get(), tally.rejecting.get()), (2, 0));
}

#[test]
fn a_performer_alone_makes_no_certificate_without_a_vote() {
    let mut round = round(&[10]);
    let claim = claim(&round, 0, 1);
    round
        .handle(Clock::new(100), Input::Claim(claim))
        .expect("taken");
    round.handle(Clock::new(1000), Input::Tick).expect("taken");
    assert_eq!(submitted(&mut round), None);
    vote_all(&mut round, 1000, claim.id(), &[0], Verdict::Approve);
    assert_eq!(submitted(&mut round), Some((CertificateKind::Approve, 1)));
}

#[test]
fn claims_that_are_not_in_order_are_refused() {
    let (mut round, first, _, _) = seven();
    let now = Clock::new(109);
    let take = |round: &mut Round, claim: Claim| round.handle(now, Input::Claim(claim));
    let honest = claim(&round, 0, 1);
    assert_eq!(take(&mut round, honest), Ok(Taken::Known));

    let rival = claim(&round, 0, 2);
    let expected = Refusal::TurnTaken {
        turn: Turn::new(0),
        earlier: first,
    };
    assert_eq!(take(&mut round, rival), Err(expected));
    let early = claim(&round, 1, 1);
    let expected = Refusal::Early {
        turn: Turn::new(1),
        current: Turn::new(0),
    };
    assert_eq!(take(&mut round, early), Err(expected));
    let stranger = Claim {
        performer: Address::repeat_byte(0x77),
        ..rival
    };
    assert_eq!(
        take(&mut round, stranger),
        Err(Refusal::NotHolder { turn: Turn::new(0) })
    );
    let old = Claim {
        task: TaskHash::new(B256::repeat_byte(8)),
        ..honest
    };
    let expected = Refusal::OtherTask { claimed: old.task };
    assert_eq!(take(&mut round, old), Err(expected));

    assert_eq!(
        round.handle(Clock::new(110), Input::Claim(early)),
        Ok(Taken::New)
    );
    assert_eq!(round.claims().count(), 2);
}

#[test]
fn votes_for_nothing_and_by_nobody_are_refused() {
    let (mut round, claim, _, _) = seven();
    let now = Clock::new(101);
    let unknown = ClaimId::new(B256::ZERO);
    let error = round
        .handle(now, vote(unknown, 0, Verdict::Approve))
        .expect_err("refused");
    assert_eq!(error.code(), "unknown_claim");
    let error = round
        .handle(now, vote(claim, 7, Verdict::Approve))
        .expect_err("refused");
    assert_eq!(error.code(), "unknown_voter");
}

#[test]
fn a_certificate_that_was_not_taken_is_tried_again() {
    let (mut round, claim, _, others) = seven();
    vote_all(&mut round, 101, claim, &others[..5], Verdict::Reject);
    assert!(submitted(&mut round).is_some());
    round
        .handle(Clock::new(103), Input::NotTaken { claim })
        .expect("taken");
    assert_eq!(
        (submitted(&mut round), round.poll_deadline()),
        (None, Some(Clock::new(104)))
    );
    round.handle(Clock::new(104), Input::Tick).expect("taken");
    assert_eq!(submitted(&mut round), Some((CertificateKind::Reject, 5)));
}

#[test]
fn a_rejected_claim_makes_room_for_the_next_turn() {
    let (mut round, liar, _, others) = seven();
    vote_all(&mut round, 101, liar, &others[..5], Verdict::Reject);
    assert!(submitted(&mut round).is_some());
    let schedule = schedule().passed_on(Turn::new(0), Clock::new(102));
    let decided = Input::Decided {
        claim: liar,
        outcome: ClaimOutcome::Rejected,
    };
    assert_eq!(round.handle(Clock::new(102), decided), Ok(Taken::New));
    assert_eq!(round.handle(Clock::new(102), decided), Ok(Taken::Known));
    assert_eq!(round.state(), State::Collecting);
    let late = round.handle(Clock::new(102), vote(liar, others[5], Verdict::Reject));
    assert_eq!(late, Err(Refusal::Decided));
    let turns = Input::Turns(schedule);
    assert_eq!(round.handle(Clock::new(102), turns), Ok(Taken::New));
    assert_eq!(round.handle(Clock::new(102), turns), Ok(Taken::Known));

    let next = claim(&round, 1, 1);
    round
        .handle(Clock::new(102), Input::Claim(next))
        .expect("its turn has begun");
    let everybody: Vec<_> = (0..7).collect();
    vote_all(&mut round, 103, next.id(), &everybody, Verdict::Approve);
    assert_eq!(submitted(&mut round), Some((CertificateKind::Approve, 7)));
    let decided = Input::Decided {
        claim: next.id(),
        outcome: ClaimOutcome::Approved,
    };
    round.handle(Clock::new(104), decided).expect("taken");
    assert_eq!(round.state(), State::Certified(next.id()));
    assert_eq!(round.poll_deadline(), None);
}

#[test]
fn what_another_aggregator_certified_ends_the_round() {
    let (mut round, claim, _, others) = seven();
    vote_all(&mut round, 101, claim, &others[..4], Verdict::Approve);
    let foreign = ClaimId::new(B256::repeat_byte(0x33));
    let decided = Input::Decided {
        claim: foreign,
        outcome: ClaimOutcome::Approved,
    };
    round.handle(Clock::new(102), decided).expect("taken");
    round.handle(Clock::new(500), Input::Tick).expect("taken");
    assert_eq!(
        (submitted(&mut round), round.state()),
        (None, State::Certified(foreign))
    );
}

#[test]
fn a_restarted_aggregator_comes_to_the_same_certificate() {
    let (mut first, claim_id, performer, others) = seven();
    let mut again = round(&[1; 7]);
    let claim = claim(&again, 0, 1);
    // The same inputs in another order, as they come back from the store.
    again
        .handle(Clock::new(105), Input::Claim(claim))
        .expect("taken");
    vote_all(&mut again, 105, claim_id, &[performer], Verdict::Approve);
    for voter in others.iter().rev() {
        again
            .handle(Clock::new(105), vote(claim_id, *voter, Verdict::Approve))
            .expect("taken");
    }
    vote_all(&mut first, 101, claim_id, &others, Verdict::Approve);
    vote_all(&mut first, 101, claim_id, &[performer], Verdict::Approve);
    let certificate = first.poll_action();
    assert!(certificate.is_some());
    assert_eq!(certificate, again.poll_action());
}

/// What may happen to a round, in small numbers so that things collide.
#[derive(Debug, Clone, Copy)]
enum Step {
    Wait(u64),
    Claim {
        turn: u32,
        result: u8,
    },
    Vote {
        claim: usize,
        voter: u32,
        verdict: Verdict,
    },
    Poll {
        taken: bool,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let verdict = prop_oneof![Just(Verdict::Approve), Just(Verdict::Reject)];
    let step = prop_oneof![
        (1u64..15).prop_map(Step::Wait),
        (0u32..4, 0u8..2).prop_map(|(turn, result)| Step::Claim { turn, result }),
        (0usize..4, 0u32..6, verdict).prop_map(|(claim, voter, verdict)| Step::Vote {
            claim,
            voter,
            verdict
        }),
        any::<bool>().prop_map(|taken| Step::Poll { taken }),
    ];
    proptest::collection::vec(step, 0..120)
}

/// Feeds an input that may be refused, and then must have changed nothing.
fn check_refusal(round: &mut Round, now: u64, input: Input) -> Result<(), TestCaseError> {
    let tallies = |round: &Round| -> Vec<_> {
        round
            .claims()
            .map(|(_, claim)| (claim, round.tally(claim)))
            .collect()
    };
    let before = tallies(round);
    if round.handle(Clock::new(now), input).is_err() {
        prop_assert_eq!(before, tallies(round));
    }
    Ok(())
}

/// Checks one certificate against the rules, from what it says alone.
fn check_certificate(round: &Round, certificate: &Certificate) -> Result<(), TestCaseError> {
    let table = &round.config.table;
    let ballot = &round.claims[&certificate.claim];
    let mut signers: Vec<_> = certificate
        .signers
        .iter()
        .map(|(position, _)| *position)
        .collect();
    prop_assert!(!signers.is_empty());
    for (position, found) in &certificate.signers {
        prop_assert_eq!(*found, signature(*position, certificate.kind.verdict()));
    }
    prop_assert_eq!(
        &certificate.non_signers,
        &table.non_signers(signers.iter().copied())
    );
    let approves = certificate.kind == CertificateKind::Approve;
    signers.retain(|position| *position != ballot.performer);
    let stakes = signers
        .iter()
        .map(|position| table.members()[position.index()].stake.get());
    let own = if approves {
        table.members()[ballot.performer.index()].stake.get()
    } else {
        0
    };
    let stake = stakes.sum::<u128>() + own;
    let total = table.total().get();
    prop_assert!(stake <= total);
    let over = 3 * stake > 2 * total;
    let holds = match certificate.kind {
        CertificateKind::Approve | CertificateKind::Reject => over,
        CertificateKind::Blocked => !over && 3 * stake >= total,
    };
    prop_assert!(holds);
    Ok(())
}

proptest! {
    #[test]
    fn whatever_happens_the_rules_hold(
        stakes in proptest::collection::vec(1u128..5, 1..6), steps in steps(),
    ) {
        let mut round = round(&stakes);
        let mut now = 100;
        let mut certified = 0;
        for step in steps {
            match step {
                Step::Wait(blocks) => {
                    now += blocks;
                    prop_assert!(round.handle(Clock::new(now), Input::Tick).is_ok());
                }
                Step::Claim { turn, result } => {
                    let claim = claim(&round, turn, result);
                    check_refusal(&mut round, now, Input::Claim(claim))?;
                }
                Step::Vote { claim, voter, verdict } => {
                    let known = round.claims().nth(claim);
                    if let Some((_, claim)) = known {
                        check_refusal(&mut round, now, vote(claim, voter, verdict))?;
                    }
                }
                Step::Poll { taken } => {
                    let Some(Action::Submit(certificate)) = round.poll_action() else { continue };
                    check_certificate(&round, &certificate)?;
                    let (claim, kind) = (certificate.claim, certificate.kind);
                    let outcome = match kind {
                        CertificateKind::Approve => ClaimOutcome::Approved,
                        CertificateKind::Reject => ClaimOutcome::Rejected,
                        CertificateKind::Blocked => ClaimOutcome::Blocked,
                    };
                    let turn = round.claims[&claim].turn;
                    let schedule = round.schedule().passed_on(turn, Clock::new(now));
                    let input = if taken {
                        certified += u32::from(kind == CertificateKind::Approve);
                        Input::Decided { claim, outcome }
                    } else {
                        Input::NotTaken { claim }
                    };
                    prop_assert_eq!(round.handle(Clock::new(now), input), Ok(Taken::New));
                    if taken && kind != CertificateKind::Approve {
                        prop_assert!(round.handle(Clock::new(now), Input::Turns(schedule)).is_ok());
                    }
                }
            }
            // A task settles once, and no weight is counted twice.
            prop_assert!(certified <= 1);
            prop_assert_eq!(certified == 1, matches!(round.state(), State::Certified(_)));
            let claims: Vec<_> = round.claims().collect();
            for (_, claim) in &claims {
                let tally = round.tally(*claim).expect("known");
                let voted = tally.approving.checked_add(tally.rejecting).expect("small");
                prop_assert!(voted <= tally.total);
            }
            let turns: std::collections::BTreeSet<_> = claims.iter().map(|(turn, _)| *turn).collect();
            prop_assert_eq!(turns.len(), claims.len());
            if let Some(deadline) = round.poll_deadline() {
                prop_assert!(deadline > round.now, "what is due is done");
            }
        }
    }
}
