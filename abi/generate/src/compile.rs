//! Compiles the Foundry project with the foundry-compilers library.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use eyre::{Result, bail, eyre};
use foundry_compilers::{
    ConfigurableArtifacts, Project, ProjectBuilder, ProjectPathsConfig,
    artifacts::{BytecodeObject, ConfigurableContractArtifact},
    solc::{Solc, SolcCompiler},
    utils,
};
use serde::Serialize;

use crate::settings::Profile;

/// Contracts of libraries that a deployment uses as they are.
const FROM_LIBRARIES: [&str; 4] = [
    "node_modules/@openzeppelin/contracts/access/manager/AccessManager.sol",
    "node_modules/@openzeppelin/contracts/proxy/beacon/UpgradeableBeacon.sol",
    "node_modules/@openzeppelin/contracts/proxy/transparent/ProxyAdmin.sol",
    "node_modules/@openzeppelin/contracts/proxy/transparent/TransparentUpgradeableProxy.sol",
];

/// What the compiler made of one contract or interface.
#[derive(Debug)]
pub struct Compiled {
    /// Whether its ABI belongs into the tree.
    pub published: bool,
    /// Creation and run-time code, of a contract that can be deployed.
    pub code: Option<Code>,
    artifact: ConfigurableContractArtifact,
}

impl Compiled {
    /// The ABI, in the order that forge writes it.
    pub fn abi(&self) -> impl Serialize + '_ {
        &self.artifact.abi
    }
}

/// Code of a contract that can be deployed, as `0x` hexadecimal.
#[derive(Debug)]
pub struct Code {
    /// What a deployment sends, before the constructor's arguments.
    pub creation: String,
    /// What lies at the address afterwards (immutables still zero).
    pub deployed: String,
}

/// Compiles the project in `project` and returns what deployments and bindings need, by name.
///
/// Warnings are left to `forge build`, which denies them. Compiled sources are kept in `cache`;
/// an unchanged source is not compiled again.
pub fn compile(project: &Path, cache: &Path) -> Result<BTreeMap<String, Compiled>> {
    let profile = Profile::read(project)?;
    let sources = project.join(&profile.src);
    let libraries = FROM_LIBRARIES.map(|path| project.join(path));
    if let Some(missing) = libraries.iter().find(|path| !path.is_file()) {
        bail!(
            "{} is missing: run `cargo xtask setup` first",
            missing.display()
        );
    }
    let files: Vec<PathBuf> = utils::source_files(&sources, &["sol"])
        .into_iter()
        .chain(libraries)
        .collect();

    let output = foundry_project(project, cache, &profile, &sources)?.compile_files(files)?;
    if output.has_compiler_errors() {
        let errors = output.into_output().errors;
        let errors = errors.iter().filter(|error| error.severity.is_error());
        let text: Vec<String> = errors.map(ToString::to_string).collect();
        bail!("the contracts do not compile\n{}", text.join("\n"));
    }

    let mut compiled = BTreeMap::new();
    for (id, artifact) in output.into_artifacts() {
        let own = id.source.strip_prefix(&sources).ok();
        if own.is_none() && !FROM_LIBRARIES.iter().any(|path| id.source.ends_with(path)) {
            continue;
        }
        let code = code(&id.name, &artifact)?;
        let published = own.is_some_and(|source| is_published(source, &id.name, code.is_some()));
        if compiled
            .insert(
                id.name.clone(),
                Compiled {
                    published,
                    code,
                    artifact,
                },
            )
            .is_some()
        {
            bail!("two contracts are called {}: names must be unique", id.name);
        }
    }
    Ok(compiled)
}

/// Whether the ABI of `name` in `source` (relative to the sources) belongs into the tree: what
/// gives its file the name, if it is an interface or a contract that can be deployed. The rest
/// are parts of these.
fn is_published(source: &Path, name: &str, deployable: bool) -> bool {
    let folder = source.parent().and_then(Path::to_str).unwrap_or_default();
    source.file_stem().is_some_and(|stem| stem == name)
        && match folder {
            "" | "compat" | "devnet" => deployable,
            _ => folder.starts_with("interfaces"),
        }
}

fn foundry_project(
    root: &Path,
    cache: &Path,
    profile: &Profile,
    sources: &Path,
) -> Result<Project<SolcCompiler>> {
    let paths = ProjectPathsConfig::builder()
        .root(root)
        .sources(sources)
        .artifacts(cache.join("out"))
        .cache(cache.join("cache.json"))
        .no_libs()
        .remappings(profile.remappings(root)?)
        .allowed_paths(profile.allowed_paths(root))
        .build()?;
    let solc = Solc::new(root.join(&profile.solc))?;
    let project = ProjectBuilder::<SolcCompiler>::new(ConfigurableArtifacts::default())
        .paths(paths)
        .settings(profile.compiler_settings()?)
        .offline()
        .build(SolcCompiler::Specific(solc))?;
    Ok(project)
}

/// The code of a contract that can be deployed.
fn code(name: &str, artifact: &ConfigurableContractArtifact) -> Result<Option<Code>> {
    // A library whose functions are all internal has code, but nothing to call.
    let callable = artifact.abi.as_ref().is_some_and(|abi| {
        abi.constructor.is_some() || abi.fallback.is_some() || !abi.functions.is_empty()
    });
    let creation = artifact.bytecode.as_ref().map(|code| &code.object);
    let deployed = artifact
        .deployed_bytecode
        .as_ref()
        .and_then(|code| code.bytecode.as_ref());
    let (true, Some(creation), Some(deployed)) = (callable, creation, deployed) else {
        return Ok(None);
    };
    let hexadecimal = |code: &BytecodeObject| {
        code.as_bytes()
            .map(ToString::to_string)
            .ok_or_else(|| eyre!("{name} needs a library to be linked: make it internal"))
    };
    let code = Code {
        creation: hexadecimal(creation)?,
        deployed: hexadecimal(&deployed.object)?,
    };
    Ok((code.creation != "0x").then_some(code))
}
