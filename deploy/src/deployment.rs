//! Carries out a plan on a chain: looks for each step first, sends what is missing, and believes
//! nothing that the chain does not show.

use alloy::{
    network::TransactionBuilder as _,
    primitives::{Address, B256, Bytes, U256},
    providers::{DynProvider, Provider as _},
    rpc::types::{
        Filter, TransactionRequest,
        simulate::{SimBlock, SimulatePayload},
        state::{AccountOverride, StateOverride},
    },
    sol_types::{SolCall as _, SolEvent as _},
};
use eyre::{Result, WrapErr as _};
use zarathustra_chain::{Call, ChainError, Sender};

use crate::{
    DeployError,
    create2::{PROXY, PROXY_CODE, code_at, ensure_proxy},
    governance::{
        AccessManager::{RoleGranted, hasRoleCall},
        Role, Roles,
    },
    plan::{Before, Change, Effect, Plan, Question, Step, Work},
    revert::reason,
    simulation::creates,
};

/// Blocks whose logs are asked for at a time; hosted nodes refuse wider ranges.
const LOG_BLOCKS: u64 = 1000;

/// A plan and the chain on which it is carried out.
#[derive(Clone, Debug)]
pub struct Deployment {
    provider: DynProvider,
    deployer: Address,
    access_manager: Address,
    plan: Plan,
}

/// What became of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Its number, from 1.
    pub number: usize,
    /// How many there are.
    pub of: usize,
    /// What it does.
    pub name: String,
    /// The transaction and its gas; none where the step was found done.
    pub sent: Option<(B256, u64)>,
}

/// A transaction that would be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The step's number, from 1.
    pub number: usize,
    /// What it does.
    pub name: String,
    /// The contract that is called.
    pub to: Address,
    /// What it is called with.
    pub data: Bytes,
    /// Gas that it takes, where the node can say so.
    pub gas: Option<u64>,
}

/// What a run would send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DryRun {
    /// The transactions, in order.
    pub missing: Vec<Missing>,
    /// Why their gas is not known, in the node's words.
    pub no_gas: Option<String>,
}

/// How much of a step is done.
enum Found<'a> {
    /// All of it.
    Done,
    /// These changes are missing; none where a contract is.
    Missing(Vec<&'a Change>),
}

impl Deployment {
    /// A plan of `deployer`, whose rights are in `access_manager`, on the chain of a node.
    pub fn new(
        provider: &DynProvider,
        deployer: Address,
        access_manager: Address,
        plan: Plan,
    ) -> Self {
        Self {
            provider: provider.clone(),
            deployer,
            access_manager,
            plan,
        }
    }

    /// The steps.
    pub fn steps(&self) -> &[Step] {
        self.plan.steps()
    }

    /// Sends what is missing and tells of every step.
    ///
    /// # Errors
    /// As for [`Deployment::advance`] and [`Deployment::check_handed_over`].
    pub async fn run(&self, sender: &Sender, tell: &mut dyn FnMut(Progress)) -> Result<()> {
        self.prepare(sender).await?;
        for index in 0..self.steps().len() {
            tell(self.advance(index, sender).await?);
        }
        self.check_handed_over().await
    }

    /// What has to be there before the first step: the deployment proxy, and no transaction of an
    /// earlier run under way.
    ///
    /// # Errors
    /// As for `Sender::recover`; [`DeployError::NoProxy`] and [`DeployError::ForeignProxy`].
    pub async fn prepare(&self, sender: &Sender) -> Result<()> {
        sender.recover().await?;
        ensure_proxy(&self.provider, true).await
    }

    /// Looks for a step and sends it when it is missing.
    ///
    /// # Errors
    /// [`DeployError`] where the chain shows something else than the plan says, before or after;
    /// those of `Sender::send`.
    pub async fn advance(&self, index: usize, sender: &Sender) -> Result<Progress> {
        let step = &self.steps()[index];
        let mut progress = Progress {
            number: index + 1,
            of: self.steps().len(),
            name: step.name.clone(),
            sent: None,
        };
        let Found::Missing(changes) = self.look(step).await? else {
            return Ok(progress);
        };
        self.require_rights(step).await?;
        let (to, data) = step.work.transaction(&changes);
        let call = Call {
            action: step.name.clone(),
            to,
            data,
            value: U256::ZERO,
        };
        let receipt = sender.send(call).await?;
        progress.sent = Some((receipt.transaction_hash, receipt.gas_used));
        match self.look(step).await? {
            Found::Done => Ok(progress),
            Found::Missing(_) => Err(DeployError::NoEffect {
                step: step.name.clone(),
            }
            .into()),
        }
    }

    /// The transactions that are missing, with the gas that they take where the node has
    /// `eth_simulateV1`. Sends nothing.
    ///
    /// # Errors
    /// As for [`Deployment::advance`]; [`ChainError::Reverted`] when one of them would be refused.
    pub async fn dry_run(&self) -> Result<DryRun> {
        ensure_proxy(&self.provider, false).await?;
        let mut missing = Vec::new();
        for (index, step) in self.steps().iter().enumerate() {
            // Where something is missing, what stands on it cannot be tried or asked yet.
            let target = code_at(&self.provider, step.work.target()).await?;
            let found = match target.is_empty() && !missing.is_empty() {
                true => Found::Missing(step.work.changes().iter().collect()),
                false => self.look(step).await?,
            };
            let Found::Missing(changes) = found else {
                continue;
            };
            self.require_rights(step).await?;
            let (to, data) = step.work.transaction(&changes);
            missing.push(Missing {
                number: index + 1,
                name: step.name.clone(),
                to,
                data,
                gas: None,
            });
        }
        let no_gas = self.price(&mut missing).await?;
        Ok(DryRun { missing, no_gas })
    }

    /// Whether nobody holds a role but those who are named, by what AccessManager has emitted since
    /// a block.
    ///
    /// # Errors
    /// [`DeployError::UnexpectedHolder`]; transport errors.
    pub async fn check_holders(&self, roles: &Roles, first_block: u64) -> Result<()> {
        let newest = self.newest().await?;
        let mut from = first_block;
        while from <= newest {
            let to = newest.min(from + LOG_BLOCKS - 1);
            let filter = Filter::new()
                .address(self.access_manager)
                .event_signature(RoleGranted::SIGNATURE_HASH)
                .from_block(from)
                .to_block(to);
            let logs = self.provider.get_logs(&filter).await;
            for log in logs.map_err(ChainError::transport("eth_getLogs"))? {
                let granted = RoleGranted::decode_log(&log.inner).wrap_err("RoleGranted")?;
                let (role, account) = (granted.roleId, granted.account);
                if !roles.gives(role, account) && self.has_role(role, account).await? {
                    return Err(DeployError::UnexpectedHolder { account, role }.into());
                }
            }
            from = to + 1;
        }
        Ok(())
    }

    /// Whether the deployer has no role any more.
    ///
    /// # Errors
    /// [`DeployError::DeployerHoldsRole`]; transport errors.
    pub async fn check_handed_over(&self) -> Result<()> {
        for role in Role::ALL {
            if self.has_role(role.id(), self.deployer).await? {
                return Err(DeployError::DeployerHoldsRole {
                    address: self.deployer,
                    role: role.name(),
                }
                .into());
            }
        }
        Ok(())
    }

    /// The first block in which a contract of the deployment can have emitted an event: the one
    /// that created the AccessManager, the next one where none did.
    ///
    /// # Errors
    /// [`DeployError::NoHistory`]; transport errors.
    pub async fn first_block(&self) -> Result<u64> {
        let address = self.access_manager;
        let newest = self.newest().await?;
        if code_at(&self.provider, address).await?.is_empty() {
            return Ok(newest + 1);
        }
        // It is there at `high`, and at no block before `low` that the node knows the state of.
        let (mut low, mut high, mut unknown) = (0, newest, None);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.provider.get_code_at(address).number(middle).await {
                Ok(code) if !code.is_empty() => high = middle,
                Ok(_) => low = middle + 1,
                Err(error) if error.is_error_resp() => {
                    unknown = Some(middle);
                    low = middle + 1;
                }
                Err(error) => return Err(ChainError::transport("eth_getCode")(error).into()),
            }
        }
        // The state of the block before may be unknown because there is no such block.
        if let Some(before) = unknown.filter(|unknown| unknown + 1 == low) {
            let block = self.provider.get_block_by_number(before.into()).await;
            let block = block.map_err(ChainError::transport("eth_getBlockByNumber"))?;
            if block.is_some() {
                return Err(DeployError::NoHistory { address }.into());
            }
        }
        Ok(low)
    }

    /// Compares the chain with a step.
    async fn look<'a>(&self, step: &'a Step) -> Result<Found<'a>> {
        match &step.work {
            Work::Create {
                address, creation, ..
            } => match self.is_created(step, *address, creation).await? {
                true => Ok(Found::Done),
                false => Ok(Found::Missing(Vec::new())),
            },
            work => {
                let mut missing = Vec::new();
                for change in work.changes() {
                    if !self.is_made(step, &change.effect).await? {
                        missing.push(change);
                    }
                }
                match missing.is_empty() {
                    true => Ok(Found::Done),
                    false => Ok(Found::Missing(missing)),
                }
            }
        }
    }

    /// Whether a contract lies at its address; then its code, and that of the contracts that it
    /// created, is compared byte by byte. Where none lies, its constructor is tried.
    async fn is_created(&self, step: &Step, address: Address, creation: &Bytes) -> Result<bool> {
        let expected = creates(&self.provider, step.contract(), address, creation).await?;
        let own = code_at(&self.provider, address).await?;
        if own.is_empty() {
            return Ok(false);
        }
        for (part, expected) in &expected {
            let found = code_at(&self.provider, *part).await?;
            if found != *expected {
                let differs = found.iter().zip(expected.iter()).position(|(a, b)| a != b);
                return Err(DeployError::CodeDiffers {
                    contract: step.contract().to_owned(),
                    address: *part,
                    found: found.len(),
                    expected: expected.len(),
                    position: differs.unwrap_or_else(|| found.len().min(expected.len())),
                }
                .into());
            }
        }
        Ok(true)
    }

    async fn is_made(&self, step: &Step, effect: &Effect) -> Result<bool> {
        let differs = |found: Bytes| DeployError::StateDiffers {
            step: step.name.clone(),
            found,
            expected: effect.after.clone(),
        };
        let answer = match &effect.question {
            Question::Call(question) => {
                let request = TransactionRequest::default()
                    .with_to(effect.of)
                    .with_input(question.clone());
                self.provider.call(request).await
            }
            Question::Slot(slot) => {
                let value = self
                    .provider
                    .get_storage_at(effect.of, (*slot).into())
                    .await;
                value.map(|value| value.to_be_bytes_vec().into())
            }
        };
        match answer {
            Ok(answer) if answer == effect.after => Ok(true),
            Ok(answer) => match &effect.before {
                Before::Anything => Ok(false),
                Before::Answer(before) if *before == answer => Ok(false),
                Before::Answer(_) | Before::Refusal(_) => Err(differs(answer).into()),
            },
            Err(error) => {
                let data = error
                    .as_error_resp()
                    .and_then(|payload| payload.as_revert_data());
                match (data, &effect.before) {
                    (Some(data), Before::Refusal(selector)) if data.starts_with(selector) => {
                        Ok(false)
                    }
                    (Some(data), _) => Err(differs(data).into()),
                    (None, _) => {
                        Err(ChainError::transport("eth_call or eth_getStorageAt")(error).into())
                    }
                }
            }
        }
    }

    /// Only an administrator can make changes; anybody can create contracts.
    async fn require_rights(&self, step: &Step) -> Result<()> {
        let creates = matches!(step.work, Work::Create { .. });
        if creates
            || code_at(&self.provider, self.access_manager)
                .await?
                .is_empty()
        {
            return Ok(());
        }
        if self.has_role(Role::Admin.id(), self.deployer).await? {
            return Ok(());
        }
        Err(DeployError::HandedOver {
            step: step.name.clone(),
        }
        .into())
    }

    async fn newest(&self) -> Result<u64> {
        let newest = self.provider.get_block_number().await;
        Ok(newest.map_err(ChainError::transport("eth_blockNumber"))?)
    }

    async fn has_role(&self, role: u64, account: Address) -> Result<bool> {
        let question = hasRoleCall {
            roleId: role,
            account,
        };
        let request = TransactionRequest::default()
            .with_to(self.access_manager)
            .with_input(question.abi_encode());
        let answer = self.provider.call(request).await;
        let answer = answer.map_err(ChainError::transport("eth_call"))?;
        let answer = hasRoleCall::abi_decode_returns(&answer).wrap_err("hasRole")?;
        Ok(answer.isMember)
    }

    /// Runs the missing transactions one after the other, each in a block of its own, without
    /// sending them. Answers why the node does not do that, where it does not.
    async fn price(&self, missing: &mut [Missing]) -> Result<Option<String>> {
        let block = |step: &Missing| SimBlock {
            calls: vec![
                TransactionRequest::default()
                    .with_from(self.deployer)
                    .with_to(step.to)
                    .with_input(step.data.clone()),
            ],
            ..SimBlock::default()
        };
        let mut blocks: Vec<_> = missing.iter().map(block).collect();
        if let Some(first) = blocks.first_mut() {
            // It may be missing too.
            let code = AccountOverride {
                code: Some(PROXY_CODE),
                ..AccountOverride::default()
            };
            first.state_overrides = Some(StateOverride::from_iter([(PROXY, code)]));
        }
        let payload = SimulatePayload {
            block_state_calls: blocks,
            ..SimulatePayload::default()
        };
        if missing.is_empty() {
            return Ok(None);
        }
        let blocks = match self.provider.simulate(&payload).await {
            Ok(blocks) => blocks,
            // Nodes lack the method, or limit what may be simulated.
            Err(error) => match error.as_error_resp() {
                Some(payload) => return Ok(Some(payload.message.to_string())),
                None => return Err(ChainError::transport("eth_simulateV1")(error).into()),
            },
        };
        for (step, block) in missing.iter_mut().zip(blocks) {
            for result in block.calls {
                if !result.status {
                    return Err(ChainError::Reverted {
                        action: step.name.clone(),
                        revert: zarathustra_chain::Revert {
                            name: "simulated".to_owned(),
                            detail: reason(&result.return_data),
                        },
                    }
                    .into());
                }
                step.gas = Some(result.gas_used);
            }
        }
        Ok(None)
    }
}
