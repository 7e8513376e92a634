//! The metrics of `metrics.md`.

use std::path::Path;

use zarathustra_node::Metrics;

use super::{MARK, root, table};

const INTRODUCTION: &str = "\
Attester, performer and aggregator serve the same pages, at the address of their setting `http.listen`.

## Metrics

`GET /metrics`, in the text format of Prometheus.
All roles have the same metrics; what a role does not do stays at 0.
A metric with labels appears when it first gets a value.
";

/// Where roles set metrics.
const SOURCES: [&str; 5] = [
    "aggregator/src",
    "attester/src",
    "performer/src",
    "operator/chain/src",
    "operator/improve/src",
];

/// Metrics of the AVS node specification, and the fields that hold them.
const OF_THE_NODE_SPECIFICATION: [(&str, &str); 4] = [
    ("eigen_registered_stakes", "eigen_stakes"),
    ("eigen_performance_score", "eigen_score"),
    ("eigen_rpc_request_duration_seconds", "eigen_rpc_seconds"),
    ("eigen_rpc_request_total", "eigen_rpc_total"),
];

pub fn section() -> String {
    let metrics = Metrics::new("test").expect("metrics");
    let code = |text: &str| format!("`{text}`");
    let rows = metrics.descriptions().iter().map(|metric| {
        let labels: Vec<_> = metric.labels.iter().map(|label| code(label)).collect();
        [
            code(&metric.name),
            metric.kind.to_owned(),
            labels.join(", "),
            metric.help.clone(),
        ]
    });
    let mut text = format!(
        "# Metrics and health\n\n{MARK}\n\n{INTRODUCTION}\n{}",
        table(["Name", "Type", "Labels", "Help"], rows)
    );
    let unset: Vec<_> = OF_THE_NODE_SPECIFICATION
        .iter()
        .filter(|(_, field)| {
            !SOURCES
                .iter()
                .any(|folder| stands_in(&root().join(folder), field))
        })
        .map(|(name, _)| code(name))
        .collect();
    if !unset.is_empty() {
        text.push_str(&format!(
            "\nRegistered, but measured by no role yet: {}.\n",
            unset.join(", ")
        ));
    }
    text
}

fn stands_in(folder: &Path, field: &str) -> bool {
    std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .any(|path| {
            if path.is_dir() {
                stands_in(&path, field)
            } else {
                let text = std::fs::read_to_string(&path).expect("a source file");
                text.contains(&format!(".{field}"))
            }
        })
}

#[test]
fn the_table_holds_what_the_page_serves() {
    let metrics = Metrics::new("test").expect("metrics");
    metrics.votes.with_label_values(&["approve"]).inc();
    let served = metrics.render().expect("text");
    let described = |name: &str| {
        metrics
            .descriptions()
            .iter()
            .any(|metric| metric.name == name)
    };
    let mut names = 0;
    for line in served.lines() {
        if let Some((name, _)) = line
            .strip_prefix("# TYPE ")
            .and_then(|rest| rest.split_once(' '))
        {
            assert!(described(name), "{name}");
            names += 1;
        }
    }
    assert!(names > 0, "{served}");
    assert!(served.contains("# TYPE zarathustra_votes_total counter\n"));
}
