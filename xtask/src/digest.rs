//! Digests of files: what a piece of set-up was made from.

use std::{
    fs,
    path::{Path, PathBuf},
};

use eyre::{Result, WrapErr as _};
use sha2::{Digest as _, Sha256};

/// The SHA-256 digest, in hexadecimal, of `words` and of the files at `paths`.
///
/// A folder stands for every file below it. File names count relative to `root`, so that the
/// digest is the same wherever the checkout lies.
pub fn of(root: &Path, words: &[&str], paths: &[PathBuf]) -> Result<String> {
    let mut files = Vec::new();
    for path in paths {
        collect(path, &mut files)?;
    }
    files.sort();
    let mut hasher = Sha256::new();
    let mut field = |bytes: &[u8]| {
        hasher.update((bytes.len() as u64).to_be_bytes());
        hasher.update(bytes);
    };
    for word in words {
        field(word.as_bytes());
    }
    for file in files {
        let name = file.strip_prefix(root).unwrap_or(&file);
        field(name.as_os_str().as_encoded_bytes());
        field(&fs::read(&file).wrap_err_with(|| file.display().to_string())?);
    }
    Ok(hasher
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in path
        .read_dir()
        .wrap_err_with(|| path.display().to_string())?
    {
        let entry = entry?.path();
        if entry.file_name().is_some_and(|name| name != "__pycache__") {
            collect(&entry, files)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depends_on_words_names_and_contents_alone() -> Result<()> {
        let root = std::env::temp_dir().join(format!("xtask-digest-{}", std::process::id()));
        let write = |checkout: &str, name: &str, text: &str| -> Result<()> {
            let path = root.join(checkout).join(name);
            fs::create_dir_all(path.parent().expect("a file has a folder"))?;
            Ok(fs::write(path, text)?)
        };
        for checkout in ["here", "there"] {
            write(checkout, "src/a", "one")?;
            write(checkout, "src/b/c", "two")?;
        }
        let digest = |checkout: &str, words: &[&str]| {
            let folder = root.join(checkout);
            of(&folder, words, &[folder.join("src")])
        };
        let before = digest("here", &["1.0"])?;
        assert_eq!(before, digest("there", &["1.0"])?);
        assert_ne!(before, digest("here", &["1.", "0"])?);
        write("there", "src/b/__pycache__/c.pyc", "cache")?;
        assert_eq!(before, digest("there", &["1.0"])?);
        write("there", "src/b/c", "three")?;
        assert_ne!(before, digest("there", &["1.0"])?);
        Ok(fs::remove_dir_all(root)?)
    }
}
