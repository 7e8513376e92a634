use std::path::{Path, PathBuf};

use zarathustra_eval::architecture::Architecture;

use crate::program::Program;

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../examples/x-squared")
        .join(name)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("text")
}

#[tokio::test]
async fn the_committed_baseline_is_what_its_command_makes() {
    let program = Program::new();
    let architecture = example("architecture.json");
    let arguments = [
        "model",
        "init",
        "--architecture",
        text(&architecture),
        "--seed",
        "1",
        "--output",
        "baseline",
    ];
    program.succeeds(&arguments).await;
    let made = std::fs::read(program.home().join("baseline")).expect("made");
    assert_eq!(
        made,
        std::fs::read(example("baseline.safetensors")).expect("committed")
    );
}

#[tokio::test]
async fn a_model_goes_to_keras_and_back() {
    let program = Program::new();
    let (architecture, baseline) = (
        example("architecture.json"),
        example("baseline.safetensors"),
    );
    let export = [
        "model",
        "export",
        "--architecture",
        text(&architecture),
        "--parameters",
        text(&baseline),
    ];
    program
        .succeeds(&[&export[..], &["-o", "keras"]].concat())
        .await;
    let import = [
        "model",
        "import",
        "--topology",
        "keras/topology.json",
        "--weights",
        "keras/weights.json",
    ];
    let printed = program
        .succeeds(&[&import[..], &["-o", "ours"]].concat())
        .await;
    let bytes = std::fs::read(&baseline).expect("committed");
    let ours = std::fs::read(program.home().join("ours/architecture.json")).expect("imported");
    assert_eq!(
        printed,
        format!(
            "ours/architecture.json  {} bytes\nours/parameters.safetensors  {} bytes\n",
            ours.len(),
            bytes.len()
        )
    );
    let again = [
        "model",
        "export",
        "--architecture",
        "ours/architecture.json",
    ];
    program
        .succeeds(
            &[
                &again[..],
                &["--parameters", "ours/parameters.safetensors", "-o", "again"],
            ]
            .concat(),
        )
        .await;
    for name in ["topology.json", "weights.json"] {
        let read =
            |folder: &str| std::fs::read(program.home().join(folder).join(name)).expect("exported");
        assert_eq!(read("keras"), read("again"), "{name}");
    }
}

#[tokio::test]
async fn keras_json_within_a_json_string_is_imported() {
    let program = Program::new();
    let plain = std::fs::read_to_string(example("keras-model.json")).expect("committed");
    let quoted = serde_json::to_string(&plain).expect("JSON");
    program.file("quoted.json", quoted);
    program
        .succeeds(&["model", "import", "--topology", "quoted.json", "-o", "."])
        .await;
    let read =
        |path: &Path| Architecture::from_json(&std::fs::read(path).expect("there")).expect("valid");
    let imported = read(&program.home().join("architecture.json"));
    let ours = read(&example("architecture.json"));
    assert_eq!(imported.parameters(), ours.parameters());
}

#[tokio::test]
async fn inspect_tells_what_a_model_holds() {
    let program = Program::new();
    let (architecture, baseline) = (
        example("architecture.json"),
        example("baseline.safetensors"),
    );
    let arguments = [
        "model",
        "inspect",
        "--architecture",
        text(&architecture),
        "--parameters",
        text(&baseline),
    ];
    let expected = "\
name             shape    elements
hidden_1.weight  [5, 1]   5
hidden_1.bias    [5]      5
hidden_2.weight  [10, 5]  50
hidden_2.bias    [10]     10
answer.weight    [1, 10]  10
answer.bias      [1]      1

inputs                    input [1] f32
output                    [1]
parameters                81, 324 bytes
multiply-adds per sample  1025
activations per sample    120 bytes
the given parameters      fit
";
    assert_eq!(program.succeeds(&arguments).await, expected);
}

#[tokio::test]
async fn what_does_not_fit_is_told() {
    let program = Program::new();
    let architecture = example("architecture.json");
    program.file("short", [1, 0, 0]);
    program
        .refuses(
            &[
                "model",
                "inspect",
                "--architecture",
                text(&architecture),
                "--parameters",
                "short",
            ],
            "safetensors_truncated",
            "short does not fit the architecture: file of 3 bytes ends before its header",
            "`zarathustra model inspect` shows what the architecture expects",
        )
        .await;
    program.file("bad.json", "{");
    program
        .refuses(
            &["model", "inspect", "--architecture", "bad.json"],
            "architecture_json",
            "read bad.json: read architecture: EOF while parsing an object at line 1 column 1",
            "",
        )
        .await;
}
