//! `zarathustra deploy` on a real chain: seen beforehand, killed, taken up again, and used.

use std::{path::Path, time::Duration};

use alloy::primitives::{U256, hex};
use serde_json::Value;
use zarathustra_deploy::{Account, Anvil, AnvilOptions, Checkout, DEPLOYER, ETHER, devnet_key};

use crate::{node::Node, program::Program};

const EXAMPLE: &str = include_str!("../../../../deploy/chains/anvil.toml");
const NODE: &str = "http://127.0.0.1:8545";
const KEY: &str = "ZARATHUSTRA_DEPLOYER_KEY";

fn checkout() -> Checkout {
    Checkout::at(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
}

fn artifacts() -> String {
    let folder = checkout().root().join(".tools/contracts");
    folder.to_str().expect("text").to_owned()
}

fn key() -> String {
    hex::encode(devnet_key(DEPLOYER).to_bytes())
}

/// A chain old enough for EigenLayer, and the deployer with money.
async fn chain() -> (Anvil, Account) {
    let options = AnvilOptions {
        first_block: 5001,
        ..AnvilOptions::new(checkout().tool("anvil"))
    };
    let anvil = Anvil::start(&options).await.expect("anvil starts");
    let money = U256::from(100 * ETHER);
    let deployer = anvil.account(devnet_key(DEPLOYER), money).await;
    (anvil, deployer.expect("an account"))
}

#[tokio::test]
async fn a_deployment_is_seen_beforehand_killed_taken_up_and_used() {
    let (anvil, deployer) = chain().await;
    let program = Program::new().with(KEY, key());
    program.file("chain.toml", EXAMPLE.replace(NODE, anvil.url()));
    let artifacts = artifacts();
    let deploy = ["deploy", "--chain", "chain.toml", "--artifacts", &artifacts];

    let dry = program.json(&[&deploy[..], &["--dry-run"]].concat()).await;
    let steps = dry["steps"].as_u64().expect("a number");
    assert_eq!(
        dry["missing"].as_array().expect("a list").len() as u64,
        steps
    );
    assert!(
        dry["gas"].as_u64().is_some_and(|gas| gas > 20_000_000),
        "{dry}"
    );
    assert_eq!(deployer.nonce().await.expect("a nonce"), 0);

    let mut killed = program.start(&deploy);
    while deployer.nonce().await.expect("a nonce") < 5 {
        assert!(killed.try_wait().expect("a child").is_none(), "it ended");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    killed.kill().await.expect("killed");
    assert!(!program.home().join("local.addresses.json").exists());

    let done = program.json(&deploy).await;
    let found = |step: &&Value| step["transaction"].is_null();
    let list = done["steps"].as_array().expect("a list");
    assert!(list.iter().filter(found).count() >= 5, "{done}");
    assert_eq!(deployer.nonce().await.expect("a nonce"), steps);
    let mut foreseen = dry["addresses"].clone();
    // Other blocks may have come first.
    foreseen["deployed_block"] = done["addresses"]["deployed_block"].clone();
    assert_eq!(done["addresses"], foreseen);

    // Every program reads this file.
    let file = program.home().join("local.addresses.json");
    let requests = program
        .json(&[
            "request",
            "list",
            "--rpc-url",
            anvil.url(),
            "--addresses",
            file.to_str().expect("text"),
        ])
        .await;
    assert_eq!(requests, serde_json::json!([]));

    let text = program
        .succeeds(&[&deploy[..], &["--dry-run"]].concat())
        .await;
    let expected = format!(
        "nothing is missing: {steps} steps were found and checked, and the deployer has no role\n"
    );
    assert_eq!(text, expected);

    // Another deployment does not take the file's place.
    let other = EXAMPLE.replace(NODE, anvil.url());
    let other = other.replace("veto_window = 3", "veto_window = 4");
    program.file("chain.toml", other);
    program
        .refuses(
            &deploy,
            "addresses_exist",
            "local.addresses.json is of another deployment",
            "name another file with --output",
        )
        .await;
    assert_eq!(deployer.nonce().await.expect("a nonce"), steps);
}

#[tokio::test]
async fn a_chain_that_is_another() {
    // The node is named by a variable here.
    let node = Node::start().await;
    let program = node.program().with(KEY, key());
    let chain = EXAMPLE
        .replace(&format!("rpc_url = \"{NODE}\"\n"), "")
        .replace("chain_id = 31337", "chain_id = 7");
    program.file("chain.toml", chain);
    program
        .refuses(
            &[
                "deploy",
                "--chain",
                "chain.toml",
                "--artifacts",
                &artifacts(),
            ],
            "wrong_chain",
            "the node is on chain 31337, the description is of chain 7",
            "check chain_id and rpc_url of the description",
        )
        .await;
}

#[tokio::test]
async fn descriptions_and_keys_that_are_none() {
    let program = Program::new();
    let hint = "deploy/chains has descriptions with every key explained";
    program
        .refuses(
            &["deploy", "--chain", "nowhere.toml"],
            "chain_file",
            "nowhere.toml: No such file or directory (os error 2)",
            hint,
        )
        .await;
    program.file("chain.toml", EXAMPLE);
    let deploy = ["deploy", "--chain", "chain.toml", "--artifacts", "nowhere"];
    program
        .refuses(
            &deploy,
            "no_key",
            "the variable ZARATHUSTRA_DEPLOYER_KEY does not hold the deployer's key",
            "set it, or name a keystore in the description",
        )
        .await;
    program
        .refuses(
            &deploy[..3],
            "no_artifacts",
            &format!(
                "the compiled contracts are not known: {} lies in no checkout of the project",
                program.home().canonicalize().expect("a folder").display()
            ),
            "run this in the checkout, or name their folder with --artifacts",
        )
        .await;
    // What it holds is not repeated.
    let program = Program::new().with(KEY, "0xsecret");
    program.file("chain.toml", EXAMPLE);
    program
        .refuses(
            &deploy,
            "key_malformed",
            "the variable ZARATHUSTRA_DEPLOYER_KEY holds no key",
            "32 bytes of hexadecimal are expected",
        )
        .await;
}
