//! The request manifest (5.9): what an owner asks to be evaluated, and within which limits.

use serde::{Deserialize, Serialize};
use zarathustra_primitives::{Alpha, Bound, Digest, MAX_SAMPLES, Score, ScoreRange};

use crate::cost::{Cost, REFERENCE_MACS_PER_SECOND};
use crate::parameters::Expected;

/// Largest manifest that is read.
pub const MAX_MANIFEST_BYTES: usize = 64 << 10;
/// Largest evaluator that a manifest may name.
pub const MAX_EVALUATOR_BYTES: u64 = 256 << 20;

const VERSION: u32 = 1;
const KIND: &str = "improve";
const MAX_CID_CHARS: usize = 128;

/// Why a manifest is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// The file is larger than [`MAX_MANIFEST_BYTES`].
    #[error("manifest of {bytes} bytes is larger than {MAX_MANIFEST_BYTES}")]
    TooLong {
        /// Size of the file.
        bytes: usize,
    },
    /// The file is not JSON of the expected form.
    #[error("read manifest: {0}")]
    Json(String),
    /// A field has a value that is not allowed.
    #[error("manifest field {field} has to be {expected}")]
    Field {
        /// The field.
        field: &'static str,
        /// What it may be.
        expected: &'static str,
    },
    /// The manifest contradicts the terms of the request on chain.
    #[error("manifest field {field} does not fit the terms of the request")]
    Terms {
        /// The field.
        field: &'static str,
    },
}

impl ManifestError {
    /// Stable name of the reason.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "manifest_too_long",
            Self::Json(_) => "manifest_json",
            Self::Field { .. } => "manifest_field",
            Self::Terms { .. } => "manifest_terms",
        }
    }
}

/// What manifests and request files call a bound; empty for [`Bound::None`], which none asks for.
pub const fn bound_name(bound: Bound) -> &'static str {
    match bound {
        Bound::None => "",
        Bound::EmpiricalBernstein => "empirical-bernstein",
        Bound::Betting => "betting",
    }
}

/// The bound of a name in a manifest.
pub fn bound_named(name: &str) -> Option<Bound> {
    let mut bounds = Bound::ALL.iter().copied();
    bounds.find(|bound| *bound != Bound::None && bound_name(*bound) == name)
}

/// A file that the manifest pins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContentRef {
    /// Where it is found, in text form. Not checked here.
    pub cid: String,
    /// Digest of its bytes.
    pub sha256: Digest,
    /// Its size in bytes.
    pub size: u64,
}

impl ContentRef {
    /// A file that nobody looks for on IPFS: the CID is that of nothing.
    pub fn unpublished(bytes: &[u8]) -> Self {
        let Expected { sha256, size } = Expected::of(bytes);
        Self {
            cid: "bafkqaaa".to_owned(),
            sha256,
            size,
        }
    }

    /// Whether these bytes are the pinned ones.
    pub fn matches(&self, bytes: &[u8]) -> bool {
        bytes.len() as u64 == self.size && Digest::of(bytes) == self.sha256
    }

    /// Size and digest.
    pub const fn expected(&self) -> Expected {
        Expected {
            sha256: self.sha256,
            size: self.size,
        }
    }
}

/// What an evaluation may use at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Size of a parameters file.
    pub parameter_bytes: u64,
    /// Number of parameters.
    pub parameters: u64,
    /// Multiply-adds of the model for one sample.
    pub macs_per_sample: u64,
    /// Bytes that values and working memory of one sample occupy at a time.
    pub activation_bytes: u64,
    /// Fuel of the evaluator for one model; see the host's price list.
    pub fuel: u64,
    /// Memory of the evaluator, the tensors that it holds included.
    pub memory_bytes: u64,
    /// Time for the whole evaluation. Running out of it is local and never claimed.
    pub wall_seconds: u64,
}

impl Limits {
    /// Whether the reference engine, the slower one, uses up the fuel of both models within the
    /// wall time: then a program that never ends runs out of fuel, at its owner's cost, and not
    /// out of time, at the operators'.
    pub const fn fuel_fits_wall(&self) -> bool {
        const MODELS: u128 = 2;
        MODELS * self.fuel as u128 <= self.wall_seconds as u128 * REFERENCE_MACS_PER_SECOND as u128
    }

    /// The first limit that an architecture by itself exceeds.
    pub const fn exceeded_by(&self, cost: &Cost) -> Option<&'static str> {
        if cost.parameters > self.parameters {
            Some("parameters")
        } else if cost.parameter_bytes > self.parameter_bytes {
            Some("parameter_bytes")
        } else if cost.macs_per_sample > self.macs_per_sample {
            Some("macs_per_sample")
        } else if cost.activation_bytes > self.activation_bytes {
            Some("activation_bytes")
        } else {
            None
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    kind: String,
    name: String,
    description: String,
    architecture: ContentRef,
    evaluator: ContentRef,
    samples: u32,
    score_range: [i64; 2],
    alpha_ppb: u32,
    bound: String,
    limits: Limits,
}

/// A checked request manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// What the request is called.
    pub name: String,
    /// What it is about.
    pub description: String,
    /// The models' architecture.
    pub architecture: ContentRef,
    /// The evaluation program.
    pub evaluator: ContentRef,
    /// Number of samples; from 2 to [`MAX_SAMPLES`].
    pub samples: u32,
    /// Range of a sample score.
    pub score_range: ScoreRange,
    /// Error probability of the bound.
    pub alpha: Alpha,
    /// The bound of the improvement.
    pub bound: Bound,
    /// Limits of the evaluation.
    pub limits: Limits,
}

impl Manifest {
    /// Reads and checks a manifest.
    ///
    /// # Errors
    /// When the bytes are too many, not the expected JSON, or a value is out of range.
    pub fn from_json(bytes: &[u8]) -> Result<Self, ManifestError> {
        if bytes.len() > MAX_MANIFEST_BYTES {
            return Err(ManifestError::TooLong { bytes: bytes.len() });
        }
        let file: File = serde_json::from_slice(bytes)
            .map_err(|error| ManifestError::Json(crate::text::brief(&error.to_string())))?;
        let require = |holds: bool, field, expected| {
            if holds {
                Ok(())
            } else {
                Err(ManifestError::Field { field, expected })
            }
        };
        require(file.version == VERSION, "version", "1")?;
        require(file.kind == KIND, "kind", "\"improve\"")?;
        let bound = bound_named(&file.bound).ok_or(ManifestError::Field {
            field: "bound",
            expected: "\"empirical-bernstein\" or \"betting\"",
        })?;
        require(
            (2..=MAX_SAMPLES).contains(&file.samples),
            "samples",
            "2 to 1048576",
        )?;
        let [lo, hi] = file.score_range.map(Score::from_micros);
        let score_range = ScoreRange::new(lo, hi).map_err(|_| ManifestError::Field {
            field: "score_range",
            expected: "two integers in ascending order, at most 2^53 in magnitude",
        })?;
        let alpha = Alpha::from_ppb(file.alpha_ppb).map_err(|_| ManifestError::Field {
            field: "alpha_ppb",
            expected: "1 to 100000000",
        })?;
        let Limits {
            parameter_bytes,
            parameters,
            macs_per_sample,
            activation_bytes,
            fuel,
            memory_bytes,
            wall_seconds,
        } = file.limits;
        let all = [
            parameter_bytes,
            parameters,
            macs_per_sample,
            activation_bytes,
            fuel,
            memory_bytes,
            wall_seconds,
        ];
        require(!all.contains(&0), "limits", "positive")?;
        require(
            file.limits.fuel_fits_wall(),
            "limits.fuel",
            "at most 125000000 for each of wall_seconds",
        )?;
        for (content, field) in [
            (&file.architecture, "architecture"),
            (&file.evaluator, "evaluator"),
        ] {
            let fits = (1..=MAX_CID_CHARS).contains(&content.cid.len()) && content.size > 0;
            require(fits, field, "a CID, a digest and a size")?;
        }
        let fits = file.evaluator.size <= MAX_EVALUATOR_BYTES;
        require(fits, "evaluator", "at most 268435456 bytes")?;
        Ok(Self {
            name: file.name,
            description: file.description,
            architecture: file.architecture,
            evaluator: file.evaluator,
            samples: file.samples,
            score_range,
            alpha,
            bound,
            limits: file.limits,
        })
    }

    /// The manifest file: one form for one manifest, indented, with a final newline.
    pub fn to_json(&self) -> String {
        let file = File {
            version: VERSION,
            kind: KIND.to_owned(),
            name: self.name.clone(),
            description: self.description.clone(),
            architecture: self.architecture.clone(),
            evaluator: self.evaluator.clone(),
            samples: self.samples,
            score_range: [
                self.score_range.lo().micros(),
                self.score_range.hi().micros(),
            ],
            alpha_ppb: self.alpha.ppb(),
            bound: bound_name(self.bound).to_owned(),
            limits: self.limits,
        };
        let mut text = serde_json::to_string_pretty(&file).expect("text and numbers are JSON");
        text.push('\n');
        text
    }

    /// Checks the manifest against the terms of its request on chain.
    ///
    /// # Errors
    /// When the error probability differs or the samples are fewer than the request needs.
    pub const fn check_terms(&self, alpha: Alpha, min_samples: u32) -> Result<(), ManifestError> {
        if self.alpha.ppb() != alpha.ppb() {
            return Err(ManifestError::Terms { field: "alpha_ppb" });
        }
        if self.samples < min_samples {
            return Err(ManifestError::Terms { field: "samples" });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
