//! Every seed through its target, on the stable toolchain and without libFuzzer.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use zarathustra_fuzz::TARGETS;

/// No input of a few kilobytes may take this long, also where nothing is optimised.
const PATIENCE: Duration = Duration::from_secs(10);

fn seeds(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("seeds")
        .join(target);
    let files = fs::read_dir(&folder).expect("every target has seeds");
    let mut seeds: Vec<_> = files
        .map(|file| {
            let path = file.expect("a file").path();
            let bytes = fs::read(&path).expect("a file");
            (path, bytes)
        })
        .collect();
    seeds.sort();
    seeds
}

#[test]
fn every_seed_holds() {
    for target in TARGETS {
        let seeds = seeds(target.name);
        assert!(!seeds.is_empty(), "{} has no seeds", target.name);
        for (path, bytes) in seeds {
            assert!(bytes.len() <= target.max_bytes, "{}", path.display());
            let started = Instant::now();
            (target.run)(&bytes);
            assert!(started.elapsed() < PATIENCE, "{}", path.display());
        }
    }
}

/// Seeds are mostly refused if they rot, and then nothing would show it.
#[test]
fn every_target_has_a_seed_that_is_accepted() {
    use zarathustra_eval::architecture::Architecture;
    use zarathustra_eval::manifest::Manifest;
    use zarathustra_eval::wire::{self, Job, Reply};
    use zarathustra_eval::{keras, parameters, safetensors};
    use zarathustra_primitives::{EvaluationResult, SampleScores};

    let x_squared = fs::read(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/x-squared/architecture.json"),
    )
    .expect("the example");
    let x_squared = Architecture::from_json(&x_squared).expect("valid");
    let framed = |mut bytes: &[u8]| wire::read_frame(&mut bytes, wire::MAX_JOB_BYTES);
    for target in TARGETS {
        let accepted = |bytes: &[u8]| match target.name {
            "architecture" => Architecture::from_json(bytes).is_ok(),
            "safetensors" => safetensors::read(bytes).is_ok(),
            "parameters" => parameters::read(bytes, &x_squared).is_ok(),
            "keras" => keras::import_architecture(bytes).is_ok(),
            "keras_weights" => keras::import_weights(bytes, &x_squared).is_ok(),
            "manifest" => Manifest::from_json(bytes).is_ok(),
            "result" => EvaluationResult::decode(bytes).is_ok(),
            "scores" => SampleScores::from_file(bytes).is_ok(),
            "job" => framed(bytes).is_ok_and(|job| serde_json::from_slice::<Job>(&job).is_ok()),
            "reply" => {
                framed(bytes).is_ok_and(|reply| serde_json::from_slice::<Reply>(&reply).is_ok())
            }
            other => panic!("{other} is not known here"),
        };
        assert!(
            seeds(target.name).iter().any(|(_, bytes)| accepted(bytes)),
            "no seed of {} is accepted",
            target.name
        );
    }
}
