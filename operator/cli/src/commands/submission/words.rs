//! States and reasons as sentences.

use zarathustra_chain::Head;
use zarathustra_primitives::{Reason, SubmissionState};

/// When the present state's way out opens, and how far away that is.
pub fn deadline(state: SubmissionState, deadline: u64, head: &Head) -> String {
    if state.is_final() {
        return "none: the state is final".to_owned();
    }
    // A seed can be fixed until a block, whatever the market clock says.
    let (unit, now) = match state {
        SubmissionState::Fetching => ("block", head.number),
        _ => ("clock", head.clock),
    };
    match deadline.checked_sub(now) {
        Some(left @ 1..) => format!("{unit} {deadline}, {left} blocks from now"),
        _ => format!("{unit} {deadline}, passed"),
    }
}

/// What happens next, or what became of the money.
pub const fn meaning(state: SubmissionState) -> &'static str {
    match state {
        SubmissionState::None => "there is no such submission",
        SubmissionState::Committed => {
            "reveal it before the deadline, or the evaluation fee is burned"
        }
        SubmissionState::Queued => {
            "its task opens when it is the head of the queue; after the deadline it is released"
        }
        SubmissionState::Fetching => {
            "operators fetch the parameters until the seed block; then anybody fixes the seed"
        }
        SubmissionState::Evaluating => {
            "operators evaluate and vote; without a certificate it is tried once more, then released"
        }
        SubmissionState::Certified => "decided; anybody settles it after the deadline",
        SubmissionState::Accepted => "reward paid, deposit returned, champion moved",
        SubmissionState::NotBetter => "deposit returned less the evaluation fee",
        SubmissionState::Worse => "deposit lost",
        SubmissionState::Invalid => "deposit lost",
        SubmissionState::EvaluatorFault => "deposit returned, compensation paid by the owner",
        SubmissionState::Unavailable => "deposit returned less the request's penalty",
        SubmissionState::Forfeited => "deposit returned less the price of a missed reveal",
        SubmissionState::Released => "deposit returned",
    }
}

/// A reason as a sentence.
pub const fn because(reason: Reason) -> &'static str {
    match reason {
        Reason::None => "",
        Reason::BadFormat => "the parameters are no safetensors file",
        Reason::ShapeMismatch => "keys, shapes or dtypes do not fit the architecture",
        Reason::NonFinite => "a parameter or an output is infinite or not a number",
        Reason::TooLarge => "the parameters exceed the request's limits",
        Reason::DigestMismatch => "the file is not the one that was committed to",
        Reason::Unavailable => "operators could not fetch the parameters",
        Reason::FuelExhausted => "the evaluator used up its fuel",
        Reason::EvaluatorTrapped => "the evaluator failed",
        Reason::EvaluatorInvalid => "the request's manifest or evaluator is not what it must be",
        Reason::Better => "the lower bound clears the minimum improvement",
        Reason::NoSignificantImprovement => "the bounds show neither an improvement nor a loss",
        Reason::SignificantlyWorse => "the upper bound is below the slash margin",
        Reason::WorseThanLaterChampion => "worse, but than a champion that came after the commit",
        Reason::MalformedResult => "the certified result does not hold together",
        Reason::RevealMissed => "it was not revealed in time",
        Reason::QueueTimeout => "it waited in the queue for too long",
        Reason::Duplicate => {
            "these parameters were evaluated against this champion, or are the champion's"
        }
        Reason::EscrowSpent => "the escrow does not cover another win",
        Reason::EvaluatorBondSpent => "the evaluator bond does not cover another fault",
        Reason::RequestClosed => "the request was closed",
        Reason::SeedNotFixed => "the seed was not fixed in time",
        Reason::NoQuorum => "operators came to no certificate, twice",
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::B256;

    use super::*;

    const HEAD: Head = Head {
        number: 120,
        hash: B256::ZERO,
        timestamp: 0,
        clock: 100,
        paused: false,
        base_fee: 0,
    };

    #[test]
    fn deadlines_are_in_the_unit_that_counts() {
        assert_eq!(
            deadline(SubmissionState::Queued, 150, &HEAD),
            "clock 150, 50 blocks from now"
        );
        assert_eq!(
            deadline(SubmissionState::Fetching, 150, &HEAD),
            "block 150, 30 blocks from now"
        );
        assert_eq!(
            deadline(SubmissionState::Certified, 100, &HEAD),
            "clock 100, passed"
        );
        assert_eq!(
            deadline(SubmissionState::Worse, 0, &HEAD),
            "none: the state is final"
        );
    }
}
