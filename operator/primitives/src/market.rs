//! States and reasons as the contracts number them.

use crate::codes::coded;

coded! {
    /// State of a request.
    RequestState {
        /// There is no such request.
        None = 0 "none",
        /// Takes submissions.
        Open = 1 "open",
        /// Commits are refused once the notice has passed.
        Closing = 2 "closing",
        /// Escrow and bond went back to the owner.
        Closed = 3 "closed",
    }
}

coded! {
    /// State of a submission (4.4, 4.6).
    SubmissionState {
        /// There is no such submission.
        None = 0 "none",
        /// A place in the queue is reserved; the content is still secret.
        Committed = 1 "committed",
        /// Revealed, waiting for its task.
        Queued = 2 "queued",
        /// Operators fetch; the seed is not known.
        Fetching = 3 "fetching",
        /// The seed is fixed; operators evaluate.
        Evaluating = 4 "evaluating",
        /// A claim was approved; the appeal window runs.
        Certified = 5 "certified",
        /// Better: reward paid, champion moved.
        Accepted = 6 "accepted",
        /// Not significantly better.
        NotBetter = 7 "not_better",
        /// Significantly worse than the champion that stood at commit.
        Worse = 8 "worse",
        /// Not evaluable by the optimizer's fault.
        Invalid = 9 "invalid",
        /// Not evaluable by the owner's fault.
        EvaluatorFault = 10 "evaluator_fault",
        /// The content could not be had.
        Unavailable = 11 "unavailable",
        /// Not revealed in time.
        Forfeited = 12 "forfeited",
        /// Ended without a verdict; the deposit returned.
        Released = 13 "released",
    }
}

impl SubmissionState {
    /// Whether nothing can happen to the submission any more.
    pub const fn is_final(self) -> bool {
        match self {
            Self::None
            | Self::Committed
            | Self::Queued
            | Self::Fetching
            | Self::Evaluating
            | Self::Certified => false,
            Self::Accepted
            | Self::NotBetter
            | Self::Worse
            | Self::Invalid
            | Self::EvaluatorFault
            | Self::Unavailable
            | Self::Forfeited
            | Self::Released => true,
        }
    }
}

coded! {
    /// Why a submission ended as it did. 1 to 9 repeat the evaluation's status.
    Reason {
        /// Not ended, or nothing to add.
        None = 0 "none",
        /// The challenger is no safetensors file.
        BadFormat = 1 "bad_format",
        /// Keys, shapes or dtypes do not fit the architecture.
        ShapeMismatch = 2 "shape_mismatch",
        /// A parameter or an output of the challenger is not finite.
        NonFinite = 3 "non_finite",
        /// The challenger exceeds the request's limits.
        TooLarge = 4 "too_large",
        /// The challenger's bytes are not those committed to.
        DigestMismatch = 5 "digest_mismatch",
        /// The challenger's bytes could not be had.
        Unavailable = 6 "unavailable",
        /// The evaluator used up its fuel.
        FuelExhausted = 7 "fuel_exhausted",
        /// The evaluator trapped or needed more memory than the request allows.
        EvaluatorTrapped = 8 "evaluator_trapped",
        /// A file of the request or an answer of the evaluator is not what it must be.
        EvaluatorInvalid = 9 "evaluator_invalid",
        /// The lower bound clears the request's minimum improvement.
        Better = 10 "better",
        /// The bounds do not show an improvement, nor a significant loss.
        NoSignificantImprovement = 11 "no_significant_improvement",
        /// The upper bound is below the slash margin.
        SignificantlyWorse = 12 "significantly_worse",
        /// Significantly worse, but than a champion that came after the commit.
        WorseThanLaterChampion = 13 "worse_than_later_champion",
        /// The certified result does not hold together.
        MalformedResult = 14 "malformed_result",
        /// The reveal's deadline passed.
        RevealMissed = 15 "reveal_missed",
        /// Waited in the queue for too long.
        QueueTimeout = 16 "queue_timeout",
        /// The parameters were evaluated against this champion, or are the champion's.
        Duplicate = 17 "duplicate",
        /// The escrow does not cover another win.
        EscrowSpent = 18 "escrow_spent",
        /// The evaluator bond does not cover another fault.
        EvaluatorBondSpent = 19 "evaluator_bond_spent",
        /// The request was closed. Never reached: none closes over a pending submission.
        RequestClosed = 20 "request_closed",
        /// The seed was not fixed while the block's hash could be had.
        SeedNotFixed = 21 "seed_not_fixed",
        /// No certificate in time, nor on a second try, if there was an epoch for one.
        NoQuorum = 22 "no_quorum",
    }
}

coded! {
    /// State of a task (2.2).
    TaskState {
        /// There is no such task.
        None = 0 "none",
        /// The seed is not fixed yet.
        Fetching = 1 "fetching",
        /// The seed is fixed; claims may be certified.
        Evaluating = 2 "evaluating",
        /// A claim was approved.
        Certified = 3 "certified",
        /// The deadline passed without a certificate.
        Expired = 4 "expired",
    }
}

coded! {
    /// What the first certificate on a claim said (3.3).
    ClaimOutcome {
        /// No certificate yet.
        None = 0 "none",
        /// Approved.
        Approved = 1 "approved",
        /// Rejected; the performer is at fault.
        Rejected = 2 "rejected",
        /// Approval became impossible; nobody is at fault.
        Blocked = 3 "blocked",
        /// Approved, and then overturned by an appeal (3.6).
        Overturned = 4 "overturned",
    }
}

coded! {
    /// What a certificate decides (3.1).
    CertificateKind {
        /// More than the threshold approve.
        Approve = 0 "approve",
        /// More than the threshold reject.
        Reject = 1 "reject",
        /// Too many reject for approval to be possible.
        Blocked = 2 "blocked",
    }
}

impl CertificateKind {
    /// The verdict that the certificate's votes signed: a blocking one aggregates rejections.
    pub const fn verdict(self) -> crate::Verdict {
        match self {
            Self::Approve => crate::Verdict::Approve,
            Self::Reject | Self::Blocked => crate::Verdict::Reject,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fault, Status};

    #[test]
    fn numbers_round_trip_and_strangers_are_refused() {
        for reason in Reason::ALL {
            assert_eq!(Reason::from_u8(reason.to_u8()), Ok(*reason));
        }
        assert!(Reason::from_u8(23).is_err());
        assert!(Status::from_u8(10).is_err());
        assert!(crate::Verdict::from_u8(0).is_err());
    }

    #[test]
    fn a_set_knows_its_own_comments() {
        assert_eq!(TaskState::ABOUT, "State of a task (2.2).");
        assert_eq!(ClaimOutcome::Approved.meaning(), "Approved.");
        assert_eq!(
            crate::Bound::EmpiricalBernstein.meaning(),
            "Empirical Bernstein (Maurer and Pontil 2009, theorem 4)."
        );
    }

    #[test]
    fn a_status_and_its_reason_share_number_name_and_meaning() {
        for status in Status::ALL.iter().filter(|status| **status != Status::Ok) {
            let reason = Reason::from_u8(status.to_u8()).expect("a reason for each status");
            assert_eq!(reason.code(), status.code());
            assert_eq!(reason.meaning(), status.meaning());
            assert!(matches!(status.fault(), Fault::Optimizer | Fault::Owner));
        }
    }
}
