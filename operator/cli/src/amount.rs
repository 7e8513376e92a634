//! Amounts of money as people write and read them.

use std::{fmt, str::FromStr};

use alloy::primitives::{U256, utils::format_units};
use serde::Deserialize;

/// Digits of the native token behind the point.
pub const NATIVE_DECIMALS: u8 = 18;
const GWEI_DECIMALS: u8 = 9;

/// Longest text that is read as an amount: more digits than any amount has.
const MAX_CHARS: usize = 100;

/// An amount as it was written, to be read once its token is known: `1000000 wei` and
/// `0.25 ether` in the native token, `1000000 units` and `2.5 tokens` in an ERC-20. A number
/// alone counts the smallest unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Amount {
    number: String,
    unit: Unit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Smallest,
    Gwei,
    Ether,
    Tokens,
}

/// Why a text is no amount.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// It is not of the form.
    #[error("{0:?} is no amount; write 1000000, \"0.25 ether\" or \"2.5 tokens\"")]
    Form(String),
    /// The native token is counted in tokens, or an ERC-20 in ether.
    #[error("{0} is no amount of {1}")]
    Unit(Amount, &'static str),
    /// It has more decimals than the token, or is too large.
    #[error("{0} cannot be held: {1} decimals at most, and less than 2^128 in all")]
    Range(Amount, u8),
}

impl Amount {
    /// The amount in wei.
    pub fn native(&self) -> Result<u128, AmountError> {
        match self.unit {
            Unit::Smallest => self.scaled(0),
            Unit::Gwei => self.scaled(GWEI_DECIMALS),
            Unit::Ether => self.scaled(NATIVE_DECIMALS),
            Unit::Tokens => Err(AmountError::Unit(
                self.clone(),
                "the native token; write it in ether",
            )),
        }
    }

    /// The amount in the smallest unit of an ERC-20 of so many decimals, where it tells them.
    pub fn tokens(&self, decimals: Option<u8>) -> Result<u128, AmountError> {
        match self.unit {
            Unit::Smallest => self.scaled(0),
            Unit::Tokens => match decimals {
                Some(decimals) => self.scaled(decimals),
                None => Err(AmountError::Unit(
                    self.clone(),
                    "a token that does not tell its decimals; write it in units",
                )),
            },
            Unit::Gwei | Unit::Ether => Err(AmountError::Unit(
                self.clone(),
                "an ERC-20; write it in tokens",
            )),
        }
    }

    fn scaled(&self, decimals: u8) -> Result<u128, AmountError> {
        let range = || AmountError::Range(self.clone(), decimals);
        let (whole, fraction) = self.number.split_once('.').unwrap_or((&self.number, ""));
        let fraction = fraction.trim_end_matches('0');
        let missing = usize::from(decimals)
            .checked_sub(fraction.len())
            .ok_or_else(range)?;
        let digits = format!("{whole}{fraction}{}", "0".repeat(missing));
        digits.parse().map_err(|_| range())
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.unit {
            Unit::Smallest => "",
            Unit::Gwei => " gwei",
            Unit::Ether => " ether",
            Unit::Tokens => " tokens",
        };
        write!(f, "{}{unit}", self.number)
    }
}

impl FromStr for Amount {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, AmountError> {
        let form = || AmountError::Form(zarathustra_eval::text::brief(text));
        let mut words = text.split_whitespace();
        let (Some(number), unit, None) = (words.next(), words.next(), words.next()) else {
            return Err(form());
        };
        let unit = match unit {
            None | Some("wei" | "units") => Unit::Smallest,
            Some("gwei") => Unit::Gwei,
            Some("ether") => Unit::Ether,
            Some("tokens") => Unit::Tokens,
            Some(_) => return Err(form()),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if number.len() > MAX_CHARS || !digits(whole) || !digits(fraction) {
            return Err(form());
        }
        Ok(Self {
            number: number.to_owned(),
            unit,
        })
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// A number of smallest units as a decimal number, without needless zeros.
pub fn decimal(value: U256, decimals: u8) -> String {
    // Fails only for more decimals than 256 bits have digits; then there is nothing to scale.
    let text = format_units(value, decimals).unwrap_or_else(|_| value.to_string());
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// An amount of the native token.
pub fn ether(wei: impl TryInto<U256, Error: fmt::Debug>) -> String {
    let wei = wei.try_into().expect("256 bits hold every amount");
    format!("{} ether", decimal(wei, NATIVE_DECIMALS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Amount {
        text.parse().expect("an amount")
    }

    #[test]
    fn amounts_are_read_exactly() {
        assert_eq!(read("7").native(), Ok(7));
        assert_eq!(read("7 wei").native(), Ok(7));
        assert_eq!(read("1.5 gwei").native(), Ok(1_500_000_000));
        assert_eq!(read("0.25 ether").native(), Ok(250_000_000_000_000_000));
        assert_eq!(read("1.50 tokens").tokens(Some(6)), Ok(1_500_000));
        assert_eq!(read("3 units").tokens(Some(6)), Ok(3));
        assert_eq!(read("7 tokens").tokens(Some(0)), Ok(7));
    }

    #[test]
    fn other_texts_are_no_amounts() {
        let long = "9".repeat(200);
        for text in [
            "",
            "-1",
            "-0.5 ether",
            "1 dollar",
            "ether",
            "1e18",
            "1.",
            ".5",
            "1 2 wei",
            "0x10",
            &long,
        ] {
            assert!(
                matches!(text.parse::<Amount>(), Err(AmountError::Form(_))),
                "{text}"
            );
        }
    }

    #[test]
    fn amounts_fit_their_token() {
        assert!(matches!(
            read("1.5").native(),
            Err(AmountError::Range(_, 0))
        ));
        assert!(matches!(
            read("0.0000001 tokens").tokens(Some(6)),
            Err(AmountError::Range(_, 6))
        ));
        assert!(matches!(
            read(&"9".repeat(60)).native(),
            Err(AmountError::Range(..))
        ));
        assert!(matches!(
            read("1 tokens").native(),
            Err(AmountError::Unit(..))
        ));
        assert!(matches!(
            read("1 tokens").tokens(None),
            Err(AmountError::Unit(..))
        ));
        assert_eq!(read("1 units").tokens(None), Ok(1));
        assert!(matches!(
            read("1 ether").tokens(Some(18)),
            Err(AmountError::Unit(..))
        ));
    }

    #[test]
    fn amounts_are_written_without_needless_zeros() {
        assert_eq!(ether(250_000_000_000_000_000_u128), "0.25 ether");
        assert_eq!(ether(U256::ZERO), "0 ether");
        assert_eq!(decimal(U256::from(10).pow(U256::from(19)), 18), "10");
        assert_eq!(decimal(U256::from(100), 0), "100");
        assert_eq!(decimal(U256::from(100), 255), "100");
    }
}
