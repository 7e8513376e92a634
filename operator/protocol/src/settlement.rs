//! Where money goes when a submission ends (4.4, 4.6).

use zarathustra_primitives::{Reason, SubmissionState};

/// The amounts of a request and a submission to it, in the smallest unit of their token. All but `reward` are native.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amounts {
    /// Reward of an improvement, in the reward token.
    pub reward: u128,
    /// What operators get for an evaluation.
    pub evaluation_fee: u128,
    /// What the optimizer deposited at the commit, recent rejections included (4.8); at least the
    /// fee.
    pub deposit: u128,
    /// What a missed reveal costs: the fee, and by as much more as the deposit was above its base.
    pub forfeit_penalty: u128,
    /// What an optimizer loses when its parameters cannot be had; from the fee to the deposit.
    pub unavailable_penalty: u128,
    /// What an optimizer gets when the evaluator is at fault.
    pub compensation: u128,
}

/// Who pays and who gets what. Everything not named stays where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Settlement {
    /// From the reward escrow to the optimizer's payee, in the reward token.
    pub reward: u128,
    /// From the evaluator bond to the optimizer's payee.
    pub compensation: u128,
    /// To the optimizer: what it gets back of, or for, its deposit.
    pub returned: u128,
    /// Destroyed.
    pub burned: u128,
    /// To the operators, prepaid at opening.
    pub operators: u128,
    /// Taken from the escrow for fees.
    pub from_fee_escrow: u128,
    /// Taken from the evaluator bond, compensation included.
    pub from_bond: u128,
}

/// The settlement of a submission that ended in `state` for `reason`; `None` when the state is
/// not final, or the amounts break the rules of 4.2.
pub fn settle(amounts: &Amounts, state: SubmissionState, reason: Reason) -> Option<Settlement> {
    let Amounts {
        reward,
        evaluation_fee: fee,
        deposit,
        forfeit_penalty,
        unavailable_penalty,
        compensation,
    } = *amounts;
    let held = deposit.checked_sub(fee)?;
    // Where a certificate was made, the operators' fee was taken from the deposit at opening.
    let certified = Settlement {
        operators: fee,
        ..Settlement::default()
    };
    Some(match state {
        SubmissionState::None
        | SubmissionState::Committed
        | SubmissionState::Queued
        | SubmissionState::Fetching
        | SubmissionState::Evaluating
        | SubmissionState::Certified => return None,
        SubmissionState::Accepted => Settlement {
            reward,
            returned: deposit,
            from_fee_escrow: fee,
            ..certified
        },
        // A result that does not hold together is not the optimizer's fault.
        SubmissionState::NotBetter if reason == Reason::MalformedResult => Settlement {
            returned: deposit,
            from_fee_escrow: fee,
            ..certified
        },
        SubmissionState::NotBetter => Settlement {
            returned: held,
            ..certified
        },
        SubmissionState::Worse | SubmissionState::Invalid => Settlement {
            burned: held,
            ..certified
        },
        SubmissionState::Unavailable => Settlement {
            returned: deposit.checked_sub(unavailable_penalty)?,
            burned: unavailable_penalty.checked_sub(fee)?,
            ..certified
        },
        SubmissionState::EvaluatorFault => Settlement {
            compensation,
            returned: deposit,
            from_bond: fee.checked_add(compensation)?,
            ..certified
        },
        SubmissionState::Forfeited => Settlement {
            returned: deposit.checked_sub(forfeit_penalty)?,
            burned: forfeit_penalty,
            ..Settlement::default()
        },
        SubmissionState::Released => Settlement {
            returned: deposit,
            ..Settlement::default()
        },
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const AMOUNTS: Amounts = Amounts {
        reward: 1_000_000,
        evaluation_fee: 10,
        deposit: 100,
        // The deposit is twice its base.
        forfeit_penalty: 20,
        unavailable_penalty: 30,
        compensation: 7,
    };

    #[test]
    fn every_row_of_the_table_is_settled_as_it_says() {
        use SubmissionState as S;
        let zero = Settlement::default();
        let rows = [
            (
                S::Accepted,
                Reason::Better,
                Settlement {
                    reward: 1_000_000,
                    returned: 100,
                    operators: 10,
                    from_fee_escrow: 10,
                    ..zero
                },
            ),
            (
                S::NotBetter,
                Reason::NoSignificantImprovement,
                Settlement {
                    returned: 90,
                    operators: 10,
                    ..zero
                },
            ),
            (
                S::NotBetter,
                Reason::WorseThanLaterChampion,
                Settlement {
                    returned: 90,
                    operators: 10,
                    ..zero
                },
            ),
            (
                S::NotBetter,
                Reason::MalformedResult,
                Settlement {
                    returned: 100,
                    operators: 10,
                    from_fee_escrow: 10,
                    ..zero
                },
            ),
            (
                S::Worse,
                Reason::SignificantlyWorse,
                Settlement {
                    burned: 90,
                    operators: 10,
                    ..zero
                },
            ),
            (
                S::Invalid,
                Reason::NonFinite,
                Settlement {
                    burned: 90,
                    operators: 10,
                    ..zero
                },
            ),
            (
                S::Unavailable,
                Reason::Unavailable,
                Settlement {
                    returned: 70,
                    burned: 20,
                    operators: 10,
                    ..zero
                },
            ),
            (
                S::EvaluatorFault,
                Reason::EvaluatorTrapped,
                Settlement {
                    compensation: 7,
                    returned: 100,
                    operators: 10,
                    from_bond: 17,
                    ..zero
                },
            ),
            (
                S::Forfeited,
                Reason::RevealMissed,
                Settlement {
                    returned: 80,
                    burned: 20,
                    ..zero
                },
            ),
            (
                S::Released,
                Reason::NoQuorum,
                Settlement {
                    returned: 100,
                    ..zero
                },
            ),
        ];
        for (state, reason, expected) in rows {
            assert_eq!(
                settle(&AMOUNTS, state, reason),
                Some(expected),
                "{state}, {reason}"
            );
        }
    }

    #[test]
    fn amounts_that_break_the_rules_settle_nothing() {
        let poor = Amounts {
            deposit: 9,
            ..AMOUNTS
        };
        assert_eq!(
            settle(&poor, SubmissionState::Accepted, Reason::Better),
            None
        );
        let dear = Amounts {
            forfeit_penalty: 101,
            ..AMOUNTS
        };
        assert_eq!(
            settle(&dear, SubmissionState::Forfeited, Reason::RevealMissed),
            None
        );
        let greedy = Amounts {
            unavailable_penalty: 101,
            ..AMOUNTS
        };
        assert_eq!(
            settle(&greedy, SubmissionState::Unavailable, Reason::Unavailable),
            None
        );
    }

    proptest! {
        /// No native unit appears or disappears, and nobody pays who must not.
        #[test]
        fn money_is_conserved(
            fee in 0u128..1 << 90, held in 0u128..1 << 90, share in 0u128..1 << 90,
            compensation in 0u128..1 << 90, state in 0u8..14, malformed: bool,
        ) {
            let deposit = fee + held;
            let amounts = Amounts {
                reward: 1,
                evaluation_fee: fee,
                deposit,
                forfeit_penalty: fee + share.min(held),
                unavailable_penalty: fee + share.min(held),
                compensation,
            };
            let state = SubmissionState::from_u8(state).expect("a state");
            let reason = if malformed { Reason::MalformedResult } else { Reason::None };
            let settled = settle(&amounts, state, reason);
            prop_assert_eq!(settled.is_some(), state.is_final());
            if let Some(s) = settled {
                let paid_in = deposit + s.from_fee_escrow + s.from_bond;
                prop_assert_eq!(paid_in, s.returned + s.compensation + s.burned + s.operators);
                prop_assert_eq!(s.reward > 0, state == SubmissionState::Accepted);
                prop_assert_eq!(s.from_bond > s.compensation || fee == 0,
                    state == SubmissionState::EvaluatorFault || fee == 0);
            }
        }
    }
}
