//! The token that a request pays in.

use alloy::{
    primitives::{Address, U256},
    sol,
};
use eyre::Result;
use zarathustra_chain::{Chain, ChainError, read};

use crate::amount::{Amount, AmountError, NATIVE_DECIMALS, decimal};

sol! {
    /// What is used of an ERC-20.
    #[sol(rpc)]
    interface IERC20 {
        function approve(address spender, uint256 amount) external returns (bool);
        function allowance(address owner, address spender) external view returns (uint256);
        function balanceOf(address account) external view returns (uint256);
        function decimals() external view returns (uint8);
        function symbol() external view returns (string);
    }
}

/// Longest symbol that is repeated.
const MAX_SYMBOL_CHARS: usize = 12;

/// A token, native or ERC-20.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Its contract; zero for the native token.
    pub address: Address,
    /// Its name in tables.
    pub symbol: String,
    /// Digits behind the point, where it tells them.
    pub decimals: Option<u8>,
}

impl Token {
    /// The native token.
    pub fn native() -> Self {
        Self {
            address: Address::ZERO,
            symbol: "ether".to_owned(),
            decimals: Some(NATIVE_DECIMALS),
        }
    }

    /// Asks a token for its name. A token need not have one, and may lie: it decides over
    /// nothing but what is printed.
    pub async fn of(chain: &Chain, address: Address) -> Result<Self> {
        if address.is_zero() {
            return Ok(Self::native());
        }
        let token = IERC20::new(address, chain.provider().clone());
        let decimals = optional(read("decimals", token.decimals()).await)?;
        let symbol = optional(read("symbol", token.symbol()).await)?;
        Ok(Self {
            address,
            decimals,
            symbol: match (decimals, symbol.filter(|s| is_plain(s))) {
                (Some(_), Some(symbol)) => symbol,
                (Some(_), None) => "tokens".to_owned(),
                (None, _) => "units".to_owned(),
            },
        })
    }

    /// Whether this is the native token.
    pub fn is_native(&self) -> bool {
        self.address.is_zero()
    }

    /// Reads an amount of this token.
    pub fn amount(&self, written: &Amount) -> Result<u128, AmountError> {
        if self.is_native() {
            written.native()
        } else {
            written.tokens(self.decimals)
        }
    }

    /// An amount with the token's symbol.
    pub fn show(&self, units: impl TryInto<U256, Error: std::fmt::Debug>) -> String {
        let units = units.try_into().expect("256 bits hold every amount");
        format!(
            "{} {}",
            decimal(units, self.decimals.unwrap_or(0)),
            self.symbol
        )
    }

    /// What an account holds.
    pub async fn balance(&self, chain: &Chain, account: Address) -> Result<U256> {
        use alloy::providers::Provider;
        if self.is_native() {
            let found = chain.provider().get_balance(account).await;
            return Ok(found.map_err(ChainError::transport("eth_getBalance"))?);
        }
        let token = IERC20::new(self.address, chain.provider().clone());
        Ok(read("balanceOf", token.balanceOf(account)).await?)
    }

    /// What the market may pull from an account.
    pub async fn allowance(&self, chain: &Chain, account: Address) -> Result<U256> {
        if self.is_native() {
            return Ok(U256::MAX);
        }
        let token = IERC20::new(self.address, chain.provider().clone());
        let market = chain.addresses().model_submission;
        Ok(read("allowance", token.allowance(account, market)).await?)
    }
}

/// What a contract does not answer is absent; that a node does not answer is an error.
fn optional<T>(answer: Result<T, ChainError>) -> Result<Option<T>> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(ChainError::Reverted { .. } | ChainError::Decode { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn is_plain(symbol: &str) -> bool {
    (1..=MAX_SYMBOL_CHARS).contains(&symbol.len()) && symbol.bytes().all(|b| b.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_that_could_deceive_are_not_repeated() {
        assert!(is_plain("USDC"));
        for symbol in ["", "a b", "\u{1b}[2J", "ЕТН", "averylongsymbol"] {
            assert!(!is_plain(symbol), "{symbol:?}");
        }
    }

    #[test]
    fn amounts_carry_the_symbol() {
        let token = Token {
            address: Address::repeat_byte(1),
            symbol: "USDC".to_owned(),
            decimals: Some(6),
        };
        assert_eq!(token.show(2_500_000_u64), "2.5 USDC");
        assert_eq!(Token::native().show(U256::ZERO), "0 ether");
    }
}
