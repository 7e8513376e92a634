use blst::BLST_ERROR;

/// Bytes that are no key or signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A coordinate is not below the field's modulus, or carries flags of a compressed form.
    #[error("point is not in its canonical encoding")]
    NotCanonical,
    /// The coordinates satisfy no curve equation.
    #[error("point is not on the curve")]
    NotOnCurve,
    /// On the curve, but outside the subgroup of prime order.
    #[error("point is not in the prime order subgroup")]
    WrongSubgroup,
    /// The point at infinity, which every message would verify under.
    #[error("point is at infinity")]
    Infinity,
}

impl DecodeError {
    /// The stable name of the error.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotCanonical => "point_not_canonical",
            Self::NotOnCurve => "point_not_on_curve",
            Self::WrongSubgroup => "point_wrong_subgroup",
            Self::Infinity => "point_infinity",
        }
    }
}

impl From<BLST_ERROR> for DecodeError {
    fn from(error: BLST_ERROR) -> Self {
        match error {
            BLST_ERROR::BLST_POINT_NOT_ON_CURVE => Self::NotOnCurve,
            BLST_ERROR::BLST_POINT_NOT_IN_GROUP => Self::WrongSubgroup,
            BLST_ERROR::BLST_PK_IS_INFINITY => Self::Infinity,
            _ => Self::NotCanonical,
        }
    }
}

/// A secret key that cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The number is zero or not below the group's order.
    #[error("secret key is not from 1 to the group's order")]
    OutOfRange,
    /// A seed needs 32 bytes at least.
    #[error("seed of {found} bytes is shorter than 32")]
    ShortSeed {
        /// Bytes found.
        found: usize,
    },
    /// The operating system gave no randomness.
    #[error("read randomness from the operating system: {0}")]
    Randomness(getrandom::Error),
}
