use std::io::ErrorKind;
use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, LandlockStatus, PathBeneath, PathFd,
    PathFdError, Ruleset, RulesetAttr, RulesetCreatedAttr, Scope,
};
use zarathustra_eval::wire::Device;

/// The least version that is accepted.
const LEAST: ABI = ABI::V1;
/// The newest version that is asked for; an older kernel enforces what it knows of it.
const NEWEST: ABI = ABI::V6;
/// Read by libtorch and the standard library to count processors.
const PROCESSORS: &str = "/sys/devices/system/cpu";

/// Why Landlock is not in force.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// The kernel lacks what the least version has, or refused.
    #[error(transparent)]
    Landlock(#[from] landlock::RulesetError),
    /// A path of the job cannot be opened.
    #[error(transparent)]
    Path(#[from] landlock::PathFdError),
    /// What a device's driver needs could not be looked up.
    #[error("look for the device: {0}")]
    Device(std::io::Error),
    /// The kernel has no Landlock, or it is switched off.
    #[error("the kernel has none: {0:?}")]
    Absent(LandlockStatus),
}

/// Lets only these files be opened, and only for reading; and those of the device, for which the
/// newest version is required. Returns the version in force.
pub fn restrict(files: &[&Path], device: Device) -> Result<u32, FilesError> {
    // With a device more calls are answered, and what these could do is for Landlock to refuse.
    let newest = match device {
        Device::Cpu => CompatLevel::BestEffort,
        Device::Cuda => CompatLevel::HardRequirement,
    };
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(LEAST))?
        .set_compatibility(newest)
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()?;
    for file in files {
        let opened = match PathFd::new(file) {
            // A file that is gone cannot be opened later either; who reads it says so.
            Err(PathFdError::OpenCall { source, .. }) if source.kind() == ErrorKind::NotFound => {
                continue;
            }
            opened => opened?,
        };
        ruleset = ruleset.add_rule(PathBeneath::new(opened, AccessFs::ReadFile))?;
    }
    if Path::new(PROCESSORS).exists() {
        let read = AccessFs::ReadFile | AccessFs::ReadDir;
        ruleset = ruleset.add_rule(PathBeneath::new(PathFd::new(PROCESSORS)?, read))?;
    }
    if device == Device::Cuda {
        for path in super::device::reads().map_err(FilesError::Device)? {
            let within = if path.is_dir() {
                AccessFs::ReadFile | AccessFs::ReadDir
            } else {
                AccessFs::ReadFile.into()
            };
            ruleset = ruleset.add_rule(PathBeneath::new(PathFd::new(path)?, within))?;
        }
        for path in super::device::devices().map_err(FilesError::Device)? {
            let control = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::IoctlDev;
            ruleset = ruleset.add_rule(PathBeneath::new(PathFd::new(path)?, control))?;
        }
    }
    match ruleset.restrict_self()?.landlock {
        LandlockStatus::Available { effective_abi, .. } => Ok(effective_abi as u32),
        absent => Err(FilesError::Absent(absent)),
    }
}
