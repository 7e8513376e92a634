//! What stakers do.

use alloy::primitives::{Address, B256, U256};
use eyre::{Result, ensure};

use super::{
    EigenLayer,
    abi::{DelegationManager, SignatureWithExpiry, StakeToken, StrategyManager},
};
use crate::Account;

impl EigenLayer {
    /// Makes `amount` of the stake token for the staker and deposits it into the strategy.
    ///
    /// # Errors
    /// [`Reverted`](crate::Reverted), for example while deposits are paused; transport errors.
    pub async fn deposit(&self, staker: &Account, amount: U256) -> Result<()> {
        let mint = StakeToken::mintCall {
            account: staker.address(),
            amount,
        };
        staker.send(self.stake_token, &mint).await?;
        let approve = StakeToken::approveCall {
            spender: self.strategy_manager,
            amount,
        };
        staker.send(self.stake_token, &approve).await?;
        let deposit = StrategyManager::depositIntoStrategyCall {
            strategy: self.strategy,
            token: self.stake_token,
            amount,
        };
        staker.send(self.strategy_manager, &deposit).await?;
        Ok(())
    }

    /// Delegates the staker's shares, now and later, to an operator that asks for no approval.
    ///
    /// # Errors
    /// As for [`EigenLayer::deposit`].
    pub async fn delegate(&self, staker: &Account, operator: Address) -> Result<()> {
        let delegate = DelegationManager::delegateToCall {
            operator,
            approval: SignatureWithExpiry::default(),
            approvalSalt: B256::ZERO,
        };
        staker.send(self.delegation_manager, &delegate).await?;
        Ok(())
    }

    /// Shares of the strategy that a staker could withdraw, slashes taken off.
    ///
    /// # Errors
    /// Transport errors.
    pub async fn withdrawable_shares(&self, reader: &Account, staker: Address) -> Result<U256> {
        let call = DelegationManager::getWithdrawableSharesCall {
            staker,
            strategies: vec![self.strategy],
        };
        let answer = reader.call(self.delegation_manager, &call).await?;
        let [shares] = answer.withdrawable[..] else {
            eyre::bail!("asked for one strategy, got {}", answer.withdrawable.len());
        };
        Ok(shares)
    }

    /// Shares that were slashed and not yet burned. EigenLayer burns nothing in a slash itself.
    ///
    /// # Errors
    /// Transport errors.
    pub async fn burnable_shares(&self, reader: &Account) -> Result<U256> {
        let call = StrategyManager::getBurnableSharesCall {
            strategy: self.strategy,
        };
        reader.call(self.strategy_manager, &call).await
    }

    /// Sends what was slashed to EigenLayer's burn address; by anyone.
    ///
    /// # Errors
    /// As for [`EigenLayer::deposit`].
    pub async fn burn(&self, anyone: &Account) -> Result<()> {
        let call = StrategyManager::burnSharesCall {
            strategy: self.strategy,
        };
        anyone.send(self.strategy_manager, &call).await?;
        ensure!(
            self.burnable_shares(anyone).await?.is_zero(),
            "shares were left unburned"
        );
        Ok(())
    }
}
