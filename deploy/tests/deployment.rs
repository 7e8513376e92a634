//! `zarathustra deploy` from a description to the addresses file, on real chains: empty, cut off at
//! every step, occupied, wrong.

mod empty_chain;

use std::{path::Path, time::Duration};

use alloy::{
    primitives::{Address, Bytes, U256, aliases::U96},
    providers::{Provider as _, ext::AnvilApi as _},
};
use empty_chain::{EmptyChain, chains, local};
use eyre::{ContextCompat as _, Result, ensure};
use zarathustra_abi::{
    avs_governance::IAvsGovernance::membersCall, plants::IPlants, retention_desk::IRetentionDesk,
};
use zarathustra_chain::{Addresses, Chain, Sender};
use zarathustra_deploy::{
    Checkout, Core, DEPLOYER, DeployError, Description, ETHER, EigenLayer, MarketOptions, Mining,
    Missing, Prepared, RETAIN, Restaking,
    create2::PROXY,
    devnet_key,
    eigenlayer::Delays,
    governance::{
        AccessManager::{grantRoleCall, hasRoleCall, hasRoleReturn, setRoleAdminCall},
        Role,
    },
    plan::Work,
};

/// The error of a deployment.
fn refusal<T: std::fmt::Debug>(result: Result<T>) -> DeployError {
    let error = result.expect_err("refused");
    let found = error.downcast_ref::<DeployError>();
    found.unwrap_or_else(|| panic!("{error:?}")).clone()
}

/// Whether the chain has what programs expect of a deployment.
async fn assert_works(empty: &EmptyChain, addresses: &Addresses) -> Result<()> {
    let file = empty.folder.path().join("addresses.json");
    addresses.write(&file)?;
    let chain = Chain::connect(empty.anvil.url(), Addresses::read(&file)?).await?;
    assert!(!chain.head().await?.paused);
    let definition = chain.attestation().definition(1).call().await?;
    assert_eq!(definition.source, addresses.model_submission);
    assert_eq!(definition.logic, addresses.avs_logic);
    assert_eq!(definition.seedSource, addresses.seed_source);
    let retain = chain.attestation().definition(RETAIN).call().await?;
    assert_eq!(retain.source, retain.logic);
    let desk = IRetentionDesk::new(retain.source, chain.provider().clone());
    assert_eq!(desk.market().call().await?, addresses.model_submission);
    let governance = chain.governance();
    let center = governance.attestationCenter().call().await?;
    assert_eq!(center, addresses.attestation_center);
    let weights = governance.strategyWeights().call().await?;
    assert_eq!(weights[0].strategy, addresses.strategy);
    let members = empty
        .deployer
        .call(addresses.avs_governance, &membersCall {})
        .await?;
    assert!(members.is_empty());
    Ok(())
}

/// Whether roles are where the description has them, and nowhere with the deployer.
async fn assert_handed_over(empty: &EmptyChain, addresses: &Addresses) -> Result<()> {
    let roles = local()?.roles;
    let role_of = async |role: Role, account: Address| -> Result<hasRoleReturn> {
        let question = hasRoleCall {
            roleId: role.id(),
            account,
        };
        empty
            .deployer
            .call(addresses.access_manager, &question)
            .await
    };
    for role in Role::ALL {
        let deployer = role_of(role, empty.deployer.address()).await?;
        assert!(!deployer.isMember, "{role:?}");
        if let Some(holder) = roles.holder(role) {
            let held = role_of(role, holder.account).await?;
            assert_eq!((held.isMember, held.executionDelay), (true, holder.delay));
        }
    }
    Ok(())
}

#[tokio::test]
async fn an_empty_chain_gets_everything_and_a_second_run_changes_nothing() -> Result<()> {
    let empty = EmptyChain::start().await?;
    let before = empty.anvil.provider().get_block_number().await?;
    let (addresses, told) = empty.deploy("journal").await?;
    assert!(told.iter().all(|step| step.sent.is_some()));
    assert_eq!(empty.nonce().await?, told.len() as u64);
    assert_works(&empty, &addresses).await?;
    assert_handed_over(&empty, &addresses).await?;

    // Nothing of the deployment is older than the block that the file names.
    let code = async |block: u64| {
        let code = empty.anvil.provider().get_code_at(addresses.access_manager);
        code.number(block).await
    };
    ensure!(addresses.deployed_block > before);
    assert!(code(addresses.deployed_block - 1).await?.is_empty());

    let (again, told) = empty.deploy("another").await?;
    assert!(told.iter().all(|step| step.sent.is_none()), "{told:?}");
    assert_eq!(empty.nonce().await?, told.len() as u64);
    let first = again.deployed_block;
    assert!(!code(first).await?.is_empty() && code(first - 1).await?.is_empty());
    let again = Addresses {
        deployed_block: addresses.deployed_block,
        ..again
    };
    assert_eq!(again, addresses);
    Ok(())
}

/// Each run begins with nothing but the chain, and ends after one transaction.
#[tokio::test]
async fn a_deployment_that_is_cut_off_after_every_step_is_the_same() -> Result<()> {
    let whole = EmptyChain::start().await?.deploy("journal").await?.0;
    let empty = EmptyChain::start().await?;
    let steps = empty.prepare(&local()?).await?.deployment.steps().len();
    for step in 0..steps {
        let prepared = empty.prepare(&local()?).await?;
        let journal = empty.folder.path().join(format!("journal-{step}"));
        let sender = empty.deployer.sender(&journal).await?;
        prepared.deployment.prepare(&sender).await?;
        for index in 0..step {
            let found = prepared.deployment.advance(index, &sender).await?;
            assert_eq!(found.sent, None, "{found:?}");
        }
        let sent = prepared.deployment.advance(step, &sender).await?;
        assert!(sent.sent.is_some(), "{sent:?}");
    }
    let (addresses, told) = empty.deploy("last").await?;
    assert!(told.iter().all(|step| step.sent.is_none()), "{told:?}");
    assert_eq!(empty.nonce().await?, steps as u64);
    assert_works(&empty, &addresses).await?;
    assert_handed_over(&empty, &addresses).await?;
    let addresses = Addresses {
        deployed_block: whole.deployed_block,
        ..addresses
    };
    assert_eq!(addresses, whole);
    Ok(())
}

/// Each run ends when its transaction is on its way and not mined; every second one has lost its
/// journal too.
#[tokio::test]
async fn a_deployment_that_is_cut_off_while_every_transaction_is_under_way_goes_on() -> Result<()> {
    let mut empty = EmptyChain::start().await?;
    let steps = empty.prepare(&local()?).await?.deployment.steps().len();
    for step in 0..steps {
        let journal = empty
            .folder
            .path()
            .join(format!("journal-{}", step.div_ceil(2)));
        empty.anvil.set_mining(Mining::Manual).await?;
        let prepared = empty.prepare(&local()?).await?;
        {
            let sender = empty.deployer.sender(&journal).await?;
            let on_its_way = async {
                while empty.nonce().await? == step as u64 {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                eyre::Ok(())
            };
            tokio::select! {
                done = prepared.deployment.advance(step, &sender) => {
                    panic!("step {step} ended without a block: {done:?}");
                }
                waiting = on_its_way => waiting?,
            }
        }
        empty.anvil.set_mining(Mining::Auto).await?;
        empty.anvil.mine(1).await?;
    }
    let (addresses, told) = empty.deploy("last").await?;
    assert!(told.iter().all(|step| step.sent.is_none()), "{told:?}");
    assert_eq!(empty.nonce().await?, steps as u64);
    assert_works(&empty, &addresses).await?;
    assert_handed_over(&empty, &addresses).await
}

#[tokio::test]
async fn a_dry_run_sends_nothing_and_names_what_a_run_sends() -> Result<()> {
    let empty = EmptyChain::start().await?;
    let prepared = empty.prepare(&local()?).await?;
    let state = empty.anvil.dump_state().await?;
    let missing = prepared.deployment.dry_run().await?.missing;
    assert_eq!(empty.anvil.dump_state().await?, state);
    assert_eq!(empty.nonce().await?, 0);

    let (_, told) = empty.deploy("journal").await?;
    let names = |missing: &[Missing]| -> Vec<String> {
        missing.iter().map(|step| step.name.clone()).collect()
    };
    let sent: Vec<String> = told.iter().map(|step| step.name.clone()).collect();
    assert_eq!(names(&missing), sent);
    for (foreseen, sent) in missing.iter().zip(&told) {
        let (_, gas) = sent.sent.context("sent")?;
        let foreseen = foreseen.gas.context("anvil simulates")?;
        assert_eq!(foreseen, gas, "{}", sent.name);
    }
    assert!(
        empty
            .prepare(&local()?)
            .await?
            .deployment
            .dry_run()
            .await?
            .missing
            .is_empty()
    );
    Ok(())
}

/// The example for the main network, on a chain whose EigenLayer has the same delays.
#[tokio::test]
async fn the_market_is_deployed_beside_an_eigenlayer_that_is_there() -> Result<()> {
    let delays = Delays {
        deallocation: 100_800,
        allocation_configuration: 0,
        withdrawal: 100_800,
    };
    let empty = EmptyChain::start_at(delays.first_block()).await?;
    let owner = devnet_key("somebody else");
    let owner = empty.anvil.account(owner, U256::from(ETHER)).await?;
    let artifacts = Checkout::find()?.artifacts();
    let core = EigenLayer::deploy(&owner, &artifacts, delays).await?;

    let mut description = Description::read(&chains().join("mainnet.example.toml"))?;
    description.chain_id = 31337;
    description.deployer.address = None;
    description.strategies[0].address = core.strategy;
    description.eigenlayer = Restaking::Existing(Core {
        allocation_manager: core.allocation_manager,
        delegation_manager: core.delegation_manager,
        strategy_manager: core.strategy_manager,
        avs_directory: core.avs_directory,
        permission_controller: core.permission_controller,
        rewards_coordinator: core.rewards_coordinator,
    });
    let (addresses, _) = empty.deploy_as(&description, "journal").await?;
    assert_works(&empty, &addresses).await?;
    assert_eq!(addresses.stake_token, core.stake_token);
    let chain = Chain::connect(empty.anvil.url(), addresses).await?;
    assert!(chain.governance().allowListMode().call().await?);
    let window = chain.governance().vetoWindow().call().await?;
    assert_eq!(window, 14_400);
    Ok(())
}

/// A contract that a description gains later is created by anybody, also after the deployer has
/// handed over, and nothing else is touched.
#[tokio::test]
async fn a_contract_that_is_added_later_is_the_only_thing_missing() -> Result<()> {
    let empty = EmptyChain::start().await?;
    let mut description = local()?;
    description.demo_reward_token = false;
    let (addresses, told) = empty.deploy_as(&description, "journal").await?;
    assert_eq!(addresses.reward_token, None);

    let prepared = empty.prepare(&local()?).await?;
    let missing = prepared.deployment.dry_run().await?.missing;
    let names: Vec<_> = missing.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(names, ["create DemoToken"]);
    let (with_token, again) = empty.deploy("journal").await?;
    let sent = again.iter().filter(|step| step.sent.is_some()).count();
    assert_eq!((again.len(), sent), (told.len() + 1, 1));
    assert!(with_token.reward_token.is_some());
    Ok(())
}

/// What works with other chains and with others' contracts, where a description asks for it.
#[tokio::test]
async fn contracts_beside_the_market_are_created_and_named() -> Result<()> {
    let empty = EmptyChain::start().await?;
    // Addresses follow from the description, so a description can name them.
    let plain = empty.prepare(&local()?).await?.addresses;
    let mut description = local()?;
    description.extensions = toml::from_str(&format!(
        "snapshots = {{ block_time = 12 }}
         plants = {{ min_interval = 7_200, bond = 1_000_000_000_000_000_000 }}
         rewards = {{ wrapped_native = \"{}\" }}
         othentic = {{ hook = \"{}\", hook_gas = 500_000 }}",
        plain.stake_token, plain.avs_logic
    ))?;
    let (addresses, _) = empty.deploy_as(&description, "journal").await?;
    assert_works(&empty, &addresses).await?;
    assert_handed_over(&empty, &addresses).await?;
    assert_eq!(addresses.avs_logic, plain.avs_logic);

    let found = addresses.extensions;
    let chain = Chain::connect(empty.anvil.url(), addresses).await?;
    let governance = chain.governance();
    let evidence = governance.snapshotEvidence().call().await?;
    assert_eq!(found.snapshot_evidence, Some(evidence));
    let plants = governance.plants().call().await?;
    assert_eq!(found.plants, Some(plants));
    let terms = IPlants::new(plants, empty.anvil.provider());
    assert_eq!(terms.minInterval().call().await?, 7_200);
    assert_eq!(terms.bond().call().await?, U96::from(10_u64.pow(18)));
    let payer = governance.rewardsPayer().call().await?;
    assert_eq!(found.eigenlayer_rewards, Some(payer));
    let adapter = found.othentic_adapter.wrap_err("an adapter")?;
    for contract in [evidence, plants, payer, adapter] {
        let code = empty.anvil.provider().get_code_at(contract).await?;
        assert!(!code.is_empty(), "{contract}");
    }
    Ok(())
}

/// After these the deployer is administrator still; answers what sends the last step.
async fn all_but_the_last_step(empty: &EmptyChain, prepared: &Prepared) -> Result<Sender> {
    let journal = empty.folder.path().join("journal");
    let sender = empty.deployer.sender(&journal).await?;
    for index in 0..prepared.deployment.steps().len() - 1 {
        prepared.deployment.advance(index, &sender).await?;
    }
    Ok(sender)
}

/// While it is administrator, the deployer could give roles to whom it likes.
#[tokio::test]
async fn a_role_that_the_deployer_gave_to_another_is_noticed() -> Result<()> {
    let empty = EmptyChain::start().await?;
    let prepared = empty.prepare(&local()?).await?;
    let sender = all_but_the_last_step(&empty, &prepared).await?;
    let account = Address::repeat_byte(0xbd);
    let grant = grantRoleCall {
        roleId: Role::Admin.id(),
        account,
        executionDelay: 0,
    };
    let manager = prepared.addresses.access_manager;
    empty.deployer.send(manager, &grant).await?;
    let refused = refusal(prepared.run(&sender, &mut |_| {}).await);
    let role = Role::Admin.id();
    assert_eq!(refused, DeployError::UnexpectedHolder { account, role });
    Ok(())
}

/// The deployer makes the guardian's role administer itself.
#[tokio::test]
async fn a_right_that_the_deployer_moved_is_noticed() -> Result<()> {
    let empty = EmptyChain::start().await?;
    let prepared = empty.prepare(&local()?).await?;
    let sender = all_but_the_last_step(&empty, &prepared).await?;
    let guardian = Role::Guardian.id();
    let change = setRoleAdminCall {
        roleId: guardian,
        admin: guardian,
    };
    let manager = prepared.addresses.access_manager;
    empty.deployer.send(manager, &change).await?;
    let refused = refusal(prepared.run(&sender, &mut |_| {}).await);
    assert_eq!(refused.code(), "state_differs");
    Ok(())
}

/// Puts other code at the address of each contract in turn, and of those that contracts create.
#[tokio::test]
async fn another_contract_at_an_address_is_noticed() -> Result<()> {
    let empty = EmptyChain::start().await?;
    let prepared = empty.prepare(&local()?).await?;
    let sender = empty
        .deployer
        .sender(&empty.folder.path().join("journal"))
        .await?;
    prepared.deployment.run(&sender, &mut |_| {}).await?;
    let provider = empty.anvil.provider();
    let created = prepared.deployment.steps().iter().enumerate();
    let created = created.filter_map(|(index, step)| match &step.work {
        Work::Create { address, .. } => Some((index, *address)),
        Work::Change { .. } | Work::Changes { .. } => None,
    });
    let mut altered = 0;
    for (index, address) in created {
        let mut places = vec![address];
        let child = address.create(1);
        if !provider.get_code_at(child).await?.is_empty() {
            places.push(child);
        }
        for place in places {
            let code = provider.get_code_at(place).await?;
            ensure!(!code.is_empty(), "{place}");
            let mut other = code.to_vec();
            let position = other.len() / 2;
            other[position] ^= 1;
            provider.anvil_set_code(place, other.into()).await?;
            let refused = refusal(prepared.deployment.advance(index, &sender).await);
            let DeployError::CodeDiffers {
                address,
                position: found,
                ..
            } = refused
            else {
                panic!("{refused}");
            };
            assert_eq!((address, found), (place, position));
            provider.anvil_set_code(place, code).await?;
            prepared.deployment.advance(index, &sender).await?;
            altered += 1;
        }
    }
    // EigenLayer: 6 proxies, their admins and their implementations; PermissionController's proxy
    // and its admin; 6 contracts without proxy. The market: 11, EpochRoller and RequestDesk.
    assert_eq!(altered, 6 * 3 + 2 + 6 + 11 + 2);
    Ok(())
}

#[tokio::test]
async fn a_foreign_contract_where_one_belongs_stops_before_anything_is_sent_there() -> Result<()> {
    let empty = EmptyChain::start().await?;
    let prepared = empty.prepare(&local()?).await?;
    let place = prepared.addresses.avs_governance;
    let code = Bytes::from_static(&[0x60, 0x00]);
    empty.anvil.provider().anvil_set_code(place, code).await?;
    let refused = refusal(empty.deploy("journal").await);
    assert_eq!(refused.code(), "code_differs");
    assert!(
        refused
            .to_string()
            .starts_with(&format!("AvsGovernance at {place} "))
    );
    Ok(())
}

#[tokio::test]
async fn state_that_somebody_else_set_is_noticed() -> Result<()> {
    let empty = EmptyChain::start().await?;
    let (addresses, _) = empty.deploy("journal").await?;
    // A kind with another definition: what is registered never changes.
    let mut other = local()?;
    other.market.improve.turn_length += 1;
    let sender = empty
        .deployer
        .sender(&empty.folder.path().join("other"))
        .await?;
    let prepared = empty.prepare(&other).await?;
    assert_eq!(prepared.addresses.avs_governance, addresses.avs_governance);
    let refused = refusal(prepared.deployment.run(&sender, &mut |_| {}).await);
    assert_eq!(refused.code(), "state_differs");

    // Another holder: only governance can change that now.
    let mut other = local()?;
    other.roles.veto.account = Address::repeat_byte(7);
    let prepared = empty.prepare(&other).await?;
    let refused = refusal(prepared.deployment.run(&sender, &mut |_| {}).await);
    assert_eq!(
        refused,
        DeployError::HandedOver {
            step: "give roles".to_owned()
        }
    );
    Ok(())
}

#[tokio::test]
async fn what_does_not_fit_the_chain_is_refused_before_anything_is_sent() -> Result<()> {
    let empty = EmptyChain::start().await?;
    let description = local()?;
    let of = async |change: fn(&mut Description)| {
        let mut description = description.clone();
        change(&mut description);
        match empty.prepare(&description).await {
            Err(error) => refusal::<()>(Err(error)),
            Ok(prepared) => refusal(prepared.deployment.dry_run().await),
        }
    };
    let wrong_chain = of(|d| d.chain_id = 1).await;
    assert_eq!(
        wrong_chain,
        DeployError::WrongChain {
            expected: 1,
            found: 31337
        }
    );
    let wrong_deployer = of(|d| d.deployer.address = Some(Address::repeat_byte(1))).await;
    assert_eq!(wrong_deployer.code(), "wrong_deployer");
    let holder = of(|d| d.roles.governor.account = devnet_key(DEPLOYER).address()).await;
    assert_eq!(holder.code(), "deployer_holds_role");
    let text = std::fs::read_to_string(chains().join("mainnet.example.toml"))?;
    let mainnet: Description = toml::from_str(&text)?;
    let mut here = mainnet.clone();
    here.chain_id = 31337;
    here.deployer.address = None;
    let refused = refusal(empty.prepare(&here).await);
    assert!(matches!(&refused, DeployError::NoContract { what, .. }
        if what == "eigenlayer.allocation_manager"));
    assert_eq!(empty.nonce().await?, 0);

    // Windows that EigenLayer's delays do not cover: the constructor's own words.
    let mut description = local()?;
    description.market.max_task_life = 4000;
    let prepared = empty.prepare(&description).await?;
    let sender = empty
        .deployer
        .sender(&empty.folder.path().join("journal"))
        .await?;
    let refused = refusal(prepared.deployment.run(&sender, &mut |_| {}).await);
    let DeployError::ConstructorRefused { contract, reason } = refused else {
        panic!("{refused}");
    };
    assert_eq!(contract, "AvsGovernance");
    // 2000 + 4000 + 100 + 50 + 3
    assert_eq!(
        reason,
        "TimingExceedsDeallocation { needed: 6153, delay: 5000 }"
    );
    Ok(())
}

#[tokio::test]
async fn a_chain_without_the_deployment_proxy_gets_it_when_it_is_paid_for() -> Result<()> {
    let empty = EmptyChain::start().await?;
    let provider = empty.anvil.provider();
    provider.anvil_set_code(PROXY, Bytes::new()).await?;
    provider.anvil_set_nonce(PROXY, 0).await?;
    let refused = refusal(empty.deploy("journal").await);
    let DeployError::NoProxy { signer, missing } = refused else {
        panic!("{refused}");
    };
    assert_eq!(missing, U256::from(ETHER / 100));
    empty.deployer.pay(signer, missing).await?;
    let dry = empty
        .prepare(&local()?)
        .await?
        .deployment
        .dry_run()
        .await?
        .missing;
    assert!(
        dry.iter()
            .all(|step| step.gas.is_some_and(|gas| gas > 30_000))
    );
    let (addresses, _) = empty.deploy("journal").await?;
    assert_works(&empty, &addresses).await?;

    let other = Bytes::from_static(&[0x60, 0x00]);
    provider.anvil_set_code(PROXY, other).await?;
    let refused = refusal(empty.deploy("journal").await);
    assert_eq!(refused, DeployError::ForeignProxy { address: PROXY });
    Ok(())
}

/// A description with an edit; the words that refuse it.
fn edited(from: &str, to: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("chain.toml");
    let text = std::fs::read_to_string(chains().join("anvil.toml")).expect("read");
    assert_eq!(text.matches(from).count(), 1, "{from}");
    std::fs::write(&path, text.replace(from, to)).expect("written");
    let refused = Description::read(&path).expect_err("refused");
    assert_eq!(refused.code(), "chain_file");
    refused.to_string()
}

#[test]
fn descriptions_in_the_repository_are_read() -> Result<()> {
    let local = local()?;
    assert_eq!(local.chain_id, 31337);
    assert_eq!(local.market, MarketOptions::default());
    let mainnet = Description::read(&chains().join("mainnet.example.toml"))?;
    assert_eq!(mainnet.chain_id, 1);
    let keystore = mainnet.deployer.keystore.context("named")?;
    assert_eq!(keystore, chains().join("deployer.json"));
    let days = |seconds: u32| f64::from(seconds) / 86_400.0;
    assert!((days(mainnet.roles.admin.delay) - 14.0).abs() < f64::EPSILON);
    Ok(())
}

#[test]
fn descriptions_that_cannot_be_meant_are_refused_with_the_reason() {
    for (from, to, reason) in [
        (
            "veto_window = 3",
            "veto_windo = 3",
            "unknown field `veto_windo`",
        ),
        ("chain_id = 31337", "chain_id = -1", "chain_id"),
        ("name = \"local\"", "name = \"\"", "name is empty"),
        (
            "5B21E8f\", delay = 0",
            "5B21E8f\", delay = 1",
            "roles.guardian: a delay of 1 s",
        ),
        (
            "0xa0Ee7A142d267C1f36714E4a8F75612F20a79720",
            "0x0000000000000000000000000000000000000000",
            "roles.admin: the account is zero",
        ),
        (
            "key_env =",
            "keystore =",
            "deployer: name key_env, or keystore and password_file",
        ),
        ("key_env = ", "key = ", "unknown field `key`"),
        ("threshold = [2, 3]", "threshold = [2]", "threshold"),
        (
            "[market]",
            "[[strategies]]\naddress = \"0x0000000000000000000000000000000000000001\"\n[market]",
            "brings its own strategy",
        ),
    ] {
        let text = edited(from, to);
        assert!(text.contains(reason), "{to}: {text}");
    }
    let missing = Description::read(Path::new("/nowhere")).expect_err("missing");
    assert_eq!(missing.code(), "chain_file");
}
