//! `docs/reference/cli.md` is written from the program's own help.

use std::path::Path;

/// Set to write the file anew.
const BLESS: &str = "ZARATHUSTRA_BLESS";

#[test]
fn the_reference_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/cli.md");
    let written = zarathustra_cli::reference();
    if std::env::var_os(BLESS).is_some_and(|value| value == "1") {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(&path, &written).expect("written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == written,
        "docs/reference/cli.md differs from the program's help; write it anew with \
         `{BLESS}=1 cargo test -p zarathustra-cli reference`"
    );
}
