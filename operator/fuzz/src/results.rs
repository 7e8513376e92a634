//! Manifests, results and sample scores.

use zarathustra_eval::manifest::Manifest;
use zarathustra_primitives::{EvaluationResult, SampleScores};

pub fn manifest(bytes: &[u8]) {
    let Ok(manifest) = Manifest::from_json(bytes) else {
        return;
    };
    let text = manifest.to_json();
    let again = Manifest::from_json(text.as_bytes()).expect("what was written is read");
    assert_eq!(again, manifest);
    assert_eq!(again.to_json(), text);
}

/// A result has one encoding, so what is decoded is the bytes themselves.
pub fn result(bytes: &[u8]) {
    if let Ok(result) = EvaluationResult::decode(bytes) {
        assert_eq!(result.encode().as_slice(), bytes);
    }
}

/// So has a file of scores.
pub fn scores(bytes: &[u8]) {
    if let Ok(scores) = SampleScores::from_file(bytes) {
        assert_eq!(scores.to_file(), bytes);
        scores.root();
    }
}
