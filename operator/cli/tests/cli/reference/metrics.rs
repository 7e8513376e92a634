//! The metrics of `metrics.md`.

use zarathustra_node::Metrics;

use super::{MARK, table};

const INTRODUCTION: &str = "\
Attester, performer and aggregator serve the same pages, at the address of their setting `http.listen`.

## Metrics

`GET /metrics`, in the text format of Prometheus.
All roles have the same metrics; what a role does not do stays at 0.
A metric with labels appears when it first gets a value.
";

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
    format!(
        "# Metrics and health\n\n{MARK}\n\n{INTRODUCTION}\n{}",
        table(["Name", "Type", "Labels", "Help"], rows)
    )
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
