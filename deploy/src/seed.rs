//! Where seeds of tasks come from (2.3).

use alloy::primitives::{Address, Bytes};
use eyre::Result;
use serde::{Deserialize, Serialize};

use crate::plan::Plan;

/// Where seeds come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeedSource {
    /// The RANDAO value of a task's seed block.
    #[default]
    Randao,
    /// A round of a drand network.
    Drand(Drand),
}

/// A drand network of scheme `bls-unchained-g1-rfc9380`, and how its rounds follow this chain's blocks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drand {
    /// Time of round 1, Unix seconds.
    pub genesis: u64,
    /// Seconds from a round to the next.
    pub period: u32,
    /// The network's public key, 192 bytes unpadded in the order of EIP-2537.
    pub key: Bytes,
    /// Seconds from a block of this chain to the next, as a rule.
    pub block_time: u64,
    /// Seconds from when a task's seed block is expected to its round.
    pub margin: u64,
}

impl SeedSource {
    /// Adds the step that deploys it. Answers where it will lie.
    pub(crate) fn plan(&self, plan: &mut Plan) -> Result<Address> {
        match self {
            Self::Randao => plan.create_plain("RandaoSeedSource"),
            Self::Drand(drand) => {
                let arguments = (
                    drand.genesis,
                    u64::from(drand.period),
                    drand.block_time,
                    drand.margin,
                    drand.key.clone(),
                );
                plan.create("DrandSeedSource", &arguments)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Market {
        #[serde(default)]
        seed_source: SeedSource,
    }

    fn read(text: &str) -> Result<SeedSource, String> {
        let market: Result<Market, _> = toml::from_str(text);
        market.map(|m| m.seed_source).map_err(|e| e.to_string())
    }

    #[test]
    fn a_description_names_randao_or_a_drand_network() {
        assert_eq!(read(""), Ok(SeedSource::Randao));
        assert_eq!(read("seed_source = \"randao\""), Ok(SeedSource::Randao));
        let example = include_str!("../chains/mainnet.example.toml");
        let (_, rest) = example
            .split_once("# [market.seed_source.drand]\n")
            .expect("quicknet in the example");
        let (table, _) = rest.split_once("\n\n").expect("its end");
        let text = format!("[seed_source.drand]\n{}", table.replace("# ", ""));
        let Ok(SeedSource::Drand(drand)) = read(&text) else {
            panic!("{text}");
        };
        // As in tests/vectors/drand.json.
        assert_eq!((drand.genesis, drand.period), (1_692_803_367, 3));
        assert_eq!((drand.block_time, drand.margin), (12, 300));
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/vectors/drand.json")).expect("JSON");
        let key = vectors["rounds"][0]["public_key"].as_str();
        assert_eq!(Some(drand.key.to_string().as_str()), key);
    }

    #[test]
    fn other_sources_and_fields_are_refused() {
        let refused = read("seed_source = \"blockhash\"").expect_err("unknown");
        assert!(refused.contains("unknown variant `blockhash`"), "{refused}");
        let refused = read("[seed_source.drand]\ngenesis = 1\nround = 2").expect_err("unknown");
        assert!(refused.contains("unknown field `round`"), "{refused}");
        let refused = read("[seed_source.drand]\ngenesis = 1").expect_err("incomplete");
        assert!(refused.contains("missing field"), "{refused}");
    }
}
