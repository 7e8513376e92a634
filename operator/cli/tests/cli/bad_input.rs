//! Bad input is refused soon, in its own words, with a code and a hint.

use crate::{
    node::{Node, write_addresses},
    program::Program,
};

const EXAMPLE: &str = include_str!("../../../../examples/x-squared/request.toml");

const REQUEST_HINT: &str = "`examples/x-squared/request.toml` shows every key";

#[tokio::test]
async fn a_malformed_request_file() {
    let program = Program::new();
    program.file("request.toml", "name = \"a\"\ndescription = \n");
    let message = "\
read the request file request.toml:
TOML parse error at line 2, column 15
  |
2 | description = 
  |               ^
string values must be quoted, expected literal string";
    program
        .refuses(
            &["request", "create", "request.toml"],
            "request_file",
            message,
            REQUEST_HINT,
        )
        .await;
}

#[tokio::test]
async fn an_unknown_key_in_a_request_file() {
    let program = Program::new();
    program.file("request.toml", format!("bounty = 3\n{EXAMPLE}"));
    let output = program.run(&["request", "create", "request.toml"]).await;
    assert_eq!(output.code, Some(1));
    assert!(
        output
            .stderr
            .contains("1 | bounty = 3\n  | ^^^^^^\nunknown field `bounty`"),
        "{}",
        output.stderr
    );
}

#[tokio::test]
async fn a_bound_that_is_none() {
    let program = Program::new();
    program.file("request.toml", EXAMPLE.replace("\"betting\"", "\"normal\""));
    let output = program.run(&["request", "create", "request.toml"]).await;
    assert_eq!(output.code, Some(1));
    let expected = "expected \"empirical-bernstein\" or \"betting\"";
    assert!(output.stderr.contains(expected), "{}", output.stderr);
}

#[tokio::test]
async fn a_plan_that_cannot_be_made() {
    let program = Program::new();
    program.file("request.toml", EXAMPLE);
    let plan = |arguments: &[&'static str]| {
        let mut all = vec!["request", "plan", "request.toml"];
        all.extend(arguments);
        all
    };
    // The lower bound has to reach 0.01.
    program
        .refuses(
            &plan(&["--improvement", "0.01"]),
            "improvement_too_small",
            "an improvement of 10000 millionths is not above the 10000 that the lower bound must reach",
            "ask for a larger --improvement, or lower terms.min_improvement",
        )
        .await;
    program
        .refuses(
            &plan(&["--improvement", "0.1", "--power", "1"]),
            "power",
            "a power of 1 is not between 0.5 and 1",
            "write --power 0.8",
        )
        .await;
    program
        .refuses(
            &plan(&["--improvement", "0.1", "--correlation", "2"]),
            "correlation",
            "2 is no correlation",
            "write --correlation 0.9",
        )
        .await;
    let output = program.run(&plan(&["--improvement", "a tenth"])).await;
    assert_eq!(output.code, Some(2));
    assert!(
        output.stderr.contains("\"a tenth\" is no number"),
        "{}",
        output.stderr
    );
}

#[tokio::test]
async fn an_amount_that_is_none() {
    let program = Program::new();
    program.file(
        "request.toml",
        EXAMPLE.replace("\"0.05 ether\"", "\"five ether\""),
    );
    let output = program.run(&["request", "create", "request.toml"]).await;
    assert_eq!(output.code, Some(1));
    let expected = "\"five ether\" is no amount; write 1000000, \"0.25 ether\" or \"2.5 tokens\"";
    assert!(output.stderr.contains(expected), "{}", output.stderr);
}

#[tokio::test]
async fn a_huge_request_file() {
    let program = Program::new();
    let path = program.file("request.toml", "");
    let file = std::fs::OpenOptions::new()
        .write(true)
        .open(path)
        .expect("opened");
    file.set_len(1 << 40).expect("a sparse file");
    program
        .refuses(
            &["request", "create", "request.toml"],
            "file_too_large",
            "request.toml has more than the 1048576 bytes that are read",
            "is this the right file?",
        )
        .await;
}

#[tokio::test]
async fn a_request_file_that_is_not_there() {
    let program = Program::new();
    program
        .refuses(
            &["request", "create", "none.toml"],
            "failed",
            "read none.toml: No such file or directory (os error 2)",
            "",
        )
        .await;
}

#[tokio::test]
async fn no_key_and_a_missing_keystore() {
    let program = Program::new();
    let commit = [
        "submission",
        "commit",
        "--request",
        "1",
        "--parameters",
        "p",
    ];
    program
        .refuses(
            &commit,
            "no_key",
            "this command sends a transaction and no key was named",
            "name a key with --keystore and --password-file; `zarathustra keys new` makes one",
        )
        .await;
    program.file("password", "secret\n");
    let key = ["--keystore", "none.json", "--password-file", "password"];
    program
        .refuses(
            &[&commit[..], &key[..]].concat(),
            "keystore_read",
            "read none.json: No such file or directory (os error 2)",
            "`zarathustra keys new` makes a keystore; the password is the first line of a file of your own",
        )
        .await;
    program.file("account.json", "{}");
    let key = ["--keystore", "account.json", "--password-file", "password"];
    let output = program.run(&[&commit[..], &key[..]].concat()).await;
    let expected = "error: account.json is no keystore of version 3: missing field `version`";
    assert!(output.stderr.starts_with(expected), "{}", output.stderr);
}

#[tokio::test]
async fn a_wrong_password() {
    let program = Program::new();
    program.file("password", "right\n");
    program
        .succeeds(&["keys", "new", "account.json", "--password-file", "password"])
        .await;
    program.file("wrong", "wrong\n");
    program
        .refuses(
            &[
                "request",
                "close",
                "1",
                "--keystore",
                "account.json",
                "--password-file",
                "wrong",
            ],
            "keystore_wrong_password",
            "the password does not open account.json",
            "check --password-file",
        )
        .await;
}

#[tokio::test]
async fn addresses_that_are_missing_malformed_or_of_another_chain() {
    let program = Program::new();
    let list = ["request", "list"];
    program
        .refuses(
            &list,
            "no_addresses",
            "the addresses file of the deployment was not named",
            "name it with --addresses or ZARATHUSTRA_ADDRESSES",
        )
        .await;
    program.file("bad.json", "[]");
    program
        .refuses(
            &[&list[..], &["--addresses", "bad.json"]].concat(),
            "addresses_file",
            "read the addresses file bad.json: invalid length 0, expected struct Addresses with 18 elements at line 1 column 2",
            "name the addresses file of the deployment with --addresses",
        )
        .await;

    let node = Node::start().await;
    let program = node.program();
    write_addresses(&program, 1);
    program
        .refuses(
            &list,
            "wrong_chain",
            "the node is on chain 31337, the addresses file on chain 1",
            "--rpc-url and --addresses belong to different chains",
        )
        .await;
}

#[tokio::test]
async fn a_node_that_is_not_there() {
    let program = Program::new();
    let addresses = write_addresses(&program, 31337);
    // Nothing listens on a port that was just given back.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .expect("a port")
        .local_addr()
        .expect("bound")
        .port();
    let url = format!("http://127.0.0.1:{port}");
    let output = program
        .run(&[
            "task",
            "list",
            "--rpc-url",
            &url,
            "--addresses",
            addresses.to_str().expect("text"),
        ])
        .await;
    assert_eq!(output.code, Some(1));
    assert!(
        output
            .stderr
            .starts_with("error: call the node: eth_chainId: "),
        "{}",
        output.stderr
    );
    assert!(
        output
            .stderr
            .ends_with("\nhint: is the node running? name its address with --rpc-url\n")
    );
}

#[tokio::test]
async fn an_address_that_is_no_node_s() {
    let program = Program::new();
    let addresses = write_addresses(&program, 31337);
    let addresses = addresses.to_str().expect("text");
    for (url, reason) in [
        ("nonsense", "does not begin with http:// or https://"),
        ("127.0.0.1:8545", "does not begin with http:// or https://"),
        (
            "ws://127.0.0.1:8545",
            "does not begin with http:// or https://",
        ),
        (
            "ftp://127.0.0.1:8545",
            "does not begin with http:// or https://",
        ),
        ("http://127.0.0.1:99999", "invalid port number"),
    ] {
        program
            .refuses(
                &[
                    "request",
                    "list",
                    "--rpc-url",
                    url,
                    "--addresses",
                    addresses,
                ],
                "rpc_url_malformed",
                &format!("{url:?} is not the address of a node: {reason}"),
                "--rpc-url takes an address such as http://127.0.0.1:8545",
            )
            .await;
    }
}

#[tokio::test]
async fn an_ipfs_node_that_is_not_there() {
    let program = Program::new();
    program.file("hello", "hello world");
    let output = program
        .run(&["ipfs", "add", "hello", "--ipfs", "http://127.0.0.1:1"])
        .await;
    assert_eq!(output.code, Some(1));
    assert!(
        output
            .stderr
            .starts_with("error: add a file to IPFS: the IPFS node failed to "),
        "{}",
        output.stderr
    );
    let hint = "hint: is an IPFS node running? start one with `zarathustra ipfs serve`, or name one with --ipfs\n";
    assert!(output.stderr.ends_with(hint), "{}", output.stderr);
    program
        .refuses(
            &["ipfs", "add", "hello", "--ipfs", "ftp://host"],
            "rpc_url_malformed",
            "\"ftp://host\" is not a node's RPC address: does not begin with http://",
            "--ipfs takes an address such as http://127.0.0.1:5001",
        )
        .await;
    let url = "http://127.0.0.1:99999";
    program
        .refuses(
            &["ipfs", "add", "hello", "--ipfs", url],
            "rpc_url_malformed",
            &format!("{url:?} is not a node's RPC address: the port is not a number up to 65535"),
            "--ipfs takes an address such as http://127.0.0.1:5001",
        )
        .await;
}

#[tokio::test]
async fn arguments_that_cannot_be_understood_exit_with_2() {
    let program = Program::new();
    for (arguments, words) in [
        (&["ipfs", "get", "nonsense", "-o", "f"][..], "not a CID"),
        (
            &["submission", "show", "minus"][..],
            "invalid digit found in string",
        ),
        (
            &["request", "topup", "1", "--fee", "much"][..],
            "\"much\" is no amount",
        ),
        (
            &[
                "evaluate",
                "--request",
                "1",
                "--parameters",
                "p",
                "--seed",
                "0x12",
            ][..],
            "--seed",
        ),
        (
            &[
                "request",
                "create",
                "r.toml",
                "--from",
                "0x0000000000000000000000000000000000000001",
            ][..],
            "--dry-run",
        ),
    ] {
        let output = program.run(arguments).await;
        assert_eq!(output.code, Some(2), "{arguments:?}");
        assert!(
            output.stderr.contains(words),
            "{arguments:?}: {}",
            output.stderr
        );
    }
}

#[tokio::test]
async fn arguments_that_cannot_be_understood_are_told_in_json_where_it_is_asked_for() {
    let program = Program::new();
    for (arguments, message, hint) in [
        (
            &["--json", "request", "show", "abc"][..],
            "invalid value 'abc' for '<ID>': invalid digit found in string",
            "For more information, try '--help'.",
        ),
        (
            &["request", "lst", "--json"][..],
            "unrecognized subcommand 'lst'",
            "tip: a similar subcommand exists: 'list'; Usage: zarathustra request [OPTIONS] \
             <COMMAND>; For more information, try '--help'.",
        ),
        (
            &["--json", "request"][..],
            "the command is not complete",
            "`--help` shows what is missing",
        ),
    ] {
        let output = program.run(arguments).await;
        assert_eq!(
            (output.code, output.stdout.as_str()),
            (Some(2), ""),
            "{arguments:?}"
        );
        let error: serde_json::Value = serde_json::from_str(&output.stderr).expect("JSON");
        let expected =
            serde_json::json!({ "error": { "code": "usage", "message": message, "hint": hint } });
        assert_eq!(error, expected, "{arguments:?}");
    }
    // Help is no error, and what stands behind `--` is no flag.
    let help = program.run(&["--json", "request", "--help"]).await;
    assert_eq!((help.code, help.stderr.as_str()), (Some(0), ""));
    let plain = program.run(&["request", "show", "--", "--json"]).await;
    assert_eq!(plain.code, Some(2));
    assert!(plain.stderr.starts_with("error: "), "{}", plain.stderr);
}

#[tokio::test]
async fn settings_that_replace_nothing_sensible() {
    let program = Program::new();
    program.file("request.toml", EXAMPLE);
    program
        .refuses(
            &["request", "create", "request.toml", "--set", "terms"],
            "setting_malformed",
            "--set terms: there is no =",
            "write --set terms.queue_cap=8",
        )
        .await;
}
