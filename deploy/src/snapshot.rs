//! Deployed chain states on disk: what is expensive to build is built once and loaded after that.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use alloy::primitives::{B256, Keccak256, hex};
use eyre::{Result, WrapErr as _};
use serde::{Serialize, de::DeserializeOwned};

use crate::{Anvil, AnvilOptions, Mining};

/// What a state was built from. Two states with the same key are interchangeable.
#[derive(Clone, Debug, Default)]
pub struct Key(Keccak256);

impl Key {
    /// A key that knows nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an ingredient: bytecode, or a parameter in any unambiguous encoding.
    #[must_use]
    pub fn with(mut self, ingredient: impl AsRef<[u8]>) -> Self {
        let bytes = ingredient.as_ref();
        self.0.update((bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
        self
    }

    fn digest(self, options: &AnvilOptions) -> B256 {
        self.with(options.chain_id.to_be_bytes())
            .with(options.hardfork.name())
            .with(options.first_block.to_be_bytes())
            .with(options.gas_limit.to_be_bytes())
            .0
            .finalize()
    }
}

/// Starts a chain in the state that `build` makes, and returns what `build` returned.
///
/// `build` gets an empty chain with a block for every transaction; it runs only where `folder` has
/// no state for `key` yet. Processes that ask at the same time build once. A chain that starts from
/// a state makes the same sequence of RANDAO values each time: use a fresh one where the seed must
/// be a surprise.
///
/// # Errors
/// Those of `build`, and when files or anvil fail.
pub async fn load_or_build<T>(
    folder: &Path,
    key: Key,
    options: &AnvilOptions,
    build: impl AsyncFnOnce(&Anvil) -> Result<T>,
) -> Result<(Anvil, T)>
where
    T: Serialize + DeserializeOwned,
{
    let files = Files::new(folder, &hex::encode(key.digest(options)));
    if !files.complete() {
        std::fs::create_dir_all(folder).wrap_err_with(|| folder.display().to_string())?;
        let _lock = lock(files.lock.clone()).await?;
        if !files.complete() {
            let blank = AnvilOptions {
                mining: Mining::Auto,
                state: None,
                port: 0,
                log: None,
                ..options.clone()
            };
            let anvil = Anvil::start(&blank).await?;
            let value = build(&anvil).await?;
            files.write(&anvil, &value).await?;
        }
    }
    let text = std::fs::read(&files.value).wrap_err_with(|| files.value.display().to_string())?;
    let value =
        serde_json::from_slice(&text).wrap_err_with(|| files.value.display().to_string())?;
    let options = AnvilOptions {
        state: Some(files.state),
        ..options.clone()
    };
    Ok((Anvil::start(&options).await?, value))
}

/// The files of one state.
struct Files {
    state: PathBuf,
    value: PathBuf,
    lock: PathBuf,
}

impl Files {
    fn new(folder: &Path, name: &str) -> Self {
        let file = |extension: &str| folder.join(name).with_extension(extension);
        Self {
            state: file("anvil"),
            value: file("json"),
            lock: file("lock"),
        }
    }

    /// The value is written last, so it says that the state is whole.
    fn complete(&self) -> bool {
        self.value.is_file()
    }

    async fn write<T: Serialize>(&self, anvil: &Anvil, value: &T) -> Result<()> {
        put(&self.state, &anvil.dump_state().await?)?;
        put(&self.value, &serde_json::to_vec_pretty(value)?)
    }
}

/// Writes a file in one step.
fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    let part = path.with_extension("part");
    std::fs::write(&part, bytes).wrap_err_with(|| part.display().to_string())?;
    std::fs::rename(&part, path).wrap_err_with(|| path.display().to_string())
}

/// Waits until no other process builds this state. The lock ends with the file handle.
async fn lock(path: PathBuf) -> Result<File> {
    let locked = tokio::task::spawn_blocking(move || {
        let file = File::create(&path).wrap_err_with(|| path.display().to_string())?;
        file.lock().wrap_err_with(|| path.display().to_string())?;
        Ok(file)
    });
    locked.await.wrap_err("the wait for a lock was cancelled")?
}
