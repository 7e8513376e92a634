//! The health pages of `metrics.md`: what they answer is asked of them.

use serde_json::Value;
use zarathustra_node::{Health, Metrics, http};

use super::table;

const INTRODUCTION: &str = "
## Health

`GET`, on the same address.
`/healthz` says that the process answers, `/readyz` what it waits for; the pages below `/eigen` are those of the AVS node specification v0.0.1.
Status of each page, by how the services of the role are:
";

const ANSWERS: &str = "
The pages below `/eigen` answer 404 to a `?version=` other than `v0.0.1`.
Answers while the service `chain` works, `content` does not, and `aggregation` has not worked yet:
";

const PATHS: [&str; 6] = [
    "/healthz",
    "/readyz",
    "/eigen/node",
    "/eigen/node/health",
    "/eigen/node/services",
    "/eigen/node/services/chain/health",
];

pub async fn section() -> String {
    let (url, health) = serve().await;
    let none_yet = statuses(&url).await;
    for service in ["chain", "content", "aggregation"] {
        health.up(service);
    }
    let all = statuses(&url).await;
    health.down("chain", "node_unreachable");
    let one_down = statuses(&url).await;
    health.down("content", "ipfs_node_failed");
    health.down("aggregation", "stopped");
    let none = statuses(&url).await;
    let rows = PATHS.iter().enumerate().map(|(index, path)| {
        let of = |column: &Vec<u16>| column[index].to_string();
        [
            format!("`{path}`"),
            of(&none_yet),
            of(&all),
            of(&one_down),
            of(&none),
        ]
    });
    let head = [
        "Page",
        "none has worked yet",
        "all work",
        "`chain` does not work",
        "none works",
    ];
    let statuses = table(head, rows);

    let (url, health) = serve().await;
    health.up("chain");
    health.down("content", "ipfs_node_failed");
    let mut answers = String::new();
    for path in ["/readyz", "/eigen/node", "/eigen/node/services"] {
        let answer = get(&url, path).await.json::<Value>().await.expect("JSON");
        let json = serde_json::to_string_pretty(&answer).expect("JSON");
        answers.push_str(&format!("\n`{path}`:\n\n```json\n{json}\n```\n"));
    }
    format!("{INTRODUCTION}\n{statuses}{ANSWERS}{answers}")
}

/// The pages of a role whose services have not worked yet.
async fn serve() -> (String, Health) {
    let health = Health::default();
    health.declare("chain", "Chain", "Follows the chain");
    health.declare(
        "content",
        "Content",
        "Fetches, pins and serves files on IPFS",
    );
    health.declare("aggregation", "Aggregation", "Takes claims and votes");
    let metrics = Metrics::new("test").expect("metrics");
    let router = http::pages("operator-1", health.clone(), metrics);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, health)
}

async fn get(url: &str, path: &str) -> reqwest::Response {
    reqwest::get(format!("{url}{path}"))
        .await
        .expect("an answer")
}

async fn statuses(url: &str) -> Vec<u16> {
    let mut statuses = Vec::new();
    for path in PATHS {
        statuses.push(get(url, path).await.status().as_u16());
    }
    statuses
}
