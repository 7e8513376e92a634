//! The pages below `docs/reference` are written from what the code says of itself.

mod health;
mod metrics;
mod reasons;
mod schema;

use std::path::{Path, PathBuf};

/// Set to write the pages anew.
const BLESS: &str = "ZARATHUSTRA_BLESS";

/// What stands below a page's title.
const MARK: &str = "<!-- Written from the code by `ZARATHUSTRA_BLESS=1 cargo test -p zarathustra-cli reference`. -->";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Compares a page with the committed one.
fn check(name: &str, written: &str) {
    let path = root().join("docs/reference").join(name);
    if std::env::var_os(BLESS).is_some_and(|value| value == "1") {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(&path, written).expect("written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == written,
        "docs/reference/{name} differs from the code; write it anew with \
         `{BLESS}=1 cargo test -p zarathustra-cli reference`"
    );
}

/// A Markdown table; cells may hold anything.
fn table<const N: usize>(head: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let line = |cells: [String; N]| format!("| {} |\n", cells.join(" | "));
    let mut text = line(head.map(str::to_owned));
    text.push_str(&format!("|{}\n", "---|".repeat(N)));
    for row in rows {
        text.push_str(&line(row.map(|cell| cell.replace('|', "\\|"))));
    }
    text
}

#[test]
fn the_command_line_is_up_to_date() {
    check("cli.md", &zarathustra_cli::reference());
}

#[test]
fn the_reasons_are_up_to_date() {
    check("reasons.md", &reasons::page());
}

#[tokio::test]
async fn the_metrics_are_up_to_date() {
    let page = format!("{}{}", metrics::section(), health::section().await);
    check("metrics.md", &page);
}
