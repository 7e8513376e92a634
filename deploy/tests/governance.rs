//! Who can do what, on a chain with everything deployed: every function of every contract, called by
//! every holder of a role and by a stranger; delays; and what a guardian can cancel.

mod empty_chain;

use std::collections::BTreeSet;

use alloy::{
    json_abi::Function,
    network::TransactionBuilder as _,
    primitives::{Address, Bytes, U256},
    providers::{Provider as _, ext::AnvilApi as _},
    rpc::types::TransactionRequest,
    sol_types::{SolCall, SolError as _},
};
use empty_chain::{EmptyChain, chains, local};
use eyre::{ContextCompat as _, Result, WrapErr as _, bail};
use zarathustra_abi::avs_governance::IAvsGovernance::{
    minEpochAgeCall, pauseCall, pausedCall, setMinEpochAgeCall, unpauseCall,
};
use zarathustra_chain::Addresses;
use zarathustra_deploy::{
    Account, Checkout, Description, ETHER, Reverted, devnet_key,
    governance::{
        AccessManaged::AccessManagedUnauthorized,
        AccessManager::{
            self, AccessManagerNotReady, AccessManagerNotScheduled,
            AccessManagerUnauthorizedAccount, AccessManagerUnauthorizedCancel, cancelCall,
            executeCall, grantRoleCall, hasRoleCall, revokeRoleCall, scheduleCall,
        },
        RIGHTS, Right, Role, Target, page,
    },
};

/// The contracts at each address. Where one runs another's code on its own storage, both.
fn contracts(addresses: &Addresses) -> Vec<(Address, &'static str, &'static [&'static str])> {
    vec![
        (
            addresses.access_manager,
            "AccessManager",
            &["AccessManager"],
        ),
        (
            addresses.avs_governance,
            "AvsGovernance",
            &["AvsGovernance", "EpochRoller"],
        ),
        (
            addresses.attestation_center,
            "AttestationCenter",
            &[
                "AttestationCenter",
                "OperatorFees",
                "Disputes",
                "TaskRegistry",
            ],
        ),
        (
            addresses.model_submission,
            "ModelSubmission",
            &["ModelSubmission", "RequestDesk"],
        ),
        (addresses.avs_logic, "AvsLogic", &["AvsLogic"]),
        (
            addresses.seed_source,
            "RandaoSeedSource",
            &["RandaoSeedSource"],
        ),
    ]
}

/// So that the end of a pause can be announced and perhaps cancelled, seconds.
const RESUME_DELAY: u64 = 3;

/// The description of a local chain in which each role has an account of its own, with the delays
/// of the file but one.
fn described() -> Result<Description> {
    let mut description = local()?;
    let roles = &mut description.roles;
    roles.resume.delay = RESUME_DELAY.try_into()?;
    for (role, holder) in [
        (Role::Admin, &mut roles.admin),
        (Role::Guardian, &mut roles.guardian),
        (Role::Veto, &mut roles.veto),
        (Role::Governor, &mut roles.governor),
        (Role::Members, &mut roles.members),
        (Role::Resume, &mut roles.resume),
    ] {
        holder.account = devnet_key(role.name()).address();
    }
    Ok(description)
}

/// A chain with everything, and the holders of roles.
struct Stage {
    empty: EmptyChain,
    addresses: Addresses,
}

impl Stage {
    async fn set() -> Result<Self> {
        let empty = EmptyChain::start().await?;
        let (addresses, _) = empty.deploy_as(&described()?, "journal").await?;
        Ok(Self { empty, addresses })
    }

    async fn holder(&self, role: Role) -> Result<Account> {
        let ether = U256::from(ETHER);
        self.empty
            .anvil
            .account(devnet_key(role.name()), ether)
            .await
    }

    /// Whether AccessManager keeps an account from a function. Arguments are zeros, which every type
    /// can be read from: who may call is decided before what is asked for.
    async fn is_kept_from(&self, from: Address, to: Address, selector: [u8; 4]) -> Result<bool> {
        let input: Bytes = [&selector[..], &[0; 64 * 32]].concat().into();
        let request = TransactionRequest::default()
            .with_from(from)
            .with_to(to)
            .with_input(input);
        let Err(error) = self.empty.anvil.provider().call(request).await else {
            return Ok(false);
        };
        let Some(payload) = error.as_error_resp() else {
            return Err(error).wrap_err("eth_call");
        };
        let data = payload.as_revert_data().unwrap_or_default();
        Ok(data.starts_with(&AccessManagedUnauthorized::SELECTOR)
            || data.starts_with(&AccessManagerUnauthorizedAccount::SELECTOR))
    }

    fn address(&self, right: &Right) -> Address {
        match right.target {
            Target::AccessManager => self.addresses.access_manager,
            Target::AvsGovernance => self.addresses.avs_governance,
            Target::AttestationCenter => self.addresses.attestation_center,
        }
    }

    async fn pass(&self, seconds: u64) -> Result<()> {
        let provider = self.empty.anvil.provider();
        provider.anvil_increase_time(seconds).await?;
        self.empty.anvil.mine(1).await
    }

    async fn schedule<C: SolCall>(&self, who: &Account, target: Address, call: &C) -> Result<()> {
        let call = scheduleCall {
            target,
            data: call.abi_encode().into(),
            when: alloy::primitives::aliases::U48::ZERO,
        };
        who.send(self.addresses.access_manager, &call).await?;
        Ok(())
    }

    async fn execute<C: SolCall>(&self, who: &Account, target: Address, call: &C) -> Result<()> {
        let data = call.abi_encode().into();
        let call = executeCall { target, data };
        who.send(self.addresses.access_manager, &call).await?;
        Ok(())
    }

    async fn cancel<C: SolCall>(
        &self,
        who: &Account,
        caller: &Account,
        target: Address,
        call: &C,
    ) -> Result<()> {
        let call = cancelCall {
            caller: caller.address(),
            target,
            data: call.abi_encode().into(),
        };
        who.send(self.addresses.access_manager, &call).await?;
        Ok(())
    }
}

/// Checks that a contract refused with this error.
fn assert_refused<E: alloy::sol_types::SolError>(result: Result<()>) {
    let error = result.expect_err(E::SIGNATURE);
    let reverted = error.downcast_ref::<Reverted>();
    let reverted = reverted.unwrap_or_else(|| panic!("{error:?}"));
    assert!(
        reverted.data.starts_with(&E::SELECTOR),
        "{reverted} instead of {}",
        E::SIGNATURE
    );
}

#[tokio::test]
async fn the_table_has_every_restricted_function_and_no_other() -> Result<()> {
    let stage = Stage::set().await?;
    let artifacts = Checkout::find()?.artifacts();
    let stranger = Address::repeat_byte(0x5a);
    let mut restricted = BTreeSet::new();
    let mut called = 0;
    for (address, name, parts) in contracts(&stage.addresses) {
        for part in parts {
            let abi = artifacts.abi(part)?;
            let functions: Vec<&Function> = abi.functions().collect();
            for function in functions {
                called += 1;
                let selector = function.selector().0;
                if stage.is_kept_from(stranger, address, selector).await? {
                    restricted.insert((name.to_owned(), function.signature()));
                }
            }
        }
    }
    let table: BTreeSet<_> = RIGHTS
        .iter()
        .map(|right| (right.target.name().to_owned(), right.signature.to_owned()))
        .collect();
    assert_eq!(table.len(), RIGHTS.len(), "a function stands there twice");
    assert_eq!(restricted, table);
    assert!(called > 150, "{called} functions");
    Ok(())
}

#[tokio::test]
async fn every_function_opens_to_its_role_alone() -> Result<()> {
    let stage = Stage::set().await?;
    for right in RIGHTS {
        // AccessManager is the only caller of this one, whoever asks it.
        let nobody = right.signature.starts_with("setAuthority(");
        for role in Role::ALL {
            let from = devnet_key(role.name()).address();
            let kept = stage
                .is_kept_from(from, stage.address(right), right.selector)
                .await?;
            let expected = nobody || role != right.role;
            assert_eq!(kept, expected, "{} by {}", right.signature, role.name());
        }
    }
    Ok(())
}

#[tokio::test]
async fn delays_and_cancellers_are_those_of_the_table() -> Result<()> {
    let stage = Stage::set().await?;
    let roles = described()?.roles;
    let anyone = &stage.empty.deployer;
    for role in Role::ALL {
        let question = hasRoleCall {
            roleId: role.id(),
            account: devnet_key(role.name()).address(),
        };
        let manager = stage.addresses.access_manager;
        let found = anyone.call(manager, &question).await?;
        let expected = roles.holder(role);
        assert_eq!(found.isMember, expected.is_some(), "{role:?}");
        assert_eq!(
            found.executionDelay,
            expected.map_or(0, |holder| holder.delay)
        );
        let question = AccessManager::getRoleGuardianCall { roleId: role.id() };
        let guardian = anyone.call(manager, &question).await?;
        let cancelled = [Role::Governor, Role::Members, Role::Watched].contains(&role);
        assert_eq!(guardian, u64::from(cancelled), "{role:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_parameter_changes_after_the_governors_delay_and_not_before() -> Result<()> {
    let stage = Stage::set().await?;
    let governance = stage.addresses.avs_governance;
    let delay = u64::from(described()?.roles.governor.delay);
    let governor = stage.holder(Role::Governor).await?;
    let change = setMinEpochAgeCall { blocks: 7 };
    let at_once = governor.send(governance, &change).await.map(drop);
    assert_refused::<AccessManagerNotScheduled>(at_once);

    stage.schedule(&governor, governance, &change).await?;
    let early = stage.execute(&governor, governance, &change).await;
    assert_refused::<AccessManagerNotReady>(early);
    stage.pass(delay).await?;
    stage.execute(&governor, governance, &change).await?;
    let now = governor.call(governance, &minEpochAgeCall {}).await?;
    assert_eq!(now, 7);
    Ok(())
}

#[tokio::test]
async fn the_guardian_pauses_at_once_and_cannot_hold_the_pause_up() -> Result<()> {
    let stage = Stage::set().await?;
    let governance = stage.addresses.avs_governance;
    let guardian = stage.holder(Role::Guardian).await?;
    guardian.send(governance, &pauseCall {}).await?;
    assert!(guardian.call(governance, &pausedCall {}).await?);
    let back = guardian.send(governance, &unpauseCall {}).await.map(drop);
    assert_refused::<AccessManagedUnauthorized>(back);
    let resume = stage.holder(Role::Resume).await?;
    stage.schedule(&resume, governance, &unpauseCall {}).await?;
    let held_up = stage.cancel(&guardian, &resume, governance, &unpauseCall {});
    assert_refused::<AccessManagerUnauthorizedCancel>(held_up.await);
    stage.pass(RESUME_DELAY).await?;
    stage.execute(&resume, governance, &unpauseCall {}).await?;
    assert!(!guardian.call(governance, &pausedCall {}).await?);
    Ok(())
}

#[tokio::test]
async fn the_guardian_cancels_what_was_announced_except_its_own_removal() -> Result<()> {
    let stage = Stage::set().await?;
    let (manager, governance) = (
        stage.addresses.access_manager,
        stage.addresses.avs_governance,
    );
    let guardian = stage.holder(Role::Guardian).await?;
    let (governor, admin) = (
        stage.holder(Role::Governor).await?,
        stage.holder(Role::Admin).await?,
    );

    let change = setMinEpochAgeCall { blocks: 7 };
    stage.schedule(&governor, governance, &change).await?;
    stage
        .cancel(&guardian, &governor, governance, &change)
        .await?;
    stage.pass(60).await?;
    let gone = stage.execute(&governor, governance, &change).await;
    assert_refused::<AccessManagerNotScheduled>(gone);

    // The administrator makes itself governor: announced, and cancelled.
    let grant = grantRoleCall {
        roleId: Role::Governor.id(),
        account: admin.address(),
        executionDelay: 0,
    };
    stage.schedule(&admin, manager, &grant).await?;
    stage.cancel(&guardian, &admin, manager, &grant).await?;
    stage.pass(60).await?;
    let gone = stage.execute(&admin, manager, &grant).await;
    assert_refused::<AccessManagerNotScheduled>(gone);

    let removal = revokeRoleCall {
        roleId: Role::Guardian.id(),
        account: guardian.address(),
    };
    stage.schedule(&admin, manager, &removal).await?;
    let defence = stage.cancel(&guardian, &admin, manager, &removal).await;
    assert_refused::<AccessManagerUnauthorizedCancel>(defence);
    let early = stage.execute(&admin, manager, &removal).await;
    assert_refused::<AccessManagerNotReady>(early);
    stage.pass(60).await?;
    stage.execute(&admin, manager, &removal).await?;
    let late = guardian.send(governance, &pauseCall {}).await.map(drop);
    assert_refused::<AccessManagedUnauthorized>(late);
    Ok(())
}

/// Set to write the page anew.
const BLESS: &str = "ZARATHUSTRA_BLESS";

#[test]
fn the_page_is_up_to_date() -> Result<()> {
    let command = format!("{BLESS}=1 cargo test -p zarathustra-deploy --test governance page");
    let mark = format!("<!-- Written from the code by `{command}`. -->");
    let mainnet = Description::read(&chains().join("mainnet.example.toml"))?;
    let delays = [
        ("mainnet.example.toml", mainnet.roles),
        ("anvil.toml", local()?.roles),
    ];
    let written = page(&mark, &delays);
    let path = chains().join("../../docs/governance.md");
    if std::env::var_os(BLESS).is_some_and(|value| value == "1") {
        std::fs::write(&path, &written)?;
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    if committed != written {
        bail!("docs/governance.md differs from the code; write it anew with `{command}`");
    }
    let first = written.lines().next().context("a title")?;
    assert_eq!(first, "# Who can do what, after which delay");
    Ok(())
}
