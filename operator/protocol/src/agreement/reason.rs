//! Opinions on a claim, and the reasons for them.

use zarathustra_primitives::{Bound, Digest, Engine, Status};

/// What to do about a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opinion {
    /// Vote for it.
    Approve,
    /// Vote against it: the performer is at fault.
    Reject(Rejection),
    /// Do not vote.
    Abstain(Abstention),
}

impl Opinion {
    /// The stable name of the opinion or of its reason.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Approve => "agree",
            Self::Reject(reason) => reason.code(),
            Self::Abstain(reason) => reason.code(),
        }
    }
}

/// Why a claimed result cannot be honest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Another status than every machine derives.
    #[error("status is {claimed}, found {own}")]
    Status {
        /// The claimed status.
        claimed: Status,
        /// The own status.
        own: Status,
    },
    /// Another number of samples than the request's.
    #[error("result rests on {claimed} samples instead of {expected}")]
    Samples {
        /// The claimed number.
        claimed: u32,
        /// The request's.
        expected: u32,
    },
    /// Another bound than the request's.
    #[error("result is of bound {bound}")]
    Bound {
        /// The claimed bound.
        bound: Bound,
    },
    /// Another environment than the task's.
    #[error("result is of environment {claimed}, the task's is {expected}")]
    Environment {
        /// The claimed one.
        claimed: Digest,
        /// The task's.
        expected: Digest,
    },
    /// Figures of libtorch that leave the verdict to the margin.
    #[error("the margin decides about figures of {engine}: they must be the reference engine's")]
    EngineMustBeReference {
        /// The claimed engine.
        engine: Engine,
    },
    /// Reference figures that are not those of the reference engine.
    #[error("the reference engine finds other scores")]
    Reference,
    /// A published score is too far from the reference engine's.
    #[error("score of sample {sample} is off by {distance} millionths")]
    Score {
        /// Which sample, from 0.
        sample: u32,
        /// Distance of the farther of the two models' scores, in millionths.
        distance: u64,
    },
    /// The figures do not follow from the published scores.
    #[error("figures do not follow from the published scores")]
    Figures,
    /// A mean is so far from the reference engine's that no scores within bounds could have it.
    #[error("mean score is off by {distance} millionths")]
    Mean {
        /// Distance of the farther of the two models' means, in millionths.
        distance: u64,
    },
}

impl Rejection {
    /// The stable name of the reason.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Status { .. } => "status_differs",
            Self::Samples { .. } => "samples_differ",
            Self::Bound { .. } => "bound_differs",
            Self::Environment { .. } => "environment_differs",
            Self::EngineMustBeReference { .. } => "engine_must_be_reference",
            Self::Reference => "reference_differs",
            Self::Score { .. } => "score_differs",
            Self::Figures => "figures_do_not_follow",
            Self::Mean { .. } => "mean_differs",
        }
    }
}

/// Why an attester cannot tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Abstention {
    /// One side could not fetch the content, the other could. That depends on where one stands
    /// in the network and accuses nobody.
    #[error("content was to be had for one side only")]
    Availability,
    /// The published scores are not at hand, or not those of the claim's root.
    #[error("the claim's scores are not to be had")]
    ScoresMissing,
    /// A score is beyond the tolerance of the reference engine's. No honest performer claims it, but
    /// somebody's libtorch may be near enough to approve.
    #[error(
        "score of sample {sample} is off by {distance} millionths, between agreement and rejection"
    )]
    Borderline {
        /// Which sample, from 0.
        sample: u32,
        /// Distance of the farther of the two models' scores, in millionths.
        distance: u64,
    },
    /// The claim has to be compared with what the reference engine finds, which is not at hand.
    #[error("what the reference engine finds is not at hand")]
    ReferenceMissing,
    /// The own evaluation does not fit the request; a fault of this program.
    #[error("own evaluation does not fit the request")]
    OwnResult,
}

impl Abstention {
    /// The stable name of the reason.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Availability => "availability_differs",
            Self::ScoresMissing => "scores_missing",
            Self::Borderline { .. } => "score_borderline",
            Self::ReferenceMissing => "reference_missing",
            Self::OwnResult => "bug_own_result",
        }
    }
}
