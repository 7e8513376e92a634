//! Who takes part: names, stakes, keys.

use alloy::primitives::U256;

/// What an operator runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// `zarathustra-performer`.
    Performer,
    /// `zarathustra-attester`.
    Attester,
}

impl Role {
    /// File name of the role's program.
    pub const fn program(self) -> &'static str {
        match self {
            Self::Performer => "zarathustra-performer",
            Self::Attester => "zarathustra-attester",
        }
    }
}

/// One operator.
#[derive(Clone, Debug)]
pub struct OperatorSpec {
    /// Its name; its keys follow from it.
    pub name: String,
    /// What it runs.
    pub role: Role,
    /// Its stake in whole tokens.
    pub stake_tokens: u64,
}

impl OperatorSpec {
    /// The stake in the token's smallest unit.
    pub fn stake(&self) -> U256 {
        U256::from(self.stake_tokens) * U256::from(10).pow(U256::from(18))
    }
}

/// Performers and attesters with stakes such that one performer can be outvoted by the rest, and
/// two attesters can be missing.
pub fn operators(performers: usize, attesters: usize) -> Vec<OperatorSpec> {
    const PERFORMER_TOKENS: u64 = 280;
    const ATTESTER_TOKENS: u64 = 90;
    let one = |role: Role, name: &str, number: usize, stake_tokens| OperatorSpec {
        name: format!("{name}-{number}"),
        role,
        stake_tokens,
    };
    (1..=performers)
        .map(|i| one(Role::Performer, "performer", i, PERFORMER_TOKENS))
        .chain((1..=attesters).map(|i| one(Role::Attester, "attester", i, ATTESTER_TOKENS)))
        .collect()
}
