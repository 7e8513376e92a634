//! Closed sets whose numbers are part of the protocol.

use std::fmt;

/// A number that names nothing in one of the protocol's closed sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{value} is no {set}")]
pub struct UnknownCode {
    /// The set that was read.
    pub set: &'static str,
    /// The number that was found.
    pub value: u8,
}

/// Declares a closed set: its number on chain, its stable text code, and its doc comments, which
/// the set also knows as data.
macro_rules! coded {
    ($(#[doc = $about:literal])+ $name:ident {
        $($(#[doc = $meaning:literal])+ $variant:ident = $value:literal $code:literal,)+
    }) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum $name { $($(#[doc = $meaning])+ $variant = $value,)+ }

        impl $name {
            /// Every member, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// What the set is, for references.
            pub const ABOUT: &'static str = concat!($($about),+).trim_ascii();

            /// What the member means, for references.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($meaning),+).trim_ascii(),)+ }
            }

            /// The number on chain.
            pub const fn to_u8(self) -> u8 {
                self as u8
            }

            /// Reads the number on chain.
            ///
            /// # Errors
            /// When the number is not in the set.
            pub const fn from_u8(value: u8) -> Result<Self, $crate::codes::UnknownCode> {
                match value {
                    $($value => Ok(Self::$variant),)+
                    _ => Err($crate::codes::UnknownCode { set: stringify!($name), value }),
                }
            }

            /// The stable name in messages, logs and metrics.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.code())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.code())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let code = <String as serde::Deserialize>::deserialize(from)?;
                let found = Self::ALL.iter().find(|member| member.code() == code);
                found.copied().ok_or_else(|| {
                    serde::de::Error::custom(format!("{code:?} is no {}", stringify!($name)))
                })
            }
        }
    };
}
pub(crate) use coded;

coded! {
    /// How an evaluation ended, as a claim states it (5.1).
    Status {
        /// Both models were scored.
        Ok = 0 "ok",
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
    }
}

impl Status {
    /// Whose fault the status is (5.1).
    pub const fn fault(self) -> Fault {
        match self {
            Self::Ok => Fault::Nobody,
            Self::BadFormat
            | Self::ShapeMismatch
            | Self::NonFinite
            | Self::TooLarge
            | Self::DigestMismatch
            | Self::Unavailable => Fault::Optimizer,
            Self::FuelExhausted | Self::EvaluatorTrapped | Self::EvaluatorInvalid => Fault::Owner,
        }
    }

    /// Whether every machine that holds the same bytes derives this status alike.
    /// Availability depends on where one stands in the network; the rest does not.
    pub const fn is_reproducible(self) -> bool {
        !matches!(self, Self::Unavailable)
    }
}

coded! {
    /// Whose fault an outcome is (5.1).
    Fault {
        /// Nobody's.
        Nobody = 0 "nobody",
        /// The optimizer's, who submitted the challenger.
        Optimizer = 1 "optimizer",
        /// The owner's, who wrote the request.
        Owner = 2 "owner",
        /// An operator's.
        Operator = 3 "operator",
    }
}

coded! {
    /// The bound behind `lower` and `upper` of a result (5.2).
    Bound {
        /// No bound: the result holds no figures.
        None = 0 "none",
        /// Empirical Bernstein (Maurer and Pontil 2009, theorem 4).
        EmpiricalBernstein = 1 "empirical_bernstein",
        /// Betting (Waudby-Smith and Ramdas 2024).
        Betting = 2 "betting",
    }
}

coded! {
    /// What computed the models' outputs (5.2).
    Engine {
        /// Nothing was computed.
        None = 0 "none",
        /// libtorch.
        Libtorch = 1 "libtorch",
        /// The reference engine, whose figures are the same bits on every machine.
        Reference = 2 "reference",
    }
}

coded! {
    /// What a vote is cast for (2.7).
    Purpose {
        /// A performer's claim.
        Claim = 1 "claim",
        /// An appeal against a certified claim.
        Appeal = 2 "appeal",
    }
}

coded! {
    /// What a vote says (2.7).
    Verdict {
        /// The claim holds.
        Approve = 1 "approve",
        /// The claim is false and the performer at fault.
        Reject = 2 "reject",
    }
}

/// Reads one of the text codes of a set.
impl std::str::FromStr for Verdict {
    type Err = UnknownVerdict;

    fn from_str(text: &str) -> Result<Self, UnknownVerdict> {
        match text {
            "approve" => Ok(Self::Approve),
            "reject" => Ok(Self::Reject),
            _ => Err(UnknownVerdict),
        }
    }
}

/// Text that is neither `approve` nor `reject`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownVerdict;

impl fmt::Display for UnknownVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected \"approve\" or \"reject\"")
    }
}

impl std::error::Error for UnknownVerdict {}
