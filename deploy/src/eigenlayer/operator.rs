//! What operators do, and what is known of them.

use alloy::{
    primitives::{Address, Bytes, U256},
    providers::Provider as _,
};
use eyre::{Result, WrapErr as _, bail, eyre};

use super::{
    EigenLayer,
    abi::{
        AllocateParams, AllocationManager, DelegationManager, DeregisterParams, OperatorSet,
        Pausable, RegisterParams,
    },
};
use crate::Account;

/// All of an operator's stake, as a magnitude.
pub const WHOLE: u64 = 1_000_000_000_000_000_000;

impl EigenLayer {
    /// Makes an account an operator that anybody may delegate to.
    ///
    /// `allocation_delay` blocks lie between its allocations and their effect; the delay itself
    /// holds after [`Delays::allocation_configuration`](super::Delays) and one more block, and
    /// nothing can be allocated before that.
    ///
    /// # Errors
    /// [`Reverted`](crate::Reverted) when it is one already; transport errors.
    pub async fn register_as_operator(
        &self,
        operator: &Account,
        allocation_delay: u32,
        metadata_uri: &str,
    ) -> Result<()> {
        let register = DelegationManager::registerAsOperatorCall {
            delegationApprover: Address::ZERO,
            allocationDelay: allocation_delay,
            metadataUri: metadata_uri.to_owned(),
        };
        operator.send(self.delegation_manager, &register).await?;
        Ok(())
    }

    /// Changes the delay of an operator's allocations, in blocks. It holds as said at
    /// [`EigenLayer::register_as_operator`].
    ///
    /// # Errors
    /// [`Reverted`](crate::Reverted); transport errors.
    pub async fn set_allocation_delay(&self, operator: &Account, delay: u32) -> Result<()> {
        let call = AllocationManager::setAllocationDelayCall {
            operator: operator.address(),
            delay,
        };
        operator.send(self.allocation_manager, &call).await?;
        Ok(())
    }

    /// The delay of an operator's allocations in blocks, when one holds.
    ///
    /// # Errors
    /// Transport errors.
    pub async fn allocation_delay(
        &self,
        reader: &Account,
        operator: Address,
    ) -> Result<Option<u32>> {
        let call = AllocationManager::getAllocationDelayCall { operator };
        let answer = reader.call(self.allocation_manager, &call).await?;
        Ok(answer.isSet.then_some(answer.delay))
    }

    /// Allocates a magnitude ([`WHOLE`] is everything) of the strategy to an operator set.
    ///
    /// # Errors
    /// [`Reverted`](crate::Reverted), for example `UninitializedAllocationDelay` too early after
    /// registration; transport errors.
    pub async fn modify_allocations(
        &self,
        operator: &Account,
        avs: Address,
        operator_set: u32,
        magnitude: u64,
    ) -> Result<()> {
        let call = AllocationManager::modifyAllocationsCall {
            operator: operator.address(),
            params: vec![AllocateParams {
                operatorSet: OperatorSet {
                    avs,
                    id: operator_set,
                },
                strategies: vec![self.strategy],
                newMagnitudes: vec![magnitude],
            }],
        };
        operator.send(self.allocation_manager, &call).await?;
        Ok(())
    }

    /// Joins operator sets of an AVS. Its registrar gets `data` and may refuse.
    ///
    /// # Errors
    /// [`Reverted`](crate::Reverted), with the registrar's error where it refused; transport errors.
    pub async fn register_for_operator_sets(
        &self,
        operator: &Account,
        avs: Address,
        operator_sets: &[u32],
        data: Bytes,
    ) -> Result<()> {
        let call = AllocationManager::registerForOperatorSetsCall {
            operator: operator.address(),
            params: RegisterParams {
                avs,
                operatorSetIds: operator_sets.to_vec(),
                data,
            },
        };
        operator.send(self.allocation_manager, &call).await?;
        Ok(())
    }

    /// Leaves operator sets of an AVS; the stake stays slashable for the deallocation delay.
    ///
    /// # Errors
    /// [`Reverted`](crate::Reverted); transport errors.
    pub async fn deregister_from_operator_sets(
        &self,
        operator: &Account,
        avs: Address,
        operator_sets: &[u32],
    ) -> Result<()> {
        let call = AllocationManager::deregisterFromOperatorSetsCall {
            params: DeregisterParams {
                operator: operator.address(),
                avs,
                operatorSetIds: operator_sets.to_vec(),
            },
        };
        operator.send(self.allocation_manager, &call).await?;
        Ok(())
    }

    /// Shares of the strategy that can be slashed from the operator, through the operator set, for
    /// the next `blocks` blocks at least.
    ///
    /// # Errors
    /// Transport errors.
    pub async fn slashable_stake(
        &self,
        reader: &Account,
        operator: Address,
        avs: Address,
        operator_set: u32,
        blocks: u32,
    ) -> Result<U256> {
        let newest = reader.provider().get_block_number().await;
        let newest = u32::try_from(newest.wrap_err("eth_blockNumber")?)?;
        let until = newest
            .checked_add(blocks)
            .ok_or_else(|| eyre!("block {newest} + {blocks} is beyond what EigenLayer counts"))?;
        let call = AllocationManager::getMinimumSlashableStakeCall {
            operatorSet: OperatorSet {
                avs,
                id: operator_set,
            },
            operators: vec![operator],
            strategies: vec![self.strategy],
            futureBlock: until,
        };
        let stakes = reader.call(self.allocation_manager, &call).await?;
        match stakes.as_slice() {
            [row] if row.len() == 1 => Ok(row[0]),
            _ => bail!("asked for one operator and strategy, got {stakes:?}"),
        }
    }

    /// Sets pause bits of a core contract; by the deployer. All bits pause all functions.
    ///
    /// # Errors
    /// [`Reverted`](crate::Reverted) when the account is no pauser; transport errors.
    pub async fn pause(&self, guardian: &Account, contract: Address, bits: U256) -> Result<()> {
        let call = Pausable::pauseCall { pausedStatus: bits };
        guardian.send(contract, &call).await?;
        Ok(())
    }

    /// Clears pause bits of a core contract so that only `bits` stay; by the deployer.
    ///
    /// # Errors
    /// As for [`EigenLayer::pause`].
    pub async fn unpause(&self, guardian: &Account, contract: Address, bits: U256) -> Result<()> {
        let call = Pausable::unpauseCall { pausedStatus: bits };
        guardian.send(contract, &call).await?;
        Ok(())
    }
}
