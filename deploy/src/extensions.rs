//! Contracts beside the market, each where a description asks for it: they work with other chains
//! and with others' contracts, and nothing depends on them.

use alloy::primitives::{Address, U256, aliases::U96};
use eyre::Result;
use serde::{Deserialize, Serialize};
use zarathustra_abi::avs_governance::IAvsGovernance::{
    plantsCall, rewardsPayerCall, setPlantsCall, setRewardsPayerCall, setSnapshotEvidenceCall,
    snapshotEvidenceCall,
};
use zarathustra_chain::ExtensionAddresses;

use crate::plan::{Effect, Plan};

/// Which of them, and with what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Extensions {
    /// SnapshotEvidence: publishes epochs for Spokes on other chains (specification 7).
    pub snapshots: Option<SnapshotOptions>,
    /// Plants: claims that are wrong on purpose (specification 4.11).
    pub plants: Option<PlantsOptions>,
    /// EigenLayerRewards: pays rewards through EigenLayer.
    pub rewards: Option<RewardsOptions>,
    /// OthenticAdapter: tells an AVS logic of Othentic's form of results.
    pub othentic: Option<OthenticOptions>,
}

/// Constructor arguments of SnapshotEvidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnapshotOptions {
    /// The first epoch that is published.
    #[serde(default = "first")]
    pub first_epoch: u32,
    /// Least seconds between two blocks of this chain.
    pub block_time: u32,
}

const fn first() -> u32 {
    1
}

/// Constructor arguments of Plants. Afterwards its terms are the administrator's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlantsOptions {
    /// Least blocks of the market's clock between two plants.
    pub min_interval: u32,
    /// What each is bonded with, wei.
    pub bond: u64,
}

/// Constructor arguments of EigenLayerRewards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RewardsOptions {
    /// The chain's wrapped native token.
    pub wrapped_native: Address,
}

/// Constructor arguments of OthenticAdapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OthenticOptions {
    /// The AVS logic that it tells.
    pub hook: Address,
    /// Gas for each call of it.
    pub hook_gas: u64,
}

/// What they stand on.
pub(crate) struct Base {
    pub(crate) access_manager: Address,
    pub(crate) avs_governance: Address,
    pub(crate) attestation_center: Address,
    pub(crate) model_submission: Address,
    /// EigenLayer's.
    pub(crate) rewards_coordinator: Address,
}

impl Extensions {
    /// Adds the steps that create them and name them to AvsGovernance, which takes the rights that
    /// the deployer has before it hands over.
    pub(crate) fn plan(&self, plan: &mut Plan, base: &Base) -> Result<ExtensionAddresses> {
        let governance = base.avs_governance;
        let snapshot_evidence = match self.snapshots {
            Some(options) => {
                let arguments = (governance, options.first_epoch, options.block_time);
                let created = plan.create("SnapshotEvidence", &arguments)?;
                let call = setSnapshotEvidenceCall {
                    snapshotEvidence: created,
                };
                let effect = Effect::new(governance, &snapshotEvidenceCall {}, &created)
                    .before::<snapshotEvidenceCall>(&Address::ZERO);
                plan.call("name SnapshotEvidence", governance, &call, effect);
                Some(created)
            }
            None => None,
        };
        let plants = match self.plants {
            Some(options) => {
                let (manager, market) = (base.access_manager, base.model_submission);
                let bond = U96::from(options.bond);
                let arguments = (manager, governance, market, options.min_interval, bond);
                let created = plan.create("Plants", &arguments)?;
                let call = setPlantsCall { plants: created };
                let effect = Effect::new(governance, &plantsCall {}, &created)
                    .before::<plantsCall>(&Address::ZERO);
                plan.call("name Plants", governance, &call, effect);
                Some(created)
            }
            None => None,
        };
        let eigenlayer_rewards = match self.rewards {
            Some(options) => {
                let coordinator = base.rewards_coordinator;
                let arguments = (governance, coordinator, options.wrapped_native);
                let created = plan.create("EigenLayerRewards", &arguments)?;
                let call = setRewardsPayerCall { payer: created };
                let effect = Effect::new(governance, &rewardsPayerCall {}, &created)
                    .before::<rewardsPayerCall>(&Address::ZERO);
                plan.call("name EigenLayerRewards", governance, &call, effect);
                Some(created)
            }
            None => None,
        };
        let othentic_adapter = match self.othentic {
            Some(options) => {
                let center = base.attestation_center;
                let gas = U256::from(options.hook_gas);
                let arguments = (center, governance, options.hook, gas);
                Some(plan.create("OthenticAdapter", &arguments)?)
            }
            None => None,
        };
        Ok(ExtensionAddresses {
            snapshot_evidence,
            plants,
            eigenlayer_rewards,
            othentic_adapter,
        })
    }
}
