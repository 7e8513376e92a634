//! Set-up: everything that the project needs and the user's machine lacks, in `.tools`.
//!
//! Each part is pinned by a lock file and made again only when what it is made from changes.
//! A part is built in a folder of its own and moved into place when it is whole, so that
//! an interrupted set-up leaves nothing half-made behind.

mod aarch64;
mod analysis;
pub mod contracts;
mod eigenlayer;
mod evaluators;
mod libtorch;
pub mod models;
mod npm;
mod prerequisites;
mod python;

use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
    thread,
    time::Instant,
};

use eyre::{Result, WrapErr as _, eyre};

use crate::{checkout::Checkout, digest};

/// What `cargo xtask setup` does.
pub struct Setup<'a> {
    checkout: &'a Checkout,
}

impl<'a> Setup<'a> {
    /// Set-up of `checkout`.
    pub fn new(checkout: &'a Checkout) -> Self {
        Self { checkout }
    }

    /// Makes whatever is missing or out of date.
    pub fn run(&self) -> Result<()> {
        let start = Instant::now();
        let _lock = self.lock()?;
        self.install()?;
        evaluators::build(self)?;
        contracts::build(self, contracts::Abi::Leave)?;
        say(&format!("ready in {:.1} s", start.elapsed().as_secs_f64()));
        Ok(())
    }

    /// As [`run`](Self::run), then tries to install what one test needs that is skipped without.
    pub fn run_for_tests(&self) -> Result<()> {
        self.run()?;
        aarch64::try_to_install();
        Ok(())
    }

    /// Installs other people's programs and libraries alone.
    pub fn tools(&self) -> Result<()> {
        let _lock = self.lock()?;
        self.install()
    }

    /// Installs what importing models in Python and its tests need.
    pub fn models(&self) -> Result<()> {
        let _lock = self.lock()?;
        models::install(self)
    }

    /// Installs what examines the contracts.
    pub fn analysis(&self) -> Result<()> {
        let _lock = self.lock()?;
        analysis::install(self)
    }

    /// Compiles the contracts.
    pub fn contracts(&self, abi: contracts::Abi) -> Result<()> {
        let _lock = self.lock()?;
        contracts::build(self, abi)
    }

    fn install(&self) -> Result<()> {
        prerequisites::check()?;
        // Downloads wait for the network, not for the processor: all at once.
        thread::scope(|scope| {
            let parts = [
                scope.spawn(|| libtorch::install(self)),
                scope.spawn(|| npm::install(self)),
                scope.spawn(|| eigenlayer::extract(self)),
                scope.spawn(|| python::install_componentize(self)),
                scope.spawn(|| python::install_zig(self)),
            ];
            parts
                .map(|part| part.join().expect("set-up does not panic"))
                .into_iter()
                .collect()
        })
    }

    /// Keeps other set-ups of this checkout out until the file is closed.
    fn lock(&self) -> Result<File> {
        let path = self.checkout.tools("lock");
        fs::create_dir_all(self.checkout.tools("stamps"))
            .wrap_err_with(|| path.display().to_string())?;
        let file = File::create(&path).wrap_err_with(|| path.display().to_string())?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                say("waiting for another set-up of this checkout");
                file.lock().wrap_err_with(|| path.display().to_string())?;
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).wrap_err_with(|| path.display().to_string());
            }
        }
        Ok(file)
    }

    /// Runs `make` unless `name` was made from the same inputs before and `result` is there.
    fn part(&self, part: &Part<'_>, make: impl FnOnce() -> Result<()>) -> Result<()> {
        let digest = digest::of(self.checkout.root(), part.words, &part.inputs)?;
        let stamp = self.checkout.tools("stamps").join(part.name);
        if part.result.exists() && fs::read_to_string(&stamp).is_ok_and(|made| made == digest) {
            return Ok(());
        }
        let start = Instant::now();
        say(&format!("{}: {}", part.name, part.doing));
        make().wrap_err_with(|| part.name.to_owned())?;
        fs::write(&stamp, digest).wrap_err_with(|| stamp.display().to_string())?;
        say(&format!(
            "{}: done in {:.1} s",
            part.name,
            start.elapsed().as_secs_f64()
        ));
        Ok(())
    }
}

/// One piece of set-up.
struct Part<'a> {
    /// Its name, in messages and as the name of its stamp.
    name: &'a str,
    /// What the user waits for.
    doing: &'a str,
    /// What decides its content, other than files.
    words: &'a [&'a str],
    /// Files and folders that decide its content.
    inputs: Vec<PathBuf>,
    /// What is there afterwards.
    result: PathBuf,
}

fn say(line: &str) {
    eprintln!("set-up: {line}");
}

/// An empty folder beside `target`, to be moved there when it is whole.
fn workshop(target: &Path) -> Result<PathBuf> {
    let name = target
        .file_name()
        .ok_or_else(|| eyre!("{} has no name", target.display()))?;
    let folder = target.with_file_name(format!("{}.part", name.to_string_lossy()));
    remove(&folder)?;
    fs::create_dir_all(&folder).wrap_err_with(|| folder.display().to_string())?;
    Ok(folder)
}

/// Puts a finished folder in the place of an older one.
fn replace(target: &Path, finished: &Path) -> Result<()> {
    remove(target)?;
    fs::rename(finished, target).wrap_err_with(|| target.display().to_string())
}

/// Removes a file, a link or a folder, if there is one.
fn remove(path: &Path) -> Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(_) => return Ok(()),
    };
    removed.wrap_err_with(|| path.display().to_string())
}

/// Makes `link` lead to `target`, which may be relative to the link's folder.
fn link(target: &Path, link: &Path) -> Result<()> {
    if fs::read_link(link).is_ok_and(|now| now == target) {
        return Ok(());
    }
    remove(link)?;
    std::os::unix::fs::symlink(target, link).wrap_err_with(|| link.display().to_string())
}
