//! The part of `foundry.toml` that decides what the compiler makes of the sources.

use std::path::{Path, PathBuf};

use eyre::{Result, WrapErr as _, eyre};
use foundry_compilers::{
    artifacts::{BytecodeHash, EvmVersion, Optimizer, Remapping, Settings, SettingsMetadata},
    solc::{CliSettings, SolcSettings},
};
use serde::Deserialize;

/// The default profile of a Foundry project.
///
/// Reading the same file as forge keeps what is deployed equal to what forge tests.
#[derive(Debug, Deserialize)]
pub struct Profile {
    /// Folder of the sources, relative to the project.
    pub src: PathBuf,
    /// The compiler's program, relative to the project.
    pub solc: PathBuf,
    evm_version: String,
    optimizer: bool,
    optimizer_runs: usize,
    via_ir: bool,
    bytecode_hash: String,
    cbor_metadata: bool,
    #[serde(default)]
    allow_paths: Vec<PathBuf>,
    remappings: Vec<String>,
}

impl Profile {
    /// Reads `foundry.toml` in `project`.
    pub fn read(project: &Path) -> Result<Self> {
        #[derive(Deserialize)]
        struct File {
            profile: Profiles,
        }
        #[derive(Deserialize)]
        struct Profiles {
            default: Profile,
        }
        let path = project.join("foundry.toml");
        let text = std::fs::read_to_string(&path).wrap_err_with(|| path.display().to_string())?;
        let file: File = toml::from_str(&text).wrap_err_with(|| path.display().to_string())?;
        Ok(file.profile.default)
    }

    /// Import prefixes, with targets made absolute.
    pub fn remappings(&self, project: &Path) -> Result<Vec<Remapping>> {
        self.remappings
            .iter()
            .map(|text| {
                let mut remapping: Remapping = text.parse().wrap_err_with(|| text.clone())?;
                let target = project.join(&remapping.path);
                remapping.path = format!("{}/", target.display().to_string().trim_end_matches('/'));
                Ok(remapping)
            })
            .collect()
    }

    /// Folders outside the project that sources may be read from.
    pub fn allowed_paths(&self, project: &Path) -> Vec<PathBuf> {
        self.allow_paths
            .iter()
            .map(|path| project.join(path))
            .collect()
    }

    /// The compiler's settings, with every output that this program writes.
    pub fn compiler_settings(&self) -> Result<SolcSettings> {
        let invalid = |reason: String| eyre!("foundry.toml: {reason}");
        let evm: EvmVersion = self.evm_version.parse().map_err(invalid)?;
        let hash: BytecodeHash = self.bytecode_hash.parse().map_err(invalid)?;
        let settings = Settings {
            optimizer: Optimizer {
                enabled: Some(self.optimizer),
                runs: Some(self.optimizer_runs),
                details: None,
            },
            metadata: Some(SettingsMetadata::new(hash, self.cbor_metadata)),
            evm_version: Some(evm),
            via_ir: Some(self.via_ir),
            ..Settings::default()
        };
        Ok(SolcSettings {
            settings,
            cli_settings: CliSettings::default(),
        })
    }
}
