//! Bindings of the contracts, made from the committed ABI files beside this crate.
//!
//! `cargo xtask abi` writes the files from the Solidity interfaces; nothing here is edited by hand.
//! Each contract has a module, so that types of the same name in two contracts stay apart.

/// The address that slashed deposits and unclaimable fees are sent to.
pub const BURN_ADDRESS: alloy::primitives::Address =
    alloy::primitives::address!("000000000000000000000000000000000000dEaD");

macro_rules! contract {
    ($(#[$doc:meta])* $module:ident, $name:ident, $file:literal) => {
        $(#[$doc])*
        #[allow(
            missing_docs,
            clippy::too_many_arguments,
            reason = "generated; the interfaces in contracts/src carry the documentation"
        )]
        pub mod $module {
            alloy::sol!(
                #[sol(rpc, all_derives)]
                $name,
                $file
            );
        }
    };
}

contract!(
    /// Tasks, seeds, claims, certificates and operators' fees.
    attestation_center, IAttestationCenter, "IAttestationCenter.json"
);
contract!(
    /// Requests, submissions, escrow, deposits, payouts and champions.
    model_submission, IModelSubmission, "IModelSubmission.json"
);
contract!(
    /// Operators, epochs, faults and parameters.
    avs_governance, IAvsGovernance, "IAvsGovernance.json"
);
contract!(
    /// Tasks about what is held back of rewards.
    retention_desk, IRetentionDesk, "IRetentionDesk.json"
);
contract!(
    /// Seeds from the rounds of a drand network.
    drand_seed_source, DrandSeedSource, "DrandSeedSource.json"
);
contract!(
    /// Where seeds come from.
    seed_source, ISeedSource, "ISeedSource.json"
);
contract!(
    /// Snapshots of epochs for other chains, and faults of who signs others.
    snapshot_evidence, ISnapshotEvidence, "ISnapshotEvidence.json"
);
contract!(
    /// Claims that are wrong on purpose, and faults of who approves them.
    plants, IPlants, "IPlants.json"
);
contract!(
    /// Epochs and results of a market on another chain.
    spoke, ISpoke, "ISpoke.json"
);
