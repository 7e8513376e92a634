//! `ipfs serve`, and what goes through it.

use std::process::Stdio;

use alloy::primitives::{Address, B256, aliases::U96};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Child,
};
use zarathustra_chain::abi::model_submission::{
    IModelSubmission,
    IModelSubmissionTypes::{Champion, Content},
};
use zarathustra_content::ContentId;
use zarathustra_primitives::Digest;

use crate::{
    node::{MARKET, Node},
    program::Program,
};

/// A running IPFS node and its RPC address.
async fn serve(program: &Program) -> (Child, String) {
    let mut child = program.start(&["ipfs", "serve", "--listen", "127.0.0.1:0", "--json"]);
    let stdout = child.stdout.take().expect("piped");
    let line = BufReader::new(stdout)
        .lines()
        .next_line()
        .await
        .expect("read")
        .expect("a line");
    let told: Value = serde_json::from_str(&line).expect("JSON");
    assert!(
        told["swarm"][0]
            .as_str()
            .expect("an address")
            .starts_with("/ip4/127.0.0.1/tcp/")
    );
    (child, told["rpc"].as_str().expect("an address").to_owned())
}

#[tokio::test]
async fn a_file_is_served_added_and_fetched() {
    let program = Program::new();
    let (mut child, rpc) = serve(&program).await;
    program.file("hello", "hello world");
    let cid = program
        .succeeds(&["ipfs", "add", "hello", "--ipfs", &rpc])
        .await;
    assert_eq!(
        cid,
        "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e\n"
    );
    let get = ["ipfs", "get", cid.trim_end(), "-o", "back", "--ipfs", &rpc];
    assert_eq!(program.succeeds(&get).await, "11 bytes written to back\n");
    assert_eq!(
        std::fs::read(program.home().join("back")).expect("written"),
        b"hello world"
    );
    program
        .refuses(
            &[&get[..], &["--max-bytes", "10"]].concat(),
            "content_too_large",
            &format!(
                "fetch {id} from IPFS: {id} holds 11 bytes, more than the 10 allowed",
                id = cid.trim_end()
            ),
            "",
        )
        .await;

    let id = child.id().expect("it runs").to_string();
    let asked = tokio::process::Command::new("kill")
        .args(["-TERM", &id])
        .stdout(Stdio::null())
        .status();
    assert!(asked.await.expect("kill runs").success());
    assert!(child.wait().await.expect("it ends").success());
}

#[tokio::test]
async fn a_port_that_is_taken() {
    let program = Program::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("bound").to_string();
    program
        .refuses(
            &["ipfs", "serve", "--listen", &address],
            "failed",
            &format!("listen on {address}: Address already in use (os error 98)"),
            "",
        )
        .await;
}

/// Adds bytes and tells how the chain would name them.
async fn publish(program: &Program, rpc: &str, bytes: &[u8]) -> Content {
    program.file("file", bytes);
    let cid = program
        .succeeds(&["ipfs", "add", "file", "--ipfs", rpc])
        .await;
    let id: ContentId = cid.trim_end().parse().expect("a CID");
    Content {
        cid: id.to_bytes().to_vec().into(),
        digest: Digest::of(bytes).word(),
        size: bytes.len() as u64,
    }
}

fn named(content: &Content) -> Value {
    let cid = ContentId::from_bytes(&content.cid)
        .expect("a CID")
        .to_string();
    serde_json::json!({ "cid": cid, "sha256": Digest::new(content.digest.0).to_string(), "size": content.size })
}

#[tokio::test]
async fn what_an_optimizer_starts_from_is_fetched_and_checked() {
    let node = Node::start().await;
    let program = node.program();
    let (_child, rpc) = serve(&program).await;
    let architecture = publish(&program, &rpc, b"an architecture").await;
    let evaluator = publish(&program, &rpc, b"an evaluator").await;
    let champion = publish(&program, &rpc, b"a champion").await;
    let manifest = serde_json::json!({
        "version": 1, "kind": "improve", "name": "n", "description": "d",
        "architecture": named(&architecture), "evaluator": named(&evaluator),
        "samples": 4096, "score_range": [-1_000_000, 1_000_000], "alpha_ppb": 1_000_000,
        "bound": "empirical-bernstein",
        "limits": {
            "parameter_bytes": 1000, "parameters": 100, "macs_per_sample": 100,
            "activation_bytes": 65536, "fuel": 1000, "memory_bytes": 1000, "wall_seconds": 10,
        },
    });
    let manifest = publish(&program, &rpc, manifest.to_string().as_bytes()).await;
    let mut terms = crate::chain::terms();
    node.answers(
        MARKET,
        &IModelSubmission::termsCall { requestId: 1 },
        &terms,
    )
    .answers(
        MARKET,
        &IModelSubmission::manifestCall { requestId: 1 },
        &manifest,
    )
    .answers(
        MARKET,
        &IModelSubmission::championCall { requestId: 1 },
        &first(champion.clone()),
    );
    let fetch = ["request", "fetch", "1", "-o", "out", "--ipfs", &rpc];
    program.succeeds(&fetch).await;
    for (name, bytes) in [
        ("architecture.json", &b"an architecture"[..]),
        ("champion.safetensors", b"a champion"),
        ("evaluator.wasm", b"an evaluator"),
    ] {
        assert_eq!(
            std::fs::read(program.home().join("out").join(name)).expect("written"),
            bytes,
            "{name}"
        );
    }

    let altered = Content {
        digest: B256::repeat_byte(9),
        ..champion.clone()
    };
    node.answers(
        MARKET,
        &IModelSubmission::championCall { requestId: 1 },
        &first(altered),
    );
    let output = program.run(&fetch).await;
    assert_eq!(output.code, Some(1));
    let cid = ContentId::from_bytes(&champion.cid).expect("a CID");
    let expected = format!(
        "error: {cid} is not the champion whose digest was promised\n\
         hint: operators will find the same; do not submit to this request\n"
    );
    assert!(output.stderr.ends_with(&expected), "{}", output.stderr);

    terms.minSamples = 5000;
    node.answers(
        MARKET,
        &IModelSubmission::termsCall { requestId: 1 },
        &terms,
    );
    let output = program.run(&fetch).await;
    let expected = "error: the request's manifest is unusable: manifest field samples does not fit the terms of the request\n";
    assert!(output.stderr.contains(expected), "{}", output.stderr);
}

fn first(content: Content) -> Champion {
    Champion {
        content,
        submissionId: 0,
        since: 0,
        score: 0,
    }
}

#[tokio::test]
async fn a_commitment_leaves_its_salt_on_disk_when_the_node_fails() {
    let node = Node::start().await;
    let program = node.program();
    let (_child, rpc) = serve(&program).await;
    node.answers(
        MARKET,
        &IModelSubmission::termsCall { requestId: 1 },
        &crate::chain::terms(),
    )
    .answers(
        MARKET,
        &IModelSubmission::requestCall { requestId: 1 },
        &crate::chain::request(),
    )
    .answers(
        MARKET,
        &IModelSubmission::depositOfCall { requestId: 1 },
        &U96::from(1),
    );
    program.file("password", "secret\n");
    program.file("p", "parameters");
    let made = program
        .json(&["keys", "new", "account.json", "--password-file", "password"])
        .await;
    let sender: Address = made["address"]
        .as_str()
        .expect("an address")
        .parse()
        .expect("an address");
    let output = program
        .run(&[
            "submission",
            "commit",
            "--request",
            "1",
            "--parameters",
            "p",
            "--ipfs",
            &rpc,
            "--keystore",
            "account.json",
            "--password-file",
            "password",
        ])
        .await;
    // The node does not take transactions.
    assert_eq!(output.code, Some(1));
    assert!(
        output.stderr.contains("eth_estimateGas"),
        "{}",
        output.stderr
    );
    let folder = program.home().join(".zarathustra/openings");
    let mut files = std::fs::read_dir(folder)
        .expect("there")
        .map(|entry| entry.expect("readable").path());
    let opening: Value =
        serde_json::from_slice(&std::fs::read(files.next().expect("an opening")).expect("read"))
            .expect("JSON");
    assert_eq!(opening["request"], 1);
    assert_eq!(
        opening["sender"].as_str().expect("text").parse(),
        Ok(sender)
    );
    assert_eq!(opening["size"], 10);
}
